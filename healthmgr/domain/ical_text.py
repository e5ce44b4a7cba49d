"""What matters of an iCalendar text (RFC 5545), taken out of it line by line before anything expensive sees it.

Feeds come from strangers. So nothing is kept but the calendar's zone and the properties of events that say who, when
and how often; time zones that a feed defines itself are left behind, and their names looked up here instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from icalendar.parser import Contentline
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from healthmgr.domain.calendar import zone

MOST_CHARACTERS = 2_000_000
MOST_EVENTS = 5_000
_DEEPEST = 10  # components within each other
_TIMES = frozenset({"DTSTART", "DTEND", "RDATE", "EXDATE", "RECURRENCE-ID"})
_KEPT = _TIMES | {"UID", "SEQUENCE", "DURATION", "RRULE", "SUMMARY", "ATTENDEE", "STATUS"}
_NOT_UNDERSTOOD = frozenset({"EXRULE"})
_EVENT, _CALENDAR = ["VCALENDAR", "VEVENT"], ["VCALENDAR"]
_NAME = re.compile(r"([A-Za-z0-9-]+)[;:]")
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Essence:
    """`location` is the zone of the calendar's floating times and days; `events` the lines of those of each UID."""

    location: ZoneInfo
    events: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    name: str
    text: str

    @property
    def value(self) -> str:
        return self.text.partition(":")[2].strip()


def essence_of(text: str, location: ZoneInfo) -> Essence:
    """What matters of a calendar; `location` is its zone where it names none.

    Each event is a text of its own, BEGIN to END, with every time in UTC or in a zone of the database. Raises
    ValueError that names the line and what is wrong with it.
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"the calendar has {len(text)} characters, {MOST_CHARACTERS} are allowed")
    events: list[list[_Line]] = []
    for where, line in _nested(_unfolded(text)):
        if where == _CALENDAR and line.name == "X-WR-TIMEZONE" and line.value:
            location = _named(line, line.value)
        elif where == _EVENT and line.name == "BEGIN":
            events.append([])
            if len(events) > MOST_EVENTS:
                raise ValueError(f"the calendar has more than {MOST_EVENTS} events")
        elif where == _EVENT and line.name in _NOT_UNDERSTOOD:
            raise ValueError(f"line {line.number}: {line.name} is not understood")
        elif where == _EVENT and line.name in _KEPT:
            events[-1].append(line)
    return Essence(location, _by_uid(events, location))


def _unfolded(text: str) -> Iterator[_Line]:
    """The content lines, long ones put together again, each with the number of its first."""
    begun: tuple[int, list[str]] | None = None
    for number, raw in enumerate(_LINE_END.split(text.removeprefix("\ufeff")), start=1):
        if raw[:1] in (" ", "\t") and begun is not None:
            begun[1].append(raw[1:])
            continue
        if begun is not None:
            yield _line(begun[0], "".join(begun[1]))
        begun = (number, [raw]) if raw.strip() else None
    if begun is not None:
        yield _line(begun[0], "".join(begun[1]))


def _line(number: int, text: str) -> _Line:
    name = _NAME.match(text)
    if name is None:
        raise ValueError(f"line {number}: {text[:40]!r} is no line of an iCalendar text")
    return _Line(number, name[1].upper(), text)


def _nested(lines: Iterator[_Line]) -> Iterator[tuple[list[str], _Line]]:
    """Each line with the components that it lies in, its own BEGIN and END as well."""
    inside: list[str] = []
    has_calendar = False
    for line in lines:
        if line.name == "BEGIN":
            inside.append(line.value.upper())
            if inside[0] != "VCALENDAR" or len(inside) > _DEEPEST:
                raise ValueError(f"line {line.number}: BEGIN:{line.value[:40]} has no place there")
            has_calendar = True
        elif not inside:
            raise ValueError(f"line {line.number}: an iCalendar text begins with BEGIN:VCALENDAR")
        yield inside, line
        if line.name == "END" and inside.pop() != line.value.upper():
            raise ValueError(f"line {line.number}: END:{line.value[:40]} ends what is not open")
    if inside or not has_calendar:
        raise ValueError(f"the calendar is cut off: END:{inside[-1]} is missing" if inside else "there is no calendar")


def _by_uid(events: list[list[_Line]], location: ZoneInfo) -> dict[str, str]:
    """The changed occurrences of a series are events of their own, with its UID."""
    found: dict[str, list[str]] = {}
    for number, lines in enumerate(events, start=1):
        uid = next((line.value for line in lines if line.name == "UID"), "") or f"the calendar's event {number}"
        written = [_in_a_zone(line, location) if line.name in _TIMES else line.text for line in lines]
        found.setdefault(uid, []).append("\r\n".join(["BEGIN:VEVENT", *written, "END:VEVENT"]))
    return {uid: "\r\n".join(texts) for uid, texts in found.items()}


def _in_a_zone(line: _Line, location: ZoneInfo) -> str:
    """A line of times with nothing but its kind and zone; a floating time gets the calendar's."""
    try:
        name, parameters, value = Contentline(line.text).parts()  # type: ignore[no-untyped-call]
    except ValueError as error:
        raise ValueError(f"line {line.number}: {error}") from error
    kind = str(parameters.get("VALUE", "")).upper()
    said = [f";VALUE={kind}"] if kind in ("DATE", "PERIOD") else []
    if "Z" not in value.upper() and "T" in value.upper():
        own = parameters.get("TZID")
        said.append(f";TZID={(_named(line, str(own)) if own else location).key}")
    if name.upper() == "RECURRENCE-ID" and str(parameters.get("RANGE", "")).upper() == "THISANDFUTURE":
        said.append(";RANGE=THISANDFUTURE")
    return f"{name}{''.join(said)}:{value}"


def _named(line: _Line, name: str) -> ZoneInfo:
    """The zone that is meant: by its own name, as Windows calls it, or behind a vendor's prefix."""
    parts = name.strip("/ ").split("/")
    meant = WINDOWS_TO_OLSON.get("/".join(parts), "")
    for candidate in (meant, *("/".join(parts[start:]) for start in range(min(len(parts), 5)))):
        try:
            return zone(candidate)
        except ValueError:
            continue  # said below, when none of them is one
    raise ValueError(f"line {line.number}: there is no time zone {name[:80]!r}")
