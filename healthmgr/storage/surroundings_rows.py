"""What surrounds an incident: what else changed at that time, and who else is told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from healthmgr.domain.message import ChangeFacts

BEFORE = timedelta(minutes=30)
AFTER = timedelta(minutes=5)
MOST_CHANGES = 8
MOST_TOLD = 20

# States of checks that are no part of the incident, and what people and programs changed.
_CHANGES = text("""
SELECT at, what FROM (
    (SELECT t.at, c.slug || ' went ' || t.new_status || COALESCE(': ' || NULLIF(t.message, ''), '') AS what
     FROM transitions t JOIN checks c ON c.id = t.check_id
     WHERE t.at BETWEEN :from_at AND :to_at AND t.is_hard AND t.old_status <> 'unknown' AND NOT EXISTS (
         SELECT 1 FROM alerts a WHERE a.incident_id = :id AND a.check_id = t.check_id
     )
     ORDER BY t.at DESC LIMIT :most)
    UNION ALL
    (SELECT e.at, e.actor || ': ' || e.action || ' ' || e.target FROM audit_entries e
     WHERE e.at BETWEEN :from_at AND :to_at AND split_part(e.action, '.', 1) IN ('definitions', 'check', 'change')
     ORDER BY e.at DESC LIMIT :most)
) AS changes ORDER BY at DESC LIMIT :most
""")

_TOLD = text("""
SELECT DISTINCT other.recipient || ' over ' || other.channel AS who
FROM notifications n JOIN notifications other ON other.incident_id = n.incident_id AND other.episode = n.episode
WHERE n.id = :id AND other.kind IN ('problem', 'update') ORDER BY who LIMIT :most
""")


def read_changes(
    connection: Connection, incident_id: UUID, opened_at: datetime, now: datetime
) -> tuple[ChangeFacts, ...]:
    """What else changed from half an hour before the incident opened to five minutes after, newest first."""
    values: dict[str, Any] = {"from_at": opened_at - BEFORE, "to_at": min(opened_at + AFTER, now)}
    rows = connection.execute(_CHANGES, values | {"id": incident_id, "most": MOST_CHANGES})
    return tuple(ChangeFacts(row.at, row.what[:200]) for row in rows)


def read_told(connection: Connection, notification_id: UUID) -> tuple[str, ...]:
    """Who is told in the same episode, and over what, as "alice over mail"."""
    return tuple(connection.execute(_TOLD, {"id": notification_id, "most": MOST_TOLD}).scalars())
