"""Maintenance windows as rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text

from healthmgr.domain.maintenance import from_document
from healthmgr.domain.maintenance_window import MaintenanceWindow
from healthmgr.domain.matcher import Matcher
from healthmgr.services.maintaining import MaintainingTransaction
from healthmgr.storage.hit_rows import HitRows
from healthmgr.storage.muting_rows import covered, to_matchers
from healthmgr.storage.tables import maintenance_windows

# What somebody else has defined meanwhile is left as it is.
_STORE = text("""
INSERT INTO maintenance_windows (name, matchers, "window", covers_dependents, comment, created_by, is_enabled,
                                 managed_by, updated_at, ended_at)
VALUES (:name, :matchers, :window, :covers_dependents, :comment, :created_by, :is_enabled, :managed_by, :updated_at,
        :ended_at)
ON CONFLICT (name) DO UPDATE SET
    matchers = EXCLUDED.matchers, "window" = EXCLUDED."window", covers_dependents = EXCLUDED.covers_dependents,
    comment = EXCLUDED.comment, created_by = EXCLUDED.created_by, is_enabled = EXCLUDED.is_enabled,
    managed_by = EXCLUDED.managed_by, updated_at = EXCLUDED.updated_at, ended_at = EXCLUDED.ended_at
WHERE maintenance_windows.managed_by = EXCLUDED.managed_by OR NOT maintenance_windows.is_enabled
""")


class MaintainingRows(HitRows, MaintainingTransaction):
    """The rows of one transaction about maintenance windows."""

    def window(self, name: str, *, will_change: bool = False) -> MaintenanceWindow | None:
        query = select(maintenance_windows).where(maintenance_windows.c.name == name)
        row = self._connection.execute(query.with_for_update() if will_change else query).one_or_none()
        return _to_window(row) if row else None

    def windows(self) -> Sequence[MaintenanceWindow]:
        table = maintenance_windows
        query = select(table).where(table.c.is_enabled).order_by(table.c.name)
        return [_to_window(row) for row in self._connection.execute(query)]

    def store(self, window: MaintenanceWindow) -> bool:
        values = {
            "name": window.name,
            "matchers": json.dumps([matcher.to_document() for matcher in window.matchers]),
            "window": json.dumps(window.window.to_document()),
            "covers_dependents": window.covers_dependents,
            "comment": window.comment,
            "created_by": window.created_by,
            "is_enabled": window.is_enabled,
            "managed_by": window.managed_by,
            "updated_at": window.updated_at,
            "ended_at": window.ended_at,
        }
        return self._connection.execute(_STORE, values).rowcount == 1

    def delete(self, name: str) -> None:
        self._connection.execute(delete(maintenance_windows).where(maintenance_windows.c.name == name))

    def covered(self, matchers: Sequence[Matcher]) -> Collection[UUID]:
        return covered(self._connection, matchers)


def _to_window(row: Any) -> MaintenanceWindow:
    return MaintenanceWindow(
        **{**row._mapping, "matchers": to_matchers(row.matchers), "window": from_document(row.window)}
    )
