"""When a route may speak: outside the windows that mute it, and inside those that it is active in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from healthmgr.domain.plan import Leg
from healthmgr.domain.route_hours import closed
from healthmgr.domain.timewindow import parse_time_interval

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
WINDOWS = {
    "nights": [
        parse_time_interval({"times": [{"start_time": "00:00", "end_time": "06:00"}]}),
        parse_time_interval({"times": [{"start_time": "22:00", "end_time": "24:00"}]}),
    ],
    "office": [
        parse_time_interval({"weekdays": ["monday:friday"], "times": [{"start_time": "09:00", "end_time": "17:00"}]})
    ],
    "lunch": [parse_time_interval({"times": [{"start_time": "12:00", "end_time": "13:00"}]})],
    "the past": [parse_time_interval({"years": ["2020"]})],
}


def at(hour: float, day: int = 0) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour)


def leg(mute: tuple[str, ...] = (), active: tuple[str, ...] = ()) -> Leg:
    return Leg("r", (), timedelta(hours=1), mute_during=mute, active_during=active)


@pytest.mark.parametrize(
    ("mute", "active", "now", "until"),
    [
        ((), (), at(3), "speaks"),
        (("nights",), (), at(12), "speaks"),
        (("nights",), (), at(3), at(6)),
        (("nights",), (), at(6), "speaks"),
        (("nights",), (), at(0), at(6)),
        (("nights",), (), at(22), at(24)),
        ((), ("office",), at(10), "speaks"),
        ((), ("office",), at(9), "speaks"),
        ((), ("office",), at(17), at(9, day=1)),
        ((), ("office",), at(17, day=4), at(9, day=7)),
        ((), ("office",), at(8.5), at(9)),
        ((), ("office", "lunch"), at(12.5, day=5), "speaks"),
        (("lunch",), ("office",), at(12.5), at(13)),
        # A window that is no longer defined neither mutes a route nor keeps it silent.
        (("gone",), (), at(12), "speaks"),
        ((), ("gone",), at(12), "speaks"),
        # One that never opens again: nothing to wait for.
        ((), ("the past",), at(12), None),
    ],
)
def test_a_route_holds_its_peace_as_its_windows_say(mute, active, now, until):
    found = closed([leg(mute, active)], WINDOWS, now)
    assert found == ({} if until == "speaks" else {"r": until})
