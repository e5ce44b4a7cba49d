"""Notifications as a table: to whom, over which channel, and what came of it."""

from __future__ import annotations

from datetime import datetime

from healthmgr.cli.printing import Column, ago, duration, print_table, styled
from healthmgr.cli.wording import incident_name
from healthmgr.views import NotificationView


def print_notification_table(notifications: list[NotificationView], now: datetime) -> None:
    """Notifications below each other, one a line."""
    columns = (
        Column("decided"),
        Column("inc", is_number=True),
        Column("kind"),
        Column("to", max_width=16),
        Column("via", max_width=12),
        Column("state"),
        Column("detail", is_flexible=True),
    )
    rows = (
        (
            ago(n.created_at, now),
            incident_name(n.incident_number),
            n.kind,
            n.recipient,
            n.channel,
            styled(n.state),
            _fate(n, now),
        )
        for n in notifications
    )
    print_table(columns, rows)


def _fate(notification: NotificationView, now: datetime) -> str:
    """What came of it, or what comes next: the reason of its state, and what the provider said last."""
    last = notification.deliveries[-1] if notification.deliveries else None
    said = "" if last is None else last.reported or ("" if notification.state == "sent" else last.detail)
    parts = [notification.state_reason, said]
    if notification.state == "sent" and notification.sent_at:
        parts.append(f"after {duration((notification.sent_at - notification.created_at).total_seconds())}")
    if notification.due_at and notification.attempts:
        parts.append(f"attempt {notification.attempts + 1} {ago(notification.due_at, now)}")
    return "; ".join(part for part in parts if part)
