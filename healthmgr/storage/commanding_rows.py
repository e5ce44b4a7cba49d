"""The rows that incident command changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid
from uuid_utils.compat import uuid7

from healthmgr.domain.command import BY_NAME
from healthmgr.domain.dispatch import Due
from healthmgr.domain.incident import Incident
from healthmgr.domain.notification import Reason
from healthmgr.domain.plan import Target
from healthmgr.services.commanding_ports import Commanded, CoordinatingTransaction
from healthmgr.services.routing_ports import Telling
from healthmgr.storage import notification_rows
from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.dispatch_rows import request_dispatches
from healthmgr.storage.incident_rows import INCIDENT_COLUMNS, leads_to, save_incident, to_incident
from healthmgr.storage.role_rows import RoleRows
from healthmgr.storage.told_rows import read_told_targets

_IDS = bindparam("ids", type_=ARRAY(Uuid))

_GROUPS = text("SELECT group_key FROM incidents WHERE id = ANY(:ids)").bindparams(_IDS)

_LOCK = text(f"""
SELECT {INCIDENT_COLUMNS}, group_key, assignee, acknowledged_by, resolved_at IS NOT NULL AS is_resolved
FROM incidents WHERE id = ANY(:ids) AND number <> 0 ORDER BY id FOR NO KEY UPDATE  -- 0: healthmgr's own, nobody's
""").bindparams(_IDS)  # noqa: S608 - composed of constants alone

_ALERTS = text("""
SELECT id, resolved_at IS NOT NULL AS is_resolved FROM alerts
WHERE incident_id = :id AND suppressed_by_id IS NULL ORDER BY opened_at, id
""")

_UNMARK = text("""
UPDATE alerts SET acknowledged_at = NULL, acknowledged_by = NULL, acknowledged_until = NULL, updated_at = :now
WHERE incident_id = :id AND resolved_at IS NULL
""")

_ASSIGN = text("UPDATE incidents SET assignee = :person WHERE id = :id")
_TAKE_ROLE = text("DELETE FROM incident_roles WHERE incident_id = :id AND role = :role AND person = :person")

# The level that was told last is the one before that which comes next; an exhausted policy stays where it is.
_ASKED = text("""
WITH asked AS (
    SELECT recipient, created_at FROM notifications
    WHERE incident_id = :id AND kind = 'problem' AND level <> :by_name
      AND level BETWEEN :level - 1 AND :level
)
SELECT DISTINCT recipient FROM asked
WHERE recipient NOT IN (
    SELECT e.actor FROM incident_entries e
    WHERE e.incident_id = :id AND e.kind = 'declined' AND e.at >= (SELECT max(created_at) FROM asked)
)
""")

_ADD_TASK = text("""
INSERT INTO incident_tasks (id, incident_id, title, assignee, created_by, created_at)
VALUES (:id, :incident_id, :title, :assignee, :by, :now)
""")
_COUNT_TASKS = text("SELECT count(*) FROM incident_tasks WHERE incident_id = :id")
_FINISH_TASK = text("""
UPDATE incident_tasks SET done_at = :now, done_by = :by
WHERE done_at IS NULL AND id = (
    SELECT id FROM incident_tasks WHERE incident_id = :id ORDER BY id OFFSET :skipped LIMIT 1
)
RETURNING title
""")

_SUBSCRIBE = text("""
INSERT INTO incident_subscribers (incident_id, person, since_at) VALUES (:id, :person, :now) ON CONFLICT DO NOTHING
""")
_UNSUBSCRIBE = text("DELETE FROM incident_subscribers WHERE incident_id = :id AND person = :person")
_SUBSCRIBERS = text("SELECT person FROM incident_subscribers WHERE incident_id = :id ORDER BY since_at, person")

_LINK = text("""
INSERT INTO incident_links (id, incident_id, other_id, kind, created_by, created_at)
VALUES (:id, :incident_id, :other_id, :kind, :by, :now) ON CONFLICT (incident_id, other_id, kind) DO NOTHING
""")

# What is explained by one of them goes with it.
_MOVE = text("""
UPDATE alerts SET incident_id = :into_id, group_key = CASE WHEN resolved_at IS NULL THEN :group_key ELSE group_key END,
    acknowledged_at = CASE WHEN :is_answered THEN COALESCE(acknowledged_at, :now) ELSE acknowledged_at END,
    acknowledged_by = CASE WHEN :is_answered THEN COALESCE(acknowledged_by, :by) ELSE acknowledged_by END,
    acknowledged_until = CASE WHEN :is_answered AND acknowledged_at IS NULL THEN CAST(:until AS timestamptz)
                              ELSE acknowledged_until END,
    updated_at = :now
WHERE incident_id = :other_id
RETURNING resolved_at IS NULL AND suppressed_by_id IS NULL AS is_open
""")

_MOVE_PEOPLE = (
    text("""
INSERT INTO incident_subscribers (incident_id, person, since_at)
SELECT :into_id, person, since_at FROM incident_subscribers WHERE incident_id = :other_id ON CONFLICT DO NOTHING
"""),
    text("UPDATE incident_tasks SET incident_id = :into_id WHERE incident_id = :other_id AND done_at IS NULL"),
)

_CLOSE = text("""
UPDATE incidents SET resolved_at = :now, resolved_by = :by, due_at = NULL, round_at = NULL, climb_at = NULL,
                     held_reason = '', token = token + 1
WHERE id = :id
""")


class CommandingRows(RoleRows, CoordinatingTransaction):
    """Incidents, and what people make of them, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)

    def take(self, incident_ids: Sequence[UUID], now: datetime, *, will_change_groups: bool = False) -> list[Commanded]:
        wanted = [leads_to(self._connection, incident_id) for incident_id in incident_ids]
        if will_change_groups:
            # Before the incidents' own rows: routing locks them in this order.
            keys = self._connection.execute(_GROUPS, {"ids": wanted}).scalars().all()
            asked = [(key, now, Reason.UNCHANGED.value) for key in keys]
            request_dispatches(self._connection, asked, now, will_remind=False)
        found = {row.id: self._commanded(row) for row in self._connection.execute(_LOCK, {"ids": wanted}).all()}
        return [found[incident_id] for incident_id in wanted if incident_id in found]

    def _commanded(self, row: Any) -> Commanded:
        alerts = self._connection.execute(_ALERTS, {"id": row.id}).all()
        return Commanded(
            incident=to_incident(row),
            group_key=row.group_key,
            assignee=row.assignee,
            acknowledged_by=row.acknowledged_by,
            is_resolved=row.is_resolved,
            firing=[alert.id for alert in alerts if not alert.is_resolved],
            resolved=[alert.id for alert in alerts if alert.is_resolved],
            roles=self.roles(row.id),
        )

    def take_role(self, incident_id: UUID, role: str, person: str) -> None:
        self._connection.execute(_TAKE_ROLE, {"id": incident_id, "role": role, "person": person})

    def assign(self, incident_id: UUID, person: str | None) -> None:
        self._connection.execute(_ASSIGN, {"id": incident_id, "person": person})

    def unacknowledge(self, incident_id: UUID, now: datetime) -> None:
        self._connection.execute(_UNMARK, {"id": incident_id, "now": now})

    def asked(self, commanded: Commanded) -> frozenset[str]:
        incident = commanded.incident
        level = incident.climb.level if incident.course.policy else 0
        rows = self._connection.execute(_ASKED, {"id": incident.id, "by_name": BY_NAME, "level": level})
        return frozenset(rows.scalars())

    def subscribers(self, incident_id: UUID) -> list[str]:
        return list(self._connection.execute(_SUBSCRIBERS, {"id": incident_id}).scalars())

    def told_targets(self, incident_id: UUID) -> list[Target]:
        return read_told_targets(self._connection, incident_id)

    def save(self, incident: Incident) -> None:
        save_incident(self._connection, incident)

    def notify(self, telling: Telling, now: datetime) -> list[Due]:
        return notification_rows.insert(self._connection, telling, now, will_remind=False)

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        write_audit(self._connection, actor, origin, action, target, detail, now)

    # ---- What surrounds an incident ----------------------------------------------------------------

    def add_task(self, incident_id: UUID, title: str, assignee: str, by: str, now: datetime) -> int:
        values = {"id": uuid7(), "incident_id": incident_id, "title": title, "assignee": assignee}
        self._connection.execute(_ADD_TASK, values | {"by": by, "now": now})
        return int(self._connection.execute(_COUNT_TASKS, {"id": incident_id}).scalar_one())

    def finish_task(self, incident_id: UUID, number: int, by: str, now: datetime) -> str | None:
        if number < 1:
            return None
        values = {"id": incident_id, "skipped": number - 1, "by": by, "now": now}
        return self._connection.execute(_FINISH_TASK, values).scalar()

    def subscribe(self, incident_id: UUID, person: str, now: datetime) -> bool:
        values = {"id": incident_id, "person": person, "now": now}
        return self._connection.execute(_SUBSCRIBE, values).rowcount == 1

    def unsubscribe(self, incident_id: UUID, person: str) -> bool:
        return self._connection.execute(_UNSUBSCRIBE, {"id": incident_id, "person": person}).rowcount == 1

    def link(self, incident_id: UUID, other_id: UUID, kind: str, by: str, now: datetime) -> bool:
        values = {"id": uuid7(), "incident_id": incident_id, "other_id": other_id, "kind": kind, "by": by, "now": now}
        return self._connection.execute(_LINK, values).rowcount == 1

    def move_alerts(self, into: Commanded, other: Commanded, now: datetime) -> int:
        ids = {"into_id": into.id, "other_id": other.id}
        answer = {
            "is_answered": into.incident.acknowledged_at is not None,
            "by": into.acknowledged_by,
            "until": into.incident.acknowledged_until,
        }
        rows = self._connection.execute(_MOVE, ids | answer | {"group_key": into.group_key, "now": now}).all()
        for statement in _MOVE_PEOPLE:
            self._connection.execute(statement, ids)
        return sum(row.is_open for row in rows)

    def close(self, incident_id: UUID, by: str, now: datetime) -> None:
        self._connection.execute(_CLOSE, {"id": incident_id, "by": by, "now": now})
        notification_rows.supersede(self._connection, incident_id, Reason.MERGED)
