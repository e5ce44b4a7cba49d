"""Forgetting runs of runbooks that ended long ago, with their steps and what people answered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

BATCH = 500  # runs: so many leave in one transaction, and nobody waits for it
MOST = 20_000  # in one turn; the next one takes the rest


class RunArchive(Protocol):
    """Where runs are that are over."""

    def forget_runs(self, before: datetime, limit: int) -> int:
        """Remove runs that ended before this instant, the oldest first, at most `limit`; how many there were."""
        ...


class Forgetting:
    """Removes runs once they are older than they are kept."""

    def __init__(self, archive: RunArchive, kept_for: timedelta) -> None:
        self._archive = archive
        self._kept_for = kept_for

    def forget_runs(self, now: datetime) -> int:
        """Remove those that are over for longer, a batch at a time; how many. What timelines say of them stays."""
        count = 0
        while count < MOST:
            gone = self._archive.forget_runs(now - self._kept_for, BATCH)
            count += gone
            if gone < BATCH:
                break
        if count:
            log.info("runs_forgotten", count=count)
        return count
