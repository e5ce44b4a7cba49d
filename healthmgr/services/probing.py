"""Carrying out probes: orders come in, many are under way at once, results go out in batches."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import traceback
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import aiohttp
import structlog

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome, ProbeOrder, Result
from healthmgr.errors import PluginError, ProbeError, Unavailable
from healthmgr.ports import Clock, ProbeContext
from healthmgr.services.probing_calls import Calls
from healthmgr.services.probing_delivery import Deliver, Delivery
from healthmgr.services.probing_preparation import CheckTypes, Preparation, Prepared
from healthmgr.services.probing_results import clean, to_result, unknown

log = structlog.get_logger(__name__)


class Guard(Protocol):
    """Who is asked whether a network result can be believed, on the event loop."""

    def judge(self, order: ProbeOrder, result: Result) -> Result | Awaitable[Result]:
        """The result to deliver, or a promise of it while it is being found out."""
        ...


@dataclass(frozen=True, slots=True)
class ProbingState:
    """How busy the probing of this process is. `undelivered` results wait, `dropped` ones were given up."""

    under_way: int
    left_behind: int
    undelivered: int
    dropped: int


@dataclass(frozen=True, slots=True)
class _Instant:
    """The database's clock, read once when orders come in and carried on, so that the loop never waits for it."""

    now: datetime
    tick: float

    def carried_on(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() - self.tick)


class Probing:
    """One event loop in a thread of its own, on which this process's probes run.

    `environ` resolves the secrets of configurations; `deliver` takes batches of results, in another
    thread, and is called again with the same ones when it raises; `worker` names this process in results.
    """

    def __init__(
        self,
        check_types: CheckTypes,
        clock: Clock,
        environ: Mapping[str, str],
        deliver: Deliver,
        *,
        worker: str,
        max_in_flight: int = 200,
        guard: Guard | None = None,
    ) -> None:
        self._clock = clock
        self._worker = worker
        self._guard = guard
        self._preparation = Preparation(check_types, environ)
        self._calls = Calls()
        self._delivery = Delivery(deliver)
        self._places = _Places(max_in_flight)
        self._tasks: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> ProbingState:
        """How busy we are, for the worker's pulse."""
        return ProbingState(self._places.taken, self._calls.left_behind, self._delivery.waiting, self._delivery.dropped)

    def start(self) -> None:
        """Start the loop and the delivery. Call it in the process that probes, after any fork."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="probes", daemon=True)
        self._thread.start()
        self._delivery.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    def submit(self, orders: Sequence[ProbeOrder]) -> None:
        """Begin to carry these out; blocks while `max_in_flight` probes are under way. Any thread may call it.

        Raises Unavailable once closed: the leases of what was not begun expire, and it is offered again.
        """
        loop, instant, begun = self._running_loop(), self._read_clock(), 0
        while begun < len(orders):
            count = self._places.take(len(orders) - begun)
            loop.call_soon_threadsafe(self._begin, orders[begun : begun + count], instant)
            begun += count

    def answer(self, order: ProbeOrder) -> Result | None:
        """Carry out one order and hand its result to the caller alone, who is blocked meanwhile.

        For a second opinion or a person's question. None when it came too late to start; raises Unavailable
        when the event loop is too busy to answer in time.
        """
        future = asyncio.run_coroutine_threadsafe(self._probe(order, self._read_clock()), self._running_loop())
        try:
            return future.result(order.timeout.total_seconds() + 5.0)
        except TimeoutError as error:
            raise Unavailable("This worker is too busy to answer") from error

    def close(self, grace: timedelta) -> None:
        """Finish what is under way and deliver it, within `grace`; what does not end is abandoned to its lease.

        Closing what is not running does nothing.
        """
        if self._loop is None:
            return
        loop, seconds = self._loop, grace.total_seconds()
        self._places.close()
        started = time.monotonic()
        for_probes = seconds - min(2.0, seconds / 4)
        abandoned = asyncio.run_coroutine_threadsafe(self._wind_up(for_probes), loop).result()
        undelivered = self._delivery.close(max(0.5, seconds - (time.monotonic() - started)))
        loop.call_soon_threadsafe(loop.stop)
        if self._thread is not None:
            self._thread.join(2.0)
        self._loop = None
        if not loop.is_running():
            loop.close()
        if abandoned or undelivered:
            log.warning("probing.closed_early", abandoned=abandoned, undelivered=undelivered)

    # ---- On the caller's thread ----------------------------------------------------------------

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise Unavailable("Probing is not running in this process")
        return self._loop

    def _read_clock(self) -> _Instant:
        return _Instant(self._clock.now(), time.monotonic())

    # ---- On the loop ---------------------------------------------------------------------------

    async def _open(self) -> None:
        self._http = aiohttp.ClientSession(
            # A probe must see what a newcomer would see: a fresh connection, and a name resolved anew.
            connector=aiohttp.TCPConnector(force_close=True, limit=0, ttl_dns_cache=5),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            headers={"User-Agent": "healthmgr", "Accept-Encoding": "identity"},
        )

    def _begin(self, orders: Sequence[ProbeOrder], instant: _Instant) -> None:
        for order in orders:
            self._spawn(self._carry_out(order, instant))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, order: ProbeOrder, instant: _Instant) -> None:
        try:
            result = await self._probe(order, instant)
        finally:
            self._places.give_back()
        if result is not None:
            self._hand_on(order, result)

    async def _probe(self, order: ProbeOrder, instant: _Instant) -> Result | None:
        """One result for one order; None for an order that is too late or is being carried out already."""
        started_at = instant.carried_on()
        if started_at > order.start_by:
            log.debug("probe.too_late", slug=order.slug, start_by=order.start_by.isoformat())
            return None
        if self._calls.is_repeated(order):
            log.debug("probe.repeated", slug=order.slug, sequence=order.sequence)
            return None
        begun = time.perf_counter()
        secrets: tuple[str, ...] = ()
        try:
            prepared = self._preparation.prepare(order)
            secrets = prepared.secrets
            outcome = await self._ask(prepared, order, started_at)
        except PluginError as error:
            outcome = unknown(str(error))
        except Exception as error:
            outcome = unknown(f"the check type {order.kind} failed: {type(error).__name__}: {error}")
            log.error("probe.crashed", slug=order.slug, kind=order.kind, traceback=_quiet_traceback(secrets))
        measured = time.perf_counter() - begun
        return to_result(order, outcome, measured=measured, started_at=started_at, worker=self._worker, secrets=secrets)

    async def _ask(self, prepared: Prepared, order: ProbeOrder, started_at: datetime) -> Outcome:
        context = ProbeContext(order.slug, order.timeout, started_at, order.view, self._http)
        try:
            outcome = await self._calls.call(prepared, order, context)
        except TimeoutError as error:
            return Outcome(Status.UNHEALTHY, f"timed out: {error}" if str(error) else "timed out")
        if not isinstance(outcome, Outcome):
            raise ProbeError(f"the check type {order.kind} returned {type(outcome).__name__}, not an Outcome")
        return outcome

    def _hand_on(self, order: ProbeOrder, result: Result) -> None:
        if self._guard is None or not self._preparation.uses_network(order):
            self._delivery.put(result)
            return
        try:
            judged = self._guard.judge(order, result)
        except Exception:
            log.exception("probe.guard_failed", slug=order.slug)
            judged = result
        if isinstance(judged, Result):
            self._delivery.put(judged)
        else:
            self._spawn(self._hold(order, result, judged))

    async def _hold(self, order: ProbeOrder, result: Result, judged: Awaitable[Result]) -> None:
        """Whatever happens to the judgement, a result is delivered."""
        believed = result
        try:
            believed = await judged
        except Exception:
            log.exception("probe.guard_failed", slug=order.slug)
        finally:
            self._delivery.put(believed)

    async def _wind_up(self, seconds: float) -> int:
        """Wait for what is under way, then cut it off; gives the number that was cut off."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._tasks and (left := until - loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=left)
        cut_off = list(self._tasks)
        everything = asyncio.all_tasks() - {asyncio.current_task()}
        for task in everything:
            task.cancel()
        if everything:
            await asyncio.wait(everything, timeout=1.0)
        if self._http is not None:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                await self._http.close()
        return len(cut_off)


class _Places:
    """Places for probes under way: taken by those who submit, given back on the loop."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = count
        self._is_closed = False
        self._changed = threading.Condition()

    @property
    def taken(self) -> int:
        return self._count - self._free

    def take(self, wanted: int) -> int:
        """Between 1 and `wanted` places; waits for one. Raises Unavailable once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._free or self._is_closed)
            if self._is_closed:
                raise Unavailable("This worker is closing and begins no more probes")
            count = min(wanted, self._free)
            self._free -= count
            return count

    def give_back(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


def _quiet_traceback(secrets: tuple[str, ...]) -> str:
    text = traceback.format_exc()
    for secret in secrets:
        text = text.replace(secret, "***")
    return clean(text[-1900:])
