"""Forecasts in words and as a picture."""

from __future__ import annotations

from datetime import timedelta

import pytest

from healthmgr.domain.check import Severity
from healthmgr.domain.forecast import ForecastRule, Seen, foresee
from healthmgr.domain.forecast_telling import KEEPS_FOR
from healthmgr.domain.forecast_words import HEIGHT, alert, explanation, picture, promise, summary
from healthmgr.domain.threshold import Threshold
from tests.domain.making import NOW
from tests.domain.test_forecast import RULE, measured, rising

WILL = foresee(measured(rising(86.0, 1.0)), RULE, NOW)


def test_what_will_be_crossed_is_said_with_when():
    assert summary(WILL, RULE) == "disk_usage will pass 95% in 9 h (at 21:00 UTC)"


def test_another_day_is_named():
    later = foresee(measured(rising(75.0, 1.0)), RULE, NOW)
    assert summary(later, RULE) == "disk_usage will pass 95% in 20 h (at 2026-03-02 08:00 UTC)"


def test_what_falls_will_fall_below():
    rule = ForecastRule(Threshold.parse("disk_free", "< 5GB"))
    falling = foresee(measured(rising(6e9, -5e8)), rule, NOW)
    assert summary(falling, rule) == "disk_free will fall below 5GB in 2 h (at 14:00 UTC)"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([80.0] * 72, "disk_usage: it stays where it is"),
        (rising(97.0, 1.0), "disk_usage: it is beyond 95% already"),
        (rising(60.0, 1.0), "disk_usage: it reaches 95% only in 1 d 11 h"),
        ([], "disk_usage: too little was measured"),
    ],
)
def test_what_is_not_foretold_is_explained(values, words):
    assert summary(foresee(measured(values), RULE, NOW), RULE) == words


def test_every_reason_has_words():
    for seen in Seen:
        forecast = WILL if seen is Seen.WILL_CROSS else foresee(measured([80.0] * 72), RULE, NOW)
        assert summary(forecast, RULE)


def test_it_says_what_it_rests_on():
    before, after = rising(90.0, 10.0, 40), rising(70.0, 3.0, 32)
    said = explanation(foresee(measured([*before, *after]), RULE, NOW))
    assert said.startswith("it is at 70 and rises by 3 an hour; between ")
    assert "32 points over 2 h 35 min, R squared 1.00; since it was last reset" in said


def test_its_alert_ends_by_itself_and_keeps_its_identity():
    made = alert("Disk", {"check": "disk", "zone": "a"}, {"check": "disk", "forecast": "disk_usage"}, WILL, RULE)
    assert (made.severity, made.ends_at) == (Severity.LOW, NOW + KEEPS_FOR)
    assert made.labels == {"check": "disk", "zone": "a", "forecast": "disk_usage"}
    assert made.summary == promise(WILL, RULE)
    moved = alert("Disk", {"check": "disk", "zone": "b"}, {"check": "disk", "forecast": "disk_usage"}, WILL, RULE)
    assert made.fingerprint("forecast") == moved.fingerprint("forecast")
    with pytest.raises(ValueError, match="nothing is crossed"):
        promise(foresee([], RULE, NOW), RULE)


def test_the_picture_has_its_limit_and_its_times():
    lines = picture(measured(rising(86.0, 1.0)), RULE)
    assert len(lines) == HEIGHT + 1
    assert lines[0].startswith("       95 ---")
    assert lines[-1].split() == ["UTC", "06:05", "12:00"]
    heights = [sum(row[10:][column : column + 1] not in ("", " ", "-") for row in lines[:-1]) for column in (0, 59)]
    assert heights[0] < heights[1]


def test_of_too_little_there_is_no_picture():
    assert picture([], RULE) == []
    assert picture([(NOW, 1.0)], RULE) == []
    assert len(picture([(NOW, 5.0), (NOW + timedelta(hours=1), 5.0)], RULE)) == HEIGHT + 1
