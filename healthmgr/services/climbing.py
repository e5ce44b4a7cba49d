"""Carrying out the next level of an incident's policy: who is meant at this moment, and how each is reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import CarryOut, Climb, Exhausted, PassedLevel, Policy, Situation, next_step
from healthmgr.domain.incident import Incident
from healthmgr.domain.person import Person
from healthmgr.domain.plan import Target
from healthmgr.domain.timeline import Entry, EntryKind
from healthmgr.services.routing_ports import ClimbingTransaction, Telling


@dataclass(frozen=True, slots=True)
class Climbed:
    """One step of the climb: the incident after it, the level that was carried out, and when each target is told.

    `level` is the policy's number of levels where it is exhausted, and the default recipients are told.
    """

    incident: Incident
    level: int
    due_at: Mapping[Target, datetime] = field(default_factory=dict)

    def telling(self, like: Telling) -> Telling:
        """What is told by this step; everything else of it as in another telling of the same moment."""
        return replace(like, level=self.level, targets=list(self.due_at), due_at=self.due_at)


def climb(transaction: ClimbingTransaction, incident: Incident, policy: Policy, alerts: int, now: datetime) -> Climbed:
    """Carry out the level that is due, or the next one that means somebody; `alerts` counts those that fire."""
    windows = transaction.windows(sorted({name for level in policy.levels for name in level.when.during}))
    situation = Situation(incident.severity, alerts, now, windows)
    at = incident.climb
    for _ in range(len(policy.levels) + 1):
        step = next_step(policy, at, situation, lambda named: transaction.who_is(named, now))
        _note_passed(transaction, incident, step.passed, now)
        if isinstance(step, Exhausted):
            break
        due_at = reach(transaction, step.people, incident.severity, now, channels=step.level.channels)
        due_at |= {Target(channel, channel, ""): now for channel in step.channels}
        if due_at:
            after = replace(incident, climb=step.then, climb_at=now + step.wait)
            return Climbed(after, step.index, due_at)
        unreachable = Entry(EntryKind.LEVEL_PASSED, "nobody_has_a_contact", "", _named(step))
        transaction.note(incident.id, unreachable, now)
        at = step.then
    transaction.note(incident.id, Entry(EntryKind.EXHAUSTED, "policy_exhausted", "", {"policy": policy.name}), now)
    default = incident.plan.default
    last = Climb(len(policy.levels), policy.repeat)
    after = replace(incident, climb=last, climb_at=now + default.cadence)
    return Climbed(after, len(policy.levels), dict.fromkeys(default.targets, now))


def reach(
    transaction: ClimbingTransaction,
    people: Sequence[str],
    severity: Severity,
    now: datetime,
    *,
    channels: Sequence[str] = (),
) -> dict[Target, datetime]:
    """How these people are reached, and when: each contact in its turn, mild things after the quiet hours.

    `channels` are those that may be used, none: all. Who is not defined, or has no such contact, is left out.
    """
    due_at: dict[Target, datetime] = {}
    found = transaction.people(people)
    for name in people:
        person = found.get(name)
        if person is None:
            continue
        due_at |= due_over_contacts(person, severity, now, channels)
    return due_at


def due_over_contacts(
    person: Person, severity: Severity, now: datetime, channels: Sequence[str] = ()
) -> dict[Target, datetime]:
    """When this person is told over each of his contacts: in their turn, mild things after the quiet hours."""
    quiet_until = person.quiet_until(severity, now)
    due_at = {}
    for contact in person.reached_over(channels):
        at = now + contact.after
        due_at[Target(person.name, contact.channel, contact.address)] = max(at, quiet_until or at)
    return due_at


def _note_passed(
    transaction: ClimbingTransaction, incident: Incident, passed: Sequence[PassedLevel], now: datetime
) -> None:
    for level in passed:
        detail = {"level": level.level, "name": level.name}
        transaction.note(incident.id, Entry(EntryKind.LEVEL_PASSED, level.reason.value, "", detail), now)


def _named(step: CarryOut) -> dict[str, object]:
    return {"level": step.index, "name": step.level.name, "people": list(step.people)}
