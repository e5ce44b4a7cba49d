"""Where a series of numbers is going: a straight line through it, held against what upsets straight lines.

A line by least squares is exact and easily misled: by a disk that was cleaned in between, by one wild value, by noise
that leans for a while. So it is drawn from the last break on, without the values that stand out from the median slope
(Theil and Sen), and it says itself how sure it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, pairwise
from math import sqrt
from statistics import fmean, median

MOST_FOR_MEDIAN_SLOPE = 60  # points: their pairs grow with the square
_SIDE = 3  # points on each side of a break
_BREAK_SHARE = 0.15  # of the range of the series: a break that leads away from where it was going
_STEP_SHARE = 0.35  # ... and one that leads there faster, which growth in steps does as well
_BREAK_NOISE = 6.0  # robust deviations of the steps
_OUTLIER_NOISE = 6.0  # robust deviations from the line
_OUTLIER_FLOOR = 0.02  # of the range: what is less is no outlier, however straight the rest
_MOST_OUTLIERS = 0.1  # of the points
_TO_DEVIATION = 1.4826  # from a median deviation to a standard one
_STEADIEST = 0.95

Point = tuple[float, float]
"""Seconds since any fixed moment, and a value."""


class BreakKind(StrEnum):
    """Which way a series jumped, seen from where it was going."""

    RESET = "reset"
    STEP = "step"


@dataclass(frozen=True, slots=True)
class Break:
    """Where a series jumped: `index` is its first point after it, `before` and `after` its level on both sides."""

    index: int
    kind: BreakKind
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Line:
    """The line of least squares. `slope` per second; `noise` is what is left over, as a standard deviation."""

    slope: float
    mean_at: float
    mean_value: float
    count: int
    spread: float
    noise: float
    r_squared: float

    def value_at(self, at: float) -> float:
        """Where the line is."""
        return self.mean_value + self.slope * (at - self.mean_at)

    def reaches(self, value: float) -> float | None:
        """When the line is there, whether before or after its points; None for a level one."""
        return self.mean_at + (value - self.mean_value) / self.slope if self.slope else None

    @property
    def slope_error(self) -> float:
        """The standard error of the slope, where each point errs for itself."""
        return self.noise / sqrt(self.spread) if self.spread else 0.0

    def error_at(self, at: float) -> float:
        """The standard error of a single value that is to be measured then."""
        if not self.spread:
            return self.noise
        return self.noise * sqrt(1 + 1 / self.count + (at - self.mean_at) ** 2 / self.spread)


def fit(points: Sequence[Point]) -> Line:
    """The line of least squares through at least two points; raises ValueError for fewer.

    Points that all came at one moment give a level line, and so does a constant series.
    """
    count = len(points)
    if count < 2:
        raise ValueError(f"a line needs two points, found {count}")
    mean_at, mean_value = fmean(at for at, _ in points), fmean(value for _, value in points)
    spread = sum((at - mean_at) ** 2 for at, _ in points)
    together = sum((at - mean_at) * (value - mean_value) for at, value in points)
    total = sum((value - mean_value) ** 2 for _, value in points)
    slope = together / spread if spread else 0.0
    left_over = sum((value - mean_value - slope * (at - mean_at)) ** 2 for at, value in points)
    noise = sqrt(left_over / (count - 2)) if count > 2 else 0.0
    explained = 1 - left_over / total if total else 0.0
    return Line(slope, mean_at, mean_value, count, spread, noise, max(0.0, explained))


def median_slope(points: Sequence[Point]) -> float:
    """The median of the slopes between all pairs (Theil and Sen): up to a quarter of the points may lie.

    Many points are first brought down to sixty, each the median of its neighbours.
    """
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for earlier, later in combinations(_thinned(points), 2)
        if later[0] != earlier[0]
    ]
    return median(slopes) if slopes else 0.0


def last_break(points: Sequence[Point], *, is_rising: bool) -> Break | None:
    """The last jump of a series in the order of time; `is_rising` is the way that is feared.

    A jump shows on the medians of three points before and after it, so that one wild value is none; it lies beyond
    the usual steps of the series and is a fair part of its range.
    """
    values = [value for _, value in points]
    if len(values) < 2 * _SIDE:
        return None
    steps = [after - before for before, after in pairwise(values)]
    usual = median(steps)
    noise = _TO_DEVIATION * median(abs(step - usual) for step in steps)
    reach = max(values) - min(values)
    for index in range(len(values) - _SIDE, _SIDE - 1, -1):
        before, after = median(values[index - _SIDE : index]), median(values[index : index + _SIDE])
        jump = after - before - _SIDE * usual
        kind = BreakKind.STEP if (jump > 0) is is_rising else BreakKind.RESET
        least = max(_BREAK_NOISE * noise, (_STEP_SHARE if kind is BreakKind.STEP else _BREAK_SHARE) * reach)
        # The whole jump is made between two points; what takes longer is a trend.
        if abs(jump) > least and abs(steps[index - 1]) > 0.6 * abs(jump) and steps[index - 1] * jump > 0:
            return Break(index, kind, before, after)
    return None


def without_outliers(points: Sequence[Point]) -> list[Point]:
    """The points but those that lie far off the median slope; all of them where many do."""
    slope = median_slope(points)
    level = median(value - slope * at for at, value in points)
    far = [abs(value - slope * at - level) for at, value in points]
    ordered = sorted(value for _, value in points)
    cut = len(ordered) // 20
    reach = ordered[len(ordered) - 1 - cut] - ordered[cut]
    limit = max(_OUTLIER_NOISE * _TO_DEVIATION * median(far), _OUTLIER_FLOOR * reach)
    kept = [point for point, distance in zip(points, far, strict=True) if distance <= limit]
    return kept if len(kept) >= (1 - _MOST_OUTLIERS) * len(points) else list(points)


def inertia(points: Sequence[Point], line: Line) -> float:
    """How much what is left over resembles what was left over just before: 0 for noise, towards 1 for a wave."""
    left = [value - line.value_at(at) for at, value in points]
    total = sum(each * each for each in left)
    return min(_STEADIEST, max(0.0, sum(a * b for a, b in pairwise(left)) / total)) if total else 0.0


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    if len(points) <= MOST_FOR_MEDIAN_SLOPE:
        return points
    edges = [index * len(points) // MOST_FOR_MEDIAN_SLOPE for index in range(MOST_FOR_MEDIAN_SLOPE + 1)]
    groups = [points[begin:end] for begin, end in pairwise(edges)]
    return [(fmean(at for at, _ in group), median(value for _, value in group)) for group in groups]
