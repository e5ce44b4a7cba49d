"""Metrics of what healthmgr promises of itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from prometheus_client.core import Metric

from healthmgr.api.metrics_telling import gauge
from healthmgr.domain.promises import Figure
from healthmgr.services.promising import Promising


class PromisesCollector:
    """The promises of one moment."""

    def __init__(self, promising: Promising, now: datetime) -> None:
        self._promising = promising
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        yield from of_promises(self._promising.figures(self._now))


def of_promises(figures: Sequence[Figure]) -> Iterator[Metric]:
    """The figures of the last seven days: seconds, or shares from 0 to 1; without a sample where nothing happened."""
    yield gauge(
        "promise_value",
        "How it stands with a promise over the last 7 days, in seconds or as a share.",
        ["promise"],
        (((f.name.value,), f.value) for f in figures if f.value is not None),
    )
    yield gauge("promise_target", "What was promised.", ["promise"], (((f.name.value,), f.target) for f in figures))
    yield gauge(
        "promise_kept",
        "1 while the promise is kept.",
        ["promise"],
        (((f.name.value,), float(f.is_kept)) for f in figures if f.is_kept is not None),
    )
    yield gauge(
        "promise_budget_left",
        "What is left of the share that may be missed over the last 7 days: 1 of all of it, below 0 when more was.",
        ["promise"],
        (((f.name.value,), f.budget_left) for f in figures if f.budget_left is not None),
    )
    yield gauge(
        "promise_missed",
        "How many problems, minutes or alerts of the last 7 days were not as promised.",
        ["promise"],
        (((f.name.value,), f.missed) for f in figures),
    )
