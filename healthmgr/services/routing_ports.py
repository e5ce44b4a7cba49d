"""What routing asks of its store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from healthmgr.domain.check import Severity
from healthmgr.domain.dependency import Reachability
from healthmgr.domain.dispatch import Due
from healthmgr.domain.escalation import Named
from healthmgr.domain.incident import Incident, Member
from healthmgr.domain.message import MessageKind
from healthmgr.domain.muting import Muted, Mutes
from healthmgr.domain.notification import Reason
from healthmgr.domain.person import Person
from healthmgr.domain.plan import Leg, Plan, Target
from healthmgr.domain.timeline import Entry
from healthmgr.domain.timewindow import TimeInterval


@dataclass(frozen=True, slots=True)
class Telling:
    """One round of notifications of an incident, the same for all its targets.

    `due_at` is when a target is told, where that is not at once.
    `problem_at` is when what it tells of first began; `actor` whose answer it tells of.
    """

    incident_id: UUID
    episode: int
    level: int
    round: int
    kind: MessageKind
    reason: Reason
    severity: Severity
    targets: Sequence[Target]
    due_at: Mapping[Target, datetime] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)
    problem_at: datetime | None = None
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What an incident opens with: where it was routed and by what it is grouped, frozen."""

    group_key: str
    route: str
    labels: Mapping[str, str]
    severity: Severity
    plan: Plan


class NotesTimeline(Protocol):
    """A transaction that can add to an incident's timeline."""

    def note(self, incident_id: UUID, entry: Entry, now: datetime, *, once: bool = False) -> None:
        """Add an entry; with `once`, not when the latest one says the same."""
        ...


class ClimbingTransaction(NotesTimeline, Protocol):
    """A transaction that knows who is on call."""

    def who_is(self, named: Named, now: datetime) -> tuple[str, ...]:
        """The people whom a target means at this moment; for a schedule, those who are on call."""
        ...

    def people(self, names: Sequence[str]) -> Mapping[str, Person]:
        """Those of these people who are defined, by name."""
        ...

    def windows(self, names: Sequence[str]) -> Mapping[str, Sequence[TimeInterval]]:
        """These time windows by name."""
        ...


class AppointingTransaction(ClimbingTransaction, Protocol):
    """A transaction that can give the command of an incident."""

    def roles(self, incident_id: UUID) -> Mapping[str, tuple[str, ...]]:
        """Who holds which role."""
        ...

    def give_role(self, incident_id: UUID, role: str, person: str, by: str, now: datetime) -> None:
        """Somebody holds a role from now on; a commander is alone."""
        ...

    def next_round(self, incident: Incident) -> int:
        """The next free number of what is told by name in its present episode."""
        ...


class RoutingTransaction(AppointingTransaction, Protocol):
    """One transaction of routing; commits when its context ends well."""

    def take(self, group_key: str, token: int, now: datetime) -> bool:
        """Lock the dispatch row; False when its token has moved on or it is not due."""
        ...

    def incident(self, group_key: str) -> Incident | None:
        """The group's open incident, locked."""
        ...

    def lapse(self, group_key: str, now: datetime) -> None:
        """Take back the acknowledgements of the group's open alerts whose time is over."""
        ...

    def members(self, group_key: str, incident_id: UUID | None) -> list[Member]:
        """The group's open alerts, and the resolved ones of its open incident."""
        ...

    def mutes(self, now: datetime) -> Mutes:
        """All that mutes now."""
        ...

    def closed(self, legs: Iterable[Leg], now: datetime) -> Mapping[str, datetime | None]:
        """The routes of these legs that hold their peace now, and when that ends (None: not within years)."""
        ...

    def reachability(self, member: Member, now: datetime) -> Reachability:
        """Whether what the alert's check hangs on explains its failure; the root's row is locked."""
        ...

    def hold_back(self, member: Member, muted: Muted | None, now: datetime) -> None:
        """Write by what the alert is muted, or that it no longer is."""
        ...

    def suppress(self, member: Member, root_alert_id: UUID, now: datetime) -> None:
        """Mark the alert as explained by the root, and attach it to the root's incident."""
        ...

    def release(self, member: Member, now: datetime) -> None:
        """The alert stands for itself again."""
        ...

    def begin(self, group_key: str, member: Member) -> Beginning:
        """What an incident of this group opens with, by the routes as they are now and the labels of this alert."""
        ...

    def open_incident(self, beginning: Beginning, now: datetime) -> Incident:
        """A new incident."""
        ...

    def reopen_incident(self, beginning: Beginning, since: datetime, now: datetime) -> Incident | None:
        """The group's last incident, open again under the routes as they are now, when it was resolved since."""
        ...

    def told_targets(self, incident_id: UUID, *, pages_only: bool = False) -> list[Target]:
        """Everybody who was told of this incident, or is about to be; or those who were told more than updates."""
        ...

    def supersede(self, incident_id: UUID, reason: Reason) -> None:
        """Withdraw the incident's problems that have surely not been sent."""
        ...

    def notify(self, telling: Telling, now: datetime) -> list[Due]:
        """Insert the notifications; those that are there already are left alone."""
        ...

    def save_incident(self, incident: Incident, member_ids: Sequence[UUID]) -> None:
        """Write an incident as it is now, and attach the members."""
        ...

    def join(self, incident_id: UUID, member_ids: Sequence[UUID]) -> None:
        """List alerts with the incident before anybody is told of them."""
        ...

    def close_incident(self, incident_id: UUID, now: datetime) -> None:
        """The incident is resolved; nothing of it is due any more."""
        ...

    def finish(self, group_key: str, again_at: datetime | None, reason: str, now: datetime) -> list[Due]:
        """Drop the dispatch row, or make it due again."""
        ...


class RoutingStore(Protocol):
    """Where routing's rows are."""

    def begin(self) -> AbstractContextManager[RoutingTransaction]:
        """Open a transaction."""
        ...
