"""`Idempotency-Key` (the IETF's draft): a POST that comes again is answered again, and carried out once.

The key is taken once it is known who asks and that they may, and before anything is carried out; the answer is kept
before its first byte is sent.
"""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from healthmgr.api.parts import Parts
from healthmgr.errors import DefinitionError, HealthmgrError, Problem
from healthmgr.services.repeating import MOST_KEY, Answer, Claim

log = structlog.get_logger(__name__)

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_CLAIM = "healthmgr.claim"
_SECRET = "healthmgr.holds_secret"  # noqa: S105 - a name, and no secret
_KEPT = ("content-type", "etag", "location")


class Repeated(Exception):
    """This request was answered before."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"answered with {answer.status} before")
        self.answer = answer


async def hold_to_key(request: Request, parts: Parts, bearer: str) -> None:
    """Take the key of a POST that has one, for the bearer of a token.

    Raises Repeated where it was answered before, DefinitionError and Conflict as `Repeating.begin` does.
    """
    key = request.headers.get(HEADER)
    state = _state(request.scope)
    if key is None or request.method != "POST" or _CLAIM in state:
        return
    if not key.isprintable() or not 0 < len(key) <= MOST_KEY:
        said = f"a key has 1 to {MOST_KEY} printable characters; a UUID is a good one"
        raise DefinitionError([Problem(said, path=f"header.{HEADER}")])
    address = f"{request.url.path}?{request.url.query}\n".encode()
    wanted = address + await request.body()

    def begin() -> Claim | Answer:
        return parts.repeating.begin(bearer, key, wanted, parts.clock.now())

    begun = await run_in_threadpool(begin)
    if isinstance(begun, Answer):
        raise Repeated(begun)
    state[_CLAIM] = begun


async def holds_secret(request: Request) -> None:
    """A dependency of endpoints whose answers hold a secret: such an answer is kept nowhere."""
    _state(request.scope)[_SECRET] = True


def has_secret(scope: Scope) -> bool:
    """Whether the answer to this request holds a secret."""
    return bool(_state(scope).get(_SECRET))


def add_replays(app: FastAPI) -> None:
    """Have requests that were answered before answered again."""
    app.add_exception_handler(Repeated, _replay)


def _replay(_request: Request, error: Any) -> Response:
    answer: Answer = error.answer
    return Response(answer.body, answer.status, {**answer.headers, REPLAYED: "true"})


class KeptAnswers:
    """Keeps the answers to requests whose key was taken, before they are sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; where it has a key, hold its answer back until that is kept."""
        if scope["type"] != "http" or scope["method"] != "POST" or HEADER.lower() not in Headers(scope=scope):
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []

        async def hold(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, hold)
        claim = _state(scope).get(_CLAIM)
        if claim is not None:
            parts: Parts = scope["app"].state.parts
            await run_in_threadpool(_conclude, parts, claim, _answer(messages, scope))
        for message in messages:
            await send(message)


def _conclude(parts: Parts, claim: Claim, answer: Answer) -> None:
    try:
        parts.repeating.conclude(claim, answer)
    except HealthmgrError as error:
        # It is done, and is answered: whoever asks again is told that the outcome has to be looked up.
        log.warning("answer_not_kept", error=str(error))


def _answer(messages: list[Message], scope: Scope) -> Answer:
    headers = Headers(raw=messages[0]["headers"])
    kept = {name: headers[name] for name in _KEPT if name in headers}
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return Answer(messages[0]["status"], kept, body, has_secret(scope))


def _state(scope: Scope) -> dict[str, Any]:
    state: dict[str, Any] = scope.setdefault("state", {})
    return state
