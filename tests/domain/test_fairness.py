"""How the burden of being on call is told: hours, nights and weekends, on a clock of one's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthmgr.domain.fairness import Burden, burdens
from healthmgr.domain.schedule import FixedShift
from tests.domain.oncall_strategies import QUARTER, places, schedules

HOUR = timedelta(hours=1)


def hours(total: float, nights: float, weekends: float, person: str = "ada") -> Burden:
    return Burden(person, total * HOUR, nights * HOUR, weekends * HOUR)


def shift(begin: str, end: str, person: str = "ada") -> FixedShift:
    return FixedShift(person, *(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (begin, end)))


@pytest.mark.parametrize(
    ("zone", "begin", "end", "expected"),
    [
        # 3 June 2026 is a Wednesday.
        ("UTC", "2026-06-03T09:00", "2026-06-03T17:00", hours(8, 0, 0)),
        ("UTC", "2026-06-03T21:00", "2026-06-04T07:00", hours(10, 8, 0)),
        ("UTC", "2026-06-05T12:00", "2026-06-08T12:00", hours(72, 24, 48)),
        ("UTC", "2026-06-01T00:00", "2026-06-08T00:00", hours(168, 56, 48)),
        # 21:00 UTC is 22:00 in London in June, and 07:00 the next morning in Sydney.
        ("Europe/London", "2026-06-03T21:00", "2026-06-03T22:00", hours(1, 1, 0)),
        ("Australia/Sydney", "2026-06-03T21:00", "2026-06-03T22:00", hours(1, 0, 0)),
        ("Australia/Sydney", "2026-06-05T14:00", "2026-06-05T15:00", hours(1, 1, 1)),
        # The night that Chicago's clocks are put back has nine hours, the one that they are put forward seven.
        ("America/Chicago", "2026-11-01T03:00", "2026-11-01T12:00", hours(9, 9, 9)),
        ("America/Chicago", "2026-03-08T04:00", "2026-03-08T11:00", hours(7, 7, 7)),
    ],
)
def test_nights_and_weekends_are_those_of_the_zone(zone, begin, end, expected):
    assert burdens([shift(begin, end)], ZoneInfo(zone)) == [expected]


def test_the_heaviest_burden_comes_first():
    found = burdens(
        [
            shift("2026-06-03T09:00", "2026-06-03T10:00"),
            shift("2026-06-03T09:00", "2026-06-03T12:00", "bob"),
            shift("2026-06-04T09:00", "2026-06-04T10:00"),
            shift("2026-06-04T09:00", "2026-06-04T11:00", "cleo"),
        ],
        ZoneInfo("UTC"),
    )
    assert found == [hours(3, 0, 0, "bob"), hours(2, 0, 0, "ada"), hours(2, 0, 0, "cleo")]


@given(schedules(), places, st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_the_figures_are_what_counting_quarters_of_an_hour_gives(given_schedule, place, days):
    schedule, begin = given_schedule
    location, end = ZoneInfo(place[0]), begin + timedelta(days=5 + days)
    shifts = schedule.shifts(begin, end)
    counted: dict[str, list[int]] = {}
    for one in shifts:
        figures = counted.setdefault(one.person, [0, 0, 0])
        at = one.starts_at
        while at < one.ends_at:
            local = at.astimezone(location)
            is_night, is_weekend = local.hour >= 22 or local.hour < 6, local.isoweekday() >= 6
            for place_of, counts in enumerate((True, is_night, is_weekend)):
                figures[place_of] += counts
            at += QUARTER
    assert {each.person: [each.total, each.nights, each.weekends] for each in burdens(shifts, location)} == {
        person: [number * QUARTER for number in figures] for person, figures in counted.items()
    }
