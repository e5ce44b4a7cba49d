"""A small message through every queue: when it comes out, something consumes there."""

from __future__ import annotations

from workers.app import app
from workers.base import ServiceTask


@app.task(name="healthmgr.pulse", bind=True)
def pulse(self: ServiceTask) -> None:
    """Note that this queue is consumed, and by whom."""
    queue = self.request.delivery_info["routing_key"]
    self.healthmgr.upkeep.queue_consumed(queue, self.request.hostname, self.now)
