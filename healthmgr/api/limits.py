"""What every request and answer is held to: a bounded body, and headers that keep a browser careful."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from healthmgr.api.limiting import answer_headers
from healthmgr.api.problems import problem

MAX_BODY = 1024 * 1024
MAX_ALERTS = 8 * 1024 * 1024  # Prometheus sends 256 alerts at once, each with all that its rule says of it
_ALERTS = "/api/v2/alerts"
_HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}


class BoundedRequest:
    """Refuses bodies over 1 MiB (of many alerts: 8) with 413, and NUL, which no text here can hold, with 400.

    Bodies to `/ping/` are let through, for it reads a little and ignores the rest.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body counted."""
        if scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"]):
            await problem(400, "The address holds a NUL character")(scope, receive, send)
            return
        if scope["type"] != "http" or scope["path"].startswith("/ping/"):
            await self._app(scope, receive, send)
            return
        bound = MAX_ALERTS if scope["path"].endswith(_ALERTS) else MAX_BODY
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdecimal() and int(length) > bound:
            await problem(413, _too_large(bound))(scope, receive, send)
            return
        await self._app(scope, _counted(receive, bound), send)


def _too_large(bound: int) -> str:
    return f"The body is larger than {bound // 1024**2} MiB"


def _counted(receive: Receive, bound: int) -> Receive:
    read = 0

    async def receive_within_bound() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > bound:
            raise HTTPException(413, _too_large(bound))
        return message

    return receive_within_bound


class CarefulHeaders:
    """Adds the headers above to every answer that does not set its own, and those that its request has earned."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the answer's headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(answer_headers(HTTPConnection(scope)))
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
