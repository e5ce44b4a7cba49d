"""Rotations: handoffs on the clock of a zone, through every kind of clock change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from healthmgr.domain.rotation import MOST_MEMBERS, MOST_UNITS, Rotation, Unit
from tests.domain.oncall_strategies import QUARTER, rotations

SECOND = timedelta(seconds=1)
HOUR, DAY, WEEK, MONTH = Unit.HOUR, Unit.DAY, Unit.WEEK, Unit.MONTH


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def civil(text: str) -> datetime:
    return datetime.fromisoformat(text)


def rotation(zone: str, start: str, unit: Unit, length: int = 1, members: str = "abc") -> Rotation:
    return Rotation(tuple(members), civil(start), ZoneInfo(zone), unit, length)


# Every line worked out by hand from the zone's offsets: the start on its clock, and the first handoffs in UTC.
HANDOFFS = {
    "daily at 02:30, which Chicago skips: at 03:00 that day, at 02:30 the next": (
        ("America/Chicago", "2026-03-07T02:30", DAY, 1),
        ["2026-03-07T08:30", "2026-03-08T08:00", "2026-03-09T07:30", "2026-03-10T07:30"],
    ),
    "daily at 01:30, which Chicago repeats: the first of the two": (
        ("America/Chicago", "2026-10-31T01:30", DAY, 1),
        ["2026-10-31T06:30", "2026-11-01T06:30", "2026-11-02T07:30"],
    ),
    "hourly through Chicago's repeated hour: one turn of two hours": (
        ("America/Chicago", "2026-11-01T00:00", HOUR, 1),
        ["2026-11-01T05:00", "2026-11-01T06:00", "2026-11-01T08:00", "2026-11-01T09:00"],
    ),
    "every twelve hours through Chicago's skipped hour: one of eleven": (
        ("America/Chicago", "2026-03-07T08:00", HOUR, 12),
        ["2026-03-07T14:00", "2026-03-08T02:00", "2026-03-08T13:00", "2026-03-09T01:00"],
    ),
    "weekly on Monday at nine": (
        ("America/Chicago", "2026-03-02T09:00", WEEK, 1),
        ["2026-03-02T15:00", "2026-03-09T14:00", "2026-03-16T14:00"],
    ),
    "every second week": (
        ("America/Chicago", "2026-10-19T09:00", WEEK, 2),
        ["2026-10-19T14:00", "2026-11-02T15:00", "2026-11-16T15:00"],
    ),
    "monthly on the 31st: on the last where there is none, and back on the 31st": (
        ("America/Chicago", "2026-01-31T09:00", MONTH, 1),
        ["2026-01-31T15:00", "2026-02-28T15:00", "2026-03-31T14:00", "2026-04-30T14:00"],
    ),
    "monthly on the 29th in a leap year": (
        ("UTC", "2028-01-29T00:00", MONTH, 1),
        ["2028-01-29T00:00", "2028-02-29T00:00", "2028-03-29T00:00"],
    ),
    "every quarter, over the year's end": (
        ("Europe/London", "2026-08-30T12:00", MONTH, 3),
        ["2026-08-30T11:00", "2026-11-30T12:00", "2027-02-28T12:00", "2027-05-30T11:00"],
    ),
    "every three days": (
        ("Europe/London", "2026-03-27T18:00", DAY, 3),
        ["2026-03-27T18:00", "2026-03-30T17:00", "2026-04-02T17:00"],
    ),
    "daily at 02:30, which Chicago skips": (
        ("America/Chicago", "2026-03-07T02:30", DAY, 1),
        ["2026-03-07T08:30", "2026-03-08T08:00", "2026-03-09T07:30"],
    ),
    "daily at 01:30, which Chicago repeats": (
        ("America/Chicago", "2026-10-31T01:30", DAY, 1),
        ["2026-10-31T06:30", "2026-11-01T06:30", "2026-11-02T07:30"],
    ),
    "daily at 01:30, which London skips": (
        ("Europe/London", "2026-03-28T01:30", DAY, 1),
        ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"],
    ),
    "daily at 01:30, which London repeats": (
        ("Europe/London", "2026-10-24T01:30", DAY, 1),
        ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"],
    ),
    "daily at 02:30, which Sydney skips in October": (
        ("Australia/Sydney", "2026-10-03T02:30", DAY, 1),
        ["2026-10-02T16:30", "2026-10-03T16:00", "2026-10-04T15:30"],
    ),
    "daily at 02:30, which Sydney repeats in April": (
        ("Australia/Sydney", "2026-04-04T02:30", DAY, 1),
        ["2026-04-03T15:30", "2026-04-04T15:30", "2026-04-05T16:30"],
    ),
    "daily at 02:15, in the half hour that Lord Howe skips": (
        ("Australia/Lord_Howe", "2026-10-03T02:15", DAY, 1),
        ["2026-10-02T15:45", "2026-10-03T15:30", "2026-10-04T15:15"],
    ),
    "daily at 01:45, in the half hour that Lord Howe repeats": (
        ("Australia/Lord_Howe", "2026-04-04T01:45", DAY, 1),
        ["2026-04-03T14:45", "2026-04-04T14:45", "2026-04-05T15:15"],
    ),
    "hourly through Lord Howe's repeated half hour: a turn of an hour and a half": (
        ("Australia/Lord_Howe", "2026-04-05T00:00", HOUR, 1),
        ["2026-04-04T13:00", "2026-04-04T14:00", "2026-04-04T15:30", "2026-04-04T16:30"],
    ),
    "hourly through Lord Howe's skipped half hour: a turn of half an hour": (
        ("Australia/Lord_Howe", "2026-10-04T01:00", HOUR, 1),
        ["2026-10-03T14:30", "2026-10-03T15:30", "2026-10-03T16:00", "2026-10-03T17:00"],
    ),
    "daily through Apia's skipped day: its handoff when the next one begins": (
        ("Pacific/Apia", "2011-12-28T09:00", DAY, 1),
        ["2011-12-28T19:00", "2011-12-29T19:00", "2011-12-30T10:00", "2011-12-30T19:00", "2011-12-31T19:00"],
    ),
    "weekly on the day that Apia skips": (
        ("Pacific/Apia", "2011-12-23T09:00", WEEK, 1),
        ["2011-12-23T19:00", "2011-12-30T10:00", "2012-01-05T19:00"],
    ),
}


@pytest.mark.parametrize("case", HANDOFFS)
def test_a_handoff_happens_when_the_clock_says_so(case):
    arguments, expected = HANDOFFS[case]
    turning = rotation(*arguments)
    assert [turning.handoff(index) for index in range(len(expected))] == [utc(text) for text in expected]


@pytest.mark.parametrize("case", HANDOFFS)
def test_at_its_handoff_a_turn_begins_and_a_second_before_it_has_not(case):
    arguments, expected = HANDOFFS[case]
    turning = rotation(*arguments)
    for index, text in enumerate(expected):
        turn = turning.turn_at(utc(text))
        assert (turn.index, turn.member, turn.starts_at) == (index, "abc"[index % 3], utc(text))
        before = turning.turn_at(utc(text) - SECOND)
        assert before is None if index == 0 else (before.index, before.ends_at) == (index - 1, utc(text))


@pytest.mark.parametrize(
    ("zone", "start", "begins"),
    [
        # 02:00 and 03:00 are the same instant: whoever would have had the hour between them has no turn.
        ("America/Chicago", "2026-03-08T00:00", [(0, "06:00"), (1, "07:00"), (3, "08:00"), (4, "09:00")]),
        # From 23:00 of the 29th straight to midnight of the 31st.
        ("Pacific/Apia", "2011-12-29T22:00", [(0, "08:00"), (1, "09:00"), (26, "10:00"), (27, "11:00")]),
    ],
)
def test_a_turn_that_the_clocks_leave_no_time_for_is_left_out(zone, start, begins):
    turning = rotation(zone, start, HOUR)
    first = turning.handoff(0)
    turns = list(turning.turns(first, first + timedelta(hours=4)))
    assert [(turn.index, f"{turn.starts_at:%H:%M}") for turn in turns] == begins
    assert [turning.turn_at(turn.starts_at) for turn in turns] == turns


def test_before_its_start_a_rotation_names_nobody():
    turning = rotation("Europe/London", "2026-06-01T09:00", WEEK)
    assert turning.turn_at(utc("2026-06-01T07:59:59")) is None
    assert turning.turn_at(utc("2026-06-01T08:00")).member == "a"
    assert list(turning.turns(utc("2026-05-01"), utc("2026-06-01T08:00"))) == []


def test_after_the_last_member_comes_the_first_again():
    turning = rotation("UTC", "2026-01-01T00:00", DAY, members="ab")
    turns = list(turning.turns(utc("2026-01-01"), utc("2026-01-05")))
    assert [turn.member for turn in turns] == ["a", "b", "a", "b"]
    assert [turn.index for turn in turns] == [0, 1, 2, 3]


def test_years_after_its_start_a_rotation_still_knows_whose_turn_it_is():
    turning = rotation("UTC", "1990-01-01T00:00", DAY)
    at = utc("2026-06-01T12:00")
    assert turning.turn_at(at).index == (at - utc("1990-01-01")).days


@given(rotations(), st.integers(0, 400))
@settings(max_examples=150, deadline=None)
def test_a_handoff_is_the_first_instant_at_which_the_clock_shows_its_time_or_a_later_one(turning, index):
    assume(turning.unit is not MONTH)  # what its times are on the clock is told in the table
    step = {HOUR: timedelta(hours=1), DAY: timedelta(days=1), WEEK: timedelta(weeks=1)}[turning.unit]
    shown = turning.start + index * turning.length * step
    at = shown.replace(tzinfo=UTC) - timedelta(hours=30)
    while at.astimezone(turning.location).replace(tzinfo=None) < shown:
        at += QUARTER  # every time and every clock change here is on a quarter of an hour
    assert turning.handoff(index) == at


@given(rotations(), st.integers(0, 60 * 96), st.integers(1, 40 * 96))
@settings(max_examples=150, deadline=None)
def test_turns_follow_each_other_without_gap_or_overlap(turning, after, length):
    begin = turning.handoff(0) + after * QUARTER
    end = begin + length * QUARTER
    turns = list(turning.turns(begin, end))
    assert turns[0].starts_at <= begin < turns[0].ends_at
    assert turns[-1].starts_at < end <= turns[-1].ends_at
    assert all(turn.starts_at < turn.ends_at for turn in turns)
    assert [turn.ends_at for turn in turns[:-1]] == [turn.starts_at for turn in turns[1:]]


@given(rotations(), st.integers(0, 60 * 96))
@settings(max_examples=150, deadline=None)
def test_the_turn_at_an_instant_is_the_one_that_is_listed(turning, after):
    begin = turning.handoff(0) + after * QUARTER
    for turn in list(turning.turns(begin, begin + timedelta(days=3)))[:20]:
        middle = turn.starts_at + (turn.ends_at - turn.starts_at) / 2
        for at in (turn.starts_at, turn.starts_at + SECOND, middle, turn.ends_at - SECOND):
            assert turning.turn_at(at) == turn
        assert turning.turn_at(turn.ends_at) != turn


@given(rotations())
def test_a_rotation_is_the_same_after_it_was_stored(turning):
    assert Rotation.from_document(turning.to_document()) == turning


def test_the_seconds_of_a_start_are_stored_too():
    turning = rotation("UTC", "2026-01-01T00:00:30", DAY)
    assert Rotation.from_document(turning.to_document()) == turning


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"members": ()}, "members"),
        ({"members": ("a",) * (MOST_MEMBERS + 1)}, "members"),
        ({"length": 0}, "length"),
        ({"length": MOST_UNITS + 1}, "length"),
        ({"start": utc("2026-01-01")}, "start"),
        ({"start": civil("1969-01-01")}, "start"),
        ({"start": civil("2200-01-01")}, "start"),
    ],
)
def test_a_rotation_that_cannot_be_is_refused(wrong, field):
    fine = {"members": ("a",), "start": civil("2026-01-01"), "location": ZoneInfo("UTC")}
    with pytest.raises(ValueError, match=f"^{field}: "):
        Rotation(**(fine | wrong))


def test_the_longest_turns_reach_from_the_first_year_to_the_last():
    for unit in Unit:
        turning = rotation("UTC", "2199-12-31T00:00", unit, MOST_UNITS)
        assert turning.turn_at(utc("2200-01-01")).index == 0


def test_beyond_all_planning_a_rotation_says_so_and_up_to_there_it_answers():
    for unit in Unit:
        turning = rotation("Pacific/Apia", "2199-12-31T00:00", unit, MOST_UNITS)
        assert turning.turn_at(utc("9000-12-31")).starts_at <= utc("9000-12-31")
        with pytest.raises(ValueError, match=r"^at: "):
            turning.turn_at(datetime.max.replace(tzinfo=UTC))
