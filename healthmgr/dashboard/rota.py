"""A schedule as a calendar: weeks as rows, days as columns, and bars for who is on call; laid out here, drawn there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zlib import crc32
from zoneinfo import ZoneInfo

from healthmgr.domain.civil import local, until
from healthmgr.domain.coverage import FindingKind
from healthmgr.domain.timewindow import instant_of
from healthmgr.views_oncall import ScheduleView

COLOURS = 8  # that are told apart; a name stands in each bar as well
_WEEK = 7
_SECONDS_OF_A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Bar:
    """A time within one week, in percent of it. `kind` is shift, gap, empty_shift, off or double_booking."""

    kind: str
    person: str
    colour: int
    left: float
    width: float
    starts_at: datetime
    ends_at: datetime
    words: str

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.left + self.width


@dataclass(frozen=True, slots=True)
class Week:
    """One row: its days, and its bars in lanes in which none lies over another; `now` where this instant is in it."""

    days: tuple[date, ...]
    lanes: tuple[tuple[Bar, ...], ...]
    now: float | None


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A bar before it is cut at the ends of weeks."""

    kind: str
    person: str
    starts_at: datetime
    ends_at: datetime
    says: str


def midnight(day: date, location: ZoneInfo) -> datetime:
    """When a day begins there."""
    return instant_of(datetime.combine(day, time()), location)


def monday(day: date) -> date:
    """The first day of its week."""
    return day - timedelta(days=day.weekday())


def colours_of(people: Iterable[str]) -> dict[str, int]:
    """A colour for each person, by the name, so that it stays the same; no two share one while there are enough."""
    found: dict[str, int] = {}
    for person in sorted(set(people)):
        wanted = crc32(person.encode()) % COLOURS
        free = [(wanted + step) % COLOURS for step in range(COLOURS) if (wanted + step) % COLOURS not in found.values()]
        found[person] = free[0] if free else wanted
    return found


def weeks_of(view: ScheduleView, first: date, weeks: int, location: ZoneInfo, now: datetime) -> list[Week]:
    """The weeks from the Monday `first` on, by the clocks there."""
    colours = colours_of(shift.person for shift in view.shifts)
    stretches = list(_stretches(view))
    found = []
    for number in range(weeks):
        days = tuple(first + timedelta(days=number * _WEEK + day) for day in range(_WEEK))
        begin, end = midnight(days[0], location), midnight(days[-1] + timedelta(days=1), location)
        bars = [
            _bar(one, days[0], (begin, end), colours.get(one.person, 0), _when(one, view, location), location)
            for one in stretches
            if one.starts_at < end and one.ends_at > begin
        ]
        here = _place(now, days[0], location) if begin <= now < end else None
        found.append(Week(days, tuple(_lanes(bars)), here))
    return found


def _stretches(view: ScheduleView) -> Iterator[_Stretch]:
    for shift in view.shifts:
        yield _Stretch("shift", shift.person, shift.starts_at, shift.ends_at, shift.person)
    for span in view.spans:
        if not span.people and span.is_meant:
            yield _Stretch("off", "", span.starts_at, span.ends_at, "off hours")
    for one in view.findings:
        if one.kind == FindingKind.DOUBLE_BOOKING:
            others = ", ".join(name for name in one.schedules if name != view.name)
            yield _Stretch(one.kind, one.person, one.starts_at, one.ends_at, f"{one.person} also in {others}")
        else:
            yield _Stretch(one.kind, "", one.starts_at, one.ends_at, "nobody")


def _when(one: _Stretch, view: ScheduleView, location: ZoneInfo) -> str:
    """From when to when, as far as it lies in what was looked at."""
    begins, ends = one.starts_at > view.begin, one.ends_at < view.end
    if begins and ends:
        return f"{local(one.starts_at, location)} to {until(one.ends_at, one.starts_at, location)}"
    if begins:
        return f"from {local(one.starts_at, location)} on"
    return f"until {local(one.ends_at, location)}" if ends else "all of the time shown"


def _bar(
    one: _Stretch, first: date, week: tuple[datetime, datetime], colour: int, when: str, location: ZoneInfo
) -> Bar:
    left = _place(max(one.starts_at, week[0]), first, location)
    right = _place(one.ends_at, first, location) if one.ends_at < week[1] else 100.0
    # A clock that is put back would give an hour no width, or less.
    width = max(right - left, 0.1)
    return Bar(
        one.kind, one.person, colour, round(left, 3), round(width, 3), one.starts_at, one.ends_at, f"{one.says}, {when}"
    )


def _place(at: datetime, first: date, location: ZoneInfo) -> float:
    """How much of the week is over, by the clock on the wall: each day is as wide as another, however long it is."""
    civil = at.astimezone(location)
    seconds = civil.hour * 3600 + civil.minute * 60 + civil.second
    return ((civil.date() - first).days + seconds / _SECONDS_OF_A_DAY) / _WEEK * 100


def _lanes(bars: Sequence[Bar]) -> list[tuple[Bar, ...]]:
    """Each bar in the first lane that has room for it; what is said about a shift stands below the shifts."""
    lanes: list[list[Bar]] = []
    for notes in (False, True):
        above = len(lanes)
        for bar in sorted(bars, key=lambda one: (one.left, one.person)):
            if (bar.kind == FindingKind.DOUBLE_BOOKING) is not notes:
                continue
            first = above if notes else 0
            lane = next((lane for lane in lanes[first:] if lane[-1].right <= bar.left + 0.001), None)
            if lane is None:
                lanes.append([bar])
            else:
                lane.append(bar)
    return [tuple(lane) for lane in lanes]
