"""Alerts and what was told about them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from healthmgr.api.answer_bodies import Comment, Lasting
from healthmgr.api.checks import Cursor, Limit
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Origin, Responder, Viewer
from healthmgr.domain.check import Severity
from healthmgr.views import AlertView, NotificationView, Page

router = APIRouter()

AlertState = Literal["open", "firing", "acknowledged", "suppressed", "resolved", "all"]
NotificationState = Literal["pending", "sending", "sent", "failed", "superseded"]


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
def acknowledge_alert(
    alert_id: UUID, parts: PartsDep, who: Responder, origin: Origin, said: Lasting | None = None
) -> AlertView:
    """Nobody is told of it again while it is acknowledged, for good or until its end; 409 when that is not possible."""
    said, now = said or Lasting(), parts.clock.now()
    parts.responding.acknowledge(
        alert_id, actor=who.name, origin=origin, now=now, comment=said.comment, until=said.end(now)
    )
    return parts.reading.alert(alert_id)


@router.post("/alerts/{alert_id}/unacknowledge", summary="Take an acknowledgement back", tags=["alerts"])
def unacknowledge_alert(
    alert_id: UUID, parts: PartsDep, who: Responder, origin: Origin, said: Comment | None = None
) -> AlertView:
    """People are told again at once; 409 when nobody has it."""
    comment = said.comment if said else ""
    parts.responding.unacknowledge(alert_id, actor=who.name, origin=origin, now=parts.clock.now(), comment=comment)
    return parts.reading.alert(alert_id)


@router.post("/alerts/{alert_id}/resolve", summary="Say that it is over", tags=["alerts"])
def resolve_alert(
    alert_id: UUID, parts: PartsDep, who: Responder, origin: Origin, said: Comment | None = None
) -> AlertView:
    """Who was told about the problem is told that it is over; 409 when it is resolved already."""
    comment = said.comment if said else ""
    parts.responding.resolve(alert_id, actor=who.name, origin=origin, now=parts.clock.now(), comment=comment)
    return parts.reading.alert(alert_id)


@router.post("/alerts/{alert_id}/reopen", summary="Say that it was not over", tags=["alerts"])
def reopen_alert(
    alert_id: UUID, parts: PartsDep, who: Responder, origin: Origin, said: Comment | None = None
) -> AlertView:
    """It is open again, and told; its check's next good result closes it. 409 when it is open, or another one is."""
    comment = said.comment if said else ""
    parts.responding.reopen(alert_id, actor=who.name, origin=origin, now=parts.clock.now(), comment=comment)
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
