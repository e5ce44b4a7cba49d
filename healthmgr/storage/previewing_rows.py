"""Channels, and messages composed for nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from uuid_utils.compat import uuid7

from healthmgr.domain.check import Severity
from healthmgr.domain.links import LinkMaker
from healthmgr.domain.message import Message, MessageKind
from healthmgr.domain.notification import Reason
from healthmgr.services.previewing import Draft, PreviewingTransaction, StoredChannel
from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.message_rows import compose

_CHANNEL = text("""
SELECT c.name, c.kind, c.config, c.is_enabled,
       COALESCE((
           SELECT jsonb_object_agg(r.name, r.contacts->>c.name) FROM recipients r
           WHERE r.is_enabled AND r.contacts->>c.name IS NOT NULL
       ), '{}') AS contacts
FROM channels c WHERE c.name = :name
""")

_NAMES = text("SELECT name FROM channels WHERE is_enabled ORDER BY name")

_ALERTS = text("""
SELECT id, severity, resolved_at IS NOT NULL AS is_resolved FROM alerts WHERE incident_id = :incident_id
ORDER BY opened_at, id
""")

_OPEN = text("""
SELECT id FROM incidents WHERE resolved_at IS NULL AND number <> 0 ORDER BY opened_at DESC, id DESC LIMIT :most
""")

_REASONS: Mapping[MessageKind, Reason] = {
    MessageKind.PROBLEM: Reason.FIRST,
    MessageKind.UPDATE: Reason.SOME_RESOLVED,
    MessageKind.ACKNOWLEDGEMENT: Reason.ACKNOWLEDGED,
    MessageKind.RESOLUTION: Reason.ALL_RESOLVED,
    MessageKind.DIGEST: Reason.FIRST,
}
_BEHIND_ALL = 2**62  # a position after every notification that there is


@dataclass(frozen=True, slots=True)
class _Unwritten:
    """What the row of a notification would hold."""

    id: UUID
    incident_id: UUID
    episode: int
    level: int
    round: int
    kind: str
    reason: str
    severity: str
    recipient: str
    channel: str
    address: str
    content: Mapping[str, Any]
    created_at: datetime
    actor: str = ""
    position: int = _BEHIND_ALL


class PreviewingRows(PreviewingTransaction):
    """Channels and incidents within one transaction of previewing."""

    def __init__(self, connection: Connection, links: LinkMaker) -> None:
        self._connection = connection
        self._links = links

    def channel(self, name: str) -> StoredChannel | None:
        row = self._connection.execute(_CHANNEL, {"name": name}).one_or_none()
        return StoredChannel(row.name, row.kind, row.config, row.is_enabled, row.contacts) if row else None

    def channel_names(self) -> list[str]:
        return list(self._connection.execute(_NAMES).scalars())

    def compose(self, draft: Draft, now: datetime) -> Message:
        alerts = self._connection.execute(_ALERTS, {"incident_id": draft.incident_id}).all()
        is_over = draft.kind is MessageKind.RESOLUTION
        firing = [str(alert.id) for alert in alerts if not alert.is_resolved]
        resolved = [str(alert.id) for alert in alerts if alert.is_resolved]
        unwritten = _Unwritten(
            id=uuid7(),
            incident_id=draft.incident_id,
            episode=1,
            level=0,
            round=0,
            kind=draft.kind.value,
            reason=_REASONS[draft.kind].value,
            severity=min((Severity(alert.severity) for alert in alerts), key=lambda severity: severity.rank).value,
            recipient=draft.recipient,
            channel=draft.channel,
            address="",
            content={"firing": [], "resolved": firing + resolved} if is_over else {"firing": firing or resolved},
            created_at=now,
        )
        return compose(self._connection, unwritten, 1, (), self._links, now)

    def open_incidents(self, most: int) -> list[UUID]:
        return list(self._connection.execute(_OPEN, {"most": most}).scalars())

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        write_audit(self._connection, actor, origin, action, target, detail, now)
