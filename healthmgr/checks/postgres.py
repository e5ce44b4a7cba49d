"""PostgreSQL: connects, runs a read-only query, and counts the connections in use."""

from __future__ import annotations

import math
import re
import time
from decimal import Decimal
from typing import Any, ClassVar

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever its name
from pydantic import BaseModel, ConfigDict, Field, field_validator

from healthmgr.domain.check import Status
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext

_SCHEME = re.compile(r"^(postgres|postgresql)(\+\w+)?://")
_USAGE = """
SELECT (SELECT sum(numbackends) FROM pg_stat_database WHERE datname IS NOT NULL),
       current_setting('max_connections')::int
"""


class PostgresConfig(BaseModel):
    """Where the database is and what to ask it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="Address of the database: postgresql://user:password@host:5432/name")
    query: str | None = Field(
        None, description="A read-only query; the numbers in its first row become metrics by column name"
    )

    @field_validator("url")
    @classmethod
    def _must_be_postgres(cls, value: str) -> str:
        if not _SCHEME.match(value):
            raise ValueError("write an address that begins with postgresql://")
        return _SCHEME.sub("postgresql://", value)


class PostgresCheck:
    """Asks a PostgreSQL server."""

    kind: ClassVar[str] = "postgres"
    Config: ClassVar[type[BaseModel]] = PostgresConfig
    uses_network: ClassVar[bool] = True

    def probe(self, config: PostgresConfig, context: ProbeContext) -> Outcome:
        """Connect, ask and disconnect; a server that refuses either is unhealthy, an address it can't read an error."""
        started = time.perf_counter()
        timeout = context.timeout.total_seconds()
        try:
            connection = _connect(config.url, timeout)
        except psycopg2.ProgrammingError as error:
            # libpq quotes the whole address, password included, so its own words are not repeated here.
            raise ProbeError("the url is not a PostgreSQL address that libpq can read") from error
        except psycopg2.Error as error:
            return Outcome(Status.UNHEALTHY, _first_line(error))
        except UnicodeDecodeError:
            return Outcome(Status.UNHEALTHY, "something answers there, but not as PostgreSQL does")
        try:
            metrics = {"connect_time": time.perf_counter() - started}
            _ask(connection, config.query, started, timeout, metrics)
        except psycopg2.extensions.QueryCanceledError:
            return Outcome(
                Status.UNHEALTHY, f"the query took longer than {format_duration(context.timeout)}", metrics=metrics
            )
        except psycopg2.Error as error:
            return Outcome(Status.UNHEALTHY, _first_line(error), metrics=metrics)
        finally:
            connection.close()
        used, most = metrics["connections"], metrics["max_connections"]
        return Outcome(Status.HEALTHY, f"answers; {used:.0f} of {most:.0f} connections in use", metrics=metrics)


def _connect(url: str, timeout: float) -> Connection:
    return psycopg2.connect(
        url,
        connect_timeout=max(1, math.floor(timeout)),
        tcp_user_timeout=max(1, int(timeout * 1000)),
        application_name="healthmgr check",
    )


def _ask(connection: Connection, query: str | None, started: float, timeout: float, metrics: dict[str, float]) -> None:
    """Everything in one read-only transaction; `SET LOCAL` leaves nothing behind in a pooler's connection."""
    connection.set_session(readonly=True)
    with connection.cursor() as cursor:
        left = timeout - (time.perf_counter() - started)
        cursor.execute("SET LOCAL statement_timeout = %s", (max(1, int(left * 1000)),))
        asked = time.perf_counter()
        cursor.execute(query or "SELECT 1")
        row = cursor.fetchone() if cursor.description else None
        metrics["query_time"] = time.perf_counter() - asked
        if query and row and cursor.description:
            metrics.update(_numbers([column.name for column in cursor.description], row))
        cursor.execute(_USAGE)
        used, most = cursor.fetchone() or (0, 0)
        metrics.update(connections=float(used or 0), max_connections=float(most))
        metrics["connection_usage"] = 100.0 * float(used or 0) / most if most else 0.0
    connection.rollback()


def _numbers(names: list[str], row: tuple[Any, ...]) -> dict[str, float]:
    pairs = zip(names, row, strict=True)
    return {n: float(v) for n, v in pairs if isinstance(v, int | float | Decimal) and not isinstance(v, bool)}


def _first_line(error: psycopg2.Error) -> str:
    """PostgreSQL's own words on one line, without the repetition that it puts before them."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
