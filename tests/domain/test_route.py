"""Who is told: the route of a severity or the catch-all, as it was when the incident opened."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from healthmgr.domain.check import Severity
from healthmgr.domain.dispatch import patience, rank
from healthmgr.domain.message import MessageKind
from healthmgr.domain.route import Plan, Route, Target, group_wait

ALICE, OPS = Target("alice", "mail", "alice@example.com"), Target("ops", "hook", "")


def route(*targets: Target, wait: timedelta | None = None) -> Route:
    return Route(targets, wait, timedelta(hours=4))


DEFAULT = route(OPS)
PLAN = Plan({Severity.CRITICAL: route(ALICE, OPS, wait=timedelta(0)), Severity.LOW: route()}, DEFAULT)


@pytest.mark.parametrize(
    ("severity", "targets"),
    [
        (Severity.CRITICAL, (ALICE, OPS)),
        (Severity.HIGH, (OPS,)),
        (Severity.LOW, (OPS,)),
    ],
)
def test_a_severity_without_a_route_or_with_one_that_reaches_nobody_goes_to_the_catch_all(severity, targets):
    assert PLAN.route(severity).targets == targets


def test_a_plan_is_read_as_it_was_written():
    document = json.loads(json.dumps(PLAN.to_document()))
    assert Plan.from_document(document) == PLAN


def test_a_critical_alert_waits_for_no_company_and_a_mild_one_for_half_a_minute():
    assert group_wait(Severity.CRITICAL, None) == timedelta(0)
    assert group_wait(Severity.MEDIUM, None) == timedelta(seconds=30)
    assert group_wait(Severity.LOW, None) == timedelta(seconds=30)


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("chosen", [timedelta(0), timedelta(minutes=5)])
def test_the_wait_that_a_route_names_goes_before(severity, chosen):
    assert group_wait(severity, chosen) == chosen


def test_a_lost_reminder_is_missed_after_ten_seconds_and_then_twice_as_long_each_time_to_a_limit():
    assert [patience(count).total_seconds() for count in range(8)] == [10, 20, 40, 80, 160, 320, 320, 320]


def test_pages_go_before_updates():
    assert rank(MessageKind.PROBLEM) < rank(MessageKind.UPDATE) == rank(MessageKind.RESOLUTION)
