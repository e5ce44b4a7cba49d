"""What healthmgr promises of itself, and whether it keeps it: figures out of what happened, never out of claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from healthmgr.domain.check import Severity
from healthmgr.domain.delivery_time import TOLD_WITHIN, DeliveryTimes, Percentiles
from healthmgr.domain.incoming import IncomingAlert
from healthmgr.domain.phrasing import lasted

DETECTED_WITHIN = timedelta(seconds=30)
OVER = timedelta(days=7)  # unless another length is asked for
# An alert that was over so soon, and by itself, may have been none.
HEALED_WITHIN = timedelta(seconds=60)
ORIGIN = "promises"  # of the alerts about them
HOLDS_FOR = timedelta(hours=3)  # what is not found again ends by itself


class PromiseName(StrEnum):
    """The promises, in the order in which they are told."""

    DETECTION = "detection_time"
    DELIVERY = "alert_delivery"
    AVAILABILITY = "alerting_availability"
    FALSE_ALARMS = "false_positive_rate"
    RESOLUTION = "automatic_resolution"


class Unit(StrEnum):
    """What a figure counts: lengths in seconds, shares from 0 to 1."""

    SECONDS = "seconds"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class Promise:
    """A limit that a figure has to stay below, or has to reach.

    As a service level of healthmgr's own, `objective` is the share of problems, minutes or alerts that have to be as
    promised. Of fewer than `fewest` nothing is told to people: that may be chance.
    """

    name: PromiseName
    words: str
    unit: Unit
    target: float
    is_ceiling: bool
    objective: float
    fewest: int

    def is_kept_by(self, value: float) -> bool:
        """Whether this value is within the promise."""
        return value < self.target if self.is_ceiling else value >= self.target

    def budget_left(self, missed: int, count: int) -> float:
        """What is left of the share that may be missed: 1 of all of it, below 0 when there was more."""
        return 1 - missed / count / (1 - self.objective)


def _seconds(name: PromiseName, words: str, target: timedelta, fewest: int) -> Promise:
    return Promise(name, words, Unit.SECONDS, target.total_seconds(), True, _SHARE_WITHIN, fewest)


_SHARE_WITHIN = 0.95  # of the lengths that have to stay below their limit
_A_DAY = 24 * 60  # minutes

PROMISES: Mapping[PromiseName, Promise] = {
    promise.name: promise
    for promise in (
        _seconds(PromiseName.DETECTION, "critical problems are detected in", DETECTED_WITHIN, 5),
        _seconds(PromiseName.DELIVERY, "urgent problems are told in", TOLD_WITHIN, 5),
        Promise(PromiseName.AVAILABILITY, "alerting works", Unit.SHARE, 0.999, False, 0.999, _A_DAY),
        Promise(PromiseName.FALSE_ALARMS, "alerts were false", Unit.SHARE, 0.05, True, 0.95, 20),
        Promise(PromiseName.RESOLUTION, "a runbook resolves what it sees to", Unit.SHARE, 0.8, False, 0.8, 5),
    )
}


@dataclass(frozen=True, slots=True)
class Detections:
    """Critical problems that became hard, and how long after what that was.

    `at_most` counts from the start of the last good probe: it cannot have begun earlier. `from_first_bad` counts from
    the start of the first bad one. `late` of them took longer than promised even so.
    """

    count: int = 0
    late: int = 0
    at_most: Percentiles | None = None
    from_first_bad: Percentiles | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An alert that may have been a false one, and why that is thought: it flapped, or it was over within a moment."""

    id: UUID
    check: str
    summary: str
    opened_at: datetime
    is_flapping: bool
    lasted_for: float | None


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which nothing of healthmgr ran: the machine was switched off, or it was stopped."""

    began_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What happened within a length of time.

    `minutes` are those since the auditor first looked, but for `pauses` (the newest first); `well_minutes` those in
    which it did, and found nothing. Of `alerts`, people marked `marked_false`, and `candidates` may be looked at. Of
    `seen_to`, those for which a runbook began by itself and which did not heal before, `repaired` were well after it.
    """

    over: timedelta
    detections: Detections
    delivery: DeliveryTimes
    minutes: int
    well_minutes: int
    alerts: int
    marked_false: int
    candidates: int
    seen_to: int
    repaired: int
    pauses: tuple[Pause, ...] = ()

    @property
    def paused_for(self) -> timedelta:
        """How long healthmgr was not running."""
        return sum((pause.ended_at - pause.began_at for pause in self.pauses), timedelta())


@dataclass(frozen=True, slots=True)
class Figure:
    """How it stands with one promise; `value` and `is_kept` are None where nothing happened that could say.

    A length is the one that 95 percent stayed within. `count` is of how many it tells, `missed` how many of them were
    not as promised; `budget_left` is what is left of the share that may be. `note` tells what is not
    counted.
    """

    name: PromiseName
    unit: Unit
    target: float
    value: float | None
    is_kept: bool | None
    count: int
    missed: int
    objective: float
    budget_left: float | None
    percentiles: Percentiles | None = None
    words: str = ""
    note: str = ""


def figures(facts: Facts) -> Sequence[Figure]:
    """Every promise with its figure."""
    found, told = facts.detections, facts.delivery
    paused = f"healthmgr was not running for {lasted(facts.paused_for)} besides" if facts.pauses else ""
    works = _of_share(PromiseName.AVAILABILITY, facts.well_minutes, facts.minutes, facts.minutes - facts.well_minutes)
    return (
        _of_lengths(PromiseName.DETECTION, found.at_most, found.count, found.late),
        _of_lengths(PromiseName.DELIVERY, told.urgent_from_problem, told.urgent, told.late),
        replace(works, note=paused),
        _of_share(PromiseName.FALSE_ALARMS, facts.marked_false, facts.alerts, facts.marked_false),
        _of_share(PromiseName.RESOLUTION, facts.repaired, facts.seen_to, facts.seen_to - facts.repaired),
    )


def _of_lengths(name: PromiseName, percentiles: Percentiles | None, count: int, missed: int) -> Figure:
    return _figure(name, percentiles.p95 if percentiles else None, count, missed, percentiles)


def _of_share(name: PromiseName, some: int, count: int, missed: int) -> Figure:
    return _figure(name, some / count if count else None, count, missed)


def _figure(
    name: PromiseName, value: float | None, count: int, missed: int, percentiles: Percentiles | None = None
) -> Figure:
    promise = PROMISES[name]
    is_kept = None if value is None else promise.is_kept_by(value)
    left = promise.budget_left(missed, count) if count else None
    words, objective = promise.words, promise.objective
    return Figure(
        name, promise.unit, promise.target, value, is_kept, count, missed, objective, left, percentiles, words
    )


def concern(figure: Figure, now: datetime) -> IncomingAlert | None:
    """The alert of healthmgr's own about a promise that is not kept; None while it is, or of too few to say so."""
    if figure.is_kept is not False or figure.count < PROMISES[figure.name].fewest:
        return None
    identity = {"promise": figure.name.value}
    return IncomingAlert(
        {"service": "healthmgr", **identity},
        now,
        now + HOLDS_FOR,
        Severity.LOW,
        f"healthmgr's promise: {_WHOLE[figure.name]}",
        said(figure),
        identity=identity,
    )


def over(name: str, now: datetime) -> IncomingAlert:
    """The end of the alert about the promise of this name."""
    return IncomingAlert({"promise": name}, now, now, Severity.LOW, "", "", identity={"promise": name})


def said(figure: Figure) -> str:
    """A figure in one line, with what was promised."""
    if figure.value is None:
        return f"{_WHOLE[figure.name]}: nothing to go by (promised: {_target(figure)})"
    if figure.unit is Unit.SECONDS:
        value = f"{figure.words} {_length(figure.value)} (95 % of {figure.count}, {figure.missed} later than promised)"
    else:
        of = _OF[figure.name]
        value = f"{_share(figure.value)} {of}".replace("#", str(figure.count))
    return f"{value}; promised: {_target(figure)}" + (f"; {figure.note}" if figure.note else "")


_WHOLE: Mapping[PromiseName, str] = {
    PromiseName.DETECTION: "detection of critical problems",
    PromiseName.DELIVERY: "telling of urgent problems",
    PromiseName.AVAILABILITY: "availability of alerting",
    PromiseName.FALSE_ALARMS: "false alerts",
    PromiseName.RESOLUTION: "resolution by runbooks",
}
_OF: Mapping[PromiseName, str] = {
    PromiseName.AVAILABILITY: "of # minutes alerting worked",
    PromiseName.FALSE_ALARMS: "of # alerts were marked as false",
    PromiseName.RESOLUTION: "of # alerts that a runbook saw to were resolved by it",
}


def _target(figure: Figure) -> str:
    promise = PROMISES[figure.name]
    limit = _length(promise.target) if promise.unit is Unit.SECONDS else _share(promise.target)
    return f"under {limit}" if promise.is_ceiling else f"{limit} at least"


def _length(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 120 and seconds % 60 == 0 else f"{seconds:.3g} s"


def _share(share: float) -> str:
    return f"{share * 100:.4g} %"
