"""What falls, in columns: the nearest first, each near what it hangs on."""

from __future__ import annotations

from healthmgr.domain.blast import Blast, Line, blast
from healthmgr.domain.cascade import Edge, Graph


def graph(**parents: tuple[str, ...]) -> Graph:
    names = {*parents, *(parent for group in parents.values() for parent in group)}
    return Graph(dict.fromkeys(sorted(names), ""), {child: [Edge(one) for one in of] for child, of in parents.items()})


def test_each_column_is_one_step_further_away() -> None:
    found = blast(graph(api=("db",), shop=("api",), blog=("api",)), ["db"], 10)
    assert found.columns == (("db",), ("api",), ("blog", "shop"))
    assert found.lines == (Line("db", "api"), Line("api", "blog"), Line("api", "shop"))


def test_where_nothing_falls_there_is_nothing_to_draw() -> None:
    assert blast(graph(api=("db",)), ["api"], 10) == Blast()


def test_what_others_do_not_fall_with_is_not_drawn() -> None:
    assert blast(graph(api=("db",)), ["db", "mail"], 10).columns == (("db",), ("api",))


def test_checks_are_drawn_beside_what_they_hang_on() -> None:
    found = blast(graph(z=("a",), y=("b",), x=("b", "a")), ["a", "b"], 10)
    assert found.columns == (("a", "b"), ("z", "x", "y"))


def test_a_column_that_is_full_counts_what_is_left_out() -> None:
    found = blast(graph(**{f"c{at}": ("db",) for at in range(5)}), ["db"], 3)
    assert (found.columns[1], found.left_out) == (("c0", "c1", "c2"), (0, 2))
    assert len(found.lines) == 3


def test_what_stands_in_for_each_other_says_so() -> None:
    both = Graph({"a": "", "b": "", "api": ""}, {"api": [Edge("a", "pool"), Edge("b", "pool")]})
    assert blast(both, ["a"], 10) == Blast()
    assert blast(both, ["a", "b"], 10).lines == (Line("a", "api", "pool"), Line("b", "api", "pool"))
