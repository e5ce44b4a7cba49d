"""Rotations, layers and schedules at random, near the clock changes of zones that have odd ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from healthmgr.domain.rotation import Rotation, Unit
from healthmgr.domain.schedule import FixedShift, Layer, Override, Schedule, Temporary
from healthmgr.domain.timewindow import TimeInterval

QUARTER = timedelta(minutes=15)
# Zones, each with the eve of a clock change on its clock; the last two have none.
PLACES = [
    (zone, datetime.fromisoformat(eve))
    for zone, eve in (
        ("America/Chicago", "2026-03-07"),
        ("America/Chicago", "2026-10-31"),
        ("Europe/London", "2026-03-28"),
        ("Europe/London", "2026-10-24"),
        ("Australia/Sydney", "2026-04-04"),
        ("Australia/Sydney", "2026-10-03"),
        ("Australia/Lord_Howe", "2026-04-04"),
        ("Australia/Lord_Howe", "2026-10-03"),
        ("Pacific/Apia", "2011-12-29"),
        ("Asia/Kathmandu", "2026-06-01"),
        ("UTC", "2026-01-01"),
    )
]
NAMES = ("ada", "bob", "cleo", "dan", "eve")

names = st.sampled_from(NAMES)
members = st.lists(names, min_size=1, max_size=4, unique=True).map(tuple)
places = st.sampled_from(PLACES)


@st.composite
def rotations(draw: Any, place: tuple[str, datetime] | None = None) -> Rotation:
    """A rotation that begins up to three months before the clock change of its zone, or a little after."""
    zone, change = place or draw(places)
    quarters = draw(st.integers(-90 * 96, 3 * 96))
    length = draw(st.integers(1, 30))
    return Rotation(draw(members), change + quarters * QUARTER, ZoneInfo(zone), draw(st.sampled_from(Unit)), length)


@st.composite
def stretches(draw: Any, begin: datetime, days: int = 8) -> tuple[datetime, datetime]:
    """Two instants within some days of a beginning, the earlier first."""
    first, second = draw(st.lists(st.integers(0, days * 96), min_size=2, max_size=2, unique=True).map(sorted))
    return begin + first * QUARTER, begin + second * QUARTER


@st.composite
def shifts(draw: Any, begin: datetime) -> FixedShift:
    return FixedShift(draw(names), *draw(stretches(begin)))


@st.composite
def hours(draw: Any, zone: str) -> TimeInterval:
    first, second = draw(st.lists(st.integers(0, 48), min_size=2, max_size=2, unique=True).map(sorted))
    weekdays = draw(st.sampled_from([(), ((1, 5),), ((6, 0),)]))
    return TimeInterval(times=((first * 30, second * 30),), weekdays=weekdays, location=ZoneInfo(zone))


@st.composite
def layers(draw: Any, place: tuple[str, datetime], begin: datetime) -> Layer:
    kind = draw(st.sampled_from(["rotation", "people", "shifts"]))
    bounds = draw(st.none() | stretches(begin))
    return Layer(
        name="layer",
        rotation=draw(rotations(place)) if kind == "rotation" else None,
        people=draw(members) if kind == "people" else (),
        shifts=tuple(draw(st.lists(shifts(begin), max_size=4))) if kind == "shifts" else (),
        hours=tuple(draw(st.lists(hours(place[0]), max_size=2))),
        priority=draw(st.integers(0, 2)),
        starts_at=bounds[0] if bounds else None,
        ends_at=bounds[1] if bounds else None,
    )


@st.composite
def overrides(draw: Any, begin: datetime) -> Override:
    added, removed = draw(st.tuples(names | st.just(""), names | st.just("")).filter(any))
    return Override(*draw(stretches(begin)), add=added, remove=removed)


@st.composite
def temporaries(draw: Any, begin: datetime) -> Temporary:
    return Temporary(*draw(stretches(begin)), shifts=tuple(draw(st.lists(shifts(begin), max_size=3))))


@st.composite
def schedules(draw: Any) -> tuple[Schedule, datetime]:
    """A schedule, and an instant from which eight days of it are worth a look."""
    place = draw(places)
    begin = (place[1] - timedelta(days=1)).replace(tzinfo=UTC)
    schedule = Schedule(
        name="platform",
        layers=tuple(draw(st.lists(layers(place, begin), min_size=1, max_size=3))),
        overrides=tuple(draw(st.lists(overrides(begin), max_size=3))),
        temporaries=tuple(draw(st.lists(temporaries(begin), max_size=2))),
    )
    return schedule, begin
