"""What moved, when, and whether it moves as something else does: over minutes, by ranks and medians.

Ranks and medians do not care how large a number is, nor for a wild one among them; so one way serves latencies,
counts and percentages alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import sqrt
from statistics import fmean, median

MOST_LAG = 10  # minutes
LEAST_PAIRS = 12
LEAST_MOVE = 5.0  # robust deviations between before and after
_BEFORE, _AFTER = 8, 2  # minutes that a change needs on each side
_WILDEST = 12.0  # deviations from the median: what is further away counts as that far
_FLAT_SHARE = 0.02  # of the level: what a series without any noise is held to waver by
_TO_DEVIATION = 1.4826

Series = Sequence[float | None]
"""A value for each minute, the latest last; None where nothing was measured."""


@dataclass(frozen=True, slots=True)
class Move:
    """A series changed its level at minute `index`: from `before` to `after`, which is `size` deviations."""

    index: int
    before: float
    after: float
    size: float


@dataclass(frozen=True, slots=True)
class Resemblance:
    """How alike two series move once the one is shifted by `lag` minutes; above 0 it moved before the other."""

    lag: int
    rho: float


def ranks(values: Sequence[float]) -> list[float]:
    """The place of each among them, from 1 on; equals share the mean of their places."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    begin = 0
    while begin < len(order):
        end = begin
        while end + 1 < len(order) and values[order[end + 1]] == values[order[begin]]:
            end += 1
        for place in range(begin, end + 1):
            found[order[place]] = (begin + end) / 2 + 1
        begin = end + 1
    return found


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """The correlation of their ranks, -1 to 1; None where either is constant."""
    left, right = ranks(one), ranks(other)
    mean = (len(left) + 1) / 2
    together = sum((a - mean) * (b - mean) for a, b in zip(left, right, strict=True))
    spread = sum((a - mean) ** 2 for a in left) * sum((b - mean) ** 2 for b in right)
    return together / sqrt(spread) if spread else None


def resemblance(symptom: Series, candidate: Series, most_lag: int = MOST_LAG) -> Resemblance | None:
    """The shift at which the candidate is most like the symptom, of equals the smallest; None for too little."""
    best: Resemblance | None = None
    for lag in sorted(range(-most_lag, most_lag + 1), key=abs):
        earlier = candidate[: len(candidate) - lag] if lag >= 0 else candidate[-lag:]
        later = symptom[lag:] if lag >= 0 else symptom[:lag]
        pairs = [(a, b) for a, b in zip(earlier, later, strict=False) if a is not None and b is not None]
        if len(pairs) < LEAST_PAIRS:
            continue
        rho = spearman([a for a, _ in pairs], [b for _, b in pairs])
        if rho is not None and (best is None or abs(rho) > abs(best.rho) + 1e-9):
            best = Resemblance(lag, rho)
    return best


def find_move(series: Series) -> Move | None:
    """The minute at which the level changed most, by the sums of what lies above and below (CUSUM); None for noise.

    The scale is that of the steps from minute to minute, which a change of level hardly touches.
    """
    present = [(index, value) for index, value in enumerate(series) if value is not None]
    if len(present) < _BEFORE + _AFTER:
        return None
    values = [value for _, value in present]
    level = median(values)
    scale = max(
        _TO_DEVIATION * median(abs(b - a) for a, b in pairwise(values)) / sqrt(2),
        _FLAT_SHARE * abs(level),
        1e-9,
    )
    count = len(values)
    tame = [max(-_WILDEST, min(_WILDEST, (value - level) / scale)) for value in values]
    mean = fmean(tame)
    sums = list(accumulate(each - mean for each in tame))
    # The square root gives changes near the end, where an incident has just begun, the weight they are due.
    split = max(
        range(_BEFORE, count - _AFTER + 1),
        key=lambda place: abs(sums[place - 1]) / sqrt(place * (count - place) / count),
    )
    before, after = median(values[:split]), median(values[split:])
    size = (after - before) / scale
    return Move(present[split][0], before, after, size) if abs(size) >= LEAST_MOVE else None
