"""Definitions in PostgreSQL: read whole, written as sets, one apply at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine, Table, Uuid, bindparam, delete, func, null, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from uuid_utils.compat import uuid7

from healthmgr.definitions.definition import Snapshot
from healthmgr.errors import Unavailable
from healthmgr.services.defining_ports import CheckChange, DefinitionSession
from healthmgr.storage.alert_rows import close_alerts_of
from healthmgr.storage.definition_rows import TABLES, check_row, read_snapshot, section_row
from healthmgr.storage.dependency_rows import drop_circles
from healthmgr.storage.muting_rows import reconsider
from healthmgr.storage.tables import (
    audit_entries,
    check_dependencies,
    check_schedules,
    check_states,
    checks,
    heartbeats,
)
from healthmgr.storage.transactions import transaction

T = TypeVar("T")

_APPLY_LOCK = 0x64656669  # "defi": one apply at a time
_ATTEMPTS = 4
_TRY_AGAIN = ("40001", "40P01")  # serialisation failure, deadlock
_FIRST_STATE: Mapping[str, Any] = {
    "status": "unknown",
    "is_hard": True,
    "attempt": 1,
    "hard_status": "unknown",
    "successes": 0,
    "flapping_bits": 0,
    "is_flapping": False,
}

_HOLD = text("SELECT 1 FROM check_states WHERE check_id = ANY(:ids) ORDER BY check_id FOR UPDATE")

_UNLINK = text("DELETE FROM check_dependencies WHERE check_id = ANY(:ids)")
# What people accepted stays, unless it is defined now.
_UNDEFINE = text("DELETE FROM check_dependencies WHERE check_id = ANY(:ids) AND accepted_by = ''")

# Whatever is under way for a retired check is outdated from here on: its sequence number counts as evaluated.
_RETIRE = (
    text(
        """UPDATE check_states s SET last_sequence = GREATEST(s.last_sequence, c.sequence)
           FROM check_schedules c WHERE c.check_id = s.check_id AND s.check_id = ANY(:ids)"""
    ),
    text("UPDATE check_schedules SET is_active = false, lease_until = NULL WHERE check_id = ANY(:ids)"),
    _UNLINK,
)
_DISABLE = text("UPDATE checks SET is_enabled = false, updated_at = :now WHERE id = ANY(:ids)")
_IDS = bindparam("ids", type_=ARRAY(Uuid))


class DefinitionRepository:
    """The definitions of one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def snapshot(self) -> Snapshot:
        """Everything that is stored."""
        with transaction(self._engine) as connection:
            return read_snapshot(connection)

    def transact(self, work: Callable[[DefinitionSession], T]) -> T:
        """Do the work in one transaction, one at a time over all processes; again after a deadlock."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with transaction(self._engine) as connection:
                    connection.execute(select(func.pg_advisory_xact_lock(_APPLY_LOCK)))
                    return work(_Session(connection))
            except Unavailable as error:
                code = getattr(getattr(error.__cause__, "orig", None), "pgcode", None)
                if attempt == _ATTEMPTS or code not in _TRY_AGAIN:
                    raise
        raise AssertionError("unreachable")


class _Session:
    """One transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def snapshot(self) -> Snapshot:
        return read_snapshot(self._connection)

    def save(self, section: str, items: Sequence[Any], source: str, now: datetime) -> None:
        table = TABLES[section]
        mark = {"managed_by": source, "updated_at": now}
        if "is_enabled" in table.c:
            mark["is_enabled"] = True
        self._upsert(table, "name", [{**section_row(item), **mark} for item in items])

    def drop(self, section: str, names: Sequence[str], now: datetime) -> None:
        table = TABLES[section]
        chosen = table.c.name.in_(names)
        if "is_enabled" in table.c:
            self._connection.execute(update(table).where(chosen).values(is_enabled=False, updated_at=now))
        else:
            self._connection.execute(delete(table).where(chosen))

    def reconsider(self, now: datetime) -> None:
        reconsider(self._connection, now)

    def hold(self, check_ids: Sequence[UUID]) -> None:
        self._connection.execute(_HOLD.bindparams(_IDS), {"ids": list(check_ids)})

    def save_checks(self, changes: Sequence[CheckChange], source: str, now: datetime) -> None:
        rows = [{**check_row(c), "managed_by": source, "created_at": now, "updated_at": now} for c in changes]
        self._upsert(checks, "id", rows, but=("created_at", "slug"))
        self._save_states([change.id for change in changes if change.begins])
        self._save_schedules(changes)
        self._arm_heartbeats(changes, now)
        self._save_dependencies(changes)

    def retire(self, check_ids: Sequence[UUID], *, resolution: str, now: datetime) -> None:
        ids = list(check_ids)
        for statement in _RETIRE:
            self._connection.execute(statement.bindparams(_IDS), {"ids": ids})
        self._connection.execute(_DISABLE.bindparams(_IDS), {"ids": ids, "now": now})
        close_alerts_of(self._connection, ids, now, resolution=resolution)

    def record(self, actor: str, origin: str, target: str, detail: Mapping[str, Any], now: datetime) -> None:
        row = {"id": uuid7(), "at": now, "actor": actor, "origin": origin, "target": target, "detail": dict(detail)}
        self._connection.execute(insert(audit_entries).values(action="definitions.apply", **row))

    def _save_states(self, ids: Sequence[UUID]) -> None:
        statement = insert(check_states)
        reset = {name: statement.excluded[name] for name in _FIRST_STATE}
        statement = statement.on_conflict_do_update(
            index_elements=["check_id"], set_={**reset, "since_at": null(), "last_result_at": null()}
        )
        self._execute(statement, [{"check_id": check_id, "last_sequence": 0, **_FIRST_STATE} for check_id in ids])

    def _save_schedules(self, changes: Sequence[CheckChange]) -> None:
        rows = [
            {
                "check_id": change.id,
                "is_active": change.is_active,
                "phase": change.schedule.phase,
                "next_due_at": change.schedule.next_due_at,
                "cause": change.schedule.cause.value,
            }
            for change in changes
            if change.schedule is not None
        ]
        self._upsert(check_schedules, "check_id", rows)

    def _arm_heartbeats(self, changes: Sequence[CheckChange], now: datetime) -> None:
        """A heartbeat that begins again is not late because of pings that it missed while it was disabled."""
        beating = [change for change in changes if change.definition.kind == "heartbeat"]
        unpinged = {"armed_at": now, "last_ping_at": None, "last_kind": None, "last_detail": ""}
        self._upsert(heartbeats, "check_id", [{"check_id": c.id, **unpinged} for c in beating if c.begins])
        statement = insert(heartbeats).on_conflict_do_nothing()
        self._execute(statement, [{"check_id": c.id, "armed_at": now} for c in beating if not c.begins])

    def _save_dependencies(self, changes: Sequence[CheckChange]) -> None:
        self._connection.execute(_UNDEFINE.bindparams(_IDS), {"ids": [change.id for change in changes]})
        wanted = [(c.id, slug, group) for c in changes for slug, group in c.definition.dependencies.items()]
        if not wanted:
            return
        slugs = sorted({slug for _, slug, _ in wanted})
        found = self._connection.execute(text("SELECT slug, id FROM checks WHERE slug = ANY(:slugs)"), {"slugs": slugs})
        parents = {row.slug: row.id for row in found}
        rows = [{"check_id": i, "parent_id": parents[slug], "redundancy_group": g} for i, slug, g in wanted]
        statement = insert(check_dependencies)
        defined = {"redundancy_group": statement.excluded.redundancy_group, "accepted_by": ""}
        keys = ["check_id", "parent_id"]
        self._execute(statement.on_conflict_do_update(index_elements=keys, set_=defined), rows)
        drop_circles(self._connection)

    def _upsert(self, table: Table, key: str, rows: list[dict[str, Any]], but: Sequence[str] = ()) -> None:
        if rows:
            statement = insert(table)
            written = {name: statement.excluded[name] for name in rows[0] if name != key and name not in but}
            self._execute(statement.on_conflict_do_update(index_elements=[key], set_=written), rows)

    def _execute(self, statement: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            # With RETURNING, and without values of its own after ON CONFLICT, an upsert goes a thousand rows at a time.
            self._connection.execute(statement.returning(text("1")), rows)
