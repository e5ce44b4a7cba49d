"""The rows that people's actions on alerts and incidents change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from healthmgr.domain.dispatch import Due
from healthmgr.domain.incident import Incident
from healthmgr.domain.message import MessageKind
from healthmgr.domain.notification import Reason
from healthmgr.domain.plan import Target
from healthmgr.domain.timeline import Entry
from healthmgr.services.answering import Answered, AnsweringTransaction
from healthmgr.services.routing_ports import Telling
from healthmgr.storage import notification_rows
from healthmgr.storage.alert_rows import close_alerts
from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.dispatch_rows import request_dispatch
from healthmgr.storage.incident_rows import INCIDENT_COLUMNS, leads_to, save_incident, to_incident
from healthmgr.storage.timeline_rows import note

_GROUP_OF = text("SELECT group_key FROM incidents WHERE id = :id AND resolved_at IS NULL")

_LOCK = text(f"""
SELECT {INCIDENT_COLUMNS} FROM incidents WHERE id = :id AND resolved_at IS NULL FOR NO KEY UPDATE
""")  # noqa: S608 - composed of constants alone

_ANSWERED = text("""
SELECT i.id, i.number, i.acknowledged_by, i.resolved_at IS NOT NULL AS is_resolved,
       (SELECT count(*) FROM alerts a WHERE a.incident_id = i.id AND a.resolved_at IS NULL
          AND a.suppressed_by_id IS NULL AND (a.acknowledged_at IS NULL OR i.acknowledged_at IS NULL)) AS unanswered
FROM incidents i WHERE i.id = :id AND i.number <> 0  -- healthmgr's own, nobody's
""")

_MARK = text("""
UPDATE alerts SET acknowledged_at = :now, acknowledged_by = :actor, acknowledged_until = :until, updated_at = :now
WHERE incident_id = :id AND resolved_at IS NULL AND (acknowledged_at IS NULL OR :overrides)
""")

_UNMARK = text("""
UPDATE alerts SET acknowledged_at = NULL, acknowledged_by = NULL, acknowledged_until = NULL, updated_at = :now
WHERE incident_id = :id AND resolved_at IS NULL
""")

_UNANSWERED = text("""
SELECT EXISTS (
    SELECT 1 FROM alerts WHERE incident_id = :id AND resolved_at IS NULL AND suppressed_by_id IS NULL
      AND acknowledged_at IS NULL
)
""")

_SET_BY = text("UPDATE incidents SET acknowledged_by = :actor WHERE id = :id")
_SET_SNOOZED = text("UPDATE incidents SET snoozed_until = :until WHERE id = :id")
_OPEN_ALERTS = text("SELECT id FROM alerts WHERE incident_id = :id AND resolved_at IS NULL ORDER BY id")

_SOONEST_LAPSE = text("""
SELECT min(acknowledged_until) FROM alerts WHERE incident_id = :id AND resolved_at IS NULL
""")

# Whom to tell that it is in hand: those told of the problem, over channels that want to hear of it.
_HEARERS = text("""
SELECT DISTINCT ON (n.recipient, n.channel) n.recipient, n.channel, n.address
FROM notifications n JOIN channels c ON c.name = n.channel
WHERE n.incident_id = :id AND c.kind = ANY(CAST(:kinds AS text[])) AND n.attempts > 0
ORDER BY n.recipient, n.channel, n.position DESC
""")


HearingKinds = Callable[[], Collection[str]]


class AnsweringRows(AnsweringTransaction):
    """The rows of one action on an incident. `hearing_kinds` gives the channels that want to hear of answers."""

    def __init__(self, connection: Connection, hearing_kinds: HearingKinds) -> None:
        self._connection = connection
        self._hearing_kinds = hearing_kinds

    def incident(self, incident_id: UUID, now: datetime, *, will_change_group: bool = False) -> Answered | None:
        incident_id = leads_to(self._connection, incident_id)
        if will_change_group:
            # Before the incident's own row: routing locks them in this order.
            group_key = self._connection.execute(_GROUP_OF, {"id": incident_id}).scalar()
            if group_key is not None:
                reason = Reason.RESOLVED.value
                request_dispatch(self._connection, group_key, now, reason, now, will_remind=False)
        self._connection.execute(_LOCK, {"id": incident_id})
        row = self._connection.execute(_ANSWERED, {"id": incident_id}).one_or_none()
        return Answered(**row._mapping) if row else None

    def acknowledge(self, answered: Answered, actor: str, until: datetime | None, now: datetime) -> list[Due]:
        values = {"id": answered.id, "actor": actor, "until": until, "now": now, "overrides": True}
        self._connection.execute(_MARK, values)
        return stop_climb(self._connection, answered.id, actor, self._hearing_kinds, now)

    def snooze(self, answered: Answered, until: datetime) -> None:
        self._connection.execute(_SET_SNOOZED, {"id": answered.id, "until": until})

    def unacknowledge(self, answered: Answered, now: datetime) -> None:
        self._connection.execute(_UNMARK, {"id": answered.id, "now": now})
        climb_on(self._connection, answered.id, now)

    def resolve(self, answered: Answered, actor: str, now: datetime) -> list[Due]:
        ids = self._connection.execute(_OPEN_ALERTS, {"id": answered.id}).scalars().all()
        return close_alerts(
            self._connection, ids, now, resolution="resolved_by_person", resolved_by=actor, will_remind=False
        )

    def note(self, incident_id: UUID, entry: Entry, now: datetime, *, once: bool = False) -> None:
        note(self._connection, incident_id, entry, now, once=once)

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        write_audit(self._connection, actor, origin, action, target, detail, now)


def stop_climb(
    connection: Connection, incident_id: UUID, actor: str, hearing_kinds: HearingKinds, now: datetime
) -> list[Due]:
    """Where all alerts of an incident are acknowledged, nothing more of it is told; the reminders of who hears of it.

    One commit moves the token, clears the round and withdraws what nobody has begun to send.
    """
    incident = _lock(connection, incident_id)
    if incident is None or connection.execute(_UNANSWERED, {"id": incident_id}).scalar_one():
        return []
    until = connection.execute(_SOONEST_LAPSE, {"id": incident_id}).scalar()
    save_incident(
        connection,
        replace(incident, acknowledged_at=now, acknowledged_until=until, round_at=None, climb_at=None, held_reason=""),
    )
    connection.execute(_SET_BY, {"id": incident_id, "actor": actor})
    notification_rows.supersede(connection, incident_id, Reason.ACKNOWLEDGED)
    rows = connection.execute(_HEARERS, {"id": incident_id, "kinds": sorted(hearing_kinds())}).all()
    return _tell_answer(connection, incident, [Target(*row) for row in rows], actor, now)


def climb_on(connection: Connection, incident_id: UUID, now: datetime) -> None:
    """Nobody has it in hand after all: a new episode, whose first round is due now.

    Where nobody was told before the answer, the group's own judgement tells; whoever calls this asks for one.
    """
    incident = _lock(connection, incident_id)
    if incident is not None and incident.told is None:
        save_incident(connection, incident.anew(restarts=False))
    elif incident is not None:
        reason = Reason.UNACKNOWLEDGED.value
        climb_at = now if incident.course.policy else None
        again = replace(incident.anew(restarts=False), round_at=now, climb_at=climb_at, held_reason=reason)
        save_incident(connection, again)


def _lock(connection: Connection, incident_id: UUID) -> Incident | None:
    row = connection.execute(_LOCK, {"id": incident_id}).one_or_none()
    return to_incident(row) if row else None


def _tell_answer(
    connection: Connection, incident: Incident, hearers: Sequence[Target], actor: str, now: datetime
) -> list[Due]:
    told = incident.told
    if not hearers or told is None:
        return []
    telling = Telling(
        incident_id=incident.id,
        episode=incident.episode,
        level=0,
        round=incident.round,
        kind=MessageKind.ACKNOWLEDGEMENT,
        reason=Reason.ACKNOWLEDGED,
        severity=incident.severity,
        targets=hearers,
        content={"firing": sorted(map(str, told.firing)), "resolved": []},
        actor=actor,
    )
    return notification_rows.insert(connection, telling, now)
