"""Events as rows: noted by triggers, given their place in the stream here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from healthmgr.services.eventing import PlacedEvent
from healthmgr.storage.transactions import transaction

_LOCK = 0x6865_616C_7468_6576

# A place is given only to what is committed, and by one process at a time, so that whoever sees a place sees
# every one before it: an event that commits late is told late, never skipped.
# They are numbered in a CTE, which is carried out once: a subquery may be gone through again for each row it meets.
# What tells of the synthetic notification gets none: nobody wants to hear of it.
_IS_SYNTHETIC = """(data @> '{"origin": "synthetic"}' OR data @> '{"incident_number": 0}')"""
_PLACE = text(f"""
WITH unwanted AS (DELETE FROM events WHERE position IS NULL AND {_IS_SYNTHETIC}),
placed AS MATERIALIZED (
    SELECT id, nextval('event_positions') AS position
    FROM (
        SELECT id FROM events WHERE position IS NULL AND NOT {_IS_SYNTHETIC} ORDER BY id LIMIT :limit
    ) AS waiting
)
UPDATE events SET position = placed.position FROM placed WHERE events.id = placed.id
""")  # noqa: S608 - composed of constants alone

_AFTER = text("""
SELECT position, at, name, data FROM events WHERE position > :position ORDER BY position LIMIT :limit
""")

_LAST = text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM event_positions")

_FORGET = text("DELETE FROM events WHERE at < :before AND position <= :up_to")


class EventRepository:
    """Satisfies `services.eventing.EventStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def place(self, limit: int) -> int:
        """Give up to `limit` new events their places; how many. 0 as well while another process does."""
        with transaction(self._engine) as connection:
            if not connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LOCK}).scalar():
                return 0
            return connection.execute(_PLACE, {"limit": limit}).rowcount

    def after(self, position: int, limit: int) -> Sequence[PlacedEvent]:
        """The events behind this place, in order."""
        with transaction(self._engine) as connection:
            return read_after(connection, position, limit)

    def last_position(self) -> int:
        """The last place that was given; 0 before the first."""
        with transaction(self._engine) as connection:
            return read_last_position(connection)

    def forget(self, before: datetime, up_to: int) -> int:
        """Remove events that are older, up to this place; how many."""
        with transaction(self._engine) as connection:
            return connection.execute(_FORGET, {"before": before, "up_to": up_to}).rowcount


def read_after(connection: Connection, position: int, limit: int) -> Sequence[PlacedEvent]:
    """The events behind this place, in order."""
    rows = connection.execute(_AFTER, {"position": position, "limit": limit})
    return [PlacedEvent(row.position, row.at, row.name, row.data) for row in rows]


def read_last_position(connection: Connection) -> int:
    """The last place that was given; 0 before the first."""
    return int(connection.execute(_LAST).scalar_one())
