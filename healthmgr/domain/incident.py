"""The alerts that page people together, as routing sees them when a group is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from healthmgr.domain.check import Severity, Status
from healthmgr.domain.dependency import HELD_FOR, Reachability, Reachable, Undecided, Unreachable
from healthmgr.domain.notification import Group, Reason, Told
from healthmgr.domain.route import Plan


@dataclass(frozen=True, slots=True)
class Member:
    """An alert of a group. `failed_at` is when its check's present status began, by the probe's start."""

    id: UUID
    check_id: UUID
    severity: Severity
    status: Status
    is_flapping: bool
    opened_at: datetime
    failed_at: datetime
    last_result_at: datetime
    is_acknowledged: bool = False
    resolved_at: datetime | None = None
    suppressed_by_id: UUID | None = None
    root_resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """An open incident, its row locked."""

    id: UUID
    number: int
    severity: Severity
    episode: int
    round: int
    plan: Plan
    told: Told | None
    acknowledged_at: datetime | None


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


def to_group(members: Sequence[Member], waiting: frozenset[UUID]) -> Group:
    """The group as it is told: alerts that wait or are suppressed are left out."""
    firing = [m for m in members if m.resolved_at is None and m.id not in waiting]
    return Group(
        firing={m.id for m in firing},
        flapping={m.id for m in firing if m.is_flapping},
        resolved={m.id for m in members if m.resolved_at is not None},
        acknowledged={m.id for m in firing if m.is_acknowledged},
        statuses={m.id: m.status for m in firing},
        severity=min((m.severity for m in firing), key=lambda s: s.rank, default=None),
    )
