"""The promises that healthmgr makes of itself as figures, and alerts that people say were none."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog

from healthmgr.domain.delivery_time import Percentiles
from healthmgr.domain.dispatch import Due
from healthmgr.domain.promises import ORIGIN, OVER, Candidate, Facts, Figure, Pause, concern, figures
from healthmgr.domain.promises import over as over_now
from healthmgr.errors import Conflict, DefinitionError, Problem
from healthmgr.services.admitting import Admitting

log = structlog.get_logger(__name__)

LONGEST = timedelta(days=90)
MOST_CANDIDATES = 20
MOST_PAUSES = 20


@dataclass(frozen=True, slots=True)
class Mark:
    """Somebody's word that an alert was none."""

    alert_id: UUID
    marked_by: str
    marked_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """How it stands with the promises over so many seconds.

    `from_first_bad` is how long after the start of their first bad probe critical problems were known. `candidates`
    are the newest alerts that may have been false and that nobody has marked, of `candidate_count`. `pauses` are the
    newest times in which healthmgr was not running: they are no loss of alerting.
    """

    over: float
    figures: Sequence[Figure]
    from_first_bad: Percentiles | None
    candidates: Sequence[Candidate]
    candidate_count: int
    pauses: Sequence[Pause]


class PromisingTransaction(Protocol):
    """One transaction about promises; commits when its context ends well."""

    def facts(self, over: timedelta, now: datetime) -> Facts:
        """What happened within this length of time."""
        ...

    def candidates(self, over: timedelta, now: datetime, limit: int) -> Sequence[Candidate]:
        """Alerts that may have been false and that nobody marked, the newest first."""
        ...

    def open_names(self, origin: str) -> set[str]:
        """The promises with an open alert of this origin."""
        ...

    def mark(self, alert_id: UUID) -> Mark | None:
        """An alert's mark. Raises NotFound where there is no such alert; it is locked."""
        ...

    def put(self, mark: Mark) -> None:
        """Write a mark."""
        ...

    def take_back(self, alert_id: UUID) -> None:
        """Remove a mark."""
        ...

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        """Write who did what."""
        ...


class PromisingStore(Protocol):
    """Where what happened is."""

    def begin(self) -> AbstractContextManager[PromisingTransaction]:
        """Open a transaction."""
        ...


class Promising:
    """What is promised, and what became of it."""

    def __init__(self, store: PromisingStore, admitting: Admitting) -> None:
        self._store = store
        self._admitting = admitting

    def figures(self, now: datetime, over: timedelta = OVER) -> Sequence[Figure]:
        """How it stands with each promise. Raises DefinitionError for a length that nothing can be said of."""
        with self._store.begin() as transaction:
            return figures(transaction.facts(_judged(over), now))

    def report(self, now: datetime, over: timedelta = OVER) -> Report:
        """The same, with what may be looked at besides. Raises as `figures` does."""
        with self._store.begin() as transaction:
            facts = transaction.facts(_judged(over), now)
            candidates = transaction.candidates(over, now, MOST_CANDIDATES)
        return Report(
            over=over.total_seconds(),
            figures=figures(facts),
            from_first_bad=facts.detections.from_first_bad,
            candidates=candidates,
            candidate_count=facts.candidates,
            pauses=facts.pauses[:MOST_PAUSES],
        )

    def review(self, now: datetime) -> Sequence[Due]:
        """Open, renew and end the alerts about promises; the reminders to send once this has returned."""
        with self._store.begin() as transaction:
            found = {one.name.value: concern(one, now) for one in figures(transaction.facts(OVER, now))}
            still_open = transaction.open_names(ORIGIN)
        broken = [alert for alert in found.values() if alert is not None]
        ended = [over_now(name, now) for name in sorted(still_open) if found.get(name) is None]
        if broken:
            log.warning("promises_not_kept", promises=[name for name, alert in found.items() if alert is not None])
        return self._admitting.admit([*broken, *ended], ORIGIN, now) if broken or ended else []

    def mark_false(self, alert_id: UUID, *, why: str, actor: str, origin: str, now: datetime) -> Mark:
        """Say that an alert was none, open or over; said again, the last word holds. Nobody is told of it.

        Raises NotFound.
        """
        mark = Mark(alert_id, actor, now, why)
        with self._store.begin() as transaction:
            transaction.mark(alert_id)
            transaction.put(mark)
            transaction.audit(actor, origin, "alert.marked_false", str(alert_id), {"comment": why}, now)
        log.info("alert_marked_false", alert=str(alert_id), actor=actor)
        return mark

    def unmark(self, alert_id: UUID, *, actor: str, origin: str, now: datetime) -> None:
        """Take that back. Raises NotFound, and Conflict where nobody has said so."""
        with self._store.begin() as transaction:
            if transaction.mark(alert_id) is None:
                raise Conflict("Nobody has marked this alert as false.")
            transaction.take_back(alert_id)
            transaction.audit(actor, origin, "alert.unmarked", str(alert_id), {}, now)


def _judged(over: timedelta) -> timedelta:
    if not timedelta(minutes=1) <= over <= LONGEST:
        raise DefinitionError([Problem(f"say a length from 1m to {LONGEST.days}d", path="over")])
    return over
