"""Whether a worker still consumes: it touches a file while its consumer loop runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PulseWatch:
    """Finds a worker stuck when its pulse file is older than `stale_after` seconds although the broker answers.

    A worker that has not begun yet is given `start_within` seconds. While the broker is away no worker can
    consume, and killing them would help nobody.
    """

    path: Path
    broker_answers: Callable[[], bool]
    stale_after: float = 20.0
    start_within: float = 60.0

    def reset(self) -> None:
        """Forget the pulse of an earlier process."""
        self.path.unlink(missing_ok=True)

    def __call__(self, up_for: float) -> str | None:
        """Why the worker must be started again, or None."""
        try:
            silent_for, limit = min(time.time() - self.path.stat().st_mtime, up_for), self.stale_after
        except FileNotFoundError:
            silent_for, limit = up_for, self.start_within
        if silent_for <= limit or not self.broker_answers():
            return None
        return f"it has consumed nothing for {silent_for:.0f} s although the broker answers"
