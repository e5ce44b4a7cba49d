"""Runs that are over, removed once nobody asks for them any more."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, text

from healthmgr.services.forgetting import RunArchive
from healthmgr.storage.transactions import transaction

# Steps, entries and approvals go with them. One that somebody has undone at this moment is not over, and stays.
_FORGET = text("""
DELETE FROM runs WHERE id IN (
    SELECT id FROM runs WHERE ended_at < :before ORDER BY ended_at LIMIT :limit FOR UPDATE SKIP LOCKED
)
""")


class RunArchiveRows(RunArchive):
    """The rows of runs; each batch is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def forget_runs(self, before: datetime, limit: int) -> int:
        """Remove at most so many runs that ended before then, the oldest first; how many there were."""
        with transaction(self._engine) as connection:
            return connection.execute(_FORGET, {"before": before, "limit": limit}).rowcount
