"""Thresholds: directions, units, which level wins, and what was not measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.threshold import Threshold, Thresholds


@pytest.mark.parametrize(
    ("text", "crossed", "kept"),
    [
        ("> 5", 5.001, 5.0),
        (">= 5", 5.0, 4.999),
        ("< 60", 59.999, 60.0),
        ("<= 60", 60.0, 60.001),
        ("== 3", 3.0, 2.0),
        ("!= 3", 2.0, 3.0),
        ("80%", 80.1, 80.0),
        ("5s", 5.1, 5.0),
    ],
)
def test_a_threshold_is_crossed_on_its_bad_side_alone(text, crossed, kept):
    threshold = Threshold.parse("depth", text)
    assert threshold.is_crossed(crossed)
    assert not threshold.is_crossed(kept)


@pytest.mark.parametrize(
    ("text", "limit"),
    [("> 250ms", 0.25), (">2m", 120.0), ("< 1.5GiB", 1.5 * 2**30), ("  >=   80 % ", 80.0), ("< -4", -4.0), ("7", 7.0)],
)
def test_a_limit_is_kept_in_base_units(text, limit):
    assert Threshold.parse("m", text).limit == pytest.approx(limit)


@pytest.mark.parametrize("text", ["", "  ", ">", "> ", "high", "=> 5", "> 5 > 3", "<> 5", "5 >"])
def test_what_is_not_a_threshold_is_refused(text):
    with pytest.raises(ValueError, match="is not a"):
        Threshold.parse("m", text)


LIMITS = Thresholds.parse(
    {
        "warning": {"response_time": "> 5s", "hit_rate": "< 80%"},
        "critical": {"response_time": "> 10s", "hit_rate": "< 60%"},
    }
)


@pytest.mark.parametrize(
    ("response_time", "metrics", "crossed"),
    [
        (1.0, {"hit_rate": 90.0}, []),
        (5.0, {"hit_rate": 80.0}, []),
        (7.2, {"hit_rate": 90.0}, ["warning response_time"]),
        (1.0, {"hit_rate": 70.0}, ["warning hit_rate"]),
        (11.0, {"hit_rate": 70.0}, ["critical response_time", "warning response_time", "warning hit_rate"]),
        (7.0, {"hit_rate": 50.0}, ["critical hit_rate", "warning response_time", "warning hit_rate"]),
        (1.0, {}, []),
        (1.0, {"response_time": 99.0}, []),
        (11.0, {"response_time": 0.0}, ["critical response_time", "warning response_time"]),
    ],
)
def test_crossings_are_told_critical_ones_first_and_what_was_not_measured_crosses_nothing(
    response_time, metrics, crossed
):
    found = LIMITS.crossings(response_time, metrics)
    assert [f"{'critical' if c.is_critical else 'warning'} {c.threshold.metric}" for c in found] == crossed


def test_a_crossing_says_what_was_measured_and_what_was_allowed():
    (crossing,) = LIMITS.crossings(7.25, {})
    assert str(crossing) == "response_time 7.25 > 5s"
    assert crossing.value == 7.25


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"warning": {"depth": "> 10"}},
        {"critical": {"response_time": "> 1m30s", "free": "< 5%"}},
        {"warning": {"a": "!= 0"}, "critical": {"a": "== 2", "b": "<= 3GiB"}},
    ],
)
def test_thresholds_are_written_as_they_are_read(document):
    assert Thresholds.parse(document).to_document() == document


def test_a_direction_that_was_left_out_is_written_down():
    assert Thresholds.parse({"warning": {"cpu": "80%"}}).to_document() == {"warning": {"cpu": "> 80%"}}


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-1000, 1000))
def test_opposite_directions_never_agree(value, limit):
    above, not_above = Threshold.parse("m", f"> {limit}"), Threshold.parse("m", f"<= {limit}")
    assert above.is_crossed(value) is not not_above.is_crossed(value)
