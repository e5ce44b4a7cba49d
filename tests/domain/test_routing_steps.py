"""The walk told step by step: it ends where the walk ends, whatever the tree."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.routing_steps import Verdict, steps
from healthmgr.domain.routing_tree import Route, walk

LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from(["", "x", "y"]))
MATCHERS = st.lists(
    st.builds(lambda name, sign, value: parse_matchers(f'{name}{sign}"{value}"')[0],
              st.sampled_from("ab"), st.sampled_from(["=", "!=", "=~", "!~"]), st.sampled_from(["", "x", "y"])),
    max_size=2,
)  # fmt: skip


def route(children: st.SearchStrategy[Route] | None) -> st.SearchStrategy[Route]:
    below = st.just(()) if children is None else st.lists(children, max_size=3).map(named)
    return st.builds(
        lambda matchers, continues, routes: Route("r", tuple(matchers), continues, routes=routes),
        MATCHERS,
        st.booleans(),
        below,
    )


def named(routes: list[Route]) -> tuple[Route, ...]:
    return tuple(
        Route(f"r{place}", each.matchers, each.continues, routes=each.routes) for place, each in enumerate(routes)
    )


@given(route(route(route(None))), LABELS)
def test_the_steps_that_are_taken_are_those_of_the_walk(root: Route, labels: dict[str, str]) -> None:
    told = list(steps(root, labels))
    assert [step.path for step in told if step.verdict is Verdict.TAKEN] == [match.path for match in walk(root, labels)]
    assert len({step.path for step in told}) == len(told)
    assert all(step.reason(labels) for step in told)


def test_each_step_says_why_it_was_so() -> None:
    tree = Route(
        "default",
        routes=(
            Route("one", parse_matchers("team=web, zone=~eu.*")),
            Route("two", parse_matchers("team=core"), routes=(Route("all"),)),
            Route("three"),
        ),
    )
    labels = {"team": "core"}
    assert [(step.path[-1], step.verdict, step.reason(labels)) for step in steps(tree, labels)] == [
        ("default", "entered", "the root fits every alert"),
        ("one", "unfit", 'team="web", zone=~"eu.*" do not fit: team is \'core\', zone is not set'),
        ("two", "entered", 'team="core" fits'),
        ("all", "taken", "it fits every alert"),
        ("three", "untried", "two took it and does not continue"),
    ]
    assert [step.reason({}) for step in steps(Route("default"), {})] == ["no other route fits"]
