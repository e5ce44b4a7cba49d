"""The door for an Alertmanager that goes on running: the alerts of its webhook (version 4)."""

from __future__ import annotations

import json
from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, TypeAdapter
from starlette.concurrency import run_in_threadpool

from healthmgr.api.doors.alertmanager import admit
from healthmgr.api.doors.alertmanager_views import PostedAlert, parse
from healthmgr.api.doors.entry import Brings
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.api.problems import problem

router = APIRouter(tags=["doors"])


class WebhookBody(BaseModel):
    """As much of a webhook's body as is needed."""

    model_config = ConfigDict(extra="ignore")

    alerts: list[PostedAlert]


_BODY: TypeAdapter[WebhookBody] = TypeAdapter(WebhookBody)
_EXAMPLE = {
    "version": "4",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "DatabaseDown", "severity": "critical", "service": "shop"},
            "annotations": {"summary": "connection refused"},
            "startsAt": "2026-11-24T03:12:05Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://prometheus.example.com/graph",
        }
    ],
}
# Read by hand, so that what cannot be read is refused as Alertmanager understands it; told here all the same.
_SENT = {"required": True, "content": {"application/json": {"schema": {"type": "object"}, "example": _EXAMPLE}}}


@router.post(
    "/doors/alertmanager-webhook", summary="Take what an Alertmanager's webhook sends", status_code=200,
    response_class=Response, openapi_extra={"requestBody": _SENT},
)  # fmt: skip
async def post_webhook(request: Request, parts: PartsDep, _: Brings) -> Response:
    """Its alerts, which are the same problems as those that a Prometheus sends to `/api/v2/alerts`.

    An Alertmanager tells of what fires only as often as it repeats itself: an alert lasts until it says that it is
    over.
    Answers 400, after which it does not try again, when something cannot be used; the rest is taken.
    """
    return await run_in_threadpool(take_webhook, parts, await request.body())


def take_webhook(parts: Parts, body: bytes) -> Response:
    """Take the alerts of a webhook's body."""
    try:
        posted = parse(_BODY, body).alerts
    except ValueError as error:
        return problem(400, f"This is no webhook of an Alertmanager: {error}")
    answer = admit(parts, posted, lasts_for=None)
    if answer.status_code < HTTPStatus.BAD_REQUEST:
        return answer
    return problem(answer.status_code, json.loads(bytes(answer.body)))  # said as Alertmanager's API would: a bare text
