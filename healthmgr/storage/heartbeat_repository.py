"""Pings as rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, select, text, update

from healthmgr.domain.heartbeat import Heartbeat, Ping, take
from healthmgr.services.pinging import Pinged
from healthmgr.storage.responding_rows import write_audit
from healthmgr.storage.tables import check_schedules, checks

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

_COLUMNS = (
    "armed_at", "last_ping_at", "last_kind", "last_detail", "last_success_at", "started_at", "run_id", "run_time",
    "failed_at", "failed_kind", "failed_detail", "failed_sequence", "is_failing",
)  # fmt: skip

# One statement, for a ping costs the job that sends it its time. A probe that is due already will see the ping;
# its own cause and slot are kept.
_KEEP = text(f"""
WITH due AS (
    UPDATE check_schedules SET next_due_at = :last_ping_at, cause = 'ping'
    WHERE check_id = :id AND next_due_at > :last_ping_at
)
INSERT INTO heartbeats AS h (check_id, ping_count, {", ".join(_COLUMNS)})
VALUES (:id, 1, {", ".join(f":{name}" for name in _COLUMNS)})
ON CONFLICT (check_id) DO UPDATE SET ping_count = h.ping_count + 1,
    {", ".join(f"{name} = EXCLUDED.{name}" for name in _COLUMNS)}
""")  # noqa: S608 - composed of constants alone

_NOTE = text("""
INSERT INTO heartbeats AS h (check_id, armed_at, ping_count, last_detail) VALUES (:id, :now, 1, :detail)
ON CONFLICT (check_id) DO UPDATE SET ping_count = h.ping_count + 1, last_detail = EXCLUDED.last_detail
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
            if resumes:
                _resume(connection, check_id, row["slug"], ping)
            connection.execute(_KEEP, {"id": check_id, **_to_values(known, ping, row)})

    def note(self, check_id: UUID, detail: str, now: datetime) -> None:
        """Keep the detail of a `log`, which is no sign of life, in one commit."""
        with self._engine.begin() as connection:
            connection.execute(_NOTE, {"id": check_id, "now": now, "detail": detail})


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


def _resume(connection: Connection, check_id: UUID, slug: str, ping: Ping) -> None:
    """A paused job that pings is running again: whoever paused it need not remember to resume it."""
    connection.execute(update(checks).where(checks.c.id == check_id).values(is_paused=False, updated_at=ping.at))
    connection.execute(
        update(check_schedules)
        .where(check_schedules.c.check_id == checks.c.id, checks.c.id == check_id)
        .values(is_active=checks.c.is_enabled, lease_until=None)
    )
    write_audit(connection, "ping", "system", "check.resume", slug, {"kind": ping.kind}, ping.at)
