"""What healthmgr promises of itself, as figures; and alerts that people say were none."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Origin, Responder, Viewer
from healthmgr.domain.promises import OVER
from healthmgr.domain.quantity import parse_duration
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.promising import Mark, Report

router = APIRouter()


class FalseAlarm(BaseModel):
    """Why an alert was none."""

    model_config = ConfigDict(extra="forbid")

    why: str = Field(
        min_length=1,
        max_length=500,
        pattern=r"^[^\x00]*$",
        description="kept with the mark, for those who tune the check",
        examples=["The switch was slow, the shop was not."],
    )


class MarkView(BaseModel):
    """Somebody's word that an alert was none."""

    alert_id: UUID
    marked_by: str
    marked_at: datetime
    why: str

    @classmethod
    def of(cls, mark: Mark) -> MarkView:
        """The picture of one mark."""
        return cls(alert_id=mark.alert_id, marked_by=mark.marked_by, marked_at=mark.marked_at, why=mark.why)


Over = Annotated[str, Query(description="over how long, such as 24h or 30d; results are kept for 7d by default")]


@router.get("/promises", summary="What is promised, and whether it is kept", tags=["status"])
def read_promises(parts: PartsDep, _: Viewer, over: Over = "") -> Report:
    """Detection, telling, availability of alerting, false alerts and resolution by runbooks, each beside its limit."""
    return parts.promising.report(parts.clock.now(), _length(over))


def _length(over: str) -> timedelta:
    try:
        return parse_duration(over) if over else OVER
    except (ValueError, OverflowError) as error:
        raise DefinitionError([Problem(str(error), path="query.over")]) from error


@router.put("/alerts/{alert_id}/false", summary="Say that an alert was none", tags=["alerts"])
def mark_false(alert_id: UUID, said: FalseAlarm, parts: PartsDep, who: Responder, origin: Origin) -> MarkView:
    """Open or over; it goes on as it is, nobody is told. It counts among the false ones; said again, the last holds."""
    now = parts.clock.now()
    return MarkView.of(parts.promising.mark_false(alert_id, why=said.why, actor=who.name, origin=origin, now=now))


@router.delete("/alerts/{alert_id}/false", status_code=204, summary="Take that back", tags=["alerts"])
def unmark_false(alert_id: UUID, parts: PartsDep, who: Responder, origin: Origin) -> None:
    """409 where nobody has said so."""
    parts.promising.unmark(alert_id, actor=who.name, origin=origin, now=parts.clock.now())
