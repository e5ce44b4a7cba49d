"""SQL: one statement of PostgreSQL, with values that stay values."""

from __future__ import annotations

import json
import re
import time
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever its name
from pydantic import Field, SecretStr, field_validator, model_validator

from healthmgr.domain.step import Done
from healthmgr.errors import StepError
from healthmgr.ports import StepContext
from healthmgr.steps.apart import carry_out_apart
from healthmgr.steps.fields import Length, StepConfig, shortest
from healthmgr.steps.output import line

_FUNCTION = f"{__name__}:carry_out"
_VALUE = re.compile(r"%\((\w+)\)s")
# Whatever is no statement but text: strings, names in quotes, dollar quotes and comments.
_TEXTS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/", re.DOTALL)
_TRANSACTIONS = re.compile(r"\s*(begin|start|commit|end|rollback|abort|savepoint|release|prepare)\b", re.IGNORECASE)
_SHARE = 0.7  # of the time, after which the server itself ends the statement: the rest is for saying so
_MOST_SHOWN = 20  # rows
_LONGEST_VALUE = 1000  # characters of a value that later steps may name
_TEMPORARY = ("40", "53", "55", "57", "58", "08")  # classes of errors that pass: conflicts, resources, shutdowns


Facts = dict[str, Any]
Value = str | int | float | bool | None


class SqlConfig(StepConfig):
    """Where, what, and how many rows it may touch."""

    url: SecretStr = Field(description="Address of the server: postgresql://user:password@host/name")
    statement: str = Field(
        min_length=1,
        max_length=20_000,
        description="One statement, run in a transaction of its own; %(name)s stands for a value",
        examples=["SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %(name)s"],
    )
    values: dict[str, Value | list[Value]] = Field(
        {}, repr=False, description="The values by name; a list is an array, as in id = ANY(%(ids)s)"
    )
    min_rows: int = Field(0, ge=0, description="Fewest rows that it has to touch; with fewer, all is rolled back")
    max_rows: int | None = Field(None, ge=0, description="Most rows that it may touch; with more, all is rolled back")
    timeout: Length | None = Field(None, description="Time for the whole, where the step's own is too long")

    @field_validator("url")
    @classmethod
    def _must_be_postgres(cls, url: SecretStr) -> SecretStr:
        if urlsplit(url.get_secret_value()).scheme not in ("postgresql", "postgres"):
            raise ValueError("write an address that begins with postgresql://")
        return url

    @field_validator("statement")
    @classmethod
    def _must_be_one_statement(cls, statement: str) -> str:
        bare = _TEXTS.sub(" ", statement)
        if ";" in bare.rstrip().removesuffix(";"):
            raise ValueError("write one statement, and no ';' between several")
        if _TRANSACTIONS.match(bare):
            raise ValueError("transactions are begun and ended by healthmgr itself: leave that out")
        return statement

    @field_validator("values")
    @classmethod
    def _must_be_values(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name, value in values.items():
            parts = value if isinstance(value, list) else [value]
            if any(isinstance(part, str) and "\0" in part for part in parts):
                raise ValueError(f"{name[:60]!r} holds a NUL character, which PostgreSQL takes in no text")
        return values

    @model_validator(mode="after")
    def _must_fit(self) -> Self:
        named = set(_VALUE.findall(self.statement))
        if named != set(self.values):
            odd = ", ".join(sorted(named ^ set(self.values)))
            raise ValueError(f"values: {odd} stands in the statement or among the values, and not in both")
        if self.values and "%" in _VALUE.sub("", self.statement).replace("%%", ""):
            raise ValueError("statement: a percent sign that stands for itself is written %%")
        if self.max_rows is not None and self.max_rows < self.min_rows:
            raise ValueError("max_rows is less than min_rows")
        return self


class SqlStep:
    """Runs one statement in a PostgreSQL database."""

    kind: ClassVar[str] = "sql"
    Config: ClassVar[type[SqlConfig]] = SqlConfig
    action_field: ClassVar[str] = "statement"
    parameters_field: ClassVar[str] = "values"
    fixed_fields: ClassVar[frozenset[str]] = frozenset({"statement", "url", "min_rows", "max_rows"})
    url_fields: ClassVar[frozenset[str]] = frozenset()
    is_destructive: ClassVar[bool] = True

    def run(self, config: SqlConfig, context: StepContext) -> Done:
        """Run it and commit, unless it touched too few or too many rows.

        Raises StepError: permanent for what the server refuses, a timeout where it may have been committed.
        """
        timeout = shortest(context.timeout, config.timeout)
        url = config.url.get_secret_value()
        order = {
            "url": url,
            "statement": config.statement,
            "values": config.values,
            "rows": [config.min_rows, config.max_rows],
            "until": time.monotonic() + timeout.total_seconds() * _SHARE,
        }
        return carry_out_apart(_FUNCTION, order, timeout, (url, urlsplit(url).password or ""))

    def describe(self, config: SqlConfig) -> str:
        """The statement, and where it would run."""
        parts = urlsplit(config.url.get_secret_value())
        place = f"{parts.hostname or 'the local server'}{parts.path}"
        most = "any number of" if config.max_rows is None else f"at most {config.max_rows}"
        return line(f"in {place}, touching {most} rows: {config.statement}")


def carry_out(url: str, statement: str, values: dict[str, Any], rows: list[Any], until: float) -> dict[str, Any]:
    """In a process that can be ended: libpq waits for a server that is stopped as long as that takes.

    `until` is by the machine's monotonic clock, which all its processes share.
    """
    try:
        connection = psycopg2.connect(
            url, connect_timeout=max(2, int(until - time.monotonic())), application_name="healthmgr step"
        )
    except psycopg2.Error as error:
        raise StepError(f"no connection: {_first_line(error)}") from None
    try:
        count, output, first = _execute(connection, statement, values, until)
        least, most = rows
        if count < least or (most is not None and count > most):
            connection.rollback()
            wanted = f"at least {least}" if most is None else f"{least} to {most}"
            raise StepError(f"it would touch {count} rows, and {wanted} were expected: rolled back", permanent=True)
        _commit(connection)
    finally:
        connection.close()
    return {"message": f"{count} rows", "output": output, "facts": {"rows": count, **first}}


def _execute(connection: Connection, statement: str, values: dict[str, Any], until: float) -> tuple[int, str, Facts]:
    milliseconds = int((until - time.monotonic()) * 1000)
    if milliseconds <= 0:
        raise StepError("no time was left once it was connected: nothing was changed")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
            cursor.execute(statement, values or None)
            columns = [column.name for column in cursor.description or ()]
            shown = cursor.fetchmany(_MOST_SHOWN) if columns else []
            output = "\n".join(json.dumps(list(row), default=str) for row in shown)
            return max(cursor.rowcount, 0), output, _first(columns, shown)
    except psycopg2.Error as error:
        code = error.pgcode or ""
        is_lost = not code and connection.closed
        permanent = bool(code) and not code.startswith(_TEMPORARY)
        said = (
            "nothing was changed" if not is_lost else "the connection was lost before the end, and nothing was changed"
        )
        raise StepError(f"{_first_line(error)}: {said}", permanent=permanent) from None


def _first(columns: list[str], rows: list[Any]) -> Facts:
    """The first row by its columns, for later steps; what is too long to be named is left out."""
    found = dict(zip(columns, rows[0], strict=True)) if rows else {}
    plain = json.loads(json.dumps(found, default=str))
    return {"first": {name: value for name, value in plain.items() if len(json.dumps(value)) <= _LONGEST_VALUE}}


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except psycopg2.IntegrityError as error:  # constraints that are looked at last
        raise StepError(f"{_first_line(error)}: nothing was changed", permanent=True) from None
    except psycopg2.Error as error:
        said = f"{_first_line(error)} while it was committed: what was changed is unknown"
        raise StepError(said, is_timeout=True) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
