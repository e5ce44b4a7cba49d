"""Questions about who is on call: now, in the coming days, and for an alert of a service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, select, text, tuple_

from healthmgr.domain.calendar import zone
from healthmgr.domain.check import Severity
from healthmgr.domain.coverage import Finding, FindingKind
from healthmgr.domain.fairness import burdens
from healthmgr.domain.feed import KEPT_AHEAD, KEPT_BEHIND, Feed
from healthmgr.domain.foresight import is_meant, unmeant
from healthmgr.domain.notice import NOTICE
from healthmgr.domain.roster import EARLIEST, LATEST
from healthmgr.domain.schedule import Schedule, Span, shifts_of
from healthmgr.domain.swap import SwapState
from healthmgr.domain.synthetic import INCIDENT_NUMBER
from healthmgr.errors import DefinitionError, NotFound, Problem
from healthmgr.storage.contact_rows import read_contacts
from healthmgr.storage.paging import instant, page, seal, unseal
from healthmgr.storage.reading_who import read_who
from healthmgr.storage.rostering_rows import to_override, to_swap, to_temporary
from healthmgr.storage.schedule_rows import read_feeds, read_schedule, read_schedules
from healthmgr.storage.tables import schedule_overrides, shift_swaps, temporary_schedules
from healthmgr.storage.transactions import transaction
from healthmgr.views import Page
from healthmgr.views_feeds import FeedView
from healthmgr.views_oncall import (
    BurdenView,
    ChangeView,
    ContactView,
    FindingView,
    ScheduleLineView,
    ScheduleView,
    ShiftView,
    SpanView,
    SwapToldView,
    SwapView,
    WhoView,
)

MOST_DAYS = 90  # that are shown at once: as far as calendars are kept
_GLANCE = timedelta(days=14)
_MOST_SWAPS = 500

_LINES = text("SELECT name, description, timezone FROM schedules WHERE is_enabled ORDER BY name")
_FACTS = text("SELECT name, description, timezone, managed_by FROM schedules WHERE name = :name AND is_enabled")

_TOLD = text("""
SELECT content->>'swap' AS swap, recipient, channel, reason, state, due_at, sent_at FROM notifications
WHERE incident_id = (SELECT id FROM incidents WHERE number = :number) AND level = :level
  AND content->>'swap' = ANY(CAST(:swaps AS text[]))
ORDER BY position
""")


class OncallReading:
    """Reads schedules and who is on call. Raises Unavailable while the database is away, NotFound for no schedule."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def schedules(self, now: datetime) -> list[ScheduleLineView]:
        """All schedules, with who is on call now."""
        with transaction(self._engine) as connection:
            facts = {row.name: row for row in connection.execute(_LINES)}
            found = read_schedules(connection, now, now + _GLANCE)
            feeds = read_feeds(connection)
        faults = {name: [feed.fault for feed in feeds if feed.schedule == name and feed.fault] for name in facts}
        return [_line(facts[one.name], one, faults[one.name], now) for one in found]

    def schedule(self, name: str, begin: datetime, days: int, now: datetime) -> ScheduleView:
        """A schedule for some days from `begin` on. Raises DefinitionError for a time that nobody plans."""
        _check_moment(begin)
        return self.schedule_within(name, begin, begin + timedelta(days=days), now)

    def schedule_within(self, name: str, begin: datetime, end: datetime, now: datetime) -> ScheduleView:
        """The same from one instant up to another."""
        _check_moment(begin)
        with transaction(self._engine) as connection:
            facts, schedule = _find(connection, name, begin, end)
            others = read_schedules(connection, begin, end)
            feeds = read_feeds(connection, name)
            changes, swaps = _changes(connection, name, begin), _swaps(connection, name, SwapState.PROPOSED)
            spans = _spans(schedule, begin, end)
            people = {person for span in spans for person in span.people}
            unverified = [one for one in read_contacts(connection, people) if one.verified_at is None]
        shifts, known = shifts_of(spans), _known(feeds)
        wrong = [one for one in _wrong(others, begin, end) if name in one.schedules]
        return ScheduleView(
            name=name,
            description=facts.description,
            timezone=facts.timezone,
            managed_by=facts.managed_by,
            begin=begin,
            end=end,
            on_call=list(spans[0].people),
            spans=[SpanView.of(span, is_meant=_is_meant(span, schedule)) for span in spans],
            shifts=[ShiftView.of(shift) for shift in shifts],
            findings=[FindingView.of(one) for one in wrong if known is None or known[0] <= one.starts_at < known[1]],
            burdens=[BurdenView.of(one) for one in burdens(shifts, zone(facts.timezone))],
            feeds=[FeedView.of(feed) for feed in feeds],
            changes=changes,
            swaps=[swap for swap in swaps if swap.given_to > now],
            unverified=unverified,
            known_from=known[0] if known else None,
            known_until=known[1] if known else None,
        )

    def changes(self, name: str, since: datetime) -> list[ChangeView]:
        """The overrides and temporary schedules of a schedule that are not over at an instant, in their order."""
        with transaction(self._engine) as connection:
            _find(connection, name, since, since)
            return _changes(connection, name, since)

    def swap(self, swap_id: UUID) -> SwapView:
        """One swap; raises NotFound."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(shift_swaps).where(shift_swaps.c.id == swap_id)).one_or_none()
            if row is None:
                raise NotFound(f"There is no swap {swap_id}.")
            return _with_told(connection, [SwapView.of(to_swap(row))])[0]

    def swaps(self, name: str | None = None, state: SwapState | None = None) -> list[SwapView]:
        """The swaps of a schedule, or of all, newest first; 500 of them at most."""
        return self.swaps_page(name, state, cursor=None, limit=_MOST_SWAPS).items

    def swaps_page(
        self, name: str | None, state: SwapState | None, *, cursor: str | None, limit: int
    ) -> Page[SwapView]:
        """Some of them; raises DefinitionError for what is no cursor."""
        before = unseal(cursor, instant, UUID) if cursor else None
        with transaction(self._engine) as connection:
            found = _swaps(connection, name, state, before, limit + 1)
        return page(found, limit, lambda one: one, lambda one: seal(one.created_at, one.id))

    def contacts(self, people: Collection[str] | None = None) -> list[ContactView]:
        """The contacts of these people, or of everybody, in the order in which they are tried."""
        with transaction(self._engine) as connection:
            return read_contacts(connection, people)

    def findings(self, begin: datetime, ahead: timedelta) -> list[FindingView]:
        """What is wrong with any schedule in the time ahead."""
        with transaction(self._engine) as connection:
            schedules = read_schedules(connection, begin, begin + ahead)
        return [FindingView.of(one) for one in _wrong(schedules, begin, begin + ahead)]

    def feeds(self) -> list[Feed]:
        """The calendars of all schedules."""
        with transaction(self._engine) as connection:
            return read_feeds(connection)

    def on_call_within(self, begin: datetime, end: datetime) -> set[str]:
        """Everybody who is on call in any schedule at some moment of a time."""
        with transaction(self._engine) as connection:
            schedules = read_schedules(connection, begin, end)
        return {person for one in schedules for span in one.spans(begin, end) for person in span.people}

    def who(self, labels: Mapping[str, str], severity: Severity, now: datetime) -> WhoView:
        """Who is told of an alert with these labels at an instant, level by level; nothing is changed."""
        _check_moment(now)
        return read_who(self._engine, labels, severity, now)

    def timezone(self, schedule: str) -> str:
        """In which a schedule is shown."""
        with transaction(self._engine) as connection:
            row = connection.execute(_FACTS, {"name": schedule}).one_or_none()
        if row is None:
            raise NotFound(_no_schedule(schedule))
        return str(row.timezone)


def _check_moment(at: datetime) -> None:
    if not EARLIEST <= at <= LATEST:
        raise DefinitionError([Problem(f"write a time from {EARLIEST.year} to {LATEST.year}", path="at")])


@contextmanager
def _told() -> Iterator[None]:
    """What changes too often cannot be told for so long."""
    try:
        yield
    except ValueError as error:
        raise DefinitionError([Problem(str(error), path="days")]) from error


def _spans(schedule: Schedule, begin: datetime, end: datetime) -> list[Span]:
    with _told():
        return schedule.spans(begin, end)


def _wrong(schedules: Sequence[Schedule], begin: datetime, end: datetime) -> list[Finding]:
    with _told():
        return unmeant(schedules, begin, end)


def _find(connection: Connection, name: str, begin: datetime, end: datetime) -> tuple[Any, Schedule]:
    facts = connection.execute(_FACTS, {"name": name}).one_or_none()
    schedule = read_schedule(connection, name, begin, end) if facts else None
    if schedule is None:
        raise NotFound(_no_schedule(name))
    return facts, schedule


def _no_schedule(name: str) -> str:
    return f"There is no schedule {name!r}: `healthmgr oncall list` shows all."


def _known(feeds: Sequence[Feed]) -> tuple[datetime, datetime] | None:
    """From when to when calendars are kept; None where there are none, or nothing of them is known at all."""
    tried = [feed.tried_at for feed in feeds if feed.tried_at is not None]
    return (min(tried) - KEPT_BEHIND, min(tried) + KEPT_AHEAD) if tried else None


def _line(facts: Any, schedule: Schedule, faults: Sequence[str], now: datetime) -> ScheduleLineView:
    spans = schedule.spans(now, now + _GLANCE)
    following = next((span for span in spans[1:] if span.people), None)
    return ScheduleLineView(
        name=schedule.name,
        description=facts.description,
        timezone=facts.timezone,
        on_call=list(spans[0].people),
        until=spans[0].ends_at if len(spans) > 1 else None,
        absence=spans[0].absence.value if spans[0].absence else "",
        faults=list(faults),
        next=following.people if following else (),
        next_at=following.starts_at if following else None,
        is_meant=_is_meant(spans[0], schedule),
    )


def _is_meant(span: Span, schedule: Schedule) -> bool:
    if span.absence is None:
        return False
    gap = Finding(FindingKind.GAP, span.absence.value, (schedule.name,), span.starts_at, span.ends_at)
    return is_meant(gap, schedule)


def _changes(connection: Connection, name: str, since: datetime) -> list[ChangeView]:
    found: list[ChangeView] = []
    for table, read in ((schedule_overrides, to_override), (temporary_schedules, to_temporary)):
        query = select(table).where(table.c.schedule == name, table.c.ends_at > since)
        found += [ChangeView.of(read(row)) for row in connection.execute(query)]
    return sorted(found, key=lambda change: (change.starts_at, change.created_at, change.id))


def _swaps(
    connection: Connection,
    name: str | None,
    state: SwapState | None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = _MOST_SWAPS,
) -> list[SwapView]:
    query = select(shift_swaps).order_by(shift_swaps.c.created_at.desc(), shift_swaps.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(tuple_(shift_swaps.c.created_at, shift_swaps.c.id) < before)
    if name is not None:
        query = query.where(shift_swaps.c.schedule == name)
    if state is not None:
        query = query.where(shift_swaps.c.state == state.value)
    return _with_told(connection, [SwapView.of(to_swap(row)) for row in connection.execute(query)])


def _with_told(connection: Connection, swaps: list[SwapView]) -> list[SwapView]:
    told: defaultdict[str, list[SwapToldView]] = defaultdict(list)
    values = {"number": INCIDENT_NUMBER, "level": NOTICE, "swaps": [str(swap.id) for swap in swaps]}
    for row in connection.execute(_TOLD, values).mappings() if swaps else ():
        told[row["swap"]].append(SwapToldView.model_validate(row))
    return [swap.model_copy(update={"told": tuple(told[str(swap.id)])}) for swap in swaps]
