"""The routing tree: which receivers an alert's labels lead to, and how patiently.

The walk is Alertmanager's (dispatch/route.go): depth first, a child that matches wins unless it continues, a node
none of whose children match is itself the match, and options are inherited. One thing is different: an alert is
in one incident, that of the match that ended the walk; those before it, which continue, are told of that incident.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from healthmgr.domain.check import Severity
from healthmgr.domain.matcher import Matcher, match_all

ROOT = "default"
ALL_LABELS = "..."  # group_by: ["..."]: every set of labels is a group of its own

GROUP_WAIT = timedelta(seconds=30)
GROUP_INTERVAL = timedelta(minutes=5)
REPEAT_INTERVAL = timedelta(hours=4)

_LONGEST_KEY = 500  # characters; a key is part of indexes


@dataclass(frozen=True, slots=True)
class Options:
    """How a group is gathered and told; None: not said here.

    `group_by` unsaid all the way up means: by service, or by check where an alert has no service.
    """

    group_by: tuple[str, ...] | None = None
    group_wait: timedelta | None = None
    group_interval: timedelta | None = None
    repeat_interval: timedelta | None = None

    def over(self, inherited: Options) -> Options:
        """These options, and where they say nothing, the inherited ones."""
        return Options(
            group_by=inherited.group_by if self.group_by is None else self.group_by,
            group_wait=inherited.group_wait if self.group_wait is None else self.group_wait,
            group_interval=self.group_interval or inherited.group_interval,
            repeat_interval=self.repeat_interval or inherited.repeat_interval,
        )

    def wait(self, severity: Severity) -> timedelta:
        """How long a new alert waits for others to be told with it: nothing for a critical one, unless said."""
        if self.group_wait is not None:
            return self.group_wait
        return timedelta(0) if severity is Severity.CRITICAL else GROUP_WAIT

    @property
    def interval(self) -> timedelta:
        """How long after telling a group news of it may be told."""
        return self.group_interval or GROUP_INTERVAL

    @property
    def cadence(self) -> timedelta:
        """How often an unanswered incident is really told again.

        A group is looked at every `interval`, and told again at the first look at which strictly more than
        `repeat_interval` has passed: a multiple of the interval.
        """
        repeat, interval = self.repeat_interval or REPEAT_INTERVAL, self.interval
        return (repeat // interval + 1) * interval

    def to_document(self) -> dict[str, Any]:
        """As JSON-ready values; what is unsaid is left out."""
        lengths = {
            "group_wait": self.group_wait,
            "group_interval": self.group_interval,
            "repeat_interval": self.repeat_interval,
        }
        said: dict[str, Any] = {name: value.total_seconds() for name, value in lengths.items() if value is not None}
        return said if self.group_by is None else {"group_by": list(self.group_by), **said}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Options:
        """From what `to_document` gave."""
        lengths = {
            name: timedelta(seconds=document[name])
            for name in ("group_wait", "group_interval", "repeat_interval")
            if name in document
        }
        group_by = document.get("group_by")
        return cls(group_by=None if group_by is None else tuple(group_by), **lengths)


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the tree.

    It tells a `receiver` by name, or the recipients `to` over the channels `via`, or whom an `escalation` policy
    names, or both; with none of them, whom its parent tells. `mute_during` and `active_during` name time windows in
    which, and outside which, it holds its peace.
    """

    name: str
    matchers: tuple[Matcher, ...] = ()
    continues: bool = False
    receiver: str = ""
    to: tuple[str, ...] = ()
    via: tuple[str, ...] = ()
    escalation: str = ""
    options: Options = Options()
    mute_during: tuple[str, ...] = ()
    active_during: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()

    @property
    def tells_somebody(self) -> bool:
        """Whether it says itself who is told."""
        return bool(self.receiver or self.to or self.escalation)

    def to_document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "name": self.name,
            "matchers": [matcher.to_document() for matcher in self.matchers],
            "continues": self.continues,
            "receiver": self.receiver,
            "to": list(self.to),
            "via": list(self.via),
            "escalation": self.escalation,
            "options": self.options.to_document(),
            "mute_during": list(self.mute_during),
            "active_during": list(self.active_during),
            "routes": [route.to_document() for route in self.routes],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Route:
        """From what `to_document` gave."""
        return cls(
            name=document["name"],
            matchers=tuple(Matcher.from_document(each) for each in document["matchers"]),
            continues=document["continues"],
            receiver=document["receiver"],
            to=tuple(document["to"]),
            via=tuple(document["via"]),
            escalation=document.get("escalation", ""),  # unknown to documents of before
            options=Options.from_document(document["options"]),
            mute_during=tuple(document["mute_during"]),
            active_during=tuple(document["active_during"]),
            routes=tuple(cls.from_document(each) for each in document["routes"]),
        )


@dataclass(frozen=True, slots=True)
class Match:
    """A route that an alert ends at: the names from the root on, with all that it inherits filled in."""

    path: tuple[str, ...]
    route: Route

    @property
    def name(self) -> str:
        """The route in words, such as "default/payments/critical"."""
        return "/".join(self.path)


def walk(root: Route, labels: Mapping[str, str]) -> tuple[Match, ...]:
    """The routes of an alert with these labels (its severity among them), in their order; the last one decides.

    The root matches everything, whatever its matchers, so that there is always a match.
    """
    return tuple(_walk(replace(root, matchers=()), (), labels))


def _walk(route: Route, above: tuple[str, ...], labels: Mapping[str, str]) -> Iterator[Match]:
    path = (*above, route.name)
    has_matched = False
    for child in route.routes:
        if not match_all(child.matchers, labels):
            continue
        has_matched = True
        yield from _walk(inherit(child, route), path, labels)
        if not child.continues:
            break
    if not has_matched:
        yield Match(path, route)


def inherit(child: Route, parent: Route) -> Route:
    """The child with what it leaves unsaid taken from its parent; time windows are its own alone."""
    told = child if child.tells_somebody else parent
    return replace(
        child,
        receiver=told.receiver,
        to=told.to,
        via=told.via,
        escalation=told.escalation,
        options=child.options.over(parent.options),
    )


def group_labels(match: Match, labels: Mapping[str, str]) -> dict[str, str]:
    """The labels by which an alert is grouped at a route: a missing one is as good as an empty one."""
    group_by = match.route.options.group_by
    if group_by is None:
        name = "service" if labels.get("service") else "check"
        return {name: labels.get(name, "")}
    if ALL_LABELS in group_by:
        return dict(labels)
    return {name: labels.get(name, "") for name in group_by}


def group_key(match: Match, labels: Mapping[str, str]) -> str:
    """The group that an alert is told with, as a text: the route, and the labels that it groups by."""
    pairs = sorted(group_labels(match, labels).items())
    text = f"{match.name}:" + ",".join(f"{name}={_quoted(value)}" for name, value in pairs)
    if len(text) <= _LONGEST_KEY:
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{text[:_LONGEST_KEY]}...{digest}"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if not value.replace("-", "").replace("_", "").isalnum() else value


def every_route(root: Route) -> Iterator[Match]:
    """All routes below the root with what they inherit filled in, each before those below it."""
    return _below(root, (root.name,))


def _below(parent: Route, path: tuple[str, ...]) -> Iterator[Match]:
    for child in parent.routes:
        route = inherit(child, parent)
        yield Match((*path, route.name), route)
        yield from _below(route, (*path, route.name))
