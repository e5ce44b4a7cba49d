"""What is usual at this time of the day, and of the week.

A day is cut into quarters of an hour, each with a running mean. A value is compared with the means of the
half-hours before and after it too, because what happens daily does not happen to the minute; the means of the last
half-hour are already today's, so a series without any daily rhythm is compared with its own present. What a
week's hours add to the day is learned apart, and trusted the more, the more weeks have shown it.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from healthmgr.domain.anomaly_state import packed, unpacked

_SLOTS = 96
_SLOT = 86400 / _SLOTS
_NEIGHBOURS = (-2, -1, 0, 1, 2)
_RATE = 0.1  # of a slot's mean, a point of five minutes or more
_RATED_FOR = 300.0  # seconds: points that come faster count for less
_SCALE_RATE = 0.001
_HOURS = 168
_WEEKS_RATE = 0.3
_WEEKS_NEEDED = 2
_WEEKS_DOUBTED = 2.0
_OUTLIER = 8.0  # scales: of what is larger, a tenth counts, so that one outlier does not make the scale and many do
_TENTH = 0.1
_SETTLED = 20  # points
_MOST_COUNTED = 60_000  # points or weeks of a mean; it follows at its rate long before
_FROM_NOTHING = 1e3  # the deviation of a value that differs where nothing ever did


class Season:
    """The rhythm of one series, and the size of its usual departures from it."""

    __slots__ = ("_counts", "_hour", "_hour_count", "_hour_sum", "_interval", "_last", "_means", "_scale", "_seen",
                 "_week", "_weeks")  # fmt: skip

    def __init__(self) -> None:
        self._means = array("d", bytes(8 * _SLOTS))
        self._counts = array("H", bytes(2 * _SLOTS))
        self._week = array("d", bytes(8 * _HOURS))
        self._weeks = array("H", bytes(2 * _HOURS))
        self._hour, self._hour_sum, self._hour_count = -1, 0.0, 0
        self._scale, self._seen = 0.0, 0
        self._interval, self._last = 0.0, 0.0

    def bounds(self, at: datetime) -> tuple[float, float] | None:
        """The lowest and the highest mean around this time, or nothing while no day has shown them."""
        slot = _slot(at)
        counts = self._counts
        if not counts[slot]:
            return None
        around = [self._means[k] for step in _NEIGHBOURS if counts[k := (slot + step) % _SLOTS]]
        weekly = self._weekly(_hour(at))
        return min(around) + weekly, max(around) + weekly

    def deviation(self, value: float, bounds: tuple[float, float] | None) -> float:
        """How far outside these bounds a value is, in usual departures: below them it is negative."""
        if bounds is None:
            return 0.0
        off = _outside(value, bounds)
        if self._scale > 0:
            return off / self._scale
        return 0.0 if off == 0 else (_FROM_NOTHING if off > 0 else -_FROM_NOTHING)

    def unit(self, value: float, bounds: tuple[float, float] | None) -> float:
        """What a deviation of 1 is in the measure of the series."""
        if self._scale > 0 or bounds is None:
            return self._scale
        return abs(_outside(value, bounds)) / _FROM_NOTHING

    def learn(self, at: datetime, value: float, bounds: tuple[float, float] | None) -> None:
        """Take in one more value; `bounds` are those that it was compared with."""
        self._learn_interval(at)
        hour = _hour(at)
        if hour != self._hour:
            self._end_hour(hour)
        slot = _slot(at)
        if bounds is not None:
            if self._scale > 0:
                most = _OUTLIER * self._scale
                self._hour_sum += min(most, max(-most, value - self._means[slot]))
                self._hour_count += 1
            self._learn_scale(abs(_outside(value, bounds)))
        count = self._counts[slot] = min(self._counts[slot] + 1, _MOST_COUNTED)
        rate = _RATE * min(1.0, self._interval / _RATED_FOR) if self._interval else _RATE
        self._means[slot] += max(rate, 1 / count) * (value - self._means[slot])

    @property
    def scale(self) -> float:
        """The mean size of departures."""
        return self._scale

    def _weekly(self, hour: int) -> float:
        weeks = self._weeks[hour]
        return self._week[hour] * weeks / (weeks + _WEEKS_DOUBTED) if weeks >= _WEEKS_NEEDED else 0.0

    def _end_hour(self, hour: int) -> None:
        if self._hour_count:
            weeks = self._weeks[self._hour] = min(self._weeks[self._hour] + 1, _MOST_COUNTED)
            mean = self._hour_sum / self._hour_count
            self._week[self._hour] += max(_WEEKS_RATE, 1 / weeks) * (mean - self._week[self._hour])
        self._hour, self._hour_sum, self._hour_count = hour, 0.0, 0

    def _learn_scale(self, off: float) -> None:
        self._seen += 1
        if self._seen > _SETTLED:
            off = min(off, _OUTLIER * self._scale + _TENTH * off)
        self._scale += max(_SCALE_RATE, 1 / self._seen) * (off - self._scale)

    def _learn_interval(self, at: datetime) -> None:
        now = at.timestamp()
        passed = now - self._last
        if self._last and passed > 0:
            if self._interval:
                self._interval += 0.01 * (min(passed, 4 * self._interval) - self._interval)
            else:
                self._interval = passed
        self._last = now

    def to_state(self) -> dict[str, Any]:
        """Everything that it knows, for JSON."""
        numbers = (self._hour, self._hour_sum, self._hour_count, self._scale, self._seen, self._interval, self._last)
        return {
            "numbers": packed(array("d", numbers)),
            "means": packed(self._means),
            "counts": packed(self._counts),
            "week": packed(self._week),
            "weeks": packed(self._weeks),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Season:
        """The season that `to_state` described."""
        season = cls()
        hour, season._hour_sum, count, season._scale, seen, season._interval, season._last = unpacked(state["numbers"])
        season._hour, season._hour_count, season._seen = int(hour), int(count), int(seen)
        season._means, season._counts = unpacked(state["means"]), unpacked(state["counts"], "H")
        season._week, season._weeks = unpacked(state["week"]), unpacked(state["weeks"], "H")
        return season


def _slot(at: datetime) -> int:
    return int((at.hour * 3600 + at.minute * 60 + at.second) / _SLOT)


def _hour(at: datetime) -> int:
    return at.weekday() * 24 + at.hour


def _outside(value: float, bounds: tuple[float, float]) -> float:
    low, high = bounds
    if value > high:
        return value - high
    return value - low if value < low else 0.0
