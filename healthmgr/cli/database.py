"""`healthmgr db`: the schema of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from alembic.util.exc import CommandError
from sqlalchemy import Engine

from healthmgr.cli.failing import EXIT_CODES, ExitCode, SpeakingGroup
from healthmgr.cli.opening import settings_with_database
from healthmgr.cli.options import Json
from healthmgr.cli.printing import print_json, print_lines
from healthmgr.errors import Conflict
from healthmgr.storage.database import connect, downgrade, schema_revisions, upgrade

db_app = typer.Typer(cls=SpeakingGroup, no_args_is_help=True, help="The schema of the database.", epilog=EXIT_CODES)

Revision = Annotated[
    str, typer.Argument(metavar="REVISION", help="A revision's id, -1 for the one before, or base for nothing at all.")
]


@db_app.command("upgrade")
def upgrade_schema(
    revision: Annotated[str, typer.Argument(metavar="[REVISION]", help="A revision's id.")] = "head",
    as_json: Json = False,
) -> None:
    """Bring the schema up to what this program needs; safe to run at any time, by any number of processes."""
    with _engine() as engine:
        before, _ = schema_revisions(engine)
        _migrate(lambda: upgrade(engine, revision))
        _print_revisions(engine, as_json, before)


@db_app.command("current")
def current_schema(as_json: Json = False) -> None:
    """Show which schema the database has; exits 1 when it is not the one this program needs."""
    with _engine() as engine:
        is_current = _print_revisions(engine, as_json)
    raise typer.Exit(ExitCode.OK if is_current else ExitCode.WRONG)


@db_app.command("downgrade", context_settings={"ignore_unknown_options": True})
def downgrade_schema(
    revision: Revision,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask: data of removed tables and columns is lost.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take the schema back to an earlier revision; what only the newer one holds is lost."""
    with _engine() as engine:
        if not yes:
            typer.confirm(
                f"Take the schema back to {revision}? Data that only the newer schema holds is lost",
                abort=True,
                err=True,
            )
        before, _ = schema_revisions(engine)
        _migrate(lambda: downgrade(engine, revision))
        _print_revisions(engine, as_json, before)


def _migrate(step: Callable[[], None]) -> None:
    try:
        step()
    except CommandError as error:
        raise Conflict(f"The schema stays as it is: {error}") from error


@contextmanager
def _engine() -> Iterator[Engine]:
    engine = connect(settings_with_database().database_url, pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


def _print_revisions(engine: Engine, as_json: bool, before: str | None = None) -> bool:
    """Say where the schema stands; returns whether it is where this program needs it."""
    present, needed = schema_revisions(engine)
    is_current = present == needed
    if as_json:
        print_json({"revision": present, "needed": needed, "is_current": is_current})
        return is_current
    moved = f" (it was at {before or 'nothing'})" if before != present and before is not None else ""
    advice = "" if is_current else f"; this program needs {needed}: run `healthmgr db upgrade`"
    print_lines(f"The schema is at {present or 'nothing'}{moved}{advice}.")
    return is_current
