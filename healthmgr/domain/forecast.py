"""When a metric will pass its limit if it goes on as it does, and whether that is worth telling.

Least squares over a window, from the last reset on. Whoever speaks too soon is not believed later: the line has to be
straight, steady in all of its parts and surer than its noise, and it reaches no further ahead than what was seen of
it allows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from math import sqrt

from healthmgr.domain.check import Severity
from healthmgr.domain.quantity import format_duration, parse_duration
from healthmgr.domain.threshold import Threshold
from healthmgr.domain.trend import (
    Break,
    BreakKind,
    Line,
    Point,
    fit,
    inertia,
    last_break,
    median_slope,
    without_outliers,
)

HORIZON = timedelta(hours=24)
WINDOW = timedelta(hours=6)
SHORTEST_WINDOW = timedelta(minutes=10)
LONGEST_WINDOW = timedelta(days=30)
POINTS = 72  # of a window: each the mean of a part of it
LEAST_POINTS = 10
LEAST_SHARE = 1 / 12  # of the window
AHEAD_OF_SEEN = 8.0  # times the span of the points: no line is believed further ahead
STRAIGHT = 0.6  # R squared
SURE = 5.0  # standard errors between the slope and none
PARTS = 3  # of the window, each of which has to go the same way
STEADY = 0.2  # ... by at least this share of the whole slope
AGREEING = 0.35  # how far the median slope may be from the other
DAY = timedelta(days=1)
SAW = 2  # resets within the window: another one is to be expected before the limit
STALE_AFTER = 0.15  # of the window, without any point


class Seen(StrEnum):
    """What a forecast came to, and why."""

    WILL_CROSS = "will_cross"
    CROSSED = "crossed_already"
    BEYOND_HORIZON = "beyond_horizon"
    TOO_FAR = "too_far_for_what_was_seen"
    AWAY = "leads_away"
    FLAT = "flat"
    NOISY = "noise"
    CROOKED = "not_straight"
    UNSTEADY = "not_steady"
    DAILY = "as_every_day"
    RESET_BEFORE = "reset_before_that_each_time"
    TOO_FEW = "too_few_points"
    TOO_SHORT = "seen_too_briefly"
    STALE = "nothing_measured"

    @property
    def is_known(self) -> bool:
        """Whether there was anything to judge by."""
        return self not in (Seen.TOO_FEW, Seen.STALE)


@dataclass(frozen=True, slots=True)
class ForecastRule:
    """Which limit to look ahead to, how far, from how much, and how grave it is to be on the way there."""

    threshold: Threshold
    horizon: timedelta = HORIZON
    window: timedelta = WINDOW
    severity: Severity = Severity.LOW

    @property
    def metric(self) -> str:
        """The metric that is carried forward."""
        return self.threshold.metric

    @property
    def is_rising(self) -> bool:
        """Whether it is high values that are feared."""
        return self.threshold.comparison.startswith(">")

    @property
    def every(self) -> timedelta:
        """The length of time that one point stands for."""
        return self.window / POINTS

    @classmethod
    def from_document(cls, metric: str, document: Mapping[str, str]) -> ForecastRule:
        """What `to_document` made."""
        return cls(
            Threshold.parse(metric, document["threshold"]),
            parse_duration(document["horizon"]),
            parse_duration(document["window"]),
            Severity(document["severity"]),
        )

    def to_document(self) -> dict[str, str]:
        """As it is stored."""
        return {
            "threshold": self.threshold.text,
            "horizon": format_duration(self.horizon),
            "window": format_duration(self.window),
            "severity": self.severity.value,
        }


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected of one metric.

    `value` is where the line is now and `expected` where it will be at the horizon; `earliest` and `latest` are when
    the limit is passed if the slope is as steep, or as mild, as it may be. `dropped` counts the values that stood out,
    `broke` is the break that the line begins after.
    """

    seen: Seen
    now: datetime
    points: int = 0
    span: timedelta = timedelta()
    value: float | None = None
    slope: float | None = None  # per hour
    expected: float | None = None
    r_squared: float | None = None
    crosses_at: datetime | None = None
    earliest: datetime | None = None
    latest: datetime | None = None
    dropped: int = 0
    broke: Break | None = None

    @property
    def left(self) -> timedelta | None:
        """How long it takes until the limit is passed."""
        return self.crosses_at - self.now if self.crosses_at else None


Measured = Sequence[tuple[datetime, float]]
"""Values in the order of time."""


def foresee(points: Measured, rule: ForecastRule, now: datetime, day_ago: Measured = ()) -> Forecast:
    """Carry a series forward to its limit.

    `day_ago` is what was measured at these hours of the day before: what rose then just as it does now, from just as
    high, did not rise on.
    """
    forecast = _foresee(points, rule, now)
    if forecast.seen is not Seen.WILL_CROSS:
        return forecast
    if _is_daily(forecast, day_ago, rule):
        return replace(forecast, seen=Seen.DAILY)
    return replace(forecast, seen=Seen.RESET_BEFORE) if _is_saw(points, rule) else forecast


def _is_saw(points: Measured, rule: ForecastRule) -> bool:
    """Whether it was reset twice and more within the window, each time before it came to the limit."""
    resets, series = [], [((at - points[0][0]).total_seconds(), value) for at, value in points]
    while (broke := last_break(series, is_rising=rule.is_rising)) is not None:
        if broke.kind is BreakKind.RESET:
            resets.append(broke)
        series = series[: broke.index]
    return len(resets) >= SAW and not any(rule.threshold.is_crossed(each.before) for each in resets)


def _is_daily(forecast: Forecast, day_ago: Measured, rule: ForecastRule) -> bool:
    yesterday = [(at, value) for at, value in day_ago if at > forecast.now - DAY - forecast.span]
    if rule.window >= DAY or len(yesterday) < LEAST_POINTS or forecast.slope is None or forecast.value is None:
        return False
    line = fit([((at + DAY - forecast.now).total_seconds(), value) for at, value in yesterday])
    risen = abs(forecast.slope) * (forecast.span / timedelta(hours=1))
    is_as_steep = 0.5 <= line.slope * 3600 / forecast.slope <= 2.0
    return is_as_steep and abs(line.value_at(0.0) - forecast.value) <= 0.5 * risen


def _foresee(points: Measured, rule: ForecastRule, now: datetime) -> Forecast:
    series: list[Point] = [((at - now).total_seconds(), value) for at, value in points]
    broke = last_break(series, is_rising=rule.is_rising)
    since = series[broke.index :] if broke else series
    span = timedelta(seconds=since[-1][0] - since[0][0]) if since else timedelta()
    if since and -since[-1][0] > STALE_AFTER * rule.window.total_seconds():
        return Forecast(Seen.STALE, now, len(since), span, broke=broke)
    if len(since) < LEAST_POINTS:
        # What has just been reset was seen too briefly; where there never was more, nothing is known.
        return Forecast(Seen.TOO_SHORT if broke else Seen.TOO_FEW, now, len(since), span, broke=broke)
    if span < rule.window * LEAST_SHARE:
        return Forecast(Seen.TOO_SHORT, now, len(since), span, broke=broke)
    kept = without_outliers(since)
    line = fit(kept)
    return _judged(
        kept, line, rule, Forecast(Seen.FLAT, now, len(kept), span, dropped=len(since) - len(kept), broke=broke)
    )


def _judged(points: Sequence[Point], line: Line, rule: ForecastRule, base: Forecast) -> Forecast:
    limit, value = rule.threshold.limit, line.value_at(0.0)
    drag = sqrt((1 + inertia(points, line)) / (1 - inertia(points, line)))
    error = line.slope_error * drag
    crossing = line.reaches(limit)
    is_ahead = crossing is not None and crossing > 0
    seen = _doubt(points, line, rule, error)
    if rule.threshold.is_crossed(value):
        seen, is_ahead = Seen.CROSSED, False
    elif seen is None:
        seen = _reach(crossing, base.span, rule) if is_ahead else Seen.AWAY
    earliest, latest = _between(line, limit, value, error) if is_ahead else (None, None)
    return Forecast(
        seen,
        base.now,
        base.points,
        base.span,
        value=value,
        slope=line.slope * 3600,
        expected=line.value_at(rule.horizon.total_seconds()),
        r_squared=line.r_squared,
        crosses_at=_moment(base.now, crossing) if is_ahead else None,
        earliest=_moment(base.now, earliest),
        latest=_moment(base.now, latest),
        dropped=base.dropped,
        broke=base.broke,
    )


def _doubt(points: Sequence[Point], line: Line, rule: ForecastRule, error: float) -> Seen | None:
    """Why the line is not to be believed; None where it is."""
    if line.slope == 0:
        return Seen.FLAT
    if abs(line.slope) < SURE * error:
        return Seen.NOISY
    # Carried to the horizon, the line leaves behind what a single value may differ by now.
    if abs(line.slope) * rule.horizon.total_seconds() < 2 * line.error_at(0.0):
        return Seen.NOISY
    if line.r_squared < STRAIGHT:
        return Seen.CROOKED
    edges = [index * (len(points) - 1) // PARTS for index in range(PARTS + 1)]
    if any(fit(points[begin : end + 1]).slope / line.slope < STEADY for begin, end in pairwise(edges)):
        return Seen.UNSTEADY
    return None if abs(median_slope(points) / line.slope - 1) <= AGREEING else Seen.CROOKED


def _reach(crossing: float | None, span: timedelta, rule: ForecastRule) -> Seen:
    if crossing is None or crossing > rule.horizon.total_seconds():
        return Seen.BEYOND_HORIZON
    return Seen.TOO_FAR if crossing > AHEAD_OF_SEEN * span.total_seconds() else Seen.WILL_CROSS


def _between(line: Line, limit: float, value: float, error: float) -> tuple[float | None, float | None]:
    """When it is passed with the slope two errors steeper, and two milder; None: never."""
    distance = limit - value
    times = [distance / slope if slope else None for slope in (line.slope - 2 * error, line.slope + 2 * error)]
    ahead = [time if time is not None and time > 0 else None for time in times]
    known = sorted(time for time in ahead if time is not None)
    return (known[0] if known else None), (known[1] if len(known) > 1 else None)


def _moment(now: datetime, seconds: float | None) -> datetime | None:
    """That many seconds from now; None for none, and for what lies beyond ten years."""
    return now + timedelta(seconds=seconds) if seconds is not None and abs(seconds) < 315_000_000 else None


def is_reset(forecast: Forecast) -> bool:
    """Whether the line begins after something was cleaned, drained or rotated."""
    return forecast.broke is not None and forecast.broke.kind is BreakKind.RESET
