"""Calendars that schedules are read from: what is kept of them, and how their shifts become part of a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from healthmgr.domain.schedule import FixedShift, Layer

READ_EVERY = timedelta(minutes=10)
KEPT_BEHIND, KEPT_AHEAD = timedelta(days=7), timedelta(days=100)  # of shifts, around the moment of reading
MOST_SHIFTS = 2_000  # of one calendar within that time
_ABOVE_ALL_LAYERS = 2_000  # what people write goes up to 1000


class FeedKind(StrEnum):
    """What a calendar says: who is on call, or who is instead of all others."""

    PRIMARY = "primary"
    OVERRIDES = "overrides"


@dataclass(frozen=True, slots=True)
class Feed:
    """A schedule's calendar, and how reading it fares; its shifts are those of the last good reading.

    `fault` says what is wrong with the newest one ("": nothing), `failing_since` how long that goes on. `unknown` are
    names in it that are nobody's here.
    """

    schedule: str
    kind: FeedKind
    read_at: datetime | None = None
    tried_at: datetime | None = None
    failing_since: datetime | None = None
    fault: str = ""
    unknown: tuple[str, ...] = ()


def layer_of(kind: FeedKind, shifts: Sequence[FixedShift]) -> Layer:
    """The layer that a calendar is: one of overrides goes before every other as long as it names somebody."""
    priority = _ABOVE_ALL_LAYERS if kind is FeedKind.OVERRIDES else 0
    return Layer(f"calendar ({kind.value})", shifts=tuple(shifts), priority=priority)


def kept(shifts: Sequence[FixedShift]) -> Sequence[FixedShift]:
    """The shifts, when they are not too many. Raises ValueError."""
    if len(shifts) > MOST_SHIFTS:
        days = (KEPT_BEHIND + KEPT_AHEAD).days
        raise ValueError(f"the calendar has {len(shifts)} shifts in {days} days, {MOST_SHIFTS} are allowed")
    return shifts
