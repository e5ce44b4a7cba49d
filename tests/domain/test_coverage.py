"""What is found wrong with schedules before it happens: gaps, empty shifts, people on call twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings

from healthmgr.domain.coverage import SEVERAL_SCHEDULES, Finding, FindingKind, findings
from healthmgr.domain.schedule import Absence, FixedShift, Layer, Override, Schedule, Temporary
from tests.domain.oncall_strategies import QUARTER, schedules


def on(hour: int) -> datetime:
    return datetime(2026, 6, 1, tzinfo=UTC) + timedelta(hours=hour)


def kept(name: str, *shifts: tuple[str, int, int]) -> Schedule:
    """A schedule of shifts that somebody keeps."""
    return Schedule(name, (Layer("kept", shifts=tuple(FixedShift(p, on(a), on(b)) for p, a, b in shifts)),))


def test_a_time_that_no_layer_gives_to_anybody_is_a_gap():
    assert findings([kept("platform", ("ada", 2, 6), ("bob", 8, 24))], on(0), on(24)) == [
        Finding(FindingKind.GAP, Absence.UNASSIGNED.value, ("platform",), on(0), on(2)),
        Finding(FindingKind.GAP, Absence.UNASSIGNED.value, ("platform",), on(6), on(8)),
    ]


def test_a_shift_taken_from_whoever_had_it_is_empty_and_says_by_what():
    schedule = Schedule(
        "platform",
        (Layer("always", people=("ada",)),),
        (Override(on(4), on(6), remove="ada"),),
        (Temporary(on(6), on(9), (FixedShift("bob", on(7), on(9)),)),),
    )
    assert findings([schedule], on(0), on(24)) == [
        Finding(FindingKind.EMPTY_SHIFT, Absence.REMOVED.value, ("platform",), on(4), on(6)),
        Finding(FindingKind.EMPTY_SHIFT, Absence.TEMPORARY.value, ("platform",), on(6), on(7)),
    ]


def test_a_person_on_call_in_two_schedules_at_once_is_booked_twice():
    found = findings(
        [kept("web", ("ada", 0, 8), ("bob", 8, 24)), kept("db", ("bob", 0, 12), ("ada", 12, 24))], on(0), on(24)
    )
    assert found == [Finding(FindingKind.DOUBLE_BOOKING, SEVERAL_SCHEDULES, ("db", "web"), on(8), on(12), "bob")]


def test_each_time_names_all_the_schedules_that_a_person_is_on_call_in():
    found = findings(
        [
            kept("a", ("ada", 0, 24)),
            kept("b", ("ada", 0, 12), ("bob", 12, 24)),
            kept("c", ("bob", 0, 6), ("ada", 6, 24)),
        ],
        on(0),
        on(24),
    )
    assert [(one.schedules, one.starts_at, one.ends_at) for one in found] == [
        (("a", "b"), on(0), on(6)),
        (("a", "b", "c"), on(6), on(12)),
        (("a", "c"), on(12), on(24)),
    ]


def test_shifts_in_two_schedules_that_only_touch_are_no_double_booking():
    assert findings([kept("web", ("ada", 0, 24)), kept("db", ("ada", 24, 48), ("bob", 0, 24))], on(0), on(24)) == []


def test_two_layers_of_one_schedule_that_name_the_same_person_are_no_double_booking():
    schedule = Schedule("web", (Layer("one", people=("ada",)), Layer("two", people=("ada",))))
    assert findings([schedule], on(0), on(24)) == []


def test_what_is_wrong_in_several_schedules_comes_in_the_order_of_time():
    found = findings([kept("web", ("ada", 4, 24)), kept("db", ("ada", 2, 22))], on(0), on(24))
    assert [(one.kind.value, one.schedules, one.starts_at) for one in found] == [
        ("gap", ("db",), on(0)),
        ("gap", ("web",), on(0)),
        ("double_booking", ("db", "web"), on(4)),
        ("gap", ("db",), on(22)),
    ]


@given(schedules(), schedules())
@settings(max_examples=60, deadline=None)
def test_findings_are_exactly_when_nobody_or_somebody_twice_is_on_call(first, second):
    begin = first[1]
    one, two = first[0], Schedule("other", second[0].layers, second[0].overrides, second[0].temporaries)
    found = findings([one, two], begin, begin + timedelta(days=8))
    for quarters in range(0, 8 * 96, 11):
        at = begin + quarters * QUARTER
        holding = [each for each in found if each.starts_at <= at < each.ends_at]
        empty = {each.schedules[0] for each in holding if each.kind is not FindingKind.DOUBLE_BOOKING}
        assert empty == {schedule.name for schedule in (one, two) if not schedule.on_call_at(at)}
        twice = [each.person for each in holding if each.kind is FindingKind.DOUBLE_BOOKING]
        assert sorted(twice) == sorted(set(one.on_call_at(at)) & set(two.on_call_at(at)))
