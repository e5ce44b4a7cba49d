"""Claims of probes: exclusive, leased, numbered; slots pinned; missed ones coalesced."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.check import next_slot, stable_phase
from healthmgr.domain.result import Cause
from tests.builders import make_check, make_checks

NOW = datetime(2026, 5, 4, 12, 0, 0, 500_000, tzinfo=UTC)
MINUTE = timedelta(seconds=60)


def due(engine: Engine, slug: str, at: datetime, **over: object) -> None:
    make_check(engine, slug, next_due_at=at, **over)


def test_beats_that_claim_at_once_share_the_checks_and_claim_none_twice(healthmgr: Healthmgr, engine: Engine) -> None:
    make_checks(engine, [f"api-{n}" for n in range(400)], next_due_at=NOW)
    with ThreadPoolExecutor(8) as beats:
        claims = list(beats.map(lambda _: healthmgr.scheduling.claim_probes(NOW), range(8)))
    claimed = [order.check_id for orders in claims for order in orders]
    assert len(claimed) == len(set(claimed)) == 400


def test_a_claim_numbers_the_probe_and_holds_it_until_its_lease_ends(healthmgr: Healthmgr, engine: Engine) -> None:
    due(engine, "api", NOW, interval=MINUTE, timeout=timedelta(seconds=10))
    (first,) = healthmgr.scheduling.claim_probes(NOW)
    lease = timedelta(seconds=15 + 10 + 2)
    assert healthmgr.scheduling.claim_probes(NOW + lease - timedelta(milliseconds=1)) == []
    (second,) = healthmgr.scheduling.claim_probes(NOW + lease)
    assert (first.sequence, second.sequence) == (1, 2)
    assert (first.cause, second.cause) == (Cause.SLOT, Cause.LEASE_EXPIRED)
    assert second.slot_at == first.slot_at == NOW
    assert first.start_by + first.timeout < NOW + lease, "a probe started at the last moment ends within its lease"


def test_a_claim_given_back_is_offered_again_at_once(healthmgr: Healthmgr, engine: Engine) -> None:
    due(engine, "api", NOW)
    orders = healthmgr.scheduling.claim_probes(NOW)
    healthmgr.scheduling.release(orders, NOW)
    assert [order.sequence for order in healthmgr.scheduling.claim_probes(NOW)] == [2]


def test_giving_back_an_old_claim_leaves_the_newer_one_alone(healthmgr: Healthmgr, engine: Engine) -> None:
    due(engine, "api", NOW)
    old = healthmgr.scheduling.claim_probes(NOW)
    later = NOW + timedelta(minutes=2)
    healthmgr.scheduling.claim_probes(later)
    healthmgr.scheduling.release(old, later)
    assert healthmgr.scheduling.claim_probes(later) == []


def test_inactive_checks_are_never_claimed(healthmgr: Healthmgr, engine: Engine) -> None:
    due(engine, "paused", NOW, is_active=False)
    assert healthmgr.scheduling.claim_probes(NOW + timedelta(days=1)) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    interval=st.integers(1, 86_400).map(lambda s: timedelta(seconds=s)),
    after=st.integers(0, 10**9).map(lambda ms: timedelta(milliseconds=ms)),
    slug=st.text("abcdefgh", min_size=1, max_size=8),
)
def test_postgresql_and_python_agree_on_the_next_slot(
    healthmgr: Healthmgr, engine: Engine, interval: timedelta, after: timedelta, slug: str
) -> None:
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE checks CASCADE"))
    phase, now = stable_phase(slug, interval), NOW + after
    make_check(engine, slug, interval=interval, timeout=interval * 0.5, phase=phase, next_due_at=NOW)
    healthmgr.scheduling.claim_probes(now)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT next_due_at FROM check_schedules")).scalar_one()
    assert abs(found - next_slot(now, interval, phase)) < timedelta(milliseconds=1)


def test_a_beat_whose_clock_is_a_little_behind_does_not_pull_back_what_another_has_moved_on(
    healthmgr: Healthmgr, engine: Engine
) -> None:
    phase = stable_phase("api", MINUTE)
    slot = next_slot(NOW, MINUTE, phase)
    make_check(engine, "api", interval=MINUTE, phase=phase, next_due_at=slot)
    (order,) = healthmgr.scheduling.claim_probes(slot)
    healthmgr.scheduling.pull_back(slot - timedelta(milliseconds=800))
    with engine.begin() as connection:
        connection.execute(text("UPDATE check_schedules SET lease_until = NULL"))
    assert healthmgr.scheduling.claim_probes(slot + timedelta(seconds=1)) == []
    assert order.slot_at == slot


def test_periodic_tasks_are_claimed_once_and_missed_turns_coalesced(healthmgr: Healthmgr) -> None:
    scheduling = healthmgr.scheduling
    scheduling.ensure_periodic([("audit", timedelta(seconds=15))], NOW)
    scheduling.ensure_periodic([("audit", timedelta(seconds=15))], NOW + timedelta(seconds=1))
    assert scheduling.claim_periodic(["audit"], NOW) == ["audit"]
    assert scheduling.claim_periodic(["audit"], NOW) == []
    assert scheduling.claim_periodic(["audit"], NOW + timedelta(hours=3)) == ["audit"]
    assert scheduling.claim_periodic(["audit"], NOW + timedelta(hours=3, seconds=14)) == []
