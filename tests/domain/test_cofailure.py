"""Dependencies learned from what fails after what: what is there is found, coincidences and storms are not."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from healthmgr.domain.cascade import Edge, Graph
from healthmgr.domain.cofailure import LOOKS_BACK, Failure, outages, suggest, worth_learning
from tests.domain.making import NOW

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BEGIN = NOW - LOOKS_BACK


def at(hours: float, seconds: float = 0) -> datetime:
    return BEGIN + timedelta(hours=hours, seconds=seconds)


def together(parent: str, child: str, times: int = 6, lag: float = 20, first_hour: float = 1) -> list[Failure]:
    """The child fails after the parent, this many times."""
    return [
        failure
        for number in range(times)
        for failure in (
            Failure(parent, at(first_hour + 50 * number)),
            Failure(child, at(first_hour + 50 * number, lag + number)),
        )
    ]


def pairs(failures: list[Failure], graph: Graph | None = None) -> set[tuple[str, str]]:
    return {(each.parent, each.child) for each in suggest(failures, graph or Graph({}), LOOKS_BACK)}


def test_what_always_fails_after_something_may_hang_on_it():
    (found,) = suggest(together("database", "api"), Graph({}), LOOKS_BACK)
    assert (found.parent, found.child, found.together, found.confidence) == ("database", "api", 6, 1.0)
    assert found.lift > 100
    assert found.lag == timedelta(seconds=22.5)


def test_three_times_are_too_few():
    assert pairs(together("database", "api", times=3)) == set()


def test_what_often_fails_alone_takes_nothing_with_it():
    alone = [Failure("database", at(20 + 30 * number)) for number in range(10)]
    assert pairs([*together("database", "api"), *alone]) == set()


def test_a_child_may_also_fail_by_itself():
    alone = [Failure("api", at(20 + 30 * number)) for number in range(10)]
    assert pairs([*together("database", "api"), *alone]) == {("database", "api")}


def test_what_fails_all_the_time_fails_after_everything_by_chance():
    noise = [Failure("flaky", BEGIN + 7 * MINUTE * number) for number in range(5700)]
    assert pairs([*together("database", "api"), *noise]) == {("database", "api")}


def test_without_an_order_there_is_no_direction():
    both = [
        f
        for n in range(8)
        for f in (Failure("a", at(50 * n, 10 * (n % 2))), Failure("b", at(50 * n, 10 - 10 * (n % 2))))
    ]
    assert pairs(both) == set()


def test_what_is_declared_is_not_suggested_nor_what_it_explains():
    declared = Graph({}, {"api": [Edge("database")], "web": [Edge("api")]})
    failures = [*together("database", "api"), *together("database", "web", lag=60)]
    assert pairs(failures, declared) == set()


def test_siblings_under_a_declared_parent_are_not_taken_for_each_others():
    declared = Graph({}, {"one": [Edge("host")], "two": [Edge("host")]})
    failures = [*together("host", "one", lag=10), *together("host", "two", lag=40)]
    assert pairs(failures, declared) == set()


def test_of_a_chain_only_the_links_are_suggested():
    failures = [*together("host", "database", lag=10), *together("host", "api", lag=40)]
    assert pairs(failures) == {("host", "database"), ("database", "api")}


def test_no_suggestion_closes_a_circle():
    declared = Graph({}, {"database": [Edge("api")]})
    assert pairs(together("database", "api"), declared) == set()


def test_a_storm_teaches_nothing():
    storm = [Failure(f"c{number}", at(100 * turn, number / 10)) for turn in range(6) for number in range(100)]
    assert pairs(storm) == set()


def test_planned_work_and_outages_of_the_monitor_teach_nothing():
    failures = together("database", "api")
    planned = {"api": [(at(0), at(400))]}
    assert worth_learning(failures, [], planned) == [failure for failure in failures if failure.slug == "database"]
    blind = [(at(0.5), at(0.95)), (at(50), at(50.99))]
    kept = worth_learning(failures, blind, {})
    assert len(kept) == len(failures) - 4


def test_an_outage_of_the_monitor_is_a_time_without_any_result():
    heard = [NOW + MINUTE * number for number in (0, 1, 2, 9, 10)]
    assert outages(heard, 5 * MINUTE) == [(NOW + 2 * MINUTE, NOW + 9 * MINUTE)]
    assert outages([], 5 * MINUTE) == []


@pytest.mark.parametrize("seed", range(6))
def test_true_dependencies_are_found_in_a_noisy_month(seed):
    """Forty checks, twelve true dependencies, each followed nine times of ten; every check also fails on its own."""
    chance = random.Random(seed)
    truth = [(f"p{number}", f"c{number}") for number in range(12)]
    failures, followed = [], Counter()
    for parent, child in truth * 8:
        began = BEGIN + LOOKS_BACK * chance.random()
        failures.append(Failure(parent, began))
        if chance.random() < 0.9:
            followed[parent, child] += 1
            failures.append(Failure(child, began + timedelta(seconds=chance.uniform(5, 120))))
    failures += [Failure(f"c{number % 40}", BEGIN + LOOKS_BACK * chance.random()) for number in range(240)]
    found = pairs(failures)
    assert found >= {pair for pair, times in followed.items() if times >= 7}
    assert found <= set(truth)
