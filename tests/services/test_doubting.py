"""Whether it is them or us: the verdict, and what it does to results (invariant 8)."""

from __future__ import annotations

import asyncio
import inspect
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from healthmgr.domain.check import Status
from healthmgr.domain.result import Cause, Outcome, ProbeOrder, Result
from healthmgr.errors import SettingsError
from healthmgr.services.doubting import CanaryAnswer, Doubting, Ground, Opinion, judge_network, parse_place

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NAMESPACE = UUID(int=7)
GOOD, BAD = Status.HEALTHY, Status.UNHEALTHY


def silent(*places: str) -> list[CanaryAnswer]:
    return [CanaryAnswer(place, False) for place in places]


def sees(*statuses: Status) -> list[Opinion]:
    return [Opinion(f"c{n}", status) for n, status in enumerate(statuses)]


@pytest.mark.parametrize(
    ("canaries", "opinions", "is_own_fault", "ground"),
    [
        ([CanaryAnswer("a:1", True)], [], False, Ground.CANARY_ANSWERED),
        ([*silent("a:1"), CanaryAnswer("b:1", True)], [], False, Ground.CANARY_ANSWERED),
        (silent("a:1", "b:1"), [], True, Ground.NO_CANARY_ANSWERED),
        ([], sees(GOOD, GOOD, GOOD), True, Ground.SECOND_WORKER_DISAGREES),
        ([], sees(GOOD, GOOD, BAD), True, Ground.SECOND_WORKER_DISAGREES),
        ([], sees(Status.DEGRADED), True, Ground.SECOND_WORKER_DISAGREES),
        ([], sees(GOOD, BAD), False, Ground.SECOND_WORKER_AGREES),
        ([], sees(BAD, BAD, BAD), False, Ground.SECOND_WORKER_AGREES),
        (silent("a:1"), sees(BAD, BAD), False, Ground.SECOND_WORKER_AGREES),
        (silent("a:1"), sees(GOOD, GOOD), True, Ground.SECOND_WORKER_DISAGREES),
        (silent("a:1"), sees(Status.UNKNOWN), True, Ground.NO_CANARY_ANSWERED),
        ([], sees(Status.UNKNOWN), False, Ground.UNCLEAR),
        ([], [], False, Ground.UNCLEAR),
    ],
)
def test_the_verdict_blames_this_worker_only_on_good_grounds(
    canaries: Any, opinions: Any, is_own_fault: bool, ground: Ground
) -> None:
    verdict = judge_network(canaries, opinions)
    assert (verdict.is_own_fault, verdict.ground) == (is_own_fault, ground)
    assert verdict.reason


@pytest.mark.parametrize("text", ["", "host", "host:", ":53", "host:0", "host:99999", "host:dns"])
def test_a_canary_that_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="HEALTHMGR_CANARIES"):
        parse_place(text)


def test_a_canary_may_be_a_name_or_an_address() -> None:
    assert parse_place("one.example:53") == ("one.example", 53)
    assert parse_place("[2001:db8::1]:443") == ("2001:db8::1", 443)


class Hands:
    """A clock of the test's own."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


class Second:
    """A second worker that sees everything alike and remembers what it was asked."""

    def __init__(self, status: Status | None, delay: float = 0.0) -> None:
        self.status = status
        self.delay = delay
        self.asked: list[str] = []

    async def ask(self, order: ProbeOrder) -> Outcome | None:
        self.asked.append(order.slug)
        await asyncio.sleep(self.delay)
        return None if self.status is None else Outcome(self.status, "")


class Failing:
    async def ask(self, order: ProbeOrder) -> Outcome | None:
        raise ConnectionError("no broker")


def order_of(slug: str) -> ProbeOrder:
    start_by = NOW + timedelta(minutes=1)
    check_id = uuid5(NAMESPACE, slug)
    return ProbeOrder(check_id, slug, "tcp", {}, timedelta(seconds=5), 1, start_by, Cause.SLOT)


def result_of(slug: str, status: Status) -> Result:
    return Result(uuid5(NAMESPACE, slug), 1, status, f"{slug} said so", 0.1, NOW)


async def tell(doubting: Doubting, status: Status, *slugs: str) -> list[Result]:
    """Results of these checks at the same moment; what the guard makes of them."""
    judged = [doubting.judge(order_of(slug), result_of(slug, status)) for slug in slugs]
    return [await answer if inspect.isawaitable(answer) else answer for answer in judged]


def statuses(results: list[Result]) -> list[Status]:
    return [result.status for result in results]


FIVE = ("a", "b", "c", "d", "e")


@pytest.fixture
def canary() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def dead_canary() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{unused.getsockname()[1]}"


def test_failures_are_turned_to_unknown_when_no_canary_answers(dead_canary: str) -> None:
    async def story() -> None:
        first = await tell(Doubting([dead_canary]), BAD, *FIVE)
        assert statuses(first) == [BAD, BAD, BAD, BAD, Status.UNKNOWN]  # four are no reason to doubt yet
        assert first[-1].message == (
            f"could not tell: this worker's own network seems to be down (no canary answers: {dead_canary}); "
            "the probe said: e said so"
        )

    asyncio.run(story())


def test_failures_stand_when_a_canary_answers(canary: str, dead_canary: str) -> None:
    async def story() -> None:
        assert statuses(await tell(Doubting([dead_canary, canary]), BAD, *FIVE)) == [BAD] * 5

    asyncio.run(story())


def test_a_second_worker_that_sees_the_targets_well_is_believed() -> None:
    async def story() -> None:
        second = Second(GOOD)
        results = await tell(Doubting([], second), BAD, *FIVE)
        assert results[-1].status is Status.UNKNOWN
        assert "a second worker sees c, d, e well" in results[-1].message
        assert sorted(second.asked) == ["c", "d", "e"]

    asyncio.run(story())


@pytest.mark.parametrize("second", [Second(BAD), Second(None), Failing()])
def test_failures_stand_when_the_second_worker_agrees_or_says_nothing(second: Any) -> None:
    async def story() -> None:
        assert statuses(await tell(Doubting([], second), BAD, *FIVE)) == [BAD] * 5

    asyncio.run(story())


def test_the_second_worker_is_not_troubled_while_a_canary_answers(canary: str) -> None:
    async def story() -> None:
        second = Second(GOOD)
        await tell(Doubting([canary], second), BAD, *FIVE)
        assert second.asked == []

    asyncio.run(story())


def test_without_anybody_to_ask_failures_stand_at_once() -> None:
    async def story() -> None:
        doubting = Doubting()
        judged = [doubting.judge(order_of(slug), result_of(slug, BAD)) for slug in FIVE * 2]
        assert all(isinstance(answer, Result) for answer in judged)

    asyncio.run(story())


def test_no_doubt_arises_while_half_of_the_checks_succeed(dead_canary: str) -> None:
    async def story() -> None:
        doubting = Doubting([dead_canary])
        await tell(doubting, GOOD, "p", "q", "r", "s", "t")
        assert statuses(await tell(doubting, BAD, *FIVE)) == [BAD] * 5
        assert statuses(await tell(doubting, BAD, "p")) == [Status.UNKNOWN]  # six of ten

    asyncio.run(story())


def test_one_check_that_fails_often_counts_once(dead_canary: str) -> None:
    async def story() -> None:
        assert statuses(await tell(Doubting([dead_canary]), BAD, *("a",) * 9)) == [BAD] * 9

    asyncio.run(story())


def test_a_sudden_break_is_noticed_although_most_succeeded_within_the_minute(dead_canary: str) -> None:
    async def story() -> None:
        hands = Hands()
        doubting = Doubting([dead_canary], tick=hands)
        await tell(doubting, GOOD, *(f"slow-{n}" for n in range(50)))
        hands.at += 15
        assert statuses(await tell(doubting, BAD, *FIVE)) == [BAD, BAD, BAD, BAD, Status.UNKNOWN]

    asyncio.run(story())


def test_old_results_are_forgotten(dead_canary: str) -> None:
    async def story() -> None:
        hands = Hands()
        doubting = Doubting([dead_canary], tick=hands)
        await tell(doubting, BAD, "a", "b", "c", "d")
        hands.at += 61
        assert statuses(await tell(doubting, BAD, "e")) == [BAD]

    asyncio.run(story())


def test_a_verdict_holds_for_half_a_minute() -> None:
    async def story() -> None:
        hands, second = Hands(), Second(GOOD)
        doubting = Doubting([], second, tick=hands)
        await tell(doubting, BAD, *FIVE)
        hands.at += 29
        again = doubting.judge(order_of("a"), result_of("a", BAD))
        assert isinstance(again, Result)
        assert again.status is Status.UNKNOWN
        assert len(second.asked) == 3
        hands.at += 2
        await tell(doubting, BAD, *FIVE)
        assert len(second.asked) > 3

    asyncio.run(story())


def test_a_success_ends_the_verdict_against_this_worker() -> None:
    async def story() -> None:
        second = Second(GOOD)
        doubting = Doubting([], second)
        await tell(doubting, BAD, *FIVE)
        await tell(doubting, GOOD, "a")
        second.status = BAD
        assert statuses(await tell(doubting, BAD, "b")) == [BAD]
        assert len(second.asked) > 3

    asyncio.run(story())


def test_many_failures_wait_for_one_asking_and_good_results_for_none() -> None:
    async def story() -> None:
        second = Second(GOOD, delay=0.05)
        doubting = Doubting([], second)
        await tell(doubting, BAD, "a", "b", "c", "d")
        held = [doubting.judge(order_of(slug), result_of(slug, BAD)) for slug in ("e", "f", "g")]
        assert isinstance(doubting.judge(order_of("h"), result_of("h", GOOD)), Result)
        assert statuses([await answer for answer in held if inspect.isawaitable(answer)]) == [Status.UNKNOWN] * 3
        assert len(second.asked) == 3

    asyncio.run(story())


def test_failures_are_never_held_for_longer_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("healthmgr.services.doubting.LONGEST_DOUBT", timedelta(seconds=0.8))

    async def story() -> None:
        started = time.monotonic()
        assert statuses(await tell(Doubting([], Second(GOOD, delay=20)), BAD, *FIVE)) == [BAD] * 5
        assert time.monotonic() - started < 1.5

    asyncio.run(story())


def test_results_that_could_not_tell_are_passed_on_and_not_counted(dead_canary: str) -> None:
    async def story() -> None:
        doubting = Doubting([dead_canary])
        assert statuses(await tell(doubting, Status.UNKNOWN, *FIVE)) == [Status.UNKNOWN] * 5
        assert statuses(await tell(doubting, BAD, "f")) == [BAD]

    asyncio.run(story())


def test_a_doubted_result_keeps_everything_but_its_status_and_message(dead_canary: str) -> None:
    async def story() -> None:
        doubting = Doubting([dead_canary])
        await tell(doubting, BAD, "a", "b", "c", "d")
        original = replace(result_of("e", BAD), metrics={"n": 1.0}, sequence=5)
        doubted = await doubting.judge(order_of("e"), original)  # type: ignore[misc]
        assert replace(doubted, status=BAD, message=original.message) == original

    asyncio.run(story())
