"""Changes that others report, causes of incidents, and what is to be expected of checks."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.incidents import Which
from healthmgr.api.moments import Moment
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Ingest, Origin, Viewer
from healthmgr.domain.cause import Changed
from healthmgr.views_insight import CausesView, ChangeView, ForecastView

router = APIRouter()

Word = Annotated[str, Field(max_length=200)]


class ReportedChange(BaseModel):
    """A deployment, or anything else that was changed on purpose."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=1024, examples=["Deploy shop 2.1"])
    service: Word = Field("", description="The service of the checks that it may break.", examples=["shop"])
    version: Word = ""
    at: Moment | None = Field(None, description="When it was made; left out: now.")
    by: Word = Field("", description="Who made it; left out: the token's name.")
    link: str = Field("", max_length=2048, examples=["https://ci.example/42"])


class ChangeList(BaseModel):
    """Changes, the latest first."""

    items: list[ChangeView]


class ForecastList(BaseModel):
    """What is to be expected of a check's metrics."""

    items: list[ForecastView]


@router.post("/changes", status_code=201, summary="Report a change", tags=["changes"])
def report_change(reported: ReportedChange, parts: PartsDep, who: Ingest, origin: Origin) -> ChangeView:
    """What breaks soon after on the same service is traced back to it."""
    now = parts.clock.now()
    changed = Changed(
        reported.service, reported.title, reported.at or now, reported.version, reported.by or who.name, reported.link
    )
    changing = parts.insight.changing
    change_id = changing.report(changed, source="api", actor=who.name, origin=origin, now=now)
    return ChangeView.of(changing.get(change_id))


@router.get("/changes", summary="List changes", tags=["changes"])
def list_changes(
    parts: PartsDep,
    _: Viewer,
    service: Annotated[str, Query(max_length=200, description="Only of this service.")] = "",
    hours: Annotated[float, Query(gt=0, le=2160, description="How far back.")] = 24.0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> ChangeList:
    """The latest first."""
    since = parts.clock.now() - timedelta(hours=hours)
    found = parts.insight.changing.find(since=since, service=service, limit=limit)
    return ChangeList(items=[ChangeView.of(each) for each in found])


@router.get("/incidents/{which}/causes", summary="Show what an incident may come from", tags=["incidents"])
def show_causes(which: Which, parts: PartsDep) -> CausesView:
    """The likeliest first, each with its evidence. Found shortly after the incident opened, and looked over again."""
    return parts.reading.causes(which)


@router.get("/checks/{slug}/forecasts", summary="Show what is to be expected of a check", tags=["checks"])
def show_forecasts(slug: str, parts: PartsDep, _: Viewer) -> ForecastList:
    """Each metric that is carried forward to a limit: when it is passed, or why nothing is said of it."""
    found = parts.insight.predicting.of_check(slug, parts.clock.now())
    return ForecastList(items=[ForecastView.of(*each) for each in found])
