"""Between the rows of incidents and incidents."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import Climb
from healthmgr.domain.incident import Incident
from healthmgr.domain.notification import Told
from healthmgr.domain.plan import Plan

INCIDENT_COLUMNS = """id, number, severity, episode, round, plan, told, acknowledged_at, last_told_at, legs_told_at,
    round_at, climb_level, climb_lap, climb_at, held_reason, acknowledged_until, snoozed_until, auto_acknowledge_at,
    auto_resolve_at"""

_SAVE = text("""
UPDATE incidents SET
    severity = :severity, episode = :episode, round = :round, told = :told, last_told_at = :told_at,
    legs_told_at = :legs_told_at, round_at = :round_at, climb_level = :climb_level, climb_lap = :climb_lap,
    climb_at = :climb_at, held_reason = :held_reason,
    acknowledged_at = :acknowledged_at, acknowledged_until = :acknowledged_until, snoozed_until = :snoozed_until,
    acknowledged_by = CASE WHEN CAST(:acknowledged_at AS timestamptz) IS NULL THEN NULL ELSE acknowledged_by END,
    auto_acknowledge_at = :auto_acknowledge_at, auto_resolve_at = :auto_resolve_at,
    due_at = :due_at, token = token + 1, armed_until = NULL, arm_count = 0
WHERE id = :id
""")


# Merging does not go round in circles: what was merged is closed, and takes nothing in.
_LEADS_TO = text("""
WITH RECURSIVE led AS (
    SELECT CAST(:id AS uuid) AS id, 0 AS steps
    UNION ALL
    SELECT l.incident_id, led.steps + 1 FROM incident_links l JOIN led ON l.other_id = led.id AND l.kind = 'merged'
    WHERE led.steps < 100
)
SELECT id FROM led ORDER BY steps DESC LIMIT 1
""")


def leads_to(connection: Connection, incident_id: UUID) -> UUID:
    """The incident that one went into by merging; itself where it did not."""
    return UUID(str(connection.execute(_LEADS_TO, {"id": incident_id}).scalar_one()))


def save_incident(connection: Connection, incident: Incident) -> None:
    """Write an incident as it is now; the token moves, so that older reminders do nothing."""
    connection.execute(
        _SAVE,
        {
            "id": incident.id,
            "severity": incident.severity.value,
            "episode": incident.episode,
            "round": incident.round,
            "told": json.dumps(incident.told.to_document()) if incident.told else None,
            "told_at": incident.told_at,
            "legs_told_at": json.dumps({route: at.isoformat() for route, at in incident.legs_told_at.items()}),
            "round_at": incident.round_at,
            "climb_level": incident.climb.level,
            "climb_lap": incident.climb.lap,
            "climb_at": incident.climb_at,
            "held_reason": incident.held_reason,
            "acknowledged_at": incident.acknowledged_at,
            "acknowledged_until": incident.acknowledged_until,
            "snoozed_until": incident.snoozed_until,
            "auto_acknowledge_at": incident.auto_acknowledge_at,
            "auto_resolve_at": incident.auto_resolve_at,
            "due_at": incident.due_at,
        },
    )


def to_incident(row: Row[Any]) -> Incident:
    """A row that has INCIDENT_COLUMNS."""
    values = dict(row._mapping)
    return Incident(
        id=values["id"],
        number=values["number"],
        severity=Severity(values["severity"]),
        episode=values["episode"],
        round=values["round"],
        plan=Plan.from_document(values["plan"]),
        told=Told.from_document(values["told"]) if values["told"] else None,
        acknowledged_at=values["acknowledged_at"],
        told_at=values["last_told_at"],
        legs_told_at={route: datetime.fromisoformat(at) for route, at in values["legs_told_at"].items()},
        round_at=values["round_at"],
        climb=Climb(values["climb_level"], values["climb_lap"]),
        climb_at=values["climb_at"],
        held_reason=values["held_reason"],
        acknowledged_until=values["acknowledged_until"],
        snoozed_until=values["snoozed_until"],
        auto_acknowledge_at=values["auto_acknowledge_at"],
        auto_resolve_at=values["auto_resolve_at"],
    )
