"""Maintenance windows: when work is planned, and alerts are held back meanwhile."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.checks import Cursor
from healthmgr.api.etags import IfMatch, tagged
from healthmgr.api.moments import Moment
from healthmgr.api.paging import MANY, WINDOWS, Many
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Origin, Responder, Viewer
from healthmgr.api.silences import MatcherTexts
from healthmgr.domain.maintenance import MAX_INTERVALS
from healthmgr.domain.silence import MOST_COMMENT, read_matchers
from healthmgr.services.maintaining import Plan, read_window
from healthmgr.storage.paging import page_of
from healthmgr.views import Page
from healthmgr.views_muting import HitsView, MaintenanceView

router = APIRouter(prefix="/maintenance", tags=["maintenance"])

Name = Annotated[str, Path(description="The window's name.", examples=["move-of-shop"])]


class WindowForm(BaseModel):
    """When it is open: once (`starts_at`, `ends_at`); by `cron` or `rrule` (from `dtstart` on) for a `duration` each
    time, in a `timezone`; or during `time_intervals`.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"cron": "0 2 * * 0", "duration": "2h", "timezone": "Europe/Berlin"}]},
    )

    starts_at: Moment | None = None
    ends_at: Moment | None = None
    cron: str | None = Field(None, max_length=200, examples=["0 2 * * 0"])
    rrule: str | None = Field(None, max_length=1000, examples=["FREQ=WEEKLY;BYDAY=SU"])
    dtstart: datetime | None = None
    duration: str | None = Field(None, max_length=50, examples=["2h"])
    timezone: str | None = Field(None, max_length=100, examples=["Europe/Berlin"])
    time_intervals: list[dict[str, Any]] | None = Field(None, max_length=MAX_INTERVALS)


class WindowPlan(BaseModel):
    """What a window is for, and when it is open."""

    model_config = ConfigDict(extra="forbid")

    matchers: MatcherTexts
    window: WindowForm
    covers_dependents: bool = Field(False, description="Whether checks that depend on those it matches are meant, too.")
    comment: str = Field(max_length=MOST_COMMENT, description="Why.", examples=["A new rack."])

    def to_plan(self, name: str) -> Plan:
        """As the service wants it. Raises DefinitionError."""
        return Plan(
            name=name,
            matchers=read_matchers(self.matchers),
            window=read_window(self.window.model_dump(exclude_none=True)),
            comment=self.comment,
            covers_dependents=self.covers_dependents,
        )


class NewWindow(WindowPlan):
    """The window that is wanted."""

    name: str = Field(max_length=100, examples=["move-of-shop"])


class Ending(BaseModel):
    """What is to be remembered of an early end."""

    model_config = ConfigDict(extra="forbid")

    comment: str = Field("", max_length=2000, pattern=r"^[^\x00]*$", examples=["Done sooner."])


class Covering(BaseModel):
    """Matchers to be tried out."""

    model_config = ConfigDict(extra="forbid")

    matchers: MatcherTexts
    covers_dependents: bool = False


@router.get("", summary="List maintenance windows")
def list_maintenance(parts: PartsDep, _: Viewer, cursor: Cursor = None, limit: Many = MANY) -> Page[MaintenanceView]:
    """By name, of files and of people, with the occurrence that is open and the next one."""
    now, found = parts.clock.now(), parts.maintaining.list()
    return page_of(found, WINDOWS, lambda window: MaintenanceView.of(window, now), cursor=cursor, limit=limit)


@router.post("", status_code=201, summary="Plan a maintenance window")
def create_maintenance(wanted: NewWindow, parts: PartsDep, who: Responder, origin: Origin) -> MaintenanceView:
    """409 when the name is taken."""
    now = parts.clock.now()
    planned = parts.maintaining.add(wanted.to_plan(wanted.name), actor=who.name, origin=origin, now=now)
    return MaintenanceView.of(planned, now)


@router.post("/preview", summary="Show what a window would hold back now")
def preview_maintenance(wanted: Covering, parts: PartsDep, _: Viewer) -> HitsView:
    """Open alerts, their incidents, and how many messages wait. Nothing is changed."""
    matchers = read_matchers(wanted.matchers)
    return HitsView.of(parts.maintaining.preview(matchers, covers_dependents=wanted.covers_dependents))


@router.get("/{name}", summary="Show a maintenance window")
def show_maintenance(name: Name, parts: PartsDep, _: Viewer, response: Response) -> MaintenanceView:
    """A file's, or one that a person planned."""
    return tagged(response, MaintenanceView.of(parts.maintaining.get(name), parts.clock.now()))


@router.put("/{name}", summary="Plan a maintenance window anew")
def change_maintenance(
    name: Name, wanted: WindowPlan, parts: PartsDep, who: Responder, origin: Origin, condition: IfMatch
) -> MaintenanceView:
    """409 for one that a file defines: it is changed there."""
    now = parts.clock.now()
    judge = condition.on(partial(MaintenanceView.of, now=now))
    planned = parts.maintaining.change(wanted.to_plan(name), actor=who.name, origin=origin, now=now, judge=judge)
    return condition.tagged(MaintenanceView.of(planned, now))


@router.post("/{name}/end", summary="End the occurrence that is open")
def end_maintenance(
    name: Name, parts: PartsDep, who: Responder, origin: Origin, said: Ending | None = None
) -> MaintenanceView:
    """Also of one that a file defines. What is still broken is told; the next occurrence comes. 409 if none is open."""
    now, comment = parts.clock.now(), said.comment if said else ""
    ended = parts.maintaining.end(name, actor=who.name, origin=origin, now=now, comment=comment)
    return MaintenanceView.of(ended, now)


@router.delete("/{name}", status_code=204, response_class=Response, summary="Delete a maintenance window")
def delete_maintenance(name: Name, parts: PartsDep, who: Responder, origin: Origin, condition: IfMatch) -> None:
    """409 for one that a file defines: it is removed there."""
    now = parts.clock.now()
    judge = condition.on(partial(MaintenanceView.of, now=now))
    parts.maintaining.delete(name, actor=who.name, origin=origin, now=now, judge=judge)
