"""The rows that people's actions on alerts and checks change."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from healthmgr.domain.dispatch import Due
from healthmgr.domain.notification import Reason
from healthmgr.domain.timeline import Entry
from healthmgr.errors import Conflict, NotFound
from healthmgr.services.responding import RespondingTransaction, Target
from healthmgr.storage.alert_rows import close_alerts, close_alerts_of
from healthmgr.storage.answering_rows import HearingKinds, climb_on, stop_climb
from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.dispatch_rows import request_dispatch
from healthmgr.storage.timeline_rows import note

# The incident is locked before the alert: routing takes them in the same order.
_LOCK_INCIDENT = text("""
SELECT id FROM incidents WHERE id = (SELECT incident_id FROM alerts WHERE id = :alert_id) FOR NO KEY UPDATE
""")

_GROUP_OF = text("SELECT group_key FROM alerts WHERE id = :id")

_ALERT = text("""
SELECT a.id, COALESCE(c.slug, a.name) AS name, a.incident_id, a.acknowledged_at, a.acknowledged_by, a.resolved_at
FROM alerts a LEFT JOIN checks c ON c.id = a.check_id WHERE a.id = :id FOR UPDATE OF a
""")

_ACKNOWLEDGE = text("""
UPDATE alerts SET acknowledged_at = :now, acknowledged_by = :actor, acknowledged_until = :until, updated_at = :now
WHERE id = :id
""")

_UNACKNOWLEDGE = text("""
UPDATE alerts SET acknowledged_at = NULL, acknowledged_by = NULL, acknowledged_until = NULL, updated_at = :now
WHERE id = :id
""")

_REOPEN = text("""
UPDATE alerts a SET resolved_at = NULL, resolved_by = NULL, resolution = '', acknowledged_at = NULL,
    acknowledged_by = NULL, acknowledged_until = NULL, updated_at = :now
WHERE a.id = :id AND NOT EXISTS (
    SELECT 1 FROM alerts other WHERE other.fingerprint = a.fingerprint AND other.resolved_at IS NULL
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


class RespondingRows(RespondingTransaction):
    """The rows of one action of a person. `hearing_kinds` gives the channels that want to hear of answers."""

    def __init__(self, connection: Connection, hearing_kinds: HearingKinds) -> None:
        self._connection = connection
        self._hearing_kinds = hearing_kinds

    def alert(self, alert_id: UUID, now: datetime, *, will_change_group: bool = False) -> Target | None:
        if will_change_group:
            # Before the incident's row and the alert's: routing and evaluation lock them in this order.
            group_key = self._connection.execute(_GROUP_OF, {"id": alert_id}).scalar()
            if group_key is not None:
                reason = Reason.RESOLVED.value
                request_dispatch(self._connection, group_key, now, reason, now, will_remind=False)
        self._connection.execute(_LOCK_INCIDENT, {"alert_id": alert_id})
        row = self._connection.execute(_ALERT, {"id": alert_id}).one_or_none()
        return Target(**row._mapping) if row else None

    def acknowledge(self, target: Target, actor: str, until: datetime | None, now: datetime) -> list[Due]:
        self._connection.execute(_ACKNOWLEDGE, {"id": target.id, "actor": actor, "until": until, "now": now})
        if target.incident_id is None:
            return []
        return stop_climb(self._connection, target.incident_id, actor, self._hearing_kinds, now)

    def unacknowledge(self, target: Target, now: datetime) -> None:
        self._connection.execute(_UNACKNOWLEDGE, {"id": target.id, "now": now})
        if target.incident_id is not None:
            climb_on(self._connection, target.incident_id, now)

    def reopen(self, target: Target, now: datetime) -> bool:
        return self._connection.execute(_REOPEN, {"id": target.id, "now": now}).rowcount == 1

    def note(self, incident_id: UUID, entry: Entry, now: datetime, *, once: bool = False) -> None:
        note(self._connection, incident_id, entry, now, once=once)

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
