"""Maintenance windows: when work is planned, once or again and again, and when it is really over.

A window lasts its duration in elapsed time, from a beginning in civil time: two hours from Sunday 02:00 are two hours
in the night in which the clocks change as well. Occurrences that overlap or touch are one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from typing import TypeVar
from zoneinfo import ZoneInfo

from healthmgr.domain.calendar import Cron, zone
from healthmgr.domain.quantity import format_duration, length_of
from healthmgr.domain.recurrence import RecurrenceRule
from healthmgr.domain.timewindow import HORIZON, TimeInterval, parse_time_interval

MAX_DURATION = timedelta(days=366)
MAX_INTERVALS = 20
_MAX_MERGED = 500  # occurrences that are followed from one into the next
_MAX_LOOKED_AT = 2000  # occurrences  for one answer
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # cron has no beginning of its own


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a window is open: from `starts_at` up to, not including, `ends_at`; both in UTC."""

    starts_at: datetime
    ends_at: datetime

    def contains(self, at: datetime) -> bool:
        """Whether the window is open then."""
        return self.starts_at <= at < self.ends_at


@dataclass(frozen=True, slots=True)
class Once:
    """A window from one instant to another."""

    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None or self.ends_at.tzinfo is None:
            raise ValueError("starts_at, ends_at: write the offset as well, such as 2026-05-01T22:00:00Z")
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at: a window has to end after it starts")

    def occurrences(self, begin: datetime) -> Iterator[Occurrence]:
        """The one occurrence, unless it ends before `begin`."""
        if self.ends_at > begin:
            yield Occurrence(self.starts_at.astimezone(UTC), self.ends_at.astimezone(UTC))

    def to_document(self) -> dict[str, object]:
        """The form in which it is stored."""
        return {"starts_at": _utc_text(self.starts_at), "ends_at": _utc_text(self.ends_at)}


@dataclass(frozen=True, slots=True)
class ByCron:
    """A window that opens when cron says, for as long as `duration`."""

    cron: Cron
    duration: timedelta

    def __post_init__(self) -> None:
        _check_duration(self.duration)
        _refuse_endless(self, _LONG_AGO)

    def occurrences(self, begin: datetime) -> Iterator[Occurrence]:
        """Those that end after `begin`, by their start, each by itself."""
        start = self.cron.next_after(begin - self.duration)
        while start is not None:
            yield Occurrence(start, start + self.duration)
            start = self.cron.next_after(start)

    def to_document(self) -> dict[str, object]:
        """The form in which it is stored."""
        return {
            "cron": self.cron.expression,
            "duration": format_duration(self.duration),
            "timezone": self.cron.timezone.key,
        }


@dataclass(frozen=True, slots=True)
class ByRule:
    """A window that opens when a recurrence rule of iCalendar says, for as long as `duration`."""

    rule: RecurrenceRule
    duration: timedelta

    def __post_init__(self) -> None:
        _check_duration(self.duration)
        _refuse_endless(self, self.rule.dtstart.replace(tzinfo=UTC) - timedelta(days=2))

    def occurrences(self, begin: datetime) -> Iterator[Occurrence]:
        """Those that end after `begin`, by their start, each by itself."""
        return (Occurrence(start, start + self.duration) for start in self.rule.starts_after(begin - self.duration))

    def to_document(self) -> dict[str, object]:
        """The form in which it is stored."""
        return {
            "rrule": self.rule.text,
            "dtstart": self.rule.dtstart.isoformat(),
            "duration": format_duration(self.duration),
            "timezone": self.rule.timezone.key,
        }


@dataclass(frozen=True, slots=True)
class ByIntervals:
    """A window that is open whenever one of these time intervals holds the time."""

    intervals: tuple[TimeInterval, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.intervals) <= MAX_INTERVALS:
            raise ValueError(f"time_intervals: write 1 to {MAX_INTERVALS} of them")
        if any(interval == TimeInterval(location=interval.location) for interval in self.intervals):
            raise ValueError("time_intervals: one without any times, days, months or years never ends")

    def occurrences(self, begin: datetime) -> Iterator[Occurrence]:
        """Those that end after `begin`; one that is open by then starts then. Without an end in sight: five years."""
        return merge(*(_held(interval, begin) for interval in self.intervals), key=lambda one: one.starts_at)

    def to_document(self) -> dict[str, object]:
        """The form in which it is stored."""
        return {"time_intervals": [interval.to_document() for interval in self.intervals]}


Window = Once | ByCron | ByRule | ByIntervals


def occurrence_at(window: Window, at: datetime) -> Occurrence | None:
    """The occurrence that is open at this instant (aware), or None.

    Its end is when the window is really over. Where hundreds of occurrences follow without a gap, the end (and the
    start) is only as far away as was looked: whoever asks again then finds the window still open.
    """
    found = _holding(window, at, at)
    lookback = timedelta(hours=1)
    while found and lookback < 4 * MAX_DURATION:
        earlier = _holding(window, at - lookback, at)
        if earlier is None:
            break
        found = Occurrence(earlier.starts_at, max(earlier.ends_at, found.ends_at))
        if earlier.starts_at > at - lookback:
            break  # whatever touched it from before would have been seen as well
        lookback *= 4
    return found


def next_occurrence(window: Window, after: datetime) -> Occurrence | None:
    """The first occurrence that starts after this instant (aware); None when none is in sight for years."""
    return next((one for one in _merged(window, after) if one.starts_at > after), None)


def from_document(document: Mapping[str, object]) -> Window:
    """A window as it is written and stored; the fields say of which sort. Raises ValueError naming field and fix.

    `starts_at, ends_at` · `cron, duration, timezone` · `rrule, dtstart, duration, timezone` · `time_intervals`
    """
    for fields, build in _SORTS.items():
        if fields[0] in document:
            needed = set(fields) - ({"timezone"} - set(document))  # which is UTC if nobody says otherwise
            wrong = sorted(set(document) ^ needed)
            if wrong:
                complaint = "is missing" if wrong[0] in needed else f"does not go with {fields[0]}"
                raise ValueError(f"{wrong[0]} {complaint}: write {', '.join(fields)}")
            return build(document)
    raise ValueError("a maintenance window has starts_at and ends_at, or one of cron, rrule and time_intervals")


def _held(interval: TimeInterval, begin: datetime) -> Iterator[Occurrence]:
    start = begin if interval.contains(begin) else interval.next_change(begin)
    while start is not None:
        end = interval.next_change(start)
        yield Occurrence(start.astimezone(UTC), (end or start + HORIZON).astimezone(UTC))
        start = end and interval.next_change(end)


def _holding(window: Window, begin: datetime, at: datetime) -> Occurrence | None:
    """The merged occurrence that holds `at`, as it is seen from `begin` on."""
    for one in _merged(window, begin):
        if one.starts_at > at:
            return None
        if one.contains(at):
            return one
    return None


def _merged(window: Window, begin: datetime) -> Iterator[Occurrence]:
    """Occurrences with a gap between them, each made of no more than _MAX_MERGED."""
    current: Occurrence | None = None
    count = 0
    for one in islice(window.occurrences(begin), _MAX_LOOKED_AT):
        if current is not None and one.starts_at <= current.ends_at and count < _MAX_MERGED:
            current = Occurrence(current.starts_at, max(current.ends_at, one.ends_at))
            count += 1
            continue
        if current is not None:
            yield current
        current, count = one, 1
    if current is not None:
        yield current


def _check_duration(duration: timedelta) -> None:
    if not timedelta(0) < duration <= MAX_DURATION:
        raise ValueError("duration: write one that is longer than nothing and not longer than a year, such as 2h")


def _refuse_endless(window: ByCron | ByRule, begin: datetime) -> None:
    """A window whose occurrences run into each other on and on is a mistake, and expensive to follow."""
    end: datetime | None = None
    for count, one in enumerate(window.occurrences(begin)):
        if end is not None and one.starts_at > end:
            return
        if count >= _MAX_MERGED:
            raise ValueError("duration: each occurrence begins before the last one is over: write a shorter one")
        end = one.ends_at


def _once(document: Mapping[str, object]) -> Window:
    return Once(_time(document, "starts_at"), _time(document, "ends_at"))


def _by_cron(document: Mapping[str, object]) -> Window:
    return ByCron(_named("cron", Cron.parse, _text(document, "cron"), _timezone(document)), _duration(document))


def _by_rule(document: Mapping[str, object]) -> Window:
    timezone, dtstart = _timezone(document), _time(document, "dtstart")
    civil = dtstart.astimezone(timezone).replace(tzinfo=None) if dtstart.tzinfo else dtstart
    text = _text(document, "rrule")
    return ByRule(_named("rrule", RecurrenceRule.parse, text, civil, timezone), _duration(document))


def _by_intervals(document: Mapping[str, object]) -> Window:
    listed = document["time_intervals"]
    if not isinstance(listed, Sequence) or not all(isinstance(one, Mapping) for one in listed):
        raise ValueError("time_intervals: write a list, such as [{weekdays: [sunday]}]")
    some = enumerate(listed[: MAX_INTERVALS + 1])
    return ByIntervals(tuple(_named(f"time_intervals[{place}]", parse_time_interval, one) for place, one in some))


_SORTS: dict[tuple[str, ...], Callable[[Mapping[str, object]], Window]] = {
    ("starts_at", "ends_at"): _once,
    ("cron", "duration", "timezone"): _by_cron,
    ("rrule", "dtstart", "duration", "timezone"): _by_rule,
    ("time_intervals",): _by_intervals,
}


def _named(field: str, build: Callable[..., T], *arguments: object) -> T:
    """What is built, or its ValueError with the field's name before it."""
    try:
        return build(*arguments)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from error


def _text(document: Mapping[str, object], field: str) -> str:
    value = document.get(field)
    if not isinstance(value, str):
        raise ValueError(f"{field}: write a text, not {value!r}")  # noqa: TRY004  one kind of error for what people wrote
    return value


def _timezone(document: Mapping[str, object]) -> ZoneInfo:
    return _named("timezone", zone, _text({"timezone": "UTC", **document}, "timezone"))


def _duration(document: Mapping[str, object]) -> timedelta:
    return _named("duration", length_of, document["duration"])


def _time(document: Mapping[str, object], field: str) -> datetime:
    value = document[field]
    return value if isinstance(value, datetime) else _named(field, datetime.fromisoformat, _text(document, field))


def _utc_text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat()
