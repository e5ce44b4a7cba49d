"""One reader of events for all streams of a process: what it reads is kept for a while, and every stream follows.

A stream costs its place in what is kept and nothing else. One whose reader is too slow falls out behind, and ends; it
holds up nobody, and comes back with the id of what it read last.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import structlog

from healthmgr.errors import HealthmgrError, Unavailable
from healthmgr.services.eventing import PlacedEvent
from healthmgr.storage.reading_events import Span, view_of
from healthmgr.views_events import EventView

log = structlog.get_logger(__name__)

LOOK_EVERY = 0.5  # seconds, while anybody listens and there is nothing
MOST_STREAMS = 200
MOST_KEPT = 2000  # events; how far behind a reader may be
BATCH = 200
_MOST_CATCHING_UP = 2  # streams at once that read what happened before they came
_PAUSE_WHEN_AWAY = 2.0  # seconds


class Events(Protocol):
    """Where events are read."""

    def span(self) -> Span:
        """Which events there are. Raises Unavailable."""
        ...

    def after(self, position: int, limit: int) -> Sequence[PlacedEvent]:
        """The events behind this place, in order. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Framed:
    """An event, and its words on every stream."""

    event: EventView
    frame: bytes


def framed(event: PlacedEvent) -> Framed:
    """An event with its words: written once, however many listen."""
    view = view_of(event)
    return Framed(view, frame(view.type, view.model_dump_json(), view.id))


def frame(name: str, data: str | dict[str, object], position: int | None = None) -> bytes:
    """One event as a stream says it; `data` is one line of JSON."""
    told = data if isinstance(data, str) else json.dumps(data)
    number = f"id: {position}\n" if position is not None else ""
    return f"{number}event: {name}\ndata: {told}\n\n".encode()


class EventFeed:
    """Reads events while anybody listens. Belongs to one event loop."""

    def __init__(self, events: Callable[[], Events], most: int = MOST_STREAMS, kept: int = MOST_KEPT) -> None:
        self._events = events
        self._most = most
        self._kept: deque[Framed] = deque(maxlen=kept)
        self._count = 0  # of all that was ever kept: the place behind the newest
        self._position = 0
        self._streams = 0
        self._news = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._is_closed = False
        self._starting = asyncio.Lock()
        self._catching_up = asyncio.Semaphore(_MOST_CATCHING_UP)

    @property
    def streams(self) -> int:
        """How many follow."""
        return self._streams

    @property
    def is_closed(self) -> bool:
        """Whether the process is about to end."""
        return self._is_closed

    @property
    def position(self) -> int:
        """The place of the newest event that was read."""
        return self._position

    async def join(self) -> int:
        """Follow from now on; the place to follow from. Raises Unavailable for one stream too many."""
        if self._is_closed:
            raise Unavailable("This process is about to end: come again, and another will answer")
        if self._streams >= self._most:
            raise Unavailable(f"{self._most} streams of events are open here already: come again later")
        self._streams += 1
        try:
            await self._start()
        except BaseException:
            self._streams -= 1
            raise
        return self._count

    def leave(self) -> None:
        """Follow no more."""
        self._streams -= 1

    def since(self, place: int) -> Sequence[Framed] | None:
        """What was read since that place, not all at once; None where that is no longer kept."""
        first = self._count - len(self._kept)
        if place < first:
            return None
        return list(islice(self._kept, place - first, place - first + BATCH))

    @property
    def news(self) -> asyncio.Event:
        """Set at the next event, or at the end."""
        return self._news

    async def span(self) -> Span:
        """Which events there are."""
        return await asyncio.to_thread(self._events().span)

    async def before(self, position: int, until: int) -> Sequence[Framed]:
        """Events behind this place that were there before a stream came, up to the place `until`."""
        async with self._catching_up:
            events = await asyncio.to_thread(self._events().after, position, min(BATCH, until - position))
            return [framed(event) for event in events if event.position <= until]

    def close(self) -> None:
        """End all streams."""
        self._is_closed = True
        self._tell()
        if self._reader is not None:
            self._reader.cancel()

    async def _start(self) -> None:
        async with self._starting:
            if self._reader is None or self._reader.done():
                self._position = (await self.span()).last
                self._kept.clear()
                self._reader = asyncio.get_running_loop().create_task(self._read(), name="event feed")

    async def _read(self) -> None:
        while self._streams and not self._is_closed:
            try:
                events = await asyncio.to_thread(self._events().after, self._position, BATCH)
            except HealthmgrError as error:
                log.warning("events_not_readable", error=str(error))
                await asyncio.sleep(_PAUSE_WHEN_AWAY)
                continue
            for event in events:
                self._kept.append(framed(event))
                self._count += 1
            if events:
                self._position = events[-1].position
                self._tell()
            await asyncio.sleep(LOOK_EVERY if len(events) < BATCH else 0)

    def _tell(self) -> None:
        """Wake everybody; who wants to hear of what comes next waits for the next one."""
        told, self._news = self._news, asyncio.Event()
        told.set()
