"""Going on until someone answers: the next round of an incident that nobody has acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog

from healthmgr.domain.dispatch import Due
from healthmgr.domain.incident import Incident
from healthmgr.domain.message import MessageKind
from healthmgr.domain.notification import Decision, Drop, Reason, Send
from healthmgr.services.routing import Telling

log = structlog.get_logger(__name__)


class EscalatingTransaction(Protocol):
    """One transaction of escalating; commits when its context ends well."""

    def take(self, incident_id: UUID, token: int, now: datetime) -> Incident | None:
        """Lock an incident whose next round is due; None when the token has moved on, or it is answered."""
        ...

    def content(self, incident: Incident) -> dict[str, Any]:
        """Which of the incident's alerts fire and which are resolved."""
        ...

    def was_anybody_reached(self, incident: Incident) -> bool:
        """Whether any notification of the present episode was accepted by its provider."""
        ...

    def save(self, incident: Incident, due_at: datetime, now: datetime) -> None:
        """Write the round and when the next one is due."""
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
    """Carries out the rounds of incidents."""

    def __init__(self, store: EscalatingStore) -> None:
        self._store = store

    def advance(self, incident_id: UUID, token: int, now: datetime) -> tuple[Decision, Sequence[Due]]:
        """Tell an unanswered incident once more and set when the round after is due, in one commit."""
        with self._store.begin() as transaction:
            incident = transaction.take(incident_id, token, now)
            if incident is None:
                return Drop(Reason.NOT_MINE), []
            reached = transaction.was_anybody_reached(incident)
            reason = Reason.REPEAT if reached else Reason.NOBODY_REACHED
            # Whoever could not be reached on a route's own channels is not asked there for ever.
            route = incident.plan.route(incident.severity)
            targets = route.targets if reached else dict.fromkeys((*route.targets, *incident.plan.default.targets))
            incident = replace(incident, round=incident.round + 1)
            transaction.save(incident, now + route.repeat_interval, now)
            dues = transaction.notify(
                Telling(
                    incident_id=incident.id,
                    episode=incident.episode,
                    level=0,
                    round=incident.round,
                    kind=MessageKind.PROBLEM,
                    reason=reason,
                    severity=incident.severity,
                    targets=tuple(targets),
                    content=transaction.content(incident),
                ),
                now,
            )
        log.info("incident_told_again", incident=incident.number, round=incident.round, reason=reason.value)
        return Send(reason, MessageKind.PROBLEM), dues
