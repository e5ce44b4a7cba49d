"""Numbers about the rows, for metrics: each is one cheap question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, case, func, select

from healthmgr.domain import synthetic
from healthmgr.domain.delivery_time import DeliverySeries
from healthmgr.domain.synthetic import Trials
from healthmgr.storage.delivery_times import delivery_series, possible_duplicates
from healthmgr.storage.synthetic_rows import read_trials
from healthmgr.storage.tables import (
    alerts,
    check_schedules,
    check_states,
    checks,
    heartbeats,
    incidents,
    metric_progress,
    notifications,
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a scrape tells. Lags are seconds, 0 when nothing waits; totals only grow while checks stay defined."""

    checks: Mapping[str, int]
    open_alerts: Mapping[tuple[str, str], int]
    open_incidents: int
    notifications: Mapping[str, int]
    notification_lag: float
    schedule_lag: float
    probes_total: int
    pings_total: int
    delivery: Sequence[DeliverySeries]
    possible_duplicates: Mapping[str, int]
    trials: Trials | None
    rollup_lag: float | None


def numbers(connection: Connection, now: datetime) -> Numbers:
    """All of them at one moment."""
    unsent_since = connection.execute(
        select(func.min(notifications.c.due_at)).where(notifications.c.due_at.is_not(None))
    ).scalar_one()
    due_since, probes = connection.execute(
        select(
            func.min(check_schedules.c.claim_at).filter(check_schedules.c.is_active),
            func.coalesce(func.sum(check_schedules.c.sequence), 0),
        )
    ).one()
    return Numbers(
        checks=_counts(connection, _CHECKS),
        open_alerts={(severity, state): count for severity, state, count in connection.execute(_ALERTS)},
        open_incidents=connection.execute(_INCIDENTS).scalar_one(),
        notifications=_counts(connection, _NOTIFICATIONS),
        notification_lag=_lag(now, unsent_since),
        schedule_lag=_lag(now, due_since),
        probes_total=int(probes),
        pings_total=int(connection.execute(select(func.coalesce(func.sum(heartbeats.c.ping_count), 0))).scalar_one()),
        delivery=delivery_series(connection, now),
        possible_duplicates=possible_duplicates(connection),
        trials=read_trials(connection),
        rollup_lag=_rollup_lag(connection, now),
    )


_STATUS = case((checks.c.is_paused, "paused"), else_=func.coalesce(check_states.c.status, "unknown"))
_CHECKS = (
    select(_STATUS, func.count())
    .select_from(checks.outerjoin(check_states, check_states.c.check_id == checks.c.id))
    .where(checks.c.is_enabled)
    .group_by(_STATUS)
)
_ALERT_STATE = case(
    (alerts.c.suppressed_by_id.is_not(None), "suppressed"),
    (alerts.c.acknowledged_at.is_not(None), "acknowledged"),
    else_="firing",
)
_ALERTS = (
    select(alerts.c.severity, _ALERT_STATE, func.count())
    .where(alerts.c.resolved_at.is_(None), alerts.c.origin != synthetic.ORIGIN)
    .group_by(alerts.c.severity, _ALERT_STATE)
)
_INCIDENTS = (
    select(func.count())
    .select_from(incidents)
    .where(incidents.c.resolved_at.is_(None), incidents.c.number != synthetic.INCIDENT_NUMBER)
)
_NOTIFICATIONS = (
    select(notifications.c.state, func.count())
    .where(notifications.c.recipient != synthetic.RECIPIENT)
    .group_by(notifications.c.state)
)


def _counts(connection: Connection, query: Select[str, int]) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(query)}


def _rollup_lag(connection: Connection, now: datetime) -> float | None:
    at = connection.execute(select(metric_progress.c.rolled_at)).scalar()
    return max((now - at).total_seconds(), 0.0) if at else None


def _lag(now: datetime, since: datetime | None) -> float:
    return max((now - since).total_seconds(), 0.0) if since else 0.0
