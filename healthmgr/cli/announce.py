"""`healthmgr announce`: what everybody is told on the status page."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.lasting import For, Until, end_of, moment_of
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, origin, person
from healthmgr.cli.printing import Column, ago, moment, print_facts, print_json, print_lines, print_table
from healthmgr.domain.announcement import Impact, Kind, State, Wanted
from healthmgr.errors import DefinitionError, Problem
from healthmgr.views_public import AnnouncementView

announce_app = typer.Typer(
    cls=SpeakingGroup,
    no_args_is_help=True,
    help="Tell everybody, on the status page: of trouble, and of planned work.",
    epilog=EXIT_CODES,
)

Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="The announcement's number.")]
Message = Annotated[str, typer.Option("--message", "-m", help="What people should know.")]
Title = Annotated[str, typer.Argument(metavar="TITLE", help="The news in one line.")]
Groups = Annotated[
    list[str] | None, typer.Option("--group", "-g", metavar="NAME", help="A group of the page that it is about.")
]


@announce_app.callback()
def announce() -> None:
    """Tell everybody, on the status page: of trouble, and of planned work."""


@announce_app.command("incident")
def incident(
    title: Title,
    message: Message,
    group: Groups = None,
    impact: Annotated[Impact, typer.Option(help="What the groups feel of it.")] = Impact.DEGRADED,
    state: Annotated[State, typer.Option(help="How far it has come.")] = State.INVESTIGATING,
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Tell of trouble; it stays until `announce update NUMBER resolved`."""
    _publish(Wanted(Kind.INCIDENT, title, message, impact, tuple(group or ()), state), actor, as_json)


@announce_app.command("maintenance")
def maintenance(
    title: Title,
    message: Message,
    group: Groups = None,
    starts: Annotated[str, typer.Option("--starts", metavar="TIME", help="When it begins; default: now.")] = "",
    lasts_for: For = "",
    until: Until = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Tell of planned work; it begins and ends by itself. To hold alerts back: `healthmgr maintenance add`."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
    try:
        starts_at = moment_of(starts, now) if starts else now
    except ValueError as error:
        raise DefinitionError([Problem(str(error), path="--starts")]) from error
    ends_at = end_of(lasts_for, until, starts_at)
    wanted = Wanted(
        Kind.MAINTENANCE, title, message, Impact.NONE, tuple(group or ()), starts_at=starts_at, ends_at=ends_at
    )
    _publish(wanted, actor, as_json)


@announce_app.command("update")
def update(
    number: Number,
    state: Annotated[State, typer.Argument(metavar="STATE", help="How far it has come, such as identified.")],
    message: Message,
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Tell what is new of it; `resolved` and `completed` end it."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        updated = healthmgr.public.announcing.update(
            number, state, message, actor=person(actor), origin=origin(), now=now
        )
    _say("Updated", AnnouncementView.of(updated, now), as_json)


@announce_app.command("withdraw")
def withdraw(number: Number, actor: Actor = "", as_json: Json = False) -> None:
    """Take it off the page, as if it had never been said."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        healthmgr.public.announcing.withdraw(number, actor=person(actor), origin=origin(), now=now)
    if as_json:
        print_json({"number": number, "withdrawn": True})
    else:
        print_lines(f"Withdrawn: {number}")


@announce_app.command("list")
def list_announcements(
    show_all: Annotated[bool, typer.Option("--all", help="Also what is over.")] = False, as_json: Json = False
) -> None:
    """List what everybody is told, the newest first."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        found = [AnnouncementView.of(one, now) for one in healthmgr.public.announcing.list()]
    views = [one for one in found if show_all or not one.is_over]
    if as_json:
        print_json({"items": views})
        return
    if not views:
        print_lines("Nothing is announced: `healthmgr announce incident TITLE -m MESSAGE` tells everybody.")
        return
    columns = (
        Column("number"), Column("kind"), Column("state"), Column("since"), Column("groups", max_width=30),
        Column("title", is_flexible=True, is_wrapped=True),
    )  # fmt: skip
    rows = [
        [str(one.number), one.kind.value, one.state.value, ago(one.starts_at, now), ", ".join(one.groups), one.title]
        for one in views
    ]
    print_table(columns, rows)


@announce_app.command("show")
def show(number: Number, as_json: Json = False) -> None:
    """Show an announcement with all that was said, and by whom."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        view = AnnouncementView.of(healthmgr.public.announcing.get(number), now)
    if as_json:
        print_json(view)
        return
    print_facts(_facts(view, now))


def _publish(wanted: Wanted, actor: str, as_json: bool) -> None:
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        made = healthmgr.public.announcing.publish(wanted, actor=person(actor), origin=origin(), now=now)
    _say("Published", AnnouncementView.of(made, now), as_json)


def _say(verb: str, view: AnnouncementView, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    print_lines(f"{verb}: {view.number}, {view.title} ({view.state})")
    if not view.is_over:
        closing = "resolved" if view.kind is Kind.INCIDENT else "completed"
        print_lines(f"What is new of it: healthmgr announce update {view.number} {closing} -m ...")


def _facts(view: AnnouncementView, now: datetime) -> list[tuple[str, str]]:
    return [
        ("title", view.title),
        ("kind", view.kind.value),
        ("state", view.state.value),
        ("groups", ", ".join(view.groups) or "all"),
        ("impact", view.impact.value),
        ("starts", moment(view.starts_at, now)),
        ("ends", moment(view.ends_at, now) if view.ends_at else ""),
        ("by", view.created_by),
        *((said.state.value, f"{said.message} ({said.author}, {ago(said.at, now)})") for said in view.updates),
    ]
