"""Who holds which role in an incident."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from healthmgr.domain.command import BY_NAME, COMMANDER
from healthmgr.domain.incident import Incident
from healthmgr.services.routing_ports import AppointingTransaction
from healthmgr.storage.climbing_rows import ClimbingRows

_ROLES = text("""
SELECT role, array_agg(person ORDER BY assigned_at, person) AS people FROM incident_roles
WHERE incident_id = :id GROUP BY role ORDER BY role
""")

_GIVE = text("""
INSERT INTO incident_roles (incident_id, role, person, assigned_by, assigned_at)
VALUES (:id, :role, :person, :by, :now) ON CONFLICT DO NOTHING
""")

_VACATE = text("DELETE FROM incident_roles WHERE incident_id = :id AND role = :role AND person <> :person")

_NEXT_ROUND = text("""
SELECT COALESCE(max(round) + 1, 0) FROM notifications
WHERE incident_id = :id AND episode = :episode AND level = :by_name
""")


class RoleRows(ClimbingRows, AppointingTransaction):
    """Roles within one transaction."""

    def roles(self, incident_id: UUID) -> Mapping[str, tuple[str, ...]]:
        return {row.role: tuple(row.people) for row in self._connection.execute(_ROLES, {"id": incident_id})}

    def give_role(self, incident_id: UUID, role: str, person: str, by: str, now: datetime) -> None:
        values = {"id": incident_id, "role": role, "person": person}
        if role == COMMANDER:
            self._connection.execute(_VACATE, values)
        self._connection.execute(_GIVE, values | {"by": by, "now": now})

    def next_round(self, incident: Incident) -> int:
        values = {"id": incident.id, "episode": incident.episode, "by_name": BY_NAME}
        return int(self._connection.execute(_NEXT_ROUND, values).scalar_one())
