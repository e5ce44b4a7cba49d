"""One execution of a runbook as a pure state machine."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.run import (
    Begun,
    Broke,
    Declined,
    Did,
    Event,
    Judged,
    Lost,
    Move,
    Progress,
    Skipped,
    Stopped,
    advance,
    rollback_steps,
)
from healthmgr.domain.run_state import RunReason, RunState
from healthmgr.domain.runbook import OnFailure, Runbook, Step

UNDO_FIRST = Step("undo-first", "command")
FIRST = Step("first", "command", rollback=(UNDO_FIRST,))
SECOND = Step("second", "command", rollback=(Step("undo-second", "command"),))
LAST = Step("last", "command")


def progress(*steps: Step, **changes: object) -> Progress:
    runbook = Runbook("restart", steps or (FIRST, SECOND, LAST))
    return replace(Progress(runbook), **changes)


def after(start: Progress, *events: Event) -> Move:
    move = Move(start, RunReason.TRIGGERED)
    for event in events:
        move = advance(move.progress, event)
    return move


def test_a_run_goes_through_its_steps_and_then_proves_them() -> None:
    move = after(progress(), Begun(), Did(), Did(), Did())
    assert (move.state, move.reason) == (RunState.VERIFYING, RunReason.ALL_DONE)
    assert move.progress.done == ("first", "second", "last")
    proved = advance(move.progress, Judged(True, "healthy"))
    assert (proved.state, proved.pages) == (RunState.SUCCEEDED, False)


def test_a_runbook_that_is_not_to_be_verified_succeeds_with_its_last_step() -> None:
    runbook = Runbook("restart", (LAST,), verifies=False)
    move = after(Progress(runbook), Begun(), Did())
    assert (move.state, move.reason) == (RunState.SUCCEEDED, RunReason.NOT_TO_BE_PROVED)


def test_a_step_whose_condition_does_not_hold_is_left_out_and_is_not_undone() -> None:
    move = after(progress(), Begun(), Skipped(), Did())
    assert (move.progress.place, move.progress.done) == (2, ("second",))


def test_a_pause_makes_the_run_wait_before_its_next_step() -> None:
    move = after(progress(), Begun(), Did(timedelta(seconds=10)))
    assert (move.state, move.wait) == (RunState.WAITING, timedelta(seconds=10))
    assert after(move.progress, Did()).state is RunState.RUNNING


def test_a_pause_behind_the_last_step_goes_before_the_proof() -> None:
    move = after(progress(LAST), Begun(), Did(timedelta(seconds=10)))
    assert (move.state, move.wait, move.progress.step) == (RunState.WAITING, timedelta(seconds=10), None)
    assert advance(move.progress, Judged(True)).state is RunState.SUCCEEDED


def test_retries_are_extra_attempts_and_then_the_step_has_failed() -> None:
    step = Step("call", "command", retries=2, retry_after=timedelta(seconds=7))
    first = after(progress(step), Begun(), Broke("503"))
    assert (first.reason, first.progress.attempt, first.wait) == (RunReason.RETRIED, 2, timedelta(seconds=7))
    assert first.state is RunState.WAITING
    last = after(first.progress, Broke("503"), Broke("503"))
    assert (last.state, last.reason, last.pages) == (RunState.FAILED, RunReason.STEP_FAILED, True)


def test_what_cannot_get_better_is_not_tried_again() -> None:
    step = Step("call", "command", retries=5)
    assert after(progress(step), Begun(), Broke("404", is_permanent=True)).state is RunState.FAILED


@pytest.mark.parametrize(("is_idempotent", "reason"), [(True, RunReason.RETRIED), (False, RunReason.STEP_TIMED_OUT)])
def test_a_timeout_is_tried_again_only_where_that_does_no_harm(is_idempotent: bool, reason: RunReason) -> None:
    step = Step("call", "command", retries=1, is_idempotent=is_idempotent)
    assert after(progress(step), Begun(), Broke("timed out", is_timeout=True)).reason is reason


def test_a_failure_that_may_be_gone_on_from_leaves_the_run_able_to_succeed() -> None:
    step = Step("notify", "notification", on_failure=OnFailure.CONTINUE)
    move = after(progress(step, LAST), Begun(), Broke("no mail server"))
    assert (move.state, move.reason) == (RunState.RUNNING, RunReason.FAILED_AND_GONE_ON)
    assert after(move.progress, Did(), Judged(True)).state is RunState.SUCCEEDED


def test_a_failure_that_stops_leaves_what_was_done_as_it_is() -> None:
    move = after(progress(), Begun(), Did(), Broke("no"))
    assert (move.state, move.words) == (RunState.FAILED, "step second: no")


def test_a_rollback_undoes_what_was_done_in_the_opposite_order_and_ends_as_failed() -> None:
    steps = (FIRST, SECOND, replace(LAST, on_failure=OnFailure.ROLLBACK))
    move = after(progress(*steps), Begun(), Did(), Did(), Broke("no"))
    assert move.state is RunState.ROLLING_BACK
    assert [step.id for step in move.progress.steps] == ["undo-second", "undo-first"]
    ended = after(move.progress, Did(), Did())
    assert (ended.state, ended.words, ended.pages) == (RunState.ROLLED_BACK, "step last: no", True)


def test_only_what_was_done_is_undone() -> None:
    steps = (FIRST, replace(SECOND, on_failure=OnFailure.ROLLBACK))
    move = after(progress(*steps), Begun(), Did(), Broke("no"))
    assert [step.id for step in move.progress.steps] == ["undo-first"]


def test_a_rollback_without_anything_to_undo_is_a_failure() -> None:
    step = Step("call", "command", on_failure=OnFailure.ROLLBACK)
    assert after(progress(step), Begun(), Broke("no")).state is RunState.FAILED


def test_a_rollback_that_fails_says_both() -> None:
    steps = (FIRST, replace(LAST, on_failure=OnFailure.ROLLBACK))
    move = after(progress(*steps), Begun(), Did(), Broke("no"), Broke("neither"))
    assert (move.state, move.reason) == (RunState.FAILED, RunReason.ROLLBACK_FAILED)
    assert "step last: no" in move.words
    assert "neither" in move.words


def test_a_check_that_is_not_healthy_afterwards_rolls_back_or_fails() -> None:
    done = after(progress(FIRST), Begun(), Did())
    assert advance(done.progress, Judged(False, "still down")).state is RunState.ROLLING_BACK
    done = after(progress(LAST), Begun(), Did())
    failed = advance(done.progress, Judged(False, "still down"))
    assert (failed.state, failed.reason, failed.pages) == (RunState.FAILED, RunReason.NOT_PROVED, True)


@pytest.mark.parametrize("reason", [RunReason.APPROVAL_DENIED, RunReason.APPROVAL_EXPIRED])
def test_an_approval_that_is_not_given_has_failed_the_run(reason: RunReason) -> None:
    move = after(progress(state=RunState.AWAITING_APPROVAL), Declined(reason, "ada denied it"))
    assert (move.state, move.reason, move.pages) == (RunState.FAILED, reason, True)


def test_cancelling_undoes_nothing_unless_asked() -> None:
    running = after(progress(), Begun(), Did())
    left = advance(running.progress, Stopped(RunReason.CANCELLED_BY_PERSON, "by ada"))
    assert (left.state, left.pages) == (RunState.CANCELLED, False)
    undone = advance(running.progress, Stopped(RunReason.CANCELLED_BY_PERSON, "by ada", rolls_back=True))
    assert undone.state is RunState.ROLLING_BACK


def test_what_was_stopped_half_done_by_a_rail_is_left_to_a_person() -> None:
    running = after(progress(), Begun(), Did())
    assert advance(running.progress, Stopped(RunReason.RAILS, "kill switch")).pages
    begun = after(progress(), Begun())
    assert not advance(begun.progress, Stopped(RunReason.RAILS, "kill switch")).pages


def test_a_step_that_nobody_saw_end_is_never_taken_again() -> None:
    step = Step("call", "command", retries=5, is_idempotent=True)
    move = after(progress(step), Begun(), Lost("no sign of life"))
    assert (move.state, move.pages) == (RunState.ABANDONED, True)


def test_a_run_that_took_too_long_has_failed() -> None:
    move = after(progress(), Begun(), Stopped(RunReason.TOOK_TOO_LONG, "too long"))
    assert move.state is RunState.FAILED


_EVENTS = st.sampled_from([
    Did(),
    Did(timedelta(seconds=5)),
    Skipped(),
    Broke("no"),
    Broke("never", is_permanent=True),
    Broke("late", is_timeout=True),
])  # fmt: skip
_STEPS = st.builds(
    Step,
    id=st.uuids().map(str),
    kind=st.just("command"),
    retries=st.integers(0, 2),
    on_failure=st.sampled_from(OnFailure),
    is_idempotent=st.booleans(),
    rollback=st.sampled_from([(), (UNDO_FIRST,)]),
)


@given(st.lists(_STEPS, min_size=1, max_size=5), st.lists(_EVENTS, max_size=40), st.booleans())
def test_every_run_ends_and_undoes_only_what_it_did(steps: list[Step], events: list[Event], is_healthy: bool) -> None:
    move = advance(Progress(Runbook("any", tuple(steps))), Begun())
    for event in [*events, *[Did()] * 30]:
        if move.state.is_over:
            break
        is_proof = move.progress.step is None and not move.progress.is_rolling_back
        move = advance(move.progress, Judged(is_healthy) if is_proof else event)
        done = move.progress.done
        assert len(done) == len(set(done))
        undoing = rollback_steps(move.progress.runbook, done)
        assert move.state is not RunState.ROLLING_BACK or move.progress.place <= len(undoing)
    assert move.state.is_over
    with pytest.raises(ValueError, match="goes no further"):
        advance(move.progress, Did())
