"""Recurrence rules of iCalendar (RFC 5545, RRULE) in the civil time of a zone, with a bounded search.

dateutil does the arithmetic. It would walk from the first occurrence to the year 9999 if need be, so a rule is moved
close to what is asked (its steps kept), is given an end, and may not be denser than some times a day.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from healthmgr.domain.timewindow import instant_of

MAX_TIMES_A_DAY = 48
MAX_COUNT = 1000
_HORIZON = timedelta(days=9 * 366)  # 29 February may be eight years away
_LATEST = datetime(9990, 1, 1)  # noqa: DTZ001  civil time; the calendar ends soon after it
_MAX_INTERVAL = 1000
_MAX_CHARACTERS = 500
_YEARS = range(2000, 2200)  # in which a rule may begin
_STEPS = {"DAILY": timedelta(days=1), "WEEKLY": timedelta(weeks=1)}
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_DAY_PARTS = ("BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY")
_TIME_PARTS = ("BYHOUR", "BYMINUTE", "BYSECOND")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_ONLY_FOR_MONTHS = {"BYSETPOS", "BYWEEKNO", "BYYEARDAY"}
_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYMONTH", "BYSETPOS", *_DAY_PARTS, *_TIME_PARTS}


@dataclass(frozen=True, slots=True)
class RecurrenceRule:
    """A rule, its first occurrence in civil time (naive), and whose civil time that is. Made by `parse`."""

    text: str
    dtstart: datetime
    timezone: ZoneInfo

    @classmethod
    def parse(cls, text: str, dtstart: datetime, timezone: ZoneInfo) -> RecurrenceRule:
        """Raises ValueError for what is no rule, never happens, or would take too long to follow."""
        if dtstart.year not in _YEARS:
            raise ValueError(f"dtstart: {dtstart.year} is too far away: write a year from {_YEARS[0]} to {_YEARS[-1]}")
        rule = cls(text.strip().removeprefix("RRULE:"), dtstart.replace(tzinfo=None), timezone)
        _check(_parts(rule.text))
        try:
            first = _reaches_a_day(_parts(rule.text), dtstart) and next(
                rule.starts_after(rule._in_utc(dtstart) - timedelta(seconds=1)), None
            )
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
            raise ValueError(f"{text!r} is no recurrence rule: {error}") from error
        if not first:
            raise ValueError(f"{text!r} never happens, or not within nine years of its dtstart")
        return rule

    def starts_after(self, instant: datetime) -> Iterator[datetime]:
        """The occurrences after this instant, in UTC and in order, as far as nine years ahead.

        A civil time that the clocks skip is when they have been put forward; one that they repeat comes at its first.
        """
        parts = _parts(self.text)
        wanted = max(self._civil(instant), self.dtstart)
        count = int(parts["COUNT"]) if "COUNT" in parts else None
        start = self.dtstart if count else _moved(self.dtstart, parts, wanted)
        bounded = _with_defaults(parts, self.dtstart) | {"UNTIL": self._end(parts, wanted).strftime("%Y%m%dT%H%M%S")}
        bounded.pop("COUNT", None)  # counted here: dateutil would rather not have it beside an end
        rule = rrulestr(";".join(f"{name}={value}" for name, value in bounded.items()), dtstart=start)
        starts = (self._in_utc(civil) for civil in islice(iter(rule), count))
        return (start for start in starts if start > instant)

    def _end(self, parts: Mapping[str, str], wanted: datetime) -> datetime:
        """When to stop looking: where the rule ends, or at the horizon. A date alone means all of that day."""
        horizon = min(wanted, _LATEST) + _HORIZON
        if "UNTIL" not in parts:
            return horizon
        until = datetime.fromisoformat(parts["UNTIL"])
        if until.tzinfo is not None:
            until = self._civil(until)
        elif "T" not in parts["UNTIL"]:
            until = datetime.combine(until, time.max)
        return min(until, horizon)

    def _civil(self, instant: datetime) -> datetime:
        return instant.astimezone(self.timezone).replace(tzinfo=None)

    def _in_utc(self, civil: datetime) -> datetime:
        return instant_of(civil.replace(tzinfo=None), self.timezone).astimezone(UTC)


def _parts(text: str) -> dict[str, str]:
    """What a rule says, by the name of the part. Raises ValueError for what is written otherwise."""
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(f"a recurrence rule of {len(text)} characters is too long: {_MAX_CHARACTERS} are allowed")
    pairs = [piece.partition("=") for piece in text.upper().strip(";").split(";")]
    parts = {name.strip(): value.strip() for name, _, value in pairs}
    unknown = sorted(name for name in parts if name not in _PARTS or not parts[name])
    if unknown or len(parts) < len(pairs):
        raise ValueError(f"{text!r} is no recurrence rule: write one line such as FREQ=WEEKLY;BYDAY=SU")
    return parts


def _check(parts: Mapping[str, str]) -> None:
    """Refuses what dateutil would follow without end."""
    if parts.get("FREQ") not in _FREQUENCIES:
        raise ValueError(f"FREQ={parts.get('FREQ')}: write {', '.join(_FREQUENCIES)}, or use cron for what is denser")
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValueError("a recurrence rule has COUNT or UNTIL, not both")
    for name, limit in (("INTERVAL", _MAX_INTERVAL), ("COUNT", MAX_COUNT)):
        value = parts.get(name, "1")
        if not (value.isascii() and value.isdigit() and 1 <= int(value) <= limit):
            raise ValueError(f"{name}={value}: write a number from 1 to {limit}")
    if parts["FREQ"] in _STEPS and (not _ONLY_FOR_MONTHS.isdisjoint(parts) or _has_digit(parts.get("BYDAY", ""))):
        raise ValueError("a place among days or positions needs FREQ=MONTHLY or FREQ=YEARLY")
    if parts["FREQ"] == "WEEKLY" and "BYMONTHDAY" in parts:
        raise ValueError("BYMONTHDAY does not go with FREQ=WEEKLY: write FREQ=MONTHLY or FREQ=DAILY")
    times = 1
    for name in _TIME_PARTS:
        times *= len(set(parts[name].split(","))) if name in parts else 1
    if times > MAX_TIMES_A_DAY:
        raise ValueError(f"{times} times a day are too many: a recurrence rule may have {MAX_TIMES_A_DAY}")


def _reaches_a_day(parts: Mapping[str, str], dtstart: datetime) -> bool:
    """Whether the steps of a daily rule meet a day that it allows; dateutil would look for one to the year 9999."""
    if parts["FREQ"] != "DAILY":
        return True  # a few thousand months or years are soon looked through
    months, days = _numbers(parts, "BYMONTH"), _numbers(parts, "BYMONTHDAY")
    weekdays = parts["BYDAY"].split(",") if "BYDAY" in parts else _WEEKDAYS
    for number in range(0, _HORIZON.days, int(parts.get("INTERVAL", "1"))):
        day = dtstart + timedelta(days=number)
        from_end = day.day - monthrange(day.year, day.month)[1] - 1
        is_month, is_day = not months or day.month in months, not days or day.day in days or from_end in days
        if is_month and is_day and _WEEKDAYS[day.weekday()] in weekdays:
            return True
    return False


def _numbers(parts: Mapping[str, str], name: str) -> set[int]:
    return {int(number) for number in parts[name].split(",")} if name in parts else set()


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)


def _with_defaults(parts: Mapping[str, str], dtstart: datetime) -> dict[str, str]:
    """A rule that says by itself what it would take from its first occurrence, which may then be moved."""
    said: dict[str, object] = {"BYHOUR": dtstart.hour, "BYMINUTE": dtstart.minute, "BYSECOND": dtstart.second}
    if not any(name in parts for name in _DAY_PARTS):
        if parts["FREQ"] == "WEEKLY":
            said["BYDAY"] = _WEEKDAYS[dtstart.weekday()]
        elif parts["FREQ"] in ("MONTHLY", "YEARLY"):
            said["BYMONTHDAY"] = dtstart.day
        if parts["FREQ"] == "YEARLY":
            said["BYMONTH"] = dtstart.month
    return {name: str(value) for name, value in said.items()} | dict(parts)


def _moved(dtstart: datetime, parts: Mapping[str, str], wanted: datetime) -> datetime:
    """A first occurrence that is whole steps later, and still at least one step before what is wanted."""
    interval, frequency = int(parts.get("INTERVAL", "1")), parts["FREQ"]
    if frequency in _STEPS:
        step = _STEPS[frequency] * interval
        return dtstart + max((wanted - dtstart) // step - 1, 0) * step
    return _CALENDAR_STEPS[frequency](dtstart, interval, wanted)


def _moved_by_months(dtstart: datetime, interval: int, wanted: datetime) -> datetime:
    apart = (wanted.year - dtstart.year) * 12 + wanted.month - dtstart.month
    steps = apart // interval - 1
    if steps < 1:
        return dtstart
    years, month = divmod(dtstart.month - 1 + steps * interval, 12)
    return datetime(dtstart.year + years, month + 1, 1)  # noqa: DTZ001  civil time


def _moved_by_years(dtstart: datetime, interval: int, wanted: datetime) -> datetime:
    steps = (wanted.year - dtstart.year) // interval - 1
    return datetime(dtstart.year + steps * interval, 1, 1) if steps > 0 else dtstart  # noqa: DTZ001  civil time


_CALENDAR_STEPS: dict[str, Callable[[datetime, int, datetime], datetime]] = {
    "MONTHLY": _moved_by_months,
    "YEARLY": _moved_by_years,
}
