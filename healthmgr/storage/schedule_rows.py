"""Schedules as they are now, with their overrides and temporary ones."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from healthmgr.domain.schedule import FixedShift, Layer, Override, Schedule, Temporary

_SCHEDULE = text("SELECT name, layers FROM schedules WHERE name = :name AND is_enabled")

_OVERRIDES = text("""
SELECT starts_at, ends_at, added, removed FROM schedule_overrides
WHERE schedule = :name AND ends_at > :begin AND starts_at <= :end ORDER BY created_at, id
""")

_TEMPORARIES = text("""
SELECT starts_at, ends_at, shifts FROM temporary_schedules
WHERE schedule = :name AND ends_at > :begin AND starts_at <= :end ORDER BY created_at, id
""")


def read_schedule(connection: Connection, name: str, begin: datetime, end: datetime) -> Schedule | None:
    """A schedule with all that concerns the time from `begin` to `end`; None when there is none of this name."""
    row = connection.execute(_SCHEDULE, {"name": name}).one_or_none()
    if row is None:
        return None
    values = {"name": name, "begin": begin, "end": end}
    return Schedule(
        name=row.name,
        layers=tuple(Layer.from_document(layer) for layer in row.layers),
        overrides=tuple(
            Override(each.starts_at, each.ends_at, each.added, each.removed)
            for each in connection.execute(_OVERRIDES, values)
        ),
        temporaries=tuple(
            Temporary(each.starts_at, each.ends_at, tuple(_shift(shift) for shift in each.shifts))
            for each in connection.execute(_TEMPORARIES, values)
        ),
    )


def _shift(document: dict[str, str]) -> FixedShift:
    starts_at, ends_at = (datetime.fromisoformat(document[name]) for name in ("starts_at", "ends_at"))
    return FixedShift(document["person"], starts_at, ends_at)
