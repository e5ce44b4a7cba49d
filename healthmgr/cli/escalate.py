"""`healthmgr escalate simulate`: who would be told of an alert that nobody answers, and when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer

from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.lasting import moment_of
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Json
from healthmgr.cli.printing import Column, print_json, print_lines, print_table
from healthmgr.cli.routes import parse_labels
from healthmgr.domain.check import Severity
from healthmgr.domain.phrasing import absolute
from healthmgr.domain.quantity import parse_duration
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.simulating import LONGEST, MOST_ALERTS, Line, Simulation

escalate_app = typer.Typer(
    cls=SpeakingGroup,
    no_args_is_help=True,
    help="Who would be told of an alert that nobody answers, minute by minute.",
    epilog=EXIT_CODES,
)


@escalate_app.callback()
def escalate() -> None:
    """Who would be told of an alert that nobody answers, minute by minute."""


@escalate_app.command("simulate")
def simulate(
    more: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE...", help="Labels of the alert, such as service=api.")
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--labels", "-l", metavar="NAME=VALUE", help="The same as an option.")
    ] = None,
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="When it begins: 2026-11-24T18:00Z, 18:00 (UTC), or now.")
    ] = "now",
    until: Annotated[str, typer.Option("--until", metavar="LENGTH", help="How far to look, such as 2h.")] = "2h",
    alerts: Annotated[int, typer.Option("--alerts", min=1, max=MOST_ALERTS, help="How many alerts there are.")] = 1,
    as_json: Json = False,
) -> None:
    """Print minute by minute who would be told over what, and why, if nobody answered. Nothing is sent or written.

    The real routing and escalation run on an incident that exists in memory, with a moved clock: routes, policies,
    whoever is on call then, quiet hours, silences and maintenance. No severity given means high.
    """
    given = parse_labels([*(labels or ()), *(more or ())])
    severity = Severity(given.pop("severity", Severity.HIGH.value))
    with opened() as healthmgr:
        begins_at = _moment(at, healthmgr.now())
        simulation = healthmgr.simulating.simulate(
            given, severity, at=begins_at, until=begins_at + _length(until), alerts=alerts
        )
    if as_json:
        print_json(simulation)
        return
    _print(simulation)


def _print(simulation: Simulation) -> None:
    given = ", ".join(f"{name}={value}" for name, value in simulation.labels.items())
    print_lines(f"{given}, from {absolute(simulation.at)} on, while nobody answers; times count from there.")
    columns = (
        Column("after", is_number=True),
        Column("what", is_flexible=True, is_wrapped=True),
        Column("by", max_width=20),
        Column("why", is_flexible=True, is_wrapped=True),
    )
    print_table(columns, ([_after(line, simulation), line.what, line.step, _why(line)] for line in simulation.lines))
    if not any(line.recipient for line in simulation.lines):
        print_lines("Nobody would be told.")
    if not simulation.is_whole:
        print_lines("There is more of it than is shown: look less far with --until.")


def _after(line: Line, simulation: Simulation) -> str:
    seconds = int((line.at - simulation.at).total_seconds())
    return f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def _why(line: Line) -> str:
    waited = f" (waited: {line.waits})" if line.waits else ""
    return f"{line.reason}{waited}" if line.recipient else ""


def _moment(text: str, now: datetime) -> datetime:
    try:
        return now if text.strip().lower() == "now" else moment_of(text, now)
    except ValueError as error:
        raise DefinitionError([Problem(f"{text!r} is no time: {error}", path="--at")]) from error


def _length(text: str) -> timedelta:
    try:
        length = parse_duration(text)
    except (ValueError, OverflowError) as error:
        raise DefinitionError([Problem(str(error), path="--until")]) from error
    if not timedelta(0) < length <= LONGEST:
        raise DefinitionError([Problem("say a length of up to 7 days", path="--until")])
    return length
