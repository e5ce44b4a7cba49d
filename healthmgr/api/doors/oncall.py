"""The addresses that Grafana OnCall gives to programs: `/integrations/v1/TYPE/KEY/`, KEY being an access token."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, TypeAdapter
from starlette.concurrency import run_in_threadpool

from healthmgr.api.doors.alertmanager import refuse
from healthmgr.api.doors.alertmanager_views import parse
from healthmgr.api.doors.entry import KeyInPath
from healthmgr.api.doors.webhook import take_webhook
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.domain.incoming import incoming, severity_of

ORIGIN = "oncall"

router = APIRouter(prefix="/integrations/v1")


class FormattedEvent(BaseModel):
    """What is sent to a formatted webhook."""

    model_config = ConfigDict(extra="ignore")

    alert_uid: str | None = None
    title: str
    state: str | None = None
    message: str | None = None
    link_to_upstream_details: str | None = None
    severity: str | None = None


_FORMATTED: TypeAdapter[FormattedEvent] = TypeAdapter(FormattedEvent)


@router.post("/{kind}/{key}/")
@router.post("/{kind}/{key}")
async def post_integration(
    kind: Literal["alertmanager", "grafana_alerting", "formatted_webhook"],
    request: Request,
    parts: PartsDep,
    who: KeyInPath,
) -> Response:
    """Alerts of an Alertmanager or of Grafana, or one event of any program."""
    body = await request.body()
    if kind == "formatted_webhook":
        return await run_in_threadpool(_take, parts, body, who.name)
    return await run_in_threadpool(take_webhook, parts, body)


def _take(parts: Parts, body: bytes, who: str) -> Response:
    now = parts.clock.now()
    try:
        event: FormattedEvent = parse(_FORMATTED, body)
        alert = incoming(
            {"service": who},
            now=now,
            annotations={"summary": event.title, "description": event.message or ""},
            ends_at=now if event.state == "ok" else None,
            source_url=event.link_to_upstream_details or "",
            severity=severity_of(event.severity or ""),
            identity={"integration": who, "alert_uid": event.alert_uid or event.title},
        )
    except ValueError as error:
        return refuse(400, str(error))
    parts.admitting.admit([alert], ORIGIN, now)
    return JSONResponse("Ok.")
