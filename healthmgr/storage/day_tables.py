"""Tables of one day each, below one that is partitioned by time: what is old goes at once, and costs nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine, text

from healthmgr.storage.transactions import transaction

_DAYS = text("""
SELECT child.relname FROM pg_inherits
JOIN pg_class child ON child.oid = inhrelid
JOIN pg_class parent ON parent.oid = inhparent
WHERE parent.relname = :parent AND child.relname ~ ('^' || :parent || '_[0-9]{8}$')
""")


class DayTables:
    """The day tables below `parent`, by its column `instant`. What has no table is in `parent`_default."""

    def __init__(self, engine: Engine, parent: str, instant: str) -> None:
        self._engine = engine
        self._parent = parent
        self._instant = instant

    def days(self) -> list[date]:
        """The days that have a table."""
        with transaction(self._engine) as connection:
            return [self._day(name) for name in connection.execute(_DAYS, {"parent": self._parent}).scalars()]

    def create(self, day: date) -> None:
        """Make a day's table; rows of that day in the catch-all table move into it."""
        name, parent, instant = self._table(day), self._parent, self._instant
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        bounds = {"start": start, "end": start + timedelta(days=1)}
        with transaction(self._engine) as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": name})
            if connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar() is not None:
                return
            connection.execute(text(f"CREATE TABLE {name} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"))
            # The catch-all is locked first, so that no row of this day slips in between moving and attaching.
            connection.execute(text(f"LOCK TABLE {parent}_default IN ACCESS EXCLUSIVE MODE"))
            is_of_day = f"{instant} >= :start AND {instant} < :end"
            moved = f"DELETE FROM {parent}_default WHERE {is_of_day} RETURNING *"  # noqa: S608 - names of our own
            connection.execute(text(f"WITH moved AS ({moved}) INSERT INTO {name} SELECT * FROM moved"), bounds)  # noqa: S608
            connection.execute(
                text(f"ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{bounds['end']}')")
            )

    def drop(self, day: date) -> None:
        """Drop a day's table."""
        with transaction(self._engine) as connection:
            connection.execute(text(f"DROP TABLE IF EXISTS {self._table(day)}"))

    def forget_before(self, day: date) -> None:
        """Remove what the catch-all table holds of earlier days."""
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        statement = f"DELETE FROM {self._parent}_default WHERE {self._instant} < :start"  # noqa: S608 - names of our own
        with transaction(self._engine) as connection:
            connection.execute(text(statement), {"start": start})

    def _table(self, day: date) -> str:
        return f"{self._parent}_{day:%Y%m%d}"

    def _day(self, table: str) -> date:
        return datetime.strptime(table.removeprefix(f"{self._parent}_"), "%Y%m%d").replace(tzinfo=UTC).date()
