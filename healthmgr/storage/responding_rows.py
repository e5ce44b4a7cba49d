"""The rows that people's actions change."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from uuid_utils.compat import uuid7

from healthmgr.domain.dispatch import Due
from healthmgr.domain.notification import Reason
from healthmgr.errors import Conflict, NotFound
from healthmgr.services.responding import RespondingTransaction, Target
from healthmgr.storage import notification_rows
from healthmgr.storage.alert_rows import close_alerts, close_alerts_of

# The incident is locked before the alert: routing takes them in the same order.
_LOCK_INCIDENT = text("""
SELECT id FROM incidents WHERE id = (SELECT incident_id FROM alerts WHERE id = :alert_id) FOR UPDATE
""")

_ALERT = text("""
SELECT a.id, c.slug AS check_slug, a.incident_id, a.acknowledged_at, a.acknowledged_by, a.resolved_at
FROM alerts a JOIN checks c ON c.id = a.check_id WHERE a.id = :id FOR UPDATE OF a
""")

_ACKNOWLEDGE = text("""
UPDATE alerts SET acknowledged_at = :now, acknowledged_by = :actor, updated_at = :now WHERE id = :id
""")

# One commit clears the due time, moves the token and withdraws what nobody has begun to send.
_STOP_CLIMB = text("""
UPDATE incidents SET acknowledged_at = :now, acknowledged_by = :actor, due_at = NULL, token = token + 1,
                     armed_until = NULL, arm_count = 0
WHERE id = :id AND resolved_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM alerts WHERE incident_id = :id AND resolved_at IS NULL AND suppressed_by_id IS NULL
      AND acknowledged_at IS NULL
)
""")

_SET_PAUSED = text("""
UPDATE checks SET is_paused = :is_paused, updated_at = :now WHERE slug = :slug AND is_paused <> :is_paused
RETURNING id
""")

_EXISTS = text("SELECT is_enabled, is_paused FROM checks WHERE slug = :slug")

_SET_ACTIVE = text("""
UPDATE check_schedules s SET is_active = c.is_enabled AND NOT c.is_paused, lease_until = NULL,
    next_due_at = LEAST(s.next_due_at, :now), cause = 'request'
FROM checks c WHERE c.id = s.check_id AND c.id = :id
""")

# A job is not late because of pings that it was not asked for while its check was paused.
_ARM_AGAIN = text("UPDATE heartbeats SET armed_at = :now WHERE check_id = :id")

_RUN_NOW = text("""
UPDATE check_schedules s SET next_due_at = LEAST(s.next_due_at, :now), cause = 'request'
FROM checks c WHERE c.id = s.check_id AND c.slug = :slug
""")

_AUDIT = text("""
INSERT INTO audit_entries (id, at, actor, origin, action, target, detail)
VALUES (:id, :now, :actor, :origin, :action, :target, :detail)
""")


class RespondingRows(RespondingTransaction):
    """The rows of one action of a person."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def alert(self, alert_id: UUID) -> Target | None:
        self._connection.execute(_LOCK_INCIDENT, {"alert_id": alert_id})
        row = self._connection.execute(_ALERT, {"id": alert_id}).one_or_none()
        return Target(**row._mapping) if row else None

    def acknowledge(self, target: Target, actor: str, now: datetime) -> None:
        self._connection.execute(_ACKNOWLEDGE, {"id": target.id, "actor": actor, "now": now})
        if target.incident_id is None:
            return
        stopped = self._connection.execute(_STOP_CLIMB, {"id": target.incident_id, "actor": actor, "now": now})
        if stopped.rowcount:
            notification_rows.supersede(self._connection, target.incident_id, Reason.ACKNOWLEDGED)

    def resolve(self, target: Target, actor: str, now: datetime) -> list[Due]:
        return close_alerts(
            self._connection, [target.id], now, resolution="resolved_by_person", resolved_by=actor, will_remind=False
        )

    def set_paused(self, slug: str, is_paused: bool, now: datetime) -> tuple[bool, list[Due]]:
        self._find(slug)
        values = {"slug": slug, "is_paused": is_paused, "now": now}
        check_id = self._connection.execute(_SET_PAUSED, values).scalar()
        if check_id is None:
            return False, []
        self._connection.execute(_SET_ACTIVE, {"id": check_id, "now": now})
        if not is_paused:
            self._connection.execute(_ARM_AGAIN, {"id": check_id, "now": now})
            return True, []
        return True, close_alerts_of(self._connection, [check_id], now, resolution="check_paused")

    def run_now(self, slug: str, now: datetime) -> None:
        row = self._find(slug)
        if not row.is_enabled or row.is_paused:
            raise Conflict(f"The check {slug!r} is {'paused' if row.is_paused else 'disabled'}: it is not run.")
        self._connection.execute(_RUN_NOW, {"slug": slug, "now": now})

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        write_audit(self._connection, actor, origin, action, target, detail, now)

    def _find(self, slug: str) -> Any:
        row = self._connection.execute(_EXISTS, {"slug": slug}).one_or_none()
        if row is None:
            raise NotFound(f"There is no check {slug!r}.")
        return row


def write_audit(
    connection: Connection,
    actor: str,
    origin: str,
    action: str,
    target: str,
    detail: dict[str, Any],
    now: datetime,
) -> None:
    """Write one entry of the audit log."""
    connection.execute(
        _AUDIT,
        {
            "id": uuid7(),
            "now": now,
            "actor": actor,
            "origin": origin,
            "action": action,
            "target": target,
            "detail": json.dumps(detail),
        },
    )
