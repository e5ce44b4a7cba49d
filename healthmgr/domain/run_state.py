"""Where a run of a runbook is, what became of each attempt at a step, and why."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """Where a run is. Those behind `rolling_back` are ends."""

    PENDING = "pending"
    AWAITING_APPROVAL = "awaiting_approval"
    RUNNING = "running"
    WAITING = "waiting"
    VERIFYING = "verifying"
    ROLLING_BACK = "rolling_back"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"
    REFUSED = "refused"

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens in it."""
        return self in ENDS


ENDS = frozenset({
    RunState.SUCCEEDED,
    RunState.FAILED,
    RunState.ROLLED_BACK,
    RunState.CANCELLED,
    RunState.ABANDONED,
    RunState.REFUSED,
})  # fmt: skip
# While a run is in one of these, its target is under repair and nobody else's.
UNDER_REPAIR = frozenset(RunState) - ENDS - {RunState.PENDING}


class StepState(StrEnum):
    """What became of one attempt at a step."""

    RUNNING = "running"
    WAITING = "waiting"  # it is done, and what it asked for is awaited: probes, an answer
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"
    ABANDONED = "abandoned"


class RunReason(StrEnum):
    """Why a run is where it is."""

    TRIGGERED = "triggered"
    STARTED = "started"
    APPROVED = "approved"
    STEP_DONE = "step_done"
    STEP_SKIPPED = "step_skipped"
    STEP_FAILED = "step_failed"
    STEP_TIMED_OUT = "step_timed_out"
    RETRIED = "tried_again"
    FAILED_AND_GONE_ON = "failed_and_gone_on"
    ALL_DONE = "all_steps_done"
    PROVED = "check_is_healthy"
    NOT_TO_BE_PROVED = "not_to_be_verified"
    NOT_PROVED = "check_is_not_healthy"
    APPROVAL_DENIED = "approval_denied"
    APPROVAL_EXPIRED = "approval_expired"
    CANCELLED_BY_PERSON = "cancelled_by_a_person"
    HEALED = "healed_by_itself"
    RAILS = "rails_refuse"
    TOOK_TOO_LONG = "took_too_long"
    WORKER_LOST = "worker_lost"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"
    UNDONE_BY_PERSON = "undone_by_a_person"
