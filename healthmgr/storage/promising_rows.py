"""What became of the promises, asked of results, alerts, notifications, runs and the auditor's minutes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from healthmgr.domain.delivery_time import SHARES, Percentiles
from healthmgr.domain.promises import DETECTED_WITHIN, HEALED_WITHIN, Candidate, Detections, Facts, Pause
from healthmgr.errors import NotFound
from healthmgr.services.promising import Mark, PromisingTransaction
from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.delivery_times import delivery_times_over

MOST_ALERTS = 5000  # the newest, whose detection is looked up

# An alert that a hard change opened tells when that was known. The problem began between the last good probe before it
# and the first bad one. An alert that was opened otherwise (a person had closed it too early) detected nothing.
_DETECTIONS = text("""
WITH opened AS (
    SELECT check_id, opened_at FROM alerts
    WHERE opened_at > :since AND opened_at <= :now AND check_id IS NOT NULL AND severity = 'critical'
      AND NOT is_flapping
    ORDER BY opened_at DESC LIMIT :most
), detected AS (
    SELECT extract(epoch FROM o.opened_at - good.started_at) AS at_most,
           extract(epoch FROM o.opened_at - bad.started_at) AS from_first_bad
    FROM opened o
    JOIN LATERAL (
        SELECT t.at FROM transitions t
        WHERE t.check_id = o.check_id AND t.is_hard AND t.reason IN ('hard_change', 'first_result')
          AND t.at <= o.opened_at AND t.at > o.opened_at - interval '10 minutes'
        ORDER BY t.at DESC LIMIT 1
    ) hard ON true
    JOIN LATERAL (
        SELECT r.started_at FROM results r
        WHERE r.check_id = o.check_id AND r.status = 'healthy' AND r.started_at < hard.at
          AND r.started_at > hard.at - interval '1 day'
        ORDER BY r.started_at DESC LIMIT 1
    ) good ON true
    JOIN LATERAL (
        SELECT min(r.started_at) AS started_at FROM results r
        WHERE r.check_id = o.check_id AND r.started_at > good.started_at AND r.started_at <= hard.at
    ) bad ON bad.started_at IS NOT NULL
)
SELECT count(*) AS problems, count(*) FILTER (WHERE at_most > :within) AS late,
       percentile_cont(CAST(:shares AS float8[])) WITHIN GROUP (ORDER BY at_most) AS at_most,
       percentile_cont(CAST(:shares AS float8[])) WITHIN GROUP (ORDER BY from_first_bad) AS from_first_bad
FROM detected
""")

# The minute that is under way is not judged yet; one without a row is none in which alerting could have worked.
_BOUNDS = """
WITH bounds AS (
    SELECT GREATEST(min(minute), date_trunc('minute', CAST(:since AS timestamptz))) AS began,
           date_trunc('minute', CAST(:now AS timestamptz)) AS ended
    FROM audited_minutes WHERE looks > 0 HAVING min(minute) IS NOT NULL
)
"""
_MINUTES = text(f"""{_BOUNDS}
SELECT count(m.minute) AS minutes, count(m.minute) FILTER (WHERE m.looks > 0 AND m.bad_looks = 0) AS well
FROM bounds b JOIN audited_minutes m ON m.minute >= b.began AND m.minute < b.ended
""")  # noqa: S608 - composed of constants alone
_PAUSES = text(f"""{_BOUNDS}, ends AS (
    SELECT m.minute FROM bounds b JOIN audited_minutes m ON m.minute >= b.began AND m.minute < b.ended
    UNION ALL SELECT unnest(ARRAY[began - interval '1 minute', ended]) FROM bounds
), gaps AS (
    SELECT lag(minute) OVER (ORDER BY minute) + interval '1 minute' AS began, minute AS ended FROM ends
)
SELECT began, ended FROM gaps WHERE ended > began ORDER BY began DESC
""")  # noqa: S608 - composed of constants alone

# An alert about a promise is no evidence of how well it is kept.
_OURS = """
a.opened_at > :since AND a.opened_at <= :now AND a.suppressed_by_id IS NULL
AND a.origin NOT IN ('synthetic', 'promises')
"""
_IS_CANDIDATE = """(
    a.is_flapping
    OR (a.resolved_at - a.opened_at < :healed_within AND a.resolved_by IS NULL
        AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.alert_id = a.id AND r.is_proved))
)"""

_ALERTS = text(f"""
SELECT count(*) AS alerts, count(f.alert_id) AS marked,
       count(*) FILTER (WHERE f.alert_id IS NULL AND {_IS_CANDIDATE}) AS candidates
FROM alerts a LEFT JOIN false_alerts f ON f.alert_id = a.id WHERE {_OURS}
""")  # noqa: S608 - composed of constants alone

_CANDIDATES = text(f"""
SELECT a.id, COALESCE(c.slug, a.name) AS "check", a.summary, a.opened_at, a.is_flapping,
       CAST(extract(epoch FROM a.resolved_at - a.opened_at) AS float8) AS lasted_for
FROM alerts a LEFT JOIN checks c ON c.id = a.check_id LEFT JOIN false_alerts f ON f.alert_id = a.id
WHERE {_OURS} AND f.alert_id IS NULL AND {_IS_CANDIDATE}
ORDER BY a.opened_at DESC, a.id DESC LIMIT :limit
""")  # noqa: S608 - composed of constants alone

# An alert that was over before anything could be done about it says nothing of runbooks.
_REPAIRS = text("""
SELECT count(DISTINCT alert_id) AS seen_to, count(DISTINCT alert_id) FILTER (WHERE is_proved) AS repaired
FROM runs
WHERE trigger <> 'person' AND alert_id IS NOT NULL AND created_at > :since AND ended_at IS NOT NULL
  AND reason <> 'healed_by_itself'
""")

_OPEN = text("SELECT labels->>'promise' FROM alerts WHERE origin = :origin AND resolved_at IS NULL")

_LOCK_ALERT = text("SELECT 1 FROM alerts WHERE id = :id FOR NO KEY UPDATE")
_MARK = text("SELECT alert_id, marked_by, marked_at, why FROM false_alerts WHERE alert_id = :id")
_PUT = text("""
INSERT INTO false_alerts (alert_id, marked_by, marked_at, why) VALUES (:alert_id, :marked_by, :marked_at, :why)
ON CONFLICT (alert_id) DO UPDATE SET marked_by = EXCLUDED.marked_by, marked_at = EXCLUDED.marked_at, why = EXCLUDED.why
""")
_TAKE_BACK = text("DELETE FROM false_alerts WHERE alert_id = :id")


class PromisingRows(PromisingTransaction):
    """The rows of one question, or of one mark."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def facts(self, over: timedelta, now: datetime) -> Facts:
        since = {"since": now - over, "now": now}
        minutes = self._connection.execute(_MINUTES, since).one()
        alerts = self._connection.execute(_ALERTS, since | {"healed_within": HEALED_WITHIN}).one()
        repairs = self._connection.execute(_REPAIRS, {"since": now - over}).one()
        return Facts(
            over=over,
            detections=self._detections(since),
            delivery=delivery_times_over(self._connection, over, now),
            minutes=minutes.minutes,
            well_minutes=minutes.well,
            pauses=tuple(Pause(row.began, row.ended) for row in self._connection.execute(_PAUSES, since)),
            alerts=alerts.alerts,
            marked_false=alerts.marked,
            candidates=alerts.candidates,
            seen_to=repairs.seen_to,
            repaired=repairs.repaired,
        )

    def _detections(self, since: dict[str, Any]) -> Detections:
        values = since | {"most": MOST_ALERTS, "within": DETECTED_WITHIN.total_seconds(), "shares": list(SHARES)}
        row = self._connection.execute(_DETECTIONS, values).one()
        return Detections(row.problems, row.late, Percentiles.of(row.at_most), Percentiles.of(row.from_first_bad))

    def candidates(self, over: timedelta, now: datetime, limit: int) -> Sequence[Candidate]:
        values = {"since": now - over, "now": now, "healed_within": HEALED_WITHIN, "limit": limit}
        return [Candidate(**row) for row in self._connection.execute(_CANDIDATES, values).mappings()]

    def open_names(self, origin: str) -> set[str]:
        return set(self._connection.execute(_OPEN, {"origin": origin}).scalars())

    def mark(self, alert_id: UUID) -> Mark | None:
        if self._connection.execute(_LOCK_ALERT, {"id": alert_id}).one_or_none() is None:
            raise NotFound(f"There is no alert {alert_id}.")
        row = self._connection.execute(_MARK, {"id": alert_id}).mappings().one_or_none()
        return Mark(**row) if row else None

    def put(self, mark: Mark) -> None:
        values = {"alert_id": mark.alert_id, "marked_by": mark.marked_by, "marked_at": mark.marked_at, "why": mark.why}
        self._connection.execute(_PUT, values)

    def take_back(self, alert_id: UUID) -> None:
        self._connection.execute(_TAKE_BACK, {"id": alert_id})

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        write_audit(self._connection, actor, origin, action, target, detail, now)
