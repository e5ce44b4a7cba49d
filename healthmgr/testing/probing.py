"""Calling a check type as a worker does: its configuration validated, its deadline enforced, a real HTTP client."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import AsyncIterator, Awaitable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import aiohttp

from healthmgr.domain.check import Status
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.result import Outcome
from healthmgr.ports import CheckType, ProbeContext

_TIMEOUT = timedelta(seconds=5)
_GRACE = 0.5  # seconds


@contextlib.asynccontextmanager
async def probe_context(
    slug: str = "subject",
    *,
    timeout: timedelta = _TIMEOUT,
    now: datetime | None = None,
    view: Mapping[str, Any] | None = None,
) -> AsyncIterator[ProbeContext]:
    """A context whose `http` is a real aiohttp session that opens a fresh connection for every request.

    `now` is this instant unless given; `view` is what a passive kind sees of our own state.
    """
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, limit=0), timeout=aiohttp.ClientTimeout(total=None)
    ) as session:
        yield ProbeContext(slug, timeout, now or datetime.now(UTC), view or {}, session)


def probe(
    check_type: type[CheckType] | CheckType,
    config: Mapping[str, Any],
    *,
    timeout: timedelta = _TIMEOUT,
    now: datetime | None = None,
    view: Mapping[str, Any] | None = None,
) -> Outcome:
    """What a check type says of this configuration, given as in a definitions file (but with secrets written out).

    A coroutine runs on an event loop and is cut off at its timeout, which makes it unhealthy. A plain function runs
    in a thread of its own, where nobody can stop it: AssertionError when it takes longer. Raises pydantic's
    ValidationError for a wrong configuration, and whatever the probe raises.
    """
    plugin = check_type() if isinstance(check_type, type) else check_type
    judged = plugin.Config.model_validate(dict(config))
    return asyncio.run(_probe(plugin, judged, timeout, now, view))


async def _probe(
    plugin: CheckType, config: Any, limit: timedelta, now: datetime | None, view: Mapping[str, Any] | None
) -> Outcome:
    async with probe_context(timeout=limit, now=now, view=view) as context:
        if inspect.iscoroutinefunction(plugin.probe):
            return await _on_the_loop(plugin, config, context)
        answer = _in_a_thread(plugin, config, context)
        done, _ = await asyncio.wait({answer}, timeout=limit.total_seconds() + _GRACE)
        if not done:
            said = f"its probe took longer than the timeout of {format_duration(limit)}, and its thread is left behind"
            raise AssertionError(f"{plugin.kind}: {said}: give `context.timeout` to whatever it waits for")
        return answer.result()


async def _on_the_loop(plugin: CheckType, config: Any, context: ProbeContext) -> Outcome:
    deadline = asyncio.timeout(context.timeout.total_seconds())
    try:
        async with deadline:
            return await cast(Awaitable[Outcome], plugin.probe(config, context))
    except TimeoutError:
        if not deadline.expired():
            raise
        seconds = context.timeout.total_seconds()
        said = f"timed out after {format_duration(context.timeout)}"
        return Outcome(Status.UNHEALTHY, said, response_time=seconds)


def _in_a_thread(plugin: CheckType, config: Any, context: ProbeContext) -> asyncio.Future[Outcome]:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Outcome] = loop.create_future()

    def settle(outcome: Outcome | None, error: Exception | None) -> None:
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(cast(Outcome, outcome))

    def run() -> None:
        outcome, failure = None, None
        try:
            outcome = cast(Outcome, plugin.probe(config, context))
        except Exception as error:
            failure = error
        # The loop is gone when the timeout was not kept; that has been told then.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, outcome, failure)

    threading.Thread(target=run, name=f"probe {context.slug}", daemon=True).start()
    return answer
