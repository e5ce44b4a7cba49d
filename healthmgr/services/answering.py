"""What a person does about an incident as a whole: acknowledge, withdraw that, snooze, comment, resolve.

Everything leaves an audit entry and a line on the timeline. Reminders need not be sent: the sweep finds what is due.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog

from healthmgr.domain.dispatch import Due
from healthmgr.domain.timeline import Entry, EntryKind
from healthmgr.errors import Conflict, NotFound
from healthmgr.services.routing_ports import NotesTimeline

log = structlog.get_logger(__name__)

MOST_COMMENT = 10_000  # characters


@dataclass(frozen=True, slots=True)
class Answered:
    """An incident that a person acts on, its row locked.

    `unanswered` counts its open alerts that nobody has; all of them, while the incident is in nobody's hands.
    """

    id: UUID
    number: int
    acknowledged_by: str | None
    unanswered: int
    is_resolved: bool


class AnsweringTransaction(NotesTimeline, Protocol):
    """One transaction of a person's action on an incident; commits when its context ends well."""

    def incident(self, incident_id: UUID, now: datetime, *, will_change_group: bool = False) -> Answered | None:
        """Lock an incident; with `will_change_group`, the request to judge its group before it."""
        ...

    def acknowledge(self, answered: Answered, actor: str, until: datetime | None, now: datetime) -> list[Due]:
        """Mark all of its open alerts, stop the climb, and withdraw what nobody has begun to send."""
        ...

    def snooze(self, answered: Answered, until: datetime) -> None:
        """Note that the acknowledgement is a snooze."""
        ...

    def unacknowledge(self, answered: Answered, now: datetime) -> None:
        """Take the marks away; the incident climbs on at once."""
        ...

    def resolve(self, answered: Answered, actor: str, now: datetime) -> list[Due]:
        """Close all of its open alerts by hand; those who were told are told."""
        ...

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        """Write who did what."""
        ...


class AnsweringStore(Protocol):
    """Where incidents are."""

    def begin(self) -> AbstractContextManager[AnsweringTransaction]:
        """Open a transaction."""
        ...


class Answering:
    """Carries out people's actions on incidents. All raise NotFound, and Conflict for an illegal move."""

    def __init__(self, store: AnsweringStore) -> None:
        self._store = store

    def acknowledge(
        self,
        incident_id: UUID,
        *,
        actor: str,
        origin: str,
        now: datetime,
        comment: str = "",
        until: datetime | None = None,
    ) -> list[Due]:
        """Someone has all of it in hand, for good or `until` then: nothing of it is claimed after this commit."""
        judge_until(until, now)

        def act(transaction: AnsweringTransaction, answered: Answered) -> list[Due]:
            if not answered.unanswered and answered.acknowledged_by is None:
                raise Conflict(f"Nothing of incident #{answered.number} is open any more: it is about to end.")
            if not answered.unanswered:
                raise Conflict(f"Incident #{answered.number} was acknowledged by {answered.acknowledged_by} before.")
            return transaction.acknowledge(answered, actor, until, now)

        detail = {"comment": comment, "until": until.isoformat() if until else None}
        return self._act(incident_id, EntryKind.ACKNOWLEDGED, act, actor, origin, detail, now)

    def snooze(
        self, incident_id: UUID, *, until: datetime, actor: str, origin: str, now: datetime, comment: str = ""
    ) -> list[Due]:
        """Nobody is told of it until then; whatever still fires is told then, to everybody."""
        judge_until(until, now)

        def act(transaction: AnsweringTransaction, answered: Answered) -> list[Due]:
            dues = transaction.acknowledge(answered, actor, until, now)
            transaction.snooze(answered, until)
            return dues

        detail = {"comment": comment, "until": until.isoformat()}
        return self._act(incident_id, EntryKind.SNOOZED, act, actor, origin, detail, now)

    def unacknowledge(self, incident_id: UUID, *, actor: str, origin: str, now: datetime, comment: str = "") -> None:
        """Nobody has it in hand after all, or a snooze ends early: people are told again at once."""

        def act(transaction: AnsweringTransaction, answered: Answered) -> list[Due]:
            if answered.acknowledged_by is None:
                raise Conflict(f"Incident #{answered.number} is not acknowledged.")
            transaction.unacknowledge(answered, now)
            return []

        detail = {"comment": comment}
        self._act(incident_id, EntryKind.UNACKNOWLEDGED, act, actor, origin, detail, now, changes_group=True)

    def comment(self, incident_id: UUID, *, text: str, actor: str, origin: str, now: datetime) -> None:
        """Add a word to the timeline; also to that of an incident that is over. Raises Conflict for an empty one."""
        if not text.strip() or len(text) > MOST_COMMENT:
            raise Conflict(f"A comment has 1 to {MOST_COMMENT} characters.")
        with self._store.begin() as transaction:
            answered = _find(transaction, incident_id, now)
            transaction.note(answered.id, Entry(EntryKind.COMMENTED, "", actor, {"comment": text.strip()}), now)
            transaction.audit(actor, origin, "incident.comment", str(incident_id), {"comment": text.strip()}, now)

    def resolve(self, incident_id: UUID, *, actor: str, origin: str, now: datetime, comment: str = "") -> list[Due]:
        """Close all of its alerts by hand; each stays closed until its check changes, or an hour while that is bad."""

        def act(transaction: AnsweringTransaction, answered: Answered) -> list[Due]:
            return transaction.resolve(answered, actor, now)

        return self._act(
            incident_id, EntryKind.ALERTS_RESOLVED, act, actor, origin, {"comment": comment}, now, changes_group=True
        )

    def _act(
        self,
        incident_id: UUID,
        kind: EntryKind,
        act: Callable[[AnsweringTransaction, Answered], list[Due]],
        actor: str,
        origin: str,
        detail: dict[str, Any],
        now: datetime,
        *,
        changes_group: bool = False,
    ) -> list[Due]:
        with self._store.begin() as transaction:
            answered = _find(transaction, incident_id, now, will_change_group=changes_group)
            if answered.is_resolved:
                raise Conflict(f"Incident #{answered.number} is resolved already.")
            dues = act(transaction, answered)
            transaction.note(answered.id, Entry(kind, "by_a_person", actor, detail), now)
            transaction.audit(actor, origin, f"incident.{_VERBS[kind]}", str(incident_id), detail, now)
        log.info("incident_answered", incident=answered.number, action=_VERBS[kind], actor=actor)
        return dues


_VERBS = {
    EntryKind.ACKNOWLEDGED: "acknowledge",
    EntryKind.SNOOZED: "snooze",
    EntryKind.UNACKNOWLEDGED: "unacknowledge",
    EntryKind.ALERTS_RESOLVED: "resolve",
}


def judge_until(until: datetime | None, now: datetime) -> None:
    """Raises Conflict for an end of an answer that is over."""
    if until is not None and until <= now:
        raise Conflict("It has to end in the future.")


def _find(
    transaction: AnsweringTransaction, incident_id: UUID, now: datetime, *, will_change_group: bool = False
) -> Answered:
    answered = transaction.incident(incident_id, now, will_change_group=will_change_group)
    if answered is None:
        raise NotFound(f"There is no incident {incident_id}.")
    return answered
