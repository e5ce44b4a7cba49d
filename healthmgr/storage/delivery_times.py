"""How long telling took of late, asked of the notifications themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from healthmgr.domain.delivery_time import (
    SHARES,
    TOLD_WITHIN,
    URGENT,
    WINDOWS,
    DeliverySeries,
    DeliveryTimes,
    Percentiles,
)
from healthmgr.domain.notification import GIVES_UP_AFTER
from healthmgr.storage.paging import first_id

# By ids, which are in the order of time and indexed: what is sent now was decided on within the time of trying.
# A problem without problem_at is told again, or was to wait: neither says how fast telling is.
_SENT = """
SELECT n.kind, n.severity, n.channel, n.severity = ANY(:urgent) AS is_urgent,
       CASE WHEN n.reason <> 'new_alerts_in_group' THEN extract(epoch FROM n.sent_at - n.problem_at) END AS whole,
       CASE WHEN n.kind <> 'problem' OR n.problem_at IS NOT NULL
            THEN extract(epoch FROM n.sent_at - n.created_at) END AS decided
FROM notifications n
WHERE n.id > CAST(:first AS uuid) AND n.sent_at > :since AND n.state = 'sent' AND n.recipient <> '(healthmgr)'
"""

_TIMES = text(f"""
WITH sent AS ({_SENT})
SELECT count(*) AS notifications,
       count(*) FILTER (WHERE is_urgent AND whole IS NOT NULL) AS urgent,
       count(*) FILTER (WHERE is_urgent AND whole > :told_within) AS late,
       percentile_cont(CAST(:shares AS float8[])) WITHIN GROUP (ORDER BY whole) AS from_problem,
       percentile_cont(CAST(:shares AS float8[])) WITHIN GROUP (ORDER BY whole) FILTER (WHERE is_urgent)
           AS urgent_from_problem,
       percentile_cont(CAST(:shares AS float8[])) WITHIN GROUP (ORDER BY decided) AS from_decision
FROM sent
""")  # noqa: S608 - composed of constants alone

_SERIES = text(f"""
WITH sent AS ({_SENT})
SELECT s.kind, s.severity, COALESCE(c.kind, '') AS channel_kind, count(*) AS notifications,
       percentile_cont(CAST(:shares AS float8[])) WITHIN GROUP (ORDER BY s.whole) AS from_problem,
       percentile_cont(CAST(:shares AS float8[])) WITHIN GROUP (ORDER BY s.decided) AS from_decision
FROM sent s LEFT JOIN channels c ON c.name = s.channel
GROUP BY s.kind, s.severity, 3 ORDER BY s.kind, s.severity, 3
""")  # noqa: S608 - composed of constants alone

# Attempts that may have brought a message a second time: an earlier one of the same notification may have arrived.
_POSSIBLE_DUPLICATES = text("""
SELECT COALESCE(c.kind, '') AS channel_kind, count(*) AS attempts
FROM (SELECT notification_id, min(attempt) AS attempt FROM deliveries WHERE outcome = 'unknown' GROUP BY 1) AS first
JOIN deliveries d ON d.notification_id = first.notification_id AND d.attempt > first.attempt
JOIN notifications n ON n.id = d.notification_id
LEFT JOIN channels c ON c.name = n.channel
WHERE d.outcome IN ('accepted', 'unknown')
GROUP BY 1
""")


def delivery_times(connection: Connection, now: datetime) -> list[DeliveryTimes]:
    """The times of the last hour and the last day."""
    return [delivery_times_over(connection, window, now) for window in WINDOWS]


def delivery_times_over(connection: Connection, window: timedelta, now: datetime) -> DeliveryTimes:
    """The times of what was sent within this length of time."""
    row = connection.execute(_TIMES, _values(window, now)).one()
    return DeliveryTimes(
        over=window.total_seconds(),
        notifications=row.notifications,
        urgent=row.urgent,
        late=row.late,
        from_problem=Percentiles.of(row.from_problem),
        urgent_from_problem=Percentiles.of(row.urgent_from_problem),
        from_decision=Percentiles.of(row.from_decision),
    )


def delivery_series(connection: Connection, now: datetime) -> list[DeliverySeries]:
    """The times of the last hour and the last day by kind of message, severity and kind of channel."""
    return [
        DeliverySeries(
            over=window,
            kind=row.kind,
            severity=row.severity,
            channel_kind=row.channel_kind,
            notifications=row.notifications,
            from_problem=Percentiles.of(row.from_problem),
            from_decision=Percentiles.of(row.from_decision),
        )
        for window in WINDOWS
        for row in connection.execute(_SERIES, _values(window, now))
    ]


def possible_duplicates(connection: Connection) -> Mapping[str, int]:
    """How many attempts may have brought a message a second time, by kind of channel."""
    return {row.channel_kind: row.attempts for row in connection.execute(_POSSIBLE_DUPLICATES)}


def _values(window: timedelta, now: datetime) -> dict[str, Any]:
    since = now - window
    return {
        "since": since,
        "first": first_id(since - GIVES_UP_AFTER),
        "urgent": [severity.value for severity in URGENT],
        "told_within": TOLD_WITHIN.total_seconds(),
        "shares": list(SHARES),
    }
