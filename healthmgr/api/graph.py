"""The graph of dependencies: what falls with a check, single points of failure, and what was learned."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from healthmgr.api.answer_bodies import Comment
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Origin, Responder, Viewer
from healthmgr.domain.mermaid import flowchart
from healthmgr.views_insight import GraphView, ImpactView, SinglePointView, SuggestionView

router = APIRouter(prefix="/graph", tags=["graph"])


class SinglePointList(BaseModel):
    """Checks that others fall with, the gravest first."""

    items: list[SinglePointView]


class SuggestionList(BaseModel):
    """Learned dependencies, the surest first."""

    items: list[SuggestionView]


@router.get("", summary="Show who hangs on whom")
def show_graph(parts: PartsDep, _: Viewer) -> GraphView:
    """All checks that are enabled, what they hang on, and the longest chain."""
    return GraphView.of(parts.insight.charting.chart())


@router.get("/mermaid", summary="Show the graph as a Mermaid diagram", response_class=PlainTextResponse)
def show_mermaid(parts: PartsDep, _: Viewer) -> Response:
    """Text that Mermaid draws."""
    return PlainTextResponse(flowchart(parts.insight.charting.chart().graph))


@router.get("/impact/{slug}", summary="Show what would fall with a check")
def show_impact(slug: str, parts: PartsDep, _: Viewer) -> ImpactView:
    """Checks and services, how far away, who would be told, and the longest chain of it."""
    return ImpactView.of(parts.insight.charting.impact(slug))


@router.get("/single-points", summary="List single points of failure")
def list_single_points(parts: PartsDep, _: Viewer) -> SinglePointList:
    """Checks whose failure alone takes others with it, redundancy considered."""
    return SinglePointList(items=[SinglePointView.of(each) for each in parts.insight.charting.single_points()])


@router.get("/suggestions", summary="List dependencies that were learned")
def list_suggestions(
    parts: PartsDep,
    _: Viewer,
    with_decided: Annotated[bool, Query(alias="all", description="Decided ones too.")] = False,
) -> SuggestionList:
    """Pairs of checks of which the one failed after the other, far oftener than by chance."""
    found = parts.insight.charting.suggestions(all_states=with_decided)
    return SuggestionList(items=[SuggestionView.of(each) for each in found])


@router.post("/suggestions/{check}/{parent}/accept", summary="Say that it is a dependency")
def accept_suggestion(
    check: str, parent: str, parts: PartsDep, who: Responder, origin: Origin, said: Comment | None = None
) -> SuggestionView:
    """It holds from now on as a defined one does. 409 when it does already, or would close a circle."""
    comment = said.comment if said else ""
    decided = parts.insight.charting.accept(
        check, parent, actor=who.name, origin=origin, now=parts.clock.now(), comment=comment
    )
    return SuggestionView.of(decided)


@router.post("/suggestions/{check}/{parent}/dismiss", summary="Say that it is no dependency")
def dismiss_suggestion(
    check: str, parent: str, parts: PartsDep, who: Responder, origin: Origin, said: Comment | None = None
) -> SuggestionView:
    """It is not suggested again, and holds no more if it was accepted."""
    comment = said.comment if said else ""
    decided = parts.insight.charting.dismiss(
        check, parent, actor=who.name, origin=origin, now=parts.clock.now(), comment=comment
    )
    return SuggestionView.of(decided)
