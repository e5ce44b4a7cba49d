"""What went wrong in words, with the way to mend it, and the exit code that stands for it."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TypeGuard

import redis.exceptions
import typer
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, ProgrammingError, SQLAlchemyError

from healthmgr.cli.failing import ExitCode
from healthmgr.cli.printing import clean
from healthmgr.errors import DefinitionError, HealthmgrError, SecretMissing, SettingsError, Unavailable
from healthmgr.telemetry import mask


def speak(error: Exception) -> int:
    """Say on stderr what went wrong and how to mend it; returns the exit code."""
    code, message = explain(error)
    if os.environ.get("LOG_LEVEL", "").lower() == "debug":
        sys.stderr.write(mask("".join(traceback.format_exception(error))))
    typer.echo("\n".join(clean(line) for line in mask(message).splitlines()), err=True)
    return int(code)


def explain(error: Exception) -> tuple[ExitCode, str]:
    """The exit code and the words for an error."""
    if isinstance(error, Unavailable) and _is_away(error.__cause__):
        return explain(error.__cause__)
    if isinstance(error, HealthmgrError):
        return _code_of(error), str(error)
    if isinstance(error, SQLAlchemyError):
        return _explain_database(error)
    if isinstance(error, redis.exceptions.RedisError | BrokerError):
        return (
            ExitCode.UNAVAILABLE,
            f"Redis or the broker does not answer: {first_line(error)}. Start it, or correct REDIS_URL and BROKER_URL.",
        )
    if isinstance(error, OSError):
        return ExitCode.WRONG, f"{error.filename or 'The system'}: {error.strerror or error}"
    return ExitCode.WRONG, (
        f"This should not have happened: {type(error).__name__}: {error}\n"
        "Run the command again with LOG_LEVEL=debug to see where, and report it."
    )


def first_line(error: BaseException) -> str:
    """What an error says, without the driver's advice and the statement that follow it."""
    lines = str(error.orig if isinstance(error, DBAPIError) and error.orig else error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _is_away(cause: BaseException | None) -> TypeGuard[OperationalError]:
    """Whether there was no server to refuse anything: a deadlock, which it tells of with a code, is another thing."""
    return isinstance(cause, OperationalError) and getattr(cause.orig, "pgcode", None) is None


def _code_of(error: HealthmgrError) -> ExitCode:
    if isinstance(error, DefinitionError | SettingsError | SecretMissing):
        return ExitCode.BAD_INPUT
    return ExitCode.UNAVAILABLE if isinstance(error, Unavailable) else ExitCode.WRONG


def _explain_database(error: SQLAlchemyError) -> tuple[ExitCode, str]:
    if isinstance(error, ArgumentError):
        return ExitCode.BAD_INPUT, "DATABASE_URL cannot be used: write postgresql://user:password@host:5432/name"
    if isinstance(error, ProgrammingError) and getattr(error.orig, "pgcode", "") in ("42P01", "42703"):
        return ExitCode.UNAVAILABLE, (
            f"The database's schema is not the one this program needs ({first_line(error)}): "
            "run `healthmgr db upgrade`."
        )
    if isinstance(error, OperationalError):
        return ExitCode.UNAVAILABLE, (
            f"PostgreSQL does not answer: {first_line(error)}. "
            "Start it (`make run` starts everything), or correct DATABASE_URL."
        )
    return ExitCode.WRONG, f"PostgreSQL refused the statement: {first_line(error)}"
