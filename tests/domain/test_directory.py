"""Whom a route reaches, and the plan and the group that follow for an alert."""

from __future__ import annotations

from datetime import timedelta

import pytest

from healthmgr.domain.check import Severity
from healthmgr.domain.directory import Directory, Receiver
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.plan import Target
from healthmgr.domain.routing_tree import Options, Route

MINUTE = timedelta(minutes=1)

ROOT = Route(
    "default",
    to=("ops",),
    via=("mail",),
    routes=(
        Route("log", continues=True, receiver="log", options=Options(repeat_interval=MINUTE)),
        Route(
            "critical",
            tuple(parse_matchers('severity="critical"')),
            receiver="team",
            options=Options(repeat_interval=30 * MINUTE),
        ),
        Route("shop", tuple(parse_matchers('service="shop"')), to=("ops", "gone"), via=("mail", "off")),
    ),
)
DIRECTORY = Directory(
    ROOT,
    receivers={
        "team": Receiver("team", ("alice", "bob"), ("mail", "room")),
        "log": Receiver("log", ("ops",), ("room",), sends_resolved=False),
    },
    contacts={
        "alice": {"mail": "alice@example.com", "room": ""},
        "bob": {"mail": "bob@example.com", "room": ""},
        "ops": {"mail": "ops@example.com", "room": "", "off": "x"},
    },
    channels={"mail", "room"},
)
OPS = Target("ops", "mail", "ops@example.com")
LOG = Target("ops", "room", "")


def test_a_receiver_reaches_each_recipient_over_those_channels_that_he_has_an_address_on():
    targets = DIRECTORY.targets(DIRECTORY.receivers["team"])
    assert targets == (
        Target("alice", "mail", "alice@example.com"),
        Target("alice", "room", ""),
        Target("bob", "mail", "bob@example.com"),
    ), "the room is one address: several recipients share its message"


def test_a_channel_that_is_disabled_and_a_recipient_who_is_gone_are_left_out():
    assert DIRECTORY.course({"service": "shop", "severity": "low"}).legs[-1].targets == (OPS,)


def test_a_plan_has_a_course_for_each_severity_and_the_deciding_leg_last():
    plan = DIRECTORY.plan({"check": "api"})
    assert [leg.route for leg in plan.course(Severity.CRITICAL).legs] == ["default/log", "default/critical"]
    assert [leg.route for leg in plan.course(Severity.LOW).legs] == ["default/log"]
    assert plan.course(Severity.LOW).targets == (LOG,)
    assert plan.default.targets == (OPS,)


def test_each_leg_of_a_plan_has_the_cadence_of_its_own_route():
    legs = DIRECTORY.course({"severity": "critical"}).legs
    assert [leg.cadence for leg in legs] == [5 * MINUTE, 35 * MINUTE]
    assert [leg.sends_resolved for leg in legs] == [False, True]


@pytest.mark.parametrize(
    ("labels", "severity", "route", "key", "wait"),
    [
        ({"check": "api"}, Severity.CRITICAL, "default/critical", "default/critical:check=api", 0),
        ({"check": "api"}, Severity.LOW, "default/log", "default/log:check=api", 30),
        ({"check": "a", "service": "shop"}, Severity.LOW, "default/shop", "default/shop:service=shop", 30),
        ({"check": "api", "severity": "low"}, Severity.CRITICAL, "default/critical", "default/critical:check=api", 0),
    ],
)
def test_an_alert_goes_to_the_group_of_the_route_that_ends_its_walk(labels, severity, route, key, wait):
    grouping = DIRECTORY.grouping(labels, severity)
    assert (grouping.route, grouping.key, grouping.wait) == (route, key, timedelta(seconds=wait))


def test_the_severity_of_an_alert_is_no_part_of_its_group():
    directory = Directory(Route("default", options=Options(group_by=("...",))))
    keys = {directory.grouping({"check": "api"}, severity).key for severity in Severity}
    assert keys == {"default:check=api"}


def test_the_interval_of_an_installation_holds_where_no_route_says_one():
    root = Route("default", routes=(Route("a", options=Options(group_interval=MINUTE)),))
    own, of_installation = (Directory(each).with_interval(7 * MINUTE) for each in (root, Route("default")))
    assert own.course({}).group_interval == MINUTE
    assert of_installation.course({}).group_interval == 7 * MINUTE
    assert of_installation.course({}).legs[0].cadence == 245 * MINUTE
    said = Directory(Route("default", options=Options(group_interval=2 * MINUTE))).with_interval(7 * MINUTE)
    assert said.course({}).group_interval == 2 * MINUTE
