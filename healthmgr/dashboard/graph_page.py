"""The graph of dependencies: drawn and as a list, what falls with a check, and what was learned about it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from nicegui import ui

from healthmgr.dashboard.layering import HEIGHT, WIDTH, Drawing, choose, lay_out
from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.shell import ROOT, keep_fresh, on_acts, page
from healthmgr.dashboard.templates import render
from healthmgr.domain.cascade import Graph, Impact, SinglePoint
from healthmgr.domain.chart import Consequences
from healthmgr.services.tokens import Role
from healthmgr.views_board import StateLine

_MOST_DRAWN = 240
_MOST_POINTS = 10  # single points of failure, beside the picture
_GRAPH_EVERY = 5.0  # seconds: it changes with definitions and with what people decide
_SIZE = {"width": WIDTH, "height": HEIGHT}


@dataclass(frozen=True, slots=True)
class Picture:
    """The graph as it is drawn: `chosen` is the check whose failure is played through."""

    graph: Graph
    drawing: Drawing
    points: tuple[SinglePoint, ...]
    joined: int

    @property
    def alone(self) -> int:
        """Checks that hang on nothing, with nothing on them."""
        return len(self.graph.services) - self.joined

    @property
    def left_out(self) -> int:
        """Checks that there was no room for."""
        return max(self.joined - len(self.drawing.places), 0)


@page("/graph", "Dependencies")
async def show_graph(place: Place, check: str = "") -> None:
    """Live: the states of what is drawn; `check` plays the failure of one through."""
    check = check[:200]
    bar = Pieces()
    with ui.element("div").classes("columns"):
        with ui.element("section").classes("wide").props('aria-label="Graph"'):
            with ui.element("div").classes("graph card").props('tabindex="0" aria-label="The graph, drawn"'):
                sheet = Pieces().classes("graph-sheet")
            listed = Pieces()
        with ui.element("aside"):
            sides = Pieces()

    async def refresh(where: Place) -> None:
        picture = await where.live.ask(("graph", check), lambda: _draw(where, check), _GRAPH_EVERY)
        slugs = [one.slug for one in picture.drawing.places]
        states = await where.live.ask(("states", check), lambda: where.healthmgr.board.states(slugs))
        found = await where.live.ask(("impact", check), lambda: _impact(where, picture.graph, check), _GRAPH_EVERY)
        hit = _hit(found.impact if found else None)
        bar.show([("bar", render("graph_bar", picture=picture, check=check, root=ROOT))])
        sheet.show(_sheet(picture, states, hit, check))
        listed.show([("list", render("graph_list", picture=picture, states=states, hit=hit, root=ROOT))])
        learned = await where.live.ask("suggestions", where.healthmgr.insight.charting.suggestions, 3)
        may_act = where.may(Role.RESPONDER)
        points = picture.points[:_MOST_POINTS]
        sides.show(
            [
                ("impact", render("graph_impact", found=found, root=ROOT)),
                ("learned", render("graph_learned", suggestions=learned, may_act=may_act, root=ROOT)),
                ("points", render("graph_points", points=points, more=len(picture.points) - len(points), root=ROOT)),
            ]
        )

    on_acts({verb: partial(_decide, place) for verb in ("accept", "dismiss")})
    await refresh(place)
    keep_fresh(refresh, place)


def _draw(place: Place, check: str) -> Picture:
    charting = place.healthmgr.insight.charting
    graph = charting.chart().graph
    joined = sum(bool(graph.children.get(slug) or graph.parents.get(slug)) for slug in graph.services)
    return Picture(graph, lay_out(graph, choose(graph, check, _MOST_DRAWN)), tuple(charting.single_points()), joined)


def _impact(place: Place, graph: Graph, check: str) -> Consequences | None:
    return place.healthmgr.insight.charting.impact(check) if check in graph.services else None


def _hit(impact: Impact | None) -> Mapping[str, str]:
    """What happens to each when the chosen one fails: fails, falls, or stands on fewer legs."""
    if impact is None:
        return {}
    fallen = dict.fromkeys((one.slug for one in impact.fallen), "falls")
    return {impact.slug: "fails", **fallen, **dict.fromkeys(impact.weakened, "is weakened")}


def _sheet(
    picture: Picture, states: Mapping[str, StateLine], hit: Mapping[str, str], check: str
) -> Iterator[tuple[str, str]]:
    """A piece for each check, so that one that changes is sent alone; the lines are one piece below them."""
    if not picture.drawing.places:
        yield "empty", render("graph_empty", picture=picture, check=check, root=ROOT)
        return
    yield "lines", render("graph_lines", drawing=picture.drawing, hit=hit)
    lone = {point.slug: point for point in picture.points}
    for at in picture.drawing.places:
        state = states.get(at.slug)
        if state is not None:
            known = {"at": at, "state": state, "point": lone.get(at.slug), "hit": hit, "size": _SIZE, "root": ROOT}
            yield at.slug, render("graph_node", **known)


async def _decide(place: Place, data: Mapping[str, str]) -> None:
    place.demand(Role.RESPONDER)
    charting, check, parent = place.healthmgr.insight.charting, data["check"], data["parent"]
    act = {"accept": charting.accept, "dismiss": charting.dismiss}[data["act"]]
    await asyncio.to_thread(lambda: act(check, parent, **place.said()))
    said = {"accept": f"{check} hangs on {parent} from now on", "dismiss": "It is not suggested again"}[data["act"]]
    ui.notify(said, type="positive", position="top")
