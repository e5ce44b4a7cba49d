"""ETags: an answer that is known already is not sent again, and what somebody else has changed is not written over.

Every answer to a GET has one. It is weak, for what it says is the same and not each byte, but for the rows that people
edit: theirs is strong, and a change may be held to it by `If-Match`, which is judged in the transaction of the change.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from healthmgr.api.idempotency import has_secret
from healthmgr.errors import Stale
from healthmgr.views import View

Viewed = TypeVar("Viewed", bound=View)
Row = TypeVar("Row")
_PREFIX = "/api/v1/"
_TAG = re.compile(r'(?:W/)?"[^"]*"')
_REVALIDATE = "private, no-cache"  # it may be kept by who asked, and is asked for again each time


def tagged(response: Response, view: Viewed) -> Viewed:
    """What is answered, with its own ETag among the headers."""
    response.headers["etag"] = tag_of(view)
    return view


def tag_of(view: View) -> str:
    """The strong ETag of a row as it is shown."""
    return f'"{_digest(view.model_dump_json().encode())}"'


class Condition:
    """What `If-Match` demands of the row that is to be changed, and the ETag of what it has become."""

    def __init__(
        self,
        response: Response,
        if_match: Annotated[
            str | None,
            Header(max_length=1000, description="Change it only while its `ETag` is still this one; 412 otherwise."),
        ] = None,
    ) -> None:
        self._response = response
        self._wanted = if_match

    def on(self, view: Callable[[Row], View]) -> Callable[[Row], None]:
        """What the service asks of the row before it changes it: raises Stale where that is not as it was seen."""

        def judge(row: Row) -> None:
            if self._wanted is None or self._wanted.strip() == "*":
                return
            present = tag_of(view(row))
            if present not in _TAG.findall(self._wanted):
                raise Stale(f"This was changed since you read it; its ETag is {present} now. Read it again")

        return judge

    def tagged(self, view: Viewed) -> Viewed:
        """What is answered, with its own ETag among the headers."""
        return tagged(self._response, view)


IfMatch = Annotated[Condition, Depends(Condition)]


class ETags:
    """Gives answers to GETs of the API an ETag, and answers 304 where the one who asks has them already."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; an answer that comes in one piece is looked at before it is sent."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(_PREFIX):
            await self._app(scope, receive, send)
            return
        held: list[Message] = []

        async def look(message: Message) -> None:
            if message["type"] == "http.response.start":
                held.append(message)
                return
            if held:
                start, body = held.pop(), message
                if start["status"] == 200 and not message.get("more_body") and not has_secret(scope):
                    body = _tag(start, message, Headers(scope=scope).get("if-none-match"))
                await send(start)
                await send(body)
                return
            await send(message)

        await self._app(scope, receive, look)


def _tag(start: Message, message: Message, known: str | None) -> Message:
    """The body to send; `start` has its ETag, and tells of nothing new where that is `known`."""
    headers = MutableHeaders(scope=start)
    tag = headers.setdefault("etag", f'W/"{_digest(message.get("body", b""))}"')
    headers.setdefault("cache-control", _REVALIDATE)
    if known is None or not (known.strip() == "*" or _opaque(tag) in map(_opaque, _TAG.findall(known))):
        return message
    start["status"] = 304
    for name in ("content-length", "content-type"):
        del headers[name]
    return {"type": "http.response.body", "body": b""}


def _opaque(tag: str) -> str:
    return tag.removeprefix("W/")


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=12).hexdigest()
