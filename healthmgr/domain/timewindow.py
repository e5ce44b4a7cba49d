"""Time intervals as Alertmanager writes them: times, weekdays, days, months and years, in the civil time of a zone.

An interval holds an instant when every field that is given holds it (`timeinterval` in Alertmanager). Two things are
allowed beyond it: ranges of weekdays and months that go round the end, and names cut short to three letters or more.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from healthmgr.domain.calendar import zone

HORIZON = timedelta(days=5 * 366)  # nobody plans further ahead, and a search has to end
_ANYWHERE = ZoneInfo("UTC")
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_FIELDS = ("times", "weekdays", "days_of_month", "months", "years", "location")
_MINUTES_OF_A_DAY = 24 * 60
_MAX_RANGES = 100  # in one field

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """Civil times that belong together. A field without ranges allows everything.

    `times` are minutes of the day, the end exclusive; `weekdays` count from Sunday = 0; `days_of_month` below zero
    count from the month's end. All but `times` include their end.
    """

    times: tuple[Range, ...] = ()
    weekdays: tuple[Range, ...] = ()
    days_of_month: tuple[Range, ...] = ()
    months: tuple[Range, ...] = ()
    years: tuple[Range, ...] = ()
    location: ZoneInfo = _ANYWHERE

    def contains(self, at: datetime) -> bool:
        """Whether this instant (aware) lies inside."""
        local = at.astimezone(self.location)
        minute = local.hour * 60 + local.minute
        return self._holds_day(local.date()) and (not self.times or any(a <= minute < b for a, b in self.times))

    def next_change(self, at: datetime) -> datetime | None:
        """The first instant after this one, in UTC, at which `contains` answers otherwise; None within five years."""
        was_inside = self.contains(at)
        lasts_all_day = not self.times or (0, _MINUTES_OF_A_DAY) in self.times
        first = at.astimezone(self.location).date().toordinal()
        for ordinal in range(first, min(first + HORIZON.days, date.max.toordinal() - 1)):
            day = date.fromordinal(ordinal)
            holds_day = self._holds_day(day)
            if holds_day is was_inside and (lasts_all_day or not holds_day):
                continue  # the whole day is as it was
            for instant in self._edges(day):
                if instant > at and self.contains(instant) is not was_inside:
                    return instant
        return None

    def to_document(self) -> dict[str, object]:
        """The form that parse_time_interval reads."""
        document: dict[str, object] = {}
        if self.times:
            document["times"] = [{"start_time": _clock(start), "end_time": _clock(end)} for start, end in self.times]
        if self.weekdays:
            document["weekdays"] = [_written(one, lambda day: _WEEKDAYS[day]) for one in self.weekdays]
        if self.days_of_month:
            document["days_of_month"] = [_written(one, str) for one in self.days_of_month]
        if self.months:
            document["months"] = [_written(one, lambda month: _MONTHS[month - 1]) for one in self.months]
        if self.years:
            document["years"] = [_written(one, str) for one in self.years]
        return document | {"location": self.location.key}

    def _holds_day(self, day: date) -> bool:
        return (
            _within(day.year, self.years)
            and _within(day.month, self.months)
            and _within(day.isoweekday() % 7, self.weekdays)
            and self._holds_day_of_month(day)
        )

    def _holds_day_of_month(self, day: date) -> bool:
        if not self.days_of_month:
            return True
        last = monthrange(day.year, day.month)[1]
        from_start = [tuple(end + last + 1 if end < 0 else end for end in one) for one in self.days_of_month]
        # A range that begins past the month's end holds no day of it; one that only ends there is cut short by itself.
        return any(start <= day.day <= end for start, end in from_start)

    def _edges(self, day: date) -> list[datetime]:
        """Every instant of a day at which the answer can change, in order: its times, its beginning, a clock change."""
        midnight = _utc(day, 0, self.location)
        tomorrow = _utc(day + timedelta(days=1), 0, self.location)
        edges = {midnight, *_clock_changes(self.location, midnight, tomorrow)}
        for minute in {minute for one in self.times for minute in one if minute < _MINUTES_OF_A_DAY}:
            edges |= {_utc(day, minute, self.location, fold) for fold in (0, 1)}  # a repeated hour has each time twice
        return sorted(edges)


def instant_of(civil: datetime, location: ZoneInfo) -> datetime:
    """When clocks in this zone show a time (naive), in UTC: at first, or after the gap that it falls into."""
    instant = civil.replace(tzinfo=location, fold=0).astimezone(UTC)
    if instant.astimezone(location).replace(tzinfo=None) == civil:
        return instant
    before = civil.replace(tzinfo=location, fold=1).astimezone(UTC)
    return next(_clock_changes(location, before, instant), instant)


def parse_time_interval(document: Mapping[str, object]) -> TimeInterval:
    """An interval as in Alertmanager's file. Raises ValueError that names the field and what to write."""
    unknown = sorted(set(document) - set(_FIELDS))
    if unknown:
        raise ValueError(f"{unknown[0]}: there is no such field; there are {', '.join(_FIELDS)}")
    location = document.get("location", "UTC")
    if not isinstance(location, str):
        raise _wrong("location", location, "write the name of a time zone, such as Europe/Berlin")
    try:
        place = zone(location)
    except ValueError as error:
        raise ValueError(f"location: {error}") from error
    return TimeInterval(
        times=tuple(_time_range(one) for one in _listed(document, "times")),
        weekdays=_ranges(document, "weekdays", _weekday),
        days_of_month=tuple(_checked_days(one) for one in _ranges(document, "days_of_month", _day_of_month)),
        months=_ranges(document, "months", _month),
        years=tuple(_checked_years(one) for one in _ranges(document, "years", _year)),
        location=place,
    )


def _within(value: int, ranges: Sequence[Range]) -> bool:
    """A range whose end comes before its start goes round the end of the week or year."""
    return not ranges or any(a <= value <= b if a <= b else value >= a or value <= b for a, b in ranges)


def _utc(day: date, minute: int, location: ZoneInfo, fold: int = 0) -> datetime:
    return datetime.combine(day, time(minute // 60, minute % 60, fold=fold), location).astimezone(UTC)


def _clock_changes(location: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """The instant after `start` and up to `end` at which the zone's offset changes, found to the second; or none."""
    before = start.astimezone(location).utcoffset()
    if end.astimezone(location).utcoffset() == before:
        return
    low, high = int(start.timestamp()), int(end.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, location).utcoffset() == before:
            low = middle
        else:
            high = middle
    yield datetime.fromtimestamp(high, UTC)


def _listed(document: Mapping[str, object], field: str) -> Sequence[object]:
    if field not in document:
        return ()
    value = document[field]
    if not isinstance(value, list | tuple) or not value:
        raise _wrong(field, value, "write a list, or leave the field out to allow everything")
    if len(value) > _MAX_RANGES:
        raise ValueError(f"{field}: {len(value)} ranges are too many, {_MAX_RANGES} are allowed")
    return value


def _ranges(document: Mapping[str, object], field: str, member: Callable[[str, str], int]) -> tuple[Range, ...]:
    return tuple(_range(field, one, member) for one in _listed(document, field))


def _range(field: str, value: object, member: Callable[[str, str], int]) -> Range:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _wrong(field, value, "write one, or a range with a colon between, in quotes")
    parts = [part.strip().lower() for part in str(value).split(":")]
    if len(parts) > 2:
        raise _wrong(field, value, "write one, or two with a colon between")
    return member(field, parts[0]), member(field, parts[-1])


def _named(names: Sequence[str], text: str) -> int | None:
    """The place of the name that begins so, if it is three letters or more."""
    return next((place for place, name in enumerate(names) if len(text) > 2 and name.startswith(text)), None)


def _weekday(field: str, text: str) -> int:
    day = _named(_WEEKDAYS, text)
    if day is None:
        raise _wrong(field, text, "write the name of a weekday, such as monday, or a range, such as monday:friday")
    return day


def _month(field: str, text: str) -> int:
    month = _named(_MONTHS, text)
    return month + 1 if month is not None else _number(field, text, range(1, 13))


def _day_of_month(field: str, text: str) -> int:
    return _number(field, text, [*range(-31, 0), *range(1, 32)])


def _year(field: str, text: str) -> int:
    return _number(field, text, range(1, 10_000))


def _number(field: str, text: str, allowed: Sequence[int]) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 5 and int(text) in allowed):
        # YAML 1.1 takes a bare 1:15 for the number 75, counted in sixties: hence the quotes.
        raise _wrong(field, text, f"write a number from {allowed[0]} to {allowed[-1]}, a range in quotes")
    return int(text)


def _checked_days(days: Range) -> Range:
    start, end = days
    if start < 0 < end:
        raise _wrong("days_of_month", f"{start}:{end}", "a range that begins at the month's end has to end there too")
    in_the_longest_month = [one + 31 + 1 if one < 0 else one for one in days]
    if in_the_longest_month[0] > in_the_longest_month[1]:
        raise _wrong("days_of_month", f"{start}:{end}", "it ends before it begins in every month")
    return days


def _checked_years(years: Range) -> Range:
    if years[1] < years[0]:
        raise _wrong("years", f"{years[0]}:{years[1]}", "write the earlier year first")
    return years


def _time_range(value: object) -> Range:
    if not isinstance(value, Mapping) or set(value) != {"start_time", "end_time"}:
        raise _wrong("times", value, "write {start_time: '09:00', end_time: '17:00'}")
    start, end = _minute("start_time", value["start_time"]), _minute("end_time", value["end_time"])
    if end <= start:
        raise _wrong("times", f"{_clock(start)} to {_clock(end)}", "it has to end later the same day: split at 24:00")
    return start, end


def _minute(field: str, value: object) -> int:
    """The minute of the day. YAML 1.1 takes a bare 17:00 for a number in sixties: the same minute, as it happens."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MINUTES_OF_A_DAY:
        return value
    hours, colon, minutes = value.partition(":") if isinstance(value, str) else ("", "", "")
    is_time = len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit()
    minute = int(hours) * 60 + int(minutes) if colon and is_time and int(minutes) < 60 else _MINUTES_OF_A_DAY + 1
    if minute > _MINUTES_OF_A_DAY:
        raise _wrong(field, value, "write a time from 00:00 to 24:00, such as '09:30'")
    return minute


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _written(one: Range, name: Callable[[int], str]) -> str:
    return name(one[0]) if one[0] == one[1] else f"{name(one[0])}:{name(one[1])}"


def _wrong(field: str, value: object, fix: str) -> ValueError:
    return ValueError(f"{field}: {str(value)[:80]!r} will not do: {fix}")
