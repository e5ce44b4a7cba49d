"""Service levels: what share of the time something has to work, what is left of the rest, and how fast that is used up.

The alerts are those of the SRE workbook, chapter 5 (alerting on SLOs, multiwindow, multi-burn-rate): a long window
tells that it matters, a short one that it still goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from healthmgr.domain.check import Severity
from healthmgr.domain.incoming import LONGEST_NAME, LONGEST_SUMMARY, IncomingAlert
from healthmgr.domain.phrasing import lasted
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.threshold import RESPONSE_TIME, Threshold

ORIGIN = "slo"  # of the alerts
HOLDS_FOR = timedelta(hours=1)  # what is not found again ends by itself
FEWEST_BAD = 3  # a single bad result is no trend, however few there are
SHORTEST, LONGEST = timedelta(days=1), timedelta(days=90)


class SloKind(StrEnum):
    """What counts as good."""

    AVAILABILITY = "availability"  # regular results that found it up
    LATENCY = "latency"  # measurements on the good side of a limit


@dataclass(frozen=True, slots=True)
class BurnRule:
    """An alert while the budget is used up this many times too fast, over a long and over a short window."""

    factor: float
    long: timedelta
    short: timedelta
    severity: Severity


RULES = (
    BurnRule(14.4, timedelta(hours=1), timedelta(minutes=5), Severity.HIGH),
    BurnRule(6, timedelta(hours=6), timedelta(minutes=30), Severity.HIGH),
    BurnRule(1, timedelta(days=3), timedelta(hours=6), Severity.LOW),
)
BURN_WINDOWS = tuple(sorted({window for rule in RULES for window in (rule.long, rule.short)}))


@dataclass(frozen=True, slots=True)
class Slo:
    """A service level. It is of all checks of a service, or of checks by name.

    `objective` is the share that has to be good, between 0 and 1. `good` says which values of `metric` are good, where
    it is one of latency. Time in maintenance windows is left out unless `counts_maintenance`.
    """

    name: str
    objective: float
    window: timedelta
    service: str = ""
    checks: tuple[str, ...] = ()
    kind: SloKind = SloKind.AVAILABILITY
    metric: str = RESPONSE_TIME
    good: Threshold | None = None
    degraded_is_bad: bool = False
    counts_maintenance: bool = False
    is_alerting: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    description: str = ""

    @property
    def budget(self) -> float:
        """The share that may be bad."""
        return 1 - self.objective

    def to_document(self) -> dict[str, Any]:
        """The form in which it is stored."""
        return {
            "name": self.name,
            "objective": self.objective,
            "window": self.window.total_seconds(),
            "service": self.service,
            "checks": list(self.checks),
            "kind": self.kind.value,
            "metric": self.metric,
            "good": self.good.text if self.good else None,
            "degraded_is_bad": self.degraded_is_bad,
            "counts_maintenance": self.counts_maintenance,
            "is_alerting": self.is_alerting,
            "labels": dict(self.labels),
            "description": self.description,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Slo:
        """The reverse."""
        good = document["good"]
        return cls(
            **{
                **document,
                "window": timedelta(seconds=document["window"]),
                "checks": tuple(document["checks"]),
                "kind": SloKind(document["kind"]),
                "good": Threshold.parse(document["metric"], good) if good else None,
            }
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """Good and bad over one window, each weighed by the time that it stands for; `bad_count` is how many were bad."""

    good: float = 0.0
    bad: float = 0.0
    bad_count: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(self.good + other.good, self.bad + other.bad, self.bad_count + other.bad_count)

    @property
    def bad_share(self) -> float | None:
        """The share of the bad; None where nothing was seen."""
        whole = self.good + self.bad
        return self.bad / whole if whole else None


@dataclass(frozen=True, slots=True)
class Burning:
    """A rule that holds, and how many times too fast the budget is used up over its windows."""

    rule: BurnRule
    over_long: float
    over_short: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How a service level stands: over its window, and how fast its budget is used up.

    `level` is the share that was good, None where nothing was seen; `budget_left` is 1 at the beginning, and below 0
    when more was bad than may be. `rates` are burn rates by window: at 1 the budget lasts just as long as the window.
    """

    slo: Slo
    level: float | None
    budget_left: float | None
    rates: Mapping[timedelta, float | None]
    burning: tuple[Burning, ...]

    @property
    def is_met(self) -> bool | None:
        """Whether it is kept so far."""
        return None if self.level is None else self.level >= self.slo.objective

    @property
    def lasts_for(self) -> timedelta | None:
        """How long what is left lasts at the rate of the last hour; None where that is no haste, or nothing is left."""
        rate = self.rates.get(timedelta(hours=1))
        if not rate or rate <= 1 or self.budget_left is None or self.budget_left <= 0:
            return None
        return self.slo.window * (self.budget_left / rate)


def judge(slo: Slo, whole: Tally, tallies: Mapping[timedelta, Tally]) -> Standing:
    """How it stands, by what was seen over its window and over those of the rules."""
    rates = {window: _rate(slo, tally) for window, tally in tallies.items()}
    share = whole.bad_share
    return Standing(
        slo=slo,
        level=None if share is None else 1 - share,
        budget_left=None if share is None else 1 - share / slo.budget,
        rates=rates,
        burning=tuple(found for rule in RULES if (found := _burning(rule, rates, tallies)) is not None),
    )


def _rate(slo: Slo, tally: Tally) -> float | None:
    share = tally.bad_share
    return None if share is None else share / slo.budget


def _burning(
    rule: BurnRule, rates: Mapping[timedelta, float | None], tallies: Mapping[timedelta, Tally]
) -> Burning | None:
    over_long, over_short = rates.get(rule.long), rates.get(rule.short)
    if over_long is None or over_short is None or tallies[rule.long].bad_count < FEWEST_BAD:
        return None
    is_burning = over_long >= rule.factor and over_short >= rule.factor
    return Burning(rule, over_long, over_short) if is_burning else None


def concern(standing: Standing, now: datetime) -> IncomingAlert | None:
    """The alert about it that holds now: one, by the gravest of the rules; None where none holds."""
    slo = standing.slo
    if not standing.burning or not slo.is_alerting:
        return None
    gravest = min(standing.burning, key=lambda burning: burning.rule.severity.rank)
    rule = gravest.rule
    left = "nothing is known of what is left" if standing.budget_left is None else _left(standing)
    summary = (
        f"{slo.name}: the error budget is used up {gravest.over_long:.3g} times too fast over "
        f"{format_duration(rule.long)} ({gravest.over_short:.3g} times over {format_duration(rule.short)}); {left}"
    )
    return IncomingAlert(
        labels_of(slo),
        now,
        now + HOLDS_FOR,
        rule.severity,
        f"Service level {slo.name}"[:LONGEST_NAME],
        summary[:LONGEST_SUMMARY],
        identity={"slo": slo.name},
    )


def over(name: str, now: datetime) -> IncomingAlert:
    """The end of the alert about the service level of this name."""
    return IncomingAlert({"slo": name}, now, now, Severity.LOW, "", "", identity={"slo": name})


def labels_of(slo: Slo) -> dict[str, str]:
    """What routes know of an alert about it."""
    service = {"service": slo.service} if slo.service else {}
    return {**slo.labels, **service, "slo": slo.name}


def _left(standing: Standing) -> str:
    assert standing.budget_left is not None  # noqa: S101 - asked before
    window = format_duration(standing.slo.window)
    if standing.budget_left <= 0:
        return f"nothing is left for {window}"
    ends = f", gone in {lasted(standing.lasts_for)} at this rate" if standing.lasts_for else ""
    return f"{standing.budget_left:.0%} is left for {window}{ends}"


def count_good(good: Threshold, at_most: int, everything: int) -> int:
    """How many are good, of which this many are at most the limit."""
    return at_most if good.comparison in ("<", "<=") else everything - at_most


def gravest_first(standings: Sequence[Standing]) -> list[Standing]:
    """Those that need looking at before the others."""
    return sorted(standings, key=lambda one: (not one.burning, one.budget_left is None, one.budget_left, one.slo.name))
