"""Reading the calendars that schedules are made of: what was read last holds until something better is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol

import structlog

from healthmgr.domain.calendar import zone
from healthmgr.domain.feed import KEPT_AHEAD, KEPT_BEHIND, READ_EVERY, FeedKind, kept
from healthmgr.domain.ical_import import CalendarShifts, read_calendar
from healthmgr.errors import HealthmgrError, SecretMissing, Unavailable
from healthmgr.secrets import resolve

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 4  # calendars: one whose server hangs must not hold up all others


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address gave: the calendar's text, None when it has not changed, and what to ask with the next time."""

    text: str | None
    etag: str = ""
    modified: str = ""


class Fetches(Protocol):
    """Whatever gets at an address. Raises Unavailable that says why it cannot."""

    def __call__(self, url: str, etag: str = "", modified: str = "") -> Fetched:
        """The text at the address, unless these validators still hold."""
        ...


@dataclass(frozen=True, slots=True)
class DueFeed:
    """A calendar to be read now. `content` and the validators are of the last good reading of this very address."""

    schedule: str
    kind: FeedKind
    source: str
    timezone: str
    content: str = ""
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class GoodReading:
    """What was read well."""

    fetched: Fetched
    content: str
    calendar: CalendarShifts


class FeedingTransaction(Protocol):
    """One transaction about calendars; commits when its context ends well."""

    def take_due(self, before: datetime, now: datetime) -> Sequence[DueFeed]:
        """The calendars last tried before this instant, or at another address, noted as tried now."""
        ...

    def people(self) -> Mapping[str, str]:
        """Every name and e-mail address that stands for a person, and whose it is."""
        ...

    def keep(self, feed: DueFeed, reading: GoodReading, now: datetime) -> None:
        """Store what was read."""
        ...

    def note_fault(self, feed: DueFeed, fault: str, calendar: CalendarShifts | None, now: datetime) -> None:
        """Store why nothing was read; `calendar` is what the last good content says of the time from now on."""
        ...


class FeedingStore(Protocol):
    """Where calendars are kept."""

    def begin(self) -> AbstractContextManager[FeedingTransaction]:
        """Open a transaction."""
        ...


class Feeding:
    """Keeps the calendars of schedules fresh. Raises Unavailable while the database is away."""

    def __init__(self, store: FeedingStore, fetch: Fetches, environ: Mapping[str, str]) -> None:
        self._store = store
        self._fetch = fetch
        self._environ = environ

    def refresh(self, clock: Callable[[], datetime]) -> dict[str, str]:
        """Read every calendar whose turn it is; the faults met, by "schedule/kind" ("" where all is well)."""
        started_at = clock()
        with self._store.begin() as transaction:
            due = transaction.take_due(started_at - READ_EVERY, started_at)
            people = transaction.people() if due else {}
        outcomes: dict[str, str] = {}

        def read(feed: DueFeed) -> None:
            outcomes[f"{feed.schedule}/{feed.kind.value}"] = self._refresh(feed, people, clock)

        _at_once(read, due)
        return outcomes

    def _refresh(self, feed: DueFeed, people: Mapping[str, str], clock: Callable[[], datetime]) -> str:
        """No transaction is open while the address is asked."""
        try:
            fetched = self._fetch(resolve(feed.source, self._environ), feed.etag, feed.modified)
            content = feed.content if fetched.text is None else fetched.text
            now = clock()
            reading = GoodReading(fetched, content, _read(feed, content, people, now))
        except (ValueError, SecretMissing, Unavailable) as error:
            log.warning("calendar_not_read", schedule=feed.schedule, kind=feed.kind.value, fault=_said(error))
            return self._note_fault(feed, people, _said(error), clock())
        with self._store.begin() as transaction:
            transaction.keep(feed, reading, now)
        return ""

    def _note_fault(self, feed: DueFeed, people: Mapping[str, str], fault: str, now: datetime) -> str:
        """The last good content goes on holding, also for the days that have come near since."""
        try:
            held = _read(feed, feed.content, people, now) if feed.content else None
        except ValueError as error:  # it was read before: who is who has changed, or it repeats too often by now
            log.warning("calendar_kept_as_read", schedule=feed.schedule, kind=feed.kind.value, fault=str(error))
            held = None
        with self._store.begin() as transaction:
            transaction.note_fault(feed, fault, held, now)
        return fault


def _read(feed: DueFeed, content: str, people: Mapping[str, str], now: datetime) -> CalendarShifts:
    found = read_calendar(content, people, zone(feed.timezone), now - KEPT_BEHIND, now + KEPT_AHEAD)
    kept(found.shifts)
    return found


def _said(error: Exception) -> str:
    said = str(error) if isinstance(error, HealthmgrError | ValueError) else repr(error)
    return " ".join(said.split())[:300]


def _at_once(read: Callable[[DueFeed], None], due: Sequence[DueFeed]) -> None:
    """Read some at a time; raises what the first of them raised that failed, once all have been tried.

    The threads are daemons: a process that ends waits for no server that hangs, and what it leaves is due again.
    """
    waiting = SimpleQueue[DueFeed]()
    for feed in due:
        waiting.put(feed)
    failures: list[Exception] = []

    def work() -> None:
        while True:
            try:
                read(waiting.get_nowait())
            except Empty:
                return
            except Exception as error:
                failures.append(error)

    threads = [Thread(target=work, name="calendar", daemon=True) for _ in range(min(MOST_AT_ONCE, len(due)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
