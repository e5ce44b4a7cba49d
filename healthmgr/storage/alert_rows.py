"""Opening, amending and closing alerts within the transaction of whatever decided it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid
from uuid_utils.compat import uuid7

from healthmgr.domain.alert import Amend, Close, Open
from healthmgr.domain.check import Severity
from healthmgr.domain.dispatch import Due
from healthmgr.domain.route import group_wait
from healthmgr.services.evaluating import AlertMove
from healthmgr.storage.dispatch_rows import request_dispatch

_OPEN = text("""
INSERT INTO alerts (id, fingerprint, check_id, group_key, labels, severity, status, summary, is_flapping,
                    opened_at, updated_at)
VALUES (:id, :fingerprint, :check_id, :group_key, :labels, :severity, :status, :summary, :is_flapping, :now, :now)
ON CONFLICT (fingerprint) WHERE resolved_at IS NULL DO NOTHING
""")

_AMEND = text("""
UPDATE alerts SET severity = :severity, status = :status, summary = :summary, is_flapping = :is_flapping,
                  updated_at = :now
WHERE check_id = :check_id AND resolved_at IS NULL
""")

_CLOSE = text("""
UPDATE alerts SET resolved_at = :now, updated_at = :now, resolution = :resolution, resolved_by = :resolved_by,
                  status = COALESCE(:status, status)
WHERE id = ANY(:ids) AND resolved_at IS NULL
RETURNING id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

_GROUPS = text("""
SELECT DISTINCT group_key FROM alerts WHERE id = ANY(:ids) AND resolved_at IS NULL ORDER BY group_key
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

_OPEN_IDS = text("SELECT id FROM alerts WHERE check_id = ANY(:check_ids) AND resolved_at IS NULL").bindparams(
    bindparam("check_ids", type_=ARRAY(Uuid))
)

_SUPPRESSED = text("""
SELECT id, group_key, check_id FROM alerts WHERE suppressed_by_id = ANY(:ids) AND resolved_at IS NULL ORDER BY id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

# Those that hung on a root that has just recovered are looked at again before anybody is told of them.
_PROBE_NOW = text("""
WITH wanted AS (
    SELECT check_id FROM check_schedules
    WHERE check_id = ANY(:ids) AND is_active AND lease_until IS NULL FOR UPDATE SKIP LOCKED
)
UPDATE check_schedules s SET next_due_at = LEAST(s.next_due_at, :now), cause = 'dependency'
FROM wanted WHERE s.check_id = wanted.check_id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

_GROUP_WAIT = text("""
SELECT group_wait FROM routes WHERE severity IN (:severity, 'default') ORDER BY severity = 'default' LIMIT 1
""")


def apply_move(connection: Connection, move: AlertMove, now: datetime) -> list[Due]:
    """Write what evaluation decided about an alert; the dispatches that it makes due.

    The dispatch row is always locked before the alert's: routing takes them in the same order.
    """
    check_id, decision = move.watched.check.id, move.decision
    facts = {"check_id": check_id, "status": move.result.status.value, "summary": move.result.message, "now": now}
    match decision:
        case Open():
            due_at = now + _group_wait(connection, decision.severity)
            due = request_dispatch(connection, move.group_key, due_at, decision.reason.value, now)
            opened = {
                "id": uuid7(),
                "fingerprint": move.fingerprint,
                "group_key": move.group_key,
                "labels": json.dumps(dict(move.labels)),
                "severity": decision.severity.value,
                "is_flapping": decision.is_flapping,
            }
            connection.execute(_OPEN, facts | opened)
            return [due]
        case Amend():
            dues = []
            if decision.is_told:
                dues = [request_dispatch(connection, move.group_key, now, decision.reason.value, now)]
            amended = {"severity": decision.severity.value, "is_flapping": decision.is_flapping}
            connection.execute(_AMEND, facts | amended)
            return dues
        case Close():
            ids = connection.execute(_OPEN_IDS, {"check_ids": [check_id]}).scalars().all()
            return close_alerts(connection, ids, now, resolution=decision.reason.value, status=move.result.status.value)


def close_alerts(
    connection: Connection,
    ids: Sequence[UUID],
    now: datetime,
    *,
    resolution: str,
    resolved_by: str | None = None,
    status: str | None = None,
    will_remind: bool = True,
) -> list[Due]:
    """Resolve open alerts; the dispatches of their groups, and of those they suppressed, are due now.

    `will_remind` as in `request_dispatch`.
    """
    groups = connection.execute(_GROUPS, {"ids": list(ids)}).scalars().all()
    dues = [
        request_dispatch(connection, group_key, now, resolution, now, will_remind=will_remind) for group_key in groups
    ]
    facts = {"now": now, "resolution": resolution, "resolved_by": resolved_by, "status": status}
    closed = connection.execute(_CLOSE, facts | {"ids": list(ids)}).scalars().all()
    suppressed = connection.execute(_SUPPRESSED, {"ids": list(closed)}).all()
    if suppressed:
        connection.execute(_PROBE_NOW, {"ids": [row.check_id for row in suppressed], "now": now})
    return dues + [
        request_dispatch(connection, row.group_key, now, "root_resolved", now, will_remind=will_remind)
        for row in suppressed
    ]


def close_alerts_of(connection: Connection, check_ids: Sequence[UUID], now: datetime, *, resolution: str) -> list[Due]:
    """Resolve the open alerts of checks that are no longer watched (paused, disabled, no longer defined).

    Whoever does that has no broker at hand: the next sweep reminds of what became due.
    """
    ids = connection.execute(_OPEN_IDS, {"check_ids": list(check_ids)}).scalars().all()
    return close_alerts(connection, ids, now, resolution=resolution, will_remind=False)


def _group_wait(connection: Connection, severity: Severity) -> timedelta:
    chosen: timedelta | None = connection.execute(_GROUP_WAIT, {"severity": severity.value}).scalar()
    return group_wait(severity, chosen)
