"""Going on until someone answers: the next round of an incident, and what happens to one by itself.

An incident's row carries one due time, the earliest of what waits for its time: its next round, the lapse of an
acknowledgement, and what the installation lets happen by itself. Each turn does what is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog

from healthmgr.domain.alerting import AlertingRules
from healthmgr.domain.dispatch import Due
from healthmgr.domain.escalation import is_exhausted
from healthmgr.domain.incident import Incident
from healthmgr.domain.message import MessageKind
from healthmgr.domain.muting import Mutes, Subject
from healthmgr.domain.notification import Decision, Drop, Hold, Reason, Send
from healthmgr.domain.plan import Leg, Target
from healthmgr.domain.timeline import Entry, EntryKind
from healthmgr.services.climbing import climb
from healthmgr.services.routing_judging import mute_hold
from healthmgr.services.routing_ports import ClimbingTransaction, Telling
from healthmgr.services.routing_telling import tell_all

log = structlog.get_logger(__name__)

BY_ITSELF = "healthmgr"


@dataclass(frozen=True, slots=True)
class Standing:
    """The alerts of an incident: those that fire, as mutes see them, and those that are over.

    `answered_by` is who acknowledged the last of those that fire, None while any is unanswered; `lapses_at` when
    the first of these acknowledgements ends.
    """

    firing: Sequence[Subject]
    resolved: Sequence[UUID]
    answered_by: str | None = None
    lapses_at: datetime | None = None


class EscalatingTransaction(ClimbingTransaction, Protocol):
    """One transaction of escalating; commits when its context ends well."""

    def take(self, incident_id: UUID, token: int, now: datetime) -> Incident | None:
        """Lock an incident that something is due for; None when the token has moved on."""
        ...

    def standing(self, incident: Incident) -> Standing:
        """The incident's alerts, without those that another explains."""
        ...

    def mutes(self, now: datetime) -> Mutes:
        """All that mutes now."""
        ...

    def closed(self, legs: Iterable[Leg], now: datetime) -> Mapping[str, datetime | None]:
        """The routes of these legs that hold their peace now, and when that ends."""
        ...

    def was_anybody_reached(self, incident: Incident) -> bool:
        """Whether any notification of the present episode was accepted by its provider."""
        ...

    def lapse(self, incident: Incident, now: datetime) -> None:
        """Take back the acknowledgements of the incident's alerts whose time is over."""
        ...

    def acknowledge(self, incident: Incident, actor: str, until: datetime | None, now: datetime) -> list[Due]:
        """Acknowledge those of its alerts that nobody has, and withdraw what nobody has begun to send."""
        ...

    def resolve_recovered(self, incident: Incident, now: datetime) -> list[Due]:
        """Close those of its alerts whose last result is not bad; the dispatches that follow."""
        ...

    def save(self, incident: Incident) -> None:
        """Write an incident as it is now."""
        ...

    def notify(self, telling: Telling, now: datetime) -> list[Due]:
        """Insert the round's notifications."""
        ...


class EscalatingStore(Protocol):
    """Where incidents are."""

    def begin(self) -> AbstractContextManager[EscalatingTransaction]:
        """Open a transaction."""
        ...


class Escalating:
    """Carries out what waits for its time in incidents."""

    def __init__(self, store: EscalatingStore, rules: AlertingRules | None = None) -> None:
        self._store = store
        self._rules = rules or AlertingRules()

    def advance(self, incident_id: UUID, token: int, now: datetime) -> tuple[Decision, Sequence[Due]]:
        """Do what is due for an incident, in one commit; what was decided, and the reminders to send."""
        with self._store.begin() as transaction:
            incident = transaction.take(incident_id, token, now)
            if incident is None:
                return Drop(Reason.NOT_MINE), []
            # A reminder may come a little early; the turn is the one that it reminds of all the same.
            decision, dues = self._turn(transaction, incident, max(now, incident.due_at or now))
        log.info("incident_advanced", incident=incident.number, round=incident.round, reason=decision.reason.value)
        return decision, dues

    def _turn(
        self, transaction: EscalatingTransaction, incident: Incident, now: datetime
    ) -> tuple[Decision, Sequence[Due]]:
        if _is_due(incident.auto_resolve_at, now):
            return self._resolve(transaction, incident, now)
        if incident.acknowledged_at is not None:
            if _is_due(incident.acknowledged_until, now):
                return self._lapse(transaction, incident, now)
        elif _is_due(incident.auto_acknowledge_at, now):
            return self._acknowledge(transaction, incident, now)
        elif incident.round_at is not None or incident.climb_at is not None:
            is_new = incident.held_reason == Reason.UNACKNOWLEDGED
            return _tell_again(transaction, incident, Reason.UNACKNOWLEDGED if is_new else None, now)
        transaction.save(incident)
        return Drop(Reason.TOO_EARLY), []

    def _lapse(
        self, transaction: EscalatingTransaction, incident: Incident, now: datetime
    ) -> tuple[Decision, Sequence[Due]]:
        """The acknowledgement's time is over: a new episode begins, and the climb goes on from where it was."""
        reason = Reason.SNOOZE_ENDED if incident.snoozed_until else Reason.ACKNOWLEDGEMENT_LAPSED
        transaction.lapse(incident, now)
        transaction.note(incident.id, Entry(EntryKind.UNACKNOWLEDGED, reason.value), now)
        incident = incident.anew(restarts=False)
        climb_at = now if incident.course.policy else None
        return _tell_again(transaction, replace(incident, round_at=now, climb_at=climb_at), reason, now)

    def _acknowledge(
        self, transaction: EscalatingTransaction, incident: Incident, now: datetime
    ) -> tuple[Decision, Sequence[Due]]:
        """Nobody answered for so long that the climb pauses by itself, as long again; never before its last level."""
        after = self._rules.acknowledges_after
        if after is None or incident.told_at is None:
            transaction.save(replace(incident, auto_acknowledge_at=None))
            return Drop(Reason.NOTHING_TOLD), []
        policy = incident.course.policy
        if policy is not None and incident.climb_at is not None and not is_exhausted(policy, incident.climb):
            # The levels that have not been told go first: it is looked at again when the next of them has been.
            transaction.save(replace(incident, auto_acknowledge_at=max(incident.climb_at, now) + after))
            return Drop(Reason.TOO_EARLY), []
        until = now + after
        dues = transaction.acknowledge(incident, BY_ITSELF, until, now)
        entry = Entry(EntryKind.ACKNOWLEDGED, "nobody_answered", BY_ITSELF, {"until": until.isoformat()})
        transaction.note(incident.id, entry, now)
        transaction.save(
            replace(
                incident,
                acknowledged_at=now,
                acknowledged_until=until,
                round_at=None,
                auto_acknowledge_at=until + after,
            )
        )
        return Drop(Reason.ACKNOWLEDGED), dues

    def _resolve(
        self, transaction: EscalatingTransaction, incident: Incident, now: datetime
    ) -> tuple[Decision, Sequence[Due]]:
        """What is no longer bad is closed by itself; what still is, is looked at again as much later."""
        dues = transaction.resolve_recovered(incident, now)
        if dues:
            transaction.note(incident.id, Entry(EntryKind.ALERTS_RESOLVED, "resolved_by_itself", BY_ITSELF), now)
        transaction.save(replace(incident, auto_resolve_at=self._rules.auto_resolve_at(now)))
        return Drop(Reason.RESOLVED if dues else Reason.UNCHANGED), dues


def _tell_again(
    transaction: EscalatingTransaction, incident: Incident, reason: Reason | None, now: datetime
) -> tuple[Decision, Sequence[Due]]:
    """One round: the legs whose turn it is are told, and the policy's next level, unless all that fires is muted.

    `reason` says why a new episode begins.
    """
    standing = transaction.standing(incident)
    if standing.answered_by is not None:
        return _rest(transaction, incident, standing, standing.answered_by, now)
    course = incident.course
    closed = transaction.closed(course.legs, now)
    is_round = _is_due(incident.round_at, now)
    legs = [leg for leg in course.due_legs(incident.legs_told_at, now) if leg.route not in closed] if is_round else []
    is_climb = course.policy is not None and _is_due(incident.climb_at, now)
    hold = _hold(transaction, standing, incident, now)
    if hold is None and not legs and not is_climb:
        hold = Hold(_next_round(incident, closed, now), Reason.OUTSIDE_HOURS)
    if hold is not None:
        return _postpone(transaction, incident, hold, now), []
    reached = reason is not None or transaction.was_anybody_reached(incident)
    round_reason = reason or (Reason.REPEAT if reached else Reason.NOBODY_REACHED)
    told_at = {**incident.legs_told_at, **dict.fromkeys((leg.route for leg in legs), now)}
    incident = replace(
        incident,
        round=incident.round + (reason is None),
        told_at=now,
        legs_told_at=told_at,
        round_at=course.next_round_at(told_at, closed, now) if is_round else incident.round_at,
        held_reason="",
    )
    telling = Telling(
        incident_id=incident.id,
        episode=incident.episode,
        level=0,
        round=incident.round,
        kind=MessageKind.PROBLEM,
        reason=round_reason,
        severity=incident.severity,
        targets=_targets(incident, legs, reached=reached),
        content={
            "firing": [str(subject.id) for subject in standing.firing],
            "resolved": [str(alert_id) for alert_id in standing.resolved],
        },
    )
    tellings = [telling] if is_round else []
    if is_climb and course.policy is not None:
        usual = Reason.FIRST_LEVEL_DUE if incident.climb.is_at_its_beginning else Reason.ESCALATED
        climbed = climb(transaction, incident, course.policy, len(standing.firing), now)
        incident = climbed.incident
        tellings.append(climbed.telling(replace(telling, reason=reason or usual)))
    transaction.save(incident)
    return Send(round_reason, MessageKind.PROBLEM), tell_all(transaction, tellings, now)


def _rest(
    transaction: EscalatingTransaction, incident: Incident, standing: Standing, answered_by: str, now: datetime
) -> tuple[Decision, Sequence[Due]]:
    """What nobody had answered is over, and the rest is in hand: the climb stops as if it had been answered whole."""
    dues = transaction.acknowledge(incident, answered_by, standing.lapses_at, now)
    transaction.note(incident.id, Entry(EntryKind.NOT_TOLD, Reason.ACKNOWLEDGED.value), now)
    resting = replace(incident, acknowledged_at=now, acknowledged_until=standing.lapses_at, round_at=None)
    transaction.save(resting)
    return Drop(Reason.ACKNOWLEDGED), dues


def _postpone(transaction: EscalatingTransaction, incident: Incident, hold: Hold, now: datetime) -> Hold:
    """Nobody may be told now: what was due waits until then."""
    transaction.note(incident.id, Entry(EntryKind.NOT_TOLD, hold.reason.value), now, once=True)
    round_at = hold.until if _is_due(incident.round_at, now) else incident.round_at
    climb_at = hold.until if _is_due(incident.climb_at, now) else incident.climb_at
    transaction.save(replace(incident, round_at=round_at, climb_at=climb_at, held_reason=hold.reason.value))
    return hold


def _next_round(incident: Incident, closed: Mapping[str, datetime | None], now: datetime) -> datetime:
    course = incident.course
    return course.next_round_at(incident.legs_told_at, closed, now) or now + course.group_interval


def _targets(incident: Incident, legs: Iterable[Leg], *, reached: bool) -> list[Target]:
    """Whoever could not be reached on a route's own channels is not asked there for ever."""
    targets = [target for leg in legs for target in leg.targets]
    return list(dict.fromkeys(targets if reached else [*targets, *incident.plan.default.targets]))


def _hold(transaction: EscalatingTransaction, standing: Standing, incident: Incident, now: datetime) -> Hold | None:
    """Why nobody may be told now: nothing fires any more, or all that fires is muted."""
    if not standing.firing:
        # Its end is on its way: the dispatch of its group tells of it and closes the incident.
        return Hold(now + incident.course.group_interval, Reason.RESOLVED)
    mutes = transaction.mutes(now)
    muted = [mutes.judge(subject) for subject in standing.firing]
    holds = [mute_hold(each, incident.course.group_interval, now) for each in muted if each is not None]
    if not holds or len(holds) < len(muted):
        return None
    return min(holds, key=lambda hold: hold.until)


def _is_due(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now
