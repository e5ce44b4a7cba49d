"""One execution of a runbook, as a pure state machine: what follows from what happened, and why.

A step is carried out once. It is tried again where its definition asks for it, and after a timeout only where it says
that doing it twice does no harm. A step that nobody saw end is never tried again: its run is abandoned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from healthmgr.domain.run_state import RunReason, RunState
from healthmgr.domain.runbook import OnFailure, Runbook, Step


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come.

    `place` is the step that comes next (or is under way) among those of the present direction, `attempt` its number
    from 1 on, `done` the steps that were carried out, in order, and `failure` why it turned back or failed.
    """

    runbook: Runbook
    state: RunState = RunState.PENDING
    place: int = 0
    attempt: int = 1
    done: tuple[str, ...] = ()
    failure: str = ""

    @property
    def is_rolling_back(self) -> bool:
        """Whether the present steps are those that undo."""
        return self.state is RunState.ROLLING_BACK

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the present direction."""
        return rollback_steps(self.runbook, self.done) if self.is_rolling_back else self.runbook.steps

    @property
    def step(self) -> Step | None:
        """The step that comes next; None behind the last."""
        return self.steps[self.place] if self.place < len(self.steps) else None


def rollback_steps(runbook: Runbook, done: Sequence[str]) -> tuple[Step, ...]:
    """The steps that undo what was done, in the opposite order."""
    undone = [step for step in reversed(runbook.steps) if step.id in done]
    return tuple(undoing for step in undone for undoing in step.rollback)


def undoing(progress: Progress, reason: str) -> Progress | None:
    """How a run that is over begins to undo what it left behind; None where nothing says how, or it was tried before.

    What nobody saw end may have been done. `reason` is why it is over.
    """
    if progress.state not in _LEFT_BEHIND or reason == RunReason.ROLLBACK_FAILED:
        return None
    lost = progress.step if progress.state is RunState.ABANDONED else None
    done = (*progress.done, lost.id) if lost else progress.done
    back = replace(progress, state=RunState.ROLLING_BACK, place=0, attempt=1, done=done)
    return back if back.steps else None


_LEFT_BEHIND = (RunState.FAILED, RunState.CANCELLED, RunState.ABANDONED)


def run_name(runbook: str, number: int) -> str:
    """What a run is called where people ask who did something."""
    return f"runbook {runbook} (run {number})"


# ---- What happens to a run --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Begun:
    """The rails let it, and whoever had to agree has."""


@dataclass(frozen=True, slots=True)
class Did:
    """The step at its place was carried out. `then` is how long the next one waits."""

    then: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Skipped:
    """The step's condition does not hold."""


@dataclass(frozen=True, slots=True)
class Broke:
    """The step failed; `words` say how. After a timeout nobody knows what it did by then."""

    words: str
    is_permanent: bool = False
    is_timeout: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """The check was probed after the last step."""

    is_healthy: bool
    words: str = ""


@dataclass(frozen=True, slots=True)
class Declined:
    """Nobody agreed before the first step: somebody said no, or nobody answered in time."""

    reason: RunReason
    words: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """It is to end before its steps do, for a reason that is no step's; with `rolls_back` what was done is undone."""

    reason: RunReason
    words: str = ""
    rolls_back: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker that carried out the present step has shown no sign of life for as long as its lease held."""

    words: str


Event = Begun | Did | Skipped | Broke | Judged | Declined | Stopped | Lost


@dataclass(frozen=True, slots=True)
class Move:
    """What follows: the run as it is then, why, and how long it waits before it goes on."""

    progress: Progress
    reason: RunReason
    wait: timedelta = timedelta(0)
    words: str = ""

    @property
    def state(self) -> RunState:
        """The run's state from now on."""
        return self.progress.state

    @property
    def pages(self) -> bool:
        """Whether a person has to hear of it at once: it ended, and what it was to mend is not mended."""
        state = self.progress.state
        if state is RunState.CANCELLED:
            # What was half done, and not by anybody's wish, is left to a person.
            return bool(self.progress.done) and self.reason is not RunReason.CANCELLED_BY_PERSON
        return state in (RunState.FAILED, RunState.ROLLED_BACK, RunState.ABANDONED)


def advance(progress: Progress, event: Event) -> Move:
    """What follows from an event. Raises ValueError for one that cannot happen to a run that is over."""
    if progress.state.is_over:
        raise ValueError(f"a run that is {progress.state} goes no further")
    match event:
        case Begun():
            return _go(replace(progress, state=RunState.RUNNING, place=0, attempt=1), RunReason.STARTED)
        case Did(then=then):
            return _next(progress, RunReason.STEP_DONE, is_done=True, wait=then)
        case Skipped():
            return _next(progress, RunReason.STEP_SKIPPED)
        case Broke():
            return _after_failure(progress, event)
        case Judged():
            return _judged(progress, event)
        case Stopped():
            return _stop(progress, event)
        case Declined(reason=reason, words=words):
            return _end(progress, RunState.FAILED, reason, words)
        case Lost(words=words):
            why = RunReason.ROLLBACK_FAILED if progress.is_rolling_back else RunReason.WORKER_LOST
            return _end(progress, RunState.ABANDONED, why, words)


def _judged(progress: Progress, event: Judged) -> Move:
    if not event.is_healthy:
        return _turn_back(progress, RunReason.NOT_PROVED, event.words)
    return Move(replace(progress, state=RunState.SUCCEEDED), RunReason.PROVED, words=event.words)


def _end(progress: Progress, state: RunState, reason: RunReason, words: str) -> Move:
    return Move(replace(progress, state=state, failure=words), reason, words=words)


def _go(progress: Progress, reason: RunReason, wait: timedelta = timedelta(0), words: str = "") -> Move:
    """On with the step at its place, or, where there is none, to what comes behind the last."""
    if progress.step is not None:
        waits = wait > timedelta(0) and not progress.is_rolling_back
        state = RunState.WAITING if waits else progress.state
        return Move(replace(progress, state=state), reason, wait, words)
    if progress.is_rolling_back:
        ended = replace(progress, state=RunState.ROLLED_BACK)
        return Move(ended, RunReason.ROLLED_BACK, words=progress.failure)
    if progress.runbook.verifies:
        state = RunState.WAITING if wait > timedelta(0) else RunState.VERIFYING
        return Move(replace(progress, state=state), RunReason.ALL_DONE, wait, words)
    return Move(replace(progress, state=RunState.SUCCEEDED), RunReason.NOT_TO_BE_PROVED, words=words)


def _next(
    progress: Progress,
    reason: RunReason,
    *,
    is_done: bool = False,
    wait: timedelta = timedelta(0),
    words: str = "",
) -> Move:
    done = progress.done
    if is_done and progress.step is not None and not progress.is_rolling_back:
        done = (*done, progress.step.id)
    state = RunState.ROLLING_BACK if progress.is_rolling_back else RunState.RUNNING
    moved = replace(progress, state=state, place=progress.place + 1, attempt=1, done=done)
    return _go(moved, reason, wait, words)


def _after_failure(progress: Progress, event: Broke) -> Move:
    step = progress.step
    if step is None:
        raise ValueError("a run behind its last step has none that could fail")
    may_repeat = not event.is_permanent and (step.is_idempotent or not event.is_timeout)
    if may_repeat and progress.attempt <= step.retries:
        state = RunState.ROLLING_BACK if progress.is_rolling_back else RunState.RUNNING
        again = replace(progress, state=state, attempt=progress.attempt + 1)
        return _go(again, RunReason.RETRIED, step.retry_after, event.words)
    reason = RunReason.STEP_TIMED_OUT if event.is_timeout else RunReason.STEP_FAILED
    words = f"step {step.id}: {event.words}"
    if step.on_failure is OnFailure.CONTINUE:
        return _next(progress, RunReason.FAILED_AND_GONE_ON, words=words)
    if progress.is_rolling_back:
        words = f"{progress.failure}; rolling back failed: {words}"
        return _end(progress, RunState.FAILED, RunReason.ROLLBACK_FAILED, words)
    if step.on_failure is OnFailure.ROLLBACK:
        return _turn_back(progress, reason, words)
    return _end(progress, RunState.FAILED, reason, words)


def _turn_back(progress: Progress, reason: RunReason, words: str) -> Move:
    """Undo what was done, where anything says how; the run has failed either way."""
    if not rollback_steps(progress.runbook, progress.done):
        return _end(progress, RunState.FAILED, reason, words)
    back = replace(progress, state=RunState.ROLLING_BACK, place=0, attempt=1, failure=words)
    return Move(back, reason, words=words)


def _stop(progress: Progress, event: Stopped) -> Move:
    if event.rolls_back and rollback_steps(progress.runbook, progress.done) and not progress.is_rolling_back:
        return _turn_back(progress, event.reason, event.words or event.reason.value)
    state = RunState.FAILED if event.reason is RunReason.TOOK_TOO_LONG else RunState.CANCELLED
    return _end(progress, state, event.reason, event.words)
