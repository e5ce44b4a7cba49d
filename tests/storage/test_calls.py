"""Failings that runbooks may answer are noted with their evaluation, at no cost where none does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from healthmgr.domain.check import Status
from healthmgr.domain.dispatch import Work
from healthmgr.domain.result import Result
from healthmgr.domain.routing_tree import Options, Route
from healthmgr.domain.runbook import Automation, Runbook, Step, Trigger
from healthmgr.services.evaluating import Evaluating
from healthmgr.storage.evaluation_rows import EvaluationRows
from healthmgr.storage.transactions import Transactions
from tests.builders import NOW, make_channel, make_check, make_recipient, make_route, make_runbook


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    statements: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def define(engine: Engine, attempt: int | None, automation: Automation = Automation.FULLY_AUTOMATED) -> None:
    trigger = Trigger(checks=("c0",), attempt=attempt)
    make_runbook(engine, Runbook(automation.value, (Step("act", "command"),), automation=automation, trigger=trigger))


@pytest.fixture
def checks(engine: Engine) -> list[Any]:
    make_channel(engine, "mail", kind="email")
    make_recipient(engine, "ops", mail="ops@example.com")
    make_route(engine, Route("default", to=("ops",), via=("mail",), options=Options()))
    return [make_check(engine, f"c{i}", max_attempts=3) for i in range(3)]


def evaluate(engine: Engine, checks: list[Any], sequence: int, status: Status) -> list[Any]:
    evaluating = Evaluating(Transactions(engine, EvaluationRows))
    now = NOW + timedelta(seconds=sequence)
    return evaluating.evaluate([Result(check, sequence, status, "", 0.1, now) for check in checks], now)


def calls(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT attempt FROM recovery_calls ORDER BY id")).scalars())


def fail_three_times(engine: Engine, checks: list[Any]) -> tuple[int, list[Any]]:
    """How many statements that takes, and the reminders."""
    evaluate(engine, checks, 1, Status.HEALTHY)
    dues = []
    with counted(engine) as statements:
        for sequence in (2, 3, 4):
            dues += evaluate(engine, checks, sequence, Status.UNHEALTHY)
    return len(statements), dues


def test_without_a_runbook_nothing_is_noted_and_nothing_more_is_asked(engine: Engine, checks: list[Any]) -> None:
    before, _ = fail_three_times(engine, checks)
    define(engine, None, Automation.MANUAL)
    define(engine, 2, Automation.SEMI_AUTOMATED)
    with engine.begin() as connection:
        connection.execute(text("UPDATE runbooks SET is_enabled = false WHERE automation = 'semi_automated'"))
        for table in ("alerts", "dispatches", "results", "transitions"):
            connection.execute(text(f"TRUNCATE {table} CASCADE"))
        connection.execute(text("UPDATE check_states SET status = 'unknown', is_hard = true, attempt = 1, "
                                "hard_status = 'unknown', since_at = NULL, last_sequence = 0"))  # fmt: skip
    after, dues = fail_three_times(engine, checks)
    assert after == before
    assert calls(engine) == []
    assert {due.work for due in dues} == {Work.DISPATCH}


def test_a_hard_state_is_noted_once_for_each_check(engine: Engine, checks: list[Any]) -> None:
    define(engine, None)
    _, dues = fail_three_times(engine, checks)
    assert calls(engine) == [0, 0, 0]
    assert sum(due.work is Work.CALL for due in dues) == 3
    evaluate(engine, checks, 5, Status.UNHEALTHY)
    assert calls(engine) == [0, 0, 0]


def test_a_soft_attempt_is_noted_where_a_runbook_starts_at_it(engine: Engine, checks: list[Any]) -> None:
    define(engine, 2)
    fail_three_times(engine, checks[:1])
    assert calls(engine) == [2]


def test_a_hard_state_that_grows_worse_is_noted_again(engine: Engine, checks: list[Any]) -> None:
    define(engine, None)
    evaluate(engine, checks[:1], 1, Status.HEALTHY)
    for sequence in (2, 3, 4):
        evaluate(engine, checks[:1], sequence, Status.DEGRADED)
    evaluate(engine, checks[:1], 5, Status.UNHEALTHY)
    assert calls(engine) == [0, 0]
