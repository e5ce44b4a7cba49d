"""Calendars that are not what they should be: refused soon, with the place and the fault."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthmgr.domain.ical_import import MOST_ATTENDEES, MOST_SHIFTS, CalendarShifts, read_calendar
from healthmgr.domain.ical_text import MOST_CHARACTERS, MOST_EVENTS
from tests.domain.ical_texts import BERLIN, NOW, PEOPLE, YEAR, calendar

ONCE = "UID:1|DTSTART:20260306T080000Z|DTEND:20260306T160000Z"
DENSE = "DTSTART:20000101T000000Z|DURATION:PT5M|RRULE:FREQ=DAILY;BYMINUTE"
MANY = "DTSTART:20260101T000000Z|DURATION:PT5M|RRULE:FREQ=DAILY;BYHOUR"
REFUSED = [
    ("", "there is no calendar"),
    ("<html><body>Sign in</body></html>", "line 1: '<html><body>Sign in</body></html>' is no line of an iCalendar"),
    ("BEGIN:VEVENT\nEND:VEVENT", "line 1: BEGIN:VEVENT has no place there"),
    ("VERSION:2.0", "line 1: an iCalendar text begins with BEGIN:VCALENDAR"),
    ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR", "line 3: END:VCALENDAR ends what is not open"),
    ("BEGIN:VCALENDAR\nBEGIN:VEVENT", "the calendar is cut off: END:VEVENT is missing"),
    ("BEGIN:VCALENDAR\n" * 100_000, "line 11: BEGIN:VCALENDAR has no place there"),
    ("x" * (MOST_CHARACTERS + 1), "characters"),
    (calendar(*["UID:1"] * (MOST_EVENTS + 1)), f"more than {MOST_EVENTS} events"),
    (calendar(zone="Mars/Olympus"), "line 3: there is no time zone 'Mars/Olympus'"),
    (calendar(zone="../../etc/passwd"), "line 3: there is no time zone"),
    (calendar(zone="/" * 50_000), "line 3: there is no time zone"),
    (calendar("UID:1|DTSTART;TZID=Nowhere:20260306T080000|SUMMARY:Ada"), "line 5: there is no time zone 'Nowhere'"),
    (calendar("UID:1|DTSTART;TZID:20260306T080000|SUMMARY:Ada"), "line 5: "),
    (calendar("UID:1|EXRULE:FREQ=DAILY"), "line 5: EXRULE is not understood"),
    (calendar("UID:shift-7|SUMMARY:Ada"), "event 'shift-7': DTSTART: is missing"),
    (calendar("SUMMARY:Ada"), "event \"the calendar's event 1\": DTSTART: is missing"),
    (calendar("UID:1|DTSTART:20261306T080000Z"), "event '1': DTSTART: "),
    (calendar("UID:1|DTSTART:20260306T080000Z|DTSTART:20260307T080000Z"), "event '1': DTSTART: is said more than once"),
    (calendar("UID:1|DTSTART:20260306T080000Z|DTEND;VALUE=DATE:20260307"), "event '1': DTEND: has to be a day where"),
    (calendar("UID:1|DTSTART:20260306T080000Z|DTEND:20260305T080000Z"), "event '1': DTEND: is before DTSTART"),
    (calendar("UID:1|DTSTART:00010101T000000Z|DTEND:99991231T235959Z"), "event '1': DTSTART: it has to begin and end"),
    (calendar("UID:1|DTSTART:20260306T080000Z|DURATION:P9999D"), "event '1': DURATION: "),
    (calendar("UID:1|DTSTART:20260306T080000Z|DURATION:-PT1H"), "event '1': DURATION: "),
    (calendar("UID:1|DTSTART:20260306T080000Z|DURATION:soon"), "event '1': DURATION: "),
    (calendar(f"{ONCE}|RRULE:every day"), "event '1': RRULE: "),
    (calendar(f"{ONCE}|RRULE:FREQ=SECONDLY"), "event '1': RRULE: FREQ=SECONDLY"),
    (calendar(f"{ONCE}|RRULE:FREQ=DAILY;INTERVAL=0"), "event '1': RRULE: INTERVAL=0"),
    (calendar(f"{ONCE}|RRULE:FREQ=DAILY|RRULE:FREQ=WEEKLY"), "event '1': RRULE: is said more than once"),
    (calendar(f"{ONCE}|RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), "event '1': RRULE: .* never happens"),
    (calendar(f"{ONCE}|EXDATE:never"), "event '1': EXDATE: "),
    (calendar(f"{ONCE}|SUMMARY:{'a' * 1001}"), "event '1': SUMMARY: is longer"),
    (calendar(f"{ONCE}|" + "|".join(["ATTENDEE:mailto:a@example.com"] * (MOST_ATTENDEES + 1))), "event '1': ATTENDEE"),
    (calendar(*[f"UID:{n}|{DENSE}=0,15,30,45" for n in range(20)]), "repeat too often"),
    (calendar(*[f"UID:{n}|{MANY}=1,2,3,4,5,6,7,8,9,10,11" for n in range(6)]), f"more than {MOST_SHIFTS} shifts"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "fault"), REFUSED, ids=[fault[:60] for _, fault in REFUSED])
def test_a_calendar_that_will_not_do_is_told_by_its_line_or_event_and_soon(text, fault):
    started = time.process_time()
    with pytest.raises(ValueError, match=fault):
        read_calendar(text, PEOPLE, BERLIN, NOW, NOW + YEAR)
    assert time.process_time() - started < 10


LINES = [
    *("UID:1", "SUMMARY:Ada", "STATUS:CANCELLED", "SEQUENCE:x", "SEQUENCE:2", "DURATION:P1D", "DURATION:PT1H"),
    *("DTSTART:20260306T080000Z", "DTSTART;VALUE=DATE:20260306", "DTEND:20260306T090000"),
    *("DTEND;TZID=Asia/Tokyo:20260307T090000", "DTEND;VALUE=DATE:20260309", "DTSTART;TZID=Asia/Tokyo:20260306T090000"),
    *("RRULE:FREQ=DAILY", "RRULE:FREQ=MONTHLY;BYDAY=1MO;UNTIL=20260501", "RRULE:FREQ=WEEKLY;COUNT=3"),
    *("EXDATE:20260307", "EXDATE;VALUE=DATE:20260308", "EXDATE:20260307T080000Z,20260308T080000"),
    *("RDATE;VALUE=PERIOD:20260310T200000/PT2H", "RDATE;VALUE=DATE:20260310", "RDATE:20260310T080000Z"),
    *("RECURRENCE-ID:20260307T080000Z", "RECURRENCE-ID;VALUE=DATE:20260308"),
    "RECURRENCE-ID;RANGE=THISANDFUTURE:20260309T080000",
]
FRAME = ["BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "X-WR-TIMEZONE:Asia/Tokyo"]
events = st.lists(st.sampled_from(LINES), max_size=8).map("|".join)
anything = st.lists(st.sampled_from(LINES + FRAME) | st.text(max_size=20), max_size=12).map("\n".join)


def outcome(text: str) -> CalendarShifts | str:
    """What is read, or why it is not."""
    try:
        return read_calendar(text, PEOPLE, BERLIN, NOW, NOW + YEAR)
    except ValueError as fault:
        return str(fault)


@given(anything | st.lists(events, min_size=1, max_size=3).map(lambda written: calendar(*written)))
@settings(max_examples=500, deadline=None)
def test_whatever_a_feed_holds_it_is_read_or_refused_with_a_reason(text):
    found = outcome(text)
    assert found
    if isinstance(found, CalendarShifts):
        assert all(one.starts_at < NOW + YEAR and one.ends_at > NOW for one in found.shifts)
