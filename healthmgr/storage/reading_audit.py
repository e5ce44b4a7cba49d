"""What people and programs did, read from the audit log."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine, select, tuple_

from healthmgr.storage.paging import bounded, instant, page, seal, unseal
from healthmgr.storage.tables import audit_entries
from healthmgr.views import Page
from healthmgr.views_audit import AuditView


class AuditReading:
    """Questions to the audit log."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def entries(
        self,
        *,
        actor: str | None = None,
        action: str | None = None,
        target: str | None = None,
        search: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[AuditView]:
        """Newest first. `action` fits what begins so ("incident", "incident.resolve"); `search` any of the three.

        `since` is the first moment of which entries are listed, `until` the first one after them.
        """
        table = audit_entries.c
        query = select(audit_entries).order_by(table.at.desc(), table.id.desc()).limit(bounded(limit) + 1)
        if actor:
            query = query.where(table.actor == actor)
        if target:
            query = query.where(table.target == target)
        if action:
            query = query.where(table.action.startswith(action, autoescape=True))
        if search:
            found = [column.icontains(search, autoescape=True) for column in (table.actor, table.action, table.target)]
            query = query.where(found[0] | found[1] | found[2])
        if since:
            query = query.where(table.at >= since)
        if until:
            query = query.where(table.at < until)
        if cursor:
            query = query.where(tuple_(table.at, table.id) < unseal(cursor, instant, UUID))
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return page(rows, limit, AuditView.model_validate, lambda row: seal(row["at"], row["id"]))
