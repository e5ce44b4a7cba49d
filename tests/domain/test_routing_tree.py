"""Which routes an alert leads to: the cases that Alertmanager publishes with its routes, and what differs here."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.check import Severity
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.routing_tree import Match, Options, Route, every_route, group_key, group_labels, walk

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


def route(name: str, matchers: str = "", *routes: Route, **over: object) -> Route:
    """A node; its options are given by their own names."""
    names = ("group_by", "group_wait", "group_interval", "repeat_interval")
    options = Options(**{key: over.pop(key) for key in names if key in over})
    parsed = tuple(parse_matchers(matchers)) if matchers else ()
    return Route(name, parsed, routes=routes, options=options, **over)


# The tree and the cases of Alertmanager's TestRouteMatch.
TREE = route(
    "default",
    "",
    route(
        "team-a",
        'owner="team-A"',
        route("testing", 'env="testing"', receiver="notify-testing", group_by=("...",)),
        route("prod-a", 'env="production"', receiver="notify-productionA", group_wait=MINUTE, continues=True),
        route(
            "prod-b",
            'env=~"produ.*", job=~".*"',
            receiver="notify-productionB",
            group_by=("job",),
            group_wait=30 * SECOND,
            group_interval=5 * MINUTE,
            repeat_interval=60 * MINUTE,
        ),
        receiver="notify-A",
    ),
    route("teams-bc", 'owner=~"team-(B|C)"', receiver="notify-BC", group_by=("foo", "bar"), group_wait=2 * MINUTE),
    route(
        "by-role",
        'group_by="role"',
        route(
            "testing",
            'env="testing"',
            route("long", 'wait="long"', group_wait=2 * MINUTE),
            receiver="notify-testing",
        ),
        group_by=("role",),
    ),
    receiver="notify-def",
)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"owner": "team-A"}, [("notify-A", None, None)]),
        ({"owner": "team-A", "env": "unset"}, [("notify-A", None, None)]),
        ({"owner": "team-B"}, [("notify-BC", ("foo", "bar"), 2 * MINUTE)]),
        ({"owner": "team-A", "env": "testing"}, [("notify-testing", ("...",), None)]),
        (
            {"owner": "team-A", "env": "production"},
            [("notify-productionA", None, MINUTE), ("notify-productionB", ("job",), 30 * SECOND)],
        ),
        ({"group_by": "role"}, [("notify-def", ("role",), None)]),
        ({"env": "testing", "group_by": "role"}, [("notify-testing", ("role",), None)]),
        ({"env": "testing", "group_by": "role", "wait": "long"}, [("notify-testing", ("role",), 2 * MINUTE)]),
        ({}, [("notify-def", None, None)]),
    ],
)
def test_an_alert_is_routed_as_alertmanager_would(labels, expected):
    found = [(m.route.receiver, m.route.options.group_by, m.route.options.group_wait) for m in walk(TREE, labels)]
    assert found == expected


def test_a_path_names_every_route_from_the_root_on():
    labels = {"owner": "team-A", "env": "production"}
    assert [match.name for match in walk(TREE, labels)] == ["default/team-a/prod-a", "default/team-a/prod-b"]


def test_the_root_takes_everything_whatever_matchers_it_was_given():
    (match,) = walk(route("default", 'owner="nobody"'), {})
    assert match.path == ("default",)


def test_a_route_that_continues_is_followed_by_its_siblings_and_not_by_its_parents():
    tree = route(
        "default",
        "",
        route("a", 'x="1"', route("b", 'y="1"', continues=True)),
        route("c", 'x="1"'),
    )
    assert [match.name for match in walk(tree, {"x": "1", "y": "1"})] == ["default/a/b"]


def test_of_two_siblings_that_continue_the_last_one_decides():
    tree = route("default", "", route("a", continues=True), route("b", continues=True))
    assert [match.name for match in walk(tree, {})] == ["default/a", "default/b"]


# ---- inheritance ------------------------------------------------------------------------------------


def test_a_route_without_anybody_to_tell_tells_whom_its_parent_tells():
    tree = route("default", "", route("a", "", route("b", to=("bob",), via=("mail",))), to=("ops",), via=("hook",))
    a, b = every_route(tree)
    assert (a.route.to, a.route.via) == (("ops",), ("hook",))
    assert (b.route.to, b.route.via) == (("bob",), ("mail",))


def test_one_who_names_recipients_does_not_inherit_a_receiver():
    (a,) = every_route(route("default", "", route("a", to=("bob",), via=("mail",)), receiver="team"))
    assert (a.route.receiver, a.route.to) == ("", ("bob",))


def test_a_wait_of_nothing_is_a_wait_that_was_chosen():
    (a,) = every_route(route("default", "", route("a", group_wait=0 * SECOND), group_wait=MINUTE))
    assert a.route.options.group_wait == timedelta(0)


def test_grouping_by_nothing_is_a_grouping_that_was_chosen():
    (a,) = every_route(route("default", "", route("a", group_by=()), group_by=("service",)))
    assert group_labels(a, {"service": "shop", "check": "api"}) == {}


def test_time_windows_are_a_routes_own():
    tree = route("default", "", route("a"), mute_during=("night",), active_during=("day",))
    (a,) = every_route(tree)
    assert (a.route.mute_during, a.route.active_during) == ((), ())


# ---- patience ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("severity", Severity)
def test_a_critical_alert_waits_for_no_company_and_any_other_for_half_a_minute(severity):
    expected = timedelta(0) if severity is Severity.CRITICAL else 30 * SECOND
    assert Options().wait(severity) == expected
    assert Options(group_wait=MINUTE).wait(severity) == MINUTE


@pytest.mark.parametrize(
    ("repeat", "interval", "cadence"),
    [
        (None, None, timedelta(hours=4, minutes=5)),
        (30 * MINUTE, None, 35 * MINUTE),
        (29 * MINUTE, None, 30 * MINUTE),
        (30 * MINUTE, 7 * MINUTE, 35 * MINUTE),
        (MINUTE, 5 * MINUTE, 5 * MINUTE),
        (60 * MINUTE, SECOND, 60 * MINUTE + SECOND),
    ],
)
def test_people_are_told_again_at_the_first_look_at_which_more_than_the_repeat_interval_has_passed(
    repeat, interval, cadence
):
    assert Options(repeat_interval=repeat, group_interval=interval).cadence == cadence


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_the_cadence_is_a_multiple_of_the_interval_and_the_smallest_above_the_repeat_interval(repeat, interval):
    options = Options(repeat_interval=repeat * SECOND, group_interval=interval * SECOND)
    assert options.cadence % options.interval == timedelta(0)
    assert options.cadence - options.interval <= repeat * SECOND < options.cadence


# ---- groups -----------------------------------------------------------------------------------------

ROOT = Match(("default",), Route("default"))


def at(**options: object) -> Match:
    return Match(("default",), Route("default", options=Options(**options)))


@pytest.mark.parametrize(
    ("group_by", "labels", "key"),
    [
        (None, {"check": "api", "env": "prod"}, "default:check=api"),
        (None, {"check": "api", "service": "shop"}, "default:service=shop"),
        (None, {"check": "api", "service": ""}, "default:check=api"),
        (("service",), {"check": "api"}, 'default:service=""'),
        (("service",), {"service": ""}, 'default:service=""'),
        (("b", "a"), {"a": "1", "b": "2", "c": "3"}, "default:a=1,b=2"),
        (("...",), {"b": "2", "a": "1"}, "default:a=1,b=2"),
        ((), {"check": "api"}, "default:"),
        (("a",), {"a": 'x",b="y'}, 'default:a="x\\",b=\\"y"'),
    ],
)
def test_a_group_is_named_by_its_route_and_the_labels_that_it_groups_by(group_by, labels, key):
    assert group_key(at(group_by=group_by), labels) == key


words = st.text(max_size=12)


@given(st.dictionaries(words, words, max_size=4), st.dictionaries(words, words, max_size=4))
def test_two_sets_of_labels_share_a_group_only_where_they_are_the_same(one, other):
    every = at(group_by=("...",))
    one_clean, other_clean = ({k: v for k, v in d.items() if "=" not in k and "," not in k} for d in (one, other))
    assert (group_key(every, one_clean) == group_key(every, other_clean)) is (one_clean == other_clean)


def test_a_very_long_group_is_cut_and_still_tells_apart():
    long = {"a": "x" * 3000}
    first, second = (group_key(at(group_by=("a", "b")), long | {"b": tail}) for tail in "12")
    assert first != second
    assert len(first) < 600


# ---- written and read -------------------------------------------------------------------------------


def test_a_tree_is_read_as_it_was_written():
    assert Route.from_document(json.loads(json.dumps(TREE.to_document()))) == TREE
