"""A series that is watched: what becomes of its alert, point by point."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from healthmgr.domain.anomaly_gate import GateRule
from healthmgr.domain.anomaly_telling import KEEPS_FOR, SeriesWatch, Told, anomaly_alert, identity
from healthmgr.domain.check import Severity
from tests.domain.anomaly_series import BEGIN, flat_noise

EVERY = timedelta(minutes=5)
LEARNED = 3000
VALUES = flat_noise(random.Random(5))
CALM = [min(value, 48.0) for value in VALUES[LEARNED:]]


def trained() -> SeriesWatch:
    watch = SeriesWatch(GateRule(needed=3, out_of=5))
    for i, value in enumerate(VALUES[:LEARNED]):
        watch.look(BEGIN + i * EVERY, value)
    return watch


@pytest.fixture(scope="module")
def state() -> str:
    """What is kept of a series that was watched for ten days, and was calm of late."""
    return json.dumps(trained().to_state())


def watch_of(state: str) -> SeriesWatch:
    return SeriesWatch.from_state(json.loads(state), GateRule(needed=3, out_of=5))


def said(watch: SeriesWatch, *values: float | None, learn: bool = True, after: int = 0) -> list[Told]:
    return [watch.look(BEGIN + (LEARNED + after + i) * EVERY, value, learn)[0] for i, value in enumerate(values)]


def test_three_strange_points_of_five_are_told_and_calm_ones_take_it_back(state: str) -> None:
    watch = watch_of(state)
    assert said(watch, 45.0, 90.0, 90.0, 90.0, 90.0) == [
        Told.NOTHING, Told.WAIT, Told.WAIT, Told.TELL, Told.RENEW,
    ]  # fmt: skip
    assert "is usual" in watch.words
    after = said(watch, *CALM[:30], after=5)
    assert after.count(Told.WITHDRAW) == 1
    assert after[-1] is Told.NOTHING
    assert watch.words == ""


def test_one_strange_point_is_told_to_nobody(state: str) -> None:
    watch = watch_of(state)
    assert Told.TELL not in said(watch, 90.0, *CALM[:30])


def test_maintenance_begins_nothing_and_ends_nothing(state: str) -> None:
    watch = watch_of(state)
    assert said(watch, 90.0, 90.0, 90.0, learn=False) == [Told.NOTHING] * 3
    said(watch, 90.0, 90.0, 90.0, 90.0)
    assert said(watch, 45.0, 45.0, 45.0, learn=False, after=4) == [Told.RENEW] * 3


def test_missing_values_begin_nothing_and_end_nothing(state: str) -> None:
    watch = watch_of(state)
    said(watch, 90.0, 90.0, 90.0)
    assert said(watch, None, float("nan"), None, None, None, None, after=3) == [Told.RENEW] * 6


def test_what_a_person_marked_false_is_over_and_not_told_again(state: str) -> None:
    watch, unmarked = watch_of(state), watch_of(state)
    for one in (watch, unmarked):
        assert said(one, 62.0, 62.0, 62.0)[-1] is Told.TELL
    watch.mark_false()
    assert Told.TELL not in said(watch, *CALM[:200], 62.0, 62.0, 62.0, after=3)
    assert Told.TELL in said(unmarked, *CALM[:200], 62.0, 62.0, 62.0, after=3)


def test_nothing_is_told_of_a_new_series() -> None:
    watch = SeriesWatch(GateRule(needed=1, out_of=1))
    values = [45.0 + i % 3 for i in range(200)] + [500.0] * 3
    assert {watch.look(BEGIN + i * EVERY, value)[0] for i, value in enumerate(values)} == {Told.NOTHING}


@settings(max_examples=20, deadline=None)
@given(values=st.lists(st.sampled_from([45.0, 46.0, 90.0, None]), max_size=12), more=st.integers(0, 8))
def test_a_watch_survives_restarts(state: str, values: list[float | None], more: int) -> None:
    watch = watch_of(state)
    said(watch, *values)
    restored = watch_of(json.dumps(watch.to_state()))
    following = [90.0, 45.0, 90.0, 90.0, 45.0, 46.0, 45.0, 46.0][:more]
    assert said(watch, *following, after=20) == said(restored, *following, after=20)
    assert watch.to_state() == restored.to_state()


def test_an_alert_is_of_medium_severity_unless_somebody_says_otherwise() -> None:
    alert = anomaly_alert("Shop", {"service": "shop"}, "shop", "load", "load 812, where 120 to 180 is usual", BEGIN)
    assert (alert.severity, alert.ends_at) == (Severity.MEDIUM, BEGIN + KEEPS_FOR)
    assert alert.labels == {"service": "shop", "anomaly": "load"}
    assert alert.identity == identity("shop", "load")
    assert (alert.name, alert.summary) == ("Shop: load is unlike its past", "load 812, where 120 to 180 is usual")
    assert anomaly_alert("Shop", {}, "shop", "load", "x", BEGIN, Severity.CRITICAL).severity is Severity.CRITICAL
