"""The whole at a glance."""

from __future__ import annotations

import hashlib
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from healthmgr.api.parts import PartsDep
from healthmgr.api.security import AnyToken, Viewer
from healthmgr.views import HealthView, Overview, StatusView

router = APIRouter(tags=["status"])

# What differs at every look without any news in it; an answer that differs in nothing else is not sent again.
_NO_NEWS: Any = {"at": True, "status": {"at"}, "health": {"parts": {"__all__": {"age", "detail"}}}}


class Myself(BaseModel):
    """Whose token this is."""

    name: str
    role: str
    scopes: list[str]


@router.get("/me", summary="Whose token this is, its role, and what it is held to")
def read_me(principal: AnyToken) -> Myself:
    """For a screen that offers only what its user may do; no scopes: all that the role may."""
    return Myself(name=principal.name, role=principal.role.value, scopes=sorted(principal.scopes))


@router.get("/status", summary="The whole at a glance")
def read_status(parts: PartsDep, _: Viewer) -> StatusView:
    """The worst hard status of all active checks, and how many checks, alerts and notifications are in which state."""
    return parts.reading.status(parts.clock.now())


@router.get("/health", summary="healthmgr's own health, with details")
def read_health(parts: PartsDep, _: Viewer) -> HealthView:
    """The same as `/healthz`, with what each part last said of itself; always 200 when it could be read."""
    return parts.reading.health(parts.clock.now())


@router.get(
    "/overview",
    summary="Everything that a screen shows, in one answer",
    response_model=Overview,
    responses={304: {"description": "Nothing is new since the answer whose ETag was sent in If-None-Match."}},
)
def read_overview(request: Request, parts: PartsDep, _: Viewer) -> Response:
    """Enabled checks in brief, the newest 200 open alerts, and both kinds of health; made for polling with ETags."""
    view = parts.reading.overview(parts.clock.now())
    news = view.model_dump_json(exclude=_NO_NEWS).encode()
    etag = f'W/"{hashlib.blake2b(news, digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(view.model_dump_json(), media_type="application/json", headers=headers)
