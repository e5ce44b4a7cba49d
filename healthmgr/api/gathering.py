"""What arrives together is carried out together: a commit costs the same for one ping as for a hundred."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

Item = TypeVar("Item")

_MOST_AT_ONCE = 200  # items in one batch
_BATCHES_UNDER_WAY = 2  # while one waits for its commit, the next one is written


class Gathering(Generic[Item]):
    """Gathers items while batches before them are under way; of one event loop.

    `carry_out` is called in a thread with the items of a batch in the order of their arrival, and gives back
    for each the error that it met, or None.
    """

    def __init__(self, carry_out: Callable[[Sequence[Item]], Sequence[Exception | None]]) -> None:
        self._carry_out = carry_out
        self._waiting: list[tuple[Item, asyncio.Future[None]]] = []
        self._batches: set[asyncio.Task[None]] = set()

    async def add(self, item: Item) -> None:
        """Return when the item's batch was carried out; raises the item's error."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if len(self._batches) < _BATCHES_UNDER_WAY:
            batch = asyncio.create_task(self._work_off())
            self._batches.add(batch)
            batch.add_done_callback(self._batches.discard)
        await done

    async def _work_off(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
            try:
                errors = await run_in_threadpool(self._carry_out, [item for item, _ in batch])
            except Exception as error:
                errors = [error] * len(batch)
            for (_, done), failure in zip(batch, errors, strict=True):
                if done.done():
                    continue  # its caller has left
                if failure is None:
                    done.set_result(None)
                else:
                    done.set_exception(failure)
