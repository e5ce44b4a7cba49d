"""The door for jobs: one address a heartbeat check, usable with nothing but curl."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse
from starlette.concurrency import run_in_threadpool

from healthmgr.api.limits import MAX_BODY
from healthmgr.api.parts import PartsDep
from healthmgr.services.pinging import MAX_DETAIL_BYTES

router = APIRouter(prefix="/ping", tags=["pings"])

RunId = Annotated[UUID | None, Query(description="Tells runs apart that overlap: the same for a start and its end.")]

_METHODS = ["GET", "POST", "HEAD"]


@router.api_route(
    "/{slug}/{key}",
    methods=_METHODS,
    response_class=PlainTextResponse,
    include_in_schema=False,
)
async def ping(slug: str, key: str, request: Request, parts: PartsDep, rid: RunId = None) -> str:
    """Recorded before it is answered. The first 10 kB of a body are kept as the job's last words."""
    return await _take(slug, key, "success", rid, request, parts)


@router.api_route(
    "/{slug}/{key}/{kind}",
    methods=_METHODS,
    response_class=PlainTextResponse,
    include_in_schema=False,
)
async def ping_kind(
    slug: str,
    key: str,
    kind: str,
    request: Request,
    parts: PartsDep,
    rid: RunId = None,
) -> str:
    """`kind` is start, fail, log, success or the exit status, 0 to 255; anything else is answered with 422."""
    return await _take(slug, key, kind, rid, request, parts)


async def _take(slug: str, key: str, kind: str, run_id: UUID | None, request: Request, parts: PartsDep) -> str:
    detail = await _first_bytes(request)
    await run_in_threadpool(_accept, slug, key, kind, detail, run_id, parts)
    return "OK\n"


def _accept(slug: str, key: str, kind: str, detail: str, run_id: UUID | None, parts: PartsDep) -> None:
    parts.pinging.accept(slug, key, kind, detail, parts.clock.now(), run_id)


async def _first_bytes(request: Request) -> str:
    """The beginning of the body as text.

    The rest is read and dropped, as far as a job's output may reasonably go: a client that is answered in
    the middle of its sending would report a broken connection.
    """
    kept, read = bytearray(), 0
    async for chunk in request.stream():
        kept += chunk[: MAX_DETAIL_BYTES - len(kept)]
        read += len(chunk)
        if read > MAX_BODY:
            break
    return kept.decode(errors="replace")
