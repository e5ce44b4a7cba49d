"""One look at a watched metric: the new points judged in their order, and what becomes of the alert at their end.

What a look comes to depends on nothing but what was known before and the points: a look that is lost on the way is
repeated, and comes to the same.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from healthmgr.domain.anomaly import Judgement
from healthmgr.domain.anomaly_rule import AnomalyRule
from healthmgr.domain.anomaly_telling import SeriesWatch, Told

LOOKS_BACK = timedelta(days=7)  # a new series learns what is stored of it
MOST_POINTS = 2016  # of one look: what is more waits for the next

Span = tuple[datetime, datetime]


class Lesson(StrEnum):
    """Whether a point teaches the detector, and if not, why."""

    LEARNED = "learned"
    PLANNED = "maintenance"
    BROKEN = "check_is_bad"
    DOUBTED = "could_not_tell"


@dataclass(frozen=True, slots=True)
class Measurement:
    """The mean of one step. `is_planned`: all of it was measured in maintenance; `is_doubted`: some could not tell."""

    at: datetime
    value: float
    is_planned: bool = False
    is_doubted: bool = False

    def lesson(self, step: timedelta, bad: Sequence[Span]) -> Lesson:
        """Neither planned work, nor an outage that is told already, nor what was in doubt says what is usual."""
        if self.is_planned:
            return Lesson.PLANNED
        if any(begin < self.at + step and self.at < end for begin, end in bad):
            return Lesson.BROKEN
        return Lesson.DOUBTED if self.is_doubted else Lesson.LEARNED


@dataclass(frozen=True, slots=True)
class SeenPoint:
    """One point, and what was thought of it."""

    at: datetime
    value: float
    score: float
    expected: tuple[float, float] | None
    lesson: Lesson
    is_strange: bool
    is_learning: bool


@dataclass(frozen=True, slots=True)
class Watched:
    """One metric that is watched: of which check, by which rule, and what is known of it.

    `due_at` is when it is looked at next, and the token of this look. `told_since` is when the happening that is told
    began; None while none is. `seen_until` None: it was never looked at.
    """

    check_id: UUID
    slug: str
    name: str
    labels: Mapping[str, str]
    rule: AnomalyRule
    due_at: datetime
    state: bytes | None = None
    seen_until: datetime | None = None
    told: str = ""
    told_since: datetime | None = None
    words: str = ""
    is_learning: bool = True
    latest: SeenPoint | None = None

    @property
    def key(self) -> tuple[UUID, str]:
        """What it is known by."""
        return self.check_id, self.rule.metric


@dataclass(frozen=True, slots=True)
class Happening:
    """What was told once. `is_false`: a person said that it was none; `is_taught`: the detector has learned it."""

    alert_id: UUID
    began_at: datetime
    ended_at: datetime | None
    words: str
    evidence: Mapping[str, float]
    is_false: bool
    is_taught: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """A watched metric with the points of a time and what was told last."""

    watched: Watched
    points: Sequence[SeenPoint]
    happenings: Sequence[Happening]


@dataclass(frozen=True, slots=True)
class Look:
    """What one look came to: `watched` as it is known from now on. `evidence` is that of the present happening."""

    watched: Watched
    told: Told
    points: Sequence[SeenPoint]
    evidence: Mapping[str, float]
    before: Watched

    @property
    def is_quiet(self) -> bool:
        """Whether no alert opens, lasts or ends."""
        return self.told in (Told.WAIT, Told.NOTHING)


def look_at(
    watched: Watched, points: Sequence[Measurement], bad: Sequence[Span], until: datetime, *, is_present: bool
) -> Look:
    """Judge the points up to `until`. Nobody is told of what is past: that waits until the present is reached."""
    watch = restored(watched)
    rule, seen = watched.rule, []
    last, opened_at = Told.NOTHING, None
    for point in points:
        lesson = point.lesson(rule.step, bad)
        last, judgement = watch.look(point.at, point.value, learn=lesson is Lesson.LEARNED)
        opened_at = point.at if last is Told.TELL else opened_at
        seen.append(_seen(point, judgement, lesson))
    told, since = _net(last, watched.told_since is not None), watched.told_since
    if not points or not is_present:
        told = Told.WAIT if points and last is not Told.NOTHING else Told.NOTHING
    elif told.is_open:
        since = since or opened_at or points[0].at
    else:
        since = None
    known = replace(
        watched,
        state=kept(watch),
        seen_until=until,
        told=told.value if points else watched.told,
        told_since=since,
        words=watch.words,
        is_learning=seen[-1].is_learning if seen else watched.is_learning,
        latest=seen[-1] if seen else watched.latest,
    )
    return Look(known, told, seen, watch.evidence, before=watched)


def _net(last: Told, was_told: bool) -> Told:
    """What all points of a look together do to the alert: the last one knows of those before."""
    if last.is_open:
        return Told.RENEW if was_told else Told.TELL
    return Told.WITHDRAW if was_told else last if last is Told.WAIT else Told.NOTHING


def restored(watched: Watched) -> SeriesWatch:
    """The watch as it was kept. Raises ValueError where another version kept it."""
    rule = watched.rule
    if watched.state is None:
        return SeriesWatch(rule.gate, rule.threshold, rule.subject)
    try:
        state = json.loads(zlib.decompress(watched.state))
    except (zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"what is kept of a series cannot be read: {error}") from error
    return SeriesWatch.from_state(state, rule.gate, rule.threshold, rule.subject)


def kept(watch: SeriesWatch) -> bytes:
    """All that is known, to be stored."""
    return zlib.compress(json.dumps(watch.to_state(), separators=(",", ":")).encode(), 1)


def _seen(point: Measurement, judgement: Judgement, lesson: Lesson) -> SeenPoint:
    return SeenPoint(
        point.at,
        point.value,
        judgement.surprise,
        judgement.expected,
        lesson,
        judgement.is_strange and lesson is Lesson.LEARNED,
        judgement.is_learning,
    )
