"""Reads the routing tree: the short form by severity, the routes with a place of their own, the catch-all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from healthmgr.definitions.composing import Location
from healthmgr.definitions.definition import MOST_ROUTES, POSITIONS, RouteDefinition
from healthmgr.definitions.draft import Draft
from healthmgr.definitions.faults import did_you_mean, shown
from healthmgr.definitions.models import NAME, NAME_RULE
from healthmgr.definitions.models_alerting import BranchEntry, RouteEntry
from healthmgr.domain.matcher import Matcher, Operator, parse_matchers
from healthmgr.domain.routing_tree import ROOT, Options, Route

ROUTES = "routes"

_KEYS = (*POSITIONS, ROUTES)
_LONGEST_NAME = 63
_OPERATORS: Mapping[Operator, str] = {Operator.NOT_EQUAL: "not-", Operator.NOT_REGEX: "not-"}

# What only makes sense below the root, and what to write instead.
_NOT_AT_THE_ROOT: Mapping[str, str] = {
    "matchers": "the catch-all takes whatever no other route does: write a route of its own under routing.routes",
    "continues": "nothing comes after the catch-all",
    "routes": "all routes lie below the catch-all: write them under routing.routes",
    "mute_during": "the catch-all is never mute: write a route of its own under routing.routes",
    "active_during": "the catch-all is never mute: write a route of its own under routing.routes",
}


def read_routing(draft: Draft) -> None:
    """Read the section `routing` into the draft; what is wrong is said there."""
    section = draft.document.at(("routing",))
    if not isinstance(section, dict):
        return
    reading = _RouteReading(draft)
    for key in section:
        if key not in _KEYS:
            draft.say(f"is no severity{did_you_mean(key, _KEYS)}", "routing", key)
    for key, entry in section.items():
        if key in POSITIONS:
            reading.read_short(key, entry)
    reading.read_own(section.get(ROUTES))


class _RouteReading:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def read_short(self, name: str, entry: Any) -> None:
        """A severity's short form, or the catch-all."""
        place: Location = ("routing", name)
        self._draft.declared["routing"].add(name)
        self._draft.places[(name,)] = place
        found, faulty = self._draft.judge(RouteEntry, entry, place)
        if found is None:
            return
        if name == ROOT:
            self._judge_root(found, faulty, place)
            found = found.model_copy(update={field: [] for field in ("matchers", "routes")})
        own = () if name == ROOT else (Matcher("severity", Operator.EQUAL, name),)
        route = self._route(name, found, faulty, place, (name,), own)
        self._draft.routes[name] = RouteDefinition(route, POSITIONS[name])

    def read_own(self, entries: Any) -> None:
        """The routes under routing.routes."""
        place: Location = ("routing", ROUTES)
        if entries is None:
            return
        if isinstance(entries, list) and len(entries) > MOST_ROUTES:
            self._draft.say(f"holds {len(entries)} routes, {MOST_ROUTES} are allowed: nest them", *place)
            return
        routes = self._branches(entries, place, (), set(POSITIONS))
        for position, route in enumerate(routes):
            self._draft.declared["routing"].add(route.name)
            self._draft.routes[route.name] = RouteDefinition(route, position)

    def _branches(self, entries: Any, place: Location, above: tuple[str, ...], taken: set[str]) -> tuple[Route, ...]:
        if not isinstance(entries, list):
            self._draft.say(f"expected a list of routes, found {shown(entries)}", *place)
            return ()
        read = []
        for index, entry in enumerate(entries):
            where = (*place, index)
            branch, faulty = self._draft.judge(BranchEntry, entry, where)
            if branch is not None:
                name = self._name(branch, taken, where)
                taken.add(name)
                self._draft.places[(*above, name)] = where
                read.append(self._route(name, branch, faulty, where, (*above, name)))
        return tuple(read)

    def _name(self, branch: BranchEntry, taken: set[str], place: Location) -> str:
        if not branch.name:
            return derived_name(_matchers(branch), branch.receiver or "-".join(branch.to), taken)
        if not NAME.fullmatch(branch.name):
            self._draft.say(f"{NAME_RULE}, found {shown(branch.name)}", *place, "name")
        elif branch.name in taken:
            what = "means the severity's own route" if branch.name in POSITIONS else "is another route's"
            self._draft.say(f"{shown(branch.name)} {what}: choose another name", *place, "name")
        return branch.name

    def _route(
        self,
        name: str,
        entry: RouteEntry,
        faulty: frozenset[str],
        place: Location,
        path: tuple[str, ...],
        own: tuple[Matcher, ...] = (),
    ) -> Route:
        self._judge_told(entry, faulty, place)
        for field in ("mute_during", "active_during"):
            if field in entry.model_fields_set and not getattr(entry, field) and field not in faulty:
                self._draft.say("is empty: name time windows, or leave it out", *place, field)
        return Route(
            name=name,
            matchers=tuple(dict.fromkeys((*own, *_matchers(entry)))),
            continues=entry.continues or "matchers" in faulty,  # with a matcher missing, nobody knows what it takes
            receiver=entry.receiver,
            to=tuple(entry.to),
            via=tuple(entry.via),
            escalation=entry.escalation,
            options=_options(entry),
            mute_during=tuple(entry.mute_during),
            active_during=tuple(entry.active_during),
            routes=self._branches(entry.routes, (*place, ROUTES), path, set()),
        )

    def _judge_root(self, root: RouteEntry, faulty: frozenset[str], place: Location) -> None:
        for field, message in _NOT_AT_THE_ROOT.items():
            if getattr(root, field):
                self._draft.say(message, *place, "continue" if field == "continues" else field)
        said = {"to", "via", "receiver"} & (root.model_fields_set | faulty)
        if not said:
            self._draft.say("reaches nobody: say `to` and `via`, or a `receiver`", *place)

    def _judge_told(self, entry: RouteEntry, faulty: frozenset[str], place: Location) -> None:
        """Whom a route tells is said as a receiver, or as recipients and channels, or not at all."""
        said = entry.model_fields_set | faulty
        if "receiver" in said and {"to", "via"} & said:
            self._draft.say("says who is told, as `to` and `via` do: keep one of them", *place, "receiver")
            return
        if {"to", "via"} & said:
            for field, names in (("to", entry.to), ("via", entry.via)):
                if field not in said:
                    self._draft.say("is required", *place, field)
                elif not names and field not in faulty:
                    self._draft.say("is empty, so this route reaches nobody", *place, field)


def derived_name(matchers: Iterable[Matcher], told: str, taken: set[str]) -> str:
    """A name for a route that was given none: of its matchers, else of whom it tells; unlike those that are taken."""
    words = [f"{m.name}-{_OPERATORS.get(m.operator, '')}{m.value}" for m in matchers]
    text = re.sub(r"[^a-z0-9]+", "-", "-".join(words or [told or "all"]).lower()).strip("-") or "route"
    if len(text) > _LONGEST_NAME - 4:  # with room for a number
        digest = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
        text = f"{text[: _LONGEST_NAME - 13]}-{digest}"
    numbered = (f"{text}-{number}" for number in range(2, len(taken) + 3))
    return text if text not in taken else next(name for name in numbered if name not in taken)


def _matchers(entry: RouteEntry) -> tuple[Matcher, ...]:
    return tuple(matcher for text in entry.matchers for matcher in parse_matchers(text))


def _options(entry: RouteEntry) -> Options:
    group_by = None if entry.group_by is None else tuple(entry.group_by)
    return Options(group_by, entry.group_wait, entry.group_interval, entry.repeat_interval)
