"""`healthmgr oncall override`, `temporary`, `changes` and `remove`: who is on call for a while."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import typer

from healthmgr.bootstrap import Healthmgr
from healthmgr.cli.oncall_card import change_words
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, origin, person
from healthmgr.cli.printing import print_json, print_lines, styled
from healthmgr.domain.calendar import zone
from healthmgr.domain.civil import TIME_HELP, local, moments_between, until
from healthmgr.domain.roster import Changed, read_shift
from healthmgr.domain.schedule import Override, Temporary
from healthmgr.errors import Conflict, DefinitionError, NotFound, Problem
from healthmgr.services.rostering import Hand
from healthmgr.views_oncall import ChangeView

ScheduleName = Annotated[str, typer.Argument(metavar="SCHEDULE", help="The schedule, as in the definitions.")]
From = Annotated[str, typer.Option("--from", metavar="TIME", help=f"When it begins. {TIME_HELP}")]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="When it ends, written the same way.")]
Comment = Annotated[str, typer.Option("--comment", "-m", help="Why.")]


def add_override(
    schedule: ScheduleName,
    ends: To,
    begins: From = "now",
    add: Annotated[str, typer.Option("--add", metavar="PERSON", help="Who is on call besides.")] = "",
    remove: Annotated[str, typer.Option("--remove", metavar="PERSON", help="Who is not on call.")] = "",
    replace: Annotated[str, typer.Option("--replace", metavar="OLD:NEW", help="Who is, in whose place.")] = "",
    comment: Comment = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Put somebody on call, take somebody off, or put one in the place of another, for a while."""
    added, removed = _whom(add, remove, replace)
    with opened() as healthmgr:
        now = healthmgr.now()
        location = zone(healthmgr.oncall.reading.timezone(schedule))
        begin, end = moments_between(begins, ends, now, location)
        try:
            wanted = Override(begin, end, added, removed)
        except ValueError as error:
            raise _wrong(error) from error
        changed = healthmgr.oncall.rostering.override(schedule, wanted, _hand(actor), now, comment)
    _print_changed(changed, location, as_json)


def add_temporary(
    schedule: ScheduleName,
    ends: To,
    begins: From = "now",
    shifts: Annotated[
        list[str] | None,
        typer.Option(
            "--shift",
            metavar="PERSON",
            help="Who is on call then; 'PERSON FROM/TO' for a part of it, its times as 2026-11-24T18:00.",
        ),
    ] = None,
    comment: Comment = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Replace a schedule for a while: only these shifts hold then, neither layers nor overrides; none: nobody."""
    with opened() as healthmgr:
        now = healthmgr.now()
        location = zone(healthmgr.oncall.reading.timezone(schedule))
        begin, end = moments_between(begins, ends, now, location)
        try:
            shifts_then = [read_shift(text, begin, end, now, location, "--shift") for text in shifts or ()]
            wanted = Temporary(begin, end, tuple(shifts_then))
        except ValueError as error:
            raise _wrong(error) from error
        changed = healthmgr.oncall.rostering.replace_for_a_while(schedule, wanted, _hand(actor), now, comment)
    _print_changed(changed, location, as_json)


def list_changes(schedule: ScheduleName, as_json: Json = False) -> None:
    """List the overrides and temporary schedules that hold or are to come."""
    with opened() as healthmgr:
        location = zone(healthmgr.oncall.reading.timezone(schedule))
        found = healthmgr.oncall.reading.changes(schedule, healthmgr.now())
    if as_json:
        print_json({"items": found})
        return
    if not found:
        print_lines("Nothing changes it.")
    for change in found:
        print_lines(f"{str(change.id)[-8:]}  {change_words(change, location)}")


def remove_change(
    schedule: ScheduleName,
    which: Annotated[str, typer.Argument(metavar="ID", help="Its id, or a unique beginning or end of it.")],
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Take back an override or a temporary schedule; of one that has begun, what is still to come."""
    with opened() as healthmgr:
        now = healthmgr.now()
        location = zone(healthmgr.oncall.reading.timezone(schedule))
        change_id = _choose(healthmgr, schedule, which, now)
        view = ChangeView.of(healthmgr.oncall.rostering.remove(change_id, _hand(actor), now))
    if as_json:
        print_json(view)
        return
    print_lines(f"Taken back: {change_words(view, location)}")


def chosen(ids: list[UUID], which: str, noun: str) -> UUID:
    """The only one of these ids that begins or ends so. Raises NotFound and Conflict."""
    wanted = which.strip().lower()
    found = [one for one in ids if wanted and (str(one).startswith(wanted) or str(one).endswith(wanted))]
    if not found:
        raise NotFound(f"There is no {noun} {which!r}.")
    if len(found) > 1:
        raise Conflict(f"{which!r} fits {len(found)}: {', '.join(map(str, found[:5]))}. Give more of the id.")
    return found[0]


def _choose(healthmgr: Healthmgr, schedule: str, which: str, now: datetime) -> UUID:
    return chosen([one.id for one in healthmgr.oncall.reading.changes(schedule, now)], which, "change")


def _whom(add: str, remove: str, replace: str) -> tuple[str, str]:
    if sum(map(bool, (add, remove, replace))) != 1:
        raise typer.BadParameter("say one of --add PERSON, --remove PERSON and --replace OLD:NEW")
    if not replace:
        return add, remove
    old, colon, new = replace.partition(":")
    if not colon or not old or not new:
        raise typer.BadParameter(f"--replace {replace!r}: write OLD:NEW, such as alice:bob")
    return new, old


def _hand(actor: str) -> Hand:
    return Hand(person(actor), origin())


def _wrong(error: ValueError) -> DefinitionError:
    path, _, message = str(error).partition(": ")
    return DefinitionError([Problem(message or path, path=path if message else "")])


def _print_changed(changed: Changed, location: ZoneInfo, as_json: bool) -> None:
    view = ChangeView.of_changed(changed)
    if as_json:
        print_json(view)
        return
    print_lines(f"{str(view.id)[-8:]}  {change_words(view, location)}")
    for span in view.unattended:
        end = until(span.ends_at, span.starts_at, location)
        print_lines(styled("failed", f"Nobody is on call from {local(span.starts_at, location)} to {end}."))
