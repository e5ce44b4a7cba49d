"""Who acts on an incident, decided by people: escalate, decline, ask somebody to help, assign, hand over, give roles.

Whoever is asked for by name is told over all of his contacts. Everything leaves an audit entry and a line on the
timeline. Reminders need not be sent: the sweep finds what is due.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from healthmgr.domain.command import COMMANDER, AfterDecline, after_decline, role_name
from healthmgr.domain.escalation import Named
from healthmgr.domain.incident import Incident
from healthmgr.domain.message import MessageKind
from healthmgr.domain.notification import Reason
from healthmgr.domain.plan import Target
from healthmgr.domain.timeline import Entry, EntryKind
from healthmgr.errors import Conflict, NotFound
from healthmgr.services.calling import YOU_COMMAND, by_name, content, first_contacts
from healthmgr.services.climbing import climb, reach
from healthmgr.services.commanding_ports import Commanded, CommandingStore, CommandingTransaction
from healthmgr.services.routing_ports import Telling
from healthmgr.services.routing_telling import tell_all

log = structlog.get_logger(__name__)

BY_A_PERSON = "by_a_person"


@dataclass(frozen=True, slots=True)
class Escalated:
    """Who is told by a step that a person asked for. `after` is set by a decline."""

    targets: tuple[Target, ...]
    after: AfterDecline | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """Who does something, from where ("cli", "api 192.0.2.7"), when, and what he says with it."""

    actor: str
    origin: str
    now: datetime
    comment: str = ""


class Commanding:
    """Carries out people's decisions on who acts. All raise NotFound, and Conflict for an illegal move."""

    def __init__(self, store: CommandingStore) -> None:
        self._store = store

    def escalate(self, incident_id: UUID, act: Act) -> Escalated:
        """Tell the next level now, also where somebody has it in hand: it is in nobody's hands then.

        Without a policy, everybody whom the plan names is told again, and the people of the default route with them.
        """
        with _taken(self._store, incident_id, act) as (transaction, commanded):
            escalated = next_level(transaction, commanded, Reason.ESCALATED_BY_HAND, act)
            _audit(transaction, commanded, "escalate", {"to": _names(escalated.targets)}, act)
        return escalated

    def decline(self, incident_id: UUID, act: Act) -> Escalated:
        """Somebody who was asked cannot take it: where nobody else of his level may answer, the next one is told now.

        What he had in hand is in nobody's hands then.
        """
        with _taken(self._store, incident_id, act) as (transaction, commanded):
            in_hand_of = commanded.acknowledged_by if commanded.incident.acknowledged_at is not None else None
            after = after_decline(act.actor, transaction.asked(commanded), in_hand_of=in_hand_of)
            detail = {"comment": act.comment}
            transaction.note(commanded.id, Entry(EntryKind.DECLINED, after.value, act.actor, detail), act.now)
            escalated = Escalated((), after=after)
            if after is AfterDecline.NEXT_LEVEL:
                escalated = replace(next_level(transaction, commanded, Reason.DECLINED, act), after=after)
            _audit(transaction, commanded, "decline", detail, act)
        return escalated

    def ask(self, incident_id: UUID, who: Named, act: Act) -> Escalated:
        """Ask somebody to help: a person, a whole team, or whoever is on call; told now, also while it is in hand."""
        with _taken(self._store, incident_id, act) as (transaction, commanded):
            people = transaction.who_is(who, act.now)
            words = act.comment or f"{act.actor} asks for your help."
            targets = _call(transaction, commanded, people, Reason.ASKED, words, act)
            detail = {"who": str(who), "people": list(people), "comment": act.comment}
            transaction.note(commanded.id, Entry(EntryKind.ASKED, BY_A_PERSON, act.actor, detail), act.now)
            _audit(transaction, commanded, "ask", detail, act)
        return Escalated(targets)

    def assign(self, incident_id: UUID, person: str | None, act: Act) -> Escalated:
        """It is somebody's from now on, who is told so unless it was himself who said it; None: it is nobody's.

        Roles and acknowledgements stay where they are.
        """
        with _taken(self._store, incident_id, act) as (transaction, commanded):
            if commanded.assignee == person:
                whose = f"{person}'s" if person else "nobody's"
                raise Conflict(f"Incident #{commanded.number} is {whose} already.")
            transaction.assign(commanded.id, person)
            targets: tuple[Target, ...] = ()
            if person is not None and person != act.actor:
                words = act.comment or "This incident is yours now."
                targets = _call(transaction, commanded, [person], Reason.ASSIGNED, words, act)
            detail = {"person": person, "comment": act.comment}
            transaction.note(commanded.id, Entry(EntryKind.ASSIGNED, BY_A_PERSON, act.actor, detail), act.now)
            _audit(transaction, commanded, "assign", detail, act)
        return Escalated(targets)

    def hand_over(self, incident_id: UUID, to: str, act: Act) -> Escalated:
        """It is somebody else's from now on, with the roles of its assignee, or of the one who acts."""
        with _taken(self._store, incident_id, act) as (transaction, commanded):
            giver = commanded.assignee or act.actor
            if giver == to:
                raise Conflict(f"Incident #{commanded.number} is {to}'s already.")
            moved = [role for role, people in commanded.roles.items() if giver in people]
            transaction.assign(commanded.id, to)
            for role in moved:
                transaction.take_role(commanded.id, role, giver)
                transaction.give_role(commanded.id, role, to, act.actor, act.now)
            words = act.comment or f"{act.actor} hands this incident over to you."
            targets = _call(transaction, commanded, [to], Reason.HANDED_OVER, words, act)
            detail = {"from": giver, "person": to, "roles": moved, "comment": act.comment}
            transaction.note(commanded.id, Entry(EntryKind.HANDED_OVER, BY_A_PERSON, act.actor, detail), act.now)
            if COMMANDER in moved:
                _tell_involved(transaction, commanded, f"{to} is the commander now.", targets, act)
            _audit(transaction, commanded, "hand_over", detail, act)
        return Escalated(targets)

    def give_role(self, incident_id: UUID, role: str, person: str, act: Act) -> Escalated:
        """Somebody holds a role from now on, and is told so; of a new commander everybody involved is told."""
        role = _role(role)
        with _taken(self._store, incident_id, act) as (transaction, commanded):
            if person in commanded.roles.get(role, ()):
                raise Conflict(f"{person} holds the role {role} already.")
            transaction.give_role(commanded.id, role, person, act.actor, act.now)
            is_commander = role == COMMANDER
            words = act.comment or (YOU_COMMAND if is_commander else f"Your role in this incident: {role}.")
            targets = _call(transaction, commanded, [person], Reason.ROLE_GIVEN, words, act)
            detail = {"role": role, "person": person, "comment": act.comment}
            transaction.note(commanded.id, Entry(EntryKind.ROLE_GIVEN, BY_A_PERSON, act.actor, detail), act.now)
            if is_commander:
                said = f"{person} is the commander now."
                _tell_involved(transaction, commanded, said, targets, act)
            _audit(transaction, commanded, "give_role", detail, act)
        return Escalated(targets)

    def take_role(self, incident_id: UUID, role: str, person: str, act: Act) -> None:
        """Somebody no longer holds a role."""
        role = _role(role)
        with _taken(self._store, incident_id, act) as (transaction, commanded):
            if person not in commanded.roles.get(role, ()):
                raise Conflict(f"{person} does not hold the role {role}.")
            transaction.take_role(commanded.id, role, person)
            detail = {"role": role, "person": person, "comment": act.comment}
            transaction.note(commanded.id, Entry(EntryKind.ROLE_TAKEN, BY_A_PERSON, act.actor, detail), act.now)
            _audit(transaction, commanded, "take_role", detail, act)


@contextmanager
def _taken(store: CommandingStore, incident_id: UUID, act: Act) -> Iterator[tuple[CommandingTransaction, Commanded]]:
    with store.begin() as transaction:
        found = transaction.take([incident_id], act.now)
        if not found:
            raise NotFound(f"There is no incident {incident_id}.")
        if found[0].is_resolved:
            raise Conflict(f"Incident #{found[0].number} is resolved already.")
        yield transaction, found[0]


def next_level(transaction: CommandingTransaction, commanded: Commanded, reason: Reason, act: Act) -> Escalated:
    """Tell the next level of its policy now; it is in nobody's hands then."""
    incident = _in_nobodys_hands(transaction, commanded, act.now)
    policy = incident.course.policy
    incident = replace(incident, told_at=act.now, held_reason="")
    like = Telling(
        incident_id=incident.id,
        episode=incident.episode,
        level=0,
        round=incident.round,
        kind=MessageKind.PROBLEM,
        reason=reason,
        severity=incident.severity,
        targets=list(dict.fromkeys([*incident.course.targets, *incident.plan.default.targets])),
        content=content(commanded, words=act.comment),
        actor=act.actor,
    )
    detail: dict[str, object] = {"comment": act.comment}
    if policy is None:
        detail["name"] = "everybody whom its plan names, and the default route"
    else:
        climbed = climb(transaction, incident, policy, len(commanded.firing), act.now)
        incident, like = climbed.incident, climbed.telling(like)
        is_level = climbed.level < len(policy.levels)
        detail |= (
            {"level": climbed.level, "name": policy.levels[climbed.level].name}
            if is_level
            else {"name": "the default route"}
        )
    transaction.note(incident.id, Entry(EntryKind.ESCALATED, reason.value, act.actor, detail), act.now)
    transaction.save(incident)
    tell_all(transaction, [like], act.now)
    log.info("incident_escalated", incident=incident.number, reason=reason.value, actor=act.actor)
    return Escalated(tuple(like.targets))


def _in_nobodys_hands(transaction: CommandingTransaction, commanded: Commanded, now: datetime) -> Incident:
    """The incident at its next round; at a new episode, where somebody had it in hand."""
    incident, course = commanded.incident, commanded.incident.course
    if incident.acknowledged_at is None:
        return replace(incident, round=incident.round + 1)
    transaction.unacknowledge(incident.id, now)
    told_at = {leg.route: now for leg in course.legs}
    return replace(incident.anew(restarts=False), legs_told_at=told_at, round_at=course.next_round_at(told_at, {}, now))


def _call(
    transaction: CommandingTransaction,
    commanded: Commanded,
    people: Sequence[str],
    reason: Reason,
    words: str,
    act: Act,
) -> tuple[Target, ...]:
    """Tell these people by name; raises Conflict where nobody of them can be reached."""
    due_at = reach(transaction, people, commanded.incident.severity, act.now)
    if not due_at:
        whom = ", ".join(people) or "nobody who is on call"
        raise Conflict(f"There is no way to reach {whom}: name somebody with a contact.")
    telling = by_name(transaction, commanded, due_at, reason, actor=act.actor, words=words)
    tell_all(transaction, [telling], act.now)
    return tuple(telling.targets)


def _tell_involved(
    transaction: CommandingTransaction, commanded: Commanded, words: str, but: Sequence[Target], act: Act
) -> None:
    """Everybody who was told of the incident before hears this, too, and who wants to hear how it stands."""
    told = transaction.told_targets(commanded.id)
    hearers, _unreachable = first_contacts(transaction, transaction.subscribers(commanded.id), act.now)
    groups = (
        (Reason.ROLE_GIVEN, [target for target in told if target not in but]),
        # By the reason of a status update: whoever only hears of it is never paged.
        (Reason.STATUS_UPDATE, [target for target in hearers if target not in (*told, *but)]),
    )
    for reason, targets in groups:
        due_at, update = dict.fromkeys(targets, act.now), MessageKind.UPDATE
        telling = by_name(transaction, commanded, due_at, reason, actor=act.actor, words=words, kind=update)
        tell_all(transaction, [telling], act.now)


def _role(text: str) -> str:
    try:
        return role_name(text)
    except ValueError as error:
        raise Conflict(str(error)) from None


def _names(targets: Sequence[Target]) -> list[str]:
    return [f"{target.recipient} over {target.channel}" for target in targets]


def _audit(
    transaction: CommandingTransaction, commanded: Commanded, verb: str, detail: Mapping[str, object], act: Act
) -> None:
    transaction.audit(act.actor, act.origin, f"incident.{verb}", str(commanded.id), dict(detail), act.now)
