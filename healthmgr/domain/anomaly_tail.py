"""How rare a deviation is, by what this series did before: a running estimate of its tail.

The top hundredth of all deviations is taken to fall off like a power (Hill's estimator); what lies above is
extrapolated from there, so that the score means the same for a calm series and for a wild one: minus the
logarithm of the chance of so much. What has precedents is no rarer than they say: the greatest deviations of
the last while are remembered, and a fourth of their like is nothing new.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from typing import Any

from healthmgr.domain.anomaly_state import packed, unpacked

WARM_UP = 120
_SHARE = 0.01  # of the deviations are the tail
_BODY = -math.log(_SHARE)
_STEP = 0.04  # how fast the tail's beginning follows
_PRIOR, _PRIOR_WEIGHT = 0.3, 4.0  # how heavy a tail is, before it is known, and how many deviations outweigh that
_MOST_COUNTED = 128.0
_REMEMBERED = 48
_APART = 48  # points: deviations nearer than that are one happening
_GOES_ON = 6  # points: what is nearer than that to the last one teaches less, or one outage would make a series deaf
_SMALLER_LESSON = 0.5
_ALIKE = 0.85
_PRECEDENTS = 3
_MEMORY = 1500  # points
_LEAST_BEGIN = 1e-3
_FORGIVING_FADES = 0.9998  # a point: half of it after 3,500 points
ORDINARY = 5.0  # what a forgiven deviation scores at most


class Tail:
    """The tail of one kind of deviation of one series."""

    __slots__ = (
        "_apart",
        "_begin",
        "_counted",
        "_forgiven",
        "_heights",
        "_newest",
        "_seen",
        "_times",
        "_warm",
        "_weight",
    )

    def __init__(self) -> None:
        self._seen = 0
        self._warm = array("d")
        self._begin = 0.0
        self._weight = 0.0
        self._counted = 0.0
        self._heights = array("d")
        self._times = array("Q")
        self._newest = -1  # where the last happening is kept
        self._apart = 1e9  # points since it
        self._forgiven = 0.0

    def rarity(self, deviation: float, unit: float = 1.0) -> float:
        """Minus the logarithm of the chance of such a deviation; 0 while the series is not known.

        `unit` is the size of a deviation of 1 in the series' own measure, in which precedents are remembered.
        """
        if self._seen < WARM_UP or deviation <= 0:
            return 0.0
        begin = self._begin_for(deviation)
        if deviation <= begin:
            share = deviation / begin
            return _BODY * share * share
        rarity = _BODY + math.log(deviation / begin) / self._heaviness()
        if deviation * unit <= self._forgiven / _ALIKE:
            rarity = min(rarity, ORDINARY)
        precedents = self._precedents(_ALIKE * deviation * unit)
        if precedents < _PRECEDENTS:
            return rarity
        watched = min(_MEMORY, max(self._seen - self._oldest(), 200))
        return min(rarity, math.log(watched / (precedents + 0.5)))

    def learn(self, deviation: float, unit: float = 1.0) -> None:
        """Take in one more deviation."""
        seen = self._seen
        self._seen = seen + 1
        if seen < WARM_UP:
            self._warm.append(deviation)
            if self._seen == WARM_UP:
                self._begin_from_warm_up(unit)
            return
        self._apart += 1
        self._forgiven *= _FORGIVING_FADES
        begin = self._begin_for(deviation)
        if deviation > begin:
            excess = min(math.log(deviation / begin), 3 * self._heaviness() + 0.5)
            lesson = 1.0 if self._apart > _GOES_ON else _SMALLER_LESSON
            self._remember(deviation * unit, seen)
            self._weight += lesson * excess
            self._counted += lesson
            if self._counted > _MOST_COUNTED:
                self._weight *= _MOST_COUNTED / self._counted
                self._counted = _MOST_COUNTED
            self._begin = begin * math.exp(lesson * _STEP * (1 - _SHARE))
        else:
            self._begin = max(begin * (1 - _STEP * _SHARE), _LEAST_BEGIN)

    def forgive(self, size: float) -> None:
        """A person said that so much, in the series' own measure, was no problem: for a while its like is ordinary."""
        self._forgiven = max(self._forgiven, size)

    @property
    def usual(self) -> float:
        """What 99 of 100 deviations stay below; 0 while that is not known."""
        return self._begin

    def _begin_for(self, deviation: float) -> float:
        return self._begin if self._begin > 0 else max(deviation / 2, _LEAST_BEGIN)

    def _heaviness(self) -> float:
        return (self._weight + _PRIOR * _PRIOR_WEIGHT) / (self._counted + _PRIOR_WEIGHT)

    def _precedents(self, height: float) -> int:
        many = sum(1 for h in self._heights if h >= height)
        if many and self._apart <= _APART and self._heights[self._newest] >= height:
            return many - 1  # the happening that goes on is no precedent of itself
        return many

    def _oldest(self) -> float:
        return min(self._times) if len(self._times) == _REMEMBERED else 0.0

    def _remember(self, height: float, time: int) -> None:
        if self._apart <= _APART and self._heights:
            self._heights[self._newest] = max(self._heights[self._newest], height)
        elif len(self._heights) < _REMEMBERED:
            self._newest = len(self._heights)
            self._heights.append(height)
            self._times.append(time)
        else:
            self._newest = (self._newest + 1) % _REMEMBERED
            self._heights[self._newest] = height
            self._times[self._newest] = time
        self._apart = 0

    def _begin_from_warm_up(self, unit: float) -> None:
        self._begin = sorted(self._warm)[int((1 - _SHARE) * (WARM_UP - 1))]
        for time, deviation in enumerate(self._warm):
            self._apart += 1
            if deviation > self._begin:
                self._remember(deviation * unit, time)
        self._warm = array("d")

    def to_state(self) -> dict[str, Any]:
        """Everything that this tail knows, for JSON."""
        numbers = (self._seen, self._begin, self._weight, self._counted, self._newest, self._apart, self._forgiven)
        return {
            "numbers": packed(array("d", numbers)),
            "warm": packed(self._warm),
            "heights": packed(self._heights),
            "times": packed(self._times),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Tail:
        """The tail that `to_state` described."""
        tail = cls()
        seen, tail._begin, tail._weight, tail._counted, newest, tail._apart, tail._forgiven = unpacked(state["numbers"])
        tail._seen, tail._newest = int(seen), int(newest)
        tail._warm = unpacked(state["warm"])
        tail._heights = unpacked(state["heights"])
        tail._times = unpacked(state["times"], "Q")
        return tail
