"""What is watched for anomalies, how it looks, and what was told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from healthmgr.api.measuring import length_of
from healthmgr.api.moments import Moment
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.api.security import Viewer
from healthmgr.domain.anomaly import ANOMALOUS_FROM
from healthmgr.domain.anomaly_backtest import backtest
from healthmgr.domain.rollup import RESPONSE_TIME
from healthmgr.errors import DefinitionError, NotFound, Problem
from healthmgr.views_anomaly import AnomaliesView, BacktestView, WatchedView

router = APIRouter(tags=["checks"])

_MOST_POINTS = 10_000  # that one request has judged


class WatchedList(BaseModel):
    """All metrics that are watched, by check and metric."""

    items: list[WatchedView]


class AnomaliesList(BaseModel):
    """The watched metrics of a check, each with its points."""

    items: list[AnomaliesView]


@router.get("/anomalies", summary="List what is watched for anomalies")
def list_watched(
    parts: PartsDep,
    _: Viewer,
    strange: Annotated[bool, Query(description="Only what is told now.")] = False,
) -> WatchedList:
    """Each with its last point: value, score and expected band."""
    found = [each for each in parts.insight.sensing.watched() if each.told_since is not None or not strange]
    return WatchedList(items=[WatchedView.of_watched(each) for each in found])


@router.get("/checks/{slug}/anomalies", summary="Show the anomalies of a check")
def show_anomalies(
    slug: str,
    parts: PartsDep,
    _: Viewer,
    metric: Annotated[str, Query(max_length=200, description="Only of this metric; left out: of all.")] = "",
    begin: Annotated[Moment | None, Query(alias="from", description="Left out: seven days ago.")] = None,
    end: Annotated[Moment | None, Query(alias="to", description="Left out: now.")] = None,
) -> AnomaliesList:
    """Points with score and expected band, for drawing, and what was told. The points of seven days are kept."""
    now = parts.clock.now()
    found = parts.insight.sensing.of_check(slug, now, metric, begin, end)
    return AnomaliesList(items=[AnomaliesView.of(each) for each in found])


@router.get("/checks/{slug}/anomalies/backtest", summary="Say what the detector would have told of a metric")
def try_anomalies(
    slug: str,
    parts: PartsDep,
    _: Viewer,
    metric: Annotated[str, Query(max_length=200)] = RESPONSE_TIME,
    last: Annotated[str, Query(max_length=50, description="How far back.", examples=["14d"])] = "14d",
    step: Annotated[str, Query(max_length=50, description="One point for each of these.", examples=["5m"])] = "5m",
    threshold: Annotated[float, Query(ge=0.1, le=1000, description="From which score on.")] = ANOMALOUS_FROM,
) -> BacktestView:
    """Over what is stored, maintenance left out. Nobody is told anything. At most 10,000 points."""
    window, length = length_of("last", last), length_of("step", step)
    if window / length > _MOST_POINTS:
        raise DefinitionError([Problem(f"is too fine for {last}: at most {_MOST_POINTS} points", path="step")])
    now = parts.clock.now()
    known = parts.measuring.series.metrics(parts.reading.check(slug).slug)
    if metric not in known:
        raise NotFound(f"{slug} has no metric {metric!r}; it has {', '.join(known) or 'none yet'}")
    return BacktestView.of(slug, metric, backtest(_means(parts, slug, metric, now - window, now, length), threshold))


def _means(
    parts: Parts, slug: str, metric: str, begin: datetime, end: datetime, step: timedelta
) -> Iterator[tuple[datetime, float]]:
    for point in parts.measuring.series.read_series(slug, metric, begin, end, step, now=end):
        if (mean := point.sketch.mean) is not None:
            yield point.at, mean
