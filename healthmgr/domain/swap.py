"""Two people change shifts: one proposes, the other accepts, and overrides put each in the other's place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from healthmgr.domain.schedule import Override, Schedule
from healthmgr.errors import Conflict, NotPermitted


class SwapState(StrEnum):
    """How far a swap has come. Only a proposed one can still change."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time on call that changes hands, from one instant up to another (aware)."""

    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at: a stretch has to end after it starts")

    def after(self, now: datetime) -> Stretch:
        """What is still to come of it. Raises Conflict when that is nothing."""
        if self.ends_at <= now:
            raise Conflict(f"{self} is over")
        return replace(self, starts_at=max(self.starts_at, now))

    def __str__(self) -> str:
        return f"{self.starts_at.isoformat()} to {self.ends_at.isoformat()}"


@dataclass(frozen=True, slots=True)
class Swap:
    """`proposed_by` gives a stretch of his to `proposed_to`, and takes one of his in return (None: takes none)."""

    proposed_by: str
    proposed_to: str
    given: Stretch
    taken: Stretch | None = None
    state: SwapState = SwapState.PROPOSED

    def __post_init__(self) -> None:
        if not self.proposed_by or not self.proposed_to or self.proposed_by == self.proposed_to:
            raise ValueError("proposed_to: a swap is between two people")


def propose(swap: Swap, schedule: Schedule, now: datetime) -> Swap:
    """The swap, when it is one that can be carried out. Raises Conflict that says why not."""
    _carried_out(swap, schedule, now)
    return swap


def accept(swap: Swap, schedule: Schedule, by: str, now: datetime) -> tuple[Swap, tuple[Override, ...]]:
    """The swap accepted, and the overrides that carry it out, to be added after those of the schedule.

    The schedule is looked at again: it may have changed since. Of a stretch that has begun only the rest changes
    hands. Raises Conflict for an illegal move, NotPermitted for anybody but the person it was proposed to.
    """
    answered = _moved(swap, SwapState.ACCEPTED, by, swap.proposed_to)
    return answered, _carried_out(swap, schedule, now)


def decline(swap: Swap, by: str) -> Swap:
    """The swap declined by the person it was proposed to. Raises Conflict and NotPermitted as accept does."""
    return _moved(swap, SwapState.DECLINED, by, swap.proposed_to)


def withdraw(swap: Swap, by: str) -> Swap:
    """The swap taken back by the person who proposed it. Raises Conflict and NotPermitted as accept does."""
    return _moved(swap, SwapState.WITHDRAWN, by, swap.proposed_by)


def _moved(swap: Swap, state: SwapState, by: str, entitled: str) -> Swap:
    if swap.state is not SwapState.PROPOSED:
        raise Conflict(f"this swap was {swap.state} already")
    if by != entitled:
        raise NotPermitted(f"this swap can be {state} by {entitled} alone")
    return replace(swap, state=state)


def _carried_out(swap: Swap, schedule: Schedule, now: datetime) -> tuple[Override, ...]:
    """The replacements, tried out on the schedule."""
    moves = [_Move(swap.given.after(now), swap.proposed_by, swap.proposed_to)]
    if swap.taken is not None:
        moves.append(_Move(swap.taken.after(now), swap.proposed_to, swap.proposed_by))
    for move in moves:
        _check_before(move, schedule)
    overrides = tuple(
        Override(move.stretch.starts_at, move.stretch.ends_at, add=move.to, remove=move.out_of) for move in moves
    )
    after = replace(schedule, overrides=(*schedule.overrides, *overrides))
    for move in moves:
        _check_after(move, after)
    return overrides


@dataclass(frozen=True, slots=True)
class _Move:
    stretch: Stretch
    out_of: str
    to: str


def _check_before(move: _Move, schedule: Schedule) -> None:
    for span in schedule.spans(move.stretch.starts_at, move.stretch.ends_at):
        since = f"in {schedule.name} from {span.starts_at.isoformat()}"
        if move.out_of not in span.people:
            raise Conflict(f"{move.out_of} is not on call {since}")
        if move.to in span.people:
            raise Conflict(f"{move.to} is on call himself {since}: one of the two would be missing")


def _check_after(move: _Move, schedule: Schedule) -> None:
    """Overrides do nothing within a temporary schedule, and so a swap there would be a promise that nobody keeps."""
    for span in schedule.spans(move.stretch.starts_at, move.stretch.ends_at):
        if move.to not in span.people or move.out_of in span.people:
            raise Conflict(
                f"a temporary schedule holds in {schedule.name} from {span.starts_at.isoformat()}: change that one"
            )
