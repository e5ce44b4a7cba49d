"""Evaluation: serial per check, one commit, deaf to the past, and not to be stopped by one bad result."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.check import Status
from healthmgr.domain.result import Result
from healthmgr.errors import Unavailable
from healthmgr.services.evaluating import read_results
from tests.builders import make_check

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def result(check_id: UUID, sequence: int, status: Status = Status.HEALTHY, **over: Any) -> Result:
    started_at = NOW + timedelta(seconds=sequence)
    return Result(check_id, sequence, status, over.pop("message", "said"), 0.1, started_at, worker="w", **over)


def state(engine: Engine, check_id: UUID) -> Any:
    with engine.connect() as connection:
        return connection.execute(text("SELECT * FROM check_states WHERE check_id = :id"), {"id": check_id}).one()


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_a_result_from_the_past_is_stored_and_changes_nothing(healthmgr: Healthmgr, engine: Engine) -> None:
    check_id = make_check(engine, "api")
    healthmgr.evaluating.evaluate([result(check_id, 5)], NOW)
    before = state(engine, check_id)
    late = [result(check_id, n, Status.UNHEALTHY) for n in (3, 4, 5)]
    healthmgr.evaluating.evaluate(late, NOW)
    assert state(engine, check_id) == before
    assert count(engine, "results") == 3, "5 was there; 3 and 4 are new"
    assert count(engine, "alerts") == 0


def test_the_order_within_a_batch_is_the_sequence_whatever_the_order_of_arrival(
    healthmgr: Healthmgr, engine: Engine
) -> None:
    check_id = make_check(engine, "api")
    batch = [result(check_id, n, Status.UNHEALTHY if n < 4 else Status.HEALTHY) for n in (4, 1, 3, 2)]
    healthmgr.evaluating.evaluate(batch, NOW)
    assert state(engine, check_id).status == "healthy"
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT new_status, is_hard FROM transitions ORDER BY sequence")).all()
    assert [tuple(row) for row in rows] == [("unhealthy", False), ("unhealthy", True), ("healthy", True)]
    assert count(engine, "alerts") == 1, "opened at the third and closed at the fourth"


def test_the_same_batch_twice_counts_once(healthmgr: Healthmgr, engine: Engine) -> None:
    check_id = make_check(engine, "api")
    batch = [result(check_id, n, Status.UNHEALTHY) for n in (1, 2)]
    healthmgr.evaluating.evaluate(batch, NOW)
    healthmgr.evaluating.evaluate(batch, NOW)
    assert (state(engine, check_id).attempt, state(engine, check_id).is_hard) == (2, False)
    assert count(engine, "results") == 2


def test_batches_at_once_over_the_same_checks_lose_nothing_and_open_one_alert_each(
    healthmgr: Healthmgr, engine: Engine
) -> None:
    # Whichever batch comes first opens the alert: those of smaller numbers that come after it change nothing.
    checks = [make_check(engine, f"api-{n}", max_attempts=1) for n in range(20)]
    batches = [[result(check_id, n, Status.UNHEALTHY) for check_id in checks] for n in range(1, 9)]

    def evaluate(batch: list[Result]) -> None:
        while True:
            try:
                healthmgr.evaluating.evaluate(batch, NOW)
            except Unavailable:  # a deadlock broken by the server is tried again, as the task does
                continue
            return

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(evaluate, batches))
    assert count(engine, "results") == 160
    assert count(engine, "alerts") == 20
    assert count(engine, "dispatches") == 20
    assert {state(engine, check_id).last_sequence for check_id in checks} == {8}


def test_the_commit_of_an_evaluation_releases_the_lease_of_its_own_claim_alone(
    healthmgr: Healthmgr, engine: Engine
) -> None:
    check_id = make_check(engine, "api", next_due_at=NOW)
    healthmgr.scheduling.claim_probes(NOW)
    healthmgr.scheduling.claim_probes(NOW + timedelta(minutes=1))
    lease = text("SELECT lease_until FROM check_schedules WHERE check_id = :id")
    healthmgr.evaluating.evaluate([result(check_id, 1)], NOW)
    with engine.connect() as connection:
        assert connection.execute(lease, {"id": check_id}).scalar_one() is not None
    healthmgr.evaluating.evaluate([result(check_id, 2)], NOW)
    with engine.connect() as connection:
        assert connection.execute(lease, {"id": check_id}).scalar_one() is None


def test_a_result_that_cannot_be_stored_stands_alone_and_becomes_an_unknown_one(
    healthmgr: Healthmgr, engine: Engine
) -> None:
    checks = [make_check(engine, f"api-{n}") for n in range(9)]
    batch = [result(check_id, 1) for check_id in checks]
    batch[4] = result(checks[4], 1, message="a NUL byte: \x00")
    healthmgr.evaluating.evaluate(batch, NOW)
    statuses = [state(engine, check_id).status for check_id in checks]
    assert statuses == ["healthy"] * 4 + ["unknown"] + ["healthy"] * 4
    assert state(engine, checks[4]).last_message.startswith("its result could not be evaluated")


def test_a_malformed_result_of_a_message_keeps_no_other_from_being_read(engine: Engine) -> None:
    good = result(uuid4(), 1)
    assert read_results([good.to_wire(), {"check_id": "x"}, {**good.to_wire(), "status": "fine"}]) == [good]


def test_results_of_checks_that_are_gone_are_left_out(healthmgr: Healthmgr, engine: Engine) -> None:
    assert healthmgr.evaluating.evaluate([result(uuid4(), 1)], NOW) == []
    assert count(engine, "results") == 0


@pytest.mark.parametrize("over", [{"is_paused": True}, {"is_enabled": False}])
def test_a_check_that_is_not_watched_keeps_its_state(
    healthmgr: Healthmgr, engine: Engine, over: dict[str, bool]
) -> None:
    check_id = make_check(engine, "api", **over)
    for sequence in (1, 2, 3):
        healthmgr.evaluating.evaluate([result(check_id, sequence, Status.UNHEALTHY)], NOW)
    assert state(engine, check_id).status == "healthy"
    assert count(engine, "alerts") == 0


def test_result_state_transition_alert_and_dispatch_come_in_one_commit(healthmgr: Healthmgr, engine: Engine) -> None:
    check_id = make_check(engine, "api", max_attempts=1)
    with engine.begin() as connection:
        connection.execute(
            text("ALTER TABLE dispatches ADD CONSTRAINT broken CHECK (group_key <> 'default:check=api')")
        )
    try:
        healthmgr.evaluating.evaluate([result(check_id, 1, Status.UNHEALTHY)], NOW)
        assert [count(engine, table) for table in ("results", "transitions", "alerts", "dispatches")] == [0, 0, 0, 0]
        assert state(engine, check_id).last_sequence == 0
    finally:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE dispatches DROP CONSTRAINT broken"))
