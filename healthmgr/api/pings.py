"""The door for jobs: one address a heartbeat check, usable with nothing but curl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs
from uuid import UUID

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from healthmgr.api.gathering import Gathering
from healthmgr.api.limits import MAX_BODY
from healthmgr.api.parts import Parts
from healthmgr.api.problems import Fault, answer_to, problem
from healthmgr.services.pinging import MAX_DETAIL_BYTES, Told

PATH = "/ping/"
_METHODS = ("GET", "POST", "HEAD")


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A ping as it came."""

    slug: str
    key: str
    kind: str
    detail: str
    run_id: UUID | None


class PingDoor:
    """`/ping/SLUG/KEY`, and with `/KIND` behind it: start, fail, log, success or the exit status, 0 to 255.

    `?rid=` is a run's UUID. A ping is recorded before it is answered with 200; the first 10 kB of a body are kept as
    the job's last words. It stands before the application, for a job waits for its answer: no token, no route, no
    model has to be looked at.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._parts: Parts | None = None
        self._gathering = Gathering[_Arrived](self._record)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a ping; pass everything else on."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        self._parts = scope["app"].state.parts
        try:
            answer = await self._take(Request(scope, receive))
        except Exception as error:
            answer = answer_to(error)
        await answer(scope, receive, send)

    async def _take(self, request: Request) -> Response:
        words = request.scope["path"].removeprefix(PATH).removesuffix("/").split("/")
        if len(words) not in (2, 3) or not all(words):
            return problem(404, "A ping goes to /ping/SLUG/KEY or /ping/SLUG/KEY/KIND")
        if request.method not in _METHODS:
            return problem(405, f"A ping is sent with {', '.join(_METHODS)}", headers={"Allow": ", ".join(_METHODS)})
        slug, key, kind = (*words, "success")[:3]
        try:
            run_id = _run_id(request.scope["query_string"])
        except ValueError:
            said = "a run's id is a UUID, such as 0190b5a1-0000-7000-8000-000000000001"
            return problem(422, f"query.rid: {said}", [Fault(message=said, path="query.rid")])
        detail = await _first_bytes(request)
        await self._gathering.add(_Arrived(slug, key, kind, detail, run_id))
        return PlainTextResponse("OK\n")

    def _record(self, arrived: Sequence[_Arrived]) -> Sequence[Exception | None]:
        assert self._parts is not None  # noqa: S101 - set before anything arrives
        # Asked here, in a thread: the clock may have to ask the database.
        now = self._parts.clock.now()
        told = [Told(one.slug, one.kind, one.detail, now, one.run_id, one.key) for one in arrived]
        return self._parts.pinging.record_all(told)


def _run_id(query: bytes) -> UUID | None:
    """The run that a ping is of; raises ValueError."""
    if not query:
        return None
    given = parse_qs(query.decode("latin-1"), keep_blank_values=True).get("rid")
    return UUID(given[-1]) if given else None


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
