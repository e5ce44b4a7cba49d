"""Results on their way out: gathered into batches, handed over by a thread of their own, tried again."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from healthmgr.domain.result import Result

log = structlog.get_logger(__name__)

Deliver = Callable[[Sequence[Result]], None]

_FIRST_PAUSE = 0.1  # seconds
_LONGEST_PAUSE = 5.0


class Delivery:
    """Batches of up to `batch_size` results, or whatever came within `linger` seconds; a bad one goes at once.

    While `deliver` raises, results wait, at most `capacity` of them: the oldest is then dropped and
    counted, for its lease expires and its check is probed again.
    """

    def __init__(self, deliver: Deliver, *, batch_size: int = 500, linger: float = 0.2, capacity: int = 5000) -> None:
        self._deliver = deliver
        self._batch_size = batch_size
        self._linger = linger
        self._capacity = capacity
        self._changed = threading.Condition()
        self._waiting: deque[Result] = deque()
        self._due_at = 0.0
        self._is_urgent = False
        self._dropped = 0
        self._closing = threading.Event()
        self._gave_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probe results", daemon=True)

    @property
    def waiting(self) -> int:
        """How many results have not been handed over."""
        return len(self._waiting)

    @property
    def dropped(self) -> int:
        """How many results were dropped because too many waited."""
        return self._dropped

    def start(self) -> None:
        """Begin to hand over."""
        self._thread.start()

    def put(self, result: Result) -> None:
        """Take one result; never blocks for longer than a lock."""
        with self._changed:
            must_wake = False
            if not self._waiting:
                self._due_at = time.monotonic() + self._linger
                must_wake = True
            self._waiting.append(result)
            self._drop_oldest()
            if result.status.is_bad and not self._is_urgent:
                self._is_urgent = must_wake = True
            if must_wake or len(self._waiting) == self._batch_size:
                self._changed.notify()

    def close(self, timeout: float) -> int:
        """Hand over what is left, within `timeout` seconds; gives the number of results that had to be left."""
        with self._changed:
            self._closing.set()
            self._changed.notify()
        self._thread.join(timeout)
        self._gave_up.set()
        self._thread.join(0.5)
        return len(self._waiting)

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while batch := self._next_batch():
            try:
                self._deliver(batch)
            except Exception as error:
                self._put_back(batch)
                log.warning("probe.results_not_taken", **self._facts(error), try_again_in=pause)
                self._rest(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                pause = _FIRST_PAUSE

    def _next_batch(self) -> list[Result]:
        """Waits until a batch is due; an empty one says that we are closed."""
        with self._changed:
            while not self._is_due():
                if self._closing.is_set():
                    return []
                self._changed.wait(self._due_at - time.monotonic() if self._waiting else None)
            if self._gave_up.is_set():
                return []
            self._is_urgent = False
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch_size))]

    def _is_due(self) -> bool:
        if not self._waiting:
            return False
        is_full = len(self._waiting) >= self._batch_size
        return is_full or self._is_urgent or self._closing.is_set() or time.monotonic() >= self._due_at

    def _put_back(self, batch: list[Result]) -> None:
        with self._changed:
            self._waiting.extendleft(reversed(batch))
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        while len(self._waiting) > self._capacity:
            self._waiting.popleft()
            self._dropped += 1

    def _rest(self, pause: float) -> None:
        """Closing cuts a pause short, once; after that only giving up does."""
        if self._closing.is_set():
            self._gave_up.wait(min(pause, 0.2))
        else:
            self._closing.wait(pause)

    def _facts(self, error: Exception) -> dict[str, Any]:
        return {"error": f"{type(error).__name__}: {error}", "waiting": len(self._waiting), "dropped": self._dropped}
