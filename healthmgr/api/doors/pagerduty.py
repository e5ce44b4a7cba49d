"""The door for programs that speak PagerDuty's Events API v2: events about alerts, and about changes."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter
from starlette.concurrency import run_in_threadpool

from healthmgr.api.doors.alertmanager_views import Instant, parse
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.api.security import hold_to_scopes, origin_of
from healthmgr.domain.cause import Changed
from healthmgr.domain.incoming import IncomingAlert, incoming, severity_of
from healthmgr.errors import Conflict, DefinitionError, NotFound
from healthmgr.services.tokens import Principal, Role

ORIGIN = "pagerduty"
_TARGET = 200  # characters of a change's summary that name it on the audit log

router = APIRouter()


class Payload(BaseModel):
    """What happened."""

    model_config = ConfigDict(extra="ignore")

    summary: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]
    severity: Literal["critical", "error", "warning", "info"]
    timestamp: Instant | None = None
    component: str | None = None
    group: str | None = None
    class_: Annotated[str | None, Field(alias="class")] = None
    custom_details: JsonValue = None


class Link(BaseModel):
    """An address that says more."""

    model_config = ConfigDict(extra="ignore")

    href: str
    text: str | None = None


class Event(BaseModel):
    """An event about an alert."""

    model_config = ConfigDict(extra="ignore")

    routing_key: str
    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: Annotated[str | None, Field(max_length=255)] = None
    payload: Payload | None = None
    links: list[Link] | None = None
    client: str | None = None
    client_url: str | None = None


class ChangePayload(BaseModel):
    """What changed."""

    model_config = ConfigDict(extra="ignore")

    summary: Annotated[str, Field(min_length=1)]
    source: str | None = None
    timestamp: Instant | None = None
    custom_details: JsonValue = None


class Change(BaseModel):
    """An event about a change."""

    model_config = ConfigDict(extra="ignore")

    routing_key: str
    payload: ChangePayload
    links: list[Link] | None = None


_EVENT: TypeAdapter[Event] = TypeAdapter(Event)
_CHANGE: TypeAdapter[Change] = TypeAdapter(Change)


@router.post("/v2/enqueue")
async def enqueue(request: Request, parts: PartsDep) -> Response:
    """Open, acknowledge or resolve an alert; `routing_key` is an access token that may bring alerts."""
    return await run_in_threadpool(_enqueue, request, parts, await request.body())


@router.post("/v2/change/enqueue")
async def enqueue_change(request: Request, parts: PartsDep) -> Response:
    """Remember a change, for the messages of what breaks at that time."""
    return await run_in_threadpool(_enqueue_change, request, parts, await request.body())


def _enqueue(request: Request, parts: Parts, body: bytes) -> Response:
    now = parts.clock.now()
    try:
        event: Event = parse(_EVENT, body)
    except ValueError as error:
        return _invalid(str(error))
    who = _bearer(request, parts, event.routing_key, now)
    if isinstance(who, Response):
        return who
    if event.event_action == "trigger":
        key = event.dedup_key or uuid4().hex
        if event.payload is None:
            return _invalid("'payload' is missing or blank")
        try:
            alert = _to_incoming(event, event.payload, _identity(who, key), now)
        except ValueError as error:
            return _invalid(str(error))
        parts.admitting.admit([alert], ORIGIN, now)
        return _accepted(key)
    if not event.dedup_key:
        return _invalid("'dedup_key' is missing or blank")
    if event.event_action == "resolve":
        parts.admitting.resolve(ORIGIN, _identity(who, event.dedup_key), now)
    else:
        _acknowledge(parts, who, event.dedup_key, origin_of(request), now)
    return _accepted(event.dedup_key)


def _enqueue_change(request: Request, parts: Parts, body: bytes) -> Response:
    now = parts.clock.now()
    try:
        change: Change = parse(_CHANGE, body)
    except ValueError as error:
        return _invalid(str(error))
    who = _bearer(request, parts, change.routing_key, now)
    if isinstance(who, Response):
        return who
    payload = change.payload
    said, links = details(payload.custom_details), list(_hrefs(change.links))
    detail = {**said, "source": payload.source or "", "links": " ".join(links)}
    changed = Changed(
        service=(said.get("service") or payload.source or "")[:_TARGET],
        title=payload.summary[:_TARGET],
        at=min(payload.timestamp or now, now),
        version=said.get("version", "")[:_TARGET],
        by=(said.get("by") or who.name)[:_TARGET],
        link=next((link for link in links if link.startswith(("https://", "http://"))), ""),
    )
    try:
        parts.insight.changing.report(
            changed, source=ORIGIN, actor=who.name, origin=origin_of(request), now=now, detail=detail
        )
    except DefinitionError as error:
        return _invalid("; ".join(problem.message for problem in error.problems))
    except ValueError as error:
        return _invalid(str(error))
    return JSONResponse({"status": "success", "message": "Change event processed"}, 202)


def _bearer(request: Request, parts: Parts, routing_key: str, now: datetime) -> Principal | Response:
    """Whose key it is, or the answer to one that is not good or used too often."""
    who = parts.tokens.verify(routing_key, now)
    if who is None or not who.role.includes(Role.INGEST):
        return _invalid("'routing_key' is no access token (hm_...) that may bring alerts")
    hold_to_scopes(request, who)
    too_early = request.app.state.door_rates.take(who.name)
    if too_early > 0:
        said = {"status": "throttle exceeded", "message": "Requests for this service are arriving too quickly."}
        return JSONResponse(said, 429, headers={"Retry-After": str(math.ceil(too_early))})
    return who


def _identity(who: Principal, dedup_key: str) -> dict[str, str]:
    """A key names the same problem only for those who share a routing key."""
    return {"routing_key": who.name, "dedup_key": dedup_key}


def _to_incoming(event: Event, payload: Payload, identity: dict[str, str], now: datetime) -> IncomingAlert:
    labels = {
        "service": payload.component or payload.source,
        "source": payload.source,
        "component": payload.component or "",
        "group": payload.group or "",
        "class": payload.class_ or "",
        "client": event.client or "",
    }
    hrefs = _hrefs(event.links)
    return incoming(
        labels,
        now=now,
        annotations={"summary": payload.summary, **details(payload.custom_details)},
        starts_at=payload.timestamp,
        source_url=event.client_url or (hrefs[0] if hrefs else ""),
        severity=severity_of(payload.severity),
        identity=identity,
    )


def _acknowledge(parts: Parts, who: Principal, dedup_key: str, origin: str, now: datetime) -> None:
    """Acknowledge what is open; there may be nothing, or somebody may have been quicker: then nothing is done."""
    alert_id = parts.admitting.open_alert(ORIGIN, _identity(who, dedup_key))
    if alert_id is None:
        return
    try:
        parts.responding.acknowledge(alert_id, actor=who.name, origin=origin, now=now)
    except (NotFound, Conflict):
        return


def details(value: JsonValue) -> dict[str, str]:
    """What a source says in any form, as annotations: a name and a text each."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        return {"details": _as_text(value)}
    return {str(name): _as_text(each) for name, each in value.items() if name != "summary"}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _hrefs(links: list[Link] | None) -> list[str]:
    return [link.href for link in links or ()]


def _accepted(dedup_key: str) -> Response:
    return JSONResponse({"status": "success", "message": "Event processed", "dedup_key": dedup_key}, 202)


def _invalid(*errors: str) -> Response:
    body = {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)}
    return JSONResponse(body, 400)
