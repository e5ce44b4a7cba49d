"""Runs of runbooks: starting one by hand, what became of it, ending it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from healthmgr.api.answer_bodies import Comment
from healthmgr.api.checks import Cursor, Limit
from healthmgr.api.command import Acting
from healthmgr.api.paging import number_before
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.api.runbooks import ASCII, Name
from healthmgr.api.security import Responder, Viewer
from healthmgr.domain.run_state import RunState
from healthmgr.errors import NotFound
from healthmgr.services.commanding import Act
from healthmgr.storage.paging import page, seal
from healthmgr.views import Page
from healthmgr.views_recovery import RunCard, RunView

router = APIRouter(tags=["runs"])

Which = Annotated[str, Path(max_length=40, pattern=ASCII, description="A run's number or its id.", examples=["12"])]


class NewRun(Comment):
    """What is to be mended. The check may be left out where the runbook names one alone."""

    check: str = Field(
        "", max_length=100, pattern=ASCII, description="The check that it is to mend.", examples=["shop"]
    )
    parameters: dict[str, Any] = Field(
        {}, max_length=100, description="In place of the runbook's own values.", examples=[{"unit": "shop"}]
    )


class Cancelling(Comment):
    """How a run is to be ended."""

    model_config = ConfigDict(extra="forbid")

    rollback: bool = Field(False, description="Undo what was done, as its steps say.", examples=[True])


@router.post("/runbooks/{name}/runs", summary="Start a run by hand", status_code=201)
def start_run(name: Name, parts: PartsDep, _: Responder, act: Acting, wanted: NewRun | None = None) -> RunCard:
    """The same rails hold as for one that starts by itself: 409 says which is in the way.

    For a critical problem somebody else has to agree; it is `awaiting_approval` then.
    """
    wanted = wanted or NewRun()
    act = Act(act.actor, act.origin, act.now, wanted.comment)
    started = parts.recovery.recovering.start(name, act, check=wanted.check, parameters=wanted.parameters)
    return run_of(parts, str(started.run_id))


@router.get("/runs", summary="List runs")
def list_runs(
    parts: PartsDep,
    _: Viewer,
    runbook: Annotated[str | None, Query(max_length=100, pattern=ASCII, description="Only of this runbook.")] = None,
    check: Annotated[str | None, Query(max_length=100, pattern=ASCII, description="Only for this check.")] = None,
    state: Annotated[RunState | None, Query(description="Only those in this state.")] = None,
    incident: Annotated[int | None, Query(ge=1, lt=10**18, description="Only of this incident.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[RunView]:
    """The newest first."""
    named = {"runbook": runbook, "check": check, "state": state.value if state else None}
    found = parts.recovery.reading.runs(limit=limit + 1, before=number_before(cursor), incident=incident, **named)
    return page(found, limit, lambda run: run, lambda run: seal(run.number))


@router.get("/runs/{which}", summary="Show a run")
def show_run(which: Which, parts: PartsDep, _: Viewer) -> RunCard:
    """Why it began, what each attempt at a step came to, what was asked and answered, and what happened."""
    return run_of(parts, which)


@router.post("/runs/{which}/cancel", summary="End a run")
def cancel_run(which: Which, parts: PartsDep, _: Responder, act: Acting, how: Cancelling | None = None) -> RunCard:
    """A step that is under way is finished first. 409 when it is over, or is undoing what it did."""
    how = how or Cancelling()
    run_id: UUID = run_of(parts, which).run.id
    act = Act(act.actor, act.origin, act.now, how.comment)
    parts.recovery.recovering.cancel(run_id, act, rolls_back=how.rollback)
    return run_of(parts, str(run_id))


@router.post("/runs/{which}/undo", summary="Undo what a run left behind")
def undo_run(which: Which, parts: PartsDep, _: Responder, act: Acting, said: Comment | None = None) -> RunCard:
    """The steps in `undoing` are taken. 409 when there are none, it is not over, or its target is under repair."""
    run_id: UUID = run_of(parts, which).run.id
    act = Act(act.actor, act.origin, act.now, said.comment if said else "")
    parts.recovery.recovering.undo(run_id, act)
    return run_of(parts, str(run_id))


def run_of(parts: Parts, which: str) -> RunCard:
    """The run that is meant; raises NotFound."""
    found = parts.recovery.reading.run(which)
    if found is None:
        raise NotFound(f"There is no run {which!r}: name its number or its id")
    return found
