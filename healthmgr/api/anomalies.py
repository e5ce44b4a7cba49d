"""What is watched for anomalies, how it looks, and what was told."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel

from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Viewer
from healthmgr.views_anomaly import AnomaliesView, WatchedView

router = APIRouter(tags=["checks"])


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
    begin: Annotated[AwareDatetime | None, Query(alias="from", description="Left out: seven days ago.")] = None,
    end: Annotated[AwareDatetime | None, Query(alias="to", description="Left out: now.")] = None,
) -> AnomaliesList:
    """Points with score and expected band, for drawing, and what was told. The points of seven days are kept."""
    now = parts.clock.now()
    found = parts.insight.sensing.of_check(slug, now, metric, begin, end)
    return AnomaliesList(items=[AnomaliesView.of(each) for each in found])
