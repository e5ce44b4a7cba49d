"""The answer of a stream of events: what happened since, then what happens, until one side ends it.

Its form is that of server-sent events. The id of an event is its place; a sign of life carries the place up to which
nothing more was wanted, so that a reader that comes back need not begin at the last event that it cared for.
"""

from __future__ import annotations

import asyncio
import math
import time
from asyncio import FIRST_COMPLETED
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from healthmgr.api.bounded_http import abort
from healthmgr.api.problems import answer_to
from healthmgr.api.stream_feed import EventFeed, Framed, frame
from healthmgr.domain.event import RESET, Wanted
from healthmgr.errors import HealthmgrError

log = structlog.get_logger(__name__)

HEARTBEAT = 15.0  # seconds
SEND_WITHIN = 30.0  # seconds; a reader that takes nothing for so long is gone
MEDIA_TYPE = "text/event-stream"
END = "end"
_COME_BACK_AFTER = 3000  # milliseconds


class Ending(StrEnum):
    """Why a stream ended."""

    SHUTDOWN = "shutdown"
    TOO_SLOW = "too_slow"
    TOKEN = "token_not_valid"  # noqa: S105 - a word, no token
    OVER = "time_is_over"


@dataclass(frozen=True, slots=True)
class Listening:
    """What a reader wants: which events, behind which place (None: from now on), and for how long, in seconds.

    `may_go_on` says whether the token still holds; it is asked from time to time, in a thread.
    """

    wanted: Wanted
    after: int | None
    may_go_on: Callable[[], bool]
    lasts_for: float | None = None


class EventStreamAnswer(Response):
    """Streams until the reader leaves, falls behind or may no longer listen, or the process ends."""

    media_type = MEDIA_TYPE

    def __init__(self, feed: EventFeed, listening: Listening) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._feed = feed
        self._listening = listening

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the stream, or with what keeps it from beginning."""
        try:
            place = await self._feed.join()
        except HealthmgrError as error:
            await answer_to(error)(scope, receive, send)
            return
        gone = asyncio.create_task(_gone(receive))
        try:
            await self._send_all(place, gone, send)
        except TimeoutError:
            log.info("event_stream_cut", reason="its reader took nothing")
            abort(scope)
            await gone
        finally:
            gone.cancel()
            self._feed.leave()

    async def _send_all(self, place: int, gone: asyncio.Task[None], send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        told = _Told(self._feed, self._listening, place)
        async for words in told.words(gone):
            body = {"type": "http.response.body", "body": words, "more_body": True}
            await asyncio.wait_for(send(body), SEND_WITHIN)
        await asyncio.wait_for(send({"type": "http.response.body", "body": b""}), SEND_WITHIN)


class _Told:
    """What one reader is told, and how far that is."""

    def __init__(self, feed: EventFeed, listening: Listening, place: int) -> None:
        self._feed = feed
        self._listening = listening
        self._place = place
        self._position = feed.position
        self._quiet_since = self._asked_at = time.monotonic()
        self._ends_at = self._asked_at + (listening.lasts_for or math.inf)

    async def words(self, gone: asyncio.Task[None]) -> AsyncIterator[bytes]:
        """All of it, one piece after the other, until it is over or the reader is `gone`."""
        yield f"retry: {_COME_BACK_AFTER}\n\n".encode()
        if self._listening.after is not None:
            async for words in self._missed(self._listening.after):
                yield words
        while not gone.done():
            news, events = self._feed.news, self._feed.since(self._place)
            ending = await self._ending(events)
            if events is None or ending is not None:
                yield frame(END, {"type": END, "reason": ending or Ending.TOO_SLOW}, self._position)
                return
            self._place += len(events)
            if words := self._take(events) or self._sign_of_life():
                yield words
            if not events:
                await self._wait(news, gone)

    async def _missed(self, after: int) -> AsyncIterator[bytes]:
        """What happened behind the place that the reader knows, before this stream came."""
        until = self._position
        self._position, is_reset = (await self._feed.span()).resume(after)
        if is_reset:
            facts: dict[str, object] = {"type": RESET, "after": after, "goes_on_behind": self._position}
            yield frame(RESET, facts, self._position)
        while self._position < until and (events := await self._feed.before(self._position, until)):
            if words := self._take(events):
                yield words
        self._position = max(self._position, until)

    async def _ending(self, events: Sequence[Framed] | None) -> Ending | None:
        now = time.monotonic()
        if self._feed.is_closed:
            return Ending.SHUTDOWN
        if now >= self._ends_at:
            return Ending.OVER
        if now - self._asked_at >= HEARTBEAT:
            self._asked_at = now
            if not await asyncio.to_thread(self._listening.may_go_on):
                return Ending.TOKEN
        return Ending.TOO_SLOW if events is None else None

    def _take(self, events: Sequence[Framed]) -> bytes:
        """The words of those that are wanted; what another process told this reader already is left out."""
        wanted = self._listening.wanted
        fresh = [each for each in events if each.event.id > self._position]
        words = b"".join(each.frame for each in fresh if wanted.takes(each.event.type, each.event.labels))
        if fresh:
            self._position = fresh[-1].event.id
        if words:
            self._quiet_since = time.monotonic()
        return words

    def _sign_of_life(self) -> bytes:
        if time.monotonic() - self._quiet_since < HEARTBEAT:
            return b""
        self._quiet_since = time.monotonic()
        return f": still here\nid: {self._position}\n\n".encode()

    async def _wait(self, news: asyncio.Event, gone: asyncio.Task[None]) -> None:
        """Until something happens, the reader leaves, or something has to be said or asked."""
        until = min(min(self._quiet_since, self._asked_at) + HEARTBEAT, self._ends_at)
        told = asyncio.create_task(news.wait())
        await asyncio.wait([told, gone], timeout=max(0.0, until - time.monotonic()), return_when=FIRST_COMPLETED)
        told.cancel()


async def _gone(receive: Receive) -> None:
    """Return when the reader has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
