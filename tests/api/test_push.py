"""Results that other services bring, and probes that they wait for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.domain.check import Status
from healthmgr.domain.result import ProbeOrder, Result
from healthmgr.settings import Settings
from healthmgr.storage.tables import alerts, check_schedules, check_states, results
from tests.builders import NOW, make_check
from tests.serving import SECRET_KEY, Client, HttpClient, ServedApp


@pytest.fixture
def healthmgr(engine: Engine, database_url: str) -> Iterator[Healthmgr]:
    built = build(Settings(database_url=database_url, secret_key=SECRET_KEY), worker="test")
    built.upkeep.keep_partitions(built.now(), timedelta(days=1))
    yield built
    built.close()


@pytest.fixture
def as_role(healthmgr: Healthmgr, served: ServedApp) -> Iterator[Client]:
    served.app.state.parts = healthmgr
    clients: list[HttpClient] = []

    def make(role: str | None) -> HttpClient:
        token = healthmgr.tokens.ensure(f"{role}-token", role, None, healthmgr.now()) if role else None
        clients.append(HttpClient(served.url, token))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def push(client: HttpClient, slug: str, status: str, **more: Any) -> Any:
    return client.post(f"/api/v1/checks/{slug}/results", json={"status": status, **more})


def row(engine: Engine, table: Any) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(table)).one()


def test_a_pushed_result_is_stored_and_judged_before_it_is_answered(engine: Engine, as_role: Client) -> None:
    make_check(engine, "shop", max_attempts=1)
    answer = push(as_role("ingest"), "shop", "unhealthy", message="no stock", response_time=0.5, metrics={"n": 3})
    assert answer.status_code == 201
    assert answer.json() == {"slug": "shop", "sequence": 1, "status": "unhealthy", "is_hard": True}
    stored = row(engine, results)
    assert (stored.status, stored.message, stored.cause, stored.worker) == (
        "unhealthy", "no stock", "push", "push:ingest-token",
    )  # fmt: skip
    assert (stored.response_time, stored.metrics["n"]) == (0.5, 3.0)
    assert row(engine, alerts).summary == "no stock"


def test_thresholds_hold_for_pushed_metrics(engine: Engine, as_role: Client) -> None:
    make_check(engine, "shop", max_attempts=1, thresholds={"critical": {"queued": "> 500"}})
    assert push(as_role("ingest"), "shop", "healthy", metrics={"queued": 501}).json()["status"] == "unhealthy"


def test_a_pushed_failure_is_soft_until_the_attempts_are_used_up_unless_it_is_conclusive(
    engine: Engine, as_role: Client
) -> None:
    make_check(engine, "shop", max_attempts=2)
    make_check(engine, "bank", max_attempts=2)
    client = as_role("ingest")
    assert push(client, "shop", "unhealthy").json()["is_hard"] is False
    assert push(client, "shop", "unhealthy").json()["is_hard"] is True
    assert push(client, "bank", "unhealthy", is_conclusive=True).json()["is_hard"] is True


def test_a_probe_that_began_before_the_push_changes_nothing_any_more(
    engine: Engine, as_role: Client, healthmgr: Healthmgr
) -> None:
    make_check(engine, "shop", max_attempts=1, next_due_at=NOW)
    (order,) = healthmgr.scheduling.claim_probes(healthmgr.now())
    assert push(as_role("ingest"), "shop", "unhealthy").json()["sequence"] == order.sequence + 1
    healthmgr.evaluating.evaluate([found(order, Status.HEALTHY, healthmgr.now())], healthmgr.now())
    assert row(engine, check_states).status == "unhealthy"
    assert row(engine, check_schedules).lease_until is None


def test_a_paused_check_keeps_a_pushed_result_and_believes_what_it_did(engine: Engine, as_role: Client) -> None:
    make_check(engine, "shop", max_attempts=1, is_paused=True)
    answer = push(as_role("ingest"), "shop", "unhealthy")
    assert (answer.status_code, answer.json()["status"]) == (201, "healthy")
    assert row(engine, results).status == "unhealthy"


@pytest.mark.parametrize(
    ("over", "slug", "status", "said"),
    [
        ({}, "shops", 404, "no check 'shops'"),
        ({"kind": "heartbeat"}, "shop", 409, "send it pings"),
        ({"is_enabled": False}, "shop", 409, "no longer defined"),
    ],
)
def test_what_takes_no_results_says_so(
    engine: Engine, as_role: Client, over: dict[str, Any], slug: str, status: int, said: str
) -> None:
    make_check(engine, "shop", **over)
    answer = push(as_role("ingest"), slug, "healthy")
    assert answer.status_code == status
    assert said in answer.json()["detail"]
    assert row(engine, check_schedules).sequence == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "fine"},
        {"status": "healthy", "response_time": -1},
        {"status": "healthy", "metrics": {"n": "many"}},
        {"status": "healthy", "metrics": {f"n{i}": 1 for i in range(201)}},
        {"status": "healthy", "colour": "green"},
        [],
    ],
)
def test_a_body_that_is_no_result_is_refused_and_changes_nothing(engine: Engine, as_role: Client, body: Any) -> None:
    make_check(engine, "shop")
    assert as_role("ingest").post("/api/v1/checks/shop/results", json=body).status_code == 422
    assert row(engine, check_schedules).sequence == 0


@pytest.mark.parametrize(("role", "status"), [(None, 401), ("viewer", 403), ("responder", 403), ("admin", 201)])
def test_only_those_who_may_ping_may_push(engine: Engine, as_role: Client, role: str | None, status: int) -> None:
    make_check(engine, "shop")
    assert push(as_role(role), "shop", "healthy").status_code == status


def test_text_that_no_row_can_hold_is_made_fit(engine: Engine, as_role: Client) -> None:
    make_check(engine, "shop")
    assert push(as_role("ingest"), "shop", "healthy", message="a\0b" + "x" * 5000).status_code == 201
    stored = row(engine, results).message
    assert (stored[:2], len(stored)) == ("ab", 2000)


def found(order: ProbeOrder, status: Status, now: datetime) -> Result:
    return Result(order.check_id, order.sequence, status, "found", 0.1, now, cause=order.cause)


def test_whoever_waits_for_a_probe_gets_its_result(engine: Engine, as_role: Client, healthmgr: Healthmgr) -> None:
    make_check(engine, "shop", next_due_at=datetime.now(UTC) + timedelta(hours=1))
    is_done = threading.Event()

    def beat_and_worker() -> None:
        while not is_done.wait(0.05):
            now = healthmgr.now()
            orders = healthmgr.scheduling.claim_probes(now)
            healthmgr.evaluating.evaluate([found(order, Status.DEGRADED, now) for order in orders], now)

    worker = threading.Thread(target=beat_and_worker)
    worker.start()
    try:
        answer = as_role("responder").post("/api/v1/checks/shop/run-and-wait?timeout=10")
    finally:
        is_done.set()
        worker.join()
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["cause"], answer.json()["sequence"]) == ("degraded", "request", 1)


def test_an_order_that_nothing_carries_out_is_said_and_stands(engine: Engine, as_role: Client) -> None:
    make_check(engine, "shop", next_due_at=datetime.now(UTC) + timedelta(hours=1))
    answer = as_role("responder").post("/api/v1/checks/shop/run-and-wait?timeout=0.3")
    assert answer.status_code == 503
    assert "the order stands" in answer.json()["detail"]
    assert row(engine, check_schedules).next_due_at < datetime.now(UTC)


def test_an_older_result_is_no_answer(engine: Engine, as_role: Client, healthmgr: Healthmgr) -> None:
    make_check(engine, "shop", next_due_at=NOW)
    (order,) = healthmgr.scheduling.claim_probes(healthmgr.now())
    healthmgr.evaluating.evaluate([found(order, Status.HEALTHY, healthmgr.now())], healthmgr.now())
    assert as_role("responder").post("/api/v1/checks/shop/run-and-wait?timeout=0.3").status_code == 503


@pytest.fixture
def no_day_tables(engine: Engine, healthmgr: Healthmgr) -> Iterator[None]:
    """Nowhere to put a result, until the test is over: the tables are the whole session's."""
    with engine.begin() as connection:
        names = connection.execute(text("SELECT relid::text FROM pg_partition_tree('results') WHERE isleaf")).scalars()
        for name in names.all():
            connection.execute(text(f"DROP TABLE {name}"))
    yield
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE results_default PARTITION OF results DEFAULT"))


@pytest.mark.usefixtures("no_day_tables")
def test_a_missing_day_table_loses_no_pushed_result_in_silence(engine: Engine, as_role: Client) -> None:
    make_check(engine, "shop")
    answer = push(as_role("ingest"), "shop", "unhealthy")
    assert answer.status_code == 503
    assert "could not be judged" in answer.json()["detail"]
