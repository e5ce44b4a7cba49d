"""The rows that one answer to many incidents changes: a few statements, however many there are."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid
from uuid_utils.compat import uuid7

from healthmgr.domain.check import Severity
from healthmgr.domain.command import BY_NAME
from healthmgr.domain.hits import OpenAlert
from healthmgr.domain.notification import Reason
from healthmgr.domain.timeline import Entry
from healthmgr.services.answering_many import AnsweringManyTransaction
from healthmgr.storage.answering_rows import HearingKinds, stop_climb
from healthmgr.storage.audit_rows import write_audit

_IDS = bindparam("ids", type_=ARRAY(Uuid))

_UNANSWERED = text("""
SELECT a.id, COALESCE(c.slug, a.name) AS name, a.severity, a.summary, a.opened_at, a.origin, a.labels, a.check_id,
       a.incident_id
FROM alerts a LEFT JOIN checks c ON c.id = a.check_id
WHERE a.resolved_at IS NULL AND a.acknowledged_at IS NULL AND a.suppressed_by_id IS NULL
  AND a.incident_id IS NOT NULL AND a.origin <> 'synthetic'
""")

_INCIDENTS = text("""
SELECT DISTINCT incident_id FROM alerts
WHERE resolved_at IS NULL AND acknowledged_at IS NULL AND suppressed_by_id IS NULL
  AND incident_id IS NOT NULL AND origin <> 'synthetic'
""")

# In the order of their ids: two who answer the same ones never wait for each other.
_LOCK = text("""
SELECT id, number FROM incidents WHERE id = ANY(:ids) AND resolved_at IS NULL ORDER BY id FOR NO KEY UPDATE
""").bindparams(_IDS)

_MARK = text("""
UPDATE alerts SET acknowledged_at = :now, acknowledged_by = :actor, acknowledged_until = :until, updated_at = :now
WHERE incident_id = ANY(:ids) AND resolved_at IS NULL
""").bindparams(_IDS)

# Those of whom channels want to hear that they are in hand; each of these is answered by itself.
_HEARD_OF = text("""
SELECT DISTINCT n.incident_id FROM notifications n JOIN channels c ON c.name = n.channel
WHERE n.incident_id = ANY(:ids) AND c.kind = ANY(CAST(:kinds AS text[])) AND n.attempts > 0 ORDER BY 1
""").bindparams(_IDS)

# As Incident.due_at has it for one that is acknowledged.
_STOP = text("""
UPDATE incidents SET acknowledged_at = :now, acknowledged_by = :actor, acknowledged_until = :until,
    round_at = NULL, climb_at = NULL, held_reason = '',
    due_at = LEAST(CAST(:until AS timestamptz), auto_resolve_at),
    token = token + 1, armed_until = NULL, arm_count = 0
WHERE id = ANY(:ids)
""").bindparams(_IDS)

_WITHDRAW = text("""
UPDATE notifications SET state = 'superseded', state_reason = :reason, due_at = NULL, token = token + 1
WHERE incident_id = ANY(:ids) AND state = 'pending' AND kind <> 'resolution' AND level <> :by_name
""").bindparams(_IDS)

_NOTE = text("""
INSERT INTO incident_entries (id, incident_id, at, kind, reason, actor, detail)
SELECT e.id, e.incident_id, :now, :kind, :reason, :actor, CAST(:detail AS jsonb)
FROM unnest(:entry_ids, :ids) AS e(id, incident_id)
""").bindparams(_IDS, bindparam("entry_ids", type_=ARRAY(Uuid)))


class AnsweringManyRows(AnsweringManyTransaction):
    """The rows of one answer to many. `hearing_kinds` gives the channels that want to hear of answers."""

    def __init__(self, connection: Connection, hearing_kinds: HearingKinds) -> None:
        self._connection = connection
        self._hearing_kinds = hearing_kinds

    def unanswered_alerts(self) -> Sequence[OpenAlert]:
        rows = self._connection.execute(_UNANSWERED).mappings()
        return [OpenAlert(**{**row, "severity": Severity(row["severity"])}) for row in rows]

    def unanswered_incidents(self) -> Collection[UUID]:
        return self._connection.execute(_INCIDENTS).scalars().all()

    def acknowledge(
        self, incident_ids: Collection[UUID], entry: Entry, until: datetime | None, now: datetime
    ) -> list[int]:
        locked = self._connection.execute(_LOCK, {"ids": sorted(incident_ids)}).all()
        ids = [row.id for row in locked]
        answer = {"ids": ids, "actor": entry.actor, "until": until, "now": now}
        self._connection.execute(_MARK, answer)
        kinds = sorted(self._hearing_kinds())
        heard_of = self._connection.execute(_HEARD_OF, {"ids": ids, "kinds": kinds}).scalars().all() if kinds else []
        for incident_id in heard_of:
            stop_climb(self._connection, incident_id, entry.actor, self._hearing_kinds, now)
        rest = sorted(set(ids) - set(heard_of))
        self._connection.execute(_STOP, answer | {"ids": rest})
        withdrawn = {"ids": rest, "reason": Reason.ACKNOWLEDGED.value, "by_name": BY_NAME}
        self._connection.execute(_WITHDRAW, withdrawn)
        self._note(ids, entry, now)
        return sorted(row.number for row in locked)

    def _note(self, ids: Sequence[UUID], entry: Entry, now: datetime) -> None:
        values = {
            "entry_ids": [uuid7() for _ in ids],
            "ids": ids,
            "now": now,
            "kind": entry.kind.value,
            "reason": entry.reason,
            "actor": entry.actor,
            "detail": json.dumps(dict(entry.detail)),
        }
        self._connection.execute(_NOTE, values)

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        write_audit(self._connection, actor, origin, action, target, detail, now)
