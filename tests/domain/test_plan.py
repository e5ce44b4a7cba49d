"""Who is told of an incident, and when again: legs with cadences of their own, frozen as a document."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from healthmgr.domain.check import Severity
from healthmgr.domain.plan import Course, Leg, Plan, Target
from tests.domain.making import NOW

MINUTE = timedelta(minutes=1)
ALICE, BOB = Target("alice", "mail", "alice@example.com"), Target("bob", "mail", "bob@example.com")
HOOK = Target("ops", "hook", "")


def leg(route: str, *targets: Target, minutes: float = 35, **over: object) -> Leg:
    return Leg(route, targets, minutes * MINUTE, **over)


DEFAULT = leg("default", HOOK, minutes=245)
FAST, SLOW = leg("fast", ALICE, minutes=10), leg("slow", BOB, minutes=60)


@pytest.mark.parametrize(
    ("severity", "targets"),
    [(Severity.CRITICAL, (ALICE, HOOK)), (Severity.HIGH, (HOOK,)), (Severity.LOW, (HOOK,))],
)
def test_a_severity_whose_course_is_missing_or_reaches_nobody_goes_to_the_catch_all(severity, targets):
    plan = Plan({Severity.CRITICAL: Course((leg("a", ALICE, HOOK),)), Severity.LOW: Course((leg("b"),))}, DEFAULT)
    assert plan.course(severity).targets == targets


def test_a_course_that_reaches_nobody_keeps_its_interval():
    plan = Plan({Severity.LOW: Course((leg("b"),), 2 * MINUTE)}, DEFAULT)
    assert plan.course(Severity.LOW) == Course((DEFAULT,), 2 * MINUTE)


def test_who_is_on_two_legs_is_told_once():
    assert Course((leg("a", ALICE, BOB), leg("b", BOB, HOOK))).targets == (ALICE, BOB, HOOK)


# ---- when again -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told_at", "closed", "expected"),
    [
        ({"fast": NOW, "slow": NOW}, {}, NOW + 10 * MINUTE),
        ({"fast": NOW, "slow": NOW - 55 * MINUTE}, {}, NOW + 5 * MINUTE),
        # One that was never told counts from now.
        ({"slow": NOW}, {}, NOW + 10 * MINUTE),
        ({}, {}, NOW + 10 * MINUTE),
        # One that is overdue is due now, and not in the past.
        ({"fast": NOW - 60 * MINUTE, "slow": NOW}, {}, NOW),
        # One that holds its peace is due when that ends, also before its cadence and after it.
        ({"fast": NOW, "slow": NOW}, {"fast": NOW + 3 * MINUTE}, NOW + 3 * MINUTE),
        ({"fast": NOW, "slow": NOW}, {"fast": NOW + 300 * MINUTE}, NOW + 60 * MINUTE),
        # One that holds its peace for good is looked at again at its cadence.
        ({"fast": NOW, "slow": NOW}, {"fast": None}, NOW + 10 * MINUTE),
        ({"fast": NOW, "slow": NOW}, {"fast": None, "slow": NOW + MINUTE}, NOW + MINUTE),
    ],
)
def test_the_next_round_is_that_of_the_leg_whose_turn_comes_first(told_at, closed, expected):
    assert Course((FAST, SLOW)).next_round_at(told_at, closed, NOW) == expected


def test_a_course_without_legs_is_looked_at_all_the_same():
    assert Course(()).next_round_at({}, {}, NOW) == NOW + timedelta(hours=4, minutes=5)


@pytest.mark.parametrize(
    ("told_at", "legs"),
    [
        ({"fast": NOW - 10 * MINUTE, "slow": NOW - 10 * MINUTE}, (FAST,)),
        ({"fast": NOW - 60 * MINUTE, "slow": NOW - 60 * MINUTE}, (FAST, SLOW)),
        ({"fast": NOW - MINUTE}, (SLOW,)),
        # Asked for ahead of its time, a round is everybody's.
        ({"fast": NOW - MINUTE, "slow": NOW - MINUTE}, (FAST, SLOW)),
    ],
)
def test_a_round_is_told_on_the_legs_whose_turn_it_is(told_at, legs):
    assert Course((FAST, SLOW)).due_legs(told_at, NOW) == legs


# ---- the end ----------------------------------------------------------------------------------------


def test_the_end_is_kept_from_those_alone_whose_every_route_says_so():
    quiet, loud = leg("quiet", ALICE, BOB, sends_resolved=False), leg("loud", BOB)
    plan = Plan({Severity.HIGH: Course((quiet,)), Severity.CRITICAL: Course((quiet, loud))}, DEFAULT)
    assert [plan.hears_of_the_end(target) for target in (ALICE, BOB)] == [False, True]
    assert plan.hears_of_the_end(HOOK), "who was told in somebody's place hears of the end as well"


# ---- frozen -----------------------------------------------------------------------------------------


def test_a_plan_is_read_as_it_was_written():
    rich = leg("r", ALICE, HOOK, receiver="team", sends_resolved=False, mute_during=("night",), active_during=("day",))
    plan = Plan({Severity.CRITICAL: Course((rich, SLOW), 2 * MINUTE), Severity.LOW: Course(())}, DEFAULT)
    assert Plan.from_document(json.loads(json.dumps(plan.to_document()))) == plan
