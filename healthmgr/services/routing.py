"""From alerts to notifications: what is due for a group is judged, and who is told is written down.

One commit takes the dispatch row, judges its alerts (reachable? anything new?), opens or closes the
incident, and inserts one notification a recipient and channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog

from healthmgr.domain.check import Severity
from healthmgr.domain.dependency import JUDGED_AGAIN_AFTER, Reachability
from healthmgr.domain.dispatch import Due
from healthmgr.domain.incident import Fires, Held, Incident, Member, Suppressed, stand, to_group
from healthmgr.domain.message import MessageKind
from healthmgr.domain.notification import (
    STARTS_EPISODE,
    Decision,
    Drop,
    Group,
    Hold,
    Reason,
    Send,
    Told,
    decide,
)
from healthmgr.domain.route import Plan, Target

log = structlog.get_logger(__name__)

# How often a held alert is looked at again while it waits for a parent's next result.
GLANCE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Telling:
    """One round of notifications of an incident, the same for all its targets."""

    incident_id: UUID
    episode: int
    level: int
    round: int
    kind: MessageKind
    reason: Reason
    severity: Severity
    targets: Sequence[Target]
    content: dict[str, Any] = field(default_factory=dict)


class RoutingTransaction(Protocol):
    """One transaction of routing; commits when its context ends well."""

    def take(self, group_key: str, token: int, now: datetime) -> bool:
        """Lock the dispatch row; False when its token has moved on or it is not due."""
        ...

    def incident(self, group_key: str) -> Incident | None:
        """The group's open incident, locked."""
        ...

    def members(self, group_key: str, incident_id: UUID | None) -> list[Member]:
        """The group's open alerts, and the resolved ones of its open incident."""
        ...

    def reachability(self, member: Member) -> Reachability:
        """Whether what the alert's check hangs on explains its failure; the root's row is locked."""
        ...

    def suppress(self, member: Member, root_alert_id: UUID, now: datetime) -> None:
        """Mark the alert as explained by the root, and attach it to the root's incident."""
        ...

    def release(self, member: Member, now: datetime) -> None:
        """The alert stands for itself again."""
        ...

    def plan(self) -> Plan:
        """All routes as they are now."""
        ...

    def open_incident(self, group_key: str, severity: Severity, plan: Plan, now: datetime) -> Incident:
        """A new incident of the group, with its plan frozen."""
        ...

    def told_targets(self, incident_id: UUID) -> list[Target]:
        """Everybody who was told of this incident, or is about to be."""
        ...

    def supersede(self, incident_id: UUID, reason: Reason) -> None:
        """Withdraw the incident's problems that have surely not been sent."""
        ...

    def notify(self, telling: Telling, now: datetime) -> list[Due]:
        """Insert the notifications; those that are there already are left alone."""
        ...

    def save_incident(
        self, incident: Incident, member_ids: Sequence[UUID], due_at: datetime | None, now: datetime
    ) -> None:
        """Write episode, round, severity and what was told; attach the members; set when the next round is due."""
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


class Routing:
    """Judges groups that are due."""

    def __init__(self, store: RoutingStore) -> None:
        self._store = store

    def dispatch(self, group_key: str, token: int, now: datetime) -> tuple[Decision, list[Due]]:
        """Judge one group; what was decided, and the reminders to send once this has returned."""
        with self._store.begin() as transaction:
            if not transaction.take(group_key, token, now):
                return Drop(Reason.NOT_MINE), []
            incident = transaction.incident(group_key)
            members = transaction.members(group_key, incident.id if incident else None)
            waiting, hold = _judge_members(transaction, members, incident, now)
            group = to_group(members, waiting)
            decision: Decision = decide(
                group, incident.told if incident else None, bool(incident and incident.acknowledged_at)
            )
            dues: list[Due] = []
            if isinstance(decision, Send):
                incident = incident or _open(transaction, group_key, group, now)
                dues = _tell(transaction, incident, group, decision, now)
            elif hold is not None:
                decision = hold
            dues += transaction.finish(group_key, hold.until if hold else None, decision.reason.value, now)
        log.info(
            "group_judged", group=group_key, decision=type(decision).__name__.lower(), reason=decision.reason.value
        )
        return decision, dues


def _judge_members(
    transaction: RoutingTransaction, members: Sequence[Member], incident: Incident | None, now: datetime
) -> tuple[frozenset[UUID], Hold | None]:
    """Which open alerts tell nobody now, and when the earliest of them is judged again."""
    told = incident.told.firing if incident and incident.told else frozenset()
    waiting: set[UUID] = set()
    holds: list[Hold] = []
    for member in members:
        if member.resolved_at is not None or member.id in told:
            continue
        match stand(member, transaction.reachability(member), now):
            case Suppressed(root_alert_id=root):
                transaction.suppress(member, root, now)
                holds.append(Hold(now + JUDGED_AGAIN_AFTER, Reason.UNREACHABLE))
                waiting.add(member.id)
            case Held(until=until, reason=reason):
                holds.append(Hold(min(until, now + GLANCE), reason))
                waiting.add(member.id)
            case Fires():
                if member.suppressed_by_id is not None:
                    transaction.release(member, now)
    return frozenset(waiting), min(holds, key=lambda h: h.until, default=None)


def _open(transaction: RoutingTransaction, group_key: str, group: Group, now: datetime) -> Incident:
    assert group.severity is not None  # noqa: S101 - an incident opens only when something fires
    return transaction.open_incident(group_key, group.severity, transaction.plan(), now)


def _tell(transaction: RoutingTransaction, incident: Incident, group: Group, send: Send, now: datetime) -> list[Due]:
    starts_episode = send.reason in STARTS_EPISODE
    severity = min((s for s in (group.severity, incident.severity) if s), key=lambda s: s.rank)
    incident = replace(
        incident,
        episode=incident.episode + starts_episode,
        round=0 if starts_episode else incident.round + 1,
        severity=severity,
        told=Told(frozenset(group.firing), frozenset(group.flapping), severity, dict(group.statuses)),
        acknowledged_at=None if starts_episode else incident.acknowledged_at,
    )
    route = incident.plan.route(severity)
    is_resolution = send.kind is MessageKind.RESOLUTION
    if is_resolution:
        transaction.supersede(incident.id, Reason.RESOLVED)
    telling = Telling(
        incident_id=incident.id,
        episode=incident.episode,
        level=0,
        round=incident.round,
        kind=send.kind,
        reason=send.reason,
        severity=severity,
        targets=route.targets if send.kind is MessageKind.PROBLEM else transaction.told_targets(incident.id),
        content={"firing": sorted(map(str, group.firing)), "resolved": sorted(map(str, group.resolved))},
    )
    repeats = not is_resolution and incident.acknowledged_at is None
    transaction.save_incident(incident, sorted(group.firing), now + route.repeat_interval if repeats else None, now)
    dues = transaction.notify(telling, now)
    if is_resolution:
        transaction.close_incident(incident.id, now)
    return dues
