"""The numbers that a dashboard wants: of checks by their latest results, of alerts, and of notifications."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from healthmgr.domain.check import Severity, Status
from healthmgr.storage.paging import first_id
from healthmgr.views import AlertNumbers, CheckNumbers, NotificationNumbers, StatisticsView, StatusView

_CHECKS = text("""
SELECT st.status, count(*) AS amount, avg(st.last_response_time) FILTER (WHERE st.last_result_at IS NOT NULL) AS took
FROM checks c JOIN check_states st ON st.check_id = c.id
WHERE c.is_enabled AND NOT c.is_paused
GROUP BY st.status
""")

_ALERTS = text("""
SELECT severity, count(*) AS active, count(*) FILTER (WHERE acknowledged_at IS NOT NULL) AS acknowledged,
       count(*) FILTER (WHERE suppressed_by_id IS NOT NULL) AS suppressed
FROM alerts WHERE resolved_at IS NULL AND origin <> 'synthetic' GROUP BY severity
""")

_LATELY = text("""
SELECT (SELECT count(*) FROM alerts WHERE opened_at > :since AND origin <> 'synthetic') AS opened,
       (SELECT count(*) FROM notifications
        WHERE id > CAST(:first AS uuid) AND state = 'sent' AND recipient <> '(healthmgr)') AS sent
""")


def statistics(connection: Connection, status: StatusView, now: datetime) -> StatisticsView:
    """The numbers at this moment. Lengths are milliseconds, as those who ask for these are used to."""
    found = connection.execute(_CHECKS).all()
    counts = {row.status: row.amount for row in found}
    timed = [(row.took, row.amount) for row in found if row.took is not None]
    weight = sum(count for _, count in timed)
    average = sum(took * count for took, count in timed) / weight * 1000 if weight else 0.0
    alerts = connection.execute(_ALERTS).all()
    by_severity = {row.severity: row.active for row in alerts}
    since = now - timedelta(days=1)
    lately = connection.execute(_LATELY, {"since": since, "first": first_id(since)}).one()
    return StatisticsView(
        at=now,
        status=status.status,
        health_checks=CheckNumbers(
            total_checks=sum(counts.values()),
            successful_checks=counts.get(Status.HEALTHY.value, 0),
            failed_checks=sum(count for name, count in counts.items() if name != Status.HEALTHY.value),
            by_status={name.value: counts.get(name.value, 0) for name in Status},
            average_response_time=round(average, 3),
        ),
        alerts=AlertNumbers(
            active=sum(by_severity.values()),
            acknowledged=sum(row.acknowledged for row in alerts),
            suppressed=sum(row.suppressed for row in alerts),
            by_severity={name.value: by_severity.get(name.value, 0) for name in Severity},
            opened_last_day=lately.opened,
        ),
        notifications=NotificationNumbers(pending=status.pending_notifications, sent_last_day=lately.sent),
    )
