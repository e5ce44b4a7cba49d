"""Shifts as a calendar that others subscribe to: an iCalendar text (RFC 5545) of a schedule, or of a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from icalendar import Calendar, Event

from healthmgr.domain.schedule import FixedShift

REFRESHED_EVERY = timedelta(minutes=15)
_MAKER = "-//healthmgr//on-call//EN"


def schedule_calendar(schedule: str, shifts: Iterable[FixedShift], now: datetime) -> str:
    """The shifts of a schedule, each under its person's name; read_calendar makes the same shifts of it.

    Times are told to the second, in UTC. An event keeps its UID as long as its person and beginning stay. `now` is
    when the text is made.
    """
    return _written(f"On call: {schedule}", [(schedule, shift.person, shift) for shift in shifts], now)


def person_calendar(person: str, schedules: Mapping[str, Sequence[FixedShift]], now: datetime) -> str:
    """A person's shifts in all schedules (by their names), each under the schedule's; those of others are left out."""
    entries = [
        (schedule, f"On call: {schedule}", shift)
        for schedule, shifts in schedules.items()
        for shift in shifts
        if shift.person == person
    ]
    return _written(f"{person} on call", entries, now)


def _written(title: str, entries: Iterable[tuple[str, str, FixedShift]], now: datetime) -> str:
    calendar = Calendar()
    calendar.add("PRODID", _MAKER)
    calendar.add("VERSION", "2.0")
    calendar.add("METHOD", "PUBLISH")
    calendar.add("X-WR-CALNAME", title)
    calendar.add("REFRESH-INTERVAL", REFRESHED_EVERY, parameters={"VALUE": "DURATION"})
    calendar.add("X-PUBLISHED-TTL", "PT15M")  # what Outlook reads instead
    for schedule, summary, shift in entries:
        starts_at, ends_at = _to_the_second(shift.starts_at), _to_the_second(shift.ends_at)
        if starts_at == ends_at:
            continue  # less than a second: a calendar has no place for it
        event = Event()
        event.add("UID", _uid(schedule, shift))
        event.add("DTSTAMP", _to_the_second(now))
        event.add("DTSTART", starts_at)
        event.add("DTEND", ends_at)
        event.add("SUMMARY", summary)
        calendar.add_component(event)
    return str(calendar.to_ical(), "utf-8")


def _uid(schedule: str, shift: FixedShift) -> str:
    """The same each time that the text is made, and of a person or schedule it gives nothing away."""
    said = "\0".join((schedule, shift.person, _to_the_second(shift.starts_at).isoformat()))
    return f"{sha256(said.encode()).hexdigest()[:32]}@healthmgr"


def _to_the_second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)
