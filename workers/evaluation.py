"""Queue evaluation: batches of results become states, transitions and alerts."""

from __future__ import annotations

from typing import Any

from healthmgr.errors import Unavailable
from healthmgr.services.evaluating import read_results
from workers.app import app
from workers.base import ServiceTask


@app.task(
    name="healthmgr.evaluation.evaluate",
    bind=True,
    autoretry_for=(Unavailable,),
    retry_backoff=1,
    retry_backoff_max=5,
    max_retries=8,
)
def evaluate(self: ServiceTask, results: list[dict[str, Any]]) -> None:
    """Judge a batch. While the database is away it is tried again, then left to the leases of its checks."""
    dues = self.healthmgr.evaluating.evaluate(read_results(results), self.now)
    self.publisher.remind(dues, self.now)
