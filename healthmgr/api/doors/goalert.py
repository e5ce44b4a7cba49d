"""The addresses that GoAlert gives to programs: its generic one, and the one for an Alertmanager's webhook."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from healthmgr.api.doors.alertmanager import refuse
from healthmgr.api.doors.entry import KeyInQuery
from healthmgr.api.doors.webhook import take_webhook
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.domain.incoming import IncomingAlert, incoming, severity_of

ORIGIN = "goalert"
_FIELDS = ("summary", "details", "action", "dedup")

router = APIRouter(prefix="/api/v2")


@router.post("/generic/incoming")
async def post_generic(request: Request, parts: PartsDep, who: KeyInQuery) -> Response:
    """Open an alert, or end it with `action=close`: in the query, in a form or as JSON. 204, or what it is as JSON."""
    return await run_in_threadpool(_take, request, parts, await request.body(), who.name)


@router.post("/prometheusalertmanager/incoming")
async def post_webhook(request: Request, parts: PartsDep, _: KeyInQuery) -> Response:
    """What an Alertmanager's webhook sends."""
    return await run_in_threadpool(take_webhook, parts, await request.body())


def _take(request: Request, parts: Parts, body: bytes, who: str) -> Response:
    now = parts.clock.now()
    try:
        alert = _to_incoming(_said(request, body), who, now)
    except ValueError as error:
        return refuse(400, str(error))
    before = parts.admitting.open_alert(ORIGIN, alert.identity)
    parts.admitting.admit([alert], ORIGIN, now)
    if "application/json" not in request.headers.get("accept", ""):
        return Response(status_code=204)
    known = before or parts.admitting.open_alert(ORIGIN, alert.identity)
    is_new = before is None and known is not None
    return JSONResponse({"AlertID": str(known or ""), "ServiceID": who, "IsNew": is_new})


def _said(request: Request, body: bytes) -> dict[str, Any]:
    """The fields, a body's before the address's. Raises ValueError."""
    said: dict[str, Any] = {name: request.query_params[name] for name in _FIELDS if name in request.query_params}
    meta = dict(_pair(each) for each in request.query_params.getlist("meta"))
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        document = _object(body)
        said |= {name: document[name] for name in _FIELDS if name in document}
        meta |= document.get("meta") or {}
    elif kind == "application/x-www-form-urlencoded":
        form = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=1000)
        said |= {name: form[name][-1] for name in _FIELDS if name in form}
        meta |= dict(_pair(each) for each in form.get("meta", ()))
    texts = [*said.values(), *meta.keys(), *meta.values()]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("every field is a text")
    return {**said, "meta": meta}


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except RecursionError as error:
        raise ValueError("the body is nested too deeply") from error
    if not isinstance(document, dict) or not isinstance(document.get("meta") or {}, dict):
        raise ValueError("the body is no JSON object")  # noqa: TRY004 - one kind of error for what was sent
    return document


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _to_incoming(said: Mapping[str, Any], who: str, now: datetime) -> IncomingAlert:
    summary, detail, meta = said.get("summary", ""), said.get("details", ""), said["meta"]
    is_over = said.get("action") == "close"
    if not summary:
        raise ValueError("summary is missing")
    # As there: without a key, what says the same is the same.
    key = said.get("dedup") or hashlib.sha256(f"{summary}\n{detail}".encode()).hexdigest()
    return incoming(
        {"service": who, **meta},
        now=now,
        annotations={"summary": summary, "description": detail},
        ends_at=now if is_over else None,
        severity=severity_of(meta.get("severity", "")),
        identity={"service": who, "dedup": key},
    )
