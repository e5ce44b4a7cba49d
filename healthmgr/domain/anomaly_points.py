"""What was thought of points, packed for keeping: some hours of a series are one short row of bytes."""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from healthmgr.domain.anomaly_watch import Lesson, SeenPoint
from healthmgr.domain.rollup import floor

KEPT_FOR = timedelta(days=7)
BLOCK = timedelta(hours=4)

_FORM = struct.Struct("<HffffB")  # seconds into the block, value, score, expected from and to, flags
_STRANGE, _LEARNING = 4, 8
_LESSONS = tuple(Lesson)  # the lowest two bits
_LARGEST = 3e38  # of what four bytes hold


def packed(points: Iterable[SeenPoint]) -> Mapping[datetime, bytes]:
    """The points by the block that they belong to, in their order."""
    blocks: defaultdict[datetime, bytes] = defaultdict(bytes)
    for point in points:
        begin = floor(point.at, BLOCK)
        low, high = point.expected or (math.nan, math.nan)
        flags = _LESSONS.index(point.lesson) | point.is_strange * _STRANGE | point.is_learning * _LEARNING
        numbers = (_held(number) for number in (point.value, point.score, low, high))
        blocks[begin] += _FORM.pack(int((point.at - begin).total_seconds()), *numbers, flags)
    return blocks


def unpacked(begin: datetime, block: bytes) -> Iterator[SeenPoint]:
    """What `packed` was given, to six digits."""
    for seconds, value, score, low, high, flags in _FORM.iter_unpack(block):
        yield SeenPoint(
            begin + timedelta(seconds=seconds),
            value,
            score,
            None if math.isnan(low) else (low, high),
            _LESSONS[flags & 3],
            bool(flags & _STRANGE),
            bool(flags & _LEARNING),
        )


def point_document(point: SeenPoint | None) -> dict[str, Any] | None:
    """One point, for JSON."""
    if point is None:
        return None
    return {
        "at": point.at.isoformat(),
        "value": point.value,
        "score": point.score,
        "expected": point.expected,
        "lesson": point.lesson.value,
        "is_strange": point.is_strange,
        "is_learning": point.is_learning,
    }


def point_from_document(document: Mapping[str, Any] | None) -> SeenPoint | None:
    """What `point_document` made."""
    if document is None:
        return None
    low_high = document["expected"]
    return SeenPoint(
        datetime.fromisoformat(document["at"]),
        document["value"],
        document["score"],
        None if low_high is None else (low_high[0], low_high[1]),
        Lesson(document["lesson"]),
        document["is_strange"],
        document["is_learning"],
    )


def _held(number: float) -> float:
    return number if math.isnan(number) else max(-_LARGEST, min(_LARGEST, number))
