"""Where the checks of a graph are drawn: in layers from the left, each to the right of all that it hangs on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from healthmgr.domain.cascade import Edge, Graph

WIDTH, HEIGHT = 168, 30  # of a check, in pixels
_ACROSS, _BETWEEN, _DOWN = 12, 64, 8  # between columns of one layer, between layers, between rows
_ROWS = 18  # a layer of more is drawn in several columns
_MARGIN = 10


@dataclass(frozen=True, slots=True)
class Place:
    """A check's upper left corner."""

    slug: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Line:
    """From what is hung on to what hangs on it, as the path of a curve."""

    child: str
    edge: Edge
    path: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything in its place."""

    places: Sequence[Place]
    lines: Sequence[Line]
    width: int
    height: int


def choose(graph: Graph, check: str, most: int) -> list[str]:
    """Which checks are drawn: those around the chosen one; else those with the most below them and what is there.

    What hangs on nothing, with nothing on it, is never drawn.
    """
    if check in graph.services:
        near = [check, *sorted(graph.hangs_on(check)), *sorted(graph.below(check))]
        return near[:most]
    joined = [slug for slug in sorted(graph.services) if graph.children.get(slug) or graph.parents.get(slug)]
    if len(joined) <= most:
        return joined
    chosen: dict[str, None] = {}
    for root in sorted(graph.children, key=lambda slug: (-len(graph.children[slug]), slug)):
        if len(chosen) >= most:
            break
        chosen.update(dict.fromkeys([root, *graph.children[root]]))
    return list(chosen)[:most]


def lay_out(graph: Graph, chosen: Collection[str]) -> Drawing:
    """These checks and what joins them. Those of one parent stand together."""
    wanted = set(chosen)
    parents = {slug: [e for e in graph.parents.get(slug, ()) if e.parent in wanted] for slug in wanted}
    layers: list[list[str]] = []
    depths: dict[str, int] = {}
    for slug in graph.from_top():
        if slug in wanted:
            depths[slug] = max((depths[edge.parent] + 1 for edge in parents[slug]), default=0)
            layers += [[] for _ in range(depths[slug] + 1 - len(layers))]
            layers[depths[slug]].append(slug)
    rows = max((min(len(layer), _ROWS) for layer in layers), default=0)
    middle: dict[str, float] = {}  # how far down each stands
    corners: dict[str, Place] = {}
    x = _MARGIN
    for layer in layers:
        columns = -(-len(layer) // _ROWS)
        deep = -(-len(layer) // columns)
        layer.sort(key=lambda slug: (_beside(parents[slug], middle), graph.services[slug], slug))
        for number, slug in enumerate(layer):
            column, row = divmod(number, deep)
            y = _MARGIN + round((row + (rows - deep) / 2) * (HEIGHT + _DOWN))
            corners[slug] = Place(slug, x + column * (WIDTH + _ACROSS), y)
            middle[slug] = y + column / 1000
        x += columns * (WIDTH + _ACROSS) - _ACROSS + _BETWEEN
    lines = [
        Line(slug, edge, _curve(corners[edge.parent], corners[slug])) for slug in corners for edge in parents[slug]
    ]
    height = 2 * _MARGIN + max(rows * (HEIGHT + _DOWN) - _DOWN, 0)
    return Drawing(list(corners.values()), lines, max(x - _BETWEEN + _MARGIN, 0), height)


def _beside(edges: Sequence[Edge], middle: dict[str, float]) -> float:
    return sum(middle[edge.parent] for edge in edges) / len(edges) if edges else 0.0


def _curve(parent: Place, child: Place) -> str:
    x, y, to_x, to_y = parent.x + WIDTH, parent.y + HEIGHT // 2, child.x, child.y + HEIGHT // 2
    bend = max((to_x - x) // 2, 24)
    return f"M{x} {y}C{x + bend} {y} {to_x - bend} {to_y} {to_x} {to_y}"
