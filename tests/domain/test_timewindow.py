"""Time intervals: what they hold, when that changes, across clock changes, and what is refused."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthmgr.domain.timewindow import TimeInterval, instant_of, parse_time_interval


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=datetime.fromisoformat(text).tzinfo or UTC)


def hours(start: str, end: str) -> list[dict[str, str]]:
    return [{"start_time": start, "end_time": end}]


WORK = {"weekdays": ["monday:friday"], "times": hours("09:00", "17:00")}
SYDNEY = {"location": "Australia/Sydney"}


@pytest.mark.parametrize(
    ("document", "inside", "outside"),
    [
        ({}, ["2006-01-02T15:04", "2007-12-31T23:59:59.9"], []),
        (
            WORK,
            ["2020-05-04T15:04", "2020-07-08T09:00", "2020-07-08T16:59:59.999999"],
            ["2020-05-03T15:04", "2020-05-04T08:59:59", "2020-07-08T17:00"],
        ),
        (
            {"days_of_month": ["4:6"], "months": ["april"], "years": ["2020"]},
            ["2020-04-04T00:00", "2020-04-06T23:59"],
            ["2020-04-03T23:59", "2020-04-07T00:00", "2019-04-06T12:00", "2020-06-04T12:00"],
        ),
        (
            {"days_of_month": ["-3:-1"]},
            ["2020-01-29T00:00", "2020-01-31T15:04", "2020-06-30T00:00", "2020-02-29T23:05", "2021-02-26T00:00"],
            ["2020-01-28T23:59", "2020-03-01T00:00", "2021-02-25T00:00"],
        ),
        ({"days_of_month": ["1:-1"]}, ["2020-02-29T12:00", "2020-01-01T00:00"], []),
        (
            {"days_of_month": ["-31:-1"], "months": ["6"]},
            ["2020-06-01T00:00", "2020-06-30T23:59"],
            ["2020-05-31T00:00"],
        ),
        ({"days_of_month": ["28:31"], "months": [2]}, ["2021-02-28T13:00"], ["2021-02-27T13:00", "2021-03-28T13:00"]),
        ({"days_of_month": ["30:31"], "months": ["february"]}, [], ["2021-02-28T13:00", "2020-02-29T13:00"]),
        ({"days_of_month": ["-1"]}, ["2021-02-28T00:00"], ["2021-02-27T23:59", "2021-01-30T12:00"]),
        (
            {"days_of_month": [10, "20:-8"]},
            ["2021-03-10T00:00", "2021-03-24T00:00"],
            ["2021-03-25T00:00", "2021-02-22T00:00"],
        ),
        (WORK | SYDNEY, ["2021-04-06T13:00+10:00"], ["2021-04-06T13:00"]),
        (
            WORK | SYDNEY | {"months": ["november"]},
            ["2021-11-01T09:00+11:00", "2021-10-31T22:00"],
            ["2021-10-31T21:59"],
        ),
        ({"times": hours("00:00", "24:00")}, ["2021-01-01T00:00", "2021-01-01T23:59:59"], []),
        (
            {"times": hours("22:00", "24:00") + hours("00:00", "06:00")},
            ["2021-01-01T23:59", "2021-01-02T05:59"],
            ["2021-01-02T06:00"],
        ),
        (
            {"weekdays": ["saturday:monday"]},
            ["2021-01-02T12:00", "2021-01-03T12:00", "2021-01-04T12:00"],
            ["2021-01-05T12:00"],
        ),
        ({"weekdays": ["Sun", "wednes"]}, ["2021-01-03T12:00", "2021-01-06T12:00"], ["2021-01-04T12:00"]),
        (
            {"months": ["november:february"]},
            ["2021-11-01T00:00", "2021-02-28T12:00"],
            ["2021-03-01T00:00", "2021-10-31T12:00"],
        ),
        ({"months": ["January:march", 12]}, ["2021-01-01T00:00", "2021-12-01T00:00"], ["2021-04-01T00:00"]),
        (
            {"years": ["2020:2022", 2030]},
            ["2020-01-01T00:00", "2030-12-31T00:00"],
            ["2019-12-31T23:59", "2023-01-01T00:00"],
        ),
        (
            {"years": [2021], "location": "America/New_York"},
            ["2022-01-01T04:59"],
            ["2021-01-01T04:59", "2022-01-01T05:00"],
        ),
    ],
)
def test_an_interval_holds_what_all_of_its_fields_hold(document, inside, outside):
    interval = parse_time_interval(document)
    assert [text for text in inside if not interval.contains(at(text))] == []
    assert [text for text in outside if interval.contains(at(text))] == []
    assert parse_time_interval(interval.to_document()) == interval


def test_the_numbers_that_yaml_makes_of_bare_times_are_understood():
    assert parse_time_interval({"times": [{"start_time": 540, "end_time": 1020}]}).times == ((540, 1020),)


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ({"time": []}, "time: there is no such field"),
        ({"times": []}, "times: .*leave the field out"),
        ({"times": "09:00"}, "times: .*list"),
        ({"times": ["09:00"]}, "times: .*start_time"),
        ({"times": [{"start_time": "14:03"}]}, "times: .*end_time"),
        ({"times": hours("17:31", "17:31")}, "later the same day"),
        ({"times": hours("22:00", "06:00")}, "split at 24:00"),
        ({"times": hours("12:30", "24:01")}, "end_time: .*24:00"),
        ({"times": hours("01:99", "23:59")}, "start_time: "),
        ({"times": hours("9:00", "17:00")}, "start_time: .*09:30"),
        ({"times": hours("09:00", "99:99")}, "end_time: "),
        ({"times": [{"start_time": True, "end_time": 5}]}, "start_time: "),
        ({"weekdays": ["blurgsday"]}, "weekdays: 'blurgsday'"),
        ({"weekdays": ["1:3"]}, "weekdays: '1'"),
        ({"weekdays": ["mo"]}, "weekdays: 'mo'"),
        ({"weekdays": ["monday:tuesday:friday"]}, "weekdays: "),
        ({"weekdays": [None]}, "weekdays: "),
        ({"weekdays": ["monday"] * 101}, "weekdays: 101 ranges"),
        ({"days_of_month": ["0"]}, "days_of_month: '0'"),
        ({"days_of_month": ["-50:-20"]}, "days_of_month: '-50'"),
        ({"days_of_month": ["1:50"]}, "days_of_month: '50'"),
        ({"days_of_month": [75]}, "days_of_month: '75' .*quotes"),
        ({"days_of_month": ["-15:5"]}, "end there too"),
        ({"days_of_month": ["10:-25"]}, "in every month"),
        ({"days_of_month": ["-1:-3"]}, "in every month"),
        ({"days_of_month": ["9:3"]}, "in every month"),
        ({"days_of_month": ["--1"]}, "days_of_month: "),
        ({"days_of_month": ["١"]}, "days_of_month: "),
        ({"months": ["martius:june"]}, "months: 'martius'"),
        ({"months": ["13"]}, "months: '13'"),
        ({"years": ["2022:2020"]}, "years: .*earlier year first"),
        ({"years": ["99999"]}, "years: "),
        ({"location": "Mars/Olympus"}, "location: .*Europe/Berlin"),
        ({"location": 3}, "location: "),
    ],
)
def test_what_cannot_be_is_refused_with_its_field_and_a_fix(document, hint):
    with pytest.raises(ValueError, match=hint):
        parse_time_interval(document)


@pytest.mark.parametrize(
    ("document", "start", "change"),
    [
        (WORK, "2026-11-24T12:00", "2026-11-24T17:00"),
        (WORK, "2026-11-24T17:00", "2026-11-25T09:00"),
        (WORK, "2026-11-27T17:00", "2026-11-30T09:00"),
        (WORK, "2026-11-24T08:59:59.5", "2026-11-24T09:00"),
        (WORK, "2026-11-24T09:00", "2026-11-24T17:00"),
        ({"times": hours("22:00", "24:00") + hours("00:00", "06:00")}, "2026-11-24T23:00", "2026-11-25T06:00"),
        ({"days_of_month": ["-1"]}, "2027-02-01T00:00", "2027-02-28T00:00"),
        ({"weekdays": ["saturday:sunday"]}, "2026-11-28T00:00", "2026-11-30T00:00"),
        ({"months": ["june"]}, "2026-11-24T00:00", "2027-06-01T00:00"),
        ({"months": ["february"], "days_of_month": ["29"]}, "2026-11-24T00:00", "2028-02-29T00:00"),
        ({"years": ["2026"]}, "2026-11-24T00:00", "2027-01-01T00:00"),
        ({"years": ["2020"]}, "2026-11-24T00:00", None),
        ({"years": ["2040"]}, "2026-11-24T00:00", None),
        ({}, "2026-11-24T00:00", None),
        ({"times": hours("00:00", "24:00")}, "2026-11-24T00:00", None),
        ({"times": hours("00:00", "12:00") + hours("12:00", "24:00")}, "2026-11-24T00:00", None),
        ({"months": ["february"], "days_of_month": ["30"]}, "2026-11-24T00:00", None),
        # New York puts its clocks from 02:00 to 03:00 on 2026-03-08, and from 02:00 back to 01:00 on 2026-11-01
        ({"times": hours("02:00", "02:30"), "location": "America/New_York"}, "2026-03-08T05:00", "2026-03-09T06:00"),
        ({"times": hours("02:30", "04:00"), "location": "America/New_York"}, "2026-03-08T05:00", "2026-03-08T07:00"),
        ({"times": hours("01:00", "02:30"), "location": "America/New_York"}, "2026-03-08T06:30", "2026-03-08T07:00"),
        ({"times": hours("01:30", "02:00"), "location": "America/New_York"}, "2026-11-01T05:00", "2026-11-01T05:30"),
        ({"times": hours("01:30", "02:00"), "location": "America/New_York"}, "2026-11-01T05:30", "2026-11-01T06:00"),
        ({"times": hours("01:30", "02:00"), "location": "America/New_York"}, "2026-11-01T06:00", "2026-11-01T06:30"),
        ({"times": hours("01:00", "02:00"), "location": "America/New_York"}, "2026-11-01T05:00", "2026-11-01T07:00"),
        # London: 01:00 to 02:00 on 2026-03-29, 02:00 to 01:00 on 2026-10-25
        ({"times": hours("09:00", "17:00"), "location": "Europe/London"}, "2026-03-28T18:00", "2026-03-29T08:00"),
        ({"weekdays": ["sunday"], "location": "Europe/London"}, "2026-10-25T12:00", "2026-10-26T00:00"),
        # Sydney: 03:00 to 02:00 on 2026-04-05, 02:00 to 03:00 on 2026-10-04
        ({"times": hours("02:00", "03:00"), "location": "Australia/Sydney"}, "2026-04-04T15:30", "2026-04-04T17:00"),
        ({"times": hours("02:00", "03:00"), "location": "Australia/Sydney"}, "2026-10-03T12:00", "2026-10-04T15:00"),
        # Beirut's clocks go forward at midnight; Lord Howe's by half an hour
        ({"weekdays": ["sunday"], "location": "Asia/Beirut"}, "2026-03-28T12:00", "2026-03-28T22:00"),
        ({"times": hours("02:15", "03:00"), "location": "Australia/Lord_Howe"}, "2026-10-03T12:00", "2026-10-03T15:30"),
    ],
)
def test_the_next_change_is_found(document, start, change):
    expected = at(change) if change else None
    assert parse_time_interval(document).next_change(at(start)) == expected


ZONES = ["UTC", "America/New_York", "Europe/London", "Australia/Sydney", "Australia/Lord_Howe", "Asia/Beirut"]
minutes = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda one: one[0] < one[1])
ranges_of_times = st.lists(minutes | st.sampled_from([(60, 120), (90, 150), (0, 1440), (1380, 1440)]), max_size=3)
weekdays = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=2)
intervals = st.builds(
    TimeInterval,
    times=ranges_of_times.map(tuple),
    weekdays=weekdays.map(tuple),
    days_of_month=st.sampled_from([(), ((-2, -1),), ((1, 3), (25, 31)), ((29, 31),)]),
    location=st.sampled_from(ZONES).map(ZoneInfo),
)
DAYS_OF_CLOCK_CHANGES = [
    "2026-03-07",
    "2026-03-28",
    "2026-04-04",
    "2026-10-03",
    "2026-10-24",
    "2026-10-31",
    "2026-06-28",
]


@settings(deadline=None, max_examples=60)
@given(intervals, st.sampled_from(DAYS_OF_CLOCK_CHANGES), st.integers(0, 1440))
def test_the_next_change_is_the_first_minute_that_differs(interval, day, minute):
    start = at(f"{day}T00:00") + timedelta(minutes=minute)
    was_inside = interval.contains(start)
    steps = (start + timedelta(minutes=number) for number in range(1, 3 * 1440))
    expected = next((instant for instant in steps if interval.contains(instant) is not was_inside), None)
    found = interval.next_change(start)
    if expected is None:
        assert found is None or found >= start + timedelta(days=3) - timedelta(minutes=1)
    else:
        assert found == expected


def test_a_search_in_vain_ends_soon():
    never = parse_time_interval({"months": ["february"], "days_of_month": ["30"], "location": "Europe/Berlin"})
    always = parse_time_interval({"times": hours("00:00", "12:00") + hours("12:00", "24:00")})
    started = time.process_time()
    assert never.next_change(at("2026-11-24T00:00")) is None
    assert always.next_change(at("2026-11-24T00:00")) is None
    assert never.next_change(at("9999-12-30T00:00")) is None
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("civil", "place", "instant"),
    [
        ("2026-11-24T12:00", "Europe/London", "2026-11-24T12:00"),
        ("2026-03-29T01:30", "Europe/London", "2026-03-29T01:00"),
        ("2026-10-25T01:30", "Europe/London", "2026-10-25T00:30"),
        ("2026-03-08T02:00", "America/New_York", "2026-03-08T07:00"),
        ("2026-03-08T02:59", "America/New_York", "2026-03-08T07:00"),
        ("2026-03-08T03:00", "America/New_York", "2026-03-08T07:00"),
        ("2026-03-29T00:30", "Asia/Beirut", "2026-03-28T22:00"),
        ("2026-10-04T02:10", "Australia/Lord_Howe", "2026-10-03T15:30"),
    ],
)
def test_a_civil_time_is_its_first_occurrence_or_the_end_of_its_gap(civil, place, instant):
    assert instant_of(datetime.fromisoformat(civil), ZoneInfo(place)) == at(instant)
