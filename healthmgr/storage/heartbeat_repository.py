"""Pings as rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from healthmgr.domain.result import Cause
from healthmgr.services.pinging import Pinged
from healthmgr.storage.tables import check_schedules, checks, heartbeats


class HeartbeatRepository:
    """Satisfies `services.pinging.PingStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, check: UUID | str) -> Pinged | None:
        """The enabled check of this id or slug, of whatever kind."""
        is_it = checks.c.id == check if isinstance(check, UUID) else checks.c.slug == check
        with self._engine.connect() as connection:
            row = connection.execute(
                select(checks.c.id, checks.c.slug, checks.c.kind).where(is_it, checks.c.is_enabled)
            ).one_or_none()
        return Pinged(row.id, row.slug, row.kind) if row else None

    def record(self, check_id: UUID, kind: str, detail: str, now: datetime) -> None:
        """Keep a sign of life and make the check due now, in one commit."""
        with self._engine.begin() as connection:
            _put(connection, check_id, now, {"last_ping_at": now, "last_kind": kind, "last_detail": detail})
            # A probe that is due already will see this ping; its own cause and slot are kept.
            connection.execute(
                update(check_schedules)
                .where(check_schedules.c.check_id == check_id, check_schedules.c.next_due_at > now)
                .values(next_due_at=now, cause=Cause.PING.value)
            )

    def note(self, check_id: UUID, detail: str, now: datetime) -> None:
        """Keep the detail of a `log`, which is no sign of life, in one commit."""
        with self._engine.begin() as connection:
            _put(connection, check_id, now, {"last_detail": detail})


def _put(connection: Connection, check_id: UUID, now: datetime, values: dict[str, Any]) -> None:
    statement = upsert(heartbeats).values(check_id=check_id, armed_at=now, ping_count=1, **values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["check_id"], set_={**values, "ping_count": heartbeats.c.ping_count + 1}
        )
    )
