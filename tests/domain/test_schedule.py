"""Schedules: who is on call out of layers, overrides and temporary schedules, and the same told as shifts."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from healthmgr.domain.rotation import Rotation, Unit
from healthmgr.domain.schedule import (
    MOST_CHANGES,
    Absence,
    FixedShift,
    Layer,
    Override,
    Schedule,
    Span,
    Temporary,
)
from healthmgr.domain.timewindow import TimeInterval, parse_time_interval
from tests.domain.oncall_strategies import QUARTER, schedules

SECOND = timedelta(seconds=1)
WEEK = timedelta(days=8)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def on(hour: int) -> datetime:
    """An hour of the first of June 2026, in UTC."""
    return utc("2026-06-01") + timedelta(hours=hour)


def always(*people: str, priority: int = 0) -> Layer:
    return Layer("always", people=people, priority=priority)


def shift(person: str, begin: int, end: int) -> FixedShift:
    return FixedShift(person, on(begin), on(end))


def office(zone: str, start: str, end: str, members: str) -> Layer:
    """A weekly rotation during some hours of a zone."""
    hours = parse_time_interval({"times": [{"start_time": start, "end_time": end}], "location": zone})
    turning = Rotation(tuple(members.split()), datetime.fromisoformat("2025-12-01T00:00"), ZoneInfo(zone), Unit.WEEK)
    return Layer(zone, rotation=turning, hours=(hours,))


# As GoAlert has it: what is on call without, the overrides from 8 to 16 o'clock, and who is on call at noon.
OVERRIDES = [
    (("ada",), [("bob", "")], ("ada", "bob")),
    ((), [("bob", "")], ("bob",)),
    (("ada",), [("ada", "")], ("ada",)),
    (("ada", "bob"), [("", "ada")], ("bob",)),
    (("ada",), [("", "ada")], ()),
    (("ada",), [("", "bob")], ("ada",)),
    (("ada",), [("bob", "ada")], ("bob",)),
    (("ada", "bob"), [("cleo", "ada")], ("cleo", "bob")),
    (("ada", "bob"), [("bob", "ada")], ("bob",)),
    (("ada",), [("cleo", "bob")], ("ada",)),
    ((), [("cleo", "bob")], ()),
    (("ada",), [("bob", "ada"), ("cleo", "bob")], ("cleo",)),
    (("ada",), [("bob", ""), ("", "ada")], ("bob",)),
]


@pytest.mark.parametrize(("people", "changes", "expected"), OVERRIDES)
def test_an_override_adds_removes_or_replaces_while_it_holds(people, changes, expected):
    overrides = tuple(Override(on(8), on(16), add=added, remove=removed) for added, removed in changes)
    schedule = Schedule("platform", (always(*people),), overrides)
    assert schedule.on_call_at(on(12)) == expected
    assert schedule.on_call_at(on(8)) == expected
    assert schedule.on_call_at(on(16) - SECOND) == expected
    assert schedule.on_call_at(on(8) - SECOND) == people
    assert schedule.on_call_at(on(16)) == people


def test_of_the_layers_that_name_somebody_those_of_the_highest_priority_hold():
    schedule = Schedule(
        "platform",
        (
            always("ada"),
            Layer("holidays", shifts=(shift("bob", 4, 8), shift("cleo", 6, 10)), priority=2),
            Layer("more", people=("dan",), priority=2, starts_at=on(9), ends_at=on(12)),
        ),
    )
    told = {hour: schedule.on_call_at(on(hour)) for hour in (3, 5, 7, 9, 11, 12)}
    assert told == {
        3: ("ada",),
        5: ("bob",),
        7: ("bob", "cleo"),
        9: ("cleo", "dan"),
        11: ("dan",),
        12: ("ada",),
    }


def test_a_temporary_schedule_holds_instead_of_layers_and_overrides():
    schedule = Schedule(
        "platform",
        (always("ada"),),
        (Override(on(0), on(24), add="bob"), Override(on(0), on(24), add="dan", remove="cleo")),
        (Temporary(on(8), on(16), (shift("cleo", 6, 12),)),),
    )
    assert schedule.spans(on(0), on(24)) == [
        Span(on(0), on(8), ("ada", "bob")),
        Span(on(8), on(12), ("cleo",)),
        Span(on(12), on(16), (), Absence.TEMPORARY),
        Span(on(16), on(24), ("ada", "bob")),
    ]


def test_of_temporary_schedules_that_overlap_the_last_one_holds():
    early, late = Temporary(on(0), on(8), (shift("ada", 0, 8),)), Temporary(on(4), on(12), (shift("bob", 0, 12),))
    assert Schedule("platform", temporaries=(early, late)).on_call_at(on(6)) == ("bob",)
    assert Schedule("platform", temporaries=(late, early)).on_call_at(on(6)) == ("ada",)


def test_a_span_without_people_says_why():
    schedule = Schedule(
        "platform",
        (Layer("kept", shifts=(shift("ada", 2, 6),)),),
        (Override(on(4), on(5), remove="ada"),),
    )
    assert schedule.spans(on(0), on(8)) == [
        Span(on(0), on(2), (), Absence.UNASSIGNED),
        Span(on(2), on(4), ("ada",)),
        Span(on(4), on(5), (), Absence.REMOVED),
        Span(on(5), on(6), ("ada",)),
        Span(on(6), on(8), (), Absence.UNASSIGNED),
    ]


def test_shifts_that_touch_are_told_as_one_and_are_cut_at_what_was_asked():
    kept = Layer("kept", shifts=(shift("ada", 0, 4), shift("ada", 4, 8), shift("bob", 6, 9), shift("ada", 9, 10)))
    assert Schedule("platform", (kept,)).shifts(on(1), on(10)) == [
        shift("ada", 1, 8),
        shift("bob", 6, 9),
        shift("ada", 9, 10),
    ]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        # In June each hands over to the next.
        ("2026-06-03", [("00:00", "syd"), ("06:00", "lon"), ("14:00", "chi"), ("22:00", "syd")]),
        # In January Sydney is an hour earlier, and London and Chicago an hour later: a gap, and two at once.
        ("2026-01-07", [("00:00", "syd"), ("05:00", ""), ("07:00", "lon"), ("15:00", "chi"),
                        ("21:00", "syd chi"), ("23:00", "syd")]),
        # On 8 March Chicago goes to summer time by itself.
        ("2026-03-09", [("00:00", "syd"), ("05:00", ""), ("07:00", "lon"), ("14:00", "lon chi"), ("15:00", "chi"),
                        ("21:00", "syd chi"), ("22:00", "syd")]),
    ],
)  # fmt: skip
def test_three_offices_follow_the_sun_each_on_its_own_clock(day, expected):
    schedule = Schedule(
        "sun",
        (
            office("Australia/Sydney", "08:00", "16:00", "syd"),
            office("Europe/London", "07:00", "15:00", "lon"),
            office("America/Chicago", "09:00", "17:00", "chi"),
        ),
    )
    spans = schedule.spans(utc(day), utc(day) + timedelta(days=1))
    assert [(f"{span.starts_at:%H:%M}", " ".join(span.people)) for span in spans] == expected


def test_in_a_week_of_the_sun_the_members_of_each_office_take_turns():
    schedule = Schedule(
        "sun",
        (
            office("Australia/Sydney", "08:00", "16:00", "syd1 syd2"),
            office("America/Chicago", "09:00", "17:00", "chi1 chi2"),
        ),
    )
    # Sunday to Monday, 7 to 8 June 2026, in the 27th week: Sydney's Monday begins while Chicago has Sunday.
    shifts = schedule.shifts(utc("2026-06-07T12:00"), utc("2026-06-09T00:00"))
    assert [(f"{one.starts_at:%a %H:%M}", f"{one.ends_at:%a %H:%M}", one.person) for one in shifts] == [
        ("Sun 14:00", "Sun 22:00", "chi1"),
        ("Sun 22:00", "Mon 06:00", "syd2"),
        ("Mon 14:00", "Mon 22:00", "chi2"),
        ("Mon 22:00", "Tue 00:00", "syd2"),
    ]


def test_each_weekday_can_have_a_person_of_its_own():
    days = {"ada": ((1, 5),), "bob": ((6, 0),)}
    location = ZoneInfo("Europe/London")
    layers = tuple(
        Layer(name, people=(name,), hours=(TimeInterval(weekdays=weekdays, location=location),))
        for name, weekdays in days.items()
    )
    # Midnight in London is 23:00 UTC in June; 5 June 2026 is a Friday.
    assert Schedule("week", layers).shifts(utc("2026-06-05"), utc("2026-06-09")) == [
        FixedShift("ada", utc("2026-06-05"), utc("2026-06-05T23:00")),
        FixedShift("bob", utc("2026-06-05T23:00"), utc("2026-06-07T23:00")),
        FixedShift("ada", utc("2026-06-07T23:00"), utc("2026-06-09")),
    ]


def modelled(schedule: Schedule, at: datetime) -> set[str]:
    """Who is on call, worked out with sets from what a schedule is said to be."""
    holding = [each for each in schedule.temporaries if each.starts_at <= at < each.ends_at]
    if holding:
        return {one.person for one in holding[-1].shifts if one.starts_at <= at < one.ends_at}
    by_priority: dict[int, set[str]] = {}
    for layer in schedule.layers:
        begun = layer.starts_at is None or layer.starts_at <= at
        in_hours = not layer.hours or any(interval.contains(at) for interval in layer.hours)
        if begun and in_hours and (layer.ends_at is None or at < layer.ends_at):
            by_priority.setdefault(layer.priority, set()).update(named_by(layer, at))
    people = next((by_priority[each] for each in sorted(by_priority, reverse=True) if by_priority[each]), set())
    for override in schedule.overrides:
        if override.starts_at <= at < override.ends_at and (
            not (override.add and override.remove) or override.remove in people
        ):
            people = (people - {override.remove}) | ({override.add} - {""})
    return people


def named_by(layer: Layer, at: datetime) -> set[str]:
    names = {*layer.people, *(one.person for one in layer.shifts if one.starts_at <= at < one.ends_at)}
    if layer.rotation is not None and layer.rotation.handoff(0) <= at:
        index = 0
        while layer.rotation.handoff(index + 1) <= at:
            index += 1
        names.add(layer.rotation.members[index % len(layer.rotation.members)])
    return names


@given(schedules())
@settings(max_examples=100, deadline=None)
def test_at_every_instant_those_are_on_call_whom_layers_overrides_and_temporary_schedules_mean(given_schedule):
    schedule, begin = given_schedule
    for hours in range(0, 8 * 24, 7):
        at = begin + timedelta(hours=hours, minutes=15 * (hours % 4))
        assert set(schedule.on_call_at(at)) == modelled(schedule, at)


@given(schedules())
@settings(max_examples=100, deadline=None)
def test_spans_cover_what_was_asked_and_say_what_holds_within_them(given_schedule):
    schedule, begin = given_schedule
    spans = schedule.spans(begin, begin + WEEK)
    assert (spans[0].starts_at, spans[-1].ends_at) == (begin, begin + WEEK)
    assert [span.ends_at for span in spans[:-1]] == [span.starts_at for span in spans[1:]]
    for before, after in pairwise(spans):
        assert (before.people, before.absence) != (after.people, after.absence)
    for span in spans:
        assert span.starts_at < span.ends_at
        assert bool(span.people) is (span.absence is None)
        for at in (span.starts_at, span.starts_at + SECOND, span.ends_at - SECOND):
            assert schedule.on_call_at(at) == span.people
    for quarters in range(0, 8 * 96, 13):
        at = begin + quarters * QUARTER
        assert schedule.on_call_at(at) == next(span.people for span in spans if span.starts_at <= at < span.ends_at)


@given(schedules())
@settings(max_examples=100, deadline=None)
def test_the_shifts_listed_agree_with_who_is_on_call(given_schedule):
    schedule, begin = given_schedule
    end = begin + WEEK
    shifts = schedule.shifts(begin, end)
    instants = {
        at for one in shifts for edge in (one.starts_at, one.ends_at) for at in (edge - SECOND, edge, edge + SECOND)
    }
    instants |= {begin + quarters * QUARTER for quarters in range(0, 8 * 96, 29)}
    for at in instants:
        if begin <= at < end:
            assert set(schedule.on_call_at(at)) == {one.person for one in shifts if one.contains(at)}
    for person in {one.person for one in shifts}:
        own = [one for one in shifts if one.person == person]
        assert all(before.ends_at < after.starts_at for before, after in pairwise(own))


@given(schedules())
@settings(max_examples=50, deadline=None)
def test_the_parts_of_a_schedule_are_the_same_after_they_were_stored(given_schedule):
    schedule, _ = given_schedule
    for parts, kind in ((schedule.layers, Layer), (schedule.overrides, Override), (schedule.temporaries, Temporary)):
        for part in parts:
            assert kind.from_document(json.loads(json.dumps(part.to_document()))) == part


def test_a_year_of_an_hourly_rotation_is_told_in_half_a_second():
    turning = Rotation(
        ("ada", "bob", "cleo"), datetime.fromisoformat("2025-01-01T00:00"), ZoneInfo("America/Chicago"), Unit.HOUR
    )
    schedule = Schedule("platform", (Layer("hourly", turning),))
    begin = utc("2026-01-01")
    took = []
    for _ in range(3):
        started = time.process_time()
        shifts = schedule.shifts(begin, begin + timedelta(days=365))
        took.append(time.process_time() - started)
    assert len(shifts) == 365 * 24 - 1  # two hours of November are one turn
    assert min(took) < 0.5


def test_more_changes_than_can_be_told_are_refused():
    turning = Rotation(("ada", "bob"), datetime.fromisoformat("2026-01-01T00:00"), ZoneInfo("UTC"), Unit.HOUR)
    schedule = Schedule("platform", (Layer("hourly", turning),))
    begin = utc("2026-01-01")
    assert len(schedule.shifts(begin, begin + timedelta(hours=MOST_CHANGES))) == MOST_CHANGES
    with pytest.raises(ValueError, match="shorter time"):
        schedule.shifts(begin, begin + timedelta(hours=MOST_CHANGES + 10))


def test_changes_outside_of_what_was_asked_do_not_count_as_too_many():
    kept = tuple(FixedShift("ada", on(2 * hour), on(2 * hour + 1)) for hour in range(MOST_CHANGES))
    assert len(Schedule("platform", (Layer("kept", shifts=kept),)).shifts(on(0), on(24))) == 12


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: FixedShift("ada", on(2), on(2)),
        lambda: Override(on(2), on(1), add="ada"),
        lambda: Override(on(1), on(2)),
        lambda: Temporary(on(2), on(2)),
        lambda: Schedule("platform").spans(on(2), on(2)),
    ],
)
def test_times_that_end_before_they_begin_and_overrides_of_nobody_are_refused(wrong):
    with pytest.raises(ValueError, match=r"^(ends_at|add|end): "):
        wrong()
