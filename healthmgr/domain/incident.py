"""The alerts that page people together, as routing sees them when a group is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from healthmgr.domain.check import Severity, Status
from healthmgr.domain.dependency import HELD_FOR, Reachability, Reachable, Undecided, Unreachable
from healthmgr.domain.escalation import Climb
from healthmgr.domain.muting import Subject
from healthmgr.domain.notification import Group, Pace, Reason, Told
from healthmgr.domain.plan import Course, Plan


@dataclass(frozen=True, slots=True)
class Member:
    """An alert of a group. `failed_at` is when its check's present status began, by the probe's start.

    One that came in through a door has no check, and nothing explains it.
    """

    id: UUID
    check_id: UUID | None
    severity: Severity
    status: Status
    is_flapping: bool
    opened_at: datetime
    failed_at: datetime
    last_result_at: datetime
    name: str = ""
    origin: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    is_acknowledged: bool = False
    acknowledged_until: datetime | None = None
    resolved_at: datetime | None = None
    suppressed_by_id: UUID | None = None
    root_resolved_at: datetime | None = None
    mute_reason: str = ""

    @property
    def subject(self) -> Subject:
        """The alert as mutes see it."""
        return Subject(self.id, all_labels(self.labels, self.severity, self.origin), self.check_id)


def all_labels(labels: Mapping[str, str], severity: Severity, origin: str) -> dict[str, str]:
    """The labels that routes and mutes look at: an alert's own, its severity, and where it came from."""
    return {"origin": origin, **labels, "severity": severity.value}


@dataclass(frozen=True, slots=True)
class Incident:
    """An open incident, its row locked.

    `round_at` and what follows it are the times that something waits for; `climb` is how far its policy has come,
    `climb_at` when the next level is due, and `held_reason` why a round waits.
    """

    id: UUID
    number: int
    severity: Severity
    episode: int
    round: int
    plan: Plan
    told: Told | None
    acknowledged_at: datetime | None
    told_at: datetime | None = None
    legs_told_at: Mapping[str, datetime] = field(default_factory=dict)
    round_at: datetime | None = None
    climb: Climb = field(default_factory=Climb)
    climb_at: datetime | None = None
    held_reason: str = ""
    acknowledged_until: datetime | None = None
    snoozed_until: datetime | None = None
    auto_acknowledge_at: datetime | None = None
    auto_resolve_at: datetime | None = None

    @property
    def course(self) -> Course:
        """How it is told at its severity."""
        return self.plan.course(self.severity)

    @property
    def pace(self) -> Pace:
        """When news of it may be told."""
        return Pace(self.told_at, self.course.group_interval)

    def anew(self, *, restarts: bool = True) -> Incident:
        """The incident at the beginning of a new episode: answered by nobody, every leg to be told.

        With `restarts` its policy begins at the first level, else it goes on from where it was.
        """
        return replace(
            self,
            episode=self.episode + 1,
            round=0,
            climb=Climb() if restarts else self.climb,
            acknowledged_at=None,
            acknowledged_until=None,
            snoozed_until=None,
            legs_told_at={},
        )

    @property
    def due_at(self) -> datetime | None:
        """The earliest of what waits for its time: a round, the end of an acknowledgement, what goes by itself."""
        if self.acknowledged_at is not None:
            waiting = [self.acknowledged_until, self.auto_resolve_at]
        else:
            waiting = [self.round_at, self.climb_at, self.auto_acknowledge_at, self.auto_resolve_at]
        return min((at for at in waiting if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class Fires:
    """The alert is told with its group."""


@dataclass(frozen=True, slots=True)
class Suppressed:
    """The alert is explained by its root cause and tells nobody."""

    root_alert_id: UUID


@dataclass(frozen=True, slots=True)
class Held:
    """Not to be told yet; judge again soon, `until` at the latest."""

    until: datetime
    reason: Reason


Standing = Fires | Suppressed | Held


def stand(member: Member, reachability: Reachability, now: datetime) -> Standing:
    """What becomes of an open alert that nobody has been told of yet.

    It waits, at most 15 s, while a parent that could explain it wavers; when its root cause has just been
    resolved, it waits as long for a result that is fresher than that.
    """
    match reachability:
        case Unreachable(root_alert_id=root):
            return Suppressed(root)
        case Undecided() if now < member.opened_at + HELD_FOR:
            return Held(member.opened_at + HELD_FOR, Reason.PARENT_WAVERS)
        case Reachable() | Undecided():
            resolved_at = member.root_resolved_at
            if resolved_at is not None and member.last_result_at < resolved_at and now < resolved_at + HELD_FOR:
                return Held(resolved_at + HELD_FOR, Reason.ROOT_JUST_RESOLVED)
            return Fires()


def to_group(
    members: Sequence[Member],
    waiting: frozenset[UUID],
    muted: frozenset[UUID] = frozenset(),
    answered: frozenset[UUID] = frozenset(),
) -> Group:
    """The group as it is told: alerts that wait or are suppressed are left out.

    `muted` are those that were told before and are muted since, `answered` those that somebody acknowledged before
    they were told: they fire, and make no news.
    """
    firing = [m for m in members if m.resolved_at is None and m.id not in waiting]
    heard = [m for m in firing if m.id not in muted and m.id not in answered]
    return Group(
        firing={m.id for m in firing},
        flapping={m.id for m in heard if m.is_flapping},
        resolved={m.id for m in members if m.resolved_at is not None},
        acknowledged={m.id for m in firing if m.is_acknowledged},
        statuses={m.id: m.status for m in heard},
        severity=min((m.severity for m in heard), key=lambda s: s.rank, default=None),
        muted=muted,
    )
