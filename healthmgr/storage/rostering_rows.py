"""Overrides, temporary schedules and swaps as rows; and what looking ahead asks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from healthmgr.domain.calendar import zone
from healthmgr.domain.feed import Feed
from healthmgr.domain.notice import Notice
from healthmgr.domain.person import Person
from healthmgr.domain.roster import KeptChange, KeptOverride, KeptSwap, KeptTemporary, Note
from healthmgr.domain.schedule import FixedShift, Override, Schedule, Temporary
from healthmgr.domain.swap import Stretch, Swap, SwapState
from healthmgr.services.rostering_ports import ForeseeingTransaction, RosteringTransaction
from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.climbing_rows import ClimbingRows
from healthmgr.storage.notice_rows import insert_notice, withdraw_notices
from healthmgr.storage.schedule_rows import read_feeds, read_schedule, read_schedules
from healthmgr.storage.tables import schedule_overrides, shift_swaps, temporary_schedules

_HOLD = text("SELECT name FROM schedules WHERE name = :name FOR UPDATE")
_SCHEDULES = text("SELECT name FROM schedules WHERE is_enabled ORDER BY name")
_PEOPLE = text("SELECT name FROM recipients WHERE is_enabled ORDER BY name")
_KNOWN = text("SELECT name FROM recipients WHERE is_enabled AND name = ANY(:names)").bindparams(
    bindparam("names", type_=ARRAY(Text))
)
_LOCATION = text("SELECT timezone FROM schedules WHERE name = :name")
_OPEN = text("SELECT labels FROM alerts WHERE origin = :origin AND resolved_at IS NULL ORDER BY id")

_STORE_SWAP = text("""
INSERT INTO shift_swaps (id, schedule, proposed_by, proposed_to, given_from, given_to, taken_from, taken_to, comment,
                         state, created_at, answered_at)
VALUES (:id, :schedule, :proposed_by, :proposed_to, :given_from, :given_to, :taken_from, :taken_to, :comment,
        :state, :created_at, :answered_at)
ON CONFLICT (id) DO UPDATE SET state = EXCLUDED.state, answered_at = EXCLUDED.answered_at
""")


class RosteringRows(RosteringTransaction):
    """The rows of one transaction about who is on call."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def schedule(self, name: str, begin: datetime, end: datetime) -> Schedule | None:
        self._connection.execute(_HOLD, {"name": name})
        return read_schedule(self._connection, name, begin, end)

    def schedule_names(self) -> list[str]:
        return list(self._connection.execute(_SCHEDULES).scalars())

    def known(self, people: Collection[str]) -> set[str]:
        return set(self._connection.execute(_KNOWN, {"names": list(people)}).scalars())

    def people(self) -> list[str]:
        return list(self._connection.execute(_PEOPLE).scalars())

    def override(self, change_id: UUID) -> KeptOverride | None:
        query = select(schedule_overrides).where(schedule_overrides.c.id == change_id)
        row = self._connection.execute(query).one_or_none()
        return to_override(row) if row else None

    def temporary(self, change_id: UUID) -> KeptTemporary | None:
        query = select(temporary_schedules).where(temporary_schedules.c.id == change_id)
        row = self._connection.execute(query).one_or_none()
        return to_temporary(row) if row else None

    def swap(self, swap_id: UUID) -> KeptSwap | None:
        query = select(shift_swaps).where(shift_swaps.c.id == swap_id).with_for_update()
        row = self._connection.execute(query).one_or_none()
        return to_swap(row) if row else None

    def add(self, change: KeptChange) -> None:
        values = {
            "id": change.id,
            "schedule": change.schedule,
            "comment": change.note.comment,
            "created_by": change.note.created_by,
            "created_at": change.note.created_at,
        }
        if isinstance(change, KeptOverride):
            inner = change.override
            values |= {
                "starts_at": inner.starts_at, "ends_at": inner.ends_at, "added": inner.add, "removed": inner.remove,
            }  # fmt: skip
            self._connection.execute(schedule_overrides.insert().values(values))
        else:
            shifts = [shift.to_document() for shift in change.temporary.shifts]
            times = {"starts_at": change.temporary.starts_at, "ends_at": change.temporary.ends_at}
            self._connection.execute(temporary_schedules.insert().values(values | times | {"shifts": shifts}))

    def end(self, change: KeptChange, now: datetime) -> None:
        table = schedule_overrides if isinstance(change, KeptOverride) else temporary_schedules
        self._connection.execute(table.delete().where(table.c.id == change.id, table.c.starts_at >= now))
        self._connection.execute(table.update().where(table.c.id == change.id).values(ends_at=now))

    def location(self, schedule: str) -> ZoneInfo:
        return zone(self._connection.execute(_LOCATION, {"name": schedule}).scalar_one())

    def contacts_of(self, people: Sequence[str]) -> Mapping[str, Person]:
        return ClimbingRows(self._connection).people(people)

    def tell(self, notice: Notice, now: datetime) -> None:
        insert_notice(self._connection, notice, now)

    def withdraw_notices(self, swap_id: UUID) -> None:
        withdraw_notices(self._connection, swap_id)

    def waiting_swaps(self, begins_before: datetime) -> list[KeptSwap]:
        table = shift_swaps
        query = select(table).where(
            table.c.state == SwapState.PROPOSED.value,
            table.c.near_told_at.is_(None),
            func.least(table.c.given_from, table.c.taken_from) <= begins_before,
        )
        rows = self._connection.execute(query.order_by(table.c.id).with_for_update(skip_locked=True))
        return [to_swap(row) for row in rows]

    def note_near(self, swap_id: UUID, now: datetime) -> None:
        self._connection.execute(shift_swaps.update().where(shift_swaps.c.id == swap_id).values(near_told_at=now))

    def store_swap(self, swap: KeptSwap) -> None:
        inner = swap.swap
        values = {
            "id": swap.id,
            "schedule": swap.schedule,
            "proposed_by": inner.proposed_by,
            "proposed_to": inner.proposed_to,
            "given_from": inner.given.starts_at,
            "given_to": inner.given.ends_at,
            "taken_from": inner.taken.starts_at if inner.taken else None,
            "taken_to": inner.taken.ends_at if inner.taken else None,
            "comment": swap.note.comment,
            "state": inner.state.value,
            "created_at": swap.note.created_at,
            "answered_at": swap.answered_at,
        }
        self._connection.execute(_STORE_SWAP, values)

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        write_audit(self._connection, actor, origin, action, target, detail, now)


class ForeseeingRows(ForeseeingTransaction):
    """What looking ahead asks, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def schedules(self, begin: datetime, end: datetime) -> Sequence[Schedule]:
        return read_schedules(self._connection, begin, end)

    def feeds(self) -> Sequence[Feed]:
        return read_feeds(self._connection)

    def open_labels(self, origin: str) -> list[dict[str, str]]:
        return [dict(labels) for labels in self._connection.execute(_OPEN, {"origin": origin}).scalars()]


def to_override(row: Any) -> KeptOverride:
    """An override out of its row."""
    override = Override(row.starts_at, row.ends_at, row.added, row.removed)
    return KeptOverride(row.id, row.schedule, override, Note(row.created_by, row.created_at, row.comment))


def to_temporary(row: Any) -> KeptTemporary:
    """A temporary schedule out of its row."""
    temporary = Temporary(row.starts_at, row.ends_at, tuple(FixedShift.from_document(shift) for shift in row.shifts))
    return KeptTemporary(row.id, row.schedule, temporary, Note(row.created_by, row.created_at, row.comment))


def to_swap(row: Any) -> KeptSwap:
    """A swap out of its row; who proposed it has made it."""
    taken = Stretch(row.taken_from, row.taken_to) if row.taken_from else None
    swap = Swap(row.proposed_by, row.proposed_to, Stretch(row.given_from, row.given_to), taken, SwapState(row.state))
    return KeptSwap(row.id, row.schedule, swap, Note(row.proposed_by, row.created_at, row.comment), row.answered_at)
