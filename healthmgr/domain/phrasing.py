"""Times, lengths and lists as people read them, in messages, tables and pages. All times are told in UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def absolute(at: datetime) -> str:
    """The minute, such as "2026-11-24 03:12 UTC"; raises ValueError for a time without a zone."""
    return f"{_utc(at):%Y-%m-%d %H:%M} UTC"


def span(start: datetime, end: datetime) -> str:
    """From when to when, the day once where one is enough: "2026-11-24 03:12 to 04:16 UTC"."""
    first, last = _utc(start), _utc(end)
    form = "%H:%M" if first.date() == last.date() else "%Y-%m-%d %H:%M"
    return f"{first:%Y-%m-%d %H:%M} to {last.strftime(form)} UTC"


def clock_time(at: datetime, now: datetime) -> str:
    """The second in UTC, such as "03:12:05", with the day before it when that is not `now`'s: "11-23 03:12:05"."""
    utc = _utc(at)
    return f"{utc:%H:%M:%S}" if utc.date() == _utc(now).date() else f"{utc:%m-%d %H:%M:%S}"


def relative(at: datetime, now: datetime) -> str:
    """How far `at` lies from `now`: "just now" below a second, "12 min ago", "in 2 h"."""
    distance = _utc(now) - _utc(at)
    if abs(distance) < timedelta(seconds=1):
        return "just now"
    length = _length(abs(distance), seconds_below=_MINUTE)
    return f"{length} ago" if distance > timedelta() else f"in {length}"


def lasted(length: timedelta) -> str:
    """A length such as "45 s", "3 min 20 s", "42 min", "1 h 04 min" or "2 d 03 h"; a negative one counts as none.

    Seconds are told up to ten minutes, minutes up to a day: two units at most, rounded down.
    """
    if length < timedelta(seconds=1):
        return "less than 1 s"
    return _length(length, seconds_below=10 * _MINUTE)


def took(seconds: float) -> str:
    """A response time such as "3.4 ms", "240 ms", "7.21 s" or "1 min 15 s", from seconds; "unknown" for no number."""
    if not isfinite(seconds):
        return "unknown"
    if seconds < 0.001:
        return "less than 1 ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < _MINUTE else lasted(timedelta(seconds=seconds))


def listing(names: Sequence[str], most: int) -> str:
    """The names in one line, at most `most` of them: "a", "a and b", "a, b and 7 more"; "" for none."""
    shown = [*names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return " and ".join(part for part in (", ".join(shown[:-1]), *shown[-1:]) if part)


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no time zone: times here are aware, in UTC")
    return at.astimezone(UTC)


def _length(length: timedelta, seconds_below: int) -> str:
    whole = int(length.total_seconds())
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < seconds_below and whole % _MINUTE:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return _two(whole, _HOUR, "h", _MINUTE, "min")
    return _two(whole, _DAY, "d", _HOUR, "h")


def _two(whole: int, large: int, large_name: str, small: int, small_name: str) -> str:
    count, rest = divmod(whole, large)
    return f"{count} {large_name} {rest // small:02} {small_name}" if rest // small else f"{count} {large_name}"
