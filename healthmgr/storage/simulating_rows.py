"""What a simulation looks up, in a transaction that can change nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from healthmgr.domain.directory import Directory
from healthmgr.domain.escalation import Named
from healthmgr.domain.muting import Mutes
from healthmgr.domain.person import Person
from healthmgr.domain.plan import Leg
from healthmgr.domain.timewindow import TimeInterval
from healthmgr.services.simulating_memory import Lookups
from healthmgr.storage.climbing_rows import ClimbingRows
from healthmgr.storage.directory_rows import read_directory
from healthmgr.storage.muting_rows import read_closed, read_mutes
from healthmgr.storage.transactions import transaction


class SimulatingRows(Lookups):
    """The installation as it is, for looking at."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._climbing = ClimbingRows(connection)

    def directory(self) -> Directory:
        return read_directory(self._connection)

    def who_is(self, named: Named, now: datetime) -> tuple[str, ...]:
        return self._climbing.who_is(named, now)

    def people(self, names: Sequence[str]) -> Mapping[str, Person]:
        return self._climbing.people(names)

    def windows(self, names: Sequence[str]) -> Mapping[str, Sequence[TimeInterval]]:
        return self._climbing.windows(names)

    def mutes(self, now: datetime) -> Mutes:
        return read_mutes(self._connection, now)

    def closed(self, legs: Iterable[Leg], now: datetime) -> Mapping[str, datetime | None]:
        return read_closed(self._connection, legs, now)


@contextmanager
def looking(engine: Engine) -> Iterator[SimulatingRows]:
    """Look at the installation as it is at one instant; the server refuses every change. Raises Unavailable."""
    with transaction(engine) as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        yield SimulatingRows(connection)
