"""What becomes of results over time: each metric of each check by minute, hour and day.

A window of any length is put together of as few rollups as it can: whole days, the hours around them, the minutes at
both ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from healthmgr.domain.check import Status
from healthmgr.domain.result import Cause
from healthmgr.domain.sketch import Sketch, key_of

RESPONSE_TIME = "response_time"
STATUS = "(status)"  # no metric of a check type: what regular results said, as numbers
STATUS_NUMBERS: Mapping[Status, int] = {
    Status.HEALTHY: 0, Status.DEGRADED: 1, Status.UNHEALTHY: 2, Status.UNKNOWN: 3,
}  # fmt: skip
# Looks in their turn, evenly spread over time: the share of the bad ones among them is the share of bad time. Retries
# and orders come where something is wrong already, and would make it look worse than it is.
REGULAR = (Cause.SLOT, Cause.PUSH, Cause.LEASE_EXPIRED)
MOST_METRICS = 300  # of one check; of more, the first
LARGEST = 1e200  # what is larger is no measurement
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
SETTLED_AFTER = timedelta(minutes=2)  # how long after its end an hour or a day is put together
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Tier(StrEnum):
    """How finely rollups are kept."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        """The length of one."""
        return {Tier.MINUTE: MINUTE, Tier.HOUR: HOUR, Tier.DAY: DAY}[self]


@dataclass(frozen=True, slots=True)
class Kept:
    """How long rollups are kept, by tier."""

    minutes: timedelta = timedelta(days=30)
    hours: timedelta = timedelta(days=366)
    days: timedelta = timedelta(days=5 * 366)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far rolling up has come: the coarser tiers are whole before these instants."""

    hours_until: datetime
    days_until: datetime
    minutes_from: datetime
    hours_from: datetime


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a window and the tier that it is read of."""

    tier: Tier
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Point:
    """A metric over one step of time, from `at` on."""

    at: datetime
    sketch: Sketch


@dataclass(frozen=True, slots=True)
class RawPoint:
    """One measurement. `is_planned`: a maintenance window was open then; `status` is what its result said."""

    at: datetime
    value: float
    status: Status
    is_planned: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """A time in which the alerts of one check are held back by a maintenance window."""

    check_id: UUID
    starts_at: datetime
    ends_at: datetime


def floor(at: datetime, step: timedelta) -> datetime:
    """The last multiple of the step, counted from the epoch, that is not after this."""
    return at - (at - _EPOCH) % step


def ceiling(at: datetime, step: timedelta) -> datetime:
    """The first one that is not before this."""
    return at + (_EPOCH - at) % step


def cover(begin: datetime, end: datetime, progress: Progress, coarsest: Tier = Tier.DAY) -> list[Stretch]:
    """The stretches that make up a window, to the minute; where minutes are gone its beginning is that of an hour."""
    begin, end = floor(begin, MINUTE), ceiling(end, MINUTE)
    if begin < progress.hours_from:
        begin = floor(begin, DAY)
    elif begin < progress.minutes_from:
        begin = floor(begin, HOUR)
    return [stretch for stretch in _days(begin, end, progress, coarsest) if stretch.begin < stretch.end]


def _days(begin: datetime, end: datetime, progress: Progress, coarsest: Tier) -> Iterator[Stretch]:
    first, last = ceiling(begin, DAY), min(floor(end, DAY), progress.days_until)
    if coarsest is not Tier.DAY or first >= last:
        yield from _hours(begin, end, progress, coarsest)
        return
    yield from _hours(begin, first, progress, coarsest)
    yield Stretch(Tier.DAY, first, last)
    yield from _hours(last, end, progress, coarsest)


def _hours(begin: datetime, end: datetime, progress: Progress, coarsest: Tier) -> Iterator[Stretch]:
    first, last = ceiling(begin, HOUR), min(floor(end, HOUR), progress.hours_until)
    if coarsest is Tier.MINUTE or first >= last:
        yield Stretch(Tier.MINUTE, begin, end)
        return
    yield Stretch(Tier.MINUTE, begin, first)
    yield Stretch(Tier.HOUR, first, last)
    yield Stretch(Tier.MINUTE, last, end)


def settle_step(step: timedelta, begin: datetime, progress: Progress) -> tuple[timedelta, Tier]:
    """The step that a series really has, and the coarsest tier that it can be read of.

    A step is whole minutes; whole hours or days where nothing finer is kept any more.
    """
    if begin < progress.hours_from:
        step = ceiling(_EPOCH + step, DAY) - _EPOCH
    elif begin < progress.minutes_from:
        step = ceiling(_EPOCH + step, HOUR) - _EPOCH
    step = max(ceiling(_EPOCH + step, MINUTE) - _EPOCH, MINUTE)
    tier = next((t for t in (Tier.DAY, Tier.HOUR) if step % t.length == timedelta(0)), Tier.MINUTE)
    return step, tier


@dataclass(frozen=True, slots=True)
class Statuses:
    """How many regular results said what."""

    healthy: int = 0
    degraded: int = 0
    unhealthy: int = 0
    unknown: int = 0

    @classmethod
    def of(cls, sketch: Sketch) -> Statuses:
        """Out of the rollup of `STATUS`."""
        counts = {status.value: sketch.buckets.get(key_of(n), 0) for status, n in STATUS_NUMBERS.items()}
        return cls(**counts)

    def __add__(self, other: Statuses) -> Statuses:
        """Both together."""
        return Statuses(
            self.healthy + other.healthy,
            self.degraded + other.degraded,
            self.unhealthy + other.unhealthy,
            self.unknown + other.unknown,
        )

    @property
    def known(self) -> int:
        """Those that could tell."""
        return self.healthy + self.degraded + self.unhealthy

    @property
    def uptime(self) -> float | None:
        """The share of those that could tell which found it up, be it degraded; None where none could."""
        return (self.healthy + self.degraded) / self.known if self.known else None


def merged(sketches: Iterable[Sketch]) -> Sketch:
    """All of them in one."""
    return sum(sketches, Sketch())
