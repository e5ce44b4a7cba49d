"""Queue upkeep: what happened is copied to the stream, and numbers are kept for other dashboards."""

from __future__ import annotations

from workers.app import app
from workers.base import ServiceTask


@app.task(name="healthmgr.events.publish", bind=True)
def publish(self: ServiceTask) -> None:
    """Bring the stream up to date; while Redis is away, rows keep what it will be told."""
    self.healthmgr.eventing.publish(self.now)


@app.task(name="healthmgr.events.keep_metrics", bind=True)
def keep_metrics(self: ServiceTask) -> None:
    """Put the present numbers where other dashboards read them."""
    self.healthmgr.eventing.put_metrics(self.healthmgr.reading.statistics(self.now).model_dump(mode="json"))
