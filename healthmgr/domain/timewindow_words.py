"""Time intervals in words: when something holds, as people say it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from healthmgr.domain.timewindow import Range, TimeInterval

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip


def in_words(interval: TimeInterval) -> str:
    """Such as "22:00 to 24:00 and 00:00 to 06:00, Monday to Friday (Europe/Berlin)"."""
    said = ", ".join(_parts(interval)) or "always"
    return f"{said} ({interval.location.key})"


def _parts(interval: TimeInterval) -> Iterator[str]:
    if interval.times:
        yield " and ".join(f"{_clock(first)} to {_clock(last)}" for first, last in interval.times)
    if interval.weekdays:
        yield _named(interval.weekdays, _WEEKDAYS, 0)
    if interval.days_of_month:
        yield "on the days " + _numbers(interval.days_of_month)
    if interval.months:
        yield "in " + _named(interval.months, _MONTHS, 1)
    if interval.years:
        yield "in " + _numbers(interval.years)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _named(ranges: Sequence[Range], names: Sequence[str], first: int) -> str:
    return " and ".join(
        names[begin - first] if begin == end else f"{names[begin - first]} to {names[end - first]}"
        for begin, end in ranges
    )


def _numbers(ranges: Sequence[Range]) -> str:
    return " and ".join(str(begin) if begin == end else f"{begin} to {end}" for begin, end in ranges)
