"""Calendars that others subscribe to: at an address that nobody can guess, as a schedule's or a person's shifts."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol
from urllib.parse import quote

from healthmgr.domain.ical_export import person_calendar, schedule_calendar
from healthmgr.domain.schedule import Schedule
from healthmgr.errors import NotFound, SettingsError

BEHIND, AHEAD = timedelta(days=7), timedelta(days=90)  # of shifts, around the day on which they are asked for


class Subject(StrEnum):
    """Whose shifts a calendar tells."""

    SCHEDULE = "schedule"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A calendar: its text, when it last changed, and what stands for just this text."""

    text: str
    changed_at: datetime
    etag: str


class SubscribingTransaction(Protocol):
    """One transaction that reads shifts."""

    def schedule(self, name: str, begin: datetime, end: datetime) -> Schedule | None:
        """A schedule with what concerns a time."""
        ...

    def schedules(self, begin: datetime, end: datetime) -> Sequence[Schedule]:
        """All schedules with what concerns a time."""
        ...

    def has_person(self, name: str) -> bool:
        """Whether there is somebody of this name."""
        ...

    def changed_at(self, schedules: Sequence[str]) -> datetime | None:
        """When anything of these schedules was last changed."""
        ...


class SubscribingStore(Protocol):
    """Where schedules are."""

    def begin(self) -> AbstractContextManager[SubscribingTransaction]:
        """Open a transaction."""
        ...


class Subscribing:
    """Makes calendars and the addresses at which they are. Raises Unavailable while the database is away."""

    def __init__(self, store: SubscribingStore, secret_key: str) -> None:
        self._store = store
        self._secret_key = secret_key

    def calendar(self, subject: Subject, name: str, now: datetime) -> Subscription:
        """The calendar from a week ago on, for three months; the same text all day unless something changes.

        Raises NotFound.
        """
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        begin, end = today - BEHIND, today + AHEAD
        with self._store.begin() as transaction:
            if subject is Subject.SCHEDULE:
                found = transaction.schedule(name, begin, end)
                if found is None:
                    raise NotFound(f"There is no schedule {name!r}: `healthmgr oncall list` shows all.")
                schedules: Sequence[Schedule] = [found]
            else:
                if not transaction.has_person(name):
                    raise NotFound(f"There is nobody called {name!r}: `healthmgr contacts list` shows all.")
                schedules = transaction.schedules(begin, end)
            changed_at = max(today, transaction.changed_at([one.name for one in schedules]) or today)
        shifts = {one.name: one.shifts(begin, end) for one in schedules}
        if subject is Subject.SCHEDULE:
            text = schedule_calendar(name, shifts[name], changed_at)
        else:
            text = person_calendar(name, shifts, changed_at)
        return Subscription(text, changed_at, hashlib.sha256(text.encode()).hexdigest()[:32])

    def subscribed(self, subject: Subject, name: str, key: str, now: datetime) -> Subscription:
        """The calendar at an address that carries its own key; a wrong key is answered as if there were none."""
        if not hmac.compare_digest(self._key(subject, name).encode(), key.encode()):
            raise NotFound("There is no such calendar: `healthmgr oncall export NAME --address` prints the right one.")
        return self.calendar(subject, name, now)

    def address(self, subject: Subject, name: str, public_url: str) -> str:
        """Where a calendar is. Raises SettingsError without a secret key."""
        key = self._key(subject, name)
        return f"{public_url.rstrip('/')}/calendars/{subject.value}/{quote(name, safe='')}/{key}.ics"

    def _key(self, subject: Subject, name: str) -> str:
        if not self._secret_key:
            raise SettingsError(
                "HEALTHMGR_SECRET_KEY makes the addresses of calendars and is not set: set 32 random characters"
            )
        mac = hmac.digest(self._secret_key.encode(), f"calendar:{subject.value}:{name}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(mac[:16]).decode().rstrip("=")
