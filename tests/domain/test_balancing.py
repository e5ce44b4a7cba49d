"""Whether an instance is given work: the answer, its reason and its words, for every state of its checks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from healthmgr.domain.balancing import (
    Answer,
    Belief,
    Cause,
    Instance,
    Key,
    Wanted,
    Wish,
    agent_line,
    decide,
    is_last,
    words,
)
from healthmgr.domain.check import Status

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WEB_1, WEB_2 = Key("shop", "web-1"), Key("shop", "web-2")
HEALTHY, DEGRADED, UNHEALTHY, UNKNOWN = Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY, Status.UNKNOWN
GOOD = Belief("shop-1", HEALTHY, is_hard=True, hard_status=HEALTHY, was_probed=True, successes=9, success_threshold=1)


def hard(status: Status, **facts: object) -> Belief:
    """A check whose status is hard."""
    return replace(GOOD, status=status, hard_status=status, successes=int(status is HEALTHY), **facts)  # type: ignore[arg-type]


def soft(status: Status, before: Status, **facts: object) -> Belief:
    """A check that has begun to fail, and was hard `before`."""
    changes = {"status": status, "is_hard": False, "hard_status": before, "successes": 0, **facts}
    return replace(GOOD, **changes)  # type: ignore[arg-type]


def answer(*beliefs: Belief, wish: Wish | None = None, now: datetime = NOW, degraded_weight: int = 50) -> Answer:
    return decide(Instance(WEB_1, beliefs, wish), now, degraded_weight)


@pytest.mark.parametrize(
    ("belief", "weight", "cause"),
    [
        (hard(HEALTHY), 100, Cause.HEALTHY),
        (hard(DEGRADED), 50, Cause.DEGRADED),
        (hard(UNHEALTHY), 0, Cause.UNHEALTHY),
        (replace(GOOD, was_probed=False, status=UNKNOWN, hard_status=UNKNOWN), 0, Cause.NEVER_SEEN_HEALTHY),
        (soft(UNHEALTHY, HEALTHY), 100, Cause.HEALTHY),
        (soft(DEGRADED, HEALTHY), 100, Cause.HEALTHY),
        (soft(UNHEALTHY, UNKNOWN), 0, Cause.NEVER_SEEN_HEALTHY),
        (soft(UNKNOWN, HEALTHY), 100, Cause.HEALTHY),
        (hard(UNKNOWN), 0, Cause.NEVER_SEEN_HEALTHY),
        (hard(UNKNOWN, earlier_status=HEALTHY), 100, Cause.HEALTHY),
        (hard(UNKNOWN, earlier_status=DEGRADED), 50, Cause.DEGRADED),
        (hard(UNKNOWN, earlier_status=UNHEALTHY), 0, Cause.UNHEALTHY),
        (hard(HEALTHY, is_paused=True), 100, Cause.HEALTHY),
        (hard(UNHEALTHY, is_paused=True), 0, Cause.UNHEALTHY),
        # It asks for two good results in a row: after a failure that was told, but not after one that never was.
        (hard(HEALTHY, success_threshold=2, alert_status=UNHEALTHY), 0, Cause.RECOVERING),
        (hard(HEALTHY, success_threshold=2), 100, Cause.HEALTHY),
        (hard(HEALTHY, success_threshold=2, alert_status=DEGRADED), 100, Cause.HEALTHY),
        (soft(UNHEALTHY, HEALTHY, success_threshold=2, alert_status=UNHEALTHY), 0, Cause.RECOVERING),
        (hard(DEGRADED, alert_status=UNHEALTHY), 50, Cause.DEGRADED),
    ],
)
def test_one_check_decides_by_its_hard_state(belief: Belief, weight: int, cause: Cause) -> None:
    found = answer(belief)
    assert (found.weight, found.cause) == (weight, cause)
    assert found.is_in_service is (weight > 0)


def test_the_worst_check_of_an_instance_decides() -> None:
    assert answer(hard(HEALTHY), hard(DEGRADED), hard(HEALTHY)).cause is Cause.DEGRADED
    assert answer(hard(DEGRADED), hard(UNHEALTHY)).cause is Cause.UNHEALTHY
    assert answer(hard(HEALTHY), replace(GOOD, was_probed=False)).cause is Cause.NEVER_SEEN_HEALTHY
    assert answer().cause is Cause.NEVER_SEEN_HEALTHY


def test_a_probe_that_cannot_tell_and_a_check_that_is_paused_put_the_answer_in_doubt() -> None:
    assert answer(soft(UNKNOWN, HEALTHY)).is_in_doubt
    assert answer(hard(HEALTHY, is_paused=True)).is_in_doubt
    assert not answer(soft(UNHEALTHY, HEALTHY)).is_in_doubt
    assert words(answer(soft(UNKNOWN, HEALTHY))) == "in service: healthy (as last known)"


def test_a_drained_instance_gets_nothing_until_it_is_enabled_or_the_time_is_over() -> None:
    drained = Wish(Wanted.DRAINED, "alice", NOW, NOW + timedelta(minutes=10))
    assert answer(GOOD, wish=drained).is_drained
    assert not answer(GOOD, wish=drained).is_in_service
    assert answer(GOOD, wish=drained, now=NOW + timedelta(minutes=10)).weight == 100
    assert answer(GOOD, wish=replace(drained, until=None), now=NOW + timedelta(days=9)).weight == 0
    assert answer(GOOD, wish=Wish(Wanted.ENABLED, "alice", NOW)).weight == 100


def test_a_share_of_nothing_for_degraded_instances_takes_them_out_of_service() -> None:
    found = answer(hard(DEGRADED), degraded_weight=0)
    assert not found.is_in_service
    assert agent_line(found) == "ready down #degraded"


@pytest.mark.parametrize(
    ("beliefs", "is_drained", "said", "line"),
    [
        ([GOOD], False, "in service: healthy", "ready up 100%"),
        ([hard(DEGRADED)], False, "in service with 50% of its weight: degraded", "ready up 50%"),
        ([hard(UNHEALTHY)], False, "out of service: unhealthy", "ready down #unhealthy"),
        ([], False, "out of service: never seen healthy", "ready down #never seen healthy"),
        ([GOOD], True, "draining", "drain up 100%"),
        ([hard(UNHEALTHY)], True, "draining; unhealthy", "drain down #unhealthy"),
        (
            [hard(HEALTHY, success_threshold=2, alert_status=UNHEALTHY)],
            False,
            "out of service: not healthy for long enough yet",
            "ready down #not healthy for long enough yet",
        ),
    ],
)
def test_people_and_haproxy_are_told_in_their_own_words(
    beliefs: list[Belief], is_drained: bool, said: str, line: str
) -> None:
    found = answer(*beliefs, wish=Wish(Wanted.DRAINED, "alice", NOW) if is_drained else None)
    assert (words(found), agent_line(found)) == (said, line)


def test_the_last_one_in_service_is_known() -> None:
    up, down = answer(GOOD), answer(hard(UNHEALTHY))
    assert is_last(WEB_1, {WEB_1: up, WEB_2: down, Key("blog", "web-1"): up})
    assert not is_last(WEB_1, {WEB_1: up, WEB_2: up})
    assert not is_last(WEB_2, {WEB_1: up, WEB_2: down}), "it is out already: draining it takes nothing away"
