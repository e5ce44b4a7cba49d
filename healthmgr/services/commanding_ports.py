"""What incident command asks of its store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from healthmgr.domain.dispatch import Due
from healthmgr.domain.incident import Incident
from healthmgr.domain.plan import Target
from healthmgr.services.routing_ports import AppointingTransaction, Telling


@dataclass(frozen=True, slots=True)
class Commanded:
    """An incident that is commanded, its row locked. `firing` and `resolved` are its alerts, `roles` who holds each."""

    incident: Incident
    group_key: str
    assignee: str | None
    acknowledged_by: str | None
    is_resolved: bool
    firing: Sequence[UUID] = ()
    resolved: Sequence[UUID] = ()
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        """The incident's id."""
        return self.incident.id

    @property
    def number(self) -> int:
        """What people call it by."""
        return self.incident.number


class CommandingTransaction(AppointingTransaction, Protocol):
    """One transaction of incident command; commits when its context ends well."""

    def take(self, incident_ids: Sequence[UUID], now: datetime, *, will_change_groups: bool = False) -> list[Commanded]:
        """Lock incidents, in an order that is the same for everybody; those that are there, in the order asked for.

        One that was merged is the one that it went into. With `will_change_groups` their groups are judged anew.
        """
        ...

    def take_role(self, incident_id: UUID, role: str, person: str) -> None:
        """Somebody no longer holds a role."""
        ...

    def assign(self, incident_id: UUID, person: str | None) -> None:
        """Whose it is from now on; None: nobody's."""
        ...

    def unacknowledge(self, incident_id: UUID, now: datetime) -> None:
        """Take back the marks on its open alerts."""
        ...

    def asked(self, commanded: Commanded) -> frozenset[str]:
        """Those whom the present level of its climb has told, without those who declined since."""
        ...

    def subscribers(self, incident_id: UUID) -> list[str]:
        """Who wants to hear of it."""
        ...

    def told_targets(self, incident_id: UUID) -> list[Target]:
        """Everybody who was told of it, or is about to be."""
        ...

    def save(self, incident: Incident) -> None:
        """Write an incident as it is now."""
        ...

    def notify(self, telling: Telling, now: datetime) -> list[Due]:
        """Insert the notifications."""
        ...

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        """Write who did what."""
        ...


class CommandingStore(Protocol):
    """Where incidents are."""

    def begin(self) -> AbstractContextManager[CommandingTransaction]:
        """Open a transaction."""
        ...


class CoordinatingTransaction(CommandingTransaction, Protocol):
    """One transaction on what surrounds an incident: tasks, subscribers, other incidents."""

    def add_task(self, incident_id: UUID, title: str, assignee: str, by: str, now: datetime) -> int:
        """A new task; its number within the incident, from 1 on."""
        ...

    def finish_task(self, incident_id: UUID, number: int, by: str, now: datetime) -> str | None:
        """A task is done; its title, None where there is none of this number that is open."""
        ...

    def subscribe(self, incident_id: UUID, person: str, now: datetime) -> bool:
        """Somebody wants to hear of it; False when he does already."""
        ...

    def unsubscribe(self, incident_id: UUID, person: str) -> bool:
        """Somebody does not want to hear of it any more; False when he did not."""
        ...

    def link(self, incident_id: UUID, other_id: UUID, kind: str, by: str, now: datetime) -> bool:
        """Say how two incidents belong together; False when that was said before."""
        ...

    def move_alerts(self, into: Commanded, other: Commanded, now: datetime) -> int:
        """Make the other's alerts alerts of this one, answered as this one is; how many are open."""
        ...

    def close(self, incident_id: UUID, by: str, now: datetime) -> None:
        """An incident is over; what nobody has begun to send of it is withdrawn."""
        ...


class CoordinatingStore(Protocol):
    """Where incidents are."""

    def begin(self) -> AbstractContextManager[CoordinatingTransaction]:
        """Open a transaction."""
        ...
