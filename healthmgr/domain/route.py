"""Who is told what: simple routing by severity, frozen into an incident when it opens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from healthmgr.domain.check import Severity

DEFAULT = "default"


# What is waited for company where a route does not say: nothing for a critical alert.
_GROUP_WAIT = timedelta(seconds=30)


def group_wait(severity: Severity, chosen: timedelta | None) -> timedelta:
    """How long a new alert of this severity waits for others to be told with it; `chosen` is the route's own word."""
    if chosen is not None:
        return chosen
    return timedelta(0) if severity is Severity.CRITICAL else _GROUP_WAIT


@dataclass(frozen=True, slots=True)
class Target:
    """One recipient over one channel, at one address ("" where the channel is the address)."""

    recipient: str
    channel: str
    address: str


@dataclass(frozen=True, slots=True)
class Route:
    """Who is told of alerts of one severity, and how patiently."""

    targets: tuple[Target, ...]
    group_wait: timedelta | None
    repeat_interval: timedelta


@dataclass(frozen=True, slots=True)
class Plan:
    """All routes as they were when an incident opened; `default` is the catch-all that is always there."""

    by_severity: Mapping[Severity, Route]
    default: Route

    def route(self, severity: Severity) -> Route:
        """The route of a severity, or the catch-all; also when the route would reach nobody."""
        found = self.by_severity.get(severity)
        return found if found is not None and found.targets else self.default

    def to_document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        routes = {severity.value: route for severity, route in self.by_severity.items()} | {DEFAULT: self.default}
        return {name: _route_to_document(route) for name, route in routes.items()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Plan:
        """From what `to_document` gave."""
        routes = {name: _route_from_document(route) for name, route in document.items()}
        default = routes.pop(DEFAULT)
        return cls({Severity(name): route for name, route in routes.items()}, default)


def _route_to_document(route: Route) -> dict[str, Any]:
    return {
        "targets": [[t.recipient, t.channel, t.address] for t in route.targets],
        "group_wait": None if route.group_wait is None else route.group_wait.total_seconds(),
        "repeat_interval": route.repeat_interval.total_seconds(),
    }


def _route_from_document(document: Mapping[str, Any]) -> Route:
    return Route(
        targets=tuple(Target(*target) for target in document["targets"]),
        group_wait=None if document["group_wait"] is None else timedelta(seconds=document["group_wait"]),
        repeat_interval=timedelta(seconds=document["repeat_interval"]),
    )
