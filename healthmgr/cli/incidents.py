"""`healthmgr incidents`: what is going on, and a person's answers to it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer
from rich.text import Text

from healthmgr.bootstrap import Healthmgr
from healthmgr.cli.command import COMMANDS
from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.incident_card import print_incident_card
from healthmgr.cli.incident_choice import WHICH_HELP, Comment, Which, answer, find
from healthmgr.cli.incident_many import Every, OfMany, Yes, acknowledge_many, is_of_many
from healthmgr.cli.lasting import For, Until, end_of
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Cursor, Json, Limit, origin, person
from healthmgr.cli.printing import Column, ago, print_json, print_lines, print_page_end, print_table, styled
from healthmgr.cli.wording import incident_name, incident_state
from healthmgr.domain.check import Severity
from healthmgr.domain.phrasing import absolute
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.commanding import Act
from healthmgr.views_incidents import IncidentLine

incidents_app = typer.Typer(
    cls=SpeakingGroup,
    no_args_is_help=True,
    help="What is going on, who has it in hand, and what was told to whom.",
    epilog=EXIT_CODES,
)


class IncidentState(StrEnum):
    """Which incidents `incidents list` shows."""

    OPEN = "open"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    ALL = "all"


@incidents_app.command("list")
def list_incidents(
    state: Annotated[
        IncidentState, typer.Option(help="Which incidents; open is everything that is not resolved.")
    ] = IncidentState.OPEN,
    severity: Annotated[Severity | None, typer.Option(help="Only incidents that reached this severity.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List incidents, newest first."""
    with opened() as healthmgr:
        page = healthmgr.reading.incidents(
            state=state.value, severity=severity.value if severity else None, cursor=cursor, limit=limit
        )
        now = healthmgr.clock.now()
    if as_json:
        print_json(page)
        return
    if not page.items:
        print_lines("No open incidents." if state is IncidentState.OPEN else "No incident fits.")
        return
    _print_table(page.items, now)
    print_page_end(page.next_cursor, len(page.items), "incidents")


def _print_table(incidents: list[IncidentLine], now: datetime) -> None:
    columns = (
        Column("inc", is_number=True),
        Column("severity"),
        Column("state", max_width=24),
        Column("opened"),
        Column("alerts", is_number=True),
        Column("whose", max_width=16),
        Column("what", is_flexible=True, is_wrapped=True),
    )
    rows: list[list[str | Text]] = [
        [
            incident_name(incident.number),
            styled(incident.severity),
            incident_state(incident),
            ago(incident.opened_at, now),
            f"{incident.open_alerts}/{incident.alerts}",
            incident.assignee or "-",
            incident.title,
        ]
        for incident in incidents
    ]
    print_table(columns, rows)


@incidents_app.command("show")
def show_incident(
    which: Which,
    whole: Annotated[bool, typer.Option("--all", help="The whole timeline, not only its end.")] = False,
    as_json: Json = False,
) -> None:
    """Show all that a person needs to act: what broke, who has it, who was told and who was not, and why."""
    with opened() as healthmgr:
        incident = healthmgr.reading.incident(find(healthmgr, which))
        now = healthmgr.clock.now()
    if as_json:
        print_json(incident)
        return
    print_incident_card(incident, now, whole=whole)


@incidents_app.command("ack")
def acknowledge(
    which: Annotated[str, typer.Argument(metavar="[INCIDENT]", help=WHICH_HELP)] = "",
    every: Every = False,
    matchers: OfMany = None,
    yes: Yes = False,
    lasts_for: For = "",
    until: Until = "",
    comment: Comment = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Say that you have it in hand: nobody is told of it again, until something is new or the time is over.

    With --all or --matchers, that you have many in hand; how many there are is said first.
    """
    if is_of_many(which, every, matchers, yes):
        acknowledge_many(matchers or [], yes, lasts_for, until, comment, actor, as_json)
        return

    def act(healthmgr: Healthmgr, incident_id: UUID, now: datetime) -> str:
        end = end_of(lasts_for, until, now)
        healthmgr.answering.acknowledge(
            incident_id, actor=person(actor), origin=origin(), now=now, comment=comment, until=end
        )
        return "Acknowledged" + (f" until {absolute(end)}" if end else "")

    answer(which, act, as_json)


@incidents_app.command("unack")
def unacknowledge(which: Which, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Take an acknowledgement or a snooze back: people are told again at once."""

    def act(healthmgr: Healthmgr, incident_id: UUID, now: datetime) -> str:
        healthmgr.answering.unacknowledge(incident_id, actor=person(actor), origin=origin(), now=now, comment=comment)
        return "In nobody's hands any more"

    answer(which, act, as_json)


@incidents_app.command("snooze")
def snooze(
    which: Which,
    lasts_for: For = "",
    until: Until = "",
    comment: Comment = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Put it off: nobody is told of it until then, and everybody whom its plan names if it still fires."""

    def act(healthmgr: Healthmgr, incident_id: UUID, now: datetime) -> str:
        end = end_of(lasts_for, until, now)
        if end is None:
            raise DefinitionError([Problem("say how long, such as --for 1h, or --until a time")])
        healthmgr.answering.snooze(
            incident_id, until=end, actor=person(actor), origin=origin(), now=now, comment=comment
        )
        return f"Snoozed until {absolute(end)}"

    answer(which, act, as_json)


@incidents_app.command("assign")
def assign(
    which: Which,
    to: Annotated[str, typer.Argument(metavar="PERSON", help="Whose it is from now on.")] = "",
    nobody: Annotated[bool, typer.Option("--nobody", help="Take it from whoever has it.")] = False,
    comment: Comment = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Say whose it is; the new one is told, unless it is you."""
    if bool(to.strip()) == nobody:
        raise DefinitionError([Problem("name a person, or say --nobody")])

    def act(healthmgr: Healthmgr, incident_id: UUID, now: datetime) -> str:
        whose = None if nobody else to.strip()
        assigned = healthmgr.commanding.assign(incident_id, whose, Act(person(actor), origin(), now, comment))
        if assigned.targets:
            return f"{whose}'s, who is told over {', '.join(target.channel for target in assigned.targets)}"
        return f"{whose}'s" if whose else "Nobody's"

    answer(which, act, as_json)


@incidents_app.command("comment")
def add_comment(
    which: Which,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What those who come later should know.")],
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Add a word to the timeline, also when it is over."""

    def act(healthmgr: Healthmgr, incident_id: UUID, now: datetime) -> str:
        healthmgr.answering.comment(incident_id, text=text, actor=person(actor), origin=origin(), now=now)
        return "Noted"

    answer(which, act, as_json)


@incidents_app.command("resolve")
def resolve(which: Which, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Close all of its alerts by hand; each stays closed until its check changes, or for an hour while it is bad."""

    def act(healthmgr: Healthmgr, incident_id: UUID, now: datetime) -> str:
        healthmgr.answering.resolve(incident_id, actor=person(actor), origin=origin(), now=now, comment=comment)
        return "Resolved"

    answer(which, act, as_json)


for _name, _command in COMMANDS:
    incidents_app.command(_name)(_command)
