"""Checks as a board shows them: with their latest results, their last day, and what they hang on."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from healthmgr.api.checks import Slug
from healthmgr.api.incidents import Which
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Viewer
from healthmgr.definitions.writing import check_text
from healthmgr.domain.check import Status
from healthmgr.storage.reading_board import PAUSED, Wanted
from healthmgr.views import View
from healthmgr.views_blast import BlastView
from healthmgr.views_board import Board, GlanceView, HeartbeatView, Neighbours

router = APIRouter()

_NO_NUL = r"^[^\x00]*$"
Word = Annotated[str, Query(max_length=200, pattern=_NO_NUL)]


class BoardPage(Board):
    """A page of the board, and the last day of each check on it, by slug."""

    glances: dict[str, GlanceView]


class DefinedCheck(View):
    """How a check is defined, as YAML: secrets masked, `${NAME}` kept; `managed_by` is the file or the door."""

    slug: str
    managed_by: str
    text: str


class LastPing(View):
    """What the job of a heartbeat told last; null for a check that is none."""

    heartbeat: HeartbeatView | None


@router.get("/board", summary="Show checks as the dashboard's first page does", tags=["checks"])
def show_board(
    parts: PartsDep,
    _: Viewer,
    status: Annotated[Status | Literal["paused"] | None, Query(description="Only checks like this.")] = None,
    service: Annotated[Word, Query(description="Only checks of this service.")] = "",
    search: Annotated[Word, Query(description="Part of the slug, name or service.")] = "",
    page: Annotated[int, Query(ge=1, le=100_000, description="Which page, the first being 1.")] = 1,
    size: Annotated[int, Query(ge=1, le=100, description="How many checks are on a page.")] = 50,
    beats: Annotated[int, Query(ge=0, le=100, description="How many of the latest results each has.")] = 50,
) -> BoardPage:
    """The worst first. A page shifts when states change: to read all checks once, follow `GET /api/v1/checks`."""
    wanted = Wanted(PAUSED if status == "paused" else status.value if status else "", service, search)
    board = parts.board.board(wanted, page, size, beats)
    glances = parts.board.glances([line.id for line in board.lines], parts.clock.now())
    return BoardPage(**dict(board), glances={line.slug: glances[line.id] for line in board.lines if line.id in glances})


@router.get("/checks/{slug}/definition", summary="Show how a check is defined", tags=["checks"])
def show_check_definition(slug: Slug, parts: PartsDep, _: Viewer) -> DefinedCheck:
    """All that its file says of it, and what holds where that says nothing."""
    stored = parts.board.definition(slug)
    text = check_text(stored.definition, parts.registry.settings_model(stored.definition.kind))
    return DefinedCheck(slug=slug, managed_by=stored.managed_by, text=text)


@router.get("/checks/{slug}/neighbours", summary="Show what a check hangs on", tags=["checks"])
def show_neighbours(slug: Slug, parts: PartsDep, _: Viewer) -> Neighbours:
    """What it hangs on, what hangs on it, and because of what its open alert is held back."""
    return parts.board.neighbours(parts.reading.check(slug).slug)


@router.get("/checks/{slug}/heartbeat", summary="Show what a watched job told last", tags=["checks", "pings"])
def show_heartbeat(slug: Slug, parts: PartsDep, _: Viewer) -> LastPing:
    """When it pinged, with what words, and whether a run is under way."""
    return LastPing(heartbeat=parts.board.heartbeat(parts.reading.check(slug).slug))


@router.get("/incidents/{which}/blast", summary="Show what falls with an incident, to be drawn", tags=["incidents"])
def show_blast(
    which: Which,
    parts: PartsDep,
    most: Annotated[int, Query(ge=1, le=100, description="How many checks side by side at most.")] = 12,
) -> BlastView:
    """In columns: what failed, what is one step away, and so on; none where nothing falls."""
    return parts.insight.blasts.of_incident(which, most)
