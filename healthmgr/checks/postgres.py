"""PostgreSQL: connects, runs a read-only query, and reads the server's own numbers."""

from __future__ import annotations

import itertools
import math
import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever its name
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from healthmgr.checks.apart import Apart
from healthmgr.checks.postgres_statistics import numbers, read_statistics
from healthmgr.domain.check import Status
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.result import Outcome
from healthmgr.domain.threshold import Threshold
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext

_SCHEME = re.compile(r"^(postgres|postgresql)(\+\w+)?://")
_GIVES_ROWS = re.compile(r"\s*(select|with|values|table)\b", re.IGNORECASE)
_MOST_ROWS = 10_000
_TOO_MUCH = "the server says more than can be listened to"
_QUOTED = 80  # characters of a value that is not the expected one


class PostgresConfig(BaseModel):
    """Where the database is, what to ask it, and what it should answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(repr=False, description="Address of the database: postgresql://user:password@host:5432/name")
    query: str | None = Field(
        None, description="A read-only query; the numbers in its first row become metrics by column name"
    )
    expect: bool | int | float | str | None = Field(
        None, description="What the first column of the query's first row has to be"
    )
    expect_rows: int | str | None = Field(
        None, description=f"How many rows the query has to give: 1, '> 0', '<= 5'; counted up to {_MOST_ROWS}"
    )
    role: Literal["primary", "replica"] | None = Field(None, description="What the server has to be")

    @field_validator("url")
    @classmethod
    def _must_be_postgres(cls, value: str) -> str:
        if not _SCHEME.match(value):
            raise ValueError("write an address that begins with postgresql://")
        return _SCHEME.sub("postgresql://", value)

    @model_validator(mode="after")
    def _must_have_a_query_to_expect_of(self) -> PostgresConfig:
        if self.query is None and (self.expect is not None or self.expect_rows is not None):
            raise ValueError("expect and expect_rows are about the rows of a query: write one")
        _ = self.wanted_rows
        return self

    @property
    def wanted_rows(self) -> Threshold | None:
        """The condition on the number of rows. Raises ValueError for what is none."""
        if self.expect_rows is None:
            return None
        text = str(self.expect_rows).strip()
        return Threshold.parse("rows", f"== {text}" if text.isdigit() else text)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the query gave: its first row, and how many there were."""

    names: list[str]
    first: tuple[Any, ...] | None
    count: int


def look(config: PostgresConfig, timeout: timedelta, now: datetime) -> Outcome:  # noqa: ARG001 - as Apart calls it
    """Connect, ask and disconnect, in a process that can be ended: libpq listens to a server as long as that talks."""
    started = time.perf_counter()
    seconds = timeout.total_seconds()
    try:
        connection = _connect(config.url, seconds)
    except psycopg2.ProgrammingError as error:
        # libpq quotes the whole address, password included, so its own words are not repeated here.
        raise ProbeError("the url is not a PostgreSQL address that libpq can read") from error
    except psycopg2.Error as error:
        return Outcome(Status.UNHEALTHY, _first_line(error))
    except UnicodeDecodeError:
        return Outcome(Status.UNHEALTHY, "something answers there, but not as PostgreSQL does")
    except MemoryError:
        return Outcome(Status.UNHEALTHY, _TOO_MUCH)
    try:
        metrics = {"connect_time": time.perf_counter() - started}
        answer = _ask(connection, config.query, started + seconds, metrics)
    except psycopg2.extensions.QueryCanceledError:
        return Outcome(Status.UNHEALTHY, f"the query took longer than {format_duration(timeout)}", metrics=metrics)
    except psycopg2.Error as error:
        return Outcome(Status.UNHEALTHY, _first_line(error), metrics=metrics)
    except (UnicodeDecodeError, MemoryError) as error:
        said = _TOO_MUCH if isinstance(error, MemoryError) else "its answer is in another encoding than it says"
        return Outcome(Status.UNHEALTHY, said, metrics=metrics)
    finally:
        connection.close()
    fault = _fault(config, answer, metrics)
    return Outcome(Status.UNHEALTHY if fault else Status.HEALTHY, fault or _describe(metrics), metrics=metrics)


class PostgresCheck:
    """Asks a PostgreSQL server."""

    kind: ClassVar[str] = "postgres"
    Config: ClassVar[type[BaseModel]] = PostgresConfig
    uses_network: ClassVar[bool] = True

    _apart: ClassVar[Apart] = Apart(look, PostgresConfig, most_memory=256 * 1_048_576)

    async def probe(self, config: PostgresConfig, context: ProbeContext) -> Outcome:
        """Connect, ask and disconnect; a server that refuses either is unhealthy, an address it can't read an error."""
        return await self._apart.look(config, context)


def _connect(url: str, timeout: float) -> Connection:
    return psycopg2.connect(
        url,
        connect_timeout=max(1, math.floor(timeout)),
        tcp_user_timeout=max(1, int(timeout * 1000)),
        application_name="healthmgr check",
    )


def _ask(connection: Connection, query: str | None, ends_by: float, metrics: dict[str, float]) -> _Answer:
    """Everything in one read-only transaction; `SET LOCAL` leaves nothing behind in a pooler's connection."""
    connection.set_session(readonly=True)
    with connection.cursor() as cursor:
        left = ends_by - time.perf_counter()
        cursor.execute("SET LOCAL statement_timeout = %s", (max(1, int(left * 1000)),))
    asked = time.perf_counter()
    answer = _run(connection, query or "SELECT 1")
    metrics["query_time"] = time.perf_counter() - asked
    own = numbers(answer.names, answer.first) if query and answer.first else {}
    if query:
        metrics["rows"] = float(answer.count)
    metrics.update(read_statistics(connection))
    metrics.update(own)
    connection.rollback()
    return answer


def _run(connection: Connection, query: str) -> _Answer:
    """The query's rows are fetched a few at a time and no more than are counted: a huge answer costs no memory."""
    with connection.cursor("rows" if _GIVES_ROWS.match(query) else None) as cursor:
        cursor.itersize = 500
        cursor.execute(query)
        first = cursor.fetchone() if cursor.name or cursor.description else None
        count = 1 + sum(1 for _ in itertools.islice(cursor, _MOST_ROWS - 1)) if first is not None else 0
        return _Answer([column.name for column in cursor.description or ()], first, count)


def _fault(config: PostgresConfig, answer: _Answer, metrics: dict[str, float]) -> str:
    """What is not as it should be, or ""."""
    role = "replica" if metrics.get("is_replica") else "primary"
    if config.role is not None and role != config.role:
        return f"the server is a {role}, expected a {config.role}"
    wanted = config.wanted_rows
    if wanted is not None and not wanted.is_crossed(answer.count):
        return f"the query gave {answer.count} rows, expected {wanted.text.removeprefix('== ')}"
    if config.expect is None:
        return ""
    if not answer.first:
        return f"the query gave no row, expected {_shown(config.expect)}"
    found = answer.first[0]
    return "" if _is_same(found, config.expect) else f"the query gave {_shown(found)}, expected {_shown(config.expect)}"


def _is_same(found: Any, expected: bool | int | float | str) -> bool:
    """Numbers are compared as numbers, everything else as text; true is neither 1 nor "1"."""
    if isinstance(found, bool) or isinstance(expected, bool):
        return _shown(found) == _shown(expected)
    if isinstance(expected, int | float):
        try:
            return float(found) == float(expected)
        except (TypeError, ValueError):
            return False
    return str(found) == expected


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else "NULL" if value is None else str(value)
    return text if len(text) <= _QUOTED else text[:_QUOTED] + "..."


def _describe(metrics: dict[str, float]) -> str:
    if "max_connections" not in metrics:
        return "answers"
    told = f"answers; {metrics['connections']:.0f} of {metrics['max_connections']:.0f} connections in use"
    if metrics.get("is_replica"):
        lag = metrics.get("replication_lag")
        told += "; a replica" + (f", {lag:.1f} s behind" if lag is not None else "")
    return told


def _first_line(error: psycopg2.Error) -> str:
    """PostgreSQL's own words on one line, without the repetition that it puts before them."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
