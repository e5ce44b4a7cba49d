"""The sweep's rows, the day tables, and the signs of life."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, TextClause, text

from healthmgr.domain.audit import Audited
from healthmgr.domain.dispatch import Due, Work, patience, rank
from healthmgr.domain.synthetic import Trials
from healthmgr.services.upkeep import Lost
from healthmgr.storage.admitting_rows import close_lapsed
from healthmgr.storage.lost_rows import begin_anew
from healthmgr.storage.synthetic_rows import read_trials
from healthmgr.storage.transactions import transaction

MINUTES_KEPT_FOR = timedelta(days=91)


def _arming(table: str, key: str, lane: str, kind: str, condition: str) -> TextClause:
    """Each row backs off by itself: the longer a reminder goes unanswered, the longer until the next."""
    return text(f"""
WITH due AS (
    SELECT {key} AS key FROM {table}
    WHERE due_at <= :horizon AND (armed_until IS NULL OR armed_until <= :now) {condition}
    ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
)
UPDATE {table} w SET
    armed_until = GREATEST(w.due_at, :now) + :patience * power(2, LEAST(w.arm_count, 5)),
    arm_count = LEAST(w.arm_count + 1, 100)
FROM due WHERE w.{key} = due.key
RETURNING CAST(w.{key} AS text) AS key, w.token, w.due_at, {lane} AS lane, {kind} AS kind
""")  # noqa: S608 - composed of constants alone


_ARM = {
    Work.DISPATCH: _arming("dispatches", "group_key", "''", "''", ""),
    # A lease that has not expired keeps its due time in the future: no countdown is sent for it.
    Work.NOTIFICATION: _arming(
        "notifications", "id", "w.channel", "w.kind", "AND (state = 'pending' OR due_at <= :now)"
    ),
    Work.ESCALATION: _arming("incidents", "id", "''", "''", ""),
    Work.CALL: _arming("recovery_calls", "id", "''", "''", ""),
    # While a step is under way, its due time is when its lease ends: no countdown is sent for that.
    Work.RUN: _arming("runs", "id", "''", "''", "AND (NOT is_under_way OR due_at <= :now)"),
    Work.WEBHOOK: _arming(
        "webhook_deliveries", "id", "CAST(w.webhook_id AS text)", "''", "AND (state = 'pending' OR due_at <= :now)"
    ),
}

_OVERDUE = text("""
SELECT
    (SELECT count(*) FROM check_schedules WHERE is_active AND claim_at <= :before) AS probes,
    (SELECT count(*) FROM dispatches WHERE due_at <= :before) AS dispatches,
    (SELECT count(*) FROM notifications WHERE due_at <= :before) AS notifications,
    (SELECT count(*) FROM incidents WHERE due_at <= :before) AS escalations,
    (SELECT count(*) FROM runs WHERE due_at <= :before) + (SELECT count(*) FROM recovery_calls WHERE due_at <= :before)
        AS repairs
""")

_PULSE = text("""
INSERT INTO pulses (kind, name, at, detail) VALUES (:kind, :name, :now, :detail)
ON CONFLICT (kind, name) DO UPDATE SET at = EXCLUDED.at, detail = EXCLUDED.detail
""")

_MINUTE = text("""
INSERT INTO audited_minutes AS m (minute, looks, bad_looks) VALUES (date_trunc('minute', :now), 1, :bad)
ON CONFLICT (minute) DO UPDATE SET looks = m.looks + 1, bad_looks = m.bad_looks + EXCLUDED.bad_looks
""")

_LIVED = text("""
INSERT INTO audited_minutes (minute, looks, bad_looks) VALUES (date_trunc('minute', :now), 0, 0)
ON CONFLICT (minute) DO NOTHING
""")

_FORGET_MINUTES = text("DELETE FROM audited_minutes WHERE minute < :before")

_CONSUMED = text("""
INSERT INTO pulses (kind, name, at, detail) VALUES ('queue', :queue, :now, :detail)
ON CONFLICT (kind, name) DO UPDATE SET at = EXCLUDED.at, detail = pulses.detail || EXCLUDED.detail
""")

_DEPTH = text("""
INSERT INTO pulses (kind, name, at, detail) VALUES ('queue', :queue, :now, :detail)
ON CONFLICT (kind, name) DO UPDATE SET detail = pulses.detail || EXCLUDED.detail
RETURNING at
""")

_ELSEWHERE = text("""
SELECT name FROM pulses
WHERE kind = 'worker' AND at > :since AND detail->'queues' ? :queue AND split_part(name, '@', 2) <> :host
ORDER BY random() LIMIT 1
""")

_STALE = text("SELECT name FROM pulses WHERE kind = :kind AND at < :before ORDER BY name")

_NEWEST = text("SELECT max(at) FROM pulses WHERE kind = :kind")
_AUDITED = text("SELECT at, detail FROM pulses WHERE kind = 'auditor' ORDER BY at DESC LIMIT 1")

# One row for all beats: whoever changes it tells.
_ALARM = text("""
INSERT INTO pulses AS p (kind, name, at, detail) VALUES ('alarm', 'auditor', :now, :detail)
ON CONFLICT (kind, name) DO UPDATE SET at = EXCLUDED.at, detail = EXCLUDED.detail
WHERE p.detail->>'text' = '' OR p.at <= :again_before
""")
_ALARM_OVER = text("""
UPDATE pulses SET at = :now, detail = :detail WHERE kind = 'alarm' AND name = 'auditor' AND detail->>'text' <> ''
""")
_PUT_BACK = text("UPDATE pulses SET detail = :detail WHERE kind = 'alarm' AND name = 'auditor'")


class UpkeepRepository:
    """The rows of the system itself."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def arm(self, now: datetime, horizon: datetime, limit: int) -> list[Due]:
        """Take unreminded work before the horizon, and mark it as reminded."""
        values = {"now": now, "horizon": horizon, "limit": limit, "patience": patience(0)}
        dues = []
        with transaction(self._engine) as connection:
            for work, statement in _ARM.items():
                rows = connection.execute(statement, values)
                dues += [Due(work, row.key, row.token, row.due_at, row.lane, rank(row.kind)) for row in rows]
        return dues

    def close_lapsed(self, now: datetime, limit: int) -> int:
        """Close alerts that whoever brought them has not renewed in time; how many there were."""
        with transaction(self._engine) as connection:
            return close_lapsed(connection, now, limit)

    def overdue(self, before: datetime) -> dict[str, int]:
        """How many rows of each kind of work were due before this instant."""
        with transaction(self._engine) as connection:
            return dict(connection.execute(_OVERDUE, {"before": before}).mappings().one())

    def pulse(self, kind: str, name: str, detail: dict[str, Any], now: datetime) -> None:
        """Write a sign of life."""
        with transaction(self._engine) as connection:
            connection.execute(_PULSE, {"kind": kind, "name": name, "detail": json.dumps(detail), "now": now})

    def note_minute(self, is_content: bool, now: datetime) -> None:
        """Note for the minute of this instant that the auditor looked; minutes of long ago are forgotten."""
        with transaction(self._engine) as connection:
            connection.execute(_MINUTE, {"now": now, "bad": int(not is_content)})
            connection.execute(_FORGET_MINUTES, {"before": now - MINUTES_KEPT_FOR})

    def note_life(self, now: datetime) -> None:
        """Note for the minute of this instant that a beat lived, whether the auditor looked or not."""
        with transaction(self._engine) as connection:
            connection.execute(_LIVED, {"now": now})

    def queue_consumed(self, queue: str, worker: str, now: datetime) -> None:
        """Note that something came out of a queue."""
        with transaction(self._engine) as connection:
            connection.execute(_CONSUMED, {"queue": queue, "detail": json.dumps({"by": worker}), "now": now})

    def queue_depths(self, depths: Mapping[str, int], now: datetime) -> Mapping[str, datetime]:
        """Note how many messages wait in each queue, one not heard of yet as consumed now; when each last was."""
        with transaction(self._engine) as connection:
            return {
                queue: connection.execute(
                    _DEPTH, {"queue": queue, "detail": json.dumps({"depth": depth}), "now": now}
                ).scalar_one()
                for queue, depth in sorted(depths.items())
            }

    def worker_elsewhere(self, queue: str, host: str, since: datetime) -> str | None:
        """Any worker of this queue on another host that has been heard of since."""
        with transaction(self._engine) as connection:
            return connection.execute(_ELSEWHERE, {"queue": queue, "host": host, "since": since}).scalar()

    def trials(self) -> Trials | None:
        """How the synthetic notification fares; None while it is switched off."""
        with transaction(self._engine) as connection:
            return read_trials(connection)

    def stale(self, kind: str, before: datetime) -> list[str]:
        """Names of this kind whose last sign of life is older."""
        with transaction(self._engine) as connection:
            return list(connection.execute(_STALE, {"kind": kind, "before": before}).scalars())

    def newest(self, kind: str) -> datetime | None:
        """The last sign of life of any of this kind."""
        with transaction(self._engine) as connection:
            found: datetime | None = connection.execute(_NEWEST, {"kind": kind}).scalar()
            return found

    def begin_anew(self, before: datetime, now: datetime, limit: int) -> Lost:
        """Begin anew what has no row to wait in any more."""
        with transaction(self._engine) as connection:
            return begin_anew(connection, before, now, limit)

    def audited(self) -> Audited | None:
        """The auditor's last look."""
        with transaction(self._engine) as connection:
            row = connection.execute(_AUDITED).one_or_none()
        if row is None:
            return None
        since = row.detail.get("since")
        return Audited(row.at, row.detail.get("findings") or (), datetime.fromisoformat(since) if since else None)

    def claim_alarm(self, text: str, now: datetime, again_before: datetime) -> bool:
        """Take it upon us to tell this, or, for "", that all is well again."""
        values = {"now": now, "detail": json.dumps({"text": text}), "again_before": again_before}
        with transaction(self._engine) as connection:
            return connection.execute(_ALARM if text else _ALARM_OVER, values).rowcount == 1

    def put_back_alarm(self, text: str) -> None:
        """What was told last is this."""
        with transaction(self._engine) as connection:
            connection.execute(_PUT_BACK, {"detail": json.dumps({"text": text})})
