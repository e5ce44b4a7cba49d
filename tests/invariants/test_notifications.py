"""Notifications: one a round and target, claimed once, in order, and none after an acknowledgement."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.check import Status
from healthmgr.domain.dispatch import Due
from healthmgr.domain.result import Result
from healthmgr.domain.routing_tree import Options, Route
from healthmgr.ports import Receipt
from healthmgr.services.notifying import Notifying
from healthmgr.storage.notifying_rows import NotifyingRows
from healthmgr.storage.transactions import Transactions
from tests.builders import make_channel, make_check, make_recipient, make_route
from tests.stories.harness import AnyConfig

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
CADENCE = Options().cadence


class Provider:
    """A channel that counts, and waits when it is told to."""

    kind = "email"
    Config = AnyConfig
    needs_address = True

    def __init__(self) -> None:
        self.sent: list[UUID] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.has_begun = threading.Event()

    def channel(self, kind: str) -> Any:
        return self

    def send(self, config: Any, message: Any, address: str, timeout: timedelta) -> Any:
        self.has_begun.set()
        assert self.may_go_on.wait(10)
        self.sent.append(message.notification_id)
        return Receipt()


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def notifying(engine: Engine, provider: Provider) -> Notifying:
    return Notifying(Transactions(engine, lambda connection: NotifyingRows(connection)), provider, {}, "w")


@pytest.fixture
def failed(healthmgr: Healthmgr, engine: Engine) -> UUID:
    """A check that has just failed hard, with its group due."""
    make_channel(engine, "mail")
    make_recipient(engine, "alice", mail="a@example.com")
    make_route(engine, Route("default", to=("alice",), via=("mail",), options=Options(group_wait=timedelta(0))))
    check_id = make_check(engine, "api", max_attempts=1)
    evaluate(healthmgr, check_id, 1, Status.UNHEALTHY)
    return check_id


def evaluate(healthmgr: Healthmgr, check_id: UUID, sequence: int, status: Status) -> list[Due]:
    at = NOW + timedelta(seconds=sequence)
    return healthmgr.evaluating.evaluate([Result(check_id, sequence, status, "said", 0.1, at, worker="w")], NOW)


def rows(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql)).all()]


def dispatch(healthmgr: Healthmgr, engine: Engine) -> list[Due]:
    ((group, token),) = rows(engine, "SELECT group_key, token FROM dispatches")
    return healthmgr.routing.dispatch(group, token, NOW)[1]


def send(notifying: Notifying, due: Due, now: datetime = NOW) -> list[Due]:
    return notifying.send(UUID(due.key), lambda: now, lambda claimed: None)


def test_a_dispatch_carried_out_by_many_at_once_opens_one_incident_and_tells_once(
    healthmgr: Healthmgr, engine: Engine, failed: UUID
) -> None:
    ((group, token),) = rows(engine, "SELECT group_key, token FROM dispatches")
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(lambda _: healthmgr.routing.dispatch(group, token, NOW), range(8)))
    assert rows(engine, "SELECT count(*) FROM incidents") == [(1,)]
    assert rows(engine, "SELECT count(*) FROM notifications") == [(1,)]


def test_a_notification_delivered_many_times_over_the_broker_is_sent_once(
    healthmgr: Healthmgr, engine: Engine, failed: UUID, notifying: Notifying, provider: Provider
) -> None:
    (due,) = dispatch(healthmgr, engine)
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(lambda _: send(notifying, due), range(8)))
    assert len(provider.sent) == 1
    assert rows(engine, "SELECT state, attempts FROM notifications") == [("sent", 1)]
    assert rows(engine, "SELECT outcome FROM deliveries") == [("accepted",)]


def test_after_an_acknowledgement_nothing_is_claimed_and_what_is_in_flight_is_counted(
    healthmgr: Healthmgr, engine: Engine, failed: UUID, notifying: Notifying, provider: Provider
) -> None:
    (due,) = dispatch(healthmgr, engine)
    ((alert_id,),) = rows(engine, "SELECT id FROM alerts")
    provider.may_go_on.clear()
    sending = threading.Thread(target=send, args=(notifying, due))
    sending.start()
    assert provider.has_begun.wait(10)
    healthmgr.responding.acknowledge(alert_id, actor="alice", origin="cli", now=NOW)
    provider.may_go_on.set()
    sending.join(10)
    assert rows(engine, "SELECT state FROM notifications") == [("sent",)]
    assert rows(engine, "SELECT due_at FROM incidents") == [(None,)]
    assert send(notifying, due, NOW + timedelta(hours=9)) == []
    assert len(provider.sent) == 1


def test_a_resolution_waits_for_a_problem_that_is_in_flight(
    healthmgr: Healthmgr, engine: Engine, failed: UUID, notifying: Notifying, provider: Provider
) -> None:
    (problem,) = dispatch(healthmgr, engine)
    provider.may_go_on.clear()
    following: list[Due] = []
    sending = threading.Thread(target=lambda: following.extend(send(notifying, problem)))
    sending.start()
    assert provider.has_begun.wait(10)
    evaluate(healthmgr, failed, 2, Status.HEALTHY)
    (resolution,) = dispatch(healthmgr, engine)
    assert send(notifying, resolution) == [], "its turn has not come"
    provider.may_go_on.set()
    sending.join(10)
    assert [due.key for due in following] == [resolution.key], "the problem's sender reminds of it"
    send(notifying, resolution)
    assert [str(sent) for sent in provider.sent] == [problem.key, resolution.key]


def test_an_outcome_that_comes_after_the_lease_does_not_overwrite_the_newer_claim(
    healthmgr: Healthmgr, engine: Engine, failed: UUID, notifying: Notifying, provider: Provider
) -> None:
    (due,) = dispatch(healthmgr, engine)
    provider.may_go_on.clear()
    slow = threading.Thread(target=send, args=(notifying, due))
    slow.start()
    assert provider.has_begun.wait(10)
    with engine.begin() as connection:
        connection.execute(text("UPDATE notifications SET token = token + 1, attempts = 2"))
    provider.may_go_on.set()
    slow.join(10)
    assert rows(engine, "SELECT state, attempts FROM notifications") == [("sending", 2)]


def test_an_escalation_carried_out_by_many_at_once_is_one_round(
    healthmgr: Healthmgr, engine: Engine, failed: UUID
) -> None:
    dispatch(healthmgr, engine)
    ((incident_id, token),) = rows(engine, "SELECT id, token FROM incidents")
    later = NOW + CADENCE
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(lambda _: healthmgr.escalating.advance(incident_id, token, later), range(8)))
    assert rows(engine, "SELECT round FROM notifications ORDER BY position") == [(0,), (1,)]
    assert rows(engine, "SELECT round, due_at FROM incidents") == [(1, later + CADENCE)]


def test_a_reminder_that_comes_a_little_early_is_the_round_that_it_reminds_of(
    healthmgr: Healthmgr, engine: Engine, failed: UUID
) -> None:
    dispatch(healthmgr, engine)
    ((incident_id, token),) = rows(engine, "SELECT id, token FROM incidents")
    healthmgr.escalating.advance(incident_id, token, NOW + CADENCE - timedelta(milliseconds=300))
    assert rows(engine, "SELECT round FROM notifications ORDER BY position") == [(0,), (1,)]
    assert rows(engine, "SELECT round, due_at FROM incidents") == [(1, NOW + 2 * CADENCE)]
    assert rows(engine, "SELECT count(*) FROM incident_entries WHERE kind = 'not_told'") == [(0,)]


def test_the_plan_of_an_open_incident_is_frozen(healthmgr: Healthmgr, engine: Engine, failed: UUID) -> None:
    dispatch(healthmgr, engine)
    with engine.begin() as connection:
        connection.execute(text("""UPDATE recipients SET contacts = '{"mail": "b@example.com"}'"""))
    ((incident_id, token),) = rows(engine, "SELECT id, token FROM incidents")
    healthmgr.escalating.advance(incident_id, token, NOW + CADENCE)
    assert rows(engine, "SELECT DISTINCT address FROM notifications") == [("a@example.com",)]


def test_every_action_of_a_person_is_on_the_audit_log(healthmgr: Healthmgr, engine: Engine, failed: UUID) -> None:
    ((alert_id,),) = rows(engine, "SELECT id FROM alerts")
    healthmgr.responding.acknowledge(alert_id, actor="alice", origin="api", now=NOW, comment="on it")
    healthmgr.responding.resolve(alert_id, actor="alice", origin="api", now=NOW)
    healthmgr.responding.pause("api", actor="bob", origin="cli", now=NOW)
    healthmgr.responding.resume("api", actor="bob", origin="cli", now=NOW)
    healthmgr.responding.run("api", actor="bob", origin="cli", now=NOW)
    audited = rows(engine, "SELECT actor, origin, action, detail->>'comment' FROM audit_entries ORDER BY id")
    assert audited == [
        ("alice", "api", "alert.acknowledge", "on it"),
        ("alice", "api", "alert.resolve", ""),
        ("bob", "cli", "check.pause", None),
        ("bob", "cli", "check.resume", None),
        ("bob", "cli", "check.run", None),
    ]
