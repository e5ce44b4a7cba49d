"""Times as people say them in a terminal, on the clock of a schedule or person: 09:00, tomorrow 09:00, friday 18:00."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from healthmgr.domain.timewindow import instant_of
from healthmgr.errors import DefinitionError, Problem

TIME_HELP = "As 2026-11-24T18:00, 18:00, 'tomorrow 09:00', 'friday 18:00' or now; on the schedule's clock."

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def moment_at(text: str, now: datetime, location: ZoneInfo, option: str) -> datetime:
    """The moment (aware) that is meant; without a zone of its own it is on the clock of `location`.

    A time alone is the next time that it is so late, a weekday the next such day, today included. One that the clocks
    skip is when they have been put forward. Raises DefinitionError that names the option.
    """
    try:
        return _read(" ".join(text.lower().split()), now, location)
    except ValueError as error:
        message = f"{text!r} is no time: write one such as 2026-11-24T18:00, 18:00, 'tomorrow 09:00' or now"
        raise DefinitionError([Problem(message, path=option)]) from error


def local(at: datetime, location: ZoneInfo) -> str:
    """The minute on a clock there, with its weekday: "Tue 2026-11-24 18:00"."""
    return f"{at.astimezone(location):%a %Y-%m-%d %H:%M}"


def until(at: datetime, since: datetime, location: ZoneInfo) -> str:
    """The end of something that begins then: its day only where that is another."""
    end, begin = at.astimezone(location), since.astimezone(location)
    return f"{end:%H:%M}" if end.date() == begin.date() else local(at, location)


def _read(text: str, now: datetime, location: ZoneInfo) -> datetime:
    if text == "now":
        return now
    today = now.astimezone(location).date()
    word, _, rest = text.partition(" ")
    day = _day(word, today)
    if day is not None:
        at = instant_of(datetime.combine(day, _clock(rest)), location)
        return at if at > now or word not in _WEEKDAYS else instant_of(_later(day, 7, rest), location)
    if ":" in text and len(text) <= len("18:00:00"):
        at = instant_of(datetime.combine(today, _clock(text)), location)
        return at if at > now else instant_of(_later(today, 1, text), location)
    found = datetime.fromisoformat(text.upper())
    return found if found.tzinfo else instant_of(found, location)


def _day(word: str, today: date) -> date | None:
    if word in ("today", "tomorrow"):
        return today + timedelta(days=word == "tomorrow")
    starts = [day for day in _WEEKDAYS if len(word) >= 3 and day.startswith(word)]
    return today + timedelta(days=(_WEEKDAYS.index(starts[0]) - today.weekday()) % 7) if starts else None


def _clock(text: str) -> time:
    """Midnight where nothing is said; "9:00" is "09:00"."""
    return time.fromisoformat(text.rjust(len("09:00"), "0")) if text else time()


def _later(day: date, days: int, clock: str) -> datetime:
    return datetime.combine(day + timedelta(days=days), _clock(clock))
