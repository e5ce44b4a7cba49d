"""Runbooks: what repairs what, and what a run of one would do."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Viewer
from healthmgr.services.rehearsing import Wish
from healthmgr.views_runbooks import RehearsalView, RunbookLineView, RunbookView

router = APIRouter(prefix="/runbooks", tags=["runbooks"])

ASCII = r"^[\x01-\x7f]*$"  # as every name in a definitions file
Name = Annotated[str, Path(max_length=100, pattern=ASCII, description="A runbook's name.", examples=["restart-shop"])]


class RunbookList(BaseModel):
    """Runbooks by name."""

    items: list[RunbookLineView]


class DryRun(BaseModel):
    """What is to be tried out: for a check, for labels that an alert would have, or for both put together."""

    model_config = ConfigDict(extra="forbid")

    check: str = Field(
        "", max_length=100, pattern=ASCII, description="The check that it is to mend.", examples=["shop"]
    )
    labels: dict[str, str] = Field({}, max_length=100, description="Labels of the alert, beside the check's own.")
    parameters: dict[str, Any] = Field({}, max_length=100, description="In place of the runbook's own values.")


@router.get("", summary="List runbooks")
def list_runbooks(parts: PartsDep, _: Viewer) -> RunbookList:
    """What starts each by itself, for which checks, and by which kinds of steps it repairs."""
    return RunbookList(items=parts.recovery.runbooks.runbooks())


@router.get("/{name}", summary="Show a runbook")
def show_runbook(name: Name, parts: PartsDep, _: Viewer) -> RunbookView:
    """All that its definition says; secrets are the references that stand there."""
    return parts.recovery.runbooks.runbook(name)


@router.post("/{name}/dry-run", summary="Say what a run would do")
def try_runbook(name: Name, wanted: DryRun, parts: PartsDep, _: Viewer) -> RehearsalView:
    """What each step would do, whom it would ask, and whether the rails would let it start. Nothing is touched."""
    wish = Wish(name, wanted.check, wanted.labels, wanted.parameters)
    return RehearsalView.of(parts.recovery.rehearsing.rehearse(wish, parts.clock.now()))
