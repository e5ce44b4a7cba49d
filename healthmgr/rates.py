"""How often something may be done: a burst, and so many a second from then on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

PER_SECOND = 20.0
BURST = 600.0
MOST_KNOWN = 50_000  # names that are remembered; of more, those that may do all again are forgotten


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of taking one: how many are left, in how many seconds all are there again, and how many seconds
    it was too early (0: it was taken).
    """

    left: int
    full_after: float
    too_early: float


class TokenBuckets:
    """How many requests each name may make: a burst, and so many a second from then on.

    It counts in this process: with several processes each allows as much. `tick` gives seconds that only grow.
    """

    def __init__(
        self, per_second: float = PER_SECOND, burst: float = BURST, tick: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tick = tick
        self._lock = threading.Lock()
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, who: str) -> float:
        """Take one; 0, or how many seconds it is too early."""
        return self.take_one(who).too_early

    def take_one(self, who: str) -> Taken:
        """Take one, and tell what is left."""
        with self._lock:
            now = self._tick()
            level, at = self._levels.get(who, (self._burst, now))
            level = min(self._burst, level + (now - at) * self._per_second)
            if level < 1:
                return Taken(0, (self._burst - level) / self._per_second, (1 - level) / self._per_second)
            if who not in self._levels and len(self._levels) >= MOST_KNOWN:
                self._forget(now)
            self._levels[who] = level - 1, now
            return Taken(int(level - 1), (self._burst - level + 1) / self._per_second, 0.0)

    def give_back(self, who: str) -> None:
        """As if one had not been taken."""
        with self._lock:
            if who in self._levels:
                level, at = self._levels[who]
                self._levels[who] = min(self._burst, level + 1), at

    def _forget(self, now: float) -> None:
        """Forget those that are full again; where that is not enough, everybody."""
        full = [
            who for who, (level, at) in self._levels.items() if level + (now - at) * self._per_second >= self._burst
        ]
        for who in full:
            del self._levels[who]
        if len(self._levels) >= MOST_KNOWN:
            self._levels.clear()
