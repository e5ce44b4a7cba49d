"""Who is told of an incident, and how patiently: frozen into it when it opens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import Policy
from healthmgr.domain.routing_tree import GROUP_INTERVAL, Options


@dataclass(frozen=True, slots=True)
class Target:
    """One recipient over one channel, at one address ("" where the channel is the address)."""

    recipient: str
    channel: str
    address: str


@dataclass(frozen=True, slots=True)
class Leg:
    """What one matched route adds: whom it tells, how often again, and whether of the end as well.

    `route` is its path from the root; `receiver` the name of whom it tells ("" where the route says it itself);
    `policy` is climbed besides, level by level.
    """

    route: str
    targets: tuple[Target, ...]
    cadence: timedelta
    receiver: str = ""
    policy: Policy | None = None
    sends_resolved: bool = True
    mute_during: tuple[str, ...] = ()
    active_during: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Course:
    """How an incident is told at one severity: its legs in the order of their routes, the deciding one last."""

    legs: tuple[Leg, ...]
    group_interval: timedelta = GROUP_INTERVAL

    @property
    def policy(self) -> Policy | None:
        """The policy that is climbed: that of the leg nearest to the deciding one."""
        return next((leg.policy for leg in reversed(self.legs) if leg.policy is not None), None)

    @property
    def telling_legs(self) -> tuple[Leg, ...]:
        """The legs that tell somebody by themselves, whatever the policy does."""
        return tuple(leg for leg in self.legs if leg.targets)

    @property
    def targets(self) -> tuple[Target, ...]:
        """Everybody who is told, each once."""
        return tuple(dict.fromkeys(target for leg in self.legs for target in leg.targets))

    def next_round_at(
        self, told_at: Mapping[str, datetime], closed: Mapping[str, datetime | None], now: datetime
    ) -> datetime | None:
        """When the next of its legs is due to be told again; None where a policy alone tells.

        A leg that holds its peace now, and those alone are in `closed`, is due when that ends; one that was never
        told counts from now.
        """
        dues = [
            max(told_at.get(leg.route, now) + leg.cadence, now)
            if leg.route not in closed
            else closed[leg.route] or now + leg.cadence
            for leg in self.telling_legs
        ]
        return min(dues, default=None if self.policy else now + Options().cadence)

    def due_legs(self, told_at: Mapping[str, datetime], now: datetime) -> tuple[Leg, ...]:
        """The legs whose turn it is; all of them when a round was asked for ahead of its time."""
        legs = self.telling_legs
        due = tuple(leg for leg in legs if leg.route not in told_at or told_at[leg.route] + leg.cadence <= now)
        return due or legs


@dataclass(frozen=True, slots=True)
class Plan:
    """The course for each severity, and the catch-all that is told when a course reaches nobody."""

    by_severity: Mapping[Severity, Course]
    default: Leg

    def course(self, severity: Severity) -> Course:
        """The course at a severity; the catch-all's where it would reach nobody."""
        found = self.by_severity.get(severity, Course(()))
        return found if found.targets or found.policy else Course((self.default,), found.group_interval)

    def hears_of_the_end(self, target: Target) -> bool:
        """Whether somebody who was told of the problem is told that it is over: unless his every route says no."""
        legs = [leg for course in self.by_severity.values() for leg in course.legs if target in leg.targets]
        return not legs or any(leg.sends_resolved for leg in legs)

    def to_document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "by_severity": {
                severity.value: {
                    "legs": [_leg_to_document(leg) for leg in course.legs],
                    "group_interval": course.group_interval.total_seconds(),
                }
                for severity, course in self.by_severity.items()
            },
            "default": _leg_to_document(self.default),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Plan:
        """From what `to_document` gave."""
        courses = {
            Severity(name): Course(
                tuple(_leg_from_document(leg) for leg in course["legs"]), timedelta(seconds=course["group_interval"])
            )
            for name, course in document["by_severity"].items()
        }
        return cls(courses, _leg_from_document(document["default"]))


def _leg_to_document(leg: Leg) -> dict[str, Any]:
    return {
        "route": leg.route,
        "receiver": leg.receiver,
        "targets": [[t.recipient, t.channel, t.address] for t in leg.targets],
        "cadence": leg.cadence.total_seconds(),
        "policy": leg.policy.to_document() if leg.policy else None,
        "sends_resolved": leg.sends_resolved,
        "mute_during": list(leg.mute_during),
        "active_during": list(leg.active_during),
    }


def _leg_from_document(document: Mapping[str, Any]) -> Leg:
    return Leg(
        route=document["route"],
        targets=tuple(Target(*target) for target in document["targets"]),
        cadence=timedelta(seconds=document["cadence"]),
        receiver=document["receiver"],
        policy=Policy.from_document(document["policy"]) if document.get("policy") else None,
        sends_resolved=document["sends_resolved"],
        mute_during=tuple(document["mute_during"]),
        active_during=tuple(document["active_during"]),
    )
