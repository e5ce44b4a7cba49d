"""Labels that routes, mutes and runbooks name: a misspelt one is no fault in itself, and fits no alert for ever."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from healthmgr.definitions.composing import Location
from healthmgr.definitions.faults import did_you_mean, shown
from healthmgr.definitions.known import Known
from healthmgr.domain.check import Severity
from healthmgr.domain.matcher import Matcher, Operator
from healthmgr.domain.routing_tree import ALL_LABELS, Route

ALERT_LABELS = ("check", "service", "category", "severity", "location", "origin")

_ALIKE = 0.8  # alerts that come from elsewhere have labels of their own: only what is nearly ours is spoken of


def warn_of_labels(known: Known) -> None:
    """Warn of labels that look like misspelt ones of ours, of unknown severities and of checks that there are not."""
    labels = _labels(known)
    for name, place in _named(known):
        if name not in labels and name != ALL_LABELS:
            near = difflib.get_close_matches(name.lower(), labels, n=1, cutoff=_ALIKE)
            if near:
                known.warn(f"no check has a label {shown(name)}; did you mean {near[0]!r}?", *place)
    for matcher, place in _demanded(known):
        if matcher.operator is not Operator.EQUAL or not matcher.value:
            continue
        if matcher.name == "severity" and matcher.value not in set(Severity):
            hint = did_you_mean(matcher.value, [severity.value for severity in Severity])
            known.warn(f"{shown(matcher.value)} is no severity of ours{hint}", *place)
        elif matcher.name == "check" and known.others is not None and not known.is_known("checks", matcher.value):
            hint = did_you_mean(matcher.value, {*known.draft.declared["checks"], *known.others.checks})
            known.warn(f"there is no check {shown(matcher.value)}{hint}", *place)


def _labels(known: Known) -> set[str]:
    checks = list(known.draft.checks.values())
    if known.others is not None:
        checks += [stored.definition for stored in known.others.checks.values()]
    return {*ALERT_LABELS, *(label for check in checks for label in check.labels)}


def _named(known: Known) -> Iterator[tuple[str, Location]]:
    for matcher, place in _demanded(known):
        yield matcher.name, place
    for route, where in _routes(known):
        for label in route.options.group_by or ():
            yield label, (*where, "group_by")
    for name, inhibition in known.draft.inhibitions.items():
        for label in inhibition.equal:
            yield label, ("inhibitions", name, "equal")
    for name, definition in known.draft.runbooks.items():
        for label in definition.runbook.rails.blast_radius.by:
            yield label, ("runbooks", name, "limits", "blast_radius", "by")


def _demanded(known: Known) -> Iterator[tuple[Matcher, Location]]:
    draft = known.draft
    for route, where in _routes(known):
        yield from _each(route.matchers, (*where, "matchers"))
    for name, window in draft.maintenance.items():
        yield from _each(window.matchers, ("maintenance", name, "matchers"))
    for name, inhibition in draft.inhibitions.items():
        yield from _each(inhibition.source_matchers, ("inhibitions", name, "source"))
        yield from _each(inhibition.target_matchers, ("inhibitions", name, "target"))
    for name, definition in draft.runbooks.items():
        yield from _each(definition.runbook.trigger.matchers, ("runbooks", name, "trigger", "match"))


def _each(matchers: Iterable[Matcher], place: Location) -> Iterator[tuple[Matcher, Location]]:
    return ((matcher, place) for matcher in matchers)


def _routes(known: Known) -> Iterator[tuple[Route, Location]]:
    waiting: list[tuple[tuple[str, ...], Route]] = [
        ((name,), definition.route) for name, definition in known.draft.routes.items()
    ]
    while waiting:
        path, route = waiting.pop(0)
        yield route, known.draft.places[path]
        waiting += [((*path, child.name), child) for child in route.routes]
