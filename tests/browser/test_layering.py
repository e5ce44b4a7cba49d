"""Where checks of a graph are drawn."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.dashboard.layering import HEIGHT, WIDTH, choose, lay_out
from healthmgr.domain.cascade import Edge, Graph


def graph_of(count: int, edges: list[tuple[int, int]]) -> Graph:
    """Checks by number, of which the later ones hang on earlier ones."""
    parents: dict[str, list[Edge]] = {}
    for one, other in sorted({(max(edge) % count, min(edge) % count) for edge in edges}):
        if one > other:
            parents.setdefault(f"c{one:03}", []).append(Edge(f"c{other:03}"))
    return Graph({f"c{n:03}": f"s{n % 3}" for n in range(count)}, parents)


@given(st.integers(1, 60), st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), max_size=120))
def test_what_hangs_on_something_stands_to_its_right_and_nothing_on_anything_else(
    count: int, edges: list[tuple[int, int]]
) -> None:
    graph = graph_of(count, edges)
    drawing = lay_out(graph, list(graph.services))
    places = {place.slug: place for place in drawing.places}
    assert set(places) == set(graph.services)
    for slug, hung_on in graph.parents.items():
        assert all(places[edge.parent].x + WIDTH < places[slug].x for edge in hung_on)
    for one, other in combinations(drawing.places, 2):
        assert abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT
    assert all(one.x >= 0 and one.x + WIDTH <= drawing.width for one in drawing.places)
    assert all(one.y >= 0 and one.y + HEIGHT <= drawing.height for one in drawing.places)
    assert len(drawing.lines) == sum(map(len, graph.parents.values()))


def test_what_stands_alone_is_not_drawn() -> None:
    assert choose(graph_of(4, [(1, 0)]), "", 10) == ["c000", "c001"]


def test_of_a_chosen_check_all_that_it_hangs_on_and_that_hangs_on_it_is_drawn() -> None:
    assert choose(graph_of(6, [(1, 0), (2, 1), (3, 2), (5, 4)]), "c002", 10) == ["c002", "c000", "c001", "c003"]


@pytest.mark.parametrize("check", ["", "c000"])
def test_there_is_only_so_much_room(check: str) -> None:
    graph = graph_of(300, [(n, 0) for n in range(1, 300)])
    assert len(choose(graph, check, 100)) == 100
    assert "c000" in choose(graph, check, 100)
