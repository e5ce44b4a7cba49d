"""`healthmgr oncall`: who is on call, now and in the coming days, and who would be told."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.oncall_card import print_schedule, print_who
from healthmgr.cli.oncall_changes import add_override, add_temporary, list_changes, remove_change
from healthmgr.cli.oncall_swaps import swap_app
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Json
from healthmgr.cli.printing import Column, print_json, print_lines, print_table, print_verbatim, styled
from healthmgr.domain.calendar import zone
from healthmgr.domain.check import Severity
from healthmgr.domain.civil import TIME_HELP, local, moment_at
from healthmgr.errors import NotFound
from healthmgr.services.subscribing import Subject
from healthmgr.storage.reading_oncall import MOST_DAYS
from healthmgr.views_oncall import ScheduleLineView

oncall_app = typer.Typer(
    cls=SpeakingGroup, no_args_is_help=True, help="Who is on call, and who would be told.", epilog=EXIT_CODES
)

ScheduleName = Annotated[str, typer.Argument(metavar="SCHEDULE", help="The schedule, as in the definitions.")]


@oncall_app.callback()
def oncall() -> None:
    """Who is on call, and who would be told."""


@oncall_app.command("list")
def list_schedules(as_json: Json = False) -> None:
    """List the schedules, with who is on call now."""
    with opened() as healthmgr:
        now = healthmgr.now()
        found = healthmgr.oncall.reading.schedules(now)
    if as_json:
        print_json({"items": found})
        return
    if not found:
        print_lines("There are no schedules: `healthmgr apply` takes those of a definitions file over.")
        return
    columns = (
        Column("schedule", max_width=24), Column("on call", max_width=24), Column("until"),
        Column("zone", max_width=16), Column("what is wrong", is_flexible=True, is_wrapped=True),
    )  # fmt: skip
    print_table(columns, (_row(line) for line in found))


@oncall_app.command("show")
def show(
    schedule: ScheduleName,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help=f"From when on. {TIME_HELP}")] = "now",
    days: Annotated[int, typer.Option("--days", min=1, max=MOST_DAYS, help="How many days to look ahead.")] = 14,
    as_json: Json = False,
) -> None:
    """Show who is on call, the coming shifts, gaps and double bookings, and how the burden is shared.

    Times are on the schedule's clock. Exit codes: 0 shown, 1 no such schedule, 2 bad usage, 3 no database.
    """
    with opened() as healthmgr:
        now = healthmgr.now()
        location = zone(healthmgr.oncall.reading.timezone(schedule))
        view = healthmgr.oncall.reading.schedule(schedule, moment_at(at, now, location, "--at"), days, now)
    if as_json:
        print_json(view)
        return
    print_schedule(view, now)


@oncall_app.command("who")
def who(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="The service, as the checks name it.")],
    labels: Annotated[
        list[str] | None, typer.Option("--label", "-l", metavar="NAME=VALUE", help="A further label of the alert.")
    ] = None,
    severity: Annotated[Severity, typer.Option(help="How bad it would be.")] = Severity.CRITICAL,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="When. As 2026-11-24T18:00Z, 18:00 (UTC).")] = "now",
    as_json: Json = False,
) -> None:
    """Say who would be told of an alert of a service: which routes, which policy, who at each level, over what.

    Silences, maintenance and the hours of routes are not judged.
    """
    given = {"service": service}
    for text in labels or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise typer.BadParameter(f"{text!r} is no label: write NAME=VALUE, such as team=web")
        given[name] = value
    with opened() as healthmgr:
        moment = moment_at(at, healthmgr.now(), zone("UTC"), "--at")
        view = healthmgr.oncall.reading.who(given, severity, moment)
    if as_json:
        print_json(view)
        return
    print_who(view)


@oncall_app.command("export")
def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A schedule; with --person, a person.")],
    is_person: Annotated[bool, typer.Option("--person", help="NAME is a person's.")] = False,
    wants_address: Annotated[
        bool, typer.Option("--address", help="Print where calendars can subscribe to it; who knows it needs no token.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the shifts of a schedule or person as a calendar (iCalendar), from a week ago on for three months."""
    subject = Subject.PERSON if is_person else Subject.SCHEDULE
    with opened() as healthmgr:
        subscribing = healthmgr.oncall.subscribing
        try:
            found = subscribing.calendar(subject, name, healthmgr.now())
        except NotFound as error:
            hint = " Add --person for a person's." if subject is Subject.SCHEDULE else ""
            raise NotFound(f"{error}{hint}") from error
        address = subscribing.address(subject, name, healthmgr.settings.public_url)
    if as_json:
        print_json({"subject": subject.value, "name": name, "address": address, "calendar": found.text})
    elif wants_address:
        print_verbatim(address)
    else:
        typer.echo(found.text, nl=False)


oncall_app.command("override")(add_override)
oncall_app.command("temporary")(add_temporary)
oncall_app.command("changes")(list_changes)
oncall_app.command("overrides", hidden=True)(list_changes)
oncall_app.command("remove")(remove_change)
oncall_app.add_typer(swap_app, name="swap")


def _row(line: ScheduleLineView) -> tuple[str | Text, ...]:
    location = zone(line.timezone)
    people = styled("", ", ".join(line.on_call)) if line.on_call else styled("failed", "nobody")
    ends = local(line.until, location) if line.until else "-"
    return line.name, people, ends, line.timezone, "; ".join(line.faults)
