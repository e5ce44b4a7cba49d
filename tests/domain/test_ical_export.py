"""Shifts written as calendars that others subscribe to, and read again."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from healthmgr.domain.ical_export import person_calendar, schedule_calendar
from healthmgr.domain.ical_import import read_calendar
from healthmgr.domain.schedule import FixedShift
from tests.domain.ical_texts import BERLIN, NOW, YEAR, utc
from tests.domain.oncall_strategies import NAMES, schedules


@given(schedules())
@settings(max_examples=60, deadline=None)
def test_a_schedule_that_was_exported_is_imported_as_it_was(given_schedule):
    schedule, begin = given_schedule
    end = begin + timedelta(days=8)
    shifts = schedule.shifts(begin, end)
    text = schedule_calendar(schedule.name, shifts, begin)
    found = read_calendar(text, {name: name for name in NAMES}, BERLIN, begin, end)
    assert list(found.shifts) == shifts
    assert found.unknown == ()


@given(st.text(min_size=1).filter(lambda name: name.strip() == name and name.isprintable()))
@settings(deadline=None)
def test_a_person_of_any_name_comes_back_out_of_the_calendar(name):
    shift = FixedShift(name, utc("2026-03-06T08:00"), utc("2026-03-06T16:00"))
    text = schedule_calendar("platform", [shift], NOW)
    assert read_calendar(text, {name: name}, BERLIN, NOW, NOW + YEAR).shifts == (shift,)


SHIFTS = [
    FixedShift(person, utc(f"2026-03-0{day}"), utc(f"2026-03-0{day + 1}")) for day, person in ((1, "ada"), (2, "bob"))
]


def test_the_same_shifts_keep_their_uids_and_different_ones_have_different_ones():
    def uids(schedule: str, shifts: list[FixedShift], now: datetime) -> list[str]:
        return [
            str(event["UID"]) for event in Calendar.from_ical(schedule_calendar(schedule, shifts, now)).walk("VEVENT")
        ]

    first = uids("platform", SHIFTS, NOW)
    assert len(set(first)) == 2
    assert uids("platform", SHIFTS, NOW + YEAR) == first
    longer = [FixedShift("ada", SHIFTS[0].starts_at, utc("2026-03-01T12:00")), SHIFTS[1]]
    assert uids("platform", longer, NOW) == first
    assert not set(uids("database", SHIFTS, NOW)) & set(first)


def test_an_export_says_what_subscribers_need_and_nothing_of_anybodys_address():
    text = schedule_calendar("platform, 1", SHIFTS, NOW)
    parsed = Calendar.from_ical(text)
    assert (str(parsed["VERSION"]), str(parsed["METHOD"])) == ("2.0", "PUBLISH")
    assert str(parsed["X-WR-CALNAME"]) == "On call: platform, 1"
    event = parsed.walk("VEVENT")[0]
    assert set(event) == {"UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY"}
    assert event["DTSTAMP"].dt == NOW
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))


def test_a_persons_calendar_has_his_shifts_of_every_schedule_and_nobody_elses():
    text = person_calendar("ada", {"web": SHIFTS, "db": SHIFTS[:1], "empty": []}, NOW)
    events = Calendar.from_ical(text).walk("VEVENT")
    assert [str(event["SUMMARY"]) for event in events] == ["On call: web", "On call: db"]
    assert len({str(event["UID"]) for event in events}) == 2


def test_an_export_tells_times_to_the_second_and_leaves_out_what_is_shorter():
    begin = utc("2026-03-01T08:00:00.7")
    shifts = [
        FixedShift("ada", begin, begin + timedelta(seconds=0.2)),
        FixedShift("bob", begin, begin + timedelta(hours=1)),
    ]
    events = Calendar.from_ical(schedule_calendar("platform", shifts, NOW)).walk("VEVENT")
    assert [(str(event["SUMMARY"]), event["DTSTART"].dt) for event in events] == [("bob", utc("2026-03-01T08:00"))]
