"""What we believe of a check: soft and hard states, as Icinga 2 has them (lib/icinga/checkable-check.cpp)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from healthmgr.domain.check import Status
from healthmgr.domain.error_rate import NO_OUTCOMES
from healthmgr.domain.flapping import is_flapping, remember


@dataclass(frozen=True, slots=True)
class State:
    """The belief after the last evaluated result.

    `attempt` counts bad results while soft and is 1 otherwise; `hard_status` is the last status that was
    hard; `successes` counts healthy results in a row; `since_at` is when `status` began; `outcomes` is the
    ring of the last results that `error_rate` reads.
    """

    status: Status = Status.UNKNOWN
    is_hard: bool = True
    attempt: int = 1
    hard_status: Status = Status.UNKNOWN
    successes: int = 0
    flapping_bits: int = 0
    is_flapping: bool = False
    last_sequence: int = 0
    since_at: datetime | None = None
    outcomes: int = NO_OUTCOMES

    @property
    def was_probed(self) -> bool:
        """Whether there has ever been a result."""
        return self.since_at is not None

    @property
    def was_hard(self) -> bool:
        """Whether any status has ever been hard: a soft one follows a healthy one, or none at all."""
        return self.was_probed and (self.is_hard or not self.hard_status.is_bad)


@dataclass(frozen=True, slots=True)
class Change:
    """What one result did to a state."""

    old: State
    new: State

    @property
    def is_status_change(self) -> bool:
        """The status, soft or hard, is another one."""
        return self.old.status is not self.new.status or not self.old.was_probed

    @property
    def is_hard_change(self) -> bool:
        """A hard status was reached that was not the hard status before."""
        if not self.new.is_hard:
            return False
        # The first hard "unknown" is news, though nothing but unknown was believed before.
        return not self.old.was_hard or self.new.hard_status is not self.old.hard_status

    @property
    def is_newly_bad(self) -> bool:
        """The check has begun to fail, or its failure has become hard or another one: its parents are of interest."""
        has_begun = not self.old.status.is_bad or not self.old.was_probed
        return self.new.status.is_bad and (has_begun or self.is_hard_change)

    @property
    def is_transition(self) -> bool:
        """Worth a row: the status, its hardness, or flapping changed."""
        return (
            self.is_status_change
            or self.old.is_hard is not self.new.is_hard
            or self.old.is_flapping is not self.new.is_flapping
        )

    @property
    def reason(self) -> str:
        """The named reason of the transition."""
        if self.old.is_flapping is not self.new.is_flapping:
            return "flapping_started" if self.new.is_flapping else "flapping_ended"
        if not self.old.was_probed:
            return "first_result"
        if not self.new.status.is_bad:
            return "recovered" if self.old.is_hard else "soft_recovered"
        if self.new.is_hard:
            return "hard_change"
        return "soft_change"


def advance(
    state: State,
    status: Status,
    *,
    at: datetime,
    sequence: int,
    max_attempts: int,
    detects_flapping: bool,
    outcomes: int | None = None,
) -> Change:
    """The state after one more result, with its ring of outcomes where it has moved on.

    Healthy is hard at once. A bad result after a healthy (or no) one is soft, attempt 1; each further bad
    one while soft adds an attempt; at `max_attempts` it becomes hard and the attempt is 1 again. While
    hard and bad, another bad status is hard at once.
    """
    is_change = status is not state.status
    is_hard, attempt = _soften(state, status, max_attempts)
    bits = remember(state.flapping_bits, is_change)
    return Change(
        old=state,
        new=replace(
            state,
            status=status,
            is_hard=is_hard,
            attempt=attempt,
            hard_status=status if is_hard else state.hard_status,
            successes=0 if status.is_bad else state.successes + 1,
            flapping_bits=bits,
            is_flapping=detects_flapping and is_flapping(bits, state.is_flapping),
            last_sequence=sequence,
            since_at=at if is_change or state.since_at is None else state.since_at,
            outcomes=state.outcomes if outcomes is None else outcomes,
        ),
    )


def _soften(state: State, status: Status, max_attempts: int) -> tuple[bool, int]:
    if not status.is_bad:
        return True, 1
    if not state.was_probed or not state.status.is_bad:
        attempt = 1
    elif state.is_hard:
        return True, 1
    else:
        attempt = state.attempt + 1
    return (True, 1) if attempt >= max_attempts else (False, attempt)
