"""Pings as rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Connection,
    Engine,
    Interval,
    RowMapping,
    Text,
    Uuid,
    bindparam,
    select,
    text,
    update,
)

from healthmgr.domain.heartbeat import LOG, Heartbeat, Ping, take
from healthmgr.services.pinging import Kept, Pinged
from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.tables import check_schedules, checks
from healthmgr.storage.tables.base import Instant
from healthmgr.storage.transactions import transaction

# Whoever writes a heartbeat locks its schedule first. So no claim comes between reading the sequence and
# keeping the ping: a claim with a higher number has seen what is kept here. In one order, so that two
# processes with the same checks in hand never wait for each other.
_LOCK = text("""
SELECT check_id FROM check_schedules WHERE check_id = ANY(:ids) ORDER BY check_id FOR UPDATE
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

# A statement of its own: one that waits for a lock still sees what the others knew before it waited.
_READ = text("""
SELECT s.sequence, c.slug, c.is_paused, c.config, h.*, s.check_id
FROM check_schedules s
JOIN checks c ON c.id = s.check_id
LEFT JOIN heartbeats h ON h.check_id = s.check_id
WHERE s.check_id = ANY(:ids)
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

_COLUMNS: dict[str, Any] = {
    "armed_at": Instant, "last_ping_at": Instant, "last_kind": Text, "last_detail": Text, "last_success_at": Instant,
    "started_at": Instant, "run_id": Uuid, "run_time": Interval, "failed_at": Instant, "failed_kind": Text,
    "failed_detail": Text, "failed_sequence": BigInteger, "is_failing": Boolean,
}  # fmt: skip
_ARRAYS: dict[str, Any] = {"check_id": Uuid, "ping_count": BigInteger, "is_sign": Boolean, **_COLUMNS}

# One statement, for a ping costs the job that sends it its time. A probe that is due already will see the ping;
# its own cause and slot are kept.
_KEEP = text(f"""
WITH kept AS (SELECT * FROM unnest({", ".join(f":{name}" for name in _ARRAYS)}) AS k({", ".join(_ARRAYS)})),
due AS (
    UPDATE check_schedules s SET next_due_at = kept.last_ping_at, cause = 'ping'
    FROM kept WHERE s.check_id = kept.check_id AND kept.is_sign AND s.next_due_at > kept.last_ping_at
)
INSERT INTO heartbeats AS h (check_id, ping_count, {", ".join(_COLUMNS)})
SELECT check_id, ping_count, {", ".join(_COLUMNS)} FROM kept
ON CONFLICT (check_id) DO UPDATE SET ping_count = h.ping_count + EXCLUDED.ping_count,
    {", ".join(f"{name} = EXCLUDED.{name}" for name in _COLUMNS)}
""").bindparams(  # noqa: S608 - composed of constants alone
    *(bindparam(name, type_=ARRAY(type_)) for name, type_ in _ARRAYS.items())
)


class HeartbeatRepository:
    """Satisfies `services.pinging.PingStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, wanted: Iterable[UUID | str]) -> list[Pinged]:
        """The enabled checks of these ids or slugs, of whatever kind."""
        names = set(wanted)
        is_one = checks.c.slug.in_([name for name in names if isinstance(name, str)]) | checks.c.id.in_(
            [name for name in names if isinstance(name, UUID)]
        )
        query = select(checks.c.id, checks.c.slug, checks.c.kind).where(is_one, checks.c.is_enabled)
        with transaction(self._engine) as connection:
            return [Pinged(row.id, row.slug, row.kind) for row in connection.execute(query)]

    def keep(self, pings: Sequence[Kept]) -> None:
        """Keep signs of life, in their order, and make their checks due now, in one commit."""
        ids = sorted({kept.check_id for kept in pings})
        with transaction(self._engine) as connection:
            connection.execute(_LOCK, {"ids": ids})
            rows = connection.execute(_READ, {"ids": ids}).mappings()
            jobs = {row["check_id"]: _Job(row) for row in rows}
            for kept in pings:
                if kept.check_id in jobs:  # else it was taken away since it was found
                    jobs[kept.check_id].take(connection, kept.ping)
            if jobs:
                values = [job.values() for job in jobs.values()]
                connection.execute(_KEEP, {name: [row[name] for row in values] for name in _ARRAYS})


class _Job:
    """One heartbeat while pings are added to it."""

    def __init__(self, row: RowMapping) -> None:
        self._row = row
        self._known: Heartbeat | None = None
        self._ping: Ping | None = None
        self._detail: str = row["last_detail"] or ""
        self._count = 0
        self._armed_at = row["armed_at"]
        self._failed_sequence = row["failed_sequence"]

    def take(self, connection: Connection, ping: Ping) -> None:
        """Add a ping; a paused job is watched again, unless a person wants to see to that."""
        self._count += 1
        self._detail = ping.detail
        self._armed_at = self._armed_at or ping.at
        if ping.kind == LOG:
            return
        known = self._known or _to_heartbeat(self._row, self._armed_at)
        resumes = known.is_paused and not self._row["config"].get("manual_resume", False)
        if resumes:
            _resume(connection, self._row["check_id"], self._row["slug"], ping)
        self._known = replace(take(known, ping, resumes=resumes), is_paused=known.is_paused and not resumes)
        self._ping = ping
        if self._known.failure is ping:
            self._failed_sequence = self._row["sequence"]

    def values(self) -> dict[str, Any]:
        """The row as it is to be."""
        known, ping, row = self._known, self._ping, self._row
        said = {"check_id": row["check_id"], "ping_count": self._count, "last_detail": self._detail}
        if known is None or ping is None:
            kept = {name: row[name] for name in _COLUMNS}
            blank = {"armed_at": self._armed_at, "failed_detail": kept["failed_detail"] or ""}
            return kept | blank | {"is_failing": bool(kept["is_failing"]), "is_sign": False} | said
        failure = known.failure
        return said | {
            "is_sign": True,
            "armed_at": known.armed_at,
            "last_ping_at": ping.at,
            "last_kind": ping.kind,
            "last_success_at": known.last_success_at,
            "started_at": known.started_at,
            "run_id": known.run_id,
            "run_time": known.run_time,
            "failed_at": failure.at if failure else None,
            "failed_kind": failure.kind if failure else None,
            "failed_detail": failure.detail if failure else "",
            "failed_sequence": self._failed_sequence,
            "is_failing": known.is_failing,
        }


def _to_heartbeat(row: RowMapping, armed_at: Any) -> Heartbeat:
    failure = None
    if row["failed_at"] is not None:
        failure = Ping(row["failed_kind"], row["failed_at"], row["failed_detail"])
    return Heartbeat(
        armed_at=armed_at,
        last_success_at=row["last_success_at"],
        started_at=row["started_at"],
        run_id=row["run_id"],
        run_time=row["run_time"],
        failure=failure,
        is_failing=bool(row["is_failing"]),
        is_paused=row["is_paused"],
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
