"""Calling check types: coroutines on the loop, plain functions in threads, each held to its deadline."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import structlog

from healthmgr.domain.check import Status
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.result import Outcome, ProbeOrder
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext
from healthmgr.services.probing_preparation import Prepared

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Call:
    sequence: int
    started_at: datetime
    ends_by: float


class Calls:
    """The calls under way. Everything but a plain function's own body happens on the event loop.

    A plain function that outlives its deadline is left behind in its thread, and its check is not called
    again until it ends: one that never ends costs one thread. At most `max_left_behind` such threads are
    put up with; beyond that no plain function is called.
    """

    def __init__(self, max_left_behind: int = 256) -> None:
        self._max_left_behind = max_left_behind
        self._under_way: dict[UUID, _Call] = {}
        self._left_behind: set[UUID] = set()

    @property
    def left_behind(self) -> int:
        """How many calls outlived their deadline and still run."""
        return len(self._left_behind)

    def is_repeated(self, order: ProbeOrder) -> bool:
        """Whether this very order is being carried out: the broker delivered it twice."""
        call = self._under_way.get(order.check_id)
        return call is not None and call.sequence == order.sequence

    async def call(self, prepared: Prepared, order: ProbeOrder, context: ProbeContext) -> Outcome:
        """What the check type says, or that it timed out; whatever it raises passes through as an Exception.

        Raises ProbeError when a previous call of this check has not ended.
        """
        loop = asyncio.get_running_loop()
        previous = self._under_way.get(order.check_id)
        if previous is not None and (prepared.is_blocking or loop.time() > previous.ends_by):
            raise ProbeError(f"its previous call still runs (since {previous.started_at:%Y-%m-%d %H:%M:%S} UTC)")
        call = _Call(order.sequence, context.now, loop.time() + order.timeout.total_seconds())
        if prepared.is_blocking:
            return await self._call_in_thread(prepared, order, context, call)
        self._under_way[order.check_id] = call
        try:
            return await _call_here(prepared, context)
        finally:
            self._forget(order.check_id, call)

    async def _call_in_thread(
        self, prepared: Prepared, order: ProbeOrder, context: ProbeContext, call: _Call
    ) -> Outcome:
        if len(self._left_behind) >= self._max_left_behind:
            raise ProbeError(f"{len(self._left_behind)} earlier calls of other checks never ended: restart this worker")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

        def settle(outcome: Any, error: BaseException | None) -> None:
            self._left_behind.discard(order.check_id)
            self._forget(order.check_id, call)
            if not answer.done():
                answer.set_result((outcome, error))

        thread = threading.Thread(
            target=_run, args=(loop, settle, prepared, context), name=f"probe {order.slug}", daemon=True
        )
        thread.start()
        self._under_way[order.check_id] = call
        done, _ = await asyncio.wait({answer}, timeout=order.timeout.total_seconds())
        if not done:
            self._left_behind.add(order.check_id)
            log.warning("probe.left_behind", slug=order.slug, kind=order.kind, left_behind=len(self._left_behind))
            return timed_out(context)
        outcome, error = answer.result()
        if error is None:
            return cast(Outcome, outcome)
        if isinstance(error, Exception):
            raise error
        raise ProbeError(f"it ended its thread with {type(error).__name__}") from error

    def _forget(self, check_id: UUID, call: _Call) -> None:
        if self._under_way.get(check_id) is call:
            del self._under_way[check_id]


def timed_out(context: ProbeContext) -> Outcome:
    """The result of a probe that was cut off at its deadline."""
    seconds = context.timeout.total_seconds()
    return Outcome(Status.UNHEALTHY, f"timed out after {format_duration(context.timeout)}", response_time=seconds)


async def _call_here(prepared: Prepared, context: ProbeContext) -> Outcome:
    deadline = asyncio.timeout(context.timeout.total_seconds())
    try:
        async with deadline:
            return await cast(Awaitable[Outcome], prepared.check_type.probe(prepared.config, context))
    except TimeoutError:
        if deadline.expired():
            return timed_out(context)
        raise
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise  # it is us who are closing
        raise ProbeError("it cancelled itself") from None
    except Exception:
        raise
    except BaseException as error:
        # SystemExit and its like would end the loop, and every other probe with it.
        raise ProbeError(f"it tried to end the process with {type(error).__name__}") from error


def _run(loop: asyncio.AbstractEventLoop, settle: Any, prepared: Prepared, context: ProbeContext) -> None:
    outcome: Any = None
    failure: BaseException | None = None
    try:
        outcome = prepared.check_type.probe(prepared.config, context)
    except BaseException as error:
        failure = error
    try:
        loop.call_soon_threadsafe(settle, outcome, failure)
    except RuntimeError:
        log.debug("probe.ended_after_close", slug=context.slug)
