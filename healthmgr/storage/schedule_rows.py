"""Schedules as they are now, with their overrides, temporary ones, and the shifts of calendars they are read from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from healthmgr.domain.feed import Feed, FeedKind, layer_of
from healthmgr.domain.schedule import FixedShift, Layer, Override, Schedule, Temporary

# A calendar whose address has changed goes on being what was read at the old one, until the new one is read.
_SCHEDULE = text("""
SELECT name, layers, COALESCE((
    SELECT jsonb_object_agg(f.kind, f.shifts) FROM schedule_feeds f
    WHERE f.schedule = s.name AND s.feeds->>f.kind IS NOT NULL
), '{}') AS feeds
FROM schedules s WHERE name = :name AND is_enabled
""")

_NAMES = text("SELECT name FROM schedules WHERE is_enabled ORDER BY name")

_OVERRIDES = text("""
SELECT starts_at, ends_at, added, removed FROM schedule_overrides
WHERE schedule = :name AND ends_at > :begin AND starts_at <= :end ORDER BY created_at, id
""")

_TEMPORARIES = text("""
SELECT starts_at, ends_at, shifts FROM temporary_schedules
WHERE schedule = :name AND ends_at > :begin AND starts_at <= :end ORDER BY created_at, id
""")

_FEEDS = text("""
SELECT s.name AS schedule, k.kind, f.read_at, f.tried_at, f.failing_since, f.fault, f.unknown
FROM schedules s
CROSS JOIN LATERAL jsonb_object_keys(s.feeds) AS k(kind)
LEFT JOIN schedule_feeds f ON f.schedule = s.name AND f.kind = k.kind
WHERE s.is_enabled AND (CAST(:name AS text) IS NULL OR s.name = :name)
ORDER BY s.name, k.kind DESC
""")


def read_schedule(connection: Connection, name: str, begin: datetime, end: datetime) -> Schedule | None:
    """A schedule with all that concerns the time from `begin` to `end`; None when there is none of this name."""
    row = connection.execute(_SCHEDULE, {"name": name}).one_or_none()
    if row is None:
        return None
    values = {"name": name, "begin": begin, "end": end}
    layers = [Layer.from_document(layer) for layer in row.layers]
    for kind, shifts in row.feeds.items():
        layers.append(layer_of(FeedKind(kind), list(_between(shifts, begin, end))))
    return Schedule(
        name=row.name,
        layers=tuple(layers),
        overrides=tuple(
            Override(each.starts_at, each.ends_at, each.added, each.removed)
            for each in connection.execute(_OVERRIDES, values)
        ),
        temporaries=tuple(
            Temporary(each.starts_at, each.ends_at, tuple(FixedShift.from_document(shift) for shift in each.shifts))
            for each in connection.execute(_TEMPORARIES, values)
        ),
    )


def read_schedules(connection: Connection, begin: datetime, end: datetime) -> list[Schedule]:
    """All schedules by name, each as read_schedule gives it."""
    names = connection.execute(_NAMES).scalars().all()
    found = (read_schedule(connection, name, begin, end) for name in names)
    return [schedule for schedule in found if schedule is not None]


def read_feeds(connection: Connection, schedule: str | None = None) -> list[Feed]:
    """The calendars of a schedule, or of all; one that was never tried is among them."""
    return [
        Feed(
            row.schedule,
            FeedKind(row.kind),
            row.read_at,
            row.tried_at,
            row.failing_since,
            row.fault or "",
            tuple(row.unknown or ()),
        )
        for row in connection.execute(_FEEDS, {"name": schedule})
    ]


def _between(documents: list[dict[str, Any]], begin: datetime, end: datetime) -> Iterator[FixedShift]:
    for document in documents:
        shift = FixedShift.from_document(document)
        if shift.ends_at > begin and shift.starts_at <= end:
            yield shift
