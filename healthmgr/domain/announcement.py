"""What people tell everybody: of trouble while it lasts, and of planned work."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from healthmgr.domain.status_page import Standing
from healthmgr.errors import Conflict, DefinitionError, Problem

MOST_TITLE = 200
MOST_MESSAGE = 5000
MOST_UPDATES = 500
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")


class Kind(StrEnum):
    """What sort of news it is."""

    INCIDENT = "incident"
    MAINTENANCE = "maintenance"


class Impact(StrEnum):
    """What the groups that are named feel of it."""

    NONE = "none"
    DEGRADED = "degraded"
    PARTIAL = "partial"
    OUTAGE = "outage"


class State(StrEnum):
    """How far it has come: the first four of trouble, the others of planned work."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in progress"
    COMPLETED = "completed"


STATES: Mapping[Kind, tuple[State, ...]] = {
    Kind.INCIDENT: (State.INVESTIGATING, State.IDENTIFIED, State.MONITORING, State.RESOLVED),
    Kind.MAINTENANCE: (State.SCHEDULED, State.IN_PROGRESS, State.COMPLETED),
}
CLOSING = frozenset({State.RESOLVED, State.COMPLETED})
_STANDINGS: Mapping[Impact, Standing] = {
    Impact.NONE: Standing.OPERATIONAL,
    Impact.DEGRADED: Standing.DEGRADED,
    Impact.PARTIAL: Standing.PARTIAL,
    Impact.OUTAGE: Standing.OUTAGE,
}


@dataclass(frozen=True, slots=True)
class Update:
    """One thing that was said about it. `author` is for ourselves: it is not published."""

    at: datetime
    state: State
    message: str
    author: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """News for everybody, with all that was said about it, the oldest first. No `groups`: it is about the whole."""

    id: UUID
    number: int
    kind: Kind
    title: str
    impact: Impact
    groups: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime | None
    created_at: datetime
    created_by: str
    state: State
    closed_at: datetime | None = None
    updates: tuple[Update, ...] = ()

    def state_at(self, now: datetime) -> State:
        """How far it has come: planned work begins and ends by itself at the times that were announced."""
        if self.state in CLOSING or self.kind is Kind.INCIDENT:
            return self.state
        if self.ends_at is not None and now >= self.ends_at:
            return State.COMPLETED
        return State.IN_PROGRESS if now >= self.starts_at else self.state

    def is_over(self, now: datetime) -> bool:
        """Whether it is history."""
        return self.state_at(now) in CLOSING

    def ended_at(self, now: datetime) -> datetime | None:
        """When it ended; None while it goes on."""
        return self.closed_at or (self.ends_at if self.is_over(now) else None)

    def said_of(self, group: str, now: datetime) -> Standing | None:
        """How it says that a group stands now; None where it says nothing of it."""
        if self.groups and group not in self.groups:
            return None
        state = self.state_at(now)
        if self.kind is Kind.MAINTENANCE:
            return Standing.MAINTENANCE if state is State.IN_PROGRESS else None
        return None if state in CLOSING else _STANDINGS[self.impact]

    def updated(self, update: Update) -> Announcement:
        """The same with one thing more said. Raises Conflict for what is over, DefinitionError for a wrong state."""
        if self.state in CLOSING:
            raise Conflict(f"Announcement {self.number} is {self.state} already: publish a new one")
        if len(self.updates) >= MOST_UPDATES:
            raise Conflict(f"Announcement {self.number} has {MOST_UPDATES} updates already: publish a new one")
        if problems := [*_judge_state(self.kind, update.state), *_judge_message(update.message)]:
            raise DefinitionError(problems)
        closed_at = update.at if update.state in CLOSING else None
        return replace(self, state=update.state, closed_at=closed_at, updates=(*self.updates, update))


@dataclass(frozen=True, slots=True)
class Wanted:
    """An announcement as somebody wants it. Without a state it begins with its kind's first."""

    kind: Kind
    title: str
    message: str
    impact: Impact = Impact.DEGRADED
    groups: tuple[str, ...] = ()
    state: State | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def first_state(self) -> State:
        """The state that it begins with."""
        return self.state or STATES[self.kind][0]


def judge(wanted: Wanted, groups: Sequence[str], now: datetime) -> None:
    """Raises DefinitionError naming all that is wrong; `groups` are those that are published."""
    problems = [*_judge_title(wanted.title), *_judge_message(wanted.message)]
    problems += _judge_state(wanted.kind, wanted.first_state)
    for index, group in enumerate(wanted.groups):
        if group not in groups:
            known = ", ".join(groups) or "none"
            problems.append(Problem(f"no group {group!r} is published: there is {known}", path=f"groups[{index}]"))
    start = wanted.starts_at or now
    if wanted.kind is Kind.MAINTENANCE and wanted.ends_at is None:
        problems.append(Problem("planned work needs an end that people can count on", path="ends_at"))
    if wanted.kind is Kind.INCIDENT and wanted.ends_at is not None:
        problems.append(Problem("trouble ends when somebody says so: leave it out", path="ends_at"))
    elif wanted.ends_at is not None and wanted.ends_at <= max(start, now):
        problems.append(Problem("must be after its beginning, and not in the past", path="ends_at"))
    if wanted.kind is Kind.INCIDENT and start > now:
        problems.append(Problem("trouble cannot begin later: that is planned work", path="starts_at"))
    if problems:
        raise DefinitionError(problems)


def _judge_title(title: str) -> list[Problem]:
    if not title.strip() or len(title) > MOST_TITLE or not title.isprintable():
        return [Problem(f"needs 1 to {MOST_TITLE} printable characters in one line", path="title")]
    return []


def _judge_message(message: str) -> list[Problem]:
    if not message.strip():
        return [Problem("say what people should know", path="message")]
    if len(message) > MOST_MESSAGE or _CONTROL.search(message):
        return [Problem(f"at most {MOST_MESSAGE} characters, without control characters", path="message")]
    return []


def _judge_state(kind: Kind, state: State) -> list[Problem]:
    if state not in STATES[kind]:
        return [Problem(f"of {kind} it is one of {', '.join(STATES[kind])}", path="state")]
    return []
