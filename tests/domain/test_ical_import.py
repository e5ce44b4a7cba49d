"""Calendars of others read as shifts: whose they are, when they are, how they repeat."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from healthmgr.domain.ical_import import CalendarShifts, read_calendar
from healthmgr.domain.schedule import FixedShift
from tests.domain.ical_texts import BERLIN, NOW, PEOPLE, YEAR, calendar, utc


def read(*events: str, zone: str = "", location: ZoneInfo = BERLIN) -> CalendarShifts:
    return read_calendar(calendar(*events, zone=zone), PEOPLE, location, NOW, NOW + YEAR)


def told(found: CalendarShifts) -> list[str]:
    return [f"{one.person} {one.starts_at:%m-%d %H:%M} {one.ends_at:%m-%d %H:%M}" for one in found.shifts]


ONCE = "UID:1|DTSTART:20260306T080000Z|DTEND:20260306T160000Z"
WEEKDAYS = "UID:1|SUMMARY:Ada|DTSTART;VALUE=DATE:20251215|RRULE:FREQ=WEEKLY;WKST=MO;COUNT=10;INTERVAL=3;BYDAY"
IN_CHICAGO = "UID:1|DTSTART;TZID=America/Chicago:{}|DTEND;TZID=America/Chicago:{}|SUMMARY:Ada"


@pytest.mark.parametrize(
    ("lines", "people", "unknown"),
    [
        ("SUMMARY:Ada", ["ada"], ()),
        ("SUMMARY:ada LOVELACE", ["ada"], ()),
        ("SUMMARY:ada@example.com", ["ada"], ()),
        ("SUMMARY:Ada\\, Bob", ["ada", "bob"], ()),
        ("SUMMARY:Bob and Ada", ["ada", "bob"], ()),
        ("SUMMARY:Ada / Bob", ["ada", "bob"], ()),
        ("SUMMARY:Ada\\nBob", ["ada", "bob"], ()),
        ("SUMMARY:Ada & Ada Lovelace", ["ada"], ()),
        ("SUMMARY:Doe\\, Cleo", ["cleo"], ()),
        ("SUMMARY:On call: Ada", ["ada"], ()),
        ("SUMMARY:On Call - Ada Lovelace - Platform", ["ada"], ()),
        ("SUMMARY:[L1] Bob (primary)", ["bob"], ()),
        ("SUMMARY:Ada\\, Bbo", ["ada"], ("Bbo",)),
        ("SUMMARY:Team meeting", [], ("Team meeting",)),
        ("SUMMARY:Ada on holiday", [], ("Ada on holiday",)),
        ("STATUS:CONFIRMED", [], ("an event without a summary",)),
        ("SUMMARY:On call|ATTENDEE;CN=A:mailto:ADA@example.com", ["ada"], ()),
        ("SUMMARY:On call|ATTENDEE;CN=\"Doe, Cleo\":mailto:x@y.z|ATTENDEE:mailto:ada@example.com", ["ada", "cleo"], ()),
        ("SUMMARY:On call|ATTENDEE;PARTSTAT=DECLINED:mailto:ada@example.com", [], ("On call",)),
        ("SUMMARY:Bob|ATTENDEE:mailto:ada@example.com", ["bob"], ()),
    ],
)  # fmt: skip
def test_an_event_is_a_shift_of_whom_its_summary_names_and_else_of_its_attendees(lines, people, unknown):
    found = read(f"{ONCE}|{lines}")
    assert found.shifts == tuple(
        FixedShift(person, utc("2026-03-06T08:00"), utc("2026-03-06T16:00")) for person in people
    )
    assert found.unknown == unknown


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        # All days are Berlin's, whose summer time begins on 29 March.
        ("UID:1|DTSTART;VALUE=DATE:20260306|SUMMARY:Ada", ["ada 03-05 23:00 03-06 23:00"]),
        ("UID:1|DTSTART;VALUE=DATE:20260328|DTEND;VALUE=DATE:20260331|SUMMARY:Ada", ["ada 03-27 23:00 03-30 22:00"]),
        # Floating: on Berlin's clock.
        ("UID:1|DTSTART:20260706T090000|DTEND:20260706T170000|SUMMARY:Ada", ["ada 07-06 07:00 07-06 15:00"]),
        ("UID:1|DTSTART:20260706T090000|DURATION:PT90M|SUMMARY:Ada", ["ada 07-06 07:00 07-06 08:30"]),
        # With a zone of the database, of Windows, behind a vendor's prefix.
        (IN_CHICAGO.format("20260306T200000", "20260307T080000"), ["ada 03-07 02:00 03-07 14:00"]),
        ("UID:1|DTSTART;TZID=W. Europe Standard Time:20260706T090000|DURATION:PT1H|SUMMARY:Ada",
         ["ada 07-06 07:00 07-06 08:00"]),
        ("UID:1|DTSTART;TZID=/example.org/Asia/Tokyo:20260706T090000|DURATION:PT1H|SUMMARY:Ada",
         ["ada 07-06 00:00 07-06 01:00"]),
        ("UID:1|DTSTART;TZID=\"Asia/Tokyo\":20260706T090000|DTEND:20260706T010000Z|SUMMARY:Ada",
         ["ada 07-06 00:00 07-06 01:00"]),
        # Through a night in which Chicago's clocks are put forward, from a time that they skip, to one they repeat.
        (IN_CHICAGO.format("20260307T200000", "20260308T080000"), ["ada 03-08 02:00 03-08 13:00"]),
        (IN_CHICAGO.format("20260308T023000", "20260308T033000"), ["ada 03-08 08:00 03-08 08:30"]),
        (IN_CHICAGO.format("20261101T003000", "20261101T013000"), ["ada 11-01 05:30 11-01 06:30"]),
        ("UID:1|DTSTART;TZID=America/Chicago:20261101T003000|DTEND:20261101T073000Z|SUMMARY:Ada",
         ["ada 11-01 05:30 11-01 07:30"]),
        # What has no length is no shift.
        ("UID:1|DTSTART:20260706T090000Z|SUMMARY:Ada", []),
        (IN_CHICAGO.format("20260308T021500", "20260308T024500"), []),
        ("UID:1|DTSTART:20260706T090000Z|DTEND:20260706T100000Z|SUMMARY:Ada|STATUS:CANCELLED", []),
        # What lies outside is left out; what reaches in is told whole.
        ("UID:1|DTSTART:20251201T000000Z|DTEND:20260101T000000Z|SUMMARY:Ada", []),
        ("UID:1|DTSTART:20251201T000000Z|DTEND:20260101T000001Z|SUMMARY:Ada", ["ada 12-01 00:00 01-01 00:00"]),
    ],
)  # fmt: skip
def test_an_event_is_when_its_calendar_says(event, expected):
    assert told(read(event)) == expected


def test_the_zone_that_a_calendar_names_goes_before_the_schedules():
    day = "UID:1|DTSTART;VALUE=DATE:20260706|SUMMARY:Ada"
    assert told(read(day, zone="Asia/Tokyo")) == ["ada 07-05 15:00 07-06 15:00"]
    assert told(read(day, location=ZoneInfo("America/Chicago"))) == ["ada 07-06 05:00 07-07 05:00"]


def test_a_day_that_reaches_over_the_edge_of_what_is_asked_is_told_east_and_west():
    days = ("UID:1|DTSTART;VALUE=DATE:20251231|SUMMARY:Ada", "UID:2|DTSTART;VALUE=DATE:20270101|SUMMARY:Bob")
    assert told(read(*days, zone="America/Chicago")) == ["ada 12-31 06:00 01-01 06:00"]
    assert told(read(*days, zone="Asia/Tokyo")) == ["bob 12-31 15:00 01-01 15:00"]


def test_a_zone_that_a_calendar_defines_itself_is_not_believed():
    definition = (
        "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\n"
        "RRULE:FREQ=SECONDLY\r\nTZOFFSETFROM:+0900\r\nTZOFFSETTO:+0900\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT"
    )
    text = calendar("UID:1|DTSTART;TZID=Europe/Berlin:20260706T090000|DURATION:PT1H|SUMMARY:Ada")
    found = read_calendar(text.replace("BEGIN:VEVENT", definition, 1), PEOPLE, BERLIN, NOW, NOW + YEAR)
    assert told(found) == ["ada 07-06 07:00 07-06 08:00"]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        # Nights in Chicago, on the clock: through 8 March each is from eight to eight. One is left out.
        ([IN_CHICAGO.format("20260306T200000", "20260307T080000")
          + "|RRULE:FREQ=DAILY;COUNT=4|EXDATE;TZID=America/Chicago:20260308T200000"],
         ["ada 03-07 02:00 03-07 14:00", "ada 03-08 02:00 03-08 13:00", "ada 03-10 01:00 03-10 13:00"]),
        # All of the last day counts, whether its end is a day, a floating time or one in UTC.
        (["UID:1|DTSTART:20260306T200000|DURATION:PT1H|RRULE:FREQ=DAILY;UNTIL=20260307|SUMMARY:Ada"],
         ["ada 03-06 19:00 03-06 20:00", "ada 03-07 19:00 03-07 20:00"]),
        (["UID:1|DTSTART:20260306T200000|DURATION:PT1H|RRULE:FREQ=DAILY;UNTIL=20260307T200000|SUMMARY:Ada"],
         ["ada 03-06 19:00 03-06 20:00", "ada 03-07 19:00 03-07 20:00"]),
        (["UID:1|DTSTART:20260306T200000|DURATION:PT1H|RRULE:FREQ=DAILY;UNTIL=20260307T190000Z|SUMMARY:Ada"],
         ["ada 03-06 19:00 03-06 20:00", "ada 03-07 19:00 03-07 20:00"]),
        (["UID:1|DTSTART;VALUE=DATE:20260306|RRULE:FREQ=WEEKLY;UNTIL=20260313T225959Z|SUMMARY:Ada"],
         ["ada 03-05 23:00 03-06 23:00", "ada 03-12 23:00 03-13 23:00"]),
        # A rota as Google writes it: every third week, from Monday to Friday, one holiday.
        ([f"{WEEKDAYS}=MO,TU,WE,TH,FR|EXDATE;VALUE=DATE:20260106"],
         ["ada 01-04 23:00 01-05 23:00", "ada 01-06 23:00 01-07 23:00", "ada 01-07 23:00 01-08 23:00",
          "ada 01-08 23:00 01-09 23:00"]),
        # Moved, handed to another, cancelled.
        (["UID:1|DTSTART:20260306T200000Z|DURATION:PT1H|RRULE:FREQ=DAILY;COUNT=4|SUMMARY:Ada",
          "UID:1|RECURRENCE-ID:20260307T200000Z|DTSTART:20260307T220000Z|DURATION:PT1H|SUMMARY:Bob",
          "UID:1|RECURRENCE-ID:20260308T200000Z|DTSTART:20260308T200000Z|DURATION:PT1H|SUMMARY:Ada|STATUS:CANCELLED"],
         ["ada 03-06 20:00 03-06 21:00", "bob 03-07 22:00 03-07 23:00", "ada 03-09 20:00 03-09 21:00"]),
        # Moved into what is asked from before it.
        (["UID:1|DTSTART:20251230T200000Z|DURATION:PT1H|RRULE:FREQ=DAILY;COUNT=2|SUMMARY:Ada",
          "UID:1|RECURRENCE-ID:20251230T200000Z|DTSTART:20260307T220000Z|DURATION:PT1H|SUMMARY:Bob"],
         ["bob 03-07 22:00 03-07 23:00"]),
        # From one on, all are another's.
        (["UID:1|DTSTART:20260306T200000Z|DURATION:PT1H|RRULE:FREQ=DAILY;COUNT=4|SUMMARY:Ada",
          "UID:1|RECURRENCE-ID;RANGE=THISANDFUTURE:20260308T200000Z|DTSTART:20260308T210000Z|DURATION:PT1H|SUMMARY:Bob"],
         ["ada 03-06 20:00 03-06 21:00", "ada 03-07 20:00 03-07 21:00", "bob 03-08 21:00 03-08 22:00",
          "bob 03-09 21:00 03-09 22:00"]),
        (["UID:1|DTSTART:20260306T200000Z|DURATION:PT1H|RDATE:20260310T200000Z,20260311T200000Z|SUMMARY:Ada"],
         ["ada 03-06 20:00 03-06 21:00", "ada 03-10 20:00 03-10 21:00", "ada 03-11 20:00 03-11 21:00"]),
        (["UID:1|DTSTART:20260306T200000Z|DURATION:PT1H|RDATE;VALUE=PERIOD:20260310T200000Z/PT2H|SUMMARY:Ada"],
         ["ada 03-06 20:00 03-06 21:00", "ada 03-10 20:00 03-10 22:00"]),
    ],
)  # fmt: skip
def test_events_repeat_with_exceptions_and_changes(events, expected):
    assert told(read(*events)) == expected


def test_events_without_a_uid_are_not_taken_for_one():
    days = [f"DTSTART;VALUE=DATE:2026030{day}|SUMMARY:{name}" for day, name in ((1, "Ada"), (2, "Bob"))]
    assert [one.person for one in read(*days).shifts] == ["ada", "bob"]


def test_lines_may_be_folded_and_end_as_on_any_machine():
    text = calendar(f"{ONCE}|SUMMARY:Ada Love\r\n lace|DESCRIPTION:BEGIN:VEVENT\r\n\tEND:VEVENT")
    for ending in ("\r\n", "\n", "\r"):
        written = "\ufeff" + text.replace("\r\n", ending) + ending
        assert [one.person for one in read_calendar(written, PEOPLE, BERLIN, NOW, NOW + YEAR).shifts] == ["ada"]


def test_what_is_no_matter_of_shifts_may_be_as_broken_as_it_likes():
    alarm = "BEGIN:VALARM|TRIGGER:soon|DTSTART:never|END:VALARM"
    found = read(f"{ONCE}|SUMMARY:Ada|DTSTAMP:yesterday|GEO:here|X-WHATEVER:\x00|{alarm}")
    assert [one.person for one in found.shifts] == ["ada"]
