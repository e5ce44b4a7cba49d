"""A batch of results, judged: what is stored, what changes, in which order, and what a poisonous result costs."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.alert import AlertReason, Amend, Close, Open, OpenAlert
from healthmgr.domain.check import Check, Severity, Status
from healthmgr.domain.dispatch import Due, Work
from healthmgr.domain.error_rate import NO_OUTCOMES
from healthmgr.domain.result import Result
from healthmgr.domain.state import State
from healthmgr.domain.threshold import Thresholds
from healthmgr.errors import Unavailable
from healthmgr.services import evaluating
from healthmgr.services.evaluating import Evaluated, Evaluating, Watched, judge_batch
from tests.domain.making import MINUTE, NOW, D, H, N, U, a_check, a_result, after, follow, statuses, uid


def results(letters: str, *, start: int = 1, check: int = 1) -> list[Result]:
    """Results of one check, numbered from `start`."""
    return [a_result(status, i, check_id=uid(check)) for i, status in enumerate(statuses(letters), start)]


def watch(
    check: Check | None = None, state: State | None = None, alert: OpenAlert | None = None
) -> dict[UUID, Watched]:
    check = check or a_check()
    return {check.id: Watched(check, state or State(), alert)}


def judge(batch: Iterable[Result], watched: Mapping[UUID, Watched] | None = None) -> Evaluated:
    return judge_batch(list(batch), watched or watch(), NOW)


# ---- thresholds make a result worse, never better ---------------------------------------------------

LIMITS = Thresholds.parse({"warning": {"response_time": "> 1s"}, "critical": {"response_time": "> 5s"}})


@pytest.mark.parametrize(
    ("status", "seconds", "judged"),
    [
        (H, 0.5, H),
        (H, 2.0, D),
        (H, 9.0, U),
        (D, 0.5, D),
        (D, 2.0, D),
        (D, 9.0, U),
        (U, 0.5, U),
        (U, 2.0, U),
        (N, 0.5, N),
        (N, 9.0, N),
    ],
)
def test_thresholds_make_a_result_worse_and_leave_unknown_what_it_is(status, seconds, judged):
    evaluated = judge([a_result(status, response_time=seconds)], watch(a_check(thresholds=LIMITS)))
    assert [r.status for r in evaluated.stored] == [judged]
    assert evaluated.latest[uid(1)][0].status is judged


@pytest.mark.parametrize(
    ("seconds", "message", "told"),
    [
        (0.5, "200 OK", "200 OK"),
        (2.0, "200 OK", "response_time 2 > 1s (200 OK)"),
        (9.0, "200 OK", "response_time 9 > 5s (200 OK)"),
        (9.0, "", "response_time 9 > 5s"),
    ],
)
def test_the_message_tells_the_threshold_that_decided(seconds, message, told):
    evaluated = judge([a_result(response_time=seconds, message=message)], watch(a_check(thresholds=LIMITS)))
    assert evaluated.stored[0].message == told
    assert evaluated.latest[uid(1)][1] is evaluated.stored[0]


def test_a_check_that_is_too_slow_for_long_enough_is_an_alert():
    slow = [a_result(H, i, response_time=7.2) for i in range(1, 4)]
    (move,) = judge(slow, watch(a_check(thresholds=LIMITS))).alert_moves
    assert move.decision == Open(Severity.HIGH, AlertReason.HARD_CHANGE)
    assert move.result.message == "response_time 7.2 > 5s (as measured)"


# ---- the order is that of the sequence numbers ------------------------------------------------------


@given(st.text("HDU?", min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_a_batch_in_any_order_is_judged_by_its_sequence_numbers(letters, chance: random.Random):
    shuffled = results(letters)
    chance.shuffle(shuffled)
    evaluated = judge(shuffled)
    assert replace(evaluated.latest[uid(1)][0], outcomes=NO_OUTCOMES) == follow(letters)[-1].new
    assert [change.new.last_sequence for _, change, _ in evaluated.transitions] == [
        c.new.last_sequence for c in follow(letters) if c.is_transition
    ]


def test_a_workers_clock_orders_nothing():
    early, late = a_result(U, 2, started_at=NOW - MINUTE), a_result(H, 1, started_at=NOW + MINUTE)
    state, result = judge([late, early]).latest[uid(1)]
    assert state.status is U
    assert (result.sequence, result.started_at) == (early.sequence, early.started_at)


@pytest.mark.parametrize("sequence", [1, 4, 5])
def test_a_result_that_is_not_above_the_last_evaluated_is_stored_and_changes_nothing(sequence):
    state = replace(after("HHHHH"), last_sequence=5)
    evaluated = judge([a_result(U, sequence)], watch(state=state))
    assert evaluated == Evaluated(stored=[a_result(U, sequence)])


def test_of_two_results_with_one_sequence_number_in_a_batch_the_first_counts():
    evaluated = judge([a_result(U, 1), a_result(H, 1)], watch(a_check(max_attempts=1)))
    assert len(evaluated.stored) == 2
    assert evaluated.latest[uid(1)][0].status is U
    assert len(evaluated.alert_moves) == 1


def test_a_batch_twice_over_is_the_same_as_once():
    once = judge(results("HUU"))
    state, _ = once.latest[uid(1)]
    assert judge(results("HUU"), watch(state=state)) == Evaluated(stored=results("HUU"))


@given(st.text("HDU?", min_size=2, max_size=20), st.integers(1, 19), st.integers(1, 4))
def test_where_a_row_of_results_is_cut_into_batches_makes_no_difference(letters, cut, max_attempts):
    check = a_check(max_attempts=max_attempts, detects_flapping=True)
    whole = judge(results(letters), watch(check))
    first = judge(results(letters)[:cut], watch(check))
    state, _ = first.latest[uid(1)]
    moved = first.alert_moves[-1] if first.alert_moves else None
    alert = None
    if moved and not isinstance(moved.decision, Close):
        alert = OpenAlert(uid(9), moved.decision.severity, moved.result.status, moved.decision.is_flapping)
    second = judge(results(letters)[cut:], watch(check, state, alert))
    assert [m.decision for m in whole.alert_moves] == [m.decision for m in (*first.alert_moves, *second.alert_moves)]
    assert whole.latest == first.latest | second.latest


# ---- which checks ------------------------------------------------------------------------------------


def test_results_of_unknown_checks_are_left_out_and_harm_no_others():
    evaluated = judge([*results("U", check=8), *results("H")])
    assert [(r.check_id, r.sequence) for r in evaluated.stored] == [(uid(1), 1)]
    assert set(evaluated.latest) == {uid(1)}


@pytest.mark.parametrize("over", [{"is_paused": True}, {"is_enabled": False}])
def test_results_of_a_check_that_is_not_watched_are_stored_and_change_nothing(over):
    evaluated = judge(results("UUUU"), watch(a_check(**over)))
    assert evaluated == Evaluated(stored=results("UUUU"))


def test_results_of_several_checks_do_not_mix():
    both = watch(a_check()) | watch(a_check(id=uid(2), slug="web", max_attempts=1))
    one, other = results("HUU"), results("HUU", check=2)
    evaluated = judge([r for pair in zip(one, other, strict=True) for r in pair], both)
    of_one, of_other = (replace(evaluated.latest[uid(n)][0], outcomes=NO_OUTCOMES) for n in (1, 2))
    assert of_one == after("HUU")
    assert of_other == after("HUU", max_attempts=1)
    assert [move.watched.check.slug for move in evaluated.alert_moves] == ["web"]


# ---- what follows ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("letters", "is_rechecked"),
    [("H", False), ("HU", True), ("HUU", True), ("HUUU", False), ("HUH", False), ("U", True)],
)
def test_a_soft_failure_is_rechecked_after_the_retry_interval_and_nothing_else_is(letters, is_rechecked):
    retries = judge(results(letters), watch(a_check(retry_interval=timedelta(seconds=3)))).retry_at
    assert retries == ({uid(1): NOW + timedelta(seconds=3)} if is_rechecked else {})


@pytest.mark.parametrize(
    ("letters", "asks"), [("H", False), ("HU", True), ("U", True), ("?", True), ("HUUU", True), ("HH", False)]
)
def test_the_parents_of_a_check_that_begins_to_fail_are_asked_for(letters, asks):
    assert judge(results(letters)).newly_bad == ({uid(1)} if asks else set())


def test_the_parents_are_not_asked_for_again_with_every_bad_result():
    state = after("HUUU")
    evaluated = judge(results("UU", start=5), watch(state=state, alert=open_alert()))
    assert evaluated.newly_bad == set()


def test_transitions_and_alert_moves_carry_the_result_that_made_them():
    evaluated = judge(results("HUUUDH"))
    assert [(change.reason, result.sequence) for _, change, result in evaluated.transitions] == [
        ("first_result", 1),
        ("soft_change", 2),
        ("hard_change", 4),
        ("hard_change", 5),
        ("recovered", 6),
    ]
    assert [(move.decision, move.result.sequence) for move in evaluated.alert_moves] == [
        (Open(Severity.HIGH, AlertReason.HARD_CHANGE), 4),
        (Amend(Severity.MEDIUM, AlertReason.EASED, is_told=False), 5),
        (Close(AlertReason.RECOVERED), 6),
    ]


def open_alert(**over: object) -> OpenAlert:
    given = {"id": uid(9), "severity": Severity.HIGH, "status": U, "is_flapping": False}
    return OpenAlert(**(given | over))


def test_an_alert_that_opens_names_its_labels_and_itself():
    (move,) = judge(results("HUUU"), watch(a_check(service="shop"))).alert_moves
    assert move.labels == {"check": "api", "service": "shop"}
    assert len(move.fingerprint) == 32


# ---- a poisonous result ------------------------------------------------------------------------------


class Shelf:
    """A store that takes what it is given, but for a result that no row can hold."""

    def __init__(self, poison: set[int], is_away: bool = False) -> None:
        self.poison, self.is_away = poison, is_away
        self.kept: list[int] = []

    @contextmanager
    def begin(self) -> Iterator[Shelf]:
        if self.is_away:
            raise Unavailable
        yield self

    def lock(self, check_ids: Iterable[UUID], now: object) -> Mapping[UUID, Watched]:
        return {i: Watched(a_check(id=i, slug=f"check-{i.int}"), State(), None) for i in check_ids}

    def write(self, evaluated: Evaluated, now: object) -> list[Due]:
        numbers = [result.check_id.int for result in evaluated.stored]
        if self.poison & set(numbers):
            raise ValueError("a result that no row can hold")
        self.kept += numbers
        return [Due(Work.DISPATCH, str(number), 1, NOW) for number in numbers]


BATCH = [a_result(Status.HEALTHY, check_id=uid(number)) for number in range(1, 21)]


@pytest.mark.parametrize("poison", [set(), {1}, {20}, {7}, {3, 4}, {1, 10, 11, 20}, set(range(1, 21))])
def test_a_batch_is_split_until_the_poisonous_results_stand_alone(poison, monkeypatch):
    shelf = Shelf(poison)
    # A fresh logger: one that has been used before may be bound to where it wrote then.
    monkeypatch.setattr(evaluating, "log", structlog.get_logger())
    with structlog.testing.capture_logs() as logs:
        dues = Evaluating(shelf).evaluate(BATCH, NOW)
    healthy = [number for number in range(1, 21) if number not in poison]
    assert shelf.kept == healthy
    assert [due.key for due in dues] == [str(number) for number in healthy]
    told = [entry["check_id"] for entry in logs if entry["event"] == "result_not_evaluable"]
    assert told == [str(uid(number)) for number in sorted(poison)]


def test_a_database_that_is_away_is_no_fault_of_a_result():
    shelf = Shelf(set(), is_away=True)
    with pytest.raises(Unavailable):
        Evaluating(shelf).evaluate(BATCH, NOW)


def test_an_empty_batch_asks_nothing_of_anybody():
    assert Evaluating(Shelf(set(), is_away=True)).evaluate([], NOW) == []
