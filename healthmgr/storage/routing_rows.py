"""Dispatches, incidents and new notifications, in routing's one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from healthmgr.domain import synthetic
from healthmgr.domain.alerting import AlertingRules
from healthmgr.domain.check import Severity, Status
from healthmgr.domain.dependency import (
    Ancestry,
    Dependency,
    Parent,
    Reachability,
    Reachable,
    Undecided,
    Unreachable,
    judge_reachability,
)
from healthmgr.domain.dispatch import EARLY_BY, Due
from healthmgr.domain.incident import Incident, Member, all_labels
from healthmgr.domain.muting import Muted, Mutes, Subject
from healthmgr.domain.notification import Reason
from healthmgr.domain.plan import Leg, Target
from healthmgr.services.routing_ports import Beginning, RoutingTransaction, Telling
from healthmgr.storage import notification_rows
from healthmgr.storage.directory_rows import read_directory
from healthmgr.storage.dispatch_rows import request_dispatch
from healthmgr.storage.incident_rows import INCIDENT_COLUMNS, save_incident, to_incident
from healthmgr.storage.muting_rows import read_closed, read_mutes
from healthmgr.storage.notification_rows import new_id
from healthmgr.storage.role_rows import RoleRows
from healthmgr.storage.synthetic_rows import read_plan
from healthmgr.storage.told_rows import read_told_targets

_TAKE = text("SELECT token, due_at FROM dispatches WHERE group_key = :group_key FOR UPDATE")

_INCIDENT = text(f"""
SELECT {INCIDENT_COLUMNS} FROM incidents WHERE group_key = :group_key AND resolved_at IS NULL FOR NO KEY UPDATE
""")  # noqa: S608 - composed of constants alone

_RECENT = text("""
SELECT id FROM incidents WHERE group_key = :group_key AND resolved_at >= :since
  AND NOT EXISTS (SELECT 1 FROM incident_links l WHERE l.other_id = incidents.id AND l.kind = 'merged')
ORDER BY resolved_at DESC LIMIT 1 FOR NO KEY UPDATE
""")

_LAPSE = text("""
UPDATE alerts SET acknowledged_at = NULL, acknowledged_by = NULL, acknowledged_until = NULL, updated_at = :now
WHERE group_key = :group_key AND resolved_at IS NULL AND acknowledged_until <= :now
""")

# What was over before an incident was opened again was told then, and is no part of it any more.
_MEMBERS = text("""
SELECT a.id, a.check_id, a.severity, a.status, a.is_flapping, a.opened_at, a.resolved_at, a.suppressed_by_id,
       a.acknowledged_at IS NOT NULL AS is_acknowledged, a.acknowledged_until, a.origin, a.labels, a.mute_reason,
       COALESCE(c.slug, a.name) AS name,
       COALESCE(st.since_at, a.started_at, a.opened_at) AS failed_at,
       COALESCE(st.last_result_at, a.updated_at) AS last_result_at,
       root.resolved_at AS root_resolved_at
FROM alerts a
LEFT JOIN checks c ON c.id = a.check_id
LEFT JOIN check_states st ON st.check_id = a.check_id
LEFT JOIN alerts root ON root.id = a.suppressed_by_id
WHERE a.group_key = :group_key
  AND (a.resolved_at IS NULL OR (
      a.incident_id = :incident_id AND a.told_at IS NOT NULL AND a.suppressed_by_id IS NULL
      AND a.resolved_at >= COALESCE((
          SELECT max(e.at) FROM incident_entries e
          WHERE e.incident_id = :incident_id AND e.kind = 'reopened' AND e.reason = 'broken_again'
      ), a.resolved_at)
  ))
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
       c.is_enabled AND NOT c.is_paused AS can_suppress, a.id AS open_alert_id, a.labels, a.severity, a.origin
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
INSERT INTO incidents (id, group_key, route, labels, severity, opened_at, episode, round, plan, auto_acknowledge_at,
                       auto_resolve_at)
VALUES (:id, :group_key, :route, :labels, :severity, :now, 0, 0, :plan, :auto_acknowledge_at, :auto_resolve_at)
RETURNING {INCIDENT_COLUMNS}
""")  # noqa: S608 - composed of constants alone

# What it told last is nothing: all that was over then. Its number and its timeline go on.
_REOPEN_INCIDENT = text(f"""
UPDATE incidents SET resolved_at = NULL, resolved_by = NULL, route = :route, labels = :labels, severity = :severity,
    plan = :plan, acknowledged_at = NULL, acknowledged_by = NULL, acknowledged_until = NULL, snoozed_until = NULL,
    auto_acknowledge_at = :auto_acknowledge_at, auto_resolve_at = :auto_resolve_at, legs_told_at = '{{}}',
    climb_level = 0, climb_lap = 0, climb_at = NULL
WHERE id = :id
RETURNING {INCIDENT_COLUMNS}
""")  # noqa: S608 - composed of constants alone

# Alerts that these suppress are the incident's impact.
_ATTACH = text("""
UPDATE alerts SET
    incident_id = :incident_id,
    told_at = CASE WHEN id = ANY(:ids) THEN COALESCE(told_at, :now) ELSE told_at END
WHERE id = ANY(:ids) OR (suppressed_by_id = ANY(:ids) AND resolved_at IS NULL)
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

# They are listed with the incident from now on, also while the news of them waits for its interval.
_JOIN = text("UPDATE alerts SET incident_id = :incident_id WHERE id = ANY(:ids) AND incident_id IS NULL").bindparams(
    bindparam("ids", type_=ARRAY(Uuid))
)

_CLOSE_INCIDENT = text("""
UPDATE incidents SET resolved_at = :now, due_at = NULL, round_at = NULL, climb_at = NULL, held_reason = '',
                     token = token + 1
WHERE id = :id
""")

_HOLD_BACK = text("UPDATE alerts SET mute_reason = :reason, muted_by = :by, updated_at = :now WHERE id = :id")

_FORGET = text("DELETE FROM dispatches WHERE group_key = :group_key")


class RoutingRows(RoleRows, RoutingTransaction):
    """Dispatches, incidents and new notifications within one transaction of routing."""

    def __init__(self, connection: Connection, rules: AlertingRules | None = None) -> None:
        super().__init__(connection)
        self._rules = rules or AlertingRules()
        self._mutes: Mutes | None = None

    def take(self, group_key: str, token: int, now: datetime) -> bool:
        row = self._connection.execute(_TAKE, {"group_key": group_key}).one_or_none()
        return row is not None and row.token == token and row.due_at <= now + EARLY_BY

    def incident(self, group_key: str) -> Incident | None:
        row = self._connection.execute(_INCIDENT, {"group_key": group_key}).one_or_none()
        return to_incident(row) if row else None

    def lapse(self, group_key: str, now: datetime) -> None:
        self._connection.execute(_LAPSE, {"group_key": group_key, "now": now})

    def members(self, group_key: str, incident_id: UUID | None) -> list[Member]:
        rows = self._connection.execute(_MEMBERS, {"group_key": group_key, "incident_id": incident_id})
        return [
            Member(**{**row._mapping, "severity": Severity(row.severity), "status": Status(row.status)}) for row in rows
        ]

    def mutes(self, now: datetime) -> Mutes:
        if self._mutes is None:
            self._mutes = read_mutes(self._connection, now)
        return self._mutes

    def closed(self, legs: Iterable[Leg], now: datetime) -> Mapping[str, datetime | None]:
        return read_closed(self._connection, legs, now)

    def hold_back(self, member: Member, muted: Muted | None, now: datetime) -> None:
        reason, by = (muted.reason.value, muted.by) if muted else ("", "")
        self._connection.execute(_HOLD_BACK, {"id": member.id, "reason": reason, "by": by, "now": now})

    def reachability(self, member: Member, now: datetime) -> Reachability:
        if member.check_id is None:
            return Reachable()
        verdict = read_reachability(self._connection, member.check_id, member.failed_at, lambda: self.mutes(now))
        if isinstance(verdict, Unreachable):
            locked = self._connection.execute(_LOCK_ROOT, {"id": verdict.root_alert_id}).one_or_none()
            return verdict if locked else Undecided()
        return verdict

    def suppress(self, member: Member, root_alert_id: UUID, now: datetime) -> None:
        if member.suppressed_by_id != root_alert_id:
            self._connection.execute(_SUPPRESS, {"id": member.id, "root_id": root_alert_id, "now": now})

    def release(self, member: Member, now: datetime) -> None:
        self._connection.execute(_RELEASE, {"id": member.id, "now": now})

    def begin(self, group_key: str, member: Member) -> Beginning:
        if member.origin == synthetic.ORIGIN:
            return Beginning(group_key, synthetic.GROUPING.route, {}, member.severity, read_plan(self._connection))
        directory = read_directory(self._connection).with_interval(self._rules.group_interval)
        labels = member.subject.labels
        grouping = directory.grouping(labels, member.severity)
        return Beginning(group_key, grouping.route, grouping.labels, member.severity, directory.plan(labels))

    def open_incident(self, beginning: Beginning, now: datetime) -> Incident:
        values = self._beginning(beginning, now) | {"id": new_id(), "group_key": beginning.group_key, "now": now}
        return to_incident(self._connection.execute(_OPEN_INCIDENT, values).one())

    def reopen_incident(self, beginning: Beginning, since: datetime, now: datetime) -> Incident | None:
        # The synthetic notification has one incident for all time.
        earliest = datetime.min.replace(tzinfo=UTC) if beginning.route == synthetic.ORIGIN else since
        values = {"group_key": beginning.group_key, "since": earliest}
        incident_id = self._connection.execute(_RECENT, values).scalar()
        if incident_id is None:
            return None
        values = self._beginning(beginning, now) | {"id": incident_id}
        return to_incident(self._connection.execute(_REOPEN_INCIDENT, values).one())

    def _beginning(self, beginning: Beginning, now: datetime) -> dict[str, Any]:
        return {
            "route": beginning.route,
            "labels": json.dumps(dict(beginning.labels)),
            "severity": beginning.severity.value,
            "plan": json.dumps(beginning.plan.to_document()),
            "auto_acknowledge_at": self._rules.auto_acknowledge_at(now),
            "auto_resolve_at": self._rules.auto_resolve_at(now),
        }

    def told_targets(self, incident_id: UUID, *, pages_only: bool = False) -> list[Target]:
        return read_told_targets(self._connection, incident_id, pages_only=pages_only)

    def supersede(self, incident_id: UUID, reason: Reason) -> None:
        notification_rows.supersede(self._connection, incident_id, reason)

    def notify(self, telling: Telling, now: datetime) -> list[Due]:
        return notification_rows.insert(self._connection, telling, now)

    def save_incident(self, incident: Incident, member_ids: Sequence[UUID]) -> None:
        save_incident(self._connection, incident)
        if member_ids:
            values = {"incident_id": incident.id, "ids": list(member_ids), "now": incident.told_at}
            self._connection.execute(_ATTACH, values)

    def join(self, incident_id: UUID, member_ids: Sequence[UUID]) -> None:
        self._connection.execute(_JOIN, {"incident_id": incident_id, "ids": list(member_ids)})

    def close_incident(self, incident_id: UUID, now: datetime) -> None:
        self._connection.execute(_CLOSE_INCIDENT, {"id": incident_id, "now": now})

    def finish(self, group_key: str, again_at: datetime | None, reason: str, now: datetime) -> list[Due]:
        self._connection.execute(_FORGET, {"group_key": group_key})
        if again_at is None:
            return []
        return [request_dispatch(self._connection, group_key, again_at, reason, now)]


def read_reachability(
    connection: Connection, check_id: UUID, failed_at: datetime, mutes: Callable[[], Mutes]
) -> Reachability:
    """Whether what a check hangs on explains its failure; `mutes` is asked where it hangs on anything."""
    rows = connection.execute(_ANCESTORS, {"check_id": check_id}).all()
    parents = {row.parent_id: _to_parent(row, mutes()) for row in rows}
    dependencies: dict[UUID, list[Dependency]] = {}
    for row in rows:
        dependencies.setdefault(row.check_id, []).append(Dependency(row.parent_id, row.redundancy_group))
    return judge_reachability(check_id, Ancestry(dependencies, parents), failed_at)


def _to_parent(row: Row[Any], mutes: Mutes) -> Parent:
    is_heard = row.open_alert_id is None or mutes.suppresses_below(
        Subject(row.open_alert_id, all_labels(row.labels, Severity(row.severity), row.origin), row.parent_id)
    )
    return Parent(
        id=row.parent_id,
        status=Status(row.status),
        is_hard=row.is_hard,
        last_result_at=row.last_result_at,
        can_suppress=row.can_suppress and is_heard,
        open_alert_id=row.open_alert_id,
    )
