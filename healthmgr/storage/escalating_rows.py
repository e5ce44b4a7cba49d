"""Incidents whose next round is due."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from healthmgr.domain.dispatch import EARLY_BY, Due
from healthmgr.domain.incident import Incident
from healthmgr.services.escalating import EscalatingTransaction
from healthmgr.services.routing import Telling
from healthmgr.storage import notification_rows
from healthmgr.storage.routing_rows import INCIDENT_COLUMNS, save_incident, to_incident

_TAKE = text(f"""
SELECT {INCIDENT_COLUMNS} FROM incidents
WHERE id = :id AND token = :token AND due_at <= :now AND resolved_at IS NULL AND acknowledged_at IS NULL
FOR UPDATE SKIP LOCKED
""")  # noqa: S608 - composed of constants alone

_CONTENT = text("""
SELECT id, resolved_at IS NOT NULL AS is_resolved FROM alerts
WHERE incident_id = :id AND suppressed_by_id IS NULL ORDER BY id
""")

_REACHED = text("""
SELECT EXISTS (SELECT 1 FROM notifications WHERE incident_id = :id AND episode = :episode AND state = 'sent')
""")


class EscalatingRows(EscalatingTransaction):
    """Incidents and their rounds within one transaction of escalating."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take(self, incident_id: UUID, token: int, now: datetime) -> Incident | None:
        row = self._connection.execute(_TAKE, {"id": incident_id, "token": token, "now": now + EARLY_BY}).one_or_none()
        return to_incident(row) if row else None

    def content(self, incident: Incident) -> dict[str, Any]:
        rows = self._connection.execute(_CONTENT, {"id": incident.id}).all()
        return {
            "firing": [str(row.id) for row in rows if not row.is_resolved],
            "resolved": [str(row.id) for row in rows if row.is_resolved],
        }

    def was_anybody_reached(self, incident: Incident) -> bool:
        values = {"id": incident.id, "episode": incident.episode}
        return bool(self._connection.execute(_REACHED, values).scalar_one())

    def save(self, incident: Incident, due_at: datetime, now: datetime) -> None:
        save_incident(self._connection, incident, due_at, now)

    def notify(self, telling: Telling, now: datetime) -> list[Due]:
        return notification_rows.insert(self._connection, telling, now)
