"""The database: does it answer, is it new enough, is its schema the right one, is its clock right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError

from healthmgr.cli.doctor.finding import Finding, Installation, fail, warn, well
from healthmgr.cli.explaining import first_line
from healthmgr.domain.phrasing import lasted
from healthmgr.storage.database import schema_revisions

_OLDEST = 14
_SKEW = timedelta(seconds=2)
_BOUNDS = text(
    "SELECT pg_get_expr(part.relpartbound, part.oid) FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid "
    "WHERE inhparent = 'results'::regclass"
)
_FROM_TO = re.compile(r"FROM \('([^']+)'\) TO \('([^']+)'\)")


def examine_database(installation: Installation) -> Iterator[Finding]:
    """Whether PostgreSQL answers, and in which version."""
    engine = installation.healthmgr.engine
    try:
        with engine.connect() as connection:
            version = connection.execute(text("SELECT current_setting('server_version_num')::int")).scalar_one()
    except SQLAlchemyError as error:
        yield fail(
            f"PostgreSQL does not answer: {first_line(error)}",
            "start it (`make run` starts everything), or correct DATABASE_URL",
        )
        return
    major, minor = divmod(version, 10_000)
    where = make_url(installation.settings.database_url)
    said = f"PostgreSQL {major}.{minor}, database {where.database} on {where.host or 'a local socket'}"
    yield well(said) if major >= _OLDEST else fail(f"{said} is too old", f"use PostgreSQL {_OLDEST} or newer")


def examine_schema(installation: Installation) -> Iterator[Finding]:
    """Whether the schema is the one that this program needs."""
    present, needed = schema_revisions(installation.healthmgr.engine)
    if present == needed:
        yield well(f"the schema is at {present}")
    else:
        yield fail(
            f"the schema is at {present or 'nothing'}, and this program needs {needed}", "run `healthmgr db upgrade`"
        )


def examine_clock(installation: Installation) -> Iterator[Finding]:
    """Whether this machine's clock agrees with the database's, by which everything is judged."""
    before = datetime.now(UTC)
    with installation.healthmgr.engine.connect() as connection:
        theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    after = datetime.now(UTC)
    skew = before - theirs if theirs < before else max(theirs - after, timedelta())
    if skew > _SKEW:
        ahead = "behind" if theirs > after else "ahead of"
        yield warn(
            f"this machine's clock is {lasted(skew)} {ahead} the database's",
            "synchronise the clocks: schedules use the database's alone, but signatures and log lines use this one",
        )
    else:
        yield well("this machine's clock and the database's agree")


def examine_partitions(installation: Installation) -> Iterator[Finding]:
    """Whether tomorrow's results have a table to go to."""
    with installation.healthmgr.engine.connect() as connection:
        now: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        bounds = [str(bound) for bound in connection.execute(_BOUNDS).scalars()]
    for day, moment in (("today", now), ("tomorrow", now + timedelta(days=1))):
        if not any(_covers(bound, moment) for bound in bounds):
            yield fail(
                f"there is no partition for {day}'s results",
                "see that a beat and a worker on queue upkeep run: they make the day tables ahead",
            )
            return
    yield well(f"results have {len(bounds)} day partitions, tomorrow's among them")


def _covers(bound: str, moment: datetime) -> bool:
    if bound == "DEFAULT":
        return False
    found = _FROM_TO.search(bound)
    return bool(found) and datetime.fromisoformat(found[1]) <= moment < datetime.fromisoformat(found[2])  # type: ignore[index]
