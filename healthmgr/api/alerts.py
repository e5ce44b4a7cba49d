"""Alerts and what was told about them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.checks import ORIGIN, Cursor, Limit
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Responder, Viewer
from healthmgr.domain.check import Severity
from healthmgr.views import AlertView, NotificationView, Page

router = APIRouter()

AlertState = Literal["open", "firing", "acknowledged", "suppressed", "resolved", "all"]
NotificationState = Literal["pending", "sending", "sent", "failed", "superseded"]


class Comment(BaseModel):
    """What a person wants to be remembered."""

    model_config = ConfigDict(extra="forbid")

    comment: str = Field("", max_length=2000, pattern=r"^[^\x00]*$", examples=["Restarted the pool, watching it."])


@router.get("/alerts", summary="List alerts", tags=["alerts"])
def list_alerts(
    parts: PartsDep,
    _: Viewer,
    state: Annotated[AlertState, Query(description="`open` is all but resolved.")] = "open",
    severity: Annotated[Severity | None, Query(description="Only alerts of this severity.")] = None,
    check: Annotated[str | None, Query(description="Only alerts of the check with this slug.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[AlertView]:
    """Newest first."""
    return parts.reading.alerts(state=state, severity=severity, check=check, cursor=cursor, limit=limit)


@router.get("/alerts/{alert_id}", summary="Show an alert", tags=["alerts"])
def show_alert(alert_id: UUID, parts: PartsDep, _: Viewer) -> AlertView:
    """Open or resolved."""
    return parts.reading.alert(alert_id)


@router.post("/alerts/{alert_id}/acknowledge", summary="Say that you are on it", tags=["alerts"])
def acknowledge_alert(alert_id: UUID, parts: PartsDep, who: Responder, said: Comment | None = None) -> AlertView:
    """Nobody is told about this alert's incident again while it is acknowledged; 409 when that is not possible now."""
    comment = said.comment if said else ""
    parts.responding.acknowledge(alert_id, actor=who.name, origin=ORIGIN, now=parts.clock.now(), comment=comment)
    return parts.reading.alert(alert_id)


@router.post("/alerts/{alert_id}/resolve", summary="Say that it is over", tags=["alerts"])
def resolve_alert(alert_id: UUID, parts: PartsDep, who: Responder, said: Comment | None = None) -> AlertView:
    """Who was told about the problem is told that it is over; 409 when it is resolved already."""
    comment = said.comment if said else ""
    parts.responding.resolve(alert_id, actor=who.name, origin=ORIGIN, now=parts.clock.now(), comment=comment)
    return parts.reading.alert(alert_id)


@router.get("/notifications", summary="List notifications with every attempt", tags=["notifications"])
def list_notifications(
    parts: PartsDep,
    _: Viewer,
    state: Annotated[NotificationState | None, Query(description="Only notifications in this state.")] = None,
    alert_id: Annotated[UUID | None, Query(description="Only those of this alert's incident.")] = None,
    recipient: Annotated[str | None, Query(description="Only those to this recipient.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[NotificationView]:
    """Newest first."""
    return parts.reading.notifications(state=state, alert_id=alert_id, recipient=recipient, cursor=cursor, limit=limit)
