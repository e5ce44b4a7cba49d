"""`healthmgr maintenance`: planned work, during which alerts are held back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.hits import DryRun, Matchers, print_hits
from healthmgr.cli.lasting import For, moment_of
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, origin, person
from healthmgr.cli.printing import Column, ago, moment, print_facts, print_json, print_lines, print_table, styled
from healthmgr.domain.calendar import zone
from healthmgr.domain.maintenance import Window
from healthmgr.domain.phrasing import absolute, span
from healthmgr.domain.quantity import parse_duration
from healthmgr.domain.silence import read_matchers
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.maintaining import Plan, read_window
from healthmgr.views_muting import HitsView, MaintenanceView, OccurrenceView

maintenance_app = typer.Typer(
    cls=SpeakingGroup,
    no_args_is_help=True,
    help="Planned work: windows in which alerts are held back.",
    epilog=EXIT_CODES,
)

_TONES = {"open": "snoozed", "waiting": "low", "over": "skipped"}

Name = Annotated[str, typer.Argument(metavar="NAME", help="The window's name.")]
Comment = Annotated[str, typer.Option("--comment", "-m", help="Why, for those who wonder about the quiet.")]
Covers = Annotated[
    bool, typer.Option("--covers-dependents", help="Also hold back checks that depend on those that fit.")
]


@maintenance_app.callback()
def maintenance() -> None:
    """Planned work: windows in which alerts are held back."""


@maintenance_app.command("add")
def add(
    name: Name,
    matchers: Annotated[
        list[str],
        typer.Option("--matchers", metavar="MATCHER", help="Which alerts, as service=shop; may be given again."),
    ],
    comment: Comment,
    begins: Annotated[
        str, typer.Option("--from", metavar="TIME", help="When it begins, as 2026-11-24T22:00Z; default: now.")
    ] = "",
    ends: Annotated[str, typer.Option("--to", metavar="TIME", help="When it ends.")] = "",
    cron: Annotated[str, typer.Option("--cron", help="When it begins each time, as '0 2 * * 0'; with --for.")] = "",
    rrule: Annotated[
        str, typer.Option("--rrule", help="... by iCalendar's rule, as 'FREQ=WEEKLY;BYDAY=SU', counted from --from.")
    ] = "",
    lasts_for: For = "",
    timezone: Annotated[str, typer.Option("--timezone", metavar="ZONE", help="Of times that name none.")] = "UTC",
    covers_dependents: Covers = False,
    actor: Actor = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Plan work, once or again and again: alerts that fit are told when it is over, if they are still broken.

    They go on being watched. What was told before gets its all-clear.
    """
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        window = _window(begins, ends, cron, rrule, lasts_for, timezone, now)
        plan = Plan(name, read_matchers(matchers), window, comment, covers_dependents)
        hits = HitsView.of(healthmgr.maintaining.preview(plan.matchers, covers_dependents=covers_dependents))
        if dry_run:
            planned = healthmgr.maintaining.try_out(plan, actor=person(actor), now=now)
        else:
            planned = healthmgr.maintaining.add(plan, actor=person(actor), origin=origin(), now=now)
    view = MaintenanceView.of(planned, now)
    if as_json:
        print_json({"window": view, "hits": hits, "is_saved": not dry_run})
        return
    print_lines(f"{'Would be planned' if dry_run else 'Planned'}: {view.name}, {_when(view, now)}")
    if view.current:
        print_hits(hits)


@maintenance_app.command("list")
def list_windows(as_json: Json = False) -> None:
    """List maintenance windows: whether they are open, when they are next, and who defines them."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        views = [MaintenanceView.of(window, now) for window in healthmgr.maintaining.list()]
    if as_json:
        print_json({"items": views})
        return
    if not views:
        print_lines("No maintenance is planned.")
        return
    columns = (
        Column("name", max_width=20),
        Column("state"),
        Column("until"),
        Column("next", max_width=30),
        Column("of", max_width=16),
        Column("matchers", is_flexible=True, is_wrapped=True),
    )
    rows: list[list[str | Text]] = [
        [
            view.name,
            styled(_TONES[view.state], view.state),
            ago(view.current.ends_at, now) if view.current else "-",
            absolute(view.next.starts_at) if view.next else "-",
            view.managed_by,
            ", ".join(view.matchers),
        ]
        for view in views
    ]
    print_table(columns, rows)


@maintenance_app.command("show")
def show(name: Name, as_json: Json = False) -> None:
    """Show a maintenance window, and what it holds back now."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        window = healthmgr.maintaining.get(name)
        hits = healthmgr.maintaining.hits(window)
    view = MaintenanceView.of(window, now)
    if as_json:
        print_json({"window": view, "hits": HitsView.of(hits)})
        return
    print_facts(_facts(view, now))
    if view.current:
        print_hits(HitsView.of(hits))


@maintenance_app.command("end")
def end(
    name: Name,
    comment: Annotated[str, typer.Option("--comment", "-m", help="Kept with the action.")] = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """End the occurrence that is open now, also of a window that a file defines; the next one comes.

    What was held back and is still broken is told.
    """
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        ended = healthmgr.maintaining.end(name, actor=person(actor), origin=origin(), now=now, comment=comment)
    view = MaintenanceView.of(ended, now)
    if as_json:
        print_json(view)
        return
    following = f"; it opens again at {absolute(view.next.starts_at)}" if view.next else ""
    print_lines(f"Over: {view.name}{following}")


@maintenance_app.command("delete")
def delete(name: Name, actor: Actor = "", as_json: Json = False) -> None:
    """Delete a window that no file defines; what it held back and is still broken is told."""
    with opened() as healthmgr:
        healthmgr.maintaining.delete(name, actor=person(actor), origin=origin(), now=healthmgr.clock.now())
    if as_json:
        print_json({"name": name, "deleted": True})
    else:
        print_lines(f"Deleted: {name}")


@maintenance_app.command("preview")
def preview(matchers: Matchers, covers_dependents: Covers = False, as_json: Json = False) -> None:
    """Show what a window with these matchers would hold back now; nothing is changed."""
    with opened() as healthmgr:
        hits = healthmgr.maintaining.preview(read_matchers(matchers), covers_dependents=covers_dependents)
    if as_json:
        print_json(HitsView.of(hits))
        return
    print_hits(HitsView.of(hits))


def _window(begins: str, ends: str, cron: str, rrule: str, lasts_for: str, timezone: str, now: datetime) -> Window:
    """When it is open. Raises DefinitionError for options that do not go together."""
    if cron and rrule:
        raise _wrong("--rrule", "does not go with --cron: keep one of them")
    if ends and (cron or rrule or lasts_for):
        raise _wrong("--to", f"does not go with {'--cron' if cron else '--rrule' if rrule else '--for'}")
    if not (ends or lasts_for):
        raise _wrong("--for", "say how long it lasts, such as 2h, or --to when it ends")
    if cron and begins:
        raise _wrong("--from", "does not go with --cron")
    if rrule and not begins:
        raise _wrong("--from", "say when it begins first: a rule is counted from there")
    start = _time("--from", begins, timezone, now) if begins else now
    if cron:
        document: dict[str, Any] = {"cron": cron, "duration": lasts_for, "timezone": timezone}
    elif rrule:
        document = {"rrule": rrule, "dtstart": start, "duration": lasts_for, "timezone": timezone}
    else:
        document = {"starts_at": start, "ends_at": _end(ends, lasts_for, timezone, start)}
    return read_window(document)


def _end(ends: str, lasts_for: str, timezone: str, start: datetime) -> datetime:
    if ends:
        return _time("--to", ends, timezone, start)
    try:
        return start + parse_duration(lasts_for)
    except (ValueError, OverflowError) as error:
        raise _wrong("--for", str(error)) from error


def _time(option: str, text: str, timezone: str, now: datetime) -> datetime:
    try:
        return moment_of(text, now, zone(timezone))
    except (ValueError, OverflowError) as error:
        raise _wrong(option, str(error)) from error


def _wrong(option: str, message: str) -> DefinitionError:
    return DefinitionError([Problem(message, path=option)])


def _when(view: MaintenanceView, now: datetime) -> str:
    if view.current:
        return f"open until {moment(view.current.ends_at, now)}"
    return f"opens {_spelled(view.next)}" if view.next else "never open again"


def _spelled(occurrence: OccurrenceView) -> str:
    return span(occurrence.starts_at, occurrence.ends_at)


def _facts(view: MaintenanceView, now: datetime) -> list[tuple[str, str | Text]]:
    return [
        ("name", view.name),
        ("state", styled(_TONES[view.state], view.state)),
        ("open until", moment(view.current.ends_at, now) if view.current else ""),
        ("next", _spelled(view.next) if view.next else ""),
        ("when", _as_written(view.window)),
        ("matchers", ", ".join(view.matchers)),
        ("covers", "what depends on these as well" if view.covers_dependents else ""),
        ("comment", view.comment),
        ("by", view.created_by),
        ("defined by", view.managed_by),
        ("ended early", moment(view.ended_at, now)),
    ]


def _as_written(window: Mapping[str, Any]) -> str:
    return ", ".join(f"{field} {value}" for field, value in window.items())
