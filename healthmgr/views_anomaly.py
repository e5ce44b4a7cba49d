"""The shapes in which watched metrics and their anomalies are read."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

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
