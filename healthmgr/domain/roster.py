"""What people change about who is on call: overrides, temporary schedules and swaps, as they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from healthmgr.domain.civil import moment_at
from healthmgr.domain.schedule import FixedShift, Override, Schedule, Span, Temporary
from healthmgr.domain.swap import Swap
from healthmgr.errors import DefinitionError, Problem

LONGEST = timedelta(days=366)  # that one change may hold
MOST_COMMENT = 1_000  # characters
EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC)  # of what can be asked or changed


@dataclass(frozen=True, slots=True)
class Note:
    """Who made a change, when and why."""

    created_by: str
    created_at: datetime
    comment: str = ""


@dataclass(frozen=True, slots=True)
class KeptOverride:
    """An override of a schedule."""

    id: UUID
    schedule: str
    override: Override
    note: Note

    def concerns(self, person: str) -> bool:
        """Whether it is this person who is on call, or not, because of it."""
        return person in (self.override.add, self.override.remove)


@dataclass(frozen=True, slots=True)
class KeptTemporary:
    """A temporary schedule, in the place of another."""

    id: UUID
    schedule: str
    temporary: Temporary
    note: Note

    def concerns(self, person: str) -> bool:
        """Whether it names this person, and nobody else."""
        return {shift.person for shift in self.temporary.shifts} == {person}


@dataclass(frozen=True, slots=True)
class KeptSwap:
    """A swap, and when it was answered."""

    id: UUID
    schedule: str
    swap: Swap
    note: Note
    answered_at: datetime | None = None


KeptChange = KeptOverride | KeptTemporary


@dataclass(frozen=True, slots=True)
class Changed:
    """A change that was made, and the times within it at which nobody is on call since."""

    change: KeptChange
    unattended: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Outlook:
    """Who is on call in the time of a change as it is, and who would be with it."""

    before: tuple[Span, ...]
    after: tuple[Span, ...]


def read_shift(text: str, begin: datetime, end: datetime, now: datetime, location: ZoneInfo, field: str) -> FixedShift:
    """A shift as people write it: "alice" for all of a time, or "alice FROM/TO" for a part of it.

    Raises DefinitionError that names the field, and ValueError for a shift that ends before it starts.
    """
    name, _, times = text.strip().partition(" ")
    if not times:
        return FixedShift(name, begin, end)
    starts, slash, ends = times.partition("/")
    if not slash:
        raise DefinitionError([Problem(f"{text!r}: write PERSON, or 'PERSON FROM/TO'", path=field)])
    return FixedShift(name, moment_at(starts, now, location, field), moment_at(ends, now, location, field))


def difference(before: Schedule, after: Schedule, begin: datetime, end: datetime) -> tuple[bool, tuple[Span, ...]]:
    """Whether anybody's time on call is another after a change, and when nobody is on call that somebody was."""
    was, will_be = before.spans(begin, end), after.spans(begin, end)
    has_changed = [(s.starts_at, s.people) for s in was] != [(s.starts_at, s.people) for s in will_be]
    lost = tuple(span for span in will_be if not span.people and _was_attended(was, span))
    return has_changed, lost


def _was_attended(spans: list[Span], during: Span) -> bool:
    return any(one.people and one.starts_at < during.ends_at and one.ends_at > during.starts_at for one in spans)
