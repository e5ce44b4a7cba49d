"""Work that may take long, beside what the worker is there for: one thread for each kind of it, and never two."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import structlog

log = structlog.get_logger(__name__)


class Aside:
    """Runs things next to the worker's own thread, which goes on taking messages meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, threading.Thread] = {}

    def run(self, name: str, work: Callable[[], object]) -> bool:
        """Begin it, unless the one before of this name still runs; whether it was begun. A failure is logged."""
        with self._lock:
            before = self._running.get(name)
            if before is not None and before.is_alive():
                return False
            thread = threading.Thread(target=_attempt, args=(name, work), name=name, daemon=True)
            self._running[name] = thread
            thread.start()
            return True

    def close(self, within: timedelta) -> None:
        """Wait for what runs, as long as that; what takes longer is left behind, and found again by its rows."""
        with self._lock:
            threads = list(self._running.values())
        for thread in threads:
            thread.join(within.total_seconds() / len(threads))


def _attempt(name: str, work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:
        log.exception("aside_failed", work=name)
