"""Whether an instance of a service should be given work, and how much: what its checks say, and what people want.

An instance is what the checks of one service watch that have the same label `instance`; a check without that label is
an instance of its own, called like its slug. The hard state decides, as it does for alerts: `max_attempts` and
`retry_interval` say how soon an instance goes, `success_threshold` how soon it comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from healthmgr.domain.check import Status

LABEL = "instance"
WHOLE = 100  # percent of the work that an instance would get


class Wanted(StrEnum):
    """What people, or the steps of a runbook, want of an instance."""

    ENABLED = "enabled"
    DRAINED = "drained"


class Cause(StrEnum):
    """Why an instance is in service or not; the worst of its checks decides."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    NEVER_SEEN_HEALTHY = "never_seen_healthy"
    RECOVERING = "recovering"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Key:
    """An instance of a service; as text `service/instance`."""

    service: str
    instance: str

    def __str__(self) -> str:
        return f"{self.service}/{self.instance}"


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of one check of an instance.

    `earlier_status` is the last hard status before the present one that was not "could not tell", None where there was
    none. `alert_status` is the status that its open alert tells of.
    """

    check: str
    status: Status
    is_hard: bool
    hard_status: Status
    was_probed: bool
    successes: int
    success_threshold: int
    is_paused: bool = False
    earlier_status: Status | None = None
    alert_status: Status | None = None
    last_result_at: datetime | None = None

    @property
    def is_awaiting_successes(self) -> bool:
        """It was down, and has not given as many good results in a row as its check asks for."""
        return self.alert_status is Status.UNHEALTHY and self.successes < self.success_threshold

    @property
    def is_in_doubt(self) -> bool:
        """Nothing new can be said of it: its probes cannot tell, or nobody probes."""
        return self.is_paused or (self.was_probed and self.status is Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Wish:
    """What was last wanted of an instance: by whom, since when, until when (None: until something else is) and why."""

    wanted: Wanted
    by: str
    at: datetime
    until: datetime | None = None
    reason: str = ""

    def drains(self, now: datetime) -> bool:
        """Whether the instance shall finish what it has, and be given nothing new."""
        return self.wanted is Wanted.DRAINED and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Instance:
    """All that is known of an instance."""

    key: Key
    beliefs: Sequence[Belief] = field(default_factory=tuple)
    wish: Wish | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a balancer is told. `weight` is in percent, 0 out of service; `is_up` what the checks say by themselves."""

    weight: int
    is_up: bool
    is_drained: bool
    is_in_doubt: bool
    cause: Cause

    @property
    def is_in_service(self) -> bool:
        """Whether it is given anything new."""
        return self.weight > 0


@dataclass(frozen=True, slots=True)
class Seen:
    """An instance, and what a balancer is told of it."""

    instance: Instance
    answer: Answer

    @property
    def key(self) -> Key:
        """Which instance of which service."""
        return self.instance.key


# The worst first.
_BY_BADNESS = (Cause.UNHEALTHY, Cause.RECOVERING, Cause.NEVER_SEEN_HEALTHY, Cause.DEGRADED, Cause.HEALTHY)


def decide(instance: Instance, now: datetime, degraded_weight: int) -> Answer:
    """What a balancer is told of an instance; `degraded_weight` is the percentage for one that is degraded.

    One that was never seen healthy is not in service; one whose probes cannot tell, or are paused, keeps its last
    answer. Maintenance and silences change nothing: they are about telling people.
    """
    causes = [judge(belief) for belief in instance.beliefs]
    cause = min(causes, key=_BY_BADNESS.index, default=Cause.NEVER_SEEN_HEALTHY)
    weight = {Cause.HEALTHY: WHOLE, Cause.DEGRADED: degraded_weight}.get(cause, 0)
    is_drained = instance.wish is not None and instance.wish.drains(now)
    return Answer(
        weight=0 if is_drained else weight,
        is_up=weight > 0,
        is_drained=is_drained,
        is_in_doubt=any(belief.is_in_doubt for belief in instance.beliefs),
        cause=cause,
    )


def judge(belief: Belief) -> Cause:
    """What one check says of its instance."""
    status = _firm(belief)
    if status is None:
        return Cause.NEVER_SEEN_HEALTHY
    if status is Status.UNHEALTHY:
        return Cause.UNHEALTHY
    if belief.is_awaiting_successes and not (belief.is_hard and belief.status is Status.DEGRADED):
        return Cause.RECOVERING
    return Cause.DEGRADED if status is Status.DEGRADED else Cause.HEALTHY


def _firm(belief: Belief) -> Status | None:
    """The last status that was hard and could tell; None where there has been none."""
    if not belief.was_probed:
        return None
    return belief.earlier_status if belief.hard_status is Status.UNKNOWN else belief.hard_status


def is_last(key: Key, answers: Mapping[Key, Answer]) -> bool:
    """Whether this instance is in service, and no other of its service is."""
    others = (one for one in answers if one.service == key.service and one != key)
    return answers[key].is_in_service and not any(answers[one].is_in_service for one in others)


def words(answer: Answer) -> str:
    """The answer in one line. It names no check and quotes no target: whoever can reach the address may read it."""
    if answer.is_drained:
        said = "draining" if answer.is_up else f"draining; {_CAUSES[answer.cause]}"
    elif answer.is_in_service:
        share = "" if answer.weight == WHOLE else f" with {answer.weight}% of its weight"
        said = f"in service{share}: {_CAUSES[answer.cause]}"
    else:
        said = f"out of service: {_CAUSES[answer.cause]}"
    return f"{said} (as last known)" if answer.is_in_doubt else said


_CAUSES: Mapping[Cause, str] = {
    Cause.HEALTHY: "healthy",
    Cause.DEGRADED: "degraded",
    Cause.NEVER_SEEN_HEALTHY: "never seen healthy",
    Cause.RECOVERING: "not healthy for long enough yet",
    Cause.UNHEALTHY: "unhealthy",
}


def agent_line(answer: Answer) -> str:
    """The answer as HAProxy's agent check takes it: the administrative state, whether it is up, and the weight.

    Both states are always said, for neither word takes back the other: `up` alone would leave a server drained.
    """
    administrative = "drain" if answer.is_drained else "ready"
    if not answer.is_up:
        return f"{administrative} down #{_CAUSES[answer.cause]}"
    weight = WHOLE if answer.is_drained else answer.weight
    return f"{administrative} up {weight}%"
