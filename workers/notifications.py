"""Queue notifications: groups are judged, and notifications sent through the lane of their channel."""

from __future__ import annotations

from uuid import UUID

from workers.app import app
from workers.base import ServiceTask


@app.task(name="healthmgr.notifications.dispatch", bind=True)
def dispatch(self: ServiceTask, group_key: str, token: int) -> None:
    """Judge what is due for a group."""
    _, dues = self.healthmgr.routing.dispatch(group_key, token, self.now)
    self.publisher.remind(dues, self.now)


@app.task(name="healthmgr.notifications.send", bind=True)
def send(self: ServiceTask, notification_id: str, channel: str, rank: int) -> None:
    """Have a notification sent; its row says whether it still is to be."""
    self.process.lanes.submit(UUID(notification_id), channel, rank)
