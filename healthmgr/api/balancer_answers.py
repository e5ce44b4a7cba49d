"""What balancers are told, kept in memory: they ask often, all at once, and also while the database is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from healthmgr.domain.balancing import Key, Seen
from healthmgr.errors import Unavailable

log = structlog.get_logger(__name__)

FRESH_FOR = 0.25  # seconds: how old an answer may be that nobody looks anything up for, unless a look takes long
KEPT_FOR = 3600.0  # seconds that what was last known is told on, while the database is away
_WAITED_FOR = 0.5  # seconds that an answer waits for a look at the database ...
_WAITED_FOR_FIRST = 5.0  # ... and that it waits where nothing is known yet
_RESTS_FOR = 4  # times as long as a look took: with very many instances it must not fill the day
_TRIED_AGAIN_AFTER = 1.0  # seconds after a look that failed


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of all instances, and how many seconds ago that was so."""

    by_key: Mapping[Key, Seen]
    age: float

    def find(self, asked: str) -> Seen | None:
        """The instance that `service/instance` means; either name may hold a slash."""
        parts = asked.split("/")
        splits = (Key("/".join(parts[:at]), "/".join(parts[at:])) for at in range(1, len(parts)))
        return next((self.by_key[key] for key in splits if key in self.by_key), None)

    @property
    def is_old(self) -> bool:
        """Whether it is more than the moment between two looks."""
        return self.age > _WAITED_FOR + _TRIED_AGAIN_AFTER + FRESH_FOR


@dataclass(slots=True)
class BalancerAnswers:
    """The last look at all instances, and the next one as soon as somebody asks for it.

    However many ask, one look is under way at a time; each waits for it as long as `patience` allows, in seconds. It is
    used by one event loop.
    """

    look: Callable[[], Mapping[Key, Seen]]
    clock: Callable[[], float] = time.monotonic
    patience: float = _WAITED_FOR
    _seen: Mapping[Key, Seen] = field(default_factory=dict)
    _seen_at: float | None = None
    _failed_at: float | None = None
    _fresh_for: float = FRESH_FOR
    _began_at: float = 0.0
    _looking: asyncio.Task[None] | None = None

    async def known(self) -> Known:
        """What is known now. Raises Unavailable when that is nothing, or too old to be told."""
        now = self.clock()
        if not self._is_fresh(now):
            await self._wait_for_a_look(now)
        if self._seen_at is None:
            raise Unavailable("Nothing is known yet: the database does not answer")
        age = self.clock() - self._seen_at
        if age > KEPT_FOR:
            raise Unavailable(f"Nothing is known of the last {KEPT_FOR / 60:.0f} min: the database does not answer")
        return Known(self._seen, age)

    def _is_fresh(self, now: float) -> bool:
        if self._seen_at is not None and now - self._seen_at <= self._fresh_for:
            return True
        return self._failed_at is not None and now - self._failed_at <= _TRIED_AGAIN_AFTER

    async def _wait_for_a_look(self, now: float) -> None:
        """Begin to look where nobody does, and wait for it; not for one that has been under way for too long."""
        if self._looking is None or self._looking.done():
            self._began_at = now
            self._looking = asyncio.create_task(self._look())
        patience = _WAITED_FOR_FIRST if self._seen_at is None else self.patience
        left = self._began_at + patience - now
        if left > 0:
            await asyncio.wait({self._looking}, timeout=left)

    async def _look(self) -> None:
        began_at = self.clock()
        try:
            self._seen = await asyncio.to_thread(self.look)
        except Exception as error:  # whatever keeps us from looking, balancers are told what was last known
            if self._failed_at is None:
                log.warning("balancer_answers_are_old", error=str(error))
            self._failed_at = self.clock()
        else:
            self._seen_at, self._failed_at = began_at, None
            self._fresh_for = max(FRESH_FOR, _RESTS_FOR * (self.clock() - began_at))
