"""Who would be told, minute by minute, of an alert that nobody answers: the real routing and climbing, a moved clock.

The incident exists in memory alone. Nothing is sent, nothing is written, and no number is used up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import uuid4

from healthmgr.domain.alerting import AlertingRules
from healthmgr.domain.check import Severity, Status
from healthmgr.domain.command import BY_NAME
from healthmgr.domain.incident import Incident, Member
from healthmgr.domain.plan import Target
from healthmgr.domain.timeline import EntryKind
from healthmgr.domain.timeline_words import because, sentence
from healthmgr.errors import Conflict
from healthmgr.services.escalating import Escalating
from healthmgr.services.routing import Routing
from healthmgr.services.routing_ports import Telling
from healthmgr.services.simulating_memory import Lookups, Stage

MOST_ALERTS = 1000
LONGEST = timedelta(days=7)  # that anybody may ask for
MOST_TURNS = 2000

LookupsStore = Callable[[], AbstractContextManager[Lookups]]
Transaction_ = TypeVar("Transaction_")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that would happen. `recipient` is "" for what is only said; `waits` why a message is not at once."""

    at: datetime
    what: str
    recipient: str = ""
    channel: str = ""
    address: str = ""
    step: str = ""
    reason: str = ""
    waits: str = ""


@dataclass(frozen=True, slots=True)
class Simulation:
    """What would happen from `at` until `until`, in order. `is_whole` is False when there was too much of it."""

    at: datetime
    until: datetime
    labels: Mapping[str, str]
    group: str
    route: str
    lines: tuple[Line, ...]
    is_whole: bool = True


class Simulating:
    """Plays through what has not happened."""

    def __init__(self, lookups: LookupsStore, rules: AlertingRules) -> None:
        self._lookups = lookups
        self._rules = rules

    def simulate(
        self, labels: Mapping[str, str], severity: Severity, *, at: datetime, until: datetime, alerts: int = 1
    ) -> Simulation:
        """Who would be told of so many alerts with these labels that begin `at`, as long as nobody answers.

        Raises Conflict for a time that is over before it begins, and for far too many alerts.
        """
        if until <= at or not 1 <= alerts <= MOST_ALERTS:
            raise Conflict(f"Say an end behind the beginning, and 1 to {MOST_ALERTS} alerts.")
        with self._lookups() as lookups:
            directory = lookups.directory().with_interval(self._rules.group_interval)
            grouping = directory.grouping({"origin": "healthmgr", **labels}, severity)
            members = [_member(labels, severity, at) for _ in range(alerts)]
            stage = Stage(lookups, self._rules, directory, grouping, members)
            is_whole = self._play(stage, at + grouping.wait, until)
            lines = sorted((*_said(stage), *_told(stage)), key=lambda line: (line.at, bool(line.recipient)))
        return Simulation(
            at=at,
            until=until,
            labels={**labels, "severity": severity.value},
            group=grouping.key,
            route=grouping.route,
            lines=tuple(line for line in lines if line.at <= until),
            is_whole=is_whole,
        )

    def _play(self, stage: Stage, begins_at: datetime, until: datetime) -> bool:
        """Do what is due, at its time, again and again; False when it never came to the end."""
        routing = Routing(_Store(stage.routing), self._rules)
        escalating = Escalating(_Store(stage.escalating), self._rules)
        stage.again_at = begins_at
        for _ in range(MOST_TURNS):
            judged_at, climbed_at = stage.again_at, stage.incident.due_at if stage.incident else None
            now = min((at for at in (judged_at, climbed_at) if at is not None), default=None)
            if now is None or now > until:
                return True
            if now == judged_at:
                routing.dispatch(stage.grouping.key, 0, now)
            elif stage.incident is not None:
                escalating.advance(stage.incident.id, 0, now)
        return False


class _Store(Generic[Transaction_]):
    """What stands for the store of a service."""

    def __init__(self, begin: Callable[[], AbstractContextManager[Transaction_]]) -> None:
        self._begin = begin

    def begin(self) -> AbstractContextManager[Transaction_]:
        """Open what stands for a transaction."""
        return self._begin()


def _member(labels: Mapping[str, str], severity: Severity, at: datetime) -> Member:
    return Member(
        id=uuid4(),
        check_id=None,
        severity=severity,
        status=Status.UNHEALTHY,
        is_flapping=False,
        opened_at=at,
        failed_at=at,
        last_result_at=at,
        name=labels.get("check", "an alert"),
        origin="healthmgr",
        labels=labels,
    )


def _said(stage: Stage) -> Iterator[Line]:
    """What the timeline would tell, but for what the messages show better."""
    for at, entry in stage.said:
        if entry.kind is not EntryKind.TOLD:
            yield Line(at, sentence(entry.kind, entry.reason, entry.actor, entry.detail), reason=entry.reason)


def _told(stage: Stage) -> Iterator[Line]:
    known: set[tuple[Any, ...]] = set()
    incident = stage.incident
    for at, telling in stage.told:
        for target in telling.targets:
            # As the rows do: one message of a round to one person over one channel.
            key = (telling.episode, telling.level, telling.round, telling.kind, target.recipient, target.channel)
            if key in known:
                continue
            known.add(key)
            due_at = telling.due_at.get(target, at)
            yield Line(
                at=due_at,
                what=f"{target.recipient} over {target.channel}",
                recipient=target.recipient,
                channel=target.channel,
                address=target.address,
                step=_step(telling, incident),
                reason=because(telling.reason.value),
                waits=_waits(stage, telling, target, at, due_at),
            )


def _step(telling: Telling, incident: Incident | None) -> str:
    """By what somebody is told: a level, a route of the plan, the rule for a commander, or the default route."""
    if telling.level == BY_NAME:
        return "commander"
    policy = incident.plan.course(telling.severity).policy if incident else None
    if policy is None or not telling.due_at:
        return "route"
    if telling.level >= len(policy.levels):
        return "default route"
    return policy.levels[telling.level].name or f"level {telling.level + 1}"


def _waits(stage: Stage, telling: Telling, target: Target, at: datetime, due_at: datetime) -> str:
    if due_at <= at:
        return ""
    person = stage.lookups.people([target.recipient]).get(target.recipient)
    quiet_until = person.quiet_until(telling.severity, at) if person else None
    return "quiet hours" if quiet_until is not None and quiet_until >= due_at else "their next contact"
