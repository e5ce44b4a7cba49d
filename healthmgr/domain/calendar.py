"""When a job is expected: every so often, or by a calendar in a time zone, written as cron's or systemd's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from oncalendar import OnCalendar, OnCalendarError

_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ANY_INSTANT = datetime(2000, 1, 1, tzinfo=UTC)  # what has no time after it never comes


class Schedule(Protocol):
    """When something is expected."""

    def next_after(self, instant: datetime) -> datetime | None:
        """The first time after this one, in UTC; None when there is none any more."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Within this long after the last time."""

    period: timedelta

    def next_after(self, instant: datetime) -> datetime | None:
        """One period later."""
        return instant + self.period


@dataclass(frozen=True, slots=True)
class Cron:
    """A crontab line's first five fields, with Debian cron's meaning.

    A time of day that the clocks skip comes when they have been put forward; one that they repeat comes once.
    """

    expression: str
    timezone: ZoneInfo

    @classmethod
    def parse(cls, expression: str, timezone: ZoneInfo) -> Cron:
        """Raises ValueError for what cron would not take, and for a date that no calendar has."""
        fields = _NICKNAMES.get(expression.strip().lower(), expression)
        if len(fields.split()) != 5:
            raise ValueError(f"{expression!r} is not a cron expression: write five fields, such as '0 3 * * *'")
        cron = cls(fields, timezone)
        try:
            comes = cron.next_after(_ANY_INSTANT)
        except CronSimError as error:
            raise ValueError(f"{expression!r} is not a cron expression: {error}") from error
        if comes is None:
            raise ValueError(f"{expression!r} names a date that never comes")
        return cron

    def next_after(self, instant: datetime) -> datetime | None:
        """The first time after this one, in UTC; None when there is none in fifty years."""
        return _first_after(instant, CronSim(self.expression, instant.astimezone(self.timezone)))


@dataclass(frozen=True, slots=True)
class Calendar:
    """One or more calendar expressions of systemd, a line each; a time zone written in a line goes before ours."""

    expression: str
    timezone: ZoneInfo

    @classmethod
    def parse(cls, expression: str, timezone: ZoneInfo) -> Calendar:
        """Raises ValueError for what systemd would not take, and for dates that never come."""
        calendar = cls(expression, timezone)
        try:
            lines = [cls(line, timezone).next_after(_ANY_INSTANT) for line in expression.strip().split("\n")]
        except (OnCalendarError, IndexError) as error:
            raise ValueError(f"{expression!r} is not an OnCalendar expression: {error}") from error
        if None in lines:
            raise ValueError(f"{expression!r} names a date that never comes")
        return calendar

    def next_after(self, instant: datetime) -> datetime | None:
        """The first time after this one, in UTC; None when there is none any more."""
        return _first_after(instant, OnCalendar(self.expression, instant.astimezone(self.timezone)))


def zone(name: str) -> ZoneInfo:
    """A time zone by its name. Raises ValueError for one that does not exist."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}: write one such as Europe/Berlin or UTC") from error


def _first_after(instant: datetime, times: Iterator[datetime]) -> datetime | None:
    """In an hour that the clocks repeat, the libraries may begin with a time that has passed already."""
    return next((utc for time in times if (utc := time.astimezone(UTC)) > instant), None)
