"""Results that others bring: stored and judged before they are answered, for they cannot be measured again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from healthmgr.domain.check import Status
from healthmgr.domain.result import Cause, Outcome, ProbeOrder, Result
from healthmgr.errors import Conflict, NotFound, Unavailable
from healthmgr.services.evaluating import Evaluating
from healthmgr.services.pinging import HEARTBEAT
from healthmgr.services.probing_results import to_result


@dataclass(frozen=True, slots=True)
class Numbered:
    """A check that a result is brought to, and the sequence number taken for it."""

    check_id: UUID
    slug: str
    kind: str
    is_enabled: bool
    is_paused: bool
    sequence: int


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a result: its number, and what is believed of the check now."""

    slug: str
    sequence: int
    status: Status
    is_hard: bool


class PushStore(Protocol):
    """The rows that pushing needs."""

    def number(self, slug: str) -> Numbered | None:
        """Take the next sequence number of a check in one commit; of one that takes results, that is."""
        ...

    def believed(self, check_id: UUID) -> tuple[Status, bool, int]:
        """A check's status, whether it is hard, and the number of the last result that was judged."""
        ...


class Pushing:
    """Takes results from other services."""

    def __init__(self, store: PushStore, evaluating: Evaluating) -> None:
        self._store = store
        self._evaluating = evaluating

    def push(self, slug: str, outcome: Outcome, *, actor: str, now: datetime) -> Pushed:
        """Store and judge a result; both are committed when this returns. A paused check's is only stored.

        Raises NotFound, Conflict for a heartbeat or a check that is no longer defined, Unavailable when it
        could not be judged.
        """
        numbered = self._store.number(slug)
        if numbered is None:
            raise NotFound(f"There is no check {slug!r}: `healthmgr checks list` shows those that exist")
        if numbered.kind == HEARTBEAT:
            raise Conflict(f"{slug} is a heartbeat: send it pings, for a result says nothing of when the next is due")
        if not numbered.is_enabled:
            raise Conflict(f"{slug} is no longer defined, and takes no results")
        self._evaluating.evaluate([_to_result(numbered, outcome, actor, now)], now)
        status, is_hard, judged = self._store.believed(numbered.check_id)
        if judged < numbered.sequence and not numbered.is_paused:
            raise Unavailable(f"The result of {slug} could not be judged; the log of healthmgr says why")
        return Pushed(slug, numbered.sequence, status, is_hard)


def read_outcome(
    status: Status, message: str, response_time: float | None, metrics: Mapping[str, float], is_conclusive: bool
) -> Outcome:
    """What was pushed, as what a probe would have found."""
    return Outcome(status, message or f"reported {status.value}", response_time, metrics, is_conclusive)


def _to_result(numbered: Numbered, outcome: Outcome, actor: str, now: datetime) -> Result:
    order = ProbeOrder(
        check_id=numbered.check_id,
        slug=numbered.slug,
        kind=numbered.kind,
        config={},
        timeout=timedelta(0),
        sequence=numbered.sequence,
        start_by=now,
        cause=Cause.PUSH,
    )
    return to_result(order, outcome, measured=0.0, started_at=now, worker=f"push:{actor}")
