"""What falls with what: brute force is the judge of the clever ways, and alternatives hold."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.cascade import Edge, Graph, Impact, extent, fall, impact, longest_chain, single_points


def graph(*edges: str, **services: str) -> Graph:
    """Edges as "api > database" (api hangs on database) or "api > one | pool" for a redundancy group."""
    parents: dict[str, list[Edge]] = {}
    names: dict[str, str] = {}
    for edge in edges:
        child, rest = edge.split(" > ")
        parent, _, group = rest.partition(" | ")
        parents.setdefault(child, []).append(Edge(parent, group))
        names |= {child: "", parent: ""}
    return Graph(names | services, parents)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Checks that hang on earlier ones, some of them by groups."""
    count = draw(st.integers(1, 12))
    parents: dict[str, list[Edge]] = {}
    for child in range(1, count):
        chosen = draw(st.sets(st.integers(0, child - 1), max_size=4))
        parents[f"c{child}"] = [Edge(f"c{parent}", draw(st.sampled_from(["", "", "x", "y"]))) for parent in chosen]
    return Graph({f"c{number}": f"s{number % 4}" for number in range(count)}, parents)


def falls(of: Graph, slug: str, failed: str) -> bool:
    """The definition itself: it failed, or all of some group of what it needs falls."""
    return slug == failed or any(all(falls(of, parent, failed) for parent in group) for group in of.needs(slug))


# ---- what falls -------------------------------------------------------------------------------------------


def test_everything_below_falls_with_its_only_parent():
    found = impact(
        graph("api > database", "web > api", "mail > smtp", database="data", api="shop", web="shop"), "database"
    )
    assert [(each.slug, each.depth, each.because_of) for each in found.fallen] == [
        ("api", 1, ("database",)),
        ("web", 2, ("api",)),
    ]
    assert (found.services, found.depth, found.weakened) == (("shop",), 2, ())
    assert found.longest_path == ("database", "api", "web")


def test_an_alternative_holds_what_would_fall():
    found = impact(graph("api > one | pool", "api > two | pool", "web > api"), "one")
    assert found == Impact("one", "", (), ("api",), ("one",))


def test_with_all_alternatives_it_falls():
    assert fall(graph("api > one | pool", "api > two | pool", "web > api"), ["one", "two"]) == {"api": 1, "web": 2}


def test_alternatives_that_fall_with_the_same_root_are_none():
    of = graph("one > host", "two > host", "api > one | pool", "api > two | pool")
    found = impact(of, "host")
    assert [(each.slug, each.because_of) for each in found.fallen][-1] == ("api", ("one", "two"))


def test_a_group_and_a_parent_of_its_own_are_both_needed():
    of = graph("api > one | pool", "api > two | pool", "api > database")
    assert set(fall(of, ["database"])) == {"api"}
    assert not fall(of, ["two"])


def test_a_check_that_is_not_there_has_no_impact():
    with pytest.raises(KeyError):
        impact(graph("api > database"), "nowhere")


@given(graphs(), st.data())
def test_what_falls_is_what_the_definition_says(of, data):
    failed = data.draw(st.sampled_from(sorted(of.services)))
    found = impact(of, failed)
    assert {each.slug for each in found.fallen} == {s for s in of.services if s != failed and falls(of, s, failed)}
    fallen = {failed, *(each.slug for each in found.fallen)}
    for each in found.fallen:
        assert set(each.because_of) <= fallen
        assert each.depth >= 1
    assert not fallen & set(found.weakened)
    assert found.longest_path[0] == failed
    assert set(found.longest_path) <= fallen


def test_the_extent_of_a_failure_in_words():
    of = graph("api > database", "web > api", "mail > smtp", database="data", api="shop", web="shop", mail="", smtp="")
    assert extent(of, ["database"]) == (2, "2 checks in 1 service")
    assert extent(of, ["smtp"]) == (1, "1 check")
    assert extent(of, ["database", "smtp"]) == (3, "3 checks in 1 service")
    assert extent(of, ["web"]) == (0, "")
    assert impact(of, "database").words == "2 checks in 1 service"


# ---- single points ----------------------------------------------------------------------------------------


@given(graphs())
def test_single_points_are_all_whose_failure_alone_takes_others(of):
    expected = {slug: {s for s in of.services if s != slug and falls(of, s, slug)} for slug in of.services}
    found = single_points(of)
    assert {each.slug: each.checks for each in found} == {slug: len(s) for slug, s in expected.items() if s}
    for each in found:
        assert set(each.services) == {of.services[slug] for slug in expected[each.slug]} - {each.service}


def test_the_gravest_single_point_comes_first():
    of = graph("a > database", "b > database", "c > cache", a="one", b="two", c="cache-user", database="d", cache="e")
    assert [(each.slug, each.services) for each in single_points(of)] == [
        ("database", ("one", "two")),
        ("cache", ("cache-user",)),
    ]


def test_what_has_an_alternative_is_no_single_point():
    assert single_points(graph("api > one | pool", "api > two | pool")) == []


# ---- chains -----------------------------------------------------------------------------------------------


@given(graphs(), st.data())
def test_the_longest_chain_is_as_long_as_any(of, data):
    def longest_up(slug: str) -> int:
        return max((1 + longest_up(edge.parent) for edge in of.parents.get(slug, ())), default=0)

    chain = longest_chain(of)
    assert len(chain) == 1 + max(longest_up(slug) for slug in of.services)
    for upper, lower in pairwise(chain):
        assert upper in {edge.parent for edge in of.parents[lower]}
    through = data.draw(st.sampled_from(sorted(of.services)))
    assert through in longest_chain(of, through)


def test_no_checks_have_no_chain():
    assert longest_chain(Graph({})) == ()


def test_checks_that_hang_on_themselves_are_refused():
    with pytest.raises(ValueError, match="hang on themselves"):
        single_points(graph("a > b", "b > a"))


def test_a_further_edge_may_not_close_a_circle():
    of = graph("api > database", "web > api")
    assert of.can_hang("web", "database")
    assert not of.can_hang("database", "web")
    assert not of.can_hang("api", "api")
    assert of.below("database") == {"api", "web"}
    assert of.hangs_on("web") == {"api", "database"}


def test_ten_thousand_checks_take_no_time_worth_mentioning():
    chance = random.Random(1)
    parents = {
        f"c{child}": [Edge(f"c{parent}") for parent in {chance.randrange(max(0, child - 400), child) for _ in range(2)}]
        for child in range(1, 10_000)
    }
    large = Graph({f"c{number}": f"s{number % 500}" for number in range(10_000)}, parents)
    began = time.perf_counter()
    assert len(fall(large, ["c0"])) > 5_000
    assert len(longest_chain(large)) > 100
    assert len(single_points(large)) > 5_000
    assert time.perf_counter() - began < 10
