"""Who has his turn in a rotation: handoffs in civil time, as GoAlert makes them.

The handoffs of a rotation are civil times: its start, and then one every length, by the calendar on the wall. One that
the clocks skip happens when they have been put forward, and the next is back at its own time; one that they repeat
happens at its first occurrence alone, so that a repeated hour makes one longer turn, not two.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from healthmgr.domain.calendar import zone
from healthmgr.domain.timewindow import instant_of

MOST_MEMBERS = 500
MOST_UNITS = 10_000  # of one turn
_YEARS = range(1970, 2200)  # in which a rotation may begin
_LAST_YEAR = 9000  # the longest turn that begins in it still ends before the calendar does


class Unit(StrEnum):
    """What the length of a turn counts."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_STEPS: Mapping[Unit, timedelta] = {
    Unit.HOUR: timedelta(hours=1),
    Unit.DAY: timedelta(days=1),
    Unit.WEEK: timedelta(weeks=1),
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One member's turn, from `starts_at` up to, not including, `ends_at`; `index` counts from the rotation's start."""

    index: int
    member: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Rotation:
    """Members in order, each for `length` units, beginning with the first at `start` (civil, without a zone).

    A monthly handoff on a day that a month does not have happens on that month's last one. Raises ValueError for a
    rotation that cannot be.
    """

    members: tuple[str, ...]
    start: datetime
    location: ZoneInfo
    unit: Unit = Unit.WEEK
    length: int = 1

    def __post_init__(self) -> None:
        if not 1 <= len(self.members) <= MOST_MEMBERS:
            raise ValueError(f"members: a rotation has 1 to {MOST_MEMBERS} members")
        if not 1 <= self.length <= MOST_UNITS:
            raise ValueError(f"length: must be 1 to {MOST_UNITS} of {self.unit}")
        if self.start.tzinfo is not None:
            raise ValueError("start: is a time on the wall, without a zone: the rotation names that")
        if self.start.year not in _YEARS:
            raise ValueError(f"start: write a year from {_YEARS[0]} to {_YEARS[-1]}")

    def handoff(self, index: int) -> datetime:
        """When the turn of this index begins, in UTC."""
        return instant_of(self._civil(index), self.location)

    def turn_at(self, at: datetime) -> Turn | None:
        """Whose turn it is then (aware); None before the rotation begins. Raises ValueError beyond all planning."""
        if at.year > _LAST_YEAR:
            raise ValueError(f"at: a rotation is followed up to the year {_LAST_YEAR}")
        index = self._near(at)
        while index > 0 and self.handoff(index) > at:
            index -= 1
        while self.handoff(index + 1) <= at:
            index += 1
        starts_at = self.handoff(index)
        if at < starts_at:
            return None
        return Turn(index, self.members[index % len(self.members)], starts_at, self.handoff(index + 1))

    def turns(self, begin: datetime, end: datetime) -> Iterator[Turn]:
        """The turns that overlap a time, in order; one that the clocks leave no time for is left out."""
        turn = self.turn_at(max(begin, self.handoff(0)))
        while turn is not None and turn.starts_at < end:
            yield turn
            turn = self._after(turn)

    def to_document(self) -> dict[str, Any]:
        """The form in which it is stored."""
        return {
            "members": list(self.members),
            "start": self.start.isoformat(),
            "timezone": self.location.key,
            "unit": self.unit.value,
            "length": self.length,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Rotation:
        """The reverse of to_document. Raises ValueError."""
        return cls(
            members=tuple(document["members"]),
            start=datetime.fromisoformat(document["start"]),
            location=zone(document["timezone"]),
            unit=Unit(document["unit"]),
            length=document["length"],
        )

    def _after(self, turn: Turn) -> Turn:
        index, starts_at = turn.index + 1, turn.ends_at
        while (ends_at := self.handoff(index + 1)) <= starts_at:
            index += 1
        return Turn(index, self.members[index % len(self.members)], starts_at, ends_at)

    def _civil(self, index: int) -> datetime:
        count = index * self.length
        step = _STEPS.get(self.unit)
        return _add_months(self.start, count) if step is None else self.start + count * step

    def _near(self, at: datetime) -> int:
        """An index not far from the one at this instant: the clocks may make it one or two off."""
        civil = at.astimezone(self.location).replace(tzinfo=None)
        step = _STEPS.get(self.unit)
        if step is None:
            months = (civil.year - self.start.year) * 12 + civil.month - self.start.month
            return max(0, months // self.length)
        return max(0, (civil - self.start) // (step * self.length))


def _add_months(start: datetime, months: int) -> datetime:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))
