"""The ledger as providers' reports change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from healthmgr.domain.dispatch import Due
from healthmgr.domain.message import MessageKind
from healthmgr.domain.timeline import Entry
from healthmgr.services.reporting import Report, Reported, ReportingTransaction
from healthmgr.storage.falling_back_rows import fall_back, hurry_next_round
from healthmgr.storage.timeline_rows import note

# By the provider's name for it; where our record is not there yet, by the attempt that is under way.
_FIND = text("""
SELECT id, notification_id FROM deliveries WHERE provider_id = :provider_id
UNION ALL
SELECT id, notification_id FROM deliveries
WHERE notification_id = CAST(:notification_id AS uuid) AND outcome = 'started' AND provider_id = ''
LIMIT 1
""")

# A problem is worth telling another way while its incident is open and in nobody's hands.
_LOCK = text("""
SELECT d.id AS delivery_id, n.id AS notification_id, n.incident_id, n.kind, n.recipient, n.channel, d.attempt, n.state,
       d.reported AS known, d.attempt = n.attempts AS is_latest,
       n.kind = 'resolution' OR (i.resolved_at IS NULL AND i.acknowledged_at IS NULL AND i.episode = n.episode)
           AS is_wanted
FROM deliveries d JOIN notifications n ON n.id = d.notification_id JOIN incidents i ON i.id = n.incident_id
WHERE d.id = :id FOR UPDATE OF n
""")

_NOTE = text("UPDATE deliveries SET reported = :words, reported_at = :now WHERE id = :id")

# The token moves: whoever is still sending it finds that its fate is known.
_FAIL = text("""
UPDATE notifications SET
    state = 'failed', state_reason = :reason, due_at = NULL, lease_until = NULL, token = token + 1,
    armed_until = NULL, arm_count = 0
WHERE id = :id OR (bundle_id = :id AND state IN ('sent', 'sending'))
""")

_BUNDLED = text("SELECT id FROM notifications WHERE bundle_id = :id AND id <> :id ORDER BY position")

_CONFIGS = text("SELECT config FROM channels WHERE kind = :kind AND is_enabled ORDER BY name")

_CONTACTS = text("""
SELECT r.name, contact.value FROM recipients r, jsonb_each_text(r.contacts) AS contact
JOIN channels c ON c.name = contact.key AND c.is_enabled
WHERE r.is_enabled AND c.kind = :kind ORDER BY r.name
""")


class ReportingRows(ReportingTransaction):
    """The rows of one report."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, report: Report) -> Reported | None:
        values = {"provider_id": report.provider_id, "notification_id": report.notification_id}
        found = self._connection.execute(_FIND, values).one_or_none()
        if found is None:
            return None
        row = self._connection.execute(_LOCK, {"id": found.id}).one()
        return Reported(**{**row._mapping, "kind": MessageKind(row.kind)})

    def note_report(self, reported: Reported, words: str, now: datetime) -> None:
        self._connection.execute(_NOTE, {"id": reported.delivery_id, "words": words[:300], "now": now})

    def fail(self, reported: Reported, reason: str) -> None:
        self._connection.execute(_FAIL, {"id": reported.notification_id, "reason": reason})

    def fall_back(self, reported: Reported, now: datetime) -> list[Due]:
        bundle = self._connection.execute(_BUNDLED, {"id": reported.notification_id}).scalars()
        return fall_back(self._connection, reported.incident_id, [reported.notification_id, *bundle], now)

    def hurry_next_round(self, reported: Reported, at: datetime, now: datetime) -> None:
        hurry_next_round(self._connection, reported.incident_id, reported.notification_id, at, now)

    def note(self, incident_id: UUID, entry: Entry, now: datetime, *, once: bool = False) -> None:
        note(self._connection, incident_id, entry, now, once=once)

    def configs(self, kind: str) -> Sequence[Mapping[str, Any]]:
        return list(self._connection.execute(_CONFIGS, {"kind": kind}).scalars())

    def contacts(self, kind: str) -> Sequence[tuple[str, str]]:
        return [(row.name, row.value) for row in self._connection.execute(_CONTACTS, {"kind": kind})]
