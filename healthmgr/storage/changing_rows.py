"""Changes as rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from uuid_utils.compat import uuid7

from healthmgr.domain.cause import Changed, KeptChange
from healthmgr.services.changing import ChangingTransaction
from healthmgr.storage.audit_rows import write_audit

_ADD = text("""
INSERT INTO changes (id, at, service, title, version, changed_by, link, source, reported_at)
VALUES (:id, :at, :service, :title, :version, :by, :link, :source, :now)
""")
_COLUMNS = "id, at, service, title, version, changed_by, link, source, reported_at"
_GET = text(f"SELECT {_COLUMNS} FROM changes WHERE id = :id")  # noqa: S608 - composed of constants alone
_FIND = text(f"""
SELECT {_COLUMNS} FROM changes
WHERE at >= :since AND (:service = '' OR service = :service) ORDER BY at DESC, id DESC LIMIT :limit
""")  # noqa: S608 - composed of constants alone
_FORGET = text("DELETE FROM changes WHERE at < :before")


class ChangingRows(ChangingTransaction):
    """Changes within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, changed: Changed, source: str, now: datetime) -> UUID:
        change_id = UUID(str(uuid7()))
        values = {name: getattr(changed, name) for name in ("at", "service", "title", "version", "by", "link")}
        self._connection.execute(_ADD, values | {"id": change_id, "source": source, "now": now})
        return change_id

    def find(self, service: str, since: datetime, limit: int) -> list[KeptChange]:
        return read_changes(self._connection, service, since, limit)

    def get(self, change_id: UUID) -> KeptChange | None:
        row = self._connection.execute(_GET, {"id": change_id}).one_or_none()
        return _kept(row) if row else None

    def forget(self, before: datetime) -> int:
        return self._connection.execute(_FORGET, {"before": before}).rowcount

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        write_audit(self._connection, actor, origin, action, target, detail, now)


def read_changes(connection: Connection, service: str, since: datetime, limit: int) -> list[KeptChange]:
    """The latest changes first, of one service or of all ("")."""
    rows = connection.execute(_FIND, {"service": service, "since": since, "limit": limit})
    return [_kept(row) for row in rows]


def _kept(row: Any) -> KeptChange:
    changed = Changed(row.service, row.title, row.at, row.version, row.changed_by, row.link)
    return KeptChange(row.id, changed, row.source, row.reported_at)
