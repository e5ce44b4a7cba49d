"""The engine that carries out probes: deadlines, isolation, back-pressure, what leaves it and what does not."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel, ConfigDict

from healthmgr.domain.check import Status
from healthmgr.domain.result import Cause, Outcome, ProbeOrder, Result
from healthmgr.errors import ProbeError, Unavailable, UnknownPlugin
from healthmgr.ports import ProbeContext
from healthmgr.services.probing import Guard, Probing
from healthmgr.settings import Settings
from healthmgr.telemetry import configure_logging

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class StillClock:
    def now(self) -> datetime:
        return NOW


class Document(BaseModel):
    model_config = ConfigDict(extra="forbid")
    says: Any = "fine"
    token: str = ""


class Scripted:
    """A check type that does what the test gave it to do; `calls` counts."""

    Config: ClassVar[type[BaseModel]] = Document
    uses_network: ClassVar[bool] = True

    def __init__(self, act: Callable[[Any, ProbeContext], Any]) -> None:
        self.act = act
        self.contexts: list[ProbeContext] = []


class OnTheLoop(Scripted):
    kind: ClassVar[str] = "loop"

    async def probe(self, config: Any, context: ProbeContext) -> Outcome:
        """Run the script."""
        self.contexts.append(context)
        answer = self.act(config, context)
        return await answer if asyncio.iscoroutine(answer) else answer


class InAThread(Scripted):
    kind: ClassVar[str] = "thread"

    def probe(self, config: Any, context: ProbeContext) -> Outcome:
        """Run the script."""
        self.contexts.append(context)
        answer: Outcome = self.act(config, context)
        return answer


class Kinds:
    def __init__(self, *plugins: Any) -> None:
        self._plugins = {plugin.kind: plugin for plugin in plugins}

    def check_type(self, kind: str) -> Any:
        if kind not in self._plugins:
            raise UnknownPlugin(f"There is no check type {kind!r}")
        return self._plugins[kind]


@dataclass
class Inbox:
    """Where results arrive; `take` waits for a number of them."""

    batches: list[list[Result]] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, results: Sequence[Result]) -> None:
        with self.arrived:
            self.batches.append(list(results))
            self.arrived.notify_all()

    @property
    def results(self) -> list[Result]:
        return [result for batch in self.batches for result in batch]

    def take(self, count: int, within: float = 5.0) -> list[Result]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.results) >= count, within), f"only {self.results}"
            return self.results


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


Start = Callable[..., Probing]


@pytest.fixture
def start(inbox: Inbox) -> Iterator[Start]:
    """start(plugin, ..., environ=..., deliver=...) gives a running Probing that is closed after the test."""
    running: list[Probing] = []

    def begin(*plugins: Any, environ: dict[str, str] | None = None, deliver: Any = None, **more: Any) -> Probing:
        probing = Probing(Kinds(*plugins), StillClock(), environ or {}, deliver or inbox, worker="w1", **more)
        probing.start()
        running.append(probing)
        return probing

    yield begin
    for probing in running:
        probing.close(timedelta(seconds=2))


def order(kind: str = "loop", check_id: UUID | None = None, sequence: int = 1, **changes: Any) -> ProbeOrder:
    values: dict[str, Any] = {
        "check_id": check_id or uuid4(),
        "slug": "api",
        "kind": kind,
        "config": {},
        "timeout": timedelta(seconds=5),
        "sequence": sequence,
        "start_by": NOW + timedelta(minutes=1),
        "cause": Cause.SLOT,
        "slot_at": NOW,
    }
    return ProbeOrder(**(values | changes))


def healthy(*_: Any) -> Outcome:
    return Outcome(Status.HEALTHY, "fine")


async def hang(*_: Any) -> Outcome:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize("plugin", [OnTheLoop, InAThread])
def test_a_result_carries_the_identity_of_its_order(start: Start, inbox: Inbox, plugin: Any) -> None:
    def act(config: Any, context: ProbeContext) -> Outcome:
        return Outcome(Status.DEGRADED, "slow", metrics={"n": 3})

    asked = order(plugin.kind, sequence=42, cause=Cause.RETRY)
    start(plugin(act)).submit([asked])
    (result,) = inbox.take(1)
    assert (result.check_id, result.sequence, result.cause, result.slot_at) == (asked.check_id, 42, Cause.RETRY, NOW)
    assert (result.status, result.message, result.metrics, result.worker) == (Status.DEGRADED, "slow", {"n": 3.0}, "w1")
    assert timedelta(0) <= result.started_at - NOW < timedelta(seconds=2)
    assert 0 < result.response_time < 1


def test_a_response_time_that_the_check_type_gives_is_kept(start: Start, inbox: Inbox) -> None:
    start(OnTheLoop(lambda *_: Outcome(Status.HEALTHY, "", response_time=7.5))).submit([order()])
    assert inbox.take(1)[0].response_time == 7.5


def test_a_probe_is_given_its_view_its_deadline_and_the_shared_client(start: Start, inbox: Inbox) -> None:
    plugin = OnTheLoop(healthy)
    start(plugin).submit([order(view={"last_ping_at": None})])
    inbox.take(1)
    (context,) = plugin.contexts
    assert (context.slug, context.timeout, context.view) == ("api", timedelta(seconds=5), {"last_ping_at": None})
    assert context.http is not None


@pytest.mark.parametrize("kind", ["loop", "thread"])
def test_a_probe_that_overruns_is_answered_at_its_deadline(start: Start, inbox: Inbox, kind: str) -> None:
    release = threading.Event()
    blocking = InAThread(lambda *_: release.wait(10) and healthy())
    started = time.monotonic()
    start(OnTheLoop(hang), blocking).submit([order(kind, timeout=timedelta(milliseconds=150))])
    (result,) = inbox.take(1)
    assert 0.1 < time.monotonic() - started < 1.0
    assert (result.status, result.message) == (Status.UNHEALTHY, "timed out after 150ms")
    assert result.response_time == pytest.approx(0.15, abs=0.1)
    release.set()


def test_a_blocking_function_starves_nobody_and_leaks_one_thread(start: Start, inbox: Inbox) -> None:
    release = threading.Event()
    blocking, quick = InAThread(lambda *_: release.wait(10) and healthy()), OnTheLoop(healthy)
    probing = start(blocking, quick)
    check_id = uuid4()
    probing.submit([order("thread", check_id, 1, timeout=timedelta(milliseconds=50))])
    inbox.take(1)
    probing.submit([order("thread", check_id, sequence) for sequence in (2, 3, 4)])
    probing.submit([order("loop") for _ in range(20)])
    results = inbox.take(24)
    refused = [r for r in results if r.check_id == check_id and r.sequence > 1]
    assert len(blocking.contexts) == 1
    assert probing.state.left_behind == 1
    assert {r.status for r in refused} == {Status.UNKNOWN}
    assert all("its previous call still runs (since 2026-03-02 09:00:0" in r.message for r in refused)
    assert sum(r.status is Status.HEALTHY for r in results) == 20
    release.set()


def test_a_function_that_ends_late_may_be_called_again(start: Start, inbox: Inbox) -> None:
    release, ended = threading.Event(), threading.Event()

    def act(*_: Any) -> Outcome:
        release.wait(10)
        return healthy()

    probing, check_id = start(InAThread(act)), uuid4()
    probing.submit([order("thread", check_id, 1, timeout=timedelta(milliseconds=50))])
    inbox.take(1)
    release.set()
    until = time.monotonic() + 3
    while probing.state.left_behind and time.monotonic() < until:
        ended.wait(0.01)
    probing.submit([order("thread", check_id, 2)])
    assert inbox.take(2)[1].status is Status.HEALTHY


def test_an_order_delivered_twice_is_carried_out_once(start: Start, inbox: Inbox) -> None:
    gate, begun = threading.Event(), threading.Semaphore(0)

    def act(*_: Any) -> Outcome:
        begun.release()
        gate.wait(5)
        return healthy()

    plugin = InAThread(act)
    probing, twice = start(plugin), order("thread")
    probing.submit([twice])
    probing.submit([twice])
    probing.submit([order("thread", config={"says": "other"})])
    # Orders are begun in turn: when the third has, the repeated one was dealt with while the first was under way.
    assert begun.acquire(timeout=5)
    assert begun.acquire(timeout=5)
    gate.set()
    assert len(inbox.take(2)) == 2
    assert len(plugin.contexts) == 2


def test_an_order_that_comes_too_late_is_left_to_its_lease(start: Start, inbox: Inbox) -> None:
    plugin = OnTheLoop(healthy)
    probing = start(plugin)
    late = order(start_by=NOW - timedelta(seconds=1))
    probing.submit([late, order()])
    inbox.take(1)
    assert len(plugin.contexts) == 1
    assert probing.answer(late) is None
    assert probing.state.under_way == 0


@pytest.mark.parametrize("plugin", [OnTheLoop, InAThread])
@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        (ProbeError("the disk is not here"), Status.UNKNOWN, "could not tell: the disk is not here"),
        (KeyError("x"), Status.UNKNOWN, "could not tell: the check type {kind} failed: KeyError: 'x'"),
        (SystemExit(3), Status.UNKNOWN, "SystemExit"),
        (TimeoutError("read"), Status.UNHEALTHY, "timed out: read"),
        (asyncio.CancelledError(), Status.UNKNOWN, "could not tell"),
    ],
)
def test_whatever_a_check_type_raises_is_a_result_and_harms_no_other(
    start: Start, inbox: Inbox, plugin: Any, fault: BaseException, status: Status, words: str
) -> None:
    def act(config: Any, context: ProbeContext) -> Outcome:
        if config.says == "fault":
            raise fault
        return healthy()

    probing = start(plugin(act))
    probing.submit([order(plugin.kind, config={"says": "fault"}), order(plugin.kind)])
    results = inbox.take(2)
    broken = next(r for r in results if r.status.is_bad)
    assert broken.status is status
    assert words.format(kind=plugin.kind) in broken.message
    assert [r.status for r in results if r is not broken] == [Status.HEALTHY]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "nonsense"}, "There is no check type 'nonsense'"),
        ({"config": {"token": "${NOT_SET_HERE}"}}, "NOT_SET_HERE"),
        ({"config": {"colour": "red"}}, "configuration of this check is not valid: colour: Extra inputs"),
    ],
)
def test_a_check_that_cannot_be_probed_here_says_why(start: Start, inbox: Inbox, changes: Any, words: str) -> None:
    start(OnTheLoop(healthy)).submit([order(**changes)])
    (result,) = inbox.take(1)
    assert result.status is Status.UNKNOWN
    assert words in result.message


def test_secrets_reach_the_check_type_and_no_message_or_log(
    start: Start, inbox: Inbox, capsys: pytest.CaptureFixture[str]
) -> None:
    def act(config: Any, context: ProbeContext) -> Outcome:
        if config.says == "crash":
            raise RuntimeError(f"refused {config.token}")
        return Outcome(Status.UNHEALTHY, f"{config.token} at redis://u:other-pw@h/0")

    configure_logging(Settings.load({}))
    probing = start(OnTheLoop(act), environ={"TOKEN": "s3cret-value"})
    config = {"token": "${TOKEN}"}
    probing.submit([order(config=config), order(config=config | {"says": "crash"})])
    messages = " | ".join(result.message for result in inbox.take(2))
    logged = "".join(capsys.readouterr())
    assert "*** at redis://u:***@h/0" in messages
    assert "RuntimeError: refused ***" in messages
    assert "probe.crashed" in logged
    for text in (messages, logged):
        assert "s3cret-value" not in text
        assert "other-pw" not in text


def test_an_invalid_configuration_does_not_quote_a_secret(start: Start, inbox: Inbox) -> None:
    probing = start(OnTheLoop(healthy), environ={"TOKEN": "s3cret-value"})
    probing.submit([order(config={"token": {"deep": "${TOKEN}"}})])
    assert "s3cret-value" not in inbox.take(1)[0].message


def test_a_changed_configuration_is_used_at_once(start: Start, inbox: Inbox) -> None:
    probing = start(OnTheLoop(lambda config, _: Outcome(Status.HEALTHY, config.says)))
    check_id = uuid4()
    for sequence, words in enumerate(("one", "one", "two"), 1):
        probing.submit([order("loop", check_id, sequence, config={"says": words})])
    assert sorted(result.message for result in inbox.take(3)) == ["one", "one", "two"]


def test_messages_and_metrics_are_made_fit_to_store(start: Start, inbox: Inbox) -> None:
    metrics: dict[str, Any] = {
        "ok": 1,
        "nan": float("nan"),
        "inf": float("inf"),
        "text": "x",
        "none": None,
        "a\x00b": 2,
    }
    outcome = Outcome(Status.UNHEALTHY, "a\x00b\ud800" + "x" * 3000, response_time=float("nan"), metrics=metrics)
    start(OnTheLoop(lambda *_: outcome)).submit([order()])
    (result,) = inbox.take(1)
    assert result.metrics == {"ok": 1.0, "ab": 2.0}
    assert len(result.message) == 2000
    assert "\x00" not in result.message
    assert result.message.encode("utf-8")
    assert 0 <= result.response_time < 1


def test_something_else_than_an_outcome_could_not_be_told(start: Start, inbox: Inbox) -> None:
    start(OnTheLoop(lambda *_: "fine")).submit([order()])
    (result,) = inbox.take(1)
    assert (result.status, "returned str" in result.message) == (Status.UNKNOWN, True)


def test_no_more_than_max_in_flight_are_under_way_and_submit_waits(start: Start, inbox: Inbox) -> None:
    gate, busy, most = threading.Event(), [0], [0]

    async def act(config: Any, context: ProbeContext) -> Outcome:
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        await asyncio.to_thread(gate.wait, 5)
        busy[0] -= 1
        return healthy()

    probing = start(OnTheLoop(act), max_in_flight=3)
    submitting = threading.Thread(target=probing.submit, args=([order() for _ in range(10)],))
    submitting.start()
    submitting.join(0.3)
    assert submitting.is_alive()
    assert probing.state.under_way == 3
    gate.set()
    submitting.join(5)
    assert not submitting.is_alive()
    assert len(inbox.take(10)) == 10
    assert most[0] == 3


def test_an_answer_goes_to_who_asked_alone(start: Start, inbox: Inbox) -> None:
    result = start(OnTheLoop(healthy)).answer(order(sequence=9))
    assert result is not None
    assert (result.status, result.sequence) == (Status.HEALTHY, 9)
    assert inbox.results == []


def test_closing_finishes_what_is_under_way_and_takes_no_more(start: Start, inbox: Inbox) -> None:
    async def act(config: Any, context: ProbeContext) -> Outcome:
        await asyncio.sleep(0.1)
        return healthy()

    probing = Probing(Kinds(OnTheLoop(act)), StillClock(), {}, inbox, worker="w1")
    probing.start()
    probing.submit([order() for _ in range(5)])
    probing.close(timedelta(seconds=5))
    assert len(inbox.results) == 5
    with pytest.raises(Unavailable):
        probing.submit([order()])
    probing.close(timedelta(seconds=5))


def test_closing_sends_away_who_waits_for_a_place(inbox: Inbox) -> None:
    probing = Probing(Kinds(OnTheLoop(hang)), StillClock(), {}, inbox, worker="w1", max_in_flight=1)
    probing.start()
    probing.submit([order()])
    refusals: list[Unavailable] = []

    def submit() -> None:
        try:
            probing.submit([order()])
        except Unavailable as refusal:
            refusals.append(refusal)

    waiting = threading.Thread(target=submit)
    waiting.start()
    probing.close(timedelta(seconds=0.2))
    waiting.join(2)
    assert len(refusals) == 1


def test_closing_abandons_what_does_not_end_within_the_grace(inbox: Inbox) -> None:
    release = threading.Event()
    plugins = Kinds(OnTheLoop(hang), InAThread(lambda *_: release.wait(10) and healthy()))
    probing = Probing(plugins, StillClock(), {}, inbox, worker="w1")
    probing.start()
    probing.submit([order("loop"), order("thread")])
    started = time.monotonic()
    probing.close(timedelta(seconds=0.4))
    assert time.monotonic() - started < 2
    assert inbox.results == []
    release.set()


class Doubtful:
    """A guard that makes every failure wait for the test."""

    def __init__(self) -> None:
        self.verdict: asyncio.Event | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    def judge(self, asked: ProbeOrder, result: Result) -> Any:
        if result.status is not Status.UNHEALTHY:
            return result
        self.verdict, self.loop = asyncio.Event(), asyncio.get_running_loop()
        return self._wait(result)

    async def _wait(self, result: Result) -> Result:
        assert self.verdict is not None
        await self.verdict.wait()
        return result


def test_a_failure_in_doubt_is_held_and_nothing_else_is(start: Start, inbox: Inbox) -> None:
    guard = Doubtful()
    probing = start(OnTheLoop(lambda config, _: Outcome(Status(config.says), "")), guard=guard)
    probing.submit([order(config={"says": "unhealthy"}), order(config={"says": "healthy"})])
    assert [result.status for result in inbox.take(1)] == [Status.HEALTHY]
    assert guard.loop is not None
    assert guard.verdict is not None
    guard.loop.call_soon_threadsafe(guard.verdict.set)
    assert [result.status for result in inbox.take(2)] == [Status.HEALTHY, Status.UNHEALTHY]


class Broken:
    def judge(self, asked: ProbeOrder, result: Result) -> Any:
        raise RuntimeError("no idea")


class BrokenLater:
    async def judge(self, asked: ProbeOrder, result: Result) -> Result:
        raise RuntimeError("no idea")


@pytest.mark.parametrize("guard", [Broken(), BrokenLater()])
def test_a_guard_that_breaks_lets_failures_stand(start: Start, inbox: Inbox, guard: Guard) -> None:
    start(OnTheLoop(lambda *_: Outcome(Status.UNHEALTHY, "gone")), guard=guard).submit([order()])
    assert inbox.take(1)[0].status is Status.UNHEALTHY
