"""Metrics over time, uptime, and service levels."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from healthmgr.api.checks import Slug
from healthmgr.api.moments import in_utc
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Viewer
from healthmgr.domain.quantity import parse_duration
from healthmgr.domain.rollup import MINUTE, RESPONSE_TIME
from healthmgr.errors import DefinitionError, Problem
from healthmgr.storage.reading_measuring import Grouping
from healthmgr.views_measuring import SeriesView, ServiceUptimeView, SloView, TimesView, UptimeView

router = APIRouter()

_DRAWN = 200  # points that a picture has room for
_LONGEST = timedelta(days=5 * 366)
_MOST_WINDOWS = 10
Window = Annotated[str, Query(description="How far back, such as 24h or 30d.", examples=["30d"], max_length=20)]


@router.get("/checks/{slug}/metrics", summary="Show a metric over time", tags=["checks"])
def show_metric(
    slug: Slug,
    parts: PartsDep,
    _: Viewer,
    metric: Annotated[str, Query(description="Which metric.", max_length=200)] = RESPONSE_TIME,
    begin: Annotated[datetime | None, Query(alias="from", description="From when on; a day before `to`.")] = None,
    end: Annotated[datetime | None, Query(alias="to", description="Until when; now.")] = None,
    step: Annotated[str | None, Query(description="Length of a step, such as 5m; about 200 steps.")] = None,
    with_maintenance: Annotated[bool, Query(description="Also what was measured in maintenance windows.")] = True,
) -> SeriesView:
    """Count, mean, ends and quantiles of each step, as far back as metrics are kept: by the minute for 30 days."""
    now = parts.clock.now()
    until = _aware("to", end) or now
    since = _aware("from", begin) or until - timedelta(days=1)
    if not since < until <= now + timedelta(days=1) or until - since > _LONGEST:
        raise DefinitionError([Problem("from should be before to, and not more than five years before", "from")])
    length = length_of("step", step) if step else max((until - since) / _DRAWN, MINUTE)
    return parts.measuring.reading.series(
        slug, metric, since, until, length, now=now, with_maintenance=with_maintenance
    )


@router.get("/checks/{slug}/uptime", summary="Show a check's uptime", tags=["checks"])
def show_uptime(
    slug: Slug,
    parts: PartsDep,
    _: Viewer,
    windows: Annotated[str, Query(description="How far back, each.", examples=["24h,7d,30d"])] = "24h,7d,30d",
) -> list[UptimeView]:
    """Of its looks in their turn; time in maintenance windows is left out, and counted in the second figure."""
    texts = [part for part in windows.split(",") if part.strip()]
    if not 1 <= len(texts) <= _MOST_WINDOWS:
        raise DefinitionError([Problem(f"name 1 to {_MOST_WINDOWS} windows, such as 24h,7d,30d", "windows")])
    lengths = [length_of("windows", part) for part in texts]
    return parts.measuring.reading.uptime(slug, lengths, parts.clock.now())


@router.get("/uptime", summary="Show the uptime of all checks", tags=["checks"])
def list_uptime(
    parts: PartsDep,
    _: Viewer,
    window: Window = "30d",
    service: Annotated[str | None, Query(description="Only checks of this service.")] = None,
) -> list[UptimeView]:
    """By slug."""
    return parts.measuring.reading.uptimes(length_of("window", window), parts.clock.now(), service)


@router.get("/uptime/services", summary="Show the uptime of services", tags=["checks"])
def list_service_uptime(parts: PartsDep, _: Viewer, window: Window = "30d") -> list[ServiceUptimeView]:
    """By name, each of its checks weighing the time that it could tell for."""
    return parts.measuring.reading.service_uptimes(length_of("window", window), parts.clock.now())


@router.get("/slos", summary="List service levels", tags=["slos"])
def list_slos(parts: PartsDep, _: Viewer) -> list[SloView]:
    """By name, each with what is left of its error budget and how fast that is used up."""
    return [SloView.of(standing) for standing in parts.measuring.upholding.standings(parts.clock.now())]


@router.get("/slos/{name}", summary="Show a service level", tags=["slos"])
def show_slo(name: str, parts: PartsDep, _: Viewer) -> SloView:
    """How it stands now."""
    return SloView.of(parts.measuring.upholding.standing(name, parts.clock.now()))


@router.get("/times", summary="Show how long finding, answering and mending take", tags=["alerts"])
def list_times(
    parts: PartsDep,
    _: Viewer,
    by: Annotated[Grouping, Query(description="Of what: teams are told by the label `team`.")] = "total",
    window: Window = "30d",
) -> list[TimesView]:
    """MTTD, MTTA and MTTR of the alerts that opened within the window; those with the most alerts first."""
    return parts.measuring.reading.times(by, parts.clock.now() - length_of("window", window))


def length_of(field: str, text: str) -> timedelta:
    """A length that a request gives. Raises DefinitionError naming the field."""
    try:
        length = parse_duration(text)
    except ValueError as error:
        raise DefinitionError([Problem(str(error), field)]) from error
    if not MINUTE <= length <= _LONGEST:
        raise DefinitionError([Problem(f"should be a minute at least and five years at most, found {text}", field)])
    return length


def _aware(field: str, at: datetime | None) -> datetime | None:
    if at is not None and at.tzinfo is None:
        raise DefinitionError(
            [Problem("names no time zone: write it with an offset, such as 2026-05-01T22:00:00Z", field)]
        )
    try:
        return in_utc(at) if at else None
    except ValueError as error:
        raise DefinitionError([Problem(str(error), field)]) from error
