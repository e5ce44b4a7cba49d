"""Acknowledging many incidents in one call: somebody has all of a storm in hand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog

from healthmgr.domain.hits import OpenAlert
from healthmgr.domain.matcher import Matcher
from healthmgr.domain.timeline import Entry, EntryKind
from healthmgr.services.answering import judge_until

log = structlog.get_logger(__name__)

_MOST_AUDITED = 1000  # numbers named in the audit entry; the timelines say it of every incident


class AnsweringManyTransaction(Protocol):
    """One transaction of answering many incidents; commits when its context ends well."""

    def unanswered_alerts(self) -> Sequence[OpenAlert]:
        """The open alerts that nobody has acknowledged, and all of an incident that is in nobody's hands."""
        ...

    def acknowledge(
        self, incident_ids: Collection[UUID] | None, entry: Entry, until: datetime | None, now: datetime
    ) -> list[int]:
        """Those of these that are still open: mark all alerts, stop the climbs, withdraw what nobody has begun to send.

        None: all that have such an alert. Who hears of answers is told. `entry` goes on every timeline; its
        actor has them in hand. Gives their numbers.
        """
        ...

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        """Write who did what."""
        ...


class AnsweringManyStore(Protocol):
    """Where incidents are."""

    def begin(self) -> AbstractContextManager[AnsweringManyTransaction]:
        """Open a transaction."""
        ...


class AnsweringMany:
    """Carries out one answer to many incidents."""

    def __init__(self, store: AnsweringManyStore) -> None:
        self._store = store

    def count(self, matchers: Sequence[Matcher]) -> int:
        """How many incidents an answer with these matchers would be to now; nothing is changed."""
        with self._store.begin() as transaction:
            return len(_meant(transaction, matchers))

    def acknowledge(
        self,
        matchers: Sequence[Matcher],
        *,
        actor: str,
        origin: str,
        now: datetime,
        comment: str = "",
        until: datetime | None = None,
    ) -> list[int]:
        """Somebody has them in hand, in one commit: every open incident with an unanswered alert that fits.

        All matchers have to fit one alert; none: all incidents. Gives their numbers, none where nothing fits.
        Raises Conflict for an end that is over.
        """
        judge_until(until, now)
        detail = {"comment": comment, "until": until.isoformat() if until else None}
        with self._store.begin() as transaction:
            meant = _meant(transaction, matchers) if matchers else None
            entry = Entry(EntryKind.ACKNOWLEDGED, "by_a_person", actor, detail)
            numbers = transaction.acknowledge(meant, entry, until, now)
            if numbers:
                named = {"matchers": [str(matcher) for matcher in matchers], "incidents": numbers[:_MOST_AUDITED]}
                transaction.audit(
                    actor, origin, "incident.acknowledge", "many", detail | named | {"count": len(numbers)}, now
                )
        log.info("incidents_answered", count=len(numbers), actor=actor)
        return numbers


def _meant(transaction: AnsweringManyTransaction, matchers: Sequence[Matcher]) -> Collection[UUID]:
    return {
        alert.incident_id
        for alert in transaction.unanswered_alerts()
        if alert.incident_id is not None and _fits(alert, matchers)
    }


def _fits(alert: OpenAlert, matchers: Sequence[Matcher]) -> bool:
    labels = alert.subject.labels
    return all(matcher.matches(labels) for matcher in matchers)
