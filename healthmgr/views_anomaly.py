"""The shapes in which watched metrics and their anomalies are read."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from healthmgr.domain.anomaly import SILENT_FOR
from healthmgr.domain.anomaly_backtest import Backtest
from healthmgr.domain.anomaly_watch import Happening, Seen, SeenPoint, Watched
from healthmgr.views import View


class SeenPointView(View):
    """One step, and how unlike the past it was: an anomaly from the threshold on.

    `expected` is where 99 of 100 values are at this hour. `lesson` says whether the detector learned from it:
    learned, maintenance, check_is_bad or could_not_tell.
    """

    at: datetime
    value: float
    score: float
    expected: tuple[float, float] | None
    lesson: str
    is_strange: bool

    @classmethod
    def of(cls, point: SeenPoint) -> SeenPointView:
        """As it is read."""
        return cls(
            at=point.at,
            value=point.value,
            score=round(point.score, 3),
            expected=point.expected,
            lesson=point.lesson.value,
            is_strange=point.is_strange,
        )


class HappeningView(View):
    """What was told once; `is_false`: somebody said that it was none; `is_taught`: the detector has learned that."""

    alert_id: UUID
    began_at: datetime
    ended_at: datetime | None
    words: str
    is_false: bool
    is_taught: bool

    @classmethod
    def of(cls, one: Happening) -> HappeningView:
        """As it is read."""
        return cls(
            alert_id=one.alert_id,
            began_at=one.began_at,
            ended_at=one.ended_at,
            words=one.words,
            is_false=one.is_false,
            is_taught=one.is_taught,
        )


class WatchedView(View):
    """A metric that is watched, and its last point. `step` is seconds; `told` what the last look did, and why.

    While `is_learning`, the series is new, and nothing is told of it.
    """

    check: str
    metric: str
    step: float
    severity: str
    threshold: float
    points: int
    of: int
    lasting: float | None
    is_learning: bool
    seen_until: datetime | None
    told: str
    told_since: datetime | None
    words: str
    latest: SeenPointView | None

    @classmethod
    def of_watched(cls, watched: Watched) -> WatchedView:
        """As it is read."""
        rule = watched.rule
        return cls(
            check=watched.slug,
            metric=rule.metric,
            step=rule.step.total_seconds(),
            severity=rule.severity.value,
            threshold=rule.threshold,
            points=rule.gate.needed,
            of=rule.gate.out_of,
            lasting=rule.gate.lasting.total_seconds() if rule.gate.lasting else None,
            is_learning=watched.is_learning,
            seen_until=watched.seen_until,
            told=watched.told,
            told_since=watched.told_since,
            words=watched.words,
            latest=SeenPointView.of(watched.latest) if watched.latest else None,
        )


class AnomaliesView(View):
    """A watched metric with its points, oldest first, and what was told of it, the latest first."""

    watched: WatchedView
    series: list[SeenPointView]
    happenings: list[HappeningView]

    @classmethod
    def of(cls, seen: Seen) -> AnomaliesView:
        """As it is read."""
        return cls(
            watched=WatchedView.of_watched(seen.watched),
            series=[SeenPointView.of(point) for point in seen.points],
            happenings=[HappeningView.of(one) for one in seen.happenings],
        )


class WouldHaveTold(View):
    """What the detector would have told once: from where to where, how unlike the past, and the first value of it."""

    began_at: datetime
    ended_at: datetime
    points: int
    score: float
    value: float
    words: str


class JudgedView(View):
    """One step as the detector saw it; `expected` is where 99 of 100 values are at this hour, None while it learns."""

    at: datetime
    value: float
    score: float
    expected: tuple[float, float] | None


class BacktestView(View):
    """What the detector would have made of a metric; the first `learned_points` are only learned."""

    check: str
    metric: str
    threshold: float
    learned_points: int
    anomalies: list[WouldHaveTold]
    points: list[JudgedView]

    @classmethod
    def of(cls, slug: str, metric: str, found: Backtest) -> BacktestView:
        """As it is read."""
        return cls(
            check=slug,
            metric=metric,
            threshold=found.threshold,
            learned_points=min(len(found.points), SILENT_FOR),
            anomalies=[
                WouldHaveTold(
                    began_at=one.begin, ended_at=one.end, points=one.points, score=round(one.score, 3),
                    value=one.value, words=one.words,
                )
                for one in found.happenings
            ],
            points=[
                JudgedView(
                    at=point.at, value=point.value, score=round(point.judgement.score, 3),
                    expected=point.judgement.expected,
                )
                for point in found.points
            ],
        )  # fmt: skip
