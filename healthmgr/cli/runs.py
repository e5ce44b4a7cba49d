"""`healthmgr runs`: what runbooks have done, are doing, and how one is stopped."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from healthmgr.bootstrap import Healthmgr
from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.incident_choice import Comment
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, Limit, origin, person
from healthmgr.cli.printing import Column, ago, print_json, print_lines, print_table
from healthmgr.cli.run_card import print_run_card, run_state
from healthmgr.cli.wording import incident_name
from healthmgr.domain.run_state import RunState
from healthmgr.errors import NotFound
from healthmgr.services.commanding import Act
from healthmgr.views_recovery import RunCard

runs_app = typer.Typer(
    cls=SpeakingGroup,
    no_args_is_help=True,
    help="What runbooks did, do, and wait for.",
    epilog=EXIT_CODES,
)

Which = Annotated[str, typer.Argument(metavar="RUN", help="A run's number (12 or '#12') or its id.")]

_COLUMNS = (
    Column("run"),
    Column("runbook", max_width=24),
    Column("target", max_width=24),
    Column("state"),
    Column("incident"),
    Column("began"),
    Column("why", is_flexible=True),
)


@runs_app.callback()
def runs() -> None:
    """What runbooks did, do, and wait for."""


@runs_app.command("list")
def show_all(
    runbook: Annotated[str | None, typer.Option("--runbook", metavar="NAME", help="Only of this runbook.")] = None,
    check: Annotated[str | None, typer.Option("--check", metavar="SLUG", help="Only for this check.")] = None,
    state: Annotated[RunState | None, typer.Option("--state", help="Only those in this state.")] = None,
    incident: Annotated[
        int | None, typer.Option("--incident", metavar="NUMBER", min=1, max=10**18, help="Only of this incident.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List runs, the newest first."""
    with opened() as healthmgr:
        found = healthmgr.recovery.reading.runs(
            limit=limit, runbook=runbook, check=check, state=state.value if state else None, incident=incident
        )
        now = healthmgr.clock.now()
    if as_json:
        print_json({"items": found})
        return
    if not found:
        print_lines("There are no such runs.")
        return
    print_table(
        _COLUMNS,
        (
            (
                f"#{run.number}",
                run.runbook,
                run.target,
                run_state(run),
                incident_name(run.incident_number),
                ago(run.created_at, now),
                run.words or run.reason.replace("_", " "),
            )
            for run in found
        ),
    )


@runs_app.command("show")
def show(which: Which, as_json: Json = False) -> None:
    """Show a run: why it began, what each step came to, what was asked, and what happened."""
    with opened() as healthmgr:
        found = run_of(healthmgr, which)
        now = healthmgr.clock.now()
    if as_json:
        print_json(found)
        return
    print_run_card(found, now)


@runs_app.command("cancel")
def cancel(
    which: Which,
    rolls_back: Annotated[bool, typer.Option("--rollback", help="Undo what was done, as its steps say.")] = False,
    comment: Comment = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """End a run; a step that is under way is finished first."""
    with opened() as healthmgr:
        run_id: UUID = run_of(healthmgr, which).run.id
        act = Act(person(actor), origin(), healthmgr.clock.now(), comment)
        healthmgr.recovery.recovering.cancel(run_id, act, rolls_back=rolls_back)
        found = run_of(healthmgr, str(run_id))
    if as_json:
        print_json(found)
        return
    state = RunState(found.run.state)
    number = found.run.number
    if state is RunState.ROLLING_BACK:
        print_lines(f"Run #{number} is undoing what it did.")
    elif state.is_over:
        print_lines(f"Run #{number} is cancelled.")
    else:
        print_lines(f"Run #{number} is cancelled as soon as the step that is under way has ended.")


@runs_app.command("undo")
def undo(which: Which, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Undo what a run that is over left behind, as its steps say."""
    with opened() as healthmgr:
        run_id: UUID = run_of(healthmgr, which).run.id
        act = Act(person(actor), origin(), healthmgr.clock.now(), comment)
        healthmgr.recovery.recovering.undo(run_id, act)
        found = run_of(healthmgr, str(run_id))
    if as_json:
        print_json(found)
        return
    print_lines(f"Run #{found.run.number} is undoing what it did.")


def run_of(healthmgr: Healthmgr, which: str) -> RunCard:
    """The run that is meant; raises NotFound."""
    found = healthmgr.recovery.reading.run(which.strip())
    if found is None:
        raise NotFound(f"There is no run {which!r}: name its number, as `healthmgr runs list` shows them")
    return found
