"""Reads what keeps alerts from people: time windows, maintenance windows, inhibitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from healthmgr.definitions.composing import Location
from healthmgr.definitions.definition import InhibitionDefinition, MaintenanceDefinition, TimeWindowDefinition
from healthmgr.definitions.draft import Draft
from healthmgr.definitions.faults import shown
from healthmgr.definitions.models_alerting import InhibitionEntry, MaintenanceEntry
from healthmgr.definitions.reading_oncall import say_at_field
from healthmgr.domain import maintenance
from healthmgr.domain.matcher import Matcher, parse_matchers
from healthmgr.domain.timewindow import TimeInterval, parse_time_interval

TIME_WINDOWS, MAINTENANCE, INHIBITIONS = "time_windows", "maintenance", "inhibitions"
MUTES = (TIME_WINDOWS, MAINTENANCE, INHIBITIONS)

_WHEN = ("starts_at", "ends_at", "cron", "rrule", "dtstart", "duration", "timezone")
_DURING, _INTERVALS = "during", "time_intervals"  # as it is written, and as the domain calls it


def read_mute(draft: Draft, section: str, name: str, entry: Any) -> None:
    """Read an entry of one of the sections into the draft; what is wrong is said there."""
    if section == TIME_WINDOWS:
        _read_time_window(draft, name, entry)
    elif section == MAINTENANCE:
        _read_maintenance(draft, name, entry)
    else:
        _read_inhibition(draft, name, entry)


def _read_time_window(draft: Draft, name: str, entry: Any) -> None:
    place: Location = (TIME_WINDOWS, name)
    intervals = tuple(_intervals(draft, entry, place))
    if intervals:
        draft.time_windows[name] = TimeWindowDefinition(name, intervals)


def _intervals(draft: Draft, entry: Any, place: Location) -> Iterator[TimeInterval]:
    """The intervals of a list, or of the one that stands alone; each fault is said at its field."""
    listed = entry if isinstance(entry, list) else [entry]
    if not listed:
        draft.say("holds no time: write intervals such as {weekdays: ['saturday:sunday']}", *place)
    for index, one in enumerate(listed):
        where = (*place, index) if isinstance(entry, list) else place
        if not isinstance(one, Mapping) or not one:
            draft.say(f"expected an interval such as {{weekdays: ['saturday:sunday']}}, found {shown(one)}", *where)
            continue
        try:
            yield parse_time_interval(one)
        except ValueError as error:
            say_at_field(draft, str(error), one, where)


def _read_maintenance(draft: Draft, name: str, entry: Any) -> None:
    place: Location = (MAINTENANCE, name)
    found, faulty = draft.judge(MaintenanceEntry, entry, place)
    if found is None:
        return
    window = _window(draft, found, faulty, place)
    if window is not None:
        matchers = _parsed(found.matchers)
        draft.maintenance[name] = MaintenanceDefinition(name, matchers, window, found.covers_dependents, found.comment)


def _window(
    draft: Draft, entry: MaintenanceEntry, faulty: frozenset[str], place: Location
) -> maintenance.Window | None:
    document = {field: getattr(entry, field) for field in _WHEN if getattr(entry, field) is not None}
    if faulty & {*_WHEN, _DURING}:
        return None
    if entry.during is not None:
        if document:
            draft.say(f"does not go with {_DURING}: keep one of them", *place, next(iter(document)))
            return None
        intervals = list(_intervals(draft, entry.during, (*place, _DURING)))
        if not intervals or len(intervals) < len(entry.during):
            return None
        document[_INTERVALS] = [interval.to_document() for interval in intervals]
    try:
        return maintenance.from_document(document)
    except ValueError as error:
        say_at_field(draft, str(error).replace(_INTERVALS, _DURING), {**document, _DURING: ()}, place)
        return None


def _read_inhibition(draft: Draft, name: str, entry: Any) -> None:
    place: Location = (INHIBITIONS, name)
    found, faulty = draft.judge(InhibitionEntry, entry, place)
    if found is None:
        return
    source, target = _parsed(found.source), _parsed(found.target)
    for field, matchers in (("source", source), ("target", target)):
        if not matchers and field not in faulty:
            draft.say("fits every alert: name at least one label", *place, field)
    draft.inhibitions[name] = InhibitionDefinition(name, source, target, tuple(found.equal))


def _parsed(texts: list[str]) -> tuple[Matcher, ...]:
    return tuple(dict.fromkeys(matcher for text in texts for matcher in parse_matchers(text)))
