"""How the burden of being on call is shared: hours, nights and weekends of each person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from healthmgr.domain.schedule import FixedShift
from healthmgr.domain.timewindow import TimeInterval

_NIGHT = ((0, 6 * 60), (22 * 60, 24 * 60))  # minutes of the day
_WEEKEND = ((6, 6), (0, 0))  # Saturday, Sunday


@dataclass(frozen=True, slots=True)
class Burden:
    """One person's time on call: in all, between 22:00 and 06:00, and on Saturdays and Sundays, in civil time."""

    person: str
    total: timedelta = timedelta(0)
    nights: timedelta = timedelta(0)
    weekends: timedelta = timedelta(0)


def burdens(shifts: Sequence[FixedShift], location: ZoneInfo) -> list[Burden]:
    """Each person's burden, the heaviest first. `location` is whose nights and weekends count."""
    night, weekend = TimeInterval(times=_NIGHT, location=location), TimeInterval(weekdays=_WEEKEND, location=location)
    found: dict[str, Burden] = {}
    for shift in shifts:
        so_far = found.get(shift.person, Burden(shift.person))
        found[shift.person] = Burden(
            shift.person,
            so_far.total + (shift.ends_at - shift.starts_at),
            so_far.nights + _within(night, shift.starts_at, shift.ends_at),
            so_far.weekends + _within(weekend, shift.starts_at, shift.ends_at),
        )
    return sorted(found.values(), key=lambda burden: (-burden.total, burden.person))


def _within(interval: TimeInterval, begin: datetime, end: datetime) -> timedelta:
    """How much of a time lies inside an interval."""
    inside = timedelta(0)
    at, is_inside = begin, interval.contains(begin)
    while at < end:
        change = min(interval.next_change(at) or end, end)
        if is_inside:
            inside += change - at
        at, is_inside = change, not is_inside
    return inside
