"""Checks: what they are, what they said, and orders to them."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from healthmgr.api.idempotency import holds_secret
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Ingest, Origin, Responder, Viewer
from healthmgr.domain.check import Status
from healthmgr.services.executing import LOOK_EVERY, Ordered, too_late
from healthmgr.services.pinging import MAX_DETAIL_BYTES
from healthmgr.services.pushing import read_outcome
from healthmgr.views import CheckView, Page, ResultView, TransitionView

router = APIRouter(prefix="/checks", tags=["checks"])

Slug = Annotated[str, Path(description="The check's slug.", examples=["database"])]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many items at most.")]
MetricName = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]


@router.get("", summary="List checks with their states")
def list_checks(
    parts: PartsDep,
    _: Viewer,
    status: Annotated[Status | None, Query(description="Only checks with this status.")] = None,
    service: Annotated[str | None, Query(description="Only checks of this service.")] = None,
    kind: Annotated[str | None, Query(description="Only checks of this kind.", examples=["http"])] = None,
    search: Annotated[str | None, Query(description="Part of the slug, name, description or service.")] = None,
    include_disabled: Annotated[bool, Query(description="Also checks that are no longer defined.")] = False,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many items at most.")] = 100,
) -> Page[CheckView]:
    """Sorted by slug."""
    return parts.reading.checks(
        status=status,
        service=service,
        kind=kind,
        search=search,
        include_disabled=include_disabled,
        cursor=cursor,
        limit=limit,
    )


@router.get("/{slug}", summary="Show a check with its state")
def show_check(slug: Slug, parts: PartsDep, _: Viewer) -> CheckView:
    """Also one that is no longer defined."""
    return parts.reading.check(slug)


@router.get("/{slug}/results", summary="List a check's results")
def list_results(slug: Slug, parts: PartsDep, _: Viewer, cursor: Cursor = None, limit: Limit = 50) -> Page[ResultView]:
    """Newest first, as far back as results are kept. Response times are in seconds."""
    return parts.reading.results(slug, cursor=cursor, limit=limit)


@router.get("/{slug}/transitions", summary="List a check's changes of state")
def list_transitions(
    slug: Slug, parts: PartsDep, _: Viewer, cursor: Cursor = None, limit: Limit = 50
) -> Page[TransitionView]:
    """Newest first."""
    return parts.reading.transitions(slug, cursor=cursor, limit=limit)


@router.post("/{slug}/run", status_code=202, summary="Probe a check now")
def run_check(slug: Slug, parts: PartsDep, who: Responder, origin: Origin) -> CheckView:
    """Orders a probe; its result is there a moment later. The answer is the check as it is now."""
    parts.responding.run(slug, actor=who.name, origin=origin, now=parts.clock.now())
    return parts.reading.check(slug)


@router.post("/{slug}/run-and-wait", summary="Probe a check now and wait for the result")
async def run_check_and_wait(
    slug: Slug,
    parts: PartsDep,
    who: Responder,
    origin: Origin,
    timeout: Annotated[float, Query(gt=0, le=120, description="Seconds to wait at most.")] = 30.0,
) -> ResultView:
    """The first result of a probe that began after this request; 503 when there is none in time.

    The order stands all the same, and is carried out as soon as something does so.
    """

    def order() -> Ordered:
        return parts.executing.order(slug, actor=who.name, origin=origin, now=parts.clock.now())

    ordered = await run_in_threadpool(order)
    ends_at = time.monotonic() + timeout
    while time.monotonic() < ends_at:
        found = (await run_in_threadpool(parts.executing.answers, [ordered])).get(ordered)
        if found is not None:
            return found
        # Between two looks no thread is held: many may wait at once.
        await asyncio.sleep(LOOK_EVERY)
    raise too_late(ordered, timedelta(seconds=timeout))


class PushedResult(BaseModel):
    """What another service found out about itself, or about something that it knows better than a probe."""

    model_config = ConfigDict(extra="forbid")

    status: Status = Field(description="What was found.", examples=["degraded"])
    message: str = Field("", max_length=10_000, description="One line for people.", examples=["queue is long"])
    response_time: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] | None = Field(
        None, description="Seconds that it took, where that says something.", examples=[0.15]
    )
    metrics: dict[MetricName, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        default_factory=dict,
        max_length=200,
        description="Named numbers in base units: the check's thresholds are held against them.",
        examples=[{"queued_orders": 512}],
    )
    is_conclusive: bool = Field(
        False,
        description="Asking again would tell nothing new: believe it at once, however many attempts the check has.",
    )


class PushedView(BaseModel):
    """The number a result was stored under, and what is believed of its check now."""

    slug: str
    sequence: int
    status: Status
    is_hard: bool


@router.post("/{slug}/results", status_code=201, summary="Bring a result", tags=["pings"])
def push_result(slug: Slug, parts: PartsDep, who: Ingest, result: PushedResult) -> PushedView:
    """Stored and judged before it is answered: what is answered with 201 is not lost.

    A result of a paused check is stored, and changes nothing. 409 for a heartbeat, which takes pings.
    """
    outcome = read_outcome(result.status, result.message, result.response_time, result.metrics, result.is_conclusive)
    pushed = parts.pushing.push(slug, outcome, actor=who.name, now=parts.clock.now())
    return PushedView(slug=pushed.slug, sequence=pushed.sequence, status=pushed.status, is_hard=pushed.is_hard)


@router.post("/{slug}/pause", summary="Stop probing a check")
def pause_check(slug: Slug, parts: PartsDep, who: Responder, origin: Origin) -> CheckView:
    """Until it is resumed."""
    parts.responding.pause(slug, actor=who.name, origin=origin, now=parts.clock.now())
    return parts.reading.check(slug)


@router.post("/{slug}/resume", summary="Probe a paused check again")
def resume_check(slug: Slug, parts: PartsDep, who: Responder, origin: Origin) -> CheckView:
    """From now on."""
    parts.responding.resume(slug, actor=who.name, origin=origin, now=parts.clock.now())
    return parts.reading.check(slug)


class Ping(BaseModel):
    """A sign of life of a watched job."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["success", "fail", "start", "log"] | Annotated[int, Field(ge=0, le=255)] = Field(
        "success", description="What happened, or the job's exit status.", examples=["success", 1]
    )
    detail: str = Field(
        "", max_length=MAX_DETAIL_BYTES, description="The job's last words.", examples=["42 files saved"]
    )
    run_id: UUID | None = Field(None, description="Tells runs apart that overlap: the same for a start and its end.")


class RecordedPing(BaseModel):
    """That it is kept, and will not be lost."""

    is_recorded: bool


class PingAddress(BaseModel):
    """Where a job pings without a token."""

    url: str


@router.post("/{slug}/ping", status_code=202, summary="Tell a heartbeat check that its job lives", tags=["pings"])
def ping_check(slug: Slug, parts: PartsDep, _: Ingest, ping: Ping | None = None) -> RecordedPing:
    """Recorded before it is answered, judged within seconds."""
    told = ping or Ping(kind="success")
    parts.pinging.record(slug, str(told.kind), told.detail, parts.clock.now(), told.run_id)
    return RecordedPing(is_recorded=True)


@router.get(
    "/{slug}/ping-address",
    summary="Show where a heartbeat check's job pings",
    tags=["pings"],
    dependencies=[Depends(holds_secret)],
)
def show_ping_address(slug: Slug, parts: PartsDep, _: Responder) -> PingAddress:
    """The address carries its own key and needs no token: `curl -fsS ADDRESS` from cron is enough."""
    base = parts.settings.public_url or f"http://{parts.settings.host}:{parts.settings.port}"
    return PingAddress(url=parts.pinging.address(slug, base))
