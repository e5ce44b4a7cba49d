"""The whole at a glance: how many checks are how, and what work is open."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select

from healthmgr.domain import synthetic
from healthmgr.domain.check import Severity, Status
from healthmgr.storage.delivery_times import delivery_times
from healthmgr.storage.tables import alerts, check_schedules, check_states, checks, incidents, notifications
from healthmgr.views import StatusView

# Worst last: a status that could not be told is worse than a slow one, for it may hide anything.
_BADNESS = {Status.HEALTHY: 0, Status.DEGRADED: 1, Status.UNKNOWN: 2, Status.UNHEALTHY: 3}

CHECKS_WITH_STATE = checks.outerjoin(check_states, check_states.c.check_id == checks.c.id).outerjoin(
    check_schedules, check_schedules.c.check_id == checks.c.id
)
_UNSENT = (
    select(func.count())
    .select_from(notifications)
    .where(
        notifications.c.due_at.is_not(None),
        notifications.c.state.in_(("pending", "sending")),
        notifications.c.recipient != synthetic.RECIPIENT,
    )
)
_INCIDENTS = (
    select(incidents.c.severity, func.count())
    .where(incidents.c.resolved_at.is_(None), incidents.c.number != synthetic.INCIDENT_NUMBER)
    .group_by(incidents.c.severity)
)


def status_of(connection: Connection, now: datetime) -> StatusView:
    """How all checks are that are enabled, and what is open."""
    hard = func.coalesce(check_states.c.hard_status, Status.UNKNOWN.value)
    shown = func.coalesce(check_states.c.status, Status.UNKNOWN.value)
    rows = connection.execute(
        select(shown, hard, checks.c.is_paused, func.count())
        .select_from(CHECKS_WITH_STATE)
        .where(checks.c.is_enabled)
        .group_by(shown, hard, checks.c.is_paused)
    ).all()
    counts: dict[str, int] = {**dict.fromkeys((s.value for s in Status), 0), "paused": 0}
    for status, _hard, is_paused, count in rows:
        counts["paused" if is_paused else status] += count
    believed = {Status(row[1]) for row in rows if not row[2]}
    worst = max(believed, key=_BADNESS.__getitem__, default=Status.UNKNOWN)
    return StatusView(
        status=worst.value,
        checks=counts,
        total_checks=sum(counts.values()),
        at=now,
        delivery=delivery_times(connection, now),
        **_open_work(connection),
    )


def _open_work(connection: Connection) -> dict[str, Any]:
    is_told = and_(alerts.c.acknowledged_at.is_(None), alerts.c.suppressed_by_id.is_(None))
    rows = connection.execute(
        select(alerts.c.severity, func.count(), func.count().filter(is_told))
        .where(alerts.c.resolved_at.is_(None), alerts.c.origin != synthetic.ORIGIN)
        .group_by(alerts.c.severity)
    ).all()
    found = {severity: count for severity, count, _ in rows}
    incident_counts: dict[str, int] = {row[0]: row[1] for row in connection.execute(_INCIDENTS)}
    return {
        "open_alerts": {severity.value: found.get(severity.value, 0) for severity in Severity},
        "open_incidents": {severity.value: incident_counts.get(severity.value, 0) for severity in Severity},
        "unacknowledged_alerts": sum(row[2] for row in rows),
        "pending_notifications": connection.execute(_UNSENT).scalar_one(),
    }
