"""The climb: whom an escalation policy tells next, and when; pure, and the same for the real thing and a simulation.

Level 0 is told at once, or when its policy's time to begin has come; level n + 1 is due its delay after level n was
carried out. A level whose conditions do not
hold, or at which nobody is on call, is passed at once, never waited for. After the last level the policy may begin
again some times; then it is exhausted, and the default recipients are told until somebody answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from healthmgr.domain.check import Severity
from healthmgr.domain.timewindow import TimeInterval

DEFAULT_DELAY = timedelta(minutes=10)
MOST_LEVELS = 20
MOST_REPEATS = 100


class TargetKind(StrEnum):
    """What a level names."""

    PERSON = "person"
    TEAM = "team"
    SCHEDULE = "schedule"
    CHANNEL = "channel"


class Passed(StrEnum):
    """Why a level was passed."""

    NOBODY_ON_CALL = "nobody_on_call"
    SEVERITY = "not_for_this_severity"
    HOURS = "not_at_this_time"
    TOO_FEW = "too_few_alerts"


@dataclass(frozen=True, slots=True)
class Named:
    """One target of a level as it is written, such as "schedule:primary" or "team:payments"."""

    kind: TargetKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Named:
        """From its text; a name alone is a person's. Raises ValueError."""
        kind, colon, name = text.partition(":")
        if not colon:
            kind, name = TargetKind.PERSON.value, text
        if kind not in list(TargetKind) or not name.strip():
            kinds = ", ".join(TargetKind)
            raise ValueError(
                f"{text!r} is no target: write a person's name, or one of {kinds} with a name, as team:web"
            )
        return cls(TargetKind(kind), name.strip())


@dataclass(frozen=True, slots=True)
class Conditions:
    """When a level is carried out; what is left out does not matter. `during` names time windows."""

    severities: tuple[Severity, ...] = ()
    during: tuple[str, ...] = ()
    at_least_alerts: int = 0

    def passed(self, situation: Situation) -> Passed | None:
        """Why a level with these conditions is passed now; None when they hold."""
        if self.severities and situation.severity not in self.severities:
            return Passed.SEVERITY
        intervals = [interval for name in self.during for interval in situation.windows.get(name, ())]
        if intervals and not any(interval.contains(situation.now) for interval in intervals):
            return Passed.HOURS
        return Passed.TOO_FEW if situation.alerts < self.at_least_alerts else None


@dataclass(frozen=True, slots=True)
class Level:
    """Whom one level tells, over which channels (none: each person's own), and how long after the level before."""

    name: str
    targets: tuple[Named, ...]
    delay: timedelta = DEFAULT_DELAY
    channels: tuple[str, ...] = ()
    when: Conditions = Conditions()


@dataclass(frozen=True, slots=True)
class Policy:
    """The levels in order, and how many times they begin again after the last one.

    `begins_after` is how long after the incident was routed the first level is told.
    """

    name: str
    levels: tuple[Level, ...]
    repeat: int = 0
    begins_after: timedelta = timedelta(0)

    @property
    def lap_delay(self) -> timedelta:
        """How long after its last level a policy begins again."""
        return self.levels[0].delay or DEFAULT_DELAY

    def to_document(self) -> dict[str, Any]:
        """The form in which it is stored, and frozen into incidents."""
        return {
            "name": self.name,
            "levels": [_to_document(level) for level in self.levels],
            "repeat": self.repeat,
            "begins_after": self.begins_after.total_seconds(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Policy:
        """The reverse of to_document."""
        levels = tuple(_from_document(level) for level in document["levels"])
        begins_after = timedelta(seconds=document.get("begins_after", 0))
        return cls(document["name"], levels, document["repeat"], begins_after)


@dataclass(frozen=True, slots=True)
class Climb:
    """How far an incident has climbed: the level that comes next, and how often the policy has begun again."""

    level: int = 0
    lap: int = 0

    @property
    def is_at_its_beginning(self) -> bool:
        """Whether no level was told yet."""
        return self.level == 0 and self.lap == 0


@dataclass(frozen=True, slots=True)
class Situation:
    """What conditions look at: the incident's severity, its firing alerts, the time, and the windows by name."""

    severity: Severity
    alerts: int
    now: datetime
    windows: Mapping[str, Sequence[TimeInterval]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PassedLevel:
    """A level that was passed, and why."""

    level: int
    name: str
    reason: Passed


@dataclass(frozen=True, slots=True)
class CarryOut:
    """This level is told now. `then` is where the climb stands after it, due `wait` later; None: exhausted then."""

    index: int
    level: Level
    people: tuple[str, ...]
    channels: tuple[str, ...]
    passed: tuple[PassedLevel, ...]
    then: Climb
    wait: timedelta


@dataclass(frozen=True, slots=True)
class Exhausted:
    """No level is left: the default recipients are told from here on."""

    passed: tuple[PassedLevel, ...]


Step = CarryOut | Exhausted
# The people whom a target means at this moment: for a schedule, those who are on call.
WhoIs = Callable[[Named], tuple[str, ...]]


def is_exhausted(policy: Policy, climb: Climb) -> bool:
    """Whether every level has had its turn, as often as the policy begins again."""
    return climb.level >= len(policy.levels) and climb.lap >= policy.repeat


def next_step(policy: Policy, climb: Climb, situation: Situation, who_is: WhoIs) -> Step:
    """What the climb does now. Each level is looked at once at most, so that it always ends."""
    passed: list[PassedLevel] = []
    at = climb
    for _ in range(len(policy.levels)):
        if at.level >= len(policy.levels):
            if at.lap >= policy.repeat:
                break
            at = Climb(0, at.lap + 1)
        level = policy.levels[at.level]
        reason = level.when.passed(situation)
        people: tuple[str, ...] = ()
        channels: tuple[str, ...] = ()
        if reason is None:
            people = tuple(
                dict.fromkeys(
                    p for named in level.targets if named.kind is not TargetKind.CHANNEL for p in who_is(named)
                )
            )
            channels = tuple(named.name for named in level.targets if named.kind is TargetKind.CHANNEL)
            reason = None if people or channels else Passed.NOBODY_ON_CALL
        if reason is None:
            then, wait = _after(policy, at)
            return CarryOut(at.level, level, people, channels, tuple(passed), then, wait)
        passed.append(PassedLevel(at.level, level.name, reason))
        at = Climb(at.level + 1, at.lap)
    return Exhausted(tuple(passed))


def _after(policy: Policy, at: Climb) -> tuple[Climb, timedelta]:
    following = at.level + 1
    if following < len(policy.levels):
        return Climb(following, at.lap), policy.levels[following].delay
    return Climb(following, at.lap), policy.lap_delay


def _to_document(level: Level) -> dict[str, Any]:
    return {
        "name": level.name,
        "targets": [str(named) for named in level.targets],
        "delay": level.delay.total_seconds(),
        "channels": list(level.channels),
        "severities": [severity.value for severity in level.when.severities],
        "during": list(level.when.during),
        "at_least_alerts": level.when.at_least_alerts,
    }


def _from_document(document: Mapping[str, Any]) -> Level:
    when = Conditions(
        tuple(Severity(name) for name in document["severities"]),
        tuple(document["during"]),
        document["at_least_alerts"],
    )
    return Level(
        document["name"],
        tuple(Named.parse(text) for text in document["targets"]),
        timedelta(seconds=document["delay"]),
        tuple(document["channels"]),
        when,
    )
