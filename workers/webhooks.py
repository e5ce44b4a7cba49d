"""Queue upkeep: events are spread to webhooks, and each delivery goes through the lane of its webhook."""

from __future__ import annotations

from uuid import UUID

from workers.app import app
from workers.base import ServiceTask


@app.task(name="healthmgr.webhooks.spread", bind=True)
def spread(self: ServiceTask) -> None:
    """Write what webhooks are to be told of what happened, beside everything else: there may be much of it."""
    healthmgr, publisher = self.healthmgr, self.publisher

    def spread_all() -> None:
        publisher.remind(healthmgr.webhooks.relaying.spread(healthmgr.now()), healthmgr.now())

    self.process.aside.run("webhooks", spread_all)


@app.task(name="healthmgr.webhooks.deliver", bind=True)
def deliver(self: ServiceTask, delivery_id: str, webhook_id: str, rank: int) -> None:
    """Have an event delivered; its row says whether it still is to be."""
    self.process.webhook_lanes.submit(UUID(delivery_id), webhook_id, rank)


@app.task(name="healthmgr.webhooks.forget", bind=True)
def forget(self: ServiceTask) -> None:
    """Remove deliveries that have been over for days."""
    self.healthmgr.webhooks.relaying.forget(self.now)
