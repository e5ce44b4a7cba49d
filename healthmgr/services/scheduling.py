"""Which probes are due: claimed here, carried by the broker, released by the evaluation's commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from healthmgr.domain.result import ProbeOrder

CLAIM_LIMIT = 2000
# Below this many due at once every check is a message of its own; above it, messages carry several.
SINGLE_UP_TO = 100
ORDERS_PER_MESSAGE = 20


class SchedulingStore(Protocol):
    """What scheduling asks of storage."""

    def claim_due(self, now: datetime, limit: int) -> list[ProbeOrder]:
        """Claim due checks."""
        ...

    def release(self, orders: Sequence[ProbeOrder], now: datetime) -> None:
        """Offer claims again at once."""
        ...

    def pull_back(self, now: datetime) -> int:
        """Mend due times that are too far away."""
        ...

    def ensure_periodic(self, tasks: Sequence[tuple[str, timedelta]], now: datetime) -> None:
        """Make sure of the periodic tasks' rows."""
        ...

    def claim_periodic(self, names: Sequence[str], now: datetime) -> list[str]:
        """Claim due periodic tasks."""
        ...


class Scheduling:
    """Claims due work for a beat."""

    def __init__(self, store: SchedulingStore) -> None:
        self._store = store

    def claim_probes(self, now: datetime) -> list[ProbeOrder]:
        """The probes due now, claimed for the caller: it must publish them or give them back with `release`."""
        return self._store.claim_due(now, CLAIM_LIMIT)

    def release(self, orders: Sequence[ProbeOrder], now: datetime) -> None:
        """Give claims back that could not be published."""
        self._store.release(orders, now)

    def pull_back(self, now: datetime) -> int:
        """Mend due times further away than one interval (a clock was wrong); how many there were."""
        return self._store.pull_back(now)

    def ensure_periodic(self, tasks: Sequence[tuple[str, timedelta]], now: datetime) -> None:
        """Make sure of a row for every periodic system task."""
        self._store.ensure_periodic(tasks, now)

    def claim_periodic(self, names: Sequence[str], now: datetime) -> list[str]:
        """The periodic system tasks due now, claimed for the caller."""
        return self._store.claim_periodic(names, now)


def to_messages(orders: Sequence[ProbeOrder]) -> Iterator[Sequence[ProbeOrder]]:
    """The orders of each message: one while few are due, several when hundreds are."""
    size = 1 if len(orders) <= SINGLE_UP_TO else ORDERS_PER_MESSAGE
    for start in range(0, len(orders), size):
        yield orders[start : start + size]
