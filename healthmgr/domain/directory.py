"""Whom a route reaches: receivers, people's contacts and channels; and the plan that follows for an alert."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import timedelta

from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import Policy
from healthmgr.domain.plan import Course, Leg, Plan, Target
from healthmgr.domain.routing_tree import Match, Options, Route, group_key, group_labels, walk


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whom to tell, by a name: recipients over channels, an escalation policy, and whether of the end as well."""

    name: str
    recipients: tuple[str, ...]
    channels: tuple[str, ...]
    sends_resolved: bool = True
    escalation: str = ""


@dataclass(frozen=True, slots=True)
class Grouping:
    """Where an alert goes: the route that decides, the group that it is told with, and how long it waits there."""

    route: str
    key: str
    labels: Mapping[str, str]
    wait: timedelta


@dataclass(frozen=True, slots=True)
class Directory:
    """The routes as they are now with all that they name.

    `contacts` holds each recipient's address by channel; `channels` are those that are enabled.
    """

    root: Route
    receivers: Mapping[str, Receiver] = field(default_factory=dict)
    contacts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    channels: Set[str] = frozenset()
    policies: Mapping[str, Policy] = field(default_factory=dict)

    def matches(self, labels: Mapping[str, str]) -> tuple[Match, ...]:
        """The routes of an alert with these labels, its severity among them; the last one decides."""
        return walk(self.root, labels)

    def grouping(self, labels: Mapping[str, str], severity: Severity) -> Grouping:
        """Where an alert with these labels goes."""
        deciding = self.matches({**labels, "severity": severity.value})[-1]
        return Grouping(
            route=deciding.name,
            key=group_key(deciding, labels),
            labels=group_labels(deciding, labels),
            wait=deciding.route.options.wait(severity),
        )

    def plan(self, labels: Mapping[str, str]) -> Plan:
        """Who is told of an incident that an alert with these labels opens, at each severity that it may reach."""
        courses = {severity: self.course({**labels, "severity": severity.value}) for severity in Severity}
        root = Match((self.root.name,), self.root)
        return Plan(courses, self.leg(root))

    def course(self, labels: Mapping[str, str]) -> Course:
        """How an alert with these labels is told."""
        matches = self.matches(labels)
        return Course(tuple(self.leg(match) for match in matches), matches[-1].route.options.interval)

    def leg(self, match: Match) -> Leg:
        """What a matched route adds to a plan."""
        route, receiver = match.route, self.receiver(match.route)
        return Leg(
            route=match.name,
            receiver=route.receiver,
            targets=self.targets(receiver),
            cadence=route.options.cadence,
            policy=self.policies.get(receiver.escalation),
            sends_resolved=receiver.sends_resolved,
            mute_during=route.mute_during,
            active_during=route.active_during,
        )

    def receiver(self, route: Route) -> Receiver:
        """Whom a route tells: by name, or as it says itself."""
        own = Receiver("", route.to, route.via, escalation=route.escalation)
        named = self.receivers.get(route.receiver)
        return own if named is None else replace(named, escalation=route.escalation or named.escalation)

    def targets(self, receiver: Receiver) -> tuple[Target, ...]:
        """Each recipient over those of the channels that he has a contact on.

        Where the channel itself is the address, several recipients share one message.
        """
        found: dict[tuple[str, str], Target] = {}
        for recipient in receiver.recipients:
            for channel in receiver.channels:
                address = self.contacts.get(recipient, {}).get(channel)
                if address is not None and channel in self.channels:
                    found.setdefault((channel, address), Target(recipient, channel, address))
        return tuple(found.values())

    def with_interval(self, group_interval: timedelta) -> Directory:
        """The same, for an installation whose groups have another interval where routes do not say one."""
        options = self.root.options.over(Options(group_interval=group_interval))
        return replace(self, root=replace(self.root, options=options))
