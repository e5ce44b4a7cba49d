"""Pings as rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from healthmgr.domain.heartbeat import Heartbeat, Ping, take
from healthmgr.domain.result import Cause
from healthmgr.services.pinging import Pinged
from healthmgr.storage.responding_rows import write_audit
from healthmgr.storage.tables import check_schedules, checks, heartbeats

# Whoever writes a heartbeat locks its schedule first. So no claim comes between reading the sequence and
# keeping the ping: a claim with a higher number has seen what is kept here.
_LOCK = text("""
SELECT s.sequence, c.slug, c.is_paused, c.config, h.*
FROM check_schedules s
JOIN checks c ON c.id = s.check_id
LEFT JOIN heartbeats h ON h.check_id = s.check_id
WHERE s.check_id = :id
FOR UPDATE OF s
""")


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

    def record(self, check_id: UUID, ping: Ping) -> None:
        """Keep a sign of life and make the check due now, in one commit; a paused one is watched again."""
        with self._engine.begin() as connection:
            row = connection.execute(_LOCK, {"id": check_id}).mappings().one_or_none()
            if row is None:
                return  # taken away since it was found
            resumes = row["is_paused"] and not row["config"].get("manual_resume", False)
            known = take(_to_heartbeat(row, ping.at), ping, resumes=resumes)
            _put(connection, check_id, ping.at, _to_values(known, ping, row))
            if resumes:
                _resume(connection, check_id, row["slug"], ping)
            # A probe that is due already will see this ping; its own cause and slot are kept.
            connection.execute(
                update(check_schedules)
                .where(check_schedules.c.check_id == check_id, check_schedules.c.next_due_at > ping.at)
                .values(next_due_at=ping.at, cause=Cause.PING.value)
            )

    def note(self, check_id: UUID, detail: str, now: datetime) -> None:
        """Keep the detail of a `log`, which is no sign of life, in one commit."""
        with self._engine.begin() as connection:
            _put(connection, check_id, now, {"last_detail": detail})


def _to_heartbeat(row: Any, now: datetime) -> Heartbeat:
    failure = None
    if row["failed_at"] is not None:
        failure = Ping(row["failed_kind"], row["failed_at"], row["failed_detail"])
    return Heartbeat(
        armed_at=row["armed_at"] or now,
        last_success_at=row["last_success_at"],
        started_at=row["started_at"],
        run_id=row["run_id"],
        run_time=row["run_time"],
        failure=failure,
        is_failing=bool(row["is_failing"]),
        is_paused=row["is_paused"],
    )


def _to_values(known: Heartbeat, ping: Ping, before: Any) -> dict[str, Any]:
    failure = known.failure
    return {
        "armed_at": known.armed_at,
        "last_ping_at": ping.at,
        "last_kind": ping.kind,
        "last_detail": ping.detail,
        "last_success_at": known.last_success_at,
        "started_at": known.started_at,
        "run_id": known.run_id,
        "run_time": known.run_time,
        "failed_at": failure.at if failure else None,
        "failed_kind": failure.kind if failure else None,
        "failed_detail": failure.detail if failure else "",
        "failed_sequence": before["sequence"] if failure is ping else before["failed_sequence"],
        "is_failing": known.is_failing,
    }


def _put(connection: Connection, check_id: UUID, now: datetime, values: dict[str, Any]) -> None:
    statement = upsert(heartbeats).values({"armed_at": now, **values, "check_id": check_id, "ping_count": 1})
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["check_id"], set_={**values, "ping_count": heartbeats.c.ping_count + 1}
        )
    )


def _resume(connection: Connection, check_id: UUID, slug: str, ping: Ping) -> None:
    """A paused job that pings is running again: whoever paused it need not remember to resume it."""
    connection.execute(update(checks).where(checks.c.id == check_id).values(is_paused=False, updated_at=ping.at))
    connection.execute(
        update(check_schedules)
        .where(check_schedules.c.check_id == checks.c.id, checks.c.id == check_id)
        .values(is_active=checks.c.is_enabled, lease_until=None)
    )
    write_audit(connection, "ping", "system", "check.resume", slug, {"kind": ping.kind}, ping.at)
