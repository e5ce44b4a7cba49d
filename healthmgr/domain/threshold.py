"""Warning and critical limits on response time and metrics, each with a direction."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from healthmgr.domain.quantity import parse_amount

RESPONSE_TIME = "response_time"

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_FORM = re.compile(r"\s*(>=|<=|==|!=|>|<)?\s*(.+?)\s*")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit on one metric: crossed when `value comparison limit` holds. `limit` is in base units."""

    metric: str
    comparison: str
    limit: float
    text: str

    @classmethod
    def parse(cls, metric: str, text: str) -> Threshold:
        """From text such as "> 5s", "< 60" or "80%" (without a direction: above). Raises ValueError."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a threshold: write a direction and an amount, such as '> 5s' or '< 60'")
        comparison = match[1] or ">"
        return cls(metric, comparison, parse_amount(match[2]), f"{comparison} {match[2]}")

    def is_crossed(self, value: float) -> bool:
        """Whether this value is on the bad side."""
        return _COMPARISONS[self.comparison](value, self.limit)


@dataclass(frozen=True, slots=True)
class Crossing:
    """A threshold that a measured value crossed."""

    threshold: Threshold
    value: float
    is_critical: bool

    def __str__(self) -> str:
        return f"{self.threshold.metric} {self.value:g} {self.threshold.text}"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits of one check. Crossing a warning makes it degraded, a critical one unhealthy."""

    warning: tuple[Threshold, ...] = ()
    critical: tuple[Threshold, ...] = ()

    @classmethod
    def parse(cls, document: Mapping[str, Mapping[str, str]]) -> Thresholds:
        """From `{"warning": {metric: text}, "critical": {...}}`. Raises ValueError."""
        return cls(
            warning=tuple(Threshold.parse(m, t) for m, t in document.get("warning", {}).items()),
            critical=tuple(Threshold.parse(m, t) for m, t in document.get("critical", {}).items()),
        )

    def to_document(self) -> dict[str, dict[str, str]]:
        """What `parse` reads back."""
        return {
            level: {t.metric: t.text for t in limits}
            for level, limits in (("warning", self.warning), ("critical", self.critical))
            if limits
        }

    def names(self, metric: str) -> bool:
        """Whether there is a limit on this metric."""
        return any(t.metric == metric for t in (*self.warning, *self.critical))

    def crossings(self, response_time: float, metrics: Mapping[str, float]) -> tuple[Crossing, ...]:
        """Every limit that is crossed, critical ones first; a metric that was not measured crosses nothing."""
        return (
            *_crossed(self.critical, response_time, metrics, True),
            *_crossed(self.warning, response_time, metrics, False),
        )


def _crossed(
    limits: Iterable[Threshold], response_time: float, metrics: Mapping[str, float], is_critical: bool
) -> Iterable[Crossing]:
    for threshold in limits:
        value = response_time if threshold.metric == RESPONSE_TIME else metrics.get(threshold.metric)
        if value is not None and threshold.is_crossed(value):
            yield Crossing(threshold, value, is_critical)
