"""How long something holds that a person says in a terminal: `--for 2h`, or `--until` a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated

import typer

from healthmgr.domain.quantity import parse_duration
from healthmgr.errors import DefinitionError, Problem

For = Annotated[str, typer.Option("--for", metavar="LENGTH", help="How long, such as 30m, 2h or 1d.")]
Until = Annotated[
    str,
    typer.Option(
        "--until",
        metavar="TIME",
        help="Until when: 2026-11-24T18:00Z, or 18:00 for the next time it is that late (UTC).",
    ),
]


def end_of(lasts_for: str, until: str, now: datetime) -> datetime | None:
    """When it ends; None where neither is said. Raises DefinitionError for both, and for what is no time to come."""
    if lasts_for and until:
        raise DefinitionError([Problem("say either how long or until when, not both", path="--until")])
    try:
        if lasts_for:
            return now + parse_duration(lasts_for)
        return moment_of(until, now) if until else None
    except (ValueError, OverflowError) as error:
        raise DefinitionError([Problem(str(error), path="--for" if lasts_for else "--until")]) from error


def moment_of(text: str, now: datetime, timezone: tzinfo = UTC) -> datetime:
    """A moment in ISO 8601, in `timezone` where it names none; or the next time it is so late. Raises ValueError."""
    bare = text.strip()
    if len(bare) <= len("18:00:00") and ":" in bare:
        clock = datetime.strptime(bare, "%H:%M:%S" if bare.count(":") > 1 else "%H:%M").time()  # noqa: DTZ007
        today = datetime.combine(now.astimezone(timezone), clock, timezone)
        return today if today > now else today + timedelta(days=1)
    at = datetime.fromisoformat(bare)
    return at if at.tzinfo else at.replace(tzinfo=timezone)
