"""What is promised and what became of it: the figures, whether they keep the promise, and the words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from healthmgr.domain.check import Severity
from healthmgr.domain.delivery_time import DeliveryTimes, Percentiles
from healthmgr.domain.promises import (
    ORIGIN,
    PROMISES,
    Detections,
    Facts,
    Figure,
    PromiseName,
    concern,
    figures,
    over,
    said,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOTHING = Facts(
    over=timedelta(days=7),
    detections=Detections(),
    delivery=DeliveryTimes(604800, 0, 0, 0, None, None, None),
    minutes=0,
    well_minutes=0,
    alerts=0,
    marked_false=0,
    candidates=0,
    seen_to=0,
    repaired=0,
)


def figure(facts: Facts, name: PromiseName) -> Figure:
    return next(one for one in figures(facts) if one.name is name)


def detected(p95: float, late: int = 0) -> Facts:
    return replace(NOTHING, detections=Detections(20, late, Percentiles(9.0, p95, p95 + 1), Percentiles(6.0, 6.5, 7.0)))


def test_the_promises_are_those_of_the_specification() -> None:
    assert {name.value: (one.target, one.is_ceiling) for name, one in PROMISES.items()} == {
        "detection_time": (30.0, True),
        "alert_delivery": (120.0, True),
        "alerting_availability": (0.999, False),
        "false_positive_rate": (0.05, True),
        "automatic_resolution": (0.8, False),
    }


def test_where_nothing_happened_nothing_is_claimed() -> None:
    found = figures(NOTHING)
    assert [one.name for one in found] == list(PromiseName)
    assert {(one.value, one.is_kept, one.count) for one in found} == {(None, None, 0)}
    assert said(found[0]) == "detection of critical problems: nothing to go by (promised: under 30 s)"
    assert said(found[2]) == "availability of alerting: nothing to go by (promised: 99.9 % at least)"


@pytest.mark.parametrize(("p95", "is_kept"), [(12.0, True), (29.9, True), (30.0, False), (31.0, False)])
def test_a_length_is_kept_when_95_percent_stay_below_it(p95: float, is_kept: bool) -> None:
    found = figure(detected(p95, late=1), PromiseName.DETECTION)
    assert (found.value, found.is_kept, found.count, found.missed) == (p95, is_kept, 20, 1)


@pytest.mark.parametrize(
    ("changes", "name", "value", "is_kept", "missed"),
    [
        ({"minutes": 10_000, "well_minutes": 9_990}, PromiseName.AVAILABILITY, 0.999, True, 10),
        ({"minutes": 10_000, "well_minutes": 9_989}, PromiseName.AVAILABILITY, 0.9989, False, 11),
        ({"alerts": 100, "marked_false": 4}, PromiseName.FALSE_ALARMS, 0.04, True, 4),
        ({"alerts": 100, "marked_false": 5}, PromiseName.FALSE_ALARMS, 0.05, False, 5),
        ({"seen_to": 10, "repaired": 8}, PromiseName.RESOLUTION, 0.8, True, 2),
        ({"seen_to": 10, "repaired": 7}, PromiseName.RESOLUTION, 0.7, False, 3),
    ],
)
def test_a_share_is_kept_when_it_is_within_its_limit(
    changes: dict[str, Any], name: PromiseName, value: float, is_kept: bool, missed: int
) -> None:
    found = figure(replace(NOTHING, **changes), name)
    assert (found.value, found.is_kept, found.missed) == (value, is_kept, missed)


def test_what_may_be_missed_is_a_budget_that_is_used_up() -> None:
    facts = replace(detected(14.2, late=1), minutes=10_000, well_minutes=9_980, alerts=100, marked_false=5)
    left = {one.name: one.budget_left for one in figures(facts)}
    assert left[PromiseName.DETECTION] == pytest.approx(0), "one of twenty may be late"
    assert left[PromiseName.AVAILABILITY] == pytest.approx(-1), "10 of 10,000 minutes may be lost, 20 were"
    assert left[PromiseName.FALSE_ALARMS] == pytest.approx(0)
    assert left[PromiseName.RESOLUTION] is None


def test_what_is_not_kept_is_an_alert_once_it_is_no_chance() -> None:
    bad = replace(NOTHING, alerts=20, marked_false=1)
    alert = concern(figure(bad, PromiseName.FALSE_ALARMS), NOW)
    assert alert is not None
    assert (alert.labels, alert.severity) == (
        {"service": "healthmgr", "promise": "false_positive_rate"}, Severity.LOW,
    )  # fmt: skip
    assert alert.summary == "5 % of 20 alerts were marked as false; promised: under 5 %"
    assert over("false_positive_rate", NOW).fingerprint(ORIGIN) == alert.fingerprint(ORIGIN)
    assert concern(figure(replace(bad, alerts=19), PromiseName.FALSE_ALARMS), NOW) is None, "of so few it may be chance"
    assert concern(figure(replace(bad, alerts=21), PromiseName.FALSE_ALARMS), NOW) is None
    assert concern(figure(NOTHING, PromiseName.FALSE_ALARMS), NOW) is None


def test_figures_are_said_in_one_line_with_what_was_promised() -> None:
    told = DeliveryTimes(604800, 9, 7, 1, None, Percentiles(3.0, 125.04, 180.0), None)
    facts = replace(
        detected(14.2), delivery=told, minutes=1440, well_minutes=1439, alerts=40, marked_false=1, seen_to=5, repaired=4
    )
    assert [said(one) for one in figures(facts)] == [
        "critical problems are detected in 14.2 s (95 % of 20, 0 later than promised); promised: under 30 s",
        "urgent problems are told in 125 s (95 % of 7, 1 later than promised); promised: under 2 min",
        "99.93 % of 1440 minutes alerting worked; promised: 99.9 % at least",
        "2.5 % of 40 alerts were marked as false; promised: under 5 %",
        "80 % of 5 alerts that a runbook saw to were resolved by it; promised: 80 % at least",
    ]
