"""Our alerts, routes and receivers as Alertmanager's API tells of them, so that its tools can be used with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from healthmgr.domain.check import Severity
from healthmgr.domain.directory import Directory
from healthmgr.domain.incident import all_labels
from healthmgr.domain.matcher import match_all
from healthmgr.domain.muting import Mutes, Subject
from healthmgr.domain.routing_tree import Route, inherit

RESOLVE_TIMEOUT = timedelta(minutes=5)  # how long an alert lasts whose sender does not say

_FNV_OFFSET = 14695981039346656037
_FNV_PRIME = 1099511628211
_SEPARATOR = b"\xff"


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An open alert, of a check or of a door. `suppressed_by_id` is its root cause's."""

    id: UUID
    check_id: UUID | None
    origin: str
    labels: Mapping[str, str]
    severity: Severity
    summary: str
    annotations: Mapping[str, str]
    source_url: str
    started_at: datetime
    updated_at: datetime
    ends_at: datetime | None
    suppressed_by_id: UUID | None = None

    @property
    def told_labels(self) -> dict[str, str]:
        """Its labels as they are matched, but for where it came from, which its sender never said."""
        return {**self.labels, "severity": self.severity.value}

    @property
    def subject(self) -> Subject:
        """The alert as mutes and routes see it."""
        return Subject(self.id, all_labels(self.labels, self.severity, self.origin), self.check_id)

    @property
    def fingerprint(self) -> str:
        """The identity that Alertmanager would give it, by the labels as they were sent."""
        return label_fingerprint(self.labels)


@dataclass(frozen=True, slots=True)
class Quiet:
    """What keeps an alert from being told: ids of silences, fingerprints of alerts, names of windows."""

    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    muted_by: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """`active` or `suppressed`; no alert is unprocessed here, for each is judged in the commit that opens it."""
        return "suppressed" if self.silenced_by or self.inhibited_by or self.muted_by else "active"


@dataclass(frozen=True, slots=True)
class Board:
    """All open alerts at one instant, with the routes and mutes that hold then.

    `closed` are the routes that hold their peace.
    """

    alerts: Sequence[OpenAlert]
    directory: Directory
    mutes: Mutes
    closed: frozenset[str] = frozenset()
    _fingerprints: dict[UUID, str] = field(default_factory=dict)

    def receivers(self, alert: OpenAlert) -> list[str]:
        """Who is told of it, in the order of the routes."""
        matches = self.directory.matches(alert.subject.labels)
        return list(dict.fromkeys(receiver_name(match.route) for match in matches))

    def quiet(self, alert: OpenAlert) -> Quiet:
        """What keeps it from being told now."""
        subject = alert.subject
        silences = [str(s.id) for s in self.mutes.silences if match_all(s.matchers, subject.labels)]
        sources = [rule.inhibitor(subject, self.mutes.firing) for rule in self.mutes.inhibitions]
        roots = [*(source.id for source in sources if source is not None), alert.suppressed_by_id]
        windows = [
            window.name
            for window in self.mutes.maintenance
            if alert.check_id in window.covered or match_all(window.matchers, subject.labels)
        ]
        routes = [match.name for match in self.directory.matches(subject.labels)]
        hours = routes if self.closed.issuperset(routes) else []
        return Quiet(tuple(silences), tuple(self._fingerprints_of(roots)), (*windows, *hours))

    def _fingerprints_of(self, ids: Iterable[UUID | None]) -> list[str]:
        if not self._fingerprints:
            self._fingerprints.update({alert.id: alert.fingerprint for alert in self.alerts})
        return list(dict.fromkeys(self._fingerprints[i] for i in ids if i in self._fingerprints))


def label_fingerprint(labels: Mapping[str, str]) -> str:
    """The identity of a set of labels: FNV-1a over them in their order, 64 bits in hex (model.LabelSet.Fingerprint)."""
    total = _FNV_OFFSET
    for name in sorted(labels, key=str.encode):
        for byte in name.encode() + _SEPARATOR + labels[name].encode() + _SEPARATOR:
            total = ((total ^ byte) * _FNV_PRIME) & 0xFFFF_FFFF_FFFF_FFFF
    return f"{total:016x}"


def receiver_name(route: Route) -> str:
    """What a route's receiver is called; one that it does not name is called by whom it tells and how."""
    if route.receiver:
        return route.receiver
    return f"{'+'.join(route.to)} via {'+'.join(route.via)}" if route.to else route.name


def receiver_names(directory: Directory) -> list[str]:
    """All receivers, whether a route leads to them or not."""
    used = (receiver_name(route) for route in _routes(directory.root))
    return sorted({*directory.receivers, *used})


def configuration(directory: Directory) -> dict[str, Any]:
    """The tree as a configuration of Alertmanager's: enough for its tools to draw it and to walk it."""
    root = directory.root
    return {
        "global": {"resolve_timeout": _length(RESOLVE_TIMEOUT)},
        "route": {key: value for key, value in _route(root).items() if key not in ("matchers", "continue")},
        "receivers": [{"name": name} for name in receiver_names(directory)],
    }


def _route(route: Route) -> dict[str, Any]:
    """A route and those below it, with what they inherit filled in."""
    options = route.options
    lengths = {"group_wait": options.group_wait, "group_interval": options.group_interval}
    lengths["repeat_interval"] = options.repeat_interval
    document: dict[str, Any] = {"receiver": receiver_name(route)}
    if options.group_by is not None:
        document["group_by"] = list(options.group_by)
    document |= {"matchers": [str(matcher) for matcher in route.matchers], "continue": route.continues}
    document |= {name: _length(value) for name, value in lengths.items() if value is not None}
    if route.routes:
        document["routes"] = [_route(inherit(child, route)) for child in route.routes]
    return document


def _routes(route: Route) -> Iterator[Route]:
    yield route
    for child in route.routes:
        yield from _routes(inherit(child, route))


def _length(length: timedelta) -> str:
    """As Prometheus writes it, in one unit."""
    milliseconds = length // timedelta(milliseconds=1)
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"
