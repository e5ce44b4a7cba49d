"""When a route may speak: the time windows that it names, judged at one instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from healthmgr.domain.plan import Leg
from healthmgr.domain.timewindow import TimeInterval

Windows = Mapping[str, Sequence[TimeInterval]]


def closed(legs: Iterable[Leg], windows: Windows, now: datetime) -> dict[str, datetime | None]:
    """The routes of these legs that hold their peace now, and when that may end (None: not within years).

    A window that is no longer defined neither mutes a route nor keeps it silent.
    """
    found = {}
    for leg in legs:
        intervals = _keeping(leg, windows, now)
        if intervals:
            changes = [change for interval in intervals if (change := interval.next_change(now)) is not None]
            found[leg.route] = min(changes, default=None)
    return found


def _keeping(leg: Leg, windows: Windows, now: datetime) -> list[TimeInterval]:
    """The intervals because of which a leg says nothing now; none when it may speak."""
    muting = [i for name in leg.mute_during for i in windows.get(name, ()) if i.contains(now)]
    if muting:
        return muting
    speaking = [i for name in leg.active_during for i in windows.get(name, ())]
    return [] if any(interval.contains(now) for interval in speaking) else speaking
