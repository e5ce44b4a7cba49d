"""An incident that exists in memory alone: routing and escalating run on it as on rows, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid4

from healthmgr.domain.alerting import AlertingRules
from healthmgr.domain.dependency import Reachability, Reachable
from healthmgr.domain.directory import Directory, Grouping
from healthmgr.domain.dispatch import Due
from healthmgr.domain.escalation import Named
from healthmgr.domain.incident import Incident, Member
from healthmgr.domain.muting import Muted, Mutes
from healthmgr.domain.notification import Reason
from healthmgr.domain.person import Person
from healthmgr.domain.plan import Leg, Target
from healthmgr.domain.timeline import Entry
from healthmgr.domain.timewindow import TimeInterval
from healthmgr.services.escalating import EscalatingTransaction, Standing
from healthmgr.services.routing_ports import AppointingTransaction, Beginning, RoutingTransaction, Telling


class Lookups(Protocol):
    """What a simulation asks of the real installation; none of it changes anything."""

    def directory(self) -> Directory:
        """The routes as they are."""
        ...

    def who_is(self, named: Named, now: datetime) -> tuple[str, ...]:
        """The people whom a target means at a moment."""
        ...

    def people(self, names: Sequence[str]) -> Mapping[str, Person]:
        """Those of these people who are defined."""
        ...

    def windows(self, names: Sequence[str]) -> Mapping[str, Sequence[TimeInterval]]:
        """These time windows."""
        ...

    def mutes(self, now: datetime) -> Mutes:
        """All that mutes at a moment."""
        ...

    def closed(self, legs: Iterable[Leg], now: datetime) -> Mapping[str, datetime | None]:
        """The routes of these legs that hold their peace then."""
        ...


@dataclass
class Stage:
    """One group with its alerts and its incident. `said` and `told` are what happened, in order, and when."""

    lookups: Lookups
    rules: AlertingRules
    directory: Directory
    grouping: Grouping
    alerts: Sequence[Member]
    incident: Incident | None = None
    again_at: datetime | None = None
    said: list[tuple[datetime, Entry]] = field(default_factory=list)
    told: list[tuple[datetime, Telling]] = field(default_factory=list)
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @contextmanager
    def routing(self) -> Iterator[RehearsedRouting]:
        """What stands for a transaction of routing; there is nothing to commit."""
        yield RehearsedRouting(self)

    @contextmanager
    def escalating(self) -> Iterator[RehearsedEscalating]:
        """What stands for one of escalating."""
        yield RehearsedEscalating(self)


class _Rehearsed(AppointingTransaction):
    """What both have in common."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def who_is(self, named: Named, now: datetime) -> tuple[str, ...]:
        return self._stage.lookups.who_is(named, now)

    def people(self, names: Sequence[str]) -> Mapping[str, Person]:
        return self._stage.lookups.people(names)

    def windows(self, names: Sequence[str]) -> Mapping[str, Sequence[TimeInterval]]:
        return self._stage.lookups.windows(names)

    def mutes(self, now: datetime) -> Mutes:
        return self._stage.lookups.mutes(now)

    def closed(self, legs: Iterable[Leg], now: datetime) -> Mapping[str, datetime | None]:
        return self._stage.lookups.closed(legs, now)

    def roles(self, incident_id: UUID) -> Mapping[str, tuple[str, ...]]:
        return dict(self._stage.roles)

    def give_role(self, incident_id: UUID, role: str, person: str, by: str, now: datetime) -> None:
        self._stage.roles[role] = (person,)

    def next_round(self, incident: Incident) -> int:
        return len(self._stage.told)

    def note(self, incident_id: UUID, entry: Entry, now: datetime, *, once: bool = False) -> None:
        last = self._stage.said[-1][1] if self._stage.said else None
        if not (once and last is not None and (last.kind, last.reason) == (entry.kind, entry.reason)):
            self._stage.said.append((now, entry))

    def notify(self, telling: Telling, now: datetime) -> list[Due]:
        self._stage.told.append((now, telling))
        return []


class RehearsedRouting(_Rehearsed, RoutingTransaction):
    """Routing on a stage: every alert is its own, nothing explains it, and whatever is asked for is due."""

    def take(self, group_key: str, token: int, now: datetime) -> bool:
        return True

    def incident(self, group_key: str) -> Incident | None:
        return self._stage.incident

    def lapse(self, group_key: str, now: datetime) -> None:
        """Nobody answers."""

    def members(self, group_key: str, incident_id: UUID | None) -> list[Member]:
        return list(self._stage.alerts)

    def reachability(self, member: Member, now: datetime) -> Reachability:
        return Reachable()

    def hold_back(self, member: Member, muted: Muted | None, now: datetime) -> None:
        """Mutes are judged anew each time."""

    def suppress(self, member: Member, root_alert_id: UUID, now: datetime) -> None:
        """Nothing explains an alert that is made up."""

    def release(self, member: Member, now: datetime) -> None:
        """Nor does it have to be let go."""

    def begin(self, group_key: str, member: Member) -> Beginning:
        grouping, labels = self._stage.grouping, member.subject.labels
        plan = self._stage.directory.plan(labels)
        return Beginning(group_key, grouping.route, grouping.labels, member.severity, plan)

    def open_incident(self, beginning: Beginning, now: datetime) -> Incident:
        rules = self._stage.rules
        incident = Incident(
            id=uuid4(),
            number=0,
            severity=beginning.severity,
            episode=0,
            round=0,
            plan=beginning.plan,
            told=None,
            acknowledged_at=None,
            auto_acknowledge_at=rules.auto_acknowledge_at(now),
            auto_resolve_at=rules.auto_resolve_at(now),
        )
        self._stage.incident = incident
        return incident

    def reopen_incident(self, beginning: Beginning, since: datetime, now: datetime) -> Incident | None:
        return None

    def told_targets(self, incident_id: UUID, *, pages_only: bool = False) -> list[Target]:
        return list(dict.fromkeys(target for _, telling in self._stage.told for target in telling.targets))

    def supersede(self, incident_id: UUID, reason: Reason) -> None:
        """Nothing waits to be sent."""

    def save_incident(self, incident: Incident, member_ids: Sequence[UUID]) -> None:
        self._stage.incident = incident

    def join(self, incident_id: UUID, member_ids: Sequence[UUID]) -> None:
        """Nobody lists it."""

    def close_incident(self, incident_id: UUID, now: datetime) -> None:
        self._stage.incident = None

    def finish(self, group_key: str, again_at: datetime | None, reason: str, now: datetime) -> list[Due]:
        self._stage.again_at = again_at
        return []


class RehearsedEscalating(_Rehearsed, EscalatingTransaction):
    """Escalating on a stage: nobody answers, and every message arrives."""

    def take(self, incident_id: UUID, token: int, now: datetime) -> Incident | None:
        return self._stage.incident

    def standing(self, incident: Incident) -> Standing:
        return Standing([member.subject for member in self._stage.alerts], [])

    def was_anybody_reached(self, incident: Incident) -> bool:
        return any(telling.episode == incident.episode for _, telling in self._stage.told)

    def lapse(self, incident: Incident, now: datetime) -> None:
        """What was acknowledged by itself is taken back with the incident."""

    def acknowledge(self, incident: Incident, actor: str, until: datetime | None, now: datetime) -> list[Due]:
        return []

    def resolve_recovered(self, incident: Incident, now: datetime) -> list[Due]:
        return []

    def save(self, incident: Incident) -> None:
        self._stage.incident = incident
