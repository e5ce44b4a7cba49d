"""Pings over real rows."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, select, text, update

from healthmgr.domain.result import ProbeOrder
from healthmgr.errors import Conflict, DefinitionError, NotFound, SettingsError
from healthmgr.services.pinging import Pinging, Told, ping_key
from healthmgr.storage.heartbeat_repository import HeartbeatRepository
from healthmgr.storage.scheduling_repository import SchedulingRepository
from healthmgr.storage.tables import audit_entries, check_schedules, check_states, checks, heartbeats
from tests.builders import NOW, make_check

LATER = NOW + timedelta(seconds=5)


@pytest.fixture
def pinging(engine: Engine) -> Pinging:
    return Pinging(HeartbeatRepository(engine), "k" * 32)


@pytest.fixture
def backup(engine: Engine) -> UUID:
    return make_check(engine, "backup", kind="heartbeat")


def heartbeat(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(heartbeats)).one()


def schedule(engine: Engine) -> tuple[Any, str]:
    with engine.connect() as connection:
        return connection.execute(select(check_schedules.c.next_due_at, check_schedules.c.cause)).one()


@pytest.mark.parametrize("kind", ["success", "fail", "start", "0", "1", "255"])
def test_a_ping_is_kept_and_judged_at_the_next_beat(engine: Engine, pinging: Pinging, backup: UUID, kind: str) -> None:
    pinging.record("backup", kind, "42 files", LATER)
    row = heartbeat(engine)
    assert (row.last_ping_at, row.last_kind, row.last_detail, row.ping_count) == (LATER, kind, "42 files", 1)
    assert row.armed_at == NOW
    assert schedule(engine) == (LATER, "ping")


def test_a_check_is_pinged_by_its_id_too(engine: Engine, pinging: Pinging, backup: UUID) -> None:
    pinging.record(backup, "success", "", LATER)
    pinging.record(backup, "success", "", LATER)
    assert heartbeat(engine).ping_count == 2


def test_a_log_is_no_sign_of_life(engine: Engine, pinging: Pinging, backup: UUID) -> None:
    before = schedule(engine)
    pinging.record("backup", "log", "half way", LATER)
    row = heartbeat(engine)
    assert (row.last_ping_at, row.last_kind, row.last_detail, row.ping_count) == (None, None, "half way", 1)
    assert schedule(engine) == before


def test_a_probe_that_is_due_already_keeps_its_cause(engine: Engine, pinging: Pinging) -> None:
    make_check(engine, "backup", kind="heartbeat", next_due_at=NOW)
    pinging.record("backup", "success", "", LATER)
    assert schedule(engine) == (NOW, "slot")


@pytest.mark.parametrize("kind", ["", "ok", "256", "-1", "007", "1.0", "٣"])
def test_an_unknown_kind_of_ping_is_refused(pinging: Pinging, backup: UUID, kind: str) -> None:
    with pytest.raises(DefinitionError, match="0 to 255"):
        pinging.record("backup", kind, "", LATER)


def test_a_detail_is_cut_at_ten_kilobytes_between_characters(engine: Engine, pinging: Pinging, backup: UUID) -> None:
    pinging.record("backup", "fail", "x" + "é" * 10_000, LATER)
    kept = heartbeat(engine).last_detail
    assert len(kept.encode()) == 9_999
    assert set(kept) == {"x", "é"}


def test_a_detail_that_postgresql_cannot_hold_is_made_to_fit(engine: Engine, pinging: Pinging, backup: UUID) -> None:
    pinging.record("backup", "fail", "a\0b", LATER)
    assert heartbeat(engine).last_detail == "a\ufffdb"


def test_only_a_defined_heartbeat_check_takes_pings(engine: Engine, pinging: Pinging) -> None:
    make_check(engine, "api", kind="http")
    make_check(engine, "gone", kind="heartbeat", is_enabled=False)
    with pytest.raises(Conflict, match="kind http"):
        pinging.record("api", "success", "", NOW)
    for slug in ("gone", "ghost"):
        with pytest.raises(NotFound):
            pinging.record(slug, "success", "", NOW)


def test_an_address_with_the_right_key_is_accepted(engine: Engine, pinging: Pinging, backup: UUID) -> None:
    address = pinging.address("backup", "https://hm.example.com/")
    key = ping_key("k" * 32, backup)
    assert address == f"https://hm.example.com/ping/backup/{key}"
    assert len(key) == 22
    pinging.accept("backup", key, "success", "", LATER)
    assert heartbeat(engine).ping_count == 1


@pytest.mark.parametrize("key", ["", "x", "é", "A" * 22])
def test_a_wrong_key_is_answered_like_a_check_that_does_not_exist(
    engine: Engine, pinging: Pinging, backup: UUID, key: str
) -> None:
    with pytest.raises(NotFound) as wrong_key:
        pinging.accept("backup", key, "success", "", LATER)
    with pytest.raises(NotFound) as no_check:
        pinging.accept("ghost", key, "success", "", LATER)
    assert str(wrong_key.value) == str(no_check.value)
    assert heartbeat(engine).ping_count == 0


def test_keys_differ_by_check_and_by_secret(engine: Engine, backup: UUID) -> None:
    other = make_check(engine, "other", kind="heartbeat")
    assert len({ping_key("a", backup), ping_key("b", backup), ping_key("a", other)}) == 3


def test_without_a_secret_key_no_address_is_made(backup: UUID) -> None:
    with pytest.raises(SettingsError, match="HEALTHMGR_SECRET_KEY"):
        ping_key("", backup)


RUN, OTHER_RUN = UUID(int=1), UUID(int=2)


def test_a_run_is_open_from_its_start_to_its_own_end_and_timed(engine: Engine, pinging: Pinging, backup: UUID) -> None:
    pinging.record("backup", "start", "", NOW, RUN)
    assert (heartbeat(engine).started_at, heartbeat(engine).run_id) == (NOW, RUN)
    pinging.record("backup", "success", "", LATER, OTHER_RUN)
    assert (heartbeat(engine).started_at, heartbeat(engine).run_id) == (NOW, RUN)
    pinging.record("backup", "0", "", LATER, RUN)
    row = heartbeat(engine)
    assert (row.started_at, row.run_id, row.run_time) == (None, None, LATER - NOW)
    assert row.last_success_at == LATER


def claim_view(engine: Engine, at: datetime = LATER) -> dict[str, Any]:
    (order,) = SchedulingRepository(engine).claim_due(at, 10)
    assert ProbeOrder.from_wire(json.loads(json.dumps(order.to_wire()))).view == order.view
    return {**order.view, "sequence": order.sequence}


def evaluate(engine: Engine, sequence: int) -> None:
    """Stand in for the evaluation of the claim with this number."""
    with engine.begin() as connection:
        connection.execute(update(check_states).values(last_sequence=sequence))
        connection.execute(update(check_schedules).values(lease_until=None))


def test_a_failure_is_news_until_a_claim_that_saw_it_was_evaluated(
    engine: Engine, pinging: Pinging, backup: UUID
) -> None:
    pinging.record("backup", "fail", "disk full", LATER)
    pinging.record("backup", "success", "", LATER)
    first = claim_view(engine)
    assert (first["is_failing"], first["is_failure_news"], first["failed_detail"]) == (False, True, "disk full")
    lost = claim_view(engine, LATER + timedelta(minutes=1))  # the lease of the first has expired
    assert lost["is_failure_news"]
    evaluate(engine, lost["sequence"])
    assert not claim_view(engine, LATER + timedelta(minutes=2))["is_failure_news"]


def test_a_failure_that_comes_while_a_probe_is_under_way_is_news_to_the_next(
    engine: Engine, pinging: Pinging, backup: UUID
) -> None:
    pinging.record("backup", "success", "", NOW)
    under_way = claim_view(engine)
    pinging.record("backup", "3", "", LATER)
    pinging.record("backup", "success", "", LATER)
    evaluate(engine, under_way["sequence"])
    assert claim_view(engine)["is_failure_news"]


def test_the_view_tells_the_open_run_and_the_length_of_the_last(engine: Engine, pinging: Pinging, backup: UUID) -> None:
    for kind, at in (("start", NOW), ("success", LATER), ("start", LATER)):
        pinging.record("backup", kind, "", at, RUN)
    view = claim_view(engine)
    assert (view["run_time"], view["run_id"], view["started_at"]) == (5.0, str(RUN), LATER.isoformat())


@pytest.mark.parametrize("kind", ["start", "success", "fail"])
def test_a_paused_job_that_pings_is_watched_again(engine: Engine, pinging: Pinging, kind: str) -> None:
    make_check(engine, "backup", kind="heartbeat", is_paused=True)
    pinging.record("backup", kind, "", LATER)
    with engine.connect() as connection:
        assert connection.execute(select(checks.c.is_paused)).scalar_one() is False
        assert connection.execute(select(check_schedules.c.is_active)).scalar_one() is True
        audited = connection.execute(
            select(audit_entries.c.actor, audit_entries.c.action, audit_entries.c.target)
        ).one()
    assert audited == ("ping", "check.resume", "backup")
    assert heartbeat(engine).armed_at == LATER
    assert claim_view(engine)["last_kind"] == kind


@pytest.mark.parametrize(("kind", "config"), [("log", {}), ("start", {"manual_resume": True})])
def test_a_log_resumes_nothing_and_nothing_resumes_what_a_person_wants_to(
    engine: Engine, pinging: Pinging, kind: str, config: dict[str, Any]
) -> None:
    make_check(engine, "backup", kind="heartbeat", is_paused=True, config={"period": "1h", **config})
    pinging.record("backup", kind, "", LATER)
    with engine.connect() as connection:
        assert connection.execute(select(checks.c.is_paused)).scalar_one() is True
    assert SchedulingRepository(engine).claim_due(LATER + timedelta(hours=1), 10) == []
    assert heartbeat(engine).armed_at == NOW


def test_pings_from_many_jobs_at_once_are_all_kept(engine: Engine, pinging: Pinging, backup: UUID) -> None:
    def ping(number: int) -> None:
        pinging.record("backup", ("start", "success", "fail")[number % 3], "", LATER, UUID(int=number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ping, range(60)))
    assert heartbeat(engine).ping_count == 60


def test_pings_that_come_together_are_kept_in_their_order_and_each_is_told_its_own_error(
    engine: Engine, pinging: Pinging, backup: UUID
) -> None:
    other = make_check(engine, "other", kind="heartbeat")
    make_check(engine, "api")
    key = ping_key("k" * 32, other)
    told = [
        Told("backup", "start", "", NOW),
        Told("ghost", "success", "", NOW),
        Told("backup", "log", "half way", NOW),
        Told("other", "success", "", LATER, None, key),
        Told("other", "success", "", LATER, None, "wrong"),
        Told("api", "success", "", LATER),
        Told("backup", "maybe", "", LATER),
        Told("backup", "3", "disk full", LATER),
    ]
    errors = [type(error) for error in pinging.record_all(told)]
    fine = type(None)
    assert errors == [fine, NotFound, fine, fine, NotFound, Conflict, DefinitionError, fine]
    with engine.connect() as connection:
        rows = {row.check_id: row for row in connection.execute(select(heartbeats))}
    assert (rows[backup].ping_count, rows[backup].last_kind, rows[backup].failed_detail) == (3, "3", "disk full")
    assert (rows[backup].started_at, rows[backup].run_time) == (None, LATER - NOW)
    assert (rows[other].ping_count, rows[other].last_success_at) == (1, LATER)


def test_a_ping_that_cannot_be_kept_stands_alone(engine: Engine, pinging: Pinging, backup: UUID) -> None:
    other = make_check(engine, "other", kind="heartbeat")
    with engine.begin() as connection:
        refusal = f"ALTER TABLE heartbeats ADD CONSTRAINT poison CHECK (check_id <> '{other}' OR ping_count = 0)"
        connection.execute(text(refusal))
    try:
        errors = pinging.record_all([Told(slug, "success", "", LATER) for slug in ("backup", "other", "backup")])
    finally:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE heartbeats DROP CONSTRAINT poison"))
    assert [error is None for error in errors] == [True, False, True]
    with engine.connect() as connection:
        counts = {row.check_id: row.ping_count for row in connection.execute(select(heartbeats))}
    assert counts == {backup: 2, other: 0}


def test_a_ping_that_waited_for_another_knows_what_that_one_told(
    engine: Engine, pinging: Pinging, backup: UUID
) -> None:
    with ThreadPoolExecutor(1) as pool, engine.connect() as holding, engine.connect() as looking:
        holding.execute(text("SELECT 1 FROM check_schedules FOR UPDATE"))
        waiting = pool.submit(pinging.record, "backup", "success", "", LATER)
        blocked = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()")
        while not looking.execute(blocked).scalar_one():
            assert not waiting.done()
        holding.execute(update(heartbeats).values(started_at=NOW))
        holding.commit()
        waiting.result(10)
    assert heartbeat(engine).run_time == LATER - NOW
