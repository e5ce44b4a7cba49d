"""What is kept of many numbers: how many, their sum, both ends, and how they lie, to within one percent.

The sketch is DDSketch (Masson, Rim and Lee, VLDB 2019): a number falls into the bucket of its logarithm, so that every
number of a bucket is within one percent of the bucket's middle. Adding two sketches is adding counts, and the order
in which that is done changes nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

ACCURACY = 0.01  # a quantile is off by no more than this share of itself
SMALLEST = 1e-9  # what is nearer to nothing than this counts as nothing
_GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
LOG_GAMMA = math.log(_GAMMA)
OFFSET = 1 - math.ceil(math.log(SMALLEST) / LOG_GAMMA)  # keys of positive numbers begin with 1
_LARGEST_EXPONENT = 700.0


def key_of(value: float) -> int:
    """The bucket of a number; buckets are in the order of their numbers."""
    size = abs(value)
    if size < SMALLEST:
        return 0
    key = math.ceil(math.log(size) / LOG_GAMMA) + OFFSET
    return key if value > 0 else -key


def value_of(key: int) -> float:
    """The number that stands for a bucket."""
    if key == 0:
        return 0.0
    size = 2 * math.exp(min((abs(key) - OFFSET) * LOG_GAMMA, _LARGEST_EXPONENT)) / (_GAMMA + 1)
    return math.copysign(size, key)


@dataclass(frozen=True, slots=True)
class Sketch:
    """What is known of a bag of numbers. `lowest` and `highest` mean nothing while there are none."""

    amount: int = 0
    total: float = 0.0
    lowest: float = math.inf
    highest: float = -math.inf
    buckets: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Iterable[float]) -> Sketch:
        """The sketch of these numbers."""
        kept = list(values)
        if not kept:
            return cls()
        return cls(len(kept), math.fsum(kept), min(kept), max(kept), Counter(map(key_of, kept)))

    def __add__(self, other: Sketch) -> Sketch:
        """The sketch of both bags together."""
        return Sketch(
            self.amount + other.amount,
            self.total + other.total,
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
            Counter(self.buckets) + Counter(other.buckets),
        )

    @property
    def mean(self) -> float | None:
        """Their mean; None of nothing."""
        return self.total / self.amount if self.amount else None

    def quantile(self, share: float) -> float | None:
        """The number below which this share of them lies, to within `ACCURACY` of itself; None of nothing."""
        if not self.amount:
            return None
        rank, seen = share * (self.amount - 1), 0
        for key in sorted(self.buckets):
            seen += self.buckets[key]
            if seen > rank:
                return min(max(value_of(key), self.lowest), self.highest)
        return self.highest

    def count_at_most(self, limit: float) -> int:
        """How many are at most this much; those within `ACCURACY` of the limit may count on either side."""
        if limit >= self.highest:
            return self.amount
        if limit < self.lowest:
            return 0
        last = key_of(limit)
        return sum(count for key, count in self.buckets.items() if key <= last)
