"""Telling a group: its incident opens, goes on or ends, and everybody whom its plan names gets a notification."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from healthmgr.domain.alerting import AlertingRules
from healthmgr.domain.check import Severity
from healthmgr.domain.dispatch import Due
from healthmgr.domain.escalation import Policy
from healthmgr.domain.incident import Incident, Member
from healthmgr.domain.message import MessageKind
from healthmgr.domain.notification import STARTS_EPISODE, Decision, Group, Hold, Reason, Send, Told
from healthmgr.domain.plan import Course, Leg, Target
from healthmgr.domain.timeline import Entry, EntryKind
from healthmgr.services.calling import appoint
from healthmgr.services.climbing import Climbed, climb
from healthmgr.services.routing_ports import NotesTimeline, RoutingTransaction, Telling

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells one group within its transaction."""

    transaction: RoutingTransaction
    rules: AlertingRules
    group_key: str
    members: Sequence[Member]
    group: Group
    now: datetime

    def begin(self, send: Send) -> tuple[Incident, Send]:
        """The incident that the group is told with: a new one, or the last one where that is just over."""
        first = next(member for member in self.members if member.id in self.group.firing)
        beginning = self.transaction.begin(self.group_key, first)
        since = self.now - self.rules.reopens_within
        incident = self.transaction.reopen_incident(beginning, since, self.now)
        if incident is not None:
            self._note(incident, Entry(EntryKind.REOPENED, Reason.REOPENED.value))
            return incident, Send(Reason.REOPENED, send.kind)
        incident = self.transaction.open_incident(beginning, self.now)
        detail = {"route": beginning.route, "labels": dict(beginning.labels), "severity": beginning.severity.value}
        self._note(incident, Entry(EntryKind.OPENED, detail=detail))
        return incident, send

    def tell(self, incident: Incident, send: Send) -> tuple[Decision, list[Due]]:
        """Write down who is told; what is left of the decision when no route of the plan may speak now."""
        severity = min((s for s in (self.group.severity, incident.severity) if s), key=lambda s: s.rank)
        course = incident.plan.course(severity)
        is_over = send.kind is MessageKind.RESOLUTION
        closed = {} if is_over else self.transaction.closed(course.legs, self.now)
        legs = [leg for leg in course.legs if leg.route not in closed]
        if not legs:
            hold = Hold(_opens_at(closed.values(), self.now + course.group_interval), Reason.OUTSIDE_HOURS)
            self.leave_untold(incident, hold)
            return hold, []
        self._note_news(incident)
        told_before = incident.told
        restarts = send.reason in STARTS_EPISODE and _restarts(incident, send)
        incident = self._carry_on(incident, send, severity, restarts=restarts)
        incident = self._set_rounds(incident, course, legs, closed, is_over=is_over)
        telling = Telling(
            incident_id=incident.id,
            episode=incident.episode,
            level=0,
            round=incident.round,
            kind=send.kind,
            reason=send.reason,
            severity=severity,
            targets=self._targets(incident, legs, send.kind),
            content=self._content(told_before, is_over=is_over),
            problem_at=self._problem_at(told_before) if send.kind is MessageKind.PROBLEM else None,
        )
        tellings = [telling]
        if restarts and course.policy is not None:
            incident, climbed = self._begin_climb(incident, course.policy)
            tellings += [climbed.telling(telling)] if climbed else []
        if send.kind is MessageKind.PROBLEM:
            tellings += appoint(self.transaction, incident, self.rules.command, tellings, self.now)
        if is_over:
            self.transaction.supersede(incident.id, Reason.RESOLVED)
        self.transaction.save_incident(incident, sorted(self.group.firing))
        dues = tell_all(self.transaction, tellings, self.now)
        if is_over:
            self.close(incident, Reason.ALL_RESOLVED)
        return send, dues

    def _begin_climb(self, incident: Incident, policy: Policy) -> tuple[Incident, Climbed | None]:
        """The first level now, or the time at which it is due."""
        if policy.begins_after:
            self._note(incident, Entry(EntryKind.NOT_TOLD, Reason.FIRST_LEVEL_WAITS.value))
            return replace(incident, climb_at=self.now + policy.begins_after), None
        climbed = climb(self.transaction, incident, policy, len(self.group.firing), self.now)
        return climbed.incident, climbed

    def leave_untold(self, incident: Incident, decision: Decision) -> None:
        """Say on the timeline why nothing is told, once; an incident with nothing left open is over."""
        if any(member.resolved_at is None for member in self.members):
            if decision.reason is Reason.GROUP_INTERVAL:
                self.transaction.join(incident.id, sorted(self.group.firing))
            if decision.reason is not Reason.UNCHANGED:
                self._note(incident, Entry(EntryKind.NOT_TOLD, decision.reason.value), once=True)
            return
        self._note_news(incident)
        self.close(incident, decision.reason)

    def close(self, incident: Incident, reason: Reason) -> None:
        """The incident is over."""
        self.transaction.close_incident(incident.id, self.now)
        self._note(incident, Entry(EntryKind.RESOLVED, reason.value))

    def _carry_on(self, incident: Incident, send: Send, severity: Severity, *, restarts: bool) -> Incident:
        group = self.group
        if send.reason in STARTS_EPISODE:
            incident = incident.anew(restarts=restarts)
        else:
            incident = replace(incident, round=incident.round + 1)
        return replace(
            incident,
            severity=severity,
            told=Told(frozenset(group.firing), frozenset(group.flapping), severity, dict(group.statuses)),
            told_at=self.now,
        )

    def _set_rounds(
        self,
        incident: Incident,
        course: Course,
        legs: Sequence[Leg],
        closed: Mapping[str, datetime | None],
        *,
        is_over: bool,
    ) -> Incident:
        told_at = {**incident.legs_told_at, **dict.fromkeys((leg.route for leg in legs), self.now)}
        repeats = not is_over and incident.acknowledged_at is None
        round_at = course.next_round_at(told_at, closed, self.now) if repeats else None
        return replace(incident, legs_told_at=told_at, round_at=round_at, held_reason="")

    def _targets(self, incident: Incident, legs: Sequence[Leg], kind: MessageKind) -> list[Target]:
        told = self.transaction.told_targets(incident.id, pages_only=kind is MessageKind.PROBLEM)
        if kind is MessageKind.PROBLEM:
            # Those whom the climb has reached hear of what is new as well.
            climbed = told if incident.course.policy is not None else []
            return list(dict.fromkeys([*(target for leg in legs for target in leg.targets), *climbed]))
        is_over = kind is MessageKind.RESOLUTION
        return [target for target in told if not is_over or incident.plan.hears_of_the_end(target)]

    def _content(self, told: Told | None, *, is_over: bool) -> dict[str, list[str]]:
        """The alerts that are told of: those that fire and may be told, and those that were told and are over."""
        firing = self.group.firing - self.group.muted
        resolved = self.group.resolved if is_over or told is None else self.group.resolved & told.firing
        return {"firing": sorted(map(str, firing)), "resolved": sorted(map(str, resolved))}

    def _problem_at(self, told: Told | None) -> datetime | None:
        """Since when people could have known; None where a mute or a root cause kept it from them on purpose."""
        before = told.firing if told else frozenset()
        fresh = [m for m in self.members if m.id in self.group.firing and m.id not in before]
        prompt = [m.failed_at for m in fresh if not m.mute_reason and m.suppressed_by_id is None]
        return min(prompt, default=None)

    def _note_news(self, incident: Incident) -> None:
        before: frozenset[UUID] = incident.told.firing if incident.told else frozenset()
        joined = [m.name for m in self.members if m.id in self.group.firing and m.id not in before]
        resolved = [m.name for m in self.members if m.id in self.group.resolved and m.id in before]
        for kind, names in ((EntryKind.ALERTS_JOINED, joined), (EntryKind.ALERTS_RESOLVED, resolved)):
            if names:
                self._note(incident, Entry(kind, detail={"alerts": names[:_MOST_NAMED], "count": len(names)}))

    def _note(self, incident: Incident, entry: Entry, *, once: bool = False) -> None:
        self.transaction.note(incident.id, entry, self.now, once=once)


class Notifies(NotesTimeline, Protocol):
    """A transaction that can have people told."""

    def notify(self, telling: Telling, now: datetime) -> list[Due]:
        """Insert the notifications; those that are there already are left alone."""
        ...


def tell_all(transaction: Notifies, tellings: Iterable[Telling], now: datetime) -> list[Due]:
    """Have everybody told, and say so on the timeline; a telling without targets is none."""
    dues: list[Due] = []
    for telling in tellings:
        if telling.targets:
            _note_telling(transaction, telling, now)
            dues += transaction.notify(telling, now)
    return dues


def _restarts(incident: Incident, send: Send) -> bool:
    """Whether the policy begins at its first level: unless alerts have joined while it is being climbed."""
    return send.reason is not Reason.NEW_ALERTS or incident.acknowledged_at is not None or incident.climb_at is None


def _note_telling(transaction: NotesTimeline, telling: Telling, now: datetime) -> None:
    targets = [f"{target.recipient} over {target.channel}" for target in telling.targets]
    detail = {"kind": telling.kind.value, "to": targets[:_MOST_NAMED], "round": telling.round, "level": telling.level}
    transaction.note(telling.incident_id, Entry(EntryKind.TOLD, telling.reason.value, telling.actor, detail), now)


def _opens_at(ends: Iterable[datetime | None], at_the_latest: datetime) -> datetime:
    return min((end for end in ends if end is not None), default=at_the_latest)
