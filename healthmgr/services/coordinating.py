"""What surrounds an incident: tasks, whoever wants to hear of it, and how incidents belong together.

Everything leaves an audit entry and a line on the timeline. Reminders need not be sent: the sweep finds what is due.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from healthmgr.domain.command import MOST_WORDS
from healthmgr.domain.incident import Incident
from healthmgr.domain.message import MessageKind
from healthmgr.domain.notification import Reason, Told
from healthmgr.domain.timeline import Entry, EntryKind
from healthmgr.errors import Conflict, NotFound
from healthmgr.services.calling import by_name, content, first_contacts
from healthmgr.services.commanding import BY_A_PERSON, Act, Escalated
from healthmgr.services.commanding_ports import Commanded, CoordinatingStore, CoordinatingTransaction
from healthmgr.services.routing_ports import Telling
from healthmgr.services.routing_telling import tell_all

log = structlog.get_logger(__name__)

CAUSES = "causes"
MERGED = "merged"


class Coordinating:
    """Keeps what surrounds incidents. All raise NotFound, and Conflict for an illegal move."""

    def __init__(self, store: CoordinatingStore) -> None:
        self._store = store

    def update(self, incident_id: UUID, text: str, act: Act) -> Escalated:
        """Tell everybody who wants to hear of it how it stands, each over his first contact; and the timeline."""
        text = _words(text)
        with self._store.begin() as transaction:
            commanded = _open(_take(transaction, incident_id, act.now))
            people = transaction.subscribers(commanded.id)
            due_at, unreachable = first_contacts(transaction, people, act.now)
            detail = {"comment": text, "to": [target.recipient for target in due_at], "unreachable": unreachable}
            _done(transaction, commanded, EntryKind.UPDATED, detail, act)
            kind = MessageKind.UPDATE
            telling = by_name(
                transaction, commanded, due_at, Reason.STATUS_UPDATE, actor=act.actor, words=text, kind=kind
            )
            tell_all(transaction, [telling], act.now)
        return Escalated(tuple(due_at))

    def subscribe(self, incident_id: UUID, person: str, act: Act) -> None:
        """Somebody wants to hear of its status updates and of its end; raises Conflict where he cannot be reached."""
        with self._store.begin() as transaction:
            commanded = _take(transaction, incident_id, act.now)
            _reachable, unreachable = first_contacts(transaction, [person], act.now)
            if unreachable:
                raise Conflict(f"There is no way to reach {person}: name somebody with a contact.")
            if not transaction.subscribe(commanded.id, person, act.now):
                raise Conflict(f"{person} hears of incident #{commanded.number} already.")
            _done(transaction, commanded, EntryKind.SUBSCRIBED, {"person": person}, act)

    def unsubscribe(self, incident_id: UUID, person: str, act: Act) -> None:
        """Somebody does not want to hear of its status updates any more."""
        with self._store.begin() as transaction:
            commanded = _take(transaction, incident_id, act.now)
            if not transaction.unsubscribe(commanded.id, person):
                raise Conflict(f"{person} does not hear of incident #{commanded.number}.")
            _done(transaction, commanded, EntryKind.UNSUBSCRIBED, {"person": person}, act)

    def add_task(self, incident_id: UUID, title: str, act: Act, *, assignee: str = "") -> int:
        """Something to be done, also after its end; the task's number within the incident, from 1 on."""
        title = _words(title)
        with self._store.begin() as transaction:
            commanded = _take(transaction, incident_id, act.now)
            number = transaction.add_task(commanded.id, title, assignee, act.actor, act.now)
            detail = {"number": number, "title": title, "person": assignee}
            _done(transaction, commanded, EntryKind.TASK_ADDED, detail, act)
        return number

    def finish_task(self, incident_id: UUID, number: int, act: Act) -> str:
        """A task is done; its title."""
        with self._store.begin() as transaction:
            commanded = _take(transaction, incident_id, act.now)
            title = transaction.finish_task(commanded.id, number, act.actor, act.now)
            if title is None:
                raise Conflict(f"Incident #{commanded.number} has no open task {number}.")
            _done(transaction, commanded, EntryKind.TASK_DONE, {"number": number, "title": title}, act)
        return title

    def link(self, cause_id: UUID, consequence_id: UUID, act: Act) -> None:
        """Say that one incident caused the other."""
        with self._store.begin() as transaction:
            cause, consequence = _take_both(transaction, cause_id, consequence_id, act.now)
            if not transaction.link(cause.id, consequence.id, CAUSES, act.actor, act.now):
                raise Conflict(f"That incident #{cause.number} caused #{consequence.number} is said already.")
            _done(transaction, cause, EntryKind.LINKED, {"caused": consequence.number}, act)
            _done(transaction, consequence, EntryKind.LINKED, {"caused_by": cause.number}, act)

    def merge(self, into_id: UUID, other_id: UUID, act: Act) -> int:
        """Make one incident of two: the other's alerts join the first, and its number leads there.

        Nobody is told of those alerts again. Whoever was told of the other one hears where it went, and of the end.
        Returns how many alerts were moved that are open.
        """
        with self._store.begin() as transaction:
            into, other = _take_both(transaction, into_id, other_id, act.now, will_change_groups=True)
            _open(into)
            _open(other)
            hearers = transaction.told_targets(other.id)
            moved = transaction.move_alerts(into, other, act.now)
            transaction.close(other.id, act.actor, act.now)
            transaction.link(into.id, other.id, MERGED, act.actor, act.now)
            transaction.save(_with(into.incident, other.incident, act.now))
            _done(transaction, into, EntryKind.MERGED, {"other": other.number, "count": moved}, act)
            _done(transaction, other, EntryKind.MERGED, {"into": into.number, "count": moved}, act)
            telling = Telling(
                incident_id=other.id,
                episode=other.incident.episode,
                level=0,
                round=other.incident.round,
                kind=MessageKind.RESOLUTION,
                reason=Reason.MERGED,
                severity=other.incident.severity,
                targets=hearers,
                content=content(other, merged_into=into.number),
                actor=act.actor,
            )
            tell_all(transaction, [telling], act.now)
        log.info("incidents_merged", into=into.number, other=other.number, alerts=moved)
        return moved


def _with(into: Incident, other: Incident, now: datetime) -> Incident:
    """An incident that has taken in another: what was told of either was told, and the worse severity holds."""
    severity = min(into.severity, other.severity, key=lambda each: each.rank)
    told = into.told or other.told
    if into.told is not None and other.told is not None:
        told = Told(
            into.told.firing | other.told.firing,
            into.told.flapping | other.told.flapping,
            min(into.told.severity, other.told.severity, key=lambda each: each.rank),
            {**other.told.statuses, **into.told.statuses},
        )
    merged = replace(into, severity=severity, told=told, told_at=into.told_at or other.told_at)
    if merged.acknowledged_at is not None:
        return merged
    # A policy that holds from this severity on is climbed from where the other one was.
    starts_climb = merged.course.policy is not None and merged.climb_at is None
    return replace(
        merged,
        climb=other.climb if starts_climb and other.course.policy == merged.course.policy else merged.climb,
        climb_at=(other.climb_at or now) if starts_climb else merged.climb_at,
        round_at=merged.round_at or other.round_at,
    )


def _take(transaction: CoordinatingTransaction, incident_id: UUID, now: datetime) -> Commanded:
    found = transaction.take([incident_id], now)
    if not found:
        raise NotFound(f"There is no incident {incident_id}.")
    return found[0]


def _take_both(
    transaction: CoordinatingTransaction,
    first_id: UUID,
    second_id: UUID,
    now: datetime,
    *,
    will_change_groups: bool = False,
) -> tuple[Commanded, Commanded]:
    found = transaction.take([first_id, second_id], now, will_change_groups=will_change_groups)
    if not found[1:]:
        raise NotFound("There is no such incident: name two that are there.")
    if found[0].id == found[1].id:
        raise Conflict(f"That is incident #{found[0].number} both times.")
    return found[0], found[1]


def _open(commanded: Commanded) -> Commanded:
    if commanded.is_resolved:
        raise Conflict(f"Incident #{commanded.number} is resolved already.")
    return commanded


def _words(text: str) -> str:
    if not text.strip() or len(text) > MOST_WORDS:
        raise Conflict(f"Say it in 1 to {MOST_WORDS} characters.")
    return text.strip()


def _done(
    transaction: CoordinatingTransaction, commanded: Commanded, kind: EntryKind, detail: Mapping[str, Any], act: Act
) -> None:
    """Write down what was done, on the timeline and in the audit log."""
    said = {**detail, "comment": detail.get("comment") or act.comment}
    transaction.note(commanded.id, Entry(kind, BY_A_PERSON, act.actor, said), act.now)
    transaction.audit(act.actor, act.origin, f"incident.{kind.value}", str(commanded.id), dict(said), act.now)
