"""Rolling up: what results measured, by minute, hour and day, beside the hot path and after it.

Evaluation knows nothing of it. A turn takes the results that came since the last, however late they are, a batch in a
commit, and then puts the hours and days together of which something has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Protocol

import structlog

from healthmgr.domain.rollup import DAY, HOUR, SETTLED_AFTER, Kept, Tier, floor

log = structlog.get_logger(__name__)

BATCH = 20_000  # results in one commit, about
COARSE_BATCH = 5_000  # hours or days in one commit
MOST_BATCHES = 200  # in one turn
DAYS_AHEAD = 7


@dataclass(frozen=True, slots=True)
class Rolled:
    """How far rolling up has come, by the numbers of transactions, and which of them there are now.

    The results of transactions before `stored_before` are taken but for those `awaited`, which had not ended then.
    Now all before `until` have ended but for those `running`. `old_before` is how far the results have been taken
    that were stored before there were rollups.
    """

    stored_before: int
    awaited: frozenset[int]
    until: int
    running: frozenset[int]
    old_before: datetime | None

    @property
    def ended(self) -> frozenset[int]:
        """Those awaited that have ended by now."""
        return self.awaited - self.running

    def after(self, high: int) -> Rolled:
        """The same once all that has ended before `high` is taken."""
        passed = {number for number in self.running if self.stored_before <= number < high}
        return replace(self, stored_before=high, awaited=frozenset((self.awaited & self.running) | passed))


@dataclass(frozen=True, slots=True)
class Batch:
    """The results that began from `begin` up to `end`, of transactions from `low` up to `high` and of those `ended`.

    Neither end is included, and those `running` are left out.
    """

    low: int
    high: int
    begin: datetime
    end: datetime
    ended: frozenset[int] = frozenset()
    running: frozenset[int] = frozenset()


class RollingTransaction(Protocol):
    """One transaction of rolling up; commits when its context ends well."""

    def lock(self) -> Rolled | None:
        """How far it has come, held until the commit; None while somebody else rolls up."""
        ...

    def upper(self, low: int, until: int, size: int) -> int | None:
        """The transaction at which a batch of about this size ends; None when all that there is fits into it."""
        ...

    def first_old(self, begin: datetime) -> datetime | None:
        """When the first result from before there were rollups began, of those from `begin` on."""
        ...

    def fold(self, batch: Batch) -> int:
        """Add the results of a batch to the minutes, and mark their hours as changed; how many there were."""
        ...

    def move(self, rolled: Rolled, now: datetime, *, is_all: bool) -> None:
        """Note how far it has come; `is_all` when there was nothing more."""
        ...

    def coarsen(self, tier: Tier, until: datetime, size: int) -> int:
        """Put together anew the hours or days before `until` that have changed; how many there were."""
        ...

    def forget(self, tier: Tier, before: datetime, size: int) -> int:
        """Remove hours or days before an instant; how many there were."""
        ...


class RollingStore(Protocol):
    """Where results and their rollups are."""

    def begin(self) -> AbstractContextManager[RollingTransaction]:
        """Open a transaction."""
        ...


class MinuteTables(Protocol):
    """The day tables of minutes."""

    def days(self) -> list[date]:
        """The days that have a table."""
        ...

    def create(self, day: date) -> None:
        """Make a day's table, and move into it what the catch-all table holds of that day."""
        ...

    def drop(self, day: date) -> None:
        """Drop a day's table."""
        ...

    def forget_before(self, day: date) -> None:
        """Remove what the catch-all table holds of earlier days."""
        ...


class Rolling:
    """Rolls results up. All raise Unavailable while the database is away."""

    def __init__(self, store: RollingStore, minutes: MinuteTables, kept: Kept, raw_for: timedelta) -> None:
        self._store = store
        self._minutes = minutes
        self._kept = kept
        self._raw_for = raw_for

    def roll(self, now: datetime, batch: int = BATCH) -> int:
        """Take all results that were stored before; how many there were. Somebody else may do so at the same time."""
        taken = 0
        for _ in range(MOST_BATCHES):
            count, is_all = self._take(now, batch)
            taken += count
            if is_all:
                break
        for _ in range(MOST_BATCHES):
            old = self._take_old(now)
            if old is None:
                break
            taken += old
        for tier, length in ((Tier.HOUR, HOUR), (Tier.DAY, DAY)):
            self._coarsen(tier, floor(now - SETTLED_AFTER, length))
        if taken:
            log.debug("results_rolled_up", results=taken)
        return taken

    def keep_tables(self, now: datetime) -> tuple[Sequence[date], Sequence[date]]:
        """Make the day tables of minutes that are needed, remove what is older than it is kept; the days of both."""
        present = set(self._minutes.days())
        first = floor(now - min(self._raw_for, self._kept.minutes), DAY)
        wanted = [(first + DAY * number).date() for number in range((now - first).days + DAYS_AHEAD + 1)]
        created = [day for day in wanted if day not in present]
        for day in created:
            self._minutes.create(day)
        oldest = self._oldest(now).date()
        expired = sorted(day for day in present if day < oldest)
        for day in expired:
            self._minutes.drop(day)
        self._minutes.forget_before(oldest)
        for tier, kept in ((Tier.HOUR, self._kept.hours), (Tier.DAY, self._kept.days)):
            self._forget(tier, floor(now - kept, DAY))
        if created or expired:
            log.info("minutes_kept", created=[str(d) for d in created], dropped=[str(d) for d in expired])
        return created, expired

    def _oldest(self, now: datetime) -> datetime:
        """The first minute that is kept: what comes later than that is too late."""
        return floor(now - self._kept.minutes, DAY)

    def _take(self, now: datetime, size: int) -> tuple[int, bool]:
        """One batch of what is new; how many there were, and whether that was all."""
        with self._store.begin() as transaction:
            rolled = transaction.lock()
            if rolled is None:
                return 0, True
            upper = transaction.upper(rolled.stored_before, rolled.until, size)
            high = upper or rolled.until
            oldest, newest = self._oldest(now), now + DAY
            batch = Batch(rolled.stored_before, high, oldest, newest, rolled.ended, rolled.running)
            count = transaction.fold(batch)
            transaction.move(rolled.after(high), now, is_all=upper is None)
        return count, upper is None

    def _take_old(self, now: datetime) -> int | None:
        """One hour of what was there before there were rollups; None after the last."""
        with self._store.begin() as transaction:
            rolled = transaction.lock()
            if rolled is None:
                return None
            first = transaction.first_old(rolled.old_before or self._oldest(now))
            if first is None:
                return None
            begin, end = max(first, rolled.old_before or first), floor(first, HOUR) + HOUR
            count = transaction.fold(Batch(0, 1, begin, end))
            transaction.move(replace(rolled, old_before=end), now, is_all=False)
        return count

    def _coarsen(self, tier: Tier, until: datetime) -> None:
        for _ in range(MOST_BATCHES):
            with self._store.begin() as transaction:
                if transaction.lock() is None or transaction.coarsen(tier, until, COARSE_BATCH) < COARSE_BATCH:
                    return

    def _forget(self, tier: Tier, before: datetime) -> None:
        for _ in range(MOST_BATCHES):
            with self._store.begin() as transaction:
                if transaction.forget(tier, before, COARSE_BATCH) < COARSE_BATCH:
                    return
