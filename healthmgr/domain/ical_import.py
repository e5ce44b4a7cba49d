"""Shifts out of somebody's calendar: who is on call when, as an iCalendar text (RFC 5545) says it.

An event is a shift of everybody whom its summary names; where that names nobody known, of its attendees. icalendar
reads the events and recurring_ical_events repeats them, within bounds that are checked before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from icalendar import Calendar
from recurring_ical_events import CalendarQuery

from healthmgr.domain.ical_text import essence_of
from healthmgr.domain.recurrence import RecurrenceRule
from healthmgr.domain.schedule import FixedShift
from healthmgr.domain.timewindow import instant_of

_UTC = ZoneInfo("UTC")
_Event: TypeAlias = Any  # icalendar's types allow every kind of value in every property; _settle looks what it is
MOST_SHIFTS = 20_000
MOST_STEPS = 200_000  # of all recurrence rules, from where they begin to the end of what is asked
MOST_ATTENDEES = 500  # of one event
MOST_UNKNOWN = 100
_LONGEST = timedelta(days=5 * 366)
_LONGEST_SUMMARY = 1_000
_YEARS = range(1900, 2200)  # in which an event may begin and end
_NAMELESS = "an event without a summary"
_LIST = re.compile(r"[,;/&+|\n]|\band\b", re.IGNORECASE)
_PART = re.compile(r" [-–—] |:")
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")


@dataclass(frozen=True, slots=True)
class CalendarShifts:
    """The shifts by their beginning, and whom the calendar names that is nobody known, each once."""

    shifts: tuple[FixedShift, ...]
    unknown: tuple[str, ...]


def read_calendar(
    text: str, people: Mapping[str, str], location: ZoneInfo, begin: datetime, end: datetime
) -> CalendarShifts:
    """The shifts that overlap a time (aware), whole. `people` leads from names and e-mail addresses to persons.

    `location` is whose days all-day events are, and whose clock floating times are on, unless the calendar says so
    itself. A time that the clocks skip is when they have been put forward. Cancelled occurrences are none. Raises
    ValueError that names the line or event and what is wrong with it; then nothing of the calendar holds.
    """
    reading = _Reading({name.strip().casefold(): person for name, person in people.items()}, begin, end)
    essence = essence_of(text, location)
    for uid, text_of_series in essence.events.items():
        try:
            reading.take_in(text_of_series, essence.location)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
            raise ValueError(f"event {uid[:80]!r}: {error}") from error
    shifts = sorted(set(reading.shifts), key=lambda shift: (shift.starts_at, shift.person, shift.ends_at))
    return CalendarShifts(tuple(shifts), tuple(reading.unknown))


@dataclass(slots=True)
class _Reading:
    people: Mapping[str, str]
    begin: datetime
    end: datetime
    steps: int = 0
    occurrences: int = 0
    shifts: list[FixedShift] = field(default_factory=list)
    unknown: dict[str, None] = field(default_factory=dict)

    def take_in(self, text: str, location: ZoneInfo) -> None:
        """The shifts of one series: an event, its repetitions, and what was changed of them."""
        calendar = Calendar.from_ical(f"BEGIN:VCALENDAR\r\n{text}\r\nEND:VCALENDAR\r\n")
        for event in calendar.walk("VEVENT"):
            _settle(event, location)
            self.steps += _steps(event, self.end)
        if self.steps > MOST_STEPS:
            raise ValueError("the calendar's events repeat too often, and from too long ago")
        # All-day events are matched without a zone: hence a day more on both sides, and a closer look.
        events = CalendarQuery(calendar).between(self.begin - timedelta(days=1), self.end + timedelta(days=1))
        self.occurrences += len(events)
        if self.occurrences > MOST_SHIFTS:
            raise ValueError(f"the calendar has more than {MOST_SHIFTS} shifts in that time")
        for event in events:
            starts_at, ends_at = (_instant(event[name].dt, location) for name in ("DTSTART", "DTEND"))
            is_meant = starts_at < ends_at and starts_at < self.end and ends_at > self.begin
            if not is_meant or str(event.get("STATUS", "")).upper() == "CANCELLED":
                continue
            self.shifts += [FixedShift(person, starts_at, ends_at) for person in self._people_of(event)]

    def _people_of(self, event: _Event) -> list[str]:
        summary = str(event.get("SUMMARY", "")).strip()
        found, unknown = self._named_in(summary)
        if not found:
            found = [person for name in _attendees(event) if (person := self.people.get(name.casefold()))]
            unknown = [] if found else [summary[:80] or _NAMELESS]
        self.unknown |= dict.fromkeys(unknown[: MOST_UNKNOWN - len(self.unknown)])
        return list(dict.fromkeys(found))

    def _named_in(self, summary: str) -> tuple[list[str], list[str]]:
        """The persons of a list such as "Ada, Bob", "On call: Ada" or "[L1] Ada", and whoever of it is not known."""
        whole = self.people.get(summary.casefold())
        if whole:
            return [whole], []
        found, unknown = [], []
        for piece in filter(None, (piece.strip() for piece in _LIST.split(summary))):
            person = self._named_by(piece)
            if person:
                found.append(person)
            else:
                unknown.append(piece[:80])
        return found, unknown

    def _named_by(self, piece: str) -> str | None:
        bare = _ASIDE.sub(" ", piece)
        candidates = [piece, bare, *_PART.split(bare)]
        known = (self.people.get(" ".join(name.split()).casefold()) for name in candidates)
        return next(filter(None, known), None)


def _settle(event: _Event, location: ZoneInfo) -> None:
    """Makes an event one that can be repeated without surprise. Raises ValueError for one that cannot be."""
    if event.errors:
        name, message = event.errors[0]
        raise ValueError(f"{name}: {message}")
    for name in ("DTSTART", "DTEND", "RRULE", "DURATION", "RECURRENCE-ID", "SUMMARY", "STATUS"):
        if isinstance(event.get(name), list):
            raise ValueError(f"{name}: is said more than once")  # noqa: TRY004  the text is wrong
    if len(str(event.get("SUMMARY", ""))) > _LONGEST_SUMMARY:
        raise ValueError(f"SUMMARY: is longer than {_LONGEST_SUMMARY} characters")
    if isinstance(event.get("ATTENDEE"), list) and len(event["ATTENDEE"]) > MOST_ATTENDEES:
        raise ValueError(f"ATTENDEE: there are more than {MOST_ATTENDEES}")
    start = event["DTSTART"].dt if "DTSTART" in event else None
    if not isinstance(start, date):
        raise ValueError("DTSTART: is missing, or no day or time")  # noqa: TRY004  the text is wrong
    _settle_end(event, start)
    if "RRULE" in event:
        _settle_rule(event, start, location)


def _settle_end(event: _Event, start: date) -> None:
    """Says the end in the zone of the beginning: what is between the two is repeated as a time on the clock."""
    end = event["DTEND"].dt if "DTEND" in event else start
    if isinstance(end, datetime) is not isinstance(start, datetime):
        raise ValueError("DTEND: has to be a day where DTSTART is one, and a time where that is")
    if start.year not in _YEARS or end.year not in _YEARS:
        raise ValueError(f"DTSTART: it has to begin and end from {_YEARS[0]} to {_YEARS[-1]}")
    if end < start:
        raise ValueError("DTEND: is before DTSTART")
    if isinstance(start, datetime) and isinstance(end, datetime) and "DTEND" in event:
        if "RRULE" in event or "RDATE" in event:
            event["DTEND"].dt = end.astimezone(start.tzinfo)
        else:  # happens once, and so both are instants
            event["DTSTART"].dt, event["DTEND"].dt = _instant(start), _instant(end)
    length = event["DURATION"].dt if "DURATION" in event else timedelta(0)
    if not timedelta(0) <= length <= _LONGEST:
        raise ValueError(f"DURATION: write a length up to {_LONGEST.days} days")


def _settle_rule(event: _Event, start: date, location: ZoneInfo) -> None:
    """Refuses a rule that would be followed without end; says its end as its beginning is said."""
    rule = event["RRULE"]
    place = start.tzinfo if isinstance(start, datetime) else location
    if not isinstance(place, ZoneInfo):
        raise ValueError("DTSTART: has no time zone")  # noqa: TRY004  the text is wrong
    civil = start.replace(tzinfo=None) if isinstance(start, datetime) else datetime.combine(start, time.min)
    try:
        RecurrenceRule.parse(rule.to_ical().decode(), civil, place)
    except ValueError as error:
        raise ValueError(f"RRULE: {error}") from error
    if "UNTIL" not in rule:
        return
    until = rule["UNTIL"][0]
    if isinstance(until, datetime) and until.tzinfo is not None:
        until = until.astimezone(place).replace(tzinfo=None)
    elif not isinstance(until, datetime):
        until = datetime.combine(until, time.max.replace(microsecond=0))
    rule["UNTIL"] = [instant_of(until, place) if isinstance(start, datetime) else until.date()]


def _steps(event: _Event, end: datetime) -> int:
    """About how many occurrences a rule has from where it begins to an end; of a sparse one rather more."""
    if "RRULE" not in event:
        return 0
    rule, start = event["RRULE"], event["DTSTART"].dt
    days = max((end.date() - date(start.year, start.month, start.day)).days + 2, 1)
    if rule["FREQ"][0].upper() == "WEEKLY":
        days = days * len(rule.get("BYDAY", [""])) // 7 + 1
    times = 1
    for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        times *= len(rule.get(name, [0]))
    return days * times // int(rule.get("INTERVAL", [1])[0]) + 1


def _instant(when: date, location: ZoneInfo = _UTC) -> datetime:
    """A day begins at its midnight. The second of two times that the clocks show twice stays the second."""
    if not isinstance(when, datetime):
        return instant_of(datetime.combine(when, time.min), location)
    if isinstance(when.tzinfo, ZoneInfo) and not when.fold:
        return instant_of(when.replace(tzinfo=None), when.tzinfo)
    return when.astimezone(UTC)


def _attendees(event: _Event) -> Iterator[str]:
    """The names and addresses of those who are invited and have not declined."""
    written = event.get("ATTENDEE", [])
    for attendee in written if isinstance(written, list) else [written]:
        if str(attendee.params.get("PARTSTAT", "")).upper() != "DECLINED":
            address = str(attendee).strip()
            yield address[7:] if address[:7].lower() == "mailto:" else address
            yield str(attendee.params.get("CN", "")).strip()
