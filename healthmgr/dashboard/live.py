"""What keeps open pages up to date: one clock for all of them, and each question asked once a tick, whoever asks.

A hundred people who look at the same page cost what one costs, but for what is sent to each: what is drawn of an answer
is drawn once, too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

log = structlog.get_logger(__name__)

TICK = 1.0  # seconds between two looks
_MOST_AT_ONCE = 4  # questions to the database

Answer = TypeVar("Answer")
Refresh = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Asked:
    """A question and its answer of this tick, whether it is there yet or not."""

    answer: asyncio.Future[Any]
    at: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class _Drawn:
    """What was drawn, and of what."""

    of: tuple[object, ...]
    drawn: Any
    at: float = field(default_factory=time.monotonic)


class Live:
    """Calls every open page once a tick, while there are any."""

    def __init__(self, tick: float = TICK) -> None:
        self._tick = tick
        self._pages: dict[str, Refresh] = {}
        self._asked: dict[Hashable, _Asked] = {}
        self._drawn: dict[Hashable, _Drawn] = {}
        self._ticking: asyncio.Task[None] | None = None
        self._slots: asyncio.Semaphore | None = None

    @property
    def pages(self) -> int:
        """How many pages are open."""
        return len(self._pages)

    def follow(self, name: str, refresh: Refresh) -> None:
        """Call `refresh` once a tick until `leave`; nothing that goes wrong in one page reaches another."""
        self._pages[name] = refresh
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.get_running_loop().create_task(self._run(), name="dashboard ticks")

    def forget(self) -> None:
        """Ask everything anew: what it is asked about is not what it was."""
        self._asked.clear()
        self._drawn.clear()

    def leave(self, name: str) -> None:
        """The page is closed."""
        self._pages.pop(name, None)

    async def ask(self, question: Hashable, answer: Callable[[], Answer], fresh_for: float | None = None) -> Answer:
        """The answer to a question, at most a tick (or `fresh_for` seconds) old; `answer` runs in a thread."""
        limit = time.monotonic() - (self._tick * 0.9 if fresh_for is None else fresh_for)
        asked = self._asked.get(question)
        if asked is None or asked.at < limit or (asked.answer.done() and asked.answer.exception() is not None):
            asked = self._asked[question] = _Asked(asyncio.ensure_future(self._find_out(answer)))
        result: Answer = await asyncio.shield(asked.answer)
        return result

    def once(self, name: Hashable, of: tuple[object, ...], draw: Callable[[], Answer]) -> Answer:
        """What is drawn of these very answers: by the first who comes, and the same for all who come after.

        `name` says all else that the drawing depends on.
        """
        found = self._drawn.get(name)
        if found is None or [id(one) for one in found.of] != [id(one) for one in of]:
            found = self._drawn[name] = _Drawn(of, draw())
        drawn: Answer = found.drawn
        return drawn

    async def _find_out(self, answer: Callable[[], Answer]) -> Answer:
        if self._slots is None:
            self._slots = asyncio.Semaphore(_MOST_AT_ONCE)
        async with self._slots:
            return await asyncio.to_thread(answer)

    async def _run(self) -> None:
        while self._pages:
            began = time.monotonic()
            await asyncio.gather(*(self._refresh(name, refresh) for name, refresh in self._pages.items()))
            self._tidy(began - 60)
            await asyncio.sleep(max(self._tick - (time.monotonic() - began), self._tick / 5))

    async def _refresh(self, name: str, refresh: Refresh) -> None:
        try:
            await refresh()
        except Exception:
            log.exception("page_not_refreshed", page=name)

    def _tidy(self, before: float) -> None:
        for question in [question for question, asked in self._asked.items() if asked.at < before]:
            del self._asked[question]
        for name in [name for name, drawn in self._drawn.items() if drawn.at < before]:
            del self._drawn[name]
