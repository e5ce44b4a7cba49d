"""What the anomaly detector would have said of a series that is past: each point judged as if it came just then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from healthmgr.domain.anomaly import ANOMALOUS_FROM, SILENT_FOR, Judgement, SeriesDetector


@dataclass(frozen=True, slots=True)
class Judged:
    """One point and what was thought of it."""

    at: datetime
    value: float
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Happening:
    """What would have been told, once: when it began, how long it surprised, its greatest score, and its words."""

    begin: datetime
    end: datetime
    points: int
    score: float
    value: float
    words: str


@dataclass(frozen=True, slots=True)
class Backtest:
    """A series as the detector saw it."""

    points: Sequence[Judged]
    happenings: Sequence[Happening]
    threshold: float

    @property
    def judged(self) -> int:
        """The points at which something could have been told: without the first ones, which are only learned."""
        return max(0, len(self.points) - SILENT_FOR)


def backtest(points: Iterable[tuple[datetime, float]], threshold: float = ANOMALOUS_FROM) -> Backtest:
    """Judge the points of a series, oldest first."""
    detector = SeriesDetector(threshold)
    judged = [Judged(at, value, detector.update(at, value)) for at, value in points]
    return Backtest(judged, list(_happenings(judged, threshold)), threshold)


def _happenings(points: Sequence[Judged], threshold: float) -> Iterable[Happening]:
    """From each point that was told to the last one in a row that surprised."""
    number = 0
    while number < len(points):
        if not points[number].judgement.is_anomalous:
            number += 1
            continue
        last = number
        while last + 1 < len(points) and points[last + 1].judgement.surprise >= threshold:
            last += 1
        run = points[number : last + 1]
        peak = max(run, key=lambda one: one.judgement.surprise)
        first = run[0]
        yield Happening(first.at, run[-1].at, len(run), peak.judgement.surprise, first.value, first.judgement.words)
        number = last + 1
