"""The present of a series: where it is, how far it usually strays, and how restless it is."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from operator import mul
from typing import Any

from healthmgr.domain.anomaly_state import Ring, packed, unpacked

_SCALE_RATE = 0.002
_OUTLIER = 5.0  # scales: of what is larger, a tenth counts, so that one outlier does not make the scale and many do
_TENTH = 0.1
_SETTLED = 10  # points
_CALM_RATE = 0.002
_CALM_AT_LEAST = 0.05  # of the usual restlessness: nothing is calmer than that


class Level:
    """A running mean and the mean distance from it."""

    __slots__ = ("_mean", "_rate", "_scale", "_seen")

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._mean, self._scale, self._seen = 0.0, 0.0, 0

    def deviation(self, value: float) -> float:
        """How far from the mean a value is, in usual distances; 0 while they are not known."""
        if self._seen <= _SETTLED:
            return 0.0
        return (value - self._mean) / self.unit

    @property
    def unit(self) -> float:
        """What a deviation of 1 is in the measure of the series."""
        # What the arithmetic itself makes out of a great number is no distance.
        return self._scale + 1e-12 + 1e-12 * abs(self._mean)

    def learn(self, value: float) -> None:
        """Take in one more value."""
        if not self._seen:
            self._mean = value
        off = value - self._mean
        size = abs(off)
        if self._seen > _SETTLED:
            size = min(size, _OUTLIER * self._scale + _TENTH * size)
        self._seen += 1
        self._mean += max(self._rate, 1 / self._seen) * off
        self._scale += max(_SCALE_RATE, 1 / self._seen) * (size - self._scale)

    @property
    def mean(self) -> float:
        """Where the series is."""
        return self._mean

    @property
    def scale(self) -> float:
        """How far it usually is from there."""
        return self._scale

    def to_state(self) -> dict[str, Any]:
        """Everything that it knows, for JSON."""
        return {"numbers": packed(array("d", (self._rate, self._mean, self._scale, self._seen)))}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Level:
        """The level that `to_state` described."""
        rate, mean, scale, seen = unpacked(state["numbers"])
        level = cls(rate)
        level._mean, level._scale, level._seen = mean, scale, int(seen)
        return level


class Window:
    """The mean of the last few numbers, each cut to a bound, so that one alone does not make it."""

    __slots__ = ("_most", "_recent")

    def __init__(self, size: int, most: float) -> None:
        self._most = most
        self._recent = Ring(array("d", bytes(8 * size)))

    def mean_with(self, number: float) -> float:
        """The mean if this number came next."""
        recent = self._recent
        return (sum(recent.numbers) - recent.oldest + self._cut(number)) / len(recent.numbers)

    def learn(self, number: float) -> None:
        """Take in one more number."""
        self._recent.push(self._cut(number))

    def _cut(self, number: float) -> float:
        return min(self._most, max(-self._most, number))

    def to_state(self) -> dict[str, Any]:
        """Everything that it knows, for JSON."""
        return {"most": self._most, "recent": self._recent.to_state()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Window:
        """The window that `to_state` described."""
        window = cls(1, float(state["most"]))
        window._recent = Ring.from_state(state["recent"])
        return window


class Stillness:
    """How much less than usual the last values move: what hangs, hangs still."""

    __slots__ = ("_origin", "_recent", "_seen", "_usual")

    def __init__(self, size: int) -> None:
        self._origin = 0.0  # near the values, so that their squares keep their digits
        self._recent = Ring(array("d", bytes(8 * size)))
        self._usual, self._seen = 0.0, 0

    def deviation(self, value: float) -> float:
        """1 where they move as usual, up to 20 where they stand still; 0 while nothing ever moved."""
        if self._usual <= 0:
            return 0.0
        return 1 / (self._movement(value) / self._usual + _CALM_AT_LEAST)

    def learn(self, value: float) -> None:
        """Take in one more value."""
        if not self._seen:
            self._origin = value
        movement = self._movement(value)
        self._recent.push(value - self._origin)
        self._seen += 1
        self._usual += max(_CALM_RATE, 1 / self._seen) * (movement - self._usual)

    @property
    def usual(self) -> float:
        """The usual standard deviation of so many values."""
        return self._usual

    def _movement(self, value: float) -> float:
        """The standard deviation of the last values and this one. Places not yet filled are 0 and change no sum."""
        numbers, newest, oldest = self._recent.numbers, value - self._origin, self._recent.oldest
        count = min(self._seen + 1, len(numbers))
        total = sum(numbers) + newest - oldest
        squares = sum(map(mul, numbers, numbers)) + newest * newest - oldest * oldest
        mean = total / count
        spread: float = max(0.0, squares / count - mean * mean) ** 0.5
        return spread

    def to_state(self) -> dict[str, Any]:
        """Everything that it knows, for JSON."""
        numbers = array("d", (self._origin, self._usual, self._seen))
        return {"numbers": packed(numbers), "recent": self._recent.to_state()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Stillness:
        """The stillness that `to_state` described."""
        still = cls(1)
        still._origin, still._usual, seen = unpacked(state["numbers"])
        still._seen = int(seen)
        still._recent = Ring.from_state(state["recent"])
        return still
