"""What falls with what failed, in columns as it is drawn: so many steps away, near what it hangs on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from healthmgr.domain.cascade import Graph, fall


@dataclass(frozen=True, slots=True)
class Line:
    """A check hangs on `parent`, which is drawn further to the left; those of one group stand in for each other."""

    parent: str
    check: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Blast:
    """What failed and others fall with comes first, then what is one step away, and so on.

    `left_out` counts for each column what found no room in it.
    """

    columns: tuple[tuple[str, ...], ...] = ()
    left_out: tuple[int, ...] = ()
    lines: tuple[Line, ...] = ()


def blast(graph: Graph, failed: Collection[str], most: int) -> Blast:
    """At most `most` checks in each column; nothing where nothing falls."""
    fallen = fall(graph, failed)
    if not fallen:
        return Blast()
    roots = [slug for slug in failed if any(child in fallen for child in graph.children.get(slug, ()))]
    depths = {**dict.fromkeys(roots, 0), **fallen}
    columns: list[tuple[str, ...]] = []
    left_out: list[int] = []
    places: dict[str, int] = {}
    for depth in range(max(depths.values()) + 1):
        names = sorted(slug for slug, found in depths.items() if found == depth)
        names.sort(key=lambda slug: _height(graph, slug, places))
        columns.append(tuple(names[:most]))
        left_out.append(len(names) - len(columns[-1]))
        places |= {slug: place for place, slug in enumerate(columns[-1])}
    lines = tuple(
        Line(edge.parent, slug, edge.group)
        for column in columns
        for slug in column
        for edge in graph.parents.get(slug, ())
        if edge.parent in places and depths[edge.parent] < depths[slug]
    )
    return Blast(tuple(columns), tuple(left_out), lines)


def _height(graph: Graph, slug: str, places: dict[str, int]) -> float:
    """How far down what it hangs on is drawn, on average; last of all where that is not drawn."""
    found = [places[edge.parent] for edge in graph.parents.get(slug, ()) if edge.parent in places]
    return sum(found) / len(found) if found else float("inf")
