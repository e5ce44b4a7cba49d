"""What a person does about an alert or a check. Everything leaves an audit entry, and a line on the timeline.

Reminders need not be sent: the sweep finds what became due.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog

from healthmgr.domain.dispatch import Due
from healthmgr.domain.timeline import Entry, EntryKind
from healthmgr.errors import Conflict, NotFound
from healthmgr.services.answering import judge_until
from healthmgr.services.routing_ports import NotesTimeline

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """An alert that a person acts on, its row locked. `name` is its check's slug, or its own name."""

    id: UUID
    name: str
    incident_id: UUID | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None


class RespondingTransaction(NotesTimeline, Protocol):
    """One transaction of a person's action; commits when its context ends well."""

    def alert(self, alert_id: UUID, now: datetime, *, will_change_group: bool = False) -> Target | None:
        """Lock an alert, and its incident before it; with `will_change_group`, the request to judge it before both."""
        ...

    def acknowledge(self, target: Target, actor: str, until: datetime | None, now: datetime) -> list[Due]:
        """Mark the alert; when it was its incident's last unanswered one, stop the climb, withdraw what is unsent."""
        ...

    def unacknowledge(self, target: Target, now: datetime) -> None:
        """Take the mark away; its incident climbs on at once."""
        ...

    def resolve(self, target: Target, actor: str, now: datetime) -> list[Due]:
        """Close the alert by hand; those who were told are told."""
        ...

    def reopen(self, target: Target, now: datetime) -> bool:
        """Open a closed alert again; False where the same problem has another open alert."""
        ...

    def set_paused(self, slug: str, is_paused: bool, now: datetime) -> tuple[bool, list[Due]]:
        """Pause or resume; whether anything changed, and what is due then. Raises NotFound."""
        ...

    def run_now(self, slug: str, now: datetime) -> None:
        """Make a check due at once. Raises NotFound, or Conflict for one that is paused or disabled."""
        ...

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        """Write who did what."""
        ...


class RespondingStore(Protocol):
    """Where the rows of people's actions are."""

    def begin(self) -> AbstractContextManager[RespondingTransaction]:
        """Open a transaction."""
        ...


class Responding:
    """Carries out people's actions on alerts and checks. All raise NotFound, and Conflict for an illegal move."""

    def __init__(self, store: RespondingStore) -> None:
        self._store = store

    def acknowledge(
        self,
        alert_id: UUID,
        *,
        actor: str,
        origin: str,
        now: datetime,
        comment: str = "",
        until: datetime | None = None,
    ) -> list[Due]:
        """Someone has it in hand, for good or `until` then: no further notification of it is claimed after this commit.

        Raises Conflict for an alert that is resolved or acknowledged already.
        """
        judge_until(until, now)
        detail = {"comment": comment, "until": until.isoformat() if until else None}
        with self._store.begin() as transaction:
            target = _find_open(transaction, alert_id, now)
            if target.acknowledged_at is not None:
                raise Conflict(f"This alert was acknowledged by {target.acknowledged_by} before.")
            dues = transaction.acknowledge(target, actor, until, now)
            transaction.audit(actor, origin, "alert.acknowledge", str(alert_id), detail, now)
            _note(transaction, target, EntryKind.ACKNOWLEDGED, actor, comment, now)
        log.info("alert_acknowledged", alert=str(alert_id), name=target.name, actor=actor)
        return dues

    def unacknowledge(self, alert_id: UUID, *, actor: str, origin: str, now: datetime, comment: str = "") -> None:
        """Nobody has it in hand after all: people are told again at once. Raises Conflict for one not acknowledged."""
        with self._store.begin() as transaction:
            # One that was acknowledged before anybody was told has no incident to climb on: its group is judged anew.
            target = _find_open(transaction, alert_id, now, will_change_group=True)
            if target.acknowledged_at is None:
                raise Conflict("This alert is not acknowledged.")
            transaction.unacknowledge(target, now)
            transaction.audit(actor, origin, "alert.unacknowledge", str(alert_id), {"comment": comment}, now)
            _note(transaction, target, EntryKind.UNACKNOWLEDGED, actor, comment, now)
        log.info("alert_unacknowledged", alert=str(alert_id), name=target.name, actor=actor)

    def resolve(self, alert_id: UUID, *, actor: str, origin: str, now: datetime, comment: str = "") -> list[Due]:
        """Close an alert by hand: it stays closed until its check changes, or an hour later if that is still bad.

        Raises Conflict for an alert that is resolved already.
        """
        with self._store.begin() as transaction:
            target = _find_open(transaction, alert_id, now, will_change_group=True)
            dues = transaction.resolve(target, actor, now)
            transaction.audit(actor, origin, "alert.resolve", str(alert_id), {"comment": comment}, now)
            _note(transaction, target, EntryKind.ALERTS_RESOLVED, actor, comment, now)
        log.info("alert_resolved", alert=str(alert_id), name=target.name, actor=actor)
        return dues

    def reopen(self, alert_id: UUID, *, actor: str, origin: str, now: datetime, comment: str = "") -> None:
        """It was not over: the alert is open again and is told. Its next healthy result closes it.

        Raises Conflict for one that is open, or whose problem has another open alert by now.
        """
        with self._store.begin() as transaction:
            target = transaction.alert(alert_id, now, will_change_group=True)
            if target is None:
                raise NotFound(f"There is no alert {alert_id}.")
            if target.resolved_at is None:
                raise Conflict("This alert is open.")
            if not transaction.reopen(target, now):
                raise Conflict("The same problem has another open alert by now.")
            transaction.audit(actor, origin, "alert.reopen", str(alert_id), {"comment": comment}, now)
            _note(transaction, target, EntryKind.REOPENED, actor, comment, now)
        log.info("alert_reopened", alert=str(alert_id), name=target.name, actor=actor)

    def pause(self, slug: str, *, actor: str, origin: str, now: datetime) -> list[Due]:
        """Stop watching a check until it is resumed; its open alert is closed. Raises NotFound, Conflict."""
        return self._set_paused(slug, True, actor, origin, now)

    def resume(self, slug: str, *, actor: str, origin: str, now: datetime) -> list[Due]:
        """Watch a paused check again, at once. Raises NotFound, Conflict."""
        return self._set_paused(slug, False, actor, origin, now)

    def run(self, slug: str, *, actor: str, origin: str, now: datetime) -> None:
        """Order a probe now, beside the check's slots. Raises NotFound, Conflict."""
        with self._store.begin() as transaction:
            transaction.run_now(slug, now)
            transaction.audit(actor, origin, "check.run", slug, {}, now)

    def _set_paused(self, slug: str, is_paused: bool, actor: str, origin: str, now: datetime) -> list[Due]:
        word = "pause" if is_paused else "resume"
        with self._store.begin() as transaction:
            has_changed, dues = transaction.set_paused(slug, is_paused, now)
            if not has_changed:
                raise Conflict(f"The check {slug!r} is {'paused' if is_paused else 'not paused'} already.")
            transaction.audit(actor, origin, f"check.{word}", slug, {}, now)
        log.info("check_paused" if is_paused else "check_resumed", check=slug, actor=actor)
        return dues


def _find_open(
    transaction: RespondingTransaction, alert_id: UUID, now: datetime, *, will_change_group: bool = False
) -> Target:
    target = transaction.alert(alert_id, now, will_change_group=will_change_group)
    if target is None:
        raise NotFound(f"There is no alert {alert_id}.")
    if target.resolved_at is not None:
        raise Conflict("This alert is resolved already.")
    return target


def _note(
    transaction: RespondingTransaction, target: Target, kind: EntryKind, actor: str, comment: str, now: datetime
) -> None:
    if target.incident_id is not None:
        detail = {"alerts": [target.name], "comment": comment}
        transaction.note(target.incident_id, Entry(kind, "by_a_person", actor, detail), now)
