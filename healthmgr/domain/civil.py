"""Times as people say them, on the clock of a schedule or person: 09:00, tomorrow 09:00, friday 18:00."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from healthmgr.domain.timewindow import instant_of
from healthmgr.errors import DefinitionError, Problem

TIME_HELP = "As 2026-11-24T18:00, 18:00, 'tomorrow 09:00', 'friday 18:00' or now; on the schedule's clock."

_NEAR = ("today", "tomorrow")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def moment_at(text: str, now: datetime, location: ZoneInfo, option: str, *, after: datetime | None = None) -> datetime:
    """The moment (aware) that is meant; without a zone of its own it is on the clock of `location`.

    A time alone is the next time that it is so late, a weekday the next such day, today included: after `now`, or
    after another moment. One that the clocks skip is when they have been put forward. Raises DefinitionError that names
    the option.
    """
    try:
        return _read(" ".join(text.lower().split()), now, after or now, location)
    except (ValueError, OverflowError) as error:
        message = f"{text!r} is no time: write one such as 2026-11-24T18:00, 18:00, 'tomorrow 09:00' or now"
        raise DefinitionError([Problem(message, path=option)]) from error


def moments_between(
    begins: str, ends: str, now: datetime, location: ZoneInfo, prefix: str = "--"
) -> tuple[datetime, datetime]:
    """The end is looked for after the beginning: "from 18:00 to 09:00" ends the next morning."""
    begin = moment_at(begins, now, location, f"{prefix}from")
    return begin, moment_at(ends, now, location, f"{prefix}to", after=max(begin, now))


def local(at: datetime, location: ZoneInfo) -> str:
    """The minute on a clock there, with its weekday: "Tue 2026-11-24 18:00"."""
    return f"{at.astimezone(location):%a %Y-%m-%d %H:%M}"


def until(at: datetime, since: datetime, location: ZoneInfo) -> str:
    """The end of something that begins then: its day only where that is another."""
    end, begin = at.astimezone(location), since.astimezone(location)
    return f"{end:%H:%M}" if end.date() == begin.date() else local(at, location)


def _read(text: str, now: datetime, after: datetime, location: ZoneInfo) -> datetime:
    if text == "now":
        return now
    word, _, rest = text.partition(" ")
    if word in _NEAR:
        day = now.astimezone(location).date() + timedelta(days=_NEAR.index(word))
        return instant_of(datetime.combine(day, _clock(rest)), location)
    weekday = next((day for day in _WEEKDAYS if len(word) >= 3 and day.startswith(word)), None)
    first = after.astimezone(location).date()
    if weekday is not None:
        first += timedelta(days=(_WEEKDAYS.index(weekday) - first.weekday()) % 7)
        return _next(first, 7, _clock(rest), after, location)
    if ":" in text and len(text) <= len("18:00:00"):
        return _next(first, 1, _clock(text), after, location)
    found = datetime.fromisoformat(text.upper())
    return found if found.tzinfo else instant_of(found, location)


def _next(day: date, days: int, clock: time, after: datetime, location: ZoneInfo) -> datetime:
    """That day, or where it is over then, as many days later."""
    at = instant_of(datetime.combine(day, clock), location)
    return at if at > after else instant_of(datetime.combine(day + timedelta(days=days), clock), location)


def _clock(text: str) -> time:
    """Midnight where nothing is said; "9:00" is "09:00"."""
    return time.fromisoformat(text.rjust(len("09:00"), "0")) if text else time()
