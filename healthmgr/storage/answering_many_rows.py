"""The rows that one answer to many incidents changes: a few statements, however many there are."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from uuid_utils import uuid7

from healthmgr.domain.check import Severity
from healthmgr.domain.command import BY_NAME
from healthmgr.domain.hits import OpenAlert
from healthmgr.domain.message import MessageKind
from healthmgr.domain.notification import Reason
from healthmgr.domain.timeline import Entry
from healthmgr.services.answering_many import AnsweringManyTransaction
from healthmgr.storage.answering_rows import HearingKinds
from healthmgr.storage.audit_rows import write_audit

# An alert that somebody has makes its incident wait for an answer, too, while that is in nobody's hands: those that
# nobody had may be over since.
_UNANSWERED = text("""
SELECT a.id, COALESCE(c.slug, a.name) AS name, a.severity, a.summary, a.opened_at, a.origin, a.labels, a.check_id,
       a.incident_id
FROM alerts a JOIN incidents i ON i.id = a.incident_id LEFT JOIN checks c ON c.id = a.check_id
WHERE a.resolved_at IS NULL AND (a.acknowledged_at IS NULL OR i.acknowledged_at IS NULL)
  AND a.suppressed_by_id IS NULL AND a.origin <> 'synthetic'
""")

# In the order of their ids: two who answer the same ones never wait for each other. Ids are read and handed on as
# text: ten thousand values of Python would take longer than what is done with them.
_LOCK = text("""
SELECT CAST(id AS text) AS id, number FROM incidents
WHERE id = ANY(CAST(:ids AS uuid[])) AND resolved_at IS NULL ORDER BY incidents.id FOR NO KEY UPDATE
""")

_LOCK_ALL = text("""
SELECT CAST(id AS text) AS id, number FROM incidents
WHERE resolved_at IS NULL AND EXISTS (
    SELECT 1 FROM alerts a
    WHERE a.incident_id = incidents.id AND (a.acknowledged_at IS NULL OR incidents.acknowledged_at IS NULL)
      AND a.resolved_at IS NULL AND a.suppressed_by_id IS NULL AND a.origin <> 'synthetic'
)
ORDER BY incidents.id FOR NO KEY UPDATE
""")

# Locked in the order in which an evaluation amends the alerts of its batch, for the same reason.
_MARK = text("""
UPDATE alerts a SET acknowledged_at = :now, acknowledged_by = :actor, acknowledged_until = :until, updated_at = :now
FROM (
    SELECT id FROM alerts WHERE incident_id = ANY(CAST(:ids AS uuid[])) AND resolved_at IS NULL
    ORDER BY check_id, id FOR NO KEY UPDATE
) AS locked
WHERE a.id = locked.id
""")

# Those who were told over channels that want to hear of answers, each once an incident, by the newest address.
_HEARERS = text("""
SELECT DISTINCT ON (n.incident_id, n.recipient, n.channel) n.incident_id, n.recipient, n.channel, n.address
FROM notifications n JOIN channels c ON c.name = n.channel
WHERE n.incident_id = ANY(CAST(:ids AS uuid[])) AND c.kind = ANY(CAST(:kinds AS text[])) AND n.attempts > 0
ORDER BY n.incident_id, n.recipient, n.channel, n.position DESC
""")

# As the answer to one incident tells it; where nothing was told yet, nobody hears that somebody is on it.
_TELL = text("""
INSERT INTO notifications (id, incident_id, episode, level, round, kind, reason, severity, recipient, channel,
                           address, content, actor, state, created_at, due_at)
SELECT h.id, i.id, i.episode, 0, i.round, :kind, :reason, i.severity, h.recipient, h.channel,
       h.address, jsonb_build_object('firing', i.told->'firing', 'resolved', '[]'::jsonb), :actor, 'pending', :now, :now
FROM jsonb_to_recordset(CAST(:hearers AS jsonb)) AS h(
    id uuid, incident_id uuid, recipient text, channel text, address text)
JOIN incidents i ON i.id = h.incident_id AND i.told IS NOT NULL
ON CONFLICT (incident_id, episode, level, round, kind, recipient, channel) DO NOTHING
""")

# As Incident.due_at has it for one that is acknowledged.
_STOP = text("""
UPDATE incidents SET acknowledged_at = :now, acknowledged_by = :actor, acknowledged_until = :until,
    round_at = NULL, climb_at = NULL, held_reason = '',
    due_at = LEAST(CAST(:until AS timestamptz), auto_resolve_at),
    token = token + 1, armed_until = NULL, arm_count = 0
WHERE id = ANY(CAST(:ids AS uuid[]))
""")

_WITHDRAW = text("""
UPDATE notifications SET state = 'superseded', state_reason = :reason, due_at = NULL, token = token + 1
WHERE incident_id = ANY(CAST(:ids AS uuid[])) AND state = 'pending' AND kind <> 'resolution' AND level <> :by_name
""")

_NOTE = text("""
INSERT INTO incident_entries (id, incident_id, at, kind, reason, actor, detail)
SELECT e.id, e.incident_id, :now, :kind, :reason, :actor, CAST(:detail AS jsonb)
FROM unnest(CAST(:entry_ids AS uuid[]), CAST(:ids AS uuid[])) AS e(id, incident_id)
""")


class AnsweringManyRows(AnsweringManyTransaction):
    """The rows of one answer to many. `hearing_kinds` gives the channels that want to hear of answers."""

    def __init__(self, connection: Connection, hearing_kinds: HearingKinds) -> None:
        self._connection = connection
        self._hearing_kinds = hearing_kinds

    def unanswered_alerts(self) -> Sequence[OpenAlert]:
        rows = self._connection.execute(_UNANSWERED).mappings()
        return [OpenAlert(**{**row, "severity": Severity(row["severity"])}) for row in rows]

    def acknowledge(
        self, incident_ids: Collection[UUID] | None, entry: Entry, until: datetime | None, now: datetime
    ) -> list[int]:
        query = _LOCK_ALL if incident_ids is None else _LOCK
        locked = self._connection.execute(query, {"ids": _array(incident_ids or ())}).all()
        if not locked:
            return []
        ids = _array(row.id for row in locked)
        answer = {"ids": ids, "actor": entry.actor, "until": until, "now": now}
        self._connection.execute(_MARK, answer)
        self._connection.execute(_STOP, answer)
        withdrawn = {"ids": ids, "reason": Reason.ACKNOWLEDGED.value, "by_name": BY_NAME}
        self._connection.execute(_WITHDRAW, withdrawn)
        self._tell(ids, entry.actor, now)
        self._note(ids, len(locked), entry, now)
        return sorted(row.number for row in locked)

    def _tell(self, ids: str, actor: str, now: datetime) -> None:
        kinds = sorted(self._hearing_kinds())
        rows = self._connection.execute(_HEARERS, {"ids": ids, "kinds": kinds}).mappings().all() if kinds else []
        if not rows:
            return
        hearers = [{**row, "id": str(uuid7()), "incident_id": str(row["incident_id"])} for row in rows]
        values = {
            "hearers": json.dumps(hearers),
            "kind": MessageKind.ACKNOWLEDGEMENT.value,
            "reason": Reason.ACKNOWLEDGED.value,
            "actor": actor,
            "now": now,
        }
        self._connection.execute(_TELL, values)

    def _note(self, ids: str, count: int, entry: Entry, now: datetime) -> None:
        values = {
            "entry_ids": _array(uuid7() for _ in range(count)),
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


def _array(ids: Iterable[object]) -> str:
    """Ids as PostgreSQL writes an array of them."""
    return f"{{{','.join(map(str, ids))}}}"
