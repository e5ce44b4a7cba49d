"""Incidents that something is due for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from healthmgr.domain.command import BY_NAME
from healthmgr.domain.dispatch import EARLY_BY, Due
from healthmgr.domain.incident import Incident
from healthmgr.domain.muting import Mutes
from healthmgr.domain.notification import Reason
from healthmgr.domain.plan import Leg
from healthmgr.services.escalating import EscalatingTransaction, Standing
from healthmgr.services.routing_ports import Telling
from healthmgr.storage import notification_rows
from healthmgr.storage.alert_rows import close_alerts
from healthmgr.storage.climbing_rows import ClimbingRows
from healthmgr.storage.dispatch_rows import request_dispatch
from healthmgr.storage.incident_rows import INCIDENT_COLUMNS, save_incident, to_incident
from healthmgr.storage.muting_rows import read_closed, read_mutes, to_subject

_TAKE = text(f"""
SELECT {INCIDENT_COLUMNS} FROM incidents
WHERE id = :id AND token = :token AND due_at <= :now AND resolved_at IS NULL
FOR NO KEY UPDATE SKIP LOCKED
""")  # noqa: S608 - composed of constants alone

# The dispatch row is locked before the incident's, as routing does it; only an end by itself asks for one.
_ENDS_BY_ITSELF = text("SELECT group_key FROM incidents WHERE id = :id AND auto_resolve_at <= :now")

_ALERTS = text("""
SELECT id, labels, severity, origin, check_id, resolved_at IS NOT NULL AS is_resolved, acknowledged_at,
       acknowledged_by, acknowledged_until
FROM alerts
WHERE incident_id = :id AND suppressed_by_id IS NULL ORDER BY id
""")

_REACHED = text("""
SELECT EXISTS (SELECT 1 FROM notifications WHERE incident_id = :id AND episode = :episode AND state = 'sent'
               AND level <> :by_name)
""")

_LAPSE = text("""
UPDATE alerts SET acknowledged_at = NULL, acknowledged_by = NULL, acknowledged_until = NULL, updated_at = :now
WHERE incident_id = :id AND resolved_at IS NULL AND acknowledged_until <= :now
""")

_ACKNOWLEDGE = text("""
UPDATE alerts SET acknowledged_at = :now, acknowledged_by = :actor, acknowledged_until = :until, updated_at = :now
WHERE incident_id = :id AND resolved_at IS NULL AND acknowledged_at IS NULL
""")

_ACKNOWLEDGED_BY = text("UPDATE incidents SET acknowledged_by = :actor WHERE id = :id")

# One that came through a door has no result of ours to be judged by: its source says when it is over.
_RECOVERED = text("""
SELECT a.id FROM alerts a JOIN check_states st ON st.check_id = a.check_id
WHERE a.incident_id = :id AND a.resolved_at IS NULL AND st.status = 'healthy' ORDER BY a.id
""")


class EscalatingRows(ClimbingRows, EscalatingTransaction):
    """Incidents and their rounds within one transaction of escalating."""

    def take(self, incident_id: UUID, token: int, now: datetime) -> Incident | None:
        group_key = self._connection.execute(_ENDS_BY_ITSELF, {"id": incident_id, "now": now + EARLY_BY}).scalar()
        if group_key is not None:
            request_dispatch(self._connection, group_key, now, Reason.UNCHANGED.value, now)
        row = self._connection.execute(_TAKE, {"id": incident_id, "token": token, "now": now + EARLY_BY}).one_or_none()
        return to_incident(row) if row else None

    def standing(self, incident: Incident) -> Standing:
        rows = self._connection.execute(_ALERTS, {"id": incident.id}).all()
        firing = [row for row in rows if not row.is_resolved]
        answers = sorted((row.acknowledged_at, row.acknowledged_by) for row in firing if row.acknowledged_at)
        return Standing(
            firing=[to_subject(row) for row in firing],
            resolved=[row.id for row in rows if row.is_resolved],
            answered_by=answers[-1][1] if answers and len(answers) == len(firing) else None,
            lapses_at=min((row.acknowledged_until for row in firing if row.acknowledged_until), default=None),
        )

    def mutes(self, now: datetime) -> Mutes:
        return read_mutes(self._connection, now)

    def closed(self, legs: Iterable[Leg], now: datetime) -> Mapping[str, datetime | None]:
        return read_closed(self._connection, legs, now)

    def was_anybody_reached(self, incident: Incident) -> bool:
        values = {"id": incident.id, "episode": incident.episode, "by_name": BY_NAME}
        return bool(self._connection.execute(_REACHED, values).scalar_one())

    def lapse(self, incident: Incident, now: datetime) -> None:
        self._connection.execute(_LAPSE, {"id": incident.id, "now": now + EARLY_BY})

    def acknowledge(self, incident: Incident, actor: str, until: datetime | None, now: datetime) -> list[Due]:
        values = {"id": incident.id, "actor": actor, "until": until, "now": now}
        self._connection.execute(_ACKNOWLEDGE, values)
        self._connection.execute(_ACKNOWLEDGED_BY, {"id": incident.id, "actor": actor})
        notification_rows.supersede(self._connection, incident.id, Reason.ACKNOWLEDGED)
        return []

    def resolve_recovered(self, incident: Incident, now: datetime) -> list[Due]:
        ids = self._connection.execute(_RECOVERED, {"id": incident.id}).scalars().all()
        return close_alerts(self._connection, ids, now, resolution="resolved_by_itself") if ids else []

    def save(self, incident: Incident) -> None:
        save_incident(self._connection, incident)

    def notify(self, telling: Telling, now: datetime) -> list[Due]:
        return notification_rows.insert(self._connection, telling, now)
