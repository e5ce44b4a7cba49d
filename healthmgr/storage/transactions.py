"""Transactions whose failures say whether the database was away or the statement was wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from healthmgr.errors import Unavailable


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """A transaction that commits at the end of its block.

    Raises Unavailable when the server does not answer, went away, or broke the transaction off (a
    deadlock, a lock that was not had in time), or when all connections were in use for too long: trying
    again later can help.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except PoolTimeout as error:
        raise Unavailable("No connection to PostgreSQL was free in time") from error
    except (OperationalError, InterfaceError) as error:
        raise Unavailable(f"PostgreSQL does not answer: {_first_line(error)}") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable(f"PostgreSQL went away: {_first_line(error)}") from error
        raise


Rows = TypeVar("Rows")


class Transactions(Generic[Rows]):
    """Opens transactions over one kind of rows: what a service's `...Store` port asks for."""

    def __init__(self, engine: Engine, rows: Callable[[Connection], Rows]) -> None:
        self._engine = engine
        self._rows = rows

    @contextmanager
    def begin(self) -> Iterator[Rows]:
        """A transaction that commits at the end of its block; raises Unavailable as `transaction` does."""
        with transaction(self._engine) as connection:
            yield self._rows(connection)


def _first_line(error: DBAPIError) -> str:
    return (str(error.orig).strip().splitlines() or ["no answer"])[0]
