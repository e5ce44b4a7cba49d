"""The timelines of incidents, written in the commit of what they tell of."""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text
from uuid_utils.compat import uuid7

from healthmgr.domain.timeline import Entry

_NOTE = text("""
INSERT INTO incident_entries (id, incident_id, at, kind, reason, actor, detail)
SELECT :id, :incident_id, :now, :kind, :reason, :actor, CAST(:detail AS jsonb)
WHERE NOT :once OR NOT EXISTS (
    SELECT 1 FROM (
        SELECT kind, reason FROM incident_entries WHERE incident_id = :incident_id ORDER BY id DESC LIMIT 1
    ) AS latest WHERE latest.kind = :kind AND latest.reason = :reason
)
""")


def note(connection: Connection, incident_id: UUID, entry: Entry, now: datetime, *, once: bool = False) -> None:
    """Add an entry; with `once`, not when the latest one says the same."""
    connection.execute(
        _NOTE,
        {
            "id": uuid7(),
            "incident_id": incident_id,
            "now": now,
            "kind": entry.kind.value,
            "reason": entry.reason,
            "actor": entry.actor,
            "detail": json.dumps(dict(entry.detail)),
            "once": once,
        },
    )
