"""What a mute hits: open alerts, and what waits to be sent of them; and the changes that go with every mute."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from healthmgr.domain.alert import check_labels
from healthmgr.domain.check import Severity
from healthmgr.domain.hits import OpenAlert
from healthmgr.domain.incident import all_labels
from healthmgr.domain.muting import Subject
from healthmgr.domain.timeline import Entry
from healthmgr.services.silencing import HittingTransaction
from healthmgr.storage import muting_rows
from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.timeline_rows import note

_OPEN = text("""
SELECT a.id, COALESCE(c.slug, a.name) AS name, a.severity, a.summary, a.opened_at, a.origin, a.labels, a.check_id,
       a.incident_id, i.number AS incident_number, a.suppressed_by_id IS NOT NULL AS is_suppressed
FROM alerts a LEFT JOIN checks c ON c.id = a.check_id LEFT JOIN incidents i ON i.id = a.incident_id
WHERE a.resolved_at IS NULL AND a.origin <> 'synthetic' ORDER BY a.opened_at, a.id
""")

_CHECKS = text("SELECT id, slug, service, category, severity, labels FROM checks WHERE is_enabled ORDER BY slug")

# As judged when they are about to be sent: held where all that still fires is hit.
_WAITING = text("""
SELECT count(*) FROM notifications n
WHERE n.state = 'pending'
  AND EXISTS (
    SELECT 1 FROM jsonb_array_elements_text(n.content->'firing') AS told(id) WHERE told.id = ANY(:ids)
  )
  AND NOT EXISTS (
    SELECT 1 FROM jsonb_array_elements_text(n.content->'firing') AS told(id)
    JOIN alerts a ON a.id = CAST(told.id AS uuid)
    WHERE a.resolved_at IS NULL AND NOT told.id = ANY(:ids)
  )
""").bindparams(bindparam("ids", type_=ARRAY(Text)))


class HitRows(HittingTransaction):
    """The rows that every change of a mute has to do with."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def open_alerts(self) -> Sequence[OpenAlert]:
        rows = self._connection.execute(_OPEN).mappings()
        return [OpenAlert(**{**row, "severity": Severity(row["severity"])}) for row in rows]

    def checks(self) -> Mapping[str, Subject]:
        return {
            row.slug: Subject(
                row.id,
                all_labels(
                    check_labels(row.slug, row.service, row.category, row.labels), Severity(row.severity), "healthmgr"
                ),
                row.id,
            )
            for row in self._connection.execute(_CHECKS)
        }

    def waiting(self, alert_ids: Collection[UUID]) -> int:
        if not alert_ids:
            return 0
        ids = [str(alert_id) for alert_id in alert_ids]
        count: int = self._connection.execute(_WAITING, {"ids": ids}).scalar_one()
        return count

    def reconsider(self, now: datetime) -> None:
        muting_rows.reconsider(self._connection, now)

    def note(self, incident_id: UUID, entry: Entry, now: datetime, *, once: bool = False) -> None:
        note(self._connection, incident_id, entry, now, once=once)

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        write_audit(self._connection, actor, origin, action, target, detail, now)
