"""Doubt about this worker's own network: when most checks fail at once, is it them or is it us? (invariant 8)"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

import structlog

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome, ProbeOrder, Result
from healthmgr.errors import SettingsError
from healthmgr.services.probing_results import clean

log = structlog.get_logger(__name__)

FEWEST_CHECKS = 5
WINDOWS = (timedelta(seconds=60), timedelta(seconds=10))
CANARY_TIMEOUT = timedelta(seconds=2)
LONGEST_DOUBT = timedelta(seconds=10)
VERDICT_HOLDS_FOR = timedelta(seconds=30)
MOST_SAMPLES = 3


class SecondOpinion(Protocol):
    """Another worker, on another machine, that probes the same thing for us and delivers nothing."""

    async def ask(self, order: ProbeOrder) -> Outcome | None:
        """What it sees; None when nobody answered."""
        ...


class Ground(StrEnum):
    """What a verdict rests on."""

    CANARY_ANSWERED = "canary_answered"
    SECOND_WORKER_AGREES = "second_worker_agrees"
    SECOND_WORKER_DISAGREES = "second_worker_disagrees"
    NO_CANARY_ANSWERED = "no_canary_answered"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether this worker's own network is at fault, with the ground and a line for people."""

    is_own_fault: bool
    ground: Ground
    reason: str


@dataclass(frozen=True, slots=True)
class CanaryAnswer:
    """Whether a canary accepted a connection."""

    place: str
    answered: bool


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a second worker saw of a check that fails here."""

    slug: str
    status: Status


def judge_network(canaries: Sequence[CanaryAnswer], opinions: Sequence[Opinion]) -> Verdict:
    """One canary that answers, or a second worker that mostly sees the failures too, lets them stand.

    Only canaries that are all silent with nobody to say otherwise, or a second worker that mostly sees the
    targets well, put the blame on this worker. What stays unclear lets the failures stand.
    """
    answered = [canary.place for canary in canaries if canary.answered]
    if answered:
        return Verdict(False, Ground.CANARY_ANSWERED, f"canary {answered[0]} answers")
    seen_well = [opinion.slug for opinion in opinions if opinion.status in (Status.HEALTHY, Status.DEGRADED)]
    seen_down = [opinion.slug for opinion in opinions if opinion.status is Status.UNHEALTHY]
    silent = f"no canary answers: {', '.join(canary.place for canary in canaries)}" if canaries else ""
    if len(seen_well) > len(seen_down):
        reason = f"a second worker sees {', '.join(seen_well)} well"
        return Verdict(True, Ground.SECOND_WORKER_DISAGREES, "; ".join(part for part in (reason, silent) if part))
    if seen_down:
        return Verdict(False, Ground.SECOND_WORKER_AGREES, f"a second worker sees {', '.join(seen_down)} fail too")
    if canaries:
        return Verdict(True, Ground.NO_CANARY_ANSWERED, silent)
    return Verdict(False, Ground.UNCLEAR, "nobody could be asked")


class Doubting:
    """The guard of a worker's results, on its event loop.

    Counts the latest result of each network check. While more than half of at least five fail within the last
    minute, or within the last ten seconds, failures are held until the verdict, never longer than 10 s.
    """

    def __init__(
        self,
        canaries: Sequence[str] = (),
        second_opinion: SecondOpinion | None = None,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises SettingsError for a canary that is not host:port."""
        self._canaries = tuple(parse_place(text) for text in canaries)
        self._second_opinion = second_opinion
        self._tick = tick
        self._windows = tuple(_Window(length.total_seconds()) for length in WINDOWS)
        self._failing: OrderedDict[UUID, ProbeOrder] = OrderedDict()
        self._verdict: Verdict | None = None
        self._verdict_until = 0.0
        self._asking: asyncio.Task[Verdict] | None = None

    def judge(self, order: ProbeOrder, result: Result) -> Result | Awaitable[Result]:
        """The result itself, or a promise of it while the network is being asked about."""
        if result.status is Status.UNKNOWN:
            return result
        now, fails = self._tick(), result.status is Status.UNHEALTHY
        for window in self._windows:
            window.note(order.check_id, fails, now)
        if not fails:
            self._failing.pop(order.check_id, None)
            if self._verdict is not None and self._verdict.is_own_fault:
                self._verdict = None  # something got through: ask again before anything else is doubted
            return result
        self._remember(order)
        has_someone_to_ask = bool(self._canaries) or self._second_opinion is not None
        if not has_someone_to_ask or not any(window.is_suspicious for window in self._windows):
            return result
        if self._verdict is not None and now < self._verdict_until:
            return believed(result, self._verdict)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._find_out())
        return self._wait_for_verdict(self._asking, result)

    def _remember(self, order: ProbeOrder) -> None:
        self._failing[order.check_id] = order
        self._failing.move_to_end(order.check_id)
        if len(self._failing) > MOST_SAMPLES:
            self._failing.popitem(last=False)

    async def _wait_for_verdict(self, asking: asyncio.Task[Verdict], result: Result) -> Result:
        await asyncio.wait({asking}, timeout=LONGEST_DOUBT.total_seconds())
        if not asking.done() or asking.cancelled() or asking.exception() is not None:
            return result
        return believed(result, asking.result())

    async def _find_out(self) -> Verdict:
        started = time.monotonic()
        answers = await ask_canaries(self._canaries, CANARY_TIMEOUT)
        opinions: list[Opinion] = []
        if self._second_opinion is not None and not any(answer.answered for answer in answers):
            left = LONGEST_DOUBT.total_seconds() - (time.monotonic() - started) - 0.5
            opinions = await ask_second_worker(self._second_opinion, list(self._failing.values()), left)
        verdict = judge_network(answers, opinions)
        self._verdict, self._verdict_until = verdict, self._tick() + VERDICT_HOLDS_FOR.total_seconds()
        tell = log.warning if verdict.is_own_fault else log.info
        tell("doubt.judged", is_own_fault=verdict.is_own_fault, ground=verdict.ground.value, reason=verdict.reason)
        return verdict


def believed(result: Result, verdict: Verdict) -> Result:
    """The failure as it is, or as unknown where the verdict puts the blame on this worker."""
    if not verdict.is_own_fault:
        return result
    doubt = f"could not tell: this worker's own network seems to be down ({verdict.reason}); the probe said: "
    return replace(result, status=Status.UNKNOWN, message=clean(doubt + result.message))


async def ask_canaries(places: Sequence[tuple[str, int]], timeout: timedelta) -> list[CanaryAnswer]:
    """Connects to all at once; the first to answer is enough, and the rest is then let go."""
    tasks = {asyncio.ensure_future(_connects(host, port)): f"{host}:{port}" for host, port in places}
    pending: set[asyncio.Future[bool]] = set(tasks)
    until = time.monotonic() + timeout.total_seconds()
    while pending and (left := until - time.monotonic()) > 0:
        done, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if any(task.result() for task in done):
            break
    answers = [CanaryAnswer(place, task.done() and task.result()) for task, place in tasks.items()]
    await _let_go(pending)
    return answers


async def _connects(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def ask_second_worker(second: SecondOpinion, orders: Sequence[ProbeOrder], seconds: float) -> list[Opinion]:
    """What another worker sees of these, as far as it says so within the time."""
    limit = timedelta(seconds=max(0.1, seconds))
    asked: dict[asyncio.Future[Outcome | None], ProbeOrder] = {
        asyncio.ensure_future(_coroutine(second, replace(order, timeout=min(order.timeout, limit)))): order
        for order in orders
    }
    if not asked:
        return []
    done, pending = await asyncio.wait(asked, timeout=limit.total_seconds())
    await _let_go(pending)
    opinions = []
    for task in done:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.warning("doubt.second_worker_failed", slug=asked[task].slug, error=f"{type(error).__name__}: {error}")
        elif not task.cancelled() and (outcome := task.result()) is not None:
            opinions.append(Opinion(asked[task].slug, outcome.status))
    return sorted(opinions, key=lambda opinion: opinion.slug)


def _coroutine(second: SecondOpinion, order: ProbeOrder) -> Coroutine[Any, Any, Outcome | None]:
    return second.ask(order)


async def _let_go(pending: set[asyncio.Future[Any]]) -> None:
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending, timeout=0.1)


def parse_place(text: str) -> tuple[str, int]:
    """ "host:port" or "[address]:port", as HEALTHMGR_CANARIES lists them; raises SettingsError for anything else."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise SettingsError(f"HEALTHMGR_CANARIES: {text!r} is not host:port, such as 192.0.2.1:53")
    return host, int(port)


class _Window:
    """The latest result of each check within a length of time, counted as they come and go."""

    def __init__(self, length: float) -> None:
        self._length = length
        self._latest: OrderedDict[UUID, tuple[float, bool]] = OrderedDict()
        self._failing = 0

    @property
    def is_suspicious(self) -> bool:
        return len(self._latest) >= FEWEST_CHECKS and 2 * self._failing > len(self._latest)

    def note(self, check_id: UUID, fails: bool, now: float) -> None:
        previous = self._latest.pop(check_id, None)
        self._failing += fails - (previous is not None and previous[1])
        self._latest[check_id] = (now, fails)
        while (oldest := next(iter(self._latest.items())))[1][0] < now - self._length:
            del self._latest[oldest[0]]
            self._failing -= oldest[1][1]
