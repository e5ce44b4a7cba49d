"""What a person does: acknowledge, resolve, pause, resume, run now. Everything leaves an audit entry."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog

from healthmgr.domain.dispatch import Due
from healthmgr.errors import Conflict, NotFound

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """An alert that a person acts on, its row locked."""

    id: UUID
    check_slug: str
    incident_id: UUID | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None


class RespondingTransaction(Protocol):
    """One transaction of a person's action; commits when its context ends well."""

    def alert(self, alert_id: UUID) -> Target | None:
        """Lock an alert, and its incident before it."""
        ...

    def acknowledge(self, target: Target, actor: str, now: datetime) -> None:
        """Mark the alert; when it was its incident's last unanswered one, stop the climb, withdraw what is unsent."""
        ...

    def resolve(self, target: Target, actor: str, now: datetime) -> list[Due]:
        """Close the alert by hand; those who were told are told."""
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
    """Carries out people's actions. Reminders need not be sent: the sweep finds what became due."""

    def __init__(self, store: RespondingStore) -> None:
        self._store = store

    def acknowledge(self, alert_id: UUID, *, actor: str, origin: str, now: datetime, comment: str = "") -> None:
        """Someone has it in hand: no further notification of it is claimed after this commit.

        Raises NotFound, and Conflict for an alert that is resolved or acknowledged already.
        """
        with self._store.begin() as transaction:
            target = _find(transaction, alert_id)
            if target.acknowledged_at is not None:
                raise Conflict(f"This alert was acknowledged by {target.acknowledged_by} before.")
            transaction.acknowledge(target, actor, now)
            transaction.audit(actor, origin, "alert.acknowledge", str(alert_id), {"comment": comment}, now)
        log.info("alert_acknowledged", alert=str(alert_id), check=target.check_slug, actor=actor)

    def resolve(self, alert_id: UUID, *, actor: str, origin: str, now: datetime, comment: str = "") -> list[Due]:
        """Close an alert by hand: it stays closed until its check changes, or an hour later if that is still bad.

        Raises NotFound, and Conflict for an alert that is resolved already.
        """
        with self._store.begin() as transaction:
            target = _find(transaction, alert_id)
            dues = transaction.resolve(target, actor, now)
            transaction.audit(actor, origin, "alert.resolve", str(alert_id), {"comment": comment}, now)
        log.info("alert_resolved", alert=str(alert_id), check=target.check_slug, actor=actor)
        return dues

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


def _find(transaction: RespondingTransaction, alert_id: UUID) -> Target:
    target = transaction.alert(alert_id)
    if target is None:
        raise NotFound(f"There is no alert {alert_id}.")
    if target.resolved_at is not None:
        raise Conflict("This alert is resolved already.")
    return target
