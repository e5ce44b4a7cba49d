"""The error rate: which results count, how many are remembered, and what a limit on it does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.check import Check, Status
from healthmgr.domain.error_rate import NO_OUTCOMES, SIZE, error_rate, outcome_count, remember_outcome
from healthmgr.domain.result import Result
from healthmgr.domain.threshold import Thresholds
from healthmgr.services.evaluating import Evaluated, Watched, judge_batch
from tests.domain.making import NOW, State, a_check, a_result, statuses, uid


def after(found: Sequence[Status]) -> int:
    outcomes = NO_OUTCOMES
    for status in found:
        outcomes = remember_outcome(outcomes, status)
    return outcomes


@pytest.mark.parametrize(
    ("letters", "rate"),
    [("H", 0), ("U", 100), ("D", 100), ("HU", 50), ("HHHU", 25), ("H?U?", 50), ("?H", 0), ("HHHHHHHHHD", 10)],
)
def test_bad_results_are_counted_and_those_that_could_not_tell_are_left_out(letters: str, rate: float) -> None:
    assert error_rate(after(statuses(letters))) == rate


@pytest.mark.parametrize("letters", ["", "?", "????"])
def test_there_is_no_rate_while_nothing_could_be_told(letters: str) -> None:
    assert error_rate(after(statuses(letters))) is None


@given(st.lists(st.sampled_from([Status.HEALTHY, Status.UNHEALTHY, Status.UNKNOWN]), max_size=330))
def test_the_rate_is_that_of_the_last_hundred(found: list[Status]) -> None:
    last = [status for status in found if status is not Status.UNKNOWN][-SIZE:]
    outcomes = after(found)
    assert outcome_count(outcomes) == len(last)
    expected = 100 * last.count(Status.UNHEALTHY) / len(last) if last else None
    assert error_rate(outcomes) == (None if expected is None else pytest.approx(expected))


def judged(letters: str, check: Check | None = None, **metrics: float) -> Evaluated:
    results = [a_result(s, i, metrics=metrics) for i, s in enumerate(statuses(letters), 1)]
    return judge_batch(results, {uid(1): Watched(check or a_check(), State(), None)}, NOW)


def last(evaluated: Evaluated) -> Result:
    return evaluated.stored[-1]


LIMITED = a_check(
    thresholds=Thresholds.parse({"warning": {"error_rate": "> 20%"}, "critical": {"error_rate": "> 50%"}})
)


def test_every_result_carries_the_rate_that_includes_it() -> None:
    assert [result.metrics["error_rate"] for result in judged("HHUU").stored] == [0, 0, pytest.approx(100 / 3), 50]


@pytest.mark.parametrize(
    ("letters", "status"),
    [
        ("HHHHHHHUUH", "healthy"),  # 20 %: not above
        ("HHHHHHUUUH", "degraded"),
        ("HHHHUUUUUH", "degraded"),  # 50 %
        ("HHHUUUUUUH", "unhealthy"),
        ("UUUUUUUUH", "healthy"),  # of nine results nothing is concluded yet
    ],
)
def test_a_limit_on_the_rate_makes_a_good_result_bad(letters: str, status: str) -> None:
    assert last(judged(letters, LIMITED)).status == status


def test_a_rate_that_was_too_high_falls_again() -> None:
    evaluated = judged("UUUUUHHHHH" + "H" * 15, LIMITED)
    assert [r.status.value for r in evaluated.stored][9] == "degraded"
    assert last(evaluated).status is Status.HEALTHY
    assert last(evaluated).metrics["error_rate"] == 20.0


def test_crossing_the_limit_is_told_in_the_message() -> None:
    assert last(judged("HHHHHHUUUH", LIMITED)).message == "error_rate 30 > 20% (as measured)"


def test_a_check_type_that_measures_an_error_rate_keeps_its_own() -> None:
    evaluated = judged("H", LIMITED, error_rate=60.0)
    assert (last(evaluated).metrics, last(evaluated).status) == ({"error_rate": 60.0}, Status.UNHEALTHY)


def test_a_check_that_begins_anew_begins_with_an_empty_ring() -> None:
    state = State(outcomes=after(statuses("UUUU")))
    evaluated = judge_batch([a_result(Status.HEALTHY)], {uid(1): Watched(a_check(), state, None)}, NOW)
    assert last(evaluated).metrics == {"error_rate": 0.0}
