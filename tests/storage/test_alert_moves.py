"""A batch's alerts are opened, amended and closed together, and each check's in their order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, text

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.domain.check import Status
from healthmgr.domain.dispatch import Due
from healthmgr.domain.result import Result
from healthmgr.domain.routing_tree import Options, Route
from healthmgr.settings import Settings
from tests.builders import make_channel, make_check, make_checks, make_recipient, make_route

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def healthmgr(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[Healthmgr]:
    make_channel(engine, "mail")
    make_recipient(engine, "alice", mail="a@example.com")
    make_route(engine, Route("default", to=("alice",), via=("mail",), options=Options(group_wait=timedelta(0))))
    built = build(Settings.load({"DATABASE_URL": database_url, "HEALTHMGR_DATA": str(tmp_path)}), worker="test")
    yield built
    built.close()


def result(check_id: UUID, sequence: int, status: Status, message: str = "said") -> Result:
    return Result(check_id, sequence, status, message, 0.1, NOW + timedelta(seconds=sequence), worker="w")


def evaluate(healthmgr: Healthmgr, *results: Result) -> list[Due]:
    return healthmgr.evaluating.evaluate(list(results), NOW)


def rows(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql)).all()]


def test_a_thousand_failures_ask_once_for_their_group_to_be_judged_in_few_statements(
    healthmgr: Healthmgr, engine: Engine
) -> None:
    ids = make_checks(engine, [f"c{n}" for n in range(1000)], max_attempts=1, service="shop")
    statements: list[str] = []
    event.listen(healthmgr.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    (due,) = evaluate(healthmgr, *(result(i, 1, Status.UNHEALTHY) for i in ids))
    assert rows(engine, "SELECT group_key, token FROM dispatches") == [(due.key, due.token)]
    assert rows(engine, "SELECT count(*), count(DISTINCT check_id) FROM alerts WHERE resolved_at IS NULL") == [
        (1000, 1000)
    ]
    assert rows(engine, "SELECT count(*) FROM transitions") == [(1000,)]
    assert len(statements) < 25
    statements.clear()
    (due,) = evaluate(healthmgr, *(result(i, 2, Status.HEALTHY) for i in ids))
    assert rows(engine, "SELECT token FROM dispatches") == [(due.token,)]
    assert rows(engine, "SELECT DISTINCT resolution FROM alerts") == [("recovered",)]
    assert len(statements) < 25


def test_groups_are_asked_for_in_the_order_of_their_keys(healthmgr: Healthmgr, engine: Engine) -> None:
    results = [result(make_check(engine, slug, max_attempts=1, service=slug), 1, Status.UNHEALTHY) for slug in "dbeac"]
    keys = [due.key for due in evaluate(healthmgr, *results)]
    assert keys == sorted(keys)
    assert len(keys) == 5


def test_an_end_and_a_new_failure_of_one_check_in_a_batch_are_two_alerts(healthmgr: Healthmgr, engine: Engine) -> None:
    check_id = make_check(engine, "api", max_attempts=1, detects_flapping=False)
    evaluate(healthmgr, result(check_id, 1, Status.UNHEALTHY, "first"))
    (due,) = evaluate(healthmgr, result(check_id, 2, Status.HEALTHY), result(check_id, 3, Status.UNHEALTHY, "second"))
    found = rows(engine, "SELECT summary, resolved_at IS NULL FROM alerts ORDER BY id")
    assert found == [("first", False), ("second", True)]
    assert rows(engine, "SELECT token FROM dispatches") == [(due.token,)]


def test_a_failure_and_its_end_in_one_batch_leave_nothing_open(healthmgr: Healthmgr, engine: Engine) -> None:
    check_id = make_check(engine, "api", max_attempts=1, detects_flapping=False)
    evaluate(healthmgr, result(check_id, 1, Status.UNHEALTHY), result(check_id, 2, Status.HEALTHY))
    assert rows(engine, "SELECT resolution FROM alerts") == [("recovered",)]


def test_what_grew_worse_is_amended_each_with_its_own_words(healthmgr: Healthmgr, engine: Engine) -> None:
    ids = make_checks(engine, ["a", "b"], max_attempts=1, severity="critical", service="shop")
    evaluate(healthmgr, *(result(i, 1, Status.DEGRADED, "slow") for i in ids))
    (due,) = evaluate(healthmgr, *(result(i, 2, Status.UNHEALTHY, f"down {n}") for n, i in enumerate(ids)))
    found = rows(engine, "SELECT severity, status, summary FROM alerts ORDER BY summary")
    assert found == [("critical", "unhealthy", "down 0"), ("critical", "unhealthy", "down 1")]
    assert due.due_at == NOW
