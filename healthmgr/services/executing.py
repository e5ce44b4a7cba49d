"""Ad-hoc probes that somebody waits for: ordered as rows, and answered by the first result after the order."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from healthmgr.domain.quantity import format_duration
from healthmgr.errors import NotFound, Unavailable
from healthmgr.services.responding import Responding
from healthmgr.views import ResultView

LOOK_EVERY = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Ordered:
    """A probe that was ordered; every result with a higher sequence number comes from a later claim."""

    check_id: UUID
    slug: str
    after_sequence: int
    at: datetime


class ExecutingStore(Protocol):
    """The rows that waiting for a probe needs."""

    def claimed(self, slug: str) -> tuple[UUID, int] | None:
        """A check's id and the number of its latest claim."""
        ...

    def answers(self, orders: Sequence[Ordered]) -> Mapping[Ordered, ResultView]:
        """The first result after each order, where there is one."""
        ...


class Executing:
    """Orders probes and finds their results."""

    def __init__(self, store: ExecutingStore, responding: Responding) -> None:
        self._store = store
        self._responding = responding

    def order(self, slug: str, *, actor: str, origin: str, now: datetime) -> Ordered:
        """Order a probe now; committed when this returns. Raises NotFound, Conflict."""
        claimed = self._store.claimed(slug)
        if claimed is None:
            raise NotFound(f"There is no check {slug!r}: `healthmgr checks list` shows those that exist")
        self._responding.run(slug, actor=actor, origin=origin, now=now)
        return Ordered(claimed[0], slug, claimed[1], now)

    def answers(self, orders: Sequence[Ordered]) -> Mapping[Ordered, ResultView]:
        """Those of the orders that are answered, with their results."""
        return self._store.answers(orders) if orders else {}

    def wait(self, ordered: Ordered, patience: timedelta) -> ResultView:
        """The result of an order; blocks until it is stored. Raises Unavailable when none is within `patience`."""
        ends_at = time.monotonic() + patience.total_seconds()
        while True:
            found = self.answers([ordered]).get(ordered)
            if found is not None:
                return found
            if time.monotonic() + LOOK_EVERY > ends_at:
                raise too_late(ordered, patience)
            time.sleep(LOOK_EVERY)


def too_late(ordered: Ordered, patience: timedelta) -> Unavailable:
    """The error for an order that nothing carried out in time."""
    return Unavailable(
        f"No result of {ordered.slug} within {format_duration(patience)}: the order stands, but nothing carried it "
        "out yet. `healthmgr doctor` says what is not running"
    )
