"""The status page and the announcements as rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, insert, or_, select, tuple_, update
from uuid_utils.compat import uuid7

from healthmgr.domain.announcement import Announcement, Impact, Kind, State, Update
from healthmgr.domain.status_page import StatusPage
from healthmgr.services.announcing import AnnouncingTransaction
from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.tables import announcement_updates, announcements, status_pages


class AnnouncingRows(AnnouncingTransaction):
    """The rows of one transaction about announcements."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self) -> StatusPage | None:
        return read_page(self._connection)

    def announcement(self, number: int, *, will_change: bool = False) -> Announcement | None:
        query = select(announcements).where(announcements.c.number == number)
        rows = self._connection.execute(query.with_for_update() if will_change else query).all()
        return next(iter(self._whole(rows)), None)

    def announcements(
        self, since: datetime | None, limit: int, before: tuple[datetime, int] | None = None
    ) -> Sequence[Announcement]:
        table = announcements.c
        query = select(announcements).order_by(table.starts_at.desc(), table.number.desc()).limit(limit)
        if since is not None:
            is_open = table.closed_at.is_(None) & table.ends_at.is_(None)
            query = query.where(
                or_(is_open, table.closed_at >= since, table.ends_at >= since, table.starts_at >= since)
            )
        if before is not None:
            query = query.where(tuple_(table.starts_at, table.number) < before)
        return self._whole(self._connection.execute(query).all())

    def add(self, announcement: Announcement) -> int:
        values = {
            "id": announcement.id,
            "kind": announcement.kind.value,
            "title": announcement.title,
            "impact": announcement.impact.value,
            "groups": list(announcement.groups),
            "state": announcement.state.value,
            "starts_at": announcement.starts_at,
            "ends_at": announcement.ends_at,
            "created_at": announcement.created_at,
            "created_by": announcement.created_by,
            "closed_at": announcement.closed_at,
        }
        added = self._connection.execute(insert(announcements).values(**values).returning(announcements.c.number))
        number: int = added.scalar_one()
        for one in announcement.updates:
            self._say(announcement.id, one)
        return number

    def update(self, announcement: Announcement, update: Update) -> None:
        self._say(announcement.id, update)
        self._connection.execute(_change(announcement))

    def remove(self, announcement_id: UUID) -> None:
        self._connection.execute(delete(announcements).where(announcements.c.id == announcement_id))

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        write_audit(self._connection, actor, origin, action, target, detail, now)

    def _say(self, announcement_id: UUID, said: Update) -> None:
        values = {"at": said.at, "state": said.state.value, "message": said.message, "author": said.author}
        row = {"id": uuid7(), "announcement_id": announcement_id, **values}
        self._connection.execute(insert(announcement_updates).values(**row))

    def _whole(self, rows: Sequence[Any]) -> list[Announcement]:
        table = announcement_updates.c
        query = select(announcement_updates).where(table.announcement_id.in_([row.id for row in rows]))
        said: dict[UUID, list[Update]] = {row.id: [] for row in rows}
        for one in self._connection.execute(query.order_by(table.at, table.id)) if rows else ():
            said[one.announcement_id].append(Update(one.at, State(one.state), one.message, one.author))
        return [_to_announcement(row, said[row.id]) for row in rows]


def read_page(connection: Connection) -> StatusPage | None:
    """The status page as it is defined; None where none is."""
    document = connection.execute(select(status_pages.c.document)).scalar()
    return StatusPage.from_document(document) if document is not None else None


def _change(announcement: Announcement) -> Any:
    changed = {"state": announcement.state.value, "closed_at": announcement.closed_at}
    return update(announcements).where(announcements.c.id == announcement.id).values(**changed)


def _to_announcement(row: Any, updates: Sequence[Update]) -> Announcement:
    known = {
        **row._mapping,
        "kind": Kind(row.kind),
        "impact": Impact(row.impact),
        "state": State(row.state),
        "groups": tuple(row.groups),
    }
    return Announcement(**known, updates=tuple(updates))
