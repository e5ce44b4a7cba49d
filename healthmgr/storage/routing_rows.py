"""Dispatches, incidents and new notifications, in routing's one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from healthmgr.domain.check import Severity, Status
from healthmgr.domain.dependency import (
    Ancestry,
    Dependency,
    Parent,
    Reachability,
    Undecided,
    Unreachable,
    judge_reachability,
)
from healthmgr.domain.dispatch import EARLY_BY, Due
from healthmgr.domain.incident import Incident, Member
from healthmgr.domain.notification import Reason, Told
from healthmgr.domain.route import Plan, Target
from healthmgr.services.routing import RoutingTransaction, Telling
from healthmgr.storage import notification_rows
from healthmgr.storage.dispatch_rows import request_dispatch
from healthmgr.storage.plan_rows import read_plan

_TAKE = text("SELECT token, due_at FROM dispatches WHERE group_key = :group_key FOR UPDATE")

INCIDENT_COLUMNS = "id, number, severity, episode, round, plan, told, acknowledged_at"

_INCIDENT = text(f"""
SELECT {INCIDENT_COLUMNS} FROM incidents WHERE group_key = :group_key AND resolved_at IS NULL FOR UPDATE
""")  # noqa: S608 - composed of constants alone

_MEMBERS = text("""
SELECT a.id, a.check_id, a.severity, a.status, a.is_flapping, a.opened_at, a.resolved_at, a.suppressed_by_id,
       a.acknowledged_at IS NOT NULL AS is_acknowledged,
       COALESCE(st.since_at, a.opened_at) AS failed_at, COALESCE(st.last_result_at, a.opened_at) AS last_result_at,
       root.resolved_at AS root_resolved_at
FROM alerts a
JOIN check_states st ON st.check_id = a.check_id
LEFT JOIN alerts root ON root.id = a.suppressed_by_id
WHERE a.group_key = :group_key
  AND (a.resolved_at IS NULL OR (a.incident_id = :incident_id AND a.suppressed_by_id IS NULL))
ORDER BY a.id
""").bindparams(bindparam("incident_id", type_=Uuid))

# All that the check hangs on, however far away; definitions refuse cycles and chains beyond 256.
_ANCESTORS = text("""
WITH RECURSIVE above AS (
    SELECT check_id, parent_id, redundancy_group
    FROM check_dependencies WHERE check_id = :check_id
    UNION
    SELECT d.check_id, d.parent_id, d.redundancy_group
    FROM check_dependencies d JOIN above ON above.parent_id = d.check_id
)
SELECT d.check_id, d.parent_id, d.redundancy_group, st.status, st.is_hard, st.last_result_at,
       c.is_enabled AND NOT c.is_paused AS can_suppress, a.id AS open_alert_id
FROM above d
JOIN checks c ON c.id = d.parent_id
JOIN check_states st ON st.check_id = d.parent_id
LEFT JOIN alerts a ON a.check_id = d.parent_id AND a.resolved_at IS NULL
ORDER BY d.check_id, d.parent_id
""")

# SKIP LOCKED: whoever resolves the root holds its row and wants our dispatch row; waiting would deadlock.
_LOCK_ROOT = text("SELECT 1 FROM alerts WHERE id = :id AND resolved_at IS NULL FOR SHARE SKIP LOCKED")

_SUPPRESS = text("""
UPDATE alerts a SET suppressed_by_id = :root_id, incident_id = root.incident_id, updated_at = :now
FROM alerts root WHERE a.id = :id AND root.id = :root_id
""")

_RELEASE = text("UPDATE alerts SET suppressed_by_id = NULL, incident_id = NULL, updated_at = :now WHERE id = :id")

_OPEN_INCIDENT = text(f"""
INSERT INTO incidents (id, group_key, severity, opened_at, episode, round, plan)
VALUES (:id, :group_key, :severity, :now, 0, 0, :plan)
RETURNING {INCIDENT_COLUMNS}
""")  # noqa: S608 - composed of constants alone

_TOLD_TARGETS = text("""
SELECT DISTINCT ON (recipient, channel) recipient, channel, address FROM notifications
WHERE incident_id = :incident_id AND kind <> 'resolution' ORDER BY recipient, channel, position DESC
""")

_SAVE_INCIDENT = text("""
UPDATE incidents SET
    severity = :severity, episode = :episode, round = :round, told = :told, last_told_at = :now,
    acknowledged_at = :acknowledged_at,
    acknowledged_by = CASE WHEN CAST(:acknowledged_at AS timestamptz) IS NULL THEN NULL ELSE acknowledged_by END,
    due_at = :due_at, token = token + 1, armed_until = NULL, arm_count = 0
WHERE id = :id
""")

# Alerts that these suppress are the incident's impact.
_ATTACH = text("""
UPDATE alerts SET incident_id = :incident_id
WHERE id = ANY(:ids) OR (suppressed_by_id = ANY(:ids) AND resolved_at IS NULL)
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

_CLOSE_INCIDENT = text("""
UPDATE incidents SET resolved_at = :now, due_at = NULL, token = token + 1 WHERE id = :id
""")

_FORGET = text("DELETE FROM dispatches WHERE group_key = :group_key")


class RoutingRows(RoutingTransaction):
    """Dispatches, incidents and new notifications within one transaction of routing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, group_key: str, token: int, now: datetime) -> bool:
        row = self._connection.execute(_TAKE, {"group_key": group_key}).one_or_none()
        return row is not None and row.token == token and row.due_at <= now + EARLY_BY

    def incident(self, group_key: str) -> Incident | None:
        row = self._connection.execute(_INCIDENT, {"group_key": group_key}).one_or_none()
        return to_incident(row) if row else None

    def members(self, group_key: str, incident_id: UUID | None) -> list[Member]:
        rows = self._connection.execute(_MEMBERS, {"group_key": group_key, "incident_id": incident_id})
        return [
            Member(**{**row._mapping, "severity": Severity(row.severity), "status": Status(row.status)}) for row in rows
        ]

    def reachability(self, member: Member) -> Reachability:
        rows = self._connection.execute(_ANCESTORS, {"check_id": member.check_id}).all()
        parents = {row.parent_id: _to_parent(row) for row in rows}
        dependencies: dict[UUID, list[Dependency]] = {}
        for row in rows:
            dependencies.setdefault(row.check_id, []).append(Dependency(row.parent_id, row.redundancy_group))
        verdict = judge_reachability(member.check_id, Ancestry(dependencies, parents), member.failed_at)
        if isinstance(verdict, Unreachable):
            locked = self._connection.execute(_LOCK_ROOT, {"id": verdict.root_alert_id}).one_or_none()
            return verdict if locked else Undecided()
        return verdict

    def suppress(self, member: Member, root_alert_id: UUID, now: datetime) -> None:
        if member.suppressed_by_id != root_alert_id:
            self._connection.execute(_SUPPRESS, {"id": member.id, "root_id": root_alert_id, "now": now})

    def release(self, member: Member, now: datetime) -> None:
        self._connection.execute(_RELEASE, {"id": member.id, "now": now})

    def plan(self) -> Plan:
        return read_plan(self._connection)

    def open_incident(self, group_key: str, severity: Severity, plan: Plan, now: datetime) -> Incident:
        row = self._connection.execute(
            _OPEN_INCIDENT,
            {
                "id": notification_rows.new_id(),
                "group_key": group_key,
                "severity": severity.value,
                "now": now,
                "plan": json.dumps(plan.to_document()),
            },
        ).one()
        return to_incident(row)

    def told_targets(self, incident_id: UUID) -> list[Target]:
        rows = self._connection.execute(_TOLD_TARGETS, {"incident_id": incident_id})
        return [Target(row.recipient, row.channel, row.address) for row in rows]

    def supersede(self, incident_id: UUID, reason: Reason) -> None:
        notification_rows.supersede(self._connection, incident_id, reason)

    def notify(self, telling: Telling, now: datetime) -> list[Due]:
        return notification_rows.insert(self._connection, telling, now)

    def save_incident(
        self, incident: Incident, member_ids: Sequence[UUID], due_at: datetime | None, now: datetime
    ) -> None:
        save_incident(self._connection, incident, due_at, now)
        if member_ids:
            self._connection.execute(_ATTACH, {"incident_id": incident.id, "ids": list(member_ids)})

    def close_incident(self, incident_id: UUID, now: datetime) -> None:
        self._connection.execute(_CLOSE_INCIDENT, {"id": incident_id, "now": now})

    def finish(self, group_key: str, again_at: datetime | None, reason: str, now: datetime) -> list[Due]:
        self._connection.execute(_FORGET, {"group_key": group_key})
        if again_at is None:
            return []
        return [request_dispatch(self._connection, group_key, again_at, reason, now)]


def save_incident(connection: Connection, incident: Incident, due_at: datetime | None, now: datetime) -> None:
    """Write what a round of telling changed; the token moves, so that older reminders do nothing."""
    connection.execute(
        _SAVE_INCIDENT,
        {
            "id": incident.id,
            "severity": incident.severity.value,
            "episode": incident.episode,
            "round": incident.round,
            "told": json.dumps(incident.told.to_document()) if incident.told else None,
            "acknowledged_at": incident.acknowledged_at,
            "due_at": due_at,
            "now": now,
        },
    )


def to_incident(row: Row[Any]) -> Incident:
    """A row that has INCIDENT_COLUMNS."""
    values = row._mapping
    return Incident(
        id=values["id"],
        number=values["number"],
        severity=Severity(values["severity"]),
        episode=values["episode"],
        round=values["round"],
        plan=Plan.from_document(values["plan"]),
        told=Told.from_document(values["told"]) if values["told"] else None,
        acknowledged_at=values["acknowledged_at"],
    )


def _to_parent(row: Row[Any]) -> Parent:
    return Parent(
        id=row.parent_id,
        status=Status(row.status),
        is_hard=row.is_hard,
        last_result_at=row.last_result_at,
        can_suppress=row.can_suppress,
        open_alert_id=row.open_alert_id,
    )
