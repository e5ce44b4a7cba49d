"""`healthmgr changes`: deployments and other changes, for what breaks soon after."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer

from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.lasting import moment_of
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, Limit, origin, person
from healthmgr.cli.printing import Column, ago, print_json, print_lines, print_table
from healthmgr.domain.cause import Changed
from healthmgr.domain.quantity import parse_duration
from healthmgr.errors import DefinitionError, Problem
from healthmgr.views_insight import ChangeView

changes_app = typer.Typer(
    cls=SpeakingGroup,
    no_args_is_help=True,
    help="Deployments and other changes, for what breaks soon after.",
    epilog=EXIT_CODES,
)

Service = Annotated[str, typer.Option("--service", "-s", metavar="NAME", help="The service that was changed.")]


@changes_app.callback()
def changes() -> None:
    """Deployments and other changes, for what breaks soon after."""


@changes_app.command("list")
def list_changes(
    service: Service = "",
    since: Annotated[str, typer.Option("--since", metavar="LENGTH", help="How far back, such as 2h or 7d.")] = "24h",
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List what was changed, the latest first."""
    try:
        length = parse_duration(since)
    except ValueError as error:
        raise DefinitionError([Problem(str(error), path="--since")]) from error
    with opened() as healthmgr:
        now = healthmgr.now()
        found = healthmgr.insight.changing.find(since=now - length, service=service, limit=limit)
    if as_json:
        print_json({"items": [ChangeView.of(each) for each in found]})
        return
    if not found:
        print_lines("No change was reported in that time.")
        return
    columns = (Column("made"), Column("service"), Column("version"), Column("by"), Column("what", is_flexible=True))
    rows = (
        (ago(each.changed.at, now), each.changed.service, each.changed.version, each.changed.by, each.changed.title)
        for each in found
    )
    print_table(columns, rows)


@changes_app.command("add")
def add(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What was changed, in a few words.")],
    service: Service = "",
    version: Annotated[str, typer.Option("--version", metavar="VERSION", help="What it is now.")] = "",
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="When: 2026-11-24T18:00Z or 18:00; default: now.")
    ] = "",
    link: Annotated[str, typer.Option("--link", metavar="ADDRESS", help="Where to read more.")] = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Report a change: what breaks soon after on the same service is traced back to it."""
    with opened() as healthmgr:
        now = healthmgr.now()
        made_at = _made_at(at, now)
        changed = Changed(service, title, made_at, version, person(actor), link)
        changing = healthmgr.insight.changing
        kept = changing.get(changing.report(changed, source="cli", actor=person(actor), origin=origin(), now=now))
    if as_json:
        print_json(ChangeView.of(kept))
        return
    what = f" of {service}" if service else ""
    print_lines(f"Noted: {kept.changed.title}{what}.")


def _made_at(text: str, now: datetime) -> datetime:
    """When it was made: what is only a time of day is the last time that it was so late."""
    if not text:
        return now
    try:
        at = moment_of(text, now)
    except ValueError as error:
        raise DefinitionError([Problem(str(error), path="--at")]) from error
    return at - timedelta(days=1) if at > now and "-" not in text else at
