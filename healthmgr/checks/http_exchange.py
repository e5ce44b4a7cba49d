"""One request and its answer, over a fresh connection, with bounded memory."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime

import aiohttp
from yarl import URL

from healthmgr.checks.http_config import HttpConfig, Plan
from healthmgr.checks.http_timing import Timeline
from healthmgr.checks.http_tls import Contexts, TlsOptions, days_left, handshake
from healthmgr.checks.http_words import NotResent

_USUAL = TlsOptions()
_PIECE = 65_536
_GZIP_OR_ZLIB = 47  # zlib's window size that recognises either header


@dataclass(slots=True)  # not frozen: that would cost four times as much for each probe
class Answer:
    """What came back. `body` holds the first `max_body` bytes, decompressed; `url` is the last of the redirects."""

    status: int
    reason: str | None
    headers: dict[str, str]
    body: bytes
    url: URL
    redirects: int
    certificate_days_left: float | None

    @property
    def text(self) -> str:
        """The body as text; what is no UTF-8 shows as U+FFFD."""
        return self.body.decode("utf-8", "replace")


async def exchange(
    session: aiohttp.ClientSession,
    config: HttpConfig,
    plan: Plan,
    contexts: Contexts,
    timeline: Timeline,
    now: datetime,
) -> Answer:
    """Ask once, following redirects. Raises aiohttp.ClientError, OSError or ValueError where no answer came."""
    extras = dict(plan.arguments)
    if plan.is_timed:
        handshake.set(timeline.handshake)
        extras["trace_request_ctx"] = timeline
    if plan.is_timed or plan.tls != _USUAL:
        extras["ssl"] = await contexts.get(plan.tls)
    if plan.is_guarded:
        extras["middlewares"] = (_resender(plan) if config.resend_to_other_origins else _guard(plan),)
    async with session.request(config.method, plan.url, **extras) as response:
        timeline.answered()
        secured = timeline.handshake.session
        return Answer(
            status=response.status,
            reason=response.reason,
            headers=_headers_of(response) if plan.assertions or plan.metrics else {},
            body=await _read(response, config.max_body, timeline),
            url=response.url,
            redirects=len(response.history),
            certificate_days_left=None if secured is None else days_left(secured, now),
        )


def _guard(plan: Plan) -> aiohttp.ClientMiddlewareType:
    """Keeps what is for one server from those that it leads us to; the client itself holds Authorization back alone.

    A request without its headers still is one. Without its body, or without the certificate that its answer
    depends on, it would be another request, whose answer says nothing: that one is not sent.
    """

    async def guard(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if request.url.origin() != plan.url.origin():
            kept = [name for name, is_at_stake in _at_stake(request, plan) if is_at_stake]
            if kept:
                raise NotResent(request.url, " and ".join(kept))
            for name in plan.guarded:
                request.headers.popall(name, None)
        return await send(request)

    return guard


def _at_stake(request: aiohttp.ClientRequest, plan: Plan) -> tuple[tuple[str, bool], ...]:
    has_body = request.method == plan.method and ("data" in plan.arguments or "json" in plan.arguments)
    shows_certificate = plan.tls.certificate is not None and request.url.scheme == "https"
    return ("the body", has_body), ("the client certificate", shows_certificate)


def _resender(plan: Plan) -> aiohttp.ClientMiddlewareType:
    """Gives back to a request the headers that the client holds back from other servers."""

    async def resend(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        for name, value in (plan.arguments["headers"] or {}).items():
            request.headers.setdefault(name, value)
        return await send(request)

    return resend


async def _read(response: aiohttp.ClientResponse, limit: int, timeline: Timeline) -> bytes:
    """The first `limit` bytes of the body. A longer one costs no more than that."""
    content, pieces = response.content, []
    while timeline.received < limit:
        piece = await content.read(min(limit - timeline.received, _PIECE))
        if not piece:
            break
        pieces.append(piece)
        timeline.received += len(piece)
        if content.at_eof():  # as nearly every answer is after its first piece: no further look is needed
            break
    body = b"".join(pieces)
    # The client leaves bodies as they came, because hardly any check looks into one.
    if response.headers.get("Content-Encoding") in ("gzip", "deflate"):
        return _decompressed(body, limit)
    return body


def _decompressed(body: bytes, limit: int) -> bytes:
    """At most `limit` bytes of it, however much it would become; as it is where it is not compressed at all."""
    if limit == 0:
        return b""
    try:
        return zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, limit)
    except zlib.error:
        return body


def _headers_of(response: aiohttp.ClientResponse) -> dict[str, str]:
    """By lower-case name; several of one name are joined, as HTTP does it."""
    found: dict[str, str] = {}
    for name, value in response.headers.items():
        key, text = name.lower(), value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
