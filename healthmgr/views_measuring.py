"""What is read of metrics over time, of uptime and of service levels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field

from healthmgr.domain.quantity import format_duration
from healthmgr.domain.rollup import Point, Statuses
from healthmgr.domain.sketch import Sketch
from healthmgr.domain.slo import Standing
from healthmgr.views import View

_DIGITS = 12  # what a sketch tells is known to a hundredth


class NumbersView(View):
    """What is known of many measurements; quantiles are within one percent."""

    count: int
    mean: float | None
    min: float | None
    max: float | None
    p50: float | None
    p95: float | None
    p99: float | None

    @classmethod
    def of(cls, sketch: Sketch) -> NumbersView:
        """Out of their sketch."""
        return cls(**_numbers(sketch))


class PointView(NumbersView):
    """The measurements of one step, from `at` on."""

    at: datetime


class SeriesView(View):
    """A metric of a check over time. Steps in which nothing was measured are left out."""

    check: str
    metric: str
    begin: datetime
    end: datetime
    metrics: list[str] = Field(description="all metrics that the check was ever seen with")
    summary: NumbersView = Field(description="over the whole time")
    points: list[PointView]

    @classmethod
    def of(
        cls, check: str, metric: str, window: tuple[datetime, datetime], metrics: Sequence[str], points: Sequence[Point]
    ) -> SeriesView:
        """Out of its points."""
        whole = sum((point.sketch for point in points), Sketch())
        return cls(
            check=check,
            metric=metric,
            begin=window[0],
            end=window[1],
            metrics=list(metrics),
            summary=NumbersView.of(whole),
            points=[PointView(at=point.at, **_numbers(point.sketch)) for point in points],
        )


class UptimeView(View):
    """How a check was found over a window, in its turn: retries and orders do not count.

    `uptime` is the share of looks that found it up, be it degraded, of those that could tell; outside of maintenance
    windows, and `uptime_with_maintenance` of all. `down_for` is the time that the bad ones stand for, in seconds.
    """

    check: str
    window: str
    begin: datetime
    end: datetime
    uptime: float | None
    uptime_with_maintenance: float | None
    healthy: int
    degraded: int
    unhealthy: int
    unknown: int
    in_maintenance: int
    down_for: float

    @classmethod
    def of(
        cls, check: str, interval: float, window: timedelta, end: datetime, outside: Statuses, everything: Statuses
    ) -> UptimeView:
        """Out of its looks outside of maintenance, and out of all."""
        seen = outside.known + outside.unknown
        return cls(
            check=check,
            window=format_duration(window),
            begin=end - window,
            end=end,
            uptime=outside.uptime,
            uptime_with_maintenance=everything.uptime,
            healthy=outside.healthy,
            degraded=outside.degraded,
            unhealthy=outside.unhealthy,
            unknown=outside.unknown,
            in_maintenance=everything.known + everything.unknown - seen,
            down_for=outside.unhealthy * interval,
        )


class ServiceUptimeView(View):
    """The checks of a service together: each weighs the time that it could tell for. `down_for` adds theirs up."""

    service: str
    window: str
    begin: datetime
    end: datetime
    checks: int
    uptime: float | None
    uptime_with_maintenance: float | None
    down_for: float

    @classmethod
    def of(
        cls,
        service: str,
        window: timedelta,
        end: datetime,
        outside: Sequence[tuple[float, Statuses]],
        everything: Sequence[tuple[float, Statuses]],
    ) -> ServiceUptimeView:
        """Out of what was seen of each of its checks, with the seconds that one look stands for."""
        return cls(
            service=service,
            window=format_duration(window),
            begin=end - window,
            end=end,
            checks=len(outside),
            uptime=_share_up(outside),
            uptime_with_maintenance=_share_up(everything),
            down_for=sum(seconds * found.unhealthy for seconds, found in outside),
        )


class BurningView(View):
    """A rule of burning that holds: how many times too fast, over which windows, and what it is told as."""

    factor: float
    long: str
    short: str
    over_long: float
    over_short: float
    severity: str


class SloView(View):
    """A service level and how it stands. `budget_left` is 1 while nothing was bad, below 0 when more was than may be.

    Burn rates by window: at 1 the budget lasts just as long as its window. `lasts_for` is how long what is left lasts
    at the rate of the last hour, in seconds.
    """

    name: str
    description: str
    kind: str
    objective: float
    window: str
    service: str
    checks: list[str]
    metric: str | None
    good: str | None
    level: float | None
    is_met: bool | None
    budget_left: float | None
    lasts_for: float | None
    burn_rates: dict[str, float | None]
    burning: list[BurningView]

    @classmethod
    def of(cls, standing: Standing) -> SloView:
        """Out of how it stands."""
        slo = standing.slo
        return cls(
            name=slo.name,
            description=slo.description,
            kind=slo.kind.value,
            objective=slo.objective,
            window=format_duration(slo.window),
            service=slo.service,
            checks=list(slo.checks),
            metric=slo.metric if slo.good else None,
            good=slo.good.text if slo.good else None,
            level=standing.level,
            is_met=standing.is_met,
            budget_left=standing.budget_left,
            lasts_for=standing.lasts_for.total_seconds() if standing.lasts_for is not None else None,
            burn_rates={format_duration(window): rate for window, rate in standing.rates.items()},
            burning=[
                BurningView(
                    factor=one.rule.factor,
                    long=format_duration(one.rule.long),
                    short=format_duration(one.rule.short),
                    over_long=one.over_long,
                    over_short=one.over_short,
                    severity=one.rule.severity.value,
                )
                for one in standing.burning
            ],
        )


class TimesView(View):
    """How long things took for the alerts of a check, a service or a team, on average, in seconds.

    `mttd` from the first bad result to the alert, `mtta` from the alert to somebody's answer, `mttr` from the first
    bad result to the end. What was explained by another alert is not counted.
    """

    name: str
    alerts: int
    mttd: float | None
    mtta: float | None
    mttr: float | None
    acknowledged: int
    resolved: int


def _share_up(seen: Sequence[tuple[float, Statuses]]) -> float | None:
    known = sum(seconds * found.known for seconds, found in seen)
    return sum(seconds * (found.known - found.unhealthy) for seconds, found in seen) / known if known else None


def _numbers(sketch: Sketch) -> dict[str, float | int | None]:
    has_any = sketch.amount > 0
    found = {
        "mean": sketch.mean,
        "min": sketch.lowest if has_any else None,
        "max": sketch.highest if has_any else None,
        "p50": sketch.quantile(0.5),
        "p95": sketch.quantile(0.95),
        "p99": sketch.quantile(0.99),
    }
    rounded = {name: None if number is None else float(f"{number:.{_DIGITS}g}") for name, number in found.items()}
    return {"count": sketch.amount, **rounded}
