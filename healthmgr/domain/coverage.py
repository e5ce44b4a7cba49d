"""What is wrong with schedules, found ahead: times that nobody is on call, and people who are on call twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from healthmgr.domain.schedule import Absence, FixedShift, Schedule, Span, shifts_of


class FindingKind(StrEnum):
    """What was found.

    A gap is a time that a schedule gives to nobody; an empty shift one that it gives away, and then takes from
    whoever had it; a double booking has one person in several schedules at once.
    """

    GAP = "gap"
    EMPTY_SHIFT = "empty_shift"
    DOUBLE_BOOKING = "double_booking"


SEVERAL_SCHEDULES = "on_call_in_several_schedules"
ABSENCE_WORDS: Mapping[str, str] = {
    Absence.UNASSIGNED: "no layer names anybody",
    Absence.REMOVED: "overrides remove everybody",
    Absence.TEMPORARY: "a temporary schedule names nobody",
}
_KINDS: Mapping[Absence, FindingKind] = {
    Absence.UNASSIGNED: FindingKind.GAP,
    Absence.REMOVED: FindingKind.EMPTY_SHIFT,
    Absence.TEMPORARY: FindingKind.EMPTY_SHIFT,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the schedules named, from one instant up to another.

    `person` is empty where nobody is on call; `reason` is an Absence's value, or SEVERAL_SCHEDULES.
    """

    kind: FindingKind
    reason: str
    schedules: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    person: str = ""


def findings(schedules: Sequence[Schedule], begin: datetime, end: datetime) -> list[Finding]:
    """All that is wrong from `begin` to `end`, in the order in which it comes.

    Schedules are told apart by their names. Raises ValueError as Schedule.spans does.
    """
    found: list[Finding] = []
    booked: defaultdict[str, list[tuple[str, FixedShift]]] = defaultdict(list)
    for schedule in schedules:
        spans = schedule.spans(begin, end)
        found += _absences(schedule.name, spans)
        for shift in shifts_of(spans):
            booked[shift.person].append((schedule.name, shift))
    for bookings in booked.values():
        found += _double_bookings(bookings)
    return sorted(found, key=lambda one: (one.starts_at, one.schedules, one.person))


def _absences(schedule: str, spans: Sequence[Span]) -> Iterator[Finding]:
    for span in spans:
        if span.absence is not None:
            yield Finding(_KINDS[span.absence], span.absence.value, (schedule,), span.starts_at, span.ends_at)


def _double_bookings(bookings: Sequence[tuple[str, FixedShift]]) -> Iterator[Finding]:
    """When one person's shifts overlap, and in which schedules; those of one schedule never do."""
    person = bookings[0][1].person
    begins = [(shift.starts_at, name, True) for name, shift in bookings]
    ends = [(shift.ends_at, name, False) for name, shift in bookings]
    on_call_in: set[str] = set()
    since: datetime | None = None
    for at, changes in groupby(sorted([*begins, *ends]), key=lambda change: change[0]):
        if since is not None and len(on_call_in) > 1:
            names = tuple(sorted(on_call_in))
            yield Finding(FindingKind.DOUBLE_BOOKING, SEVERAL_SCHEDULES, names, since, at, person)
        for _, name, is_beginning in changes:  # of one schedule the end comes first
            (on_call_in.add if is_beginning else on_call_in.discard)(name)
        since = at
