"""From rows to the stream: nothing lost, nothing twice, everything resumable."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.check import Status
from healthmgr.errors import Unavailable
from healthmgr.events import METRICS, STREAM
from healthmgr.services.eventing import KEPT_FOR, METRICS_LAPSE_AFTER, Eventing
from healthmgr.storage.event_repository import EventRepository
from healthmgr.storage.event_stream import RedisEventStream
from tests.builders import NOW, make_alert, make_check, make_incident, make_notification
from tests.manager.conftest import fail
from workers.app import app
from workers.events import keep_metrics


@pytest.fixture
def stream(redis_url: str) -> Any:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def told(stream: Any) -> list[tuple[str, str]]:
    return [(event_id, fields["name"]) for event_id, fields in stream.xrange(STREAM)]


def names(stream: Any) -> list[str]:
    return [name for _, name in told(stream)]


def note(engine: Engine, name: str) -> None:
    with engine.begin() as connection:
        _note(connection, name)


def _note(connection: Any, name: str) -> None:
    connection.execute(text("INSERT INTO events (at, name, data) VALUES (now(), :name, '{}')"), {"name": name})


def publish(healthmgr: Healthmgr) -> int:
    return healthmgr.eventing.publish(healthmgr.now())


def test_places_follow_the_order_of_events_and_have_no_gaps_where_the_database_expects_a_single_one(
    healthmgr: Healthmgr,
) -> None:
    # It then goes through what is waiting again for each row that it meets.
    events = EventRepository(healthmgr.engine)
    note(healthmgr.engine, "first")
    with healthmgr.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE events"))
    assert events.place(10) == 1
    before = events.last_position()
    for number in range(5):
        note(healthmgr.engine, f"n{number}")
    assert events.place(10) == 5
    placed = events.after(before, 10)
    assert [(event.position - before, event.name) for event in placed] == [(n + 1, f"n{n}") for n in range(5)]


def test_an_alerts_whole_life_is_told_in_order(engine: Engine, healthmgr: Healthmgr, stream: Any) -> None:
    check_id = make_check(engine, "shop", name="The shop")
    alert_id = make_alert(engine, check_id, severity="critical")
    healthmgr.responding.acknowledge(alert_id, actor="alice", origin="test", now=NOW)
    healthmgr.responding.resolve(alert_id, actor="bob", origin="test", now=NOW)
    publish(healthmgr)
    assert names(stream) == ["alert_triggered", "alert_acknowledged", "alert_resolved"]
    facts = [json.loads(fields["data"]) for _, fields in stream.xrange(STREAM)]
    assert [(f["id"], f["title"], f["acknowledged_by"], f["resolved_by"]) for f in facts] == [
        (str(alert_id), "The shop is unhealthy", None, None),
        (str(alert_id), "The shop is unhealthy", "alice", None),
        (str(alert_id), "The shop is unhealthy", "alice", "bob"),
    ]


def test_a_change_of_state_is_told(engine: Engine, healthmgr: Healthmgr, stream: Any) -> None:
    make_check(engine, "shop")
    fail(healthmgr, "shop", Status.DEGRADED, "slow")
    publish(healthmgr)
    change = next(json.loads(f["data"]) for _, f in stream.xrange(STREAM) if f["name"] == "check_state_changed")
    assert (change["check"], change["old_status"], change["new_status"], change["message"]) == (
        "shop", "healthy", "degraded", "slow",
    )  # fmt: skip


def test_a_notification_is_told_once_it_is_sent_and_not_before(
    engine: Engine, healthmgr: Healthmgr, stream: Any
) -> None:
    notification = make_notification(engine, make_incident(engine), state="sending", sent_at=None)
    assert publish(healthmgr) == 0
    with engine.begin() as connection:
        for _ in range(2):
            connection.execute(
                text("UPDATE notifications SET state = 'sent', sent_at = :now WHERE id = :id"),
                {"id": notification, "now": NOW},
            )
    assert publish(healthmgr) == 1
    assert names(stream) == ["notification_sent"]


def test_what_is_rolled_back_is_never_told(engine: Engine, healthmgr: Healthmgr, stream: Any) -> None:
    with engine.connect() as connection:
        _note(connection, "alert_triggered")
        connection.rollback()
    note(engine, "alert_resolved")
    publish(healthmgr)
    assert names(stream) == ["alert_resolved"]


def test_a_commit_that_comes_late_is_told_late_and_not_skipped(
    engine: Engine, healthmgr: Healthmgr, stream: Any
) -> None:
    with engine.connect() as slow:
        _note(slow, "first_noted")
        note(engine, "second_noted")
        publish(healthmgr)
        assert names(stream) == ["second_noted"]
        slow.commit()
    publish(healthmgr)
    assert names(stream) == ["second_noted", "first_noted"]


def test_publishing_again_tells_nothing_twice(engine: Engine, healthmgr: Healthmgr, stream: Any) -> None:
    note(engine, "one")
    assert (publish(healthmgr), publish(healthmgr)) == (1, 0)
    assert names(stream) == ["one"]


def test_two_who_publish_at_once_tell_everything_once(
    engine: Engine, healthmgr: Healthmgr, redis_url: str, stream: Any
) -> None:
    note(engine, "one")
    healthmgr.eventing.publish(NOW)
    note(engine, "two")
    placed = EventRepository(engine)
    placed.place(10)
    both = [RedisEventStream(redis_url), RedisEventStream(redis_url)]
    for each in both:
        each.append(placed.after(0, 10))
        each.close()
    assert names(stream) == ["one", "two"]


def test_what_happened_while_redis_was_away_is_told_later(engine: Engine, healthmgr: Healthmgr, stream: Any) -> None:
    note(engine, "one")
    away = RedisEventStream("redis://127.0.0.1:1/0")
    with pytest.raises(Unavailable, match="Redis does not answer"):
        Eventing(EventRepository(engine), away).publish(NOW)
    away.close()
    note(engine, "two")
    publish(healthmgr)
    assert names(stream) == ["one", "two"]


def test_a_flush_of_redis_takes_no_event_and_changes_no_id(engine: Engine, healthmgr: Healthmgr, stream: Any) -> None:
    for name in ("one", "two"):
        note(engine, name)
    publish(healthmgr)
    before = told(stream)
    stream.flushdb()
    note(engine, "three")
    publish(healthmgr)
    assert told(stream)[:2] == before
    assert names(stream) == ["one", "two", "three"]


def test_a_stream_from_another_database_is_begun_anew(engine: Engine, healthmgr: Healthmgr, stream: Any) -> None:
    stream.xadd(STREAM, {"name": "foreign"}, id="99999999-0")
    note(engine, "one")
    publish(healthmgr)
    assert names(stream) == ["one"]


def test_many_events_are_told_in_one_turn(engine: Engine, healthmgr: Healthmgr, stream: Any) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO events (at, name, data) SELECT now(), 'n', '{}' FROM generate_series(1, 1200)")
        )
    assert publish(healthmgr) == 1200
    assert stream.xlen(STREAM) == 1200


def test_what_is_old_but_not_told_yet_is_kept_until_it_is(engine: Engine, healthmgr: Healthmgr, stream: Any) -> None:
    make_alert(engine, make_check(engine, "shop"), opened_at=NOW - timedelta(days=30))
    publish(healthmgr)
    assert names(stream) == ["alert_triggered"]


def test_old_events_are_forgotten(engine: Engine, healthmgr: Healthmgr) -> None:
    note(engine, "one")
    publish(healthmgr)
    healthmgr.eventing.publish(healthmgr.now() + KEPT_FOR + timedelta(minutes=1))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM events")).scalar_one() == 0


@pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning")
def test_the_numbers_for_other_dashboards_are_fresh_or_gone(
    engine: Engine, healthmgr: Healthmgr, stream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_check(engine, "shop", last_response_time=0.25)
    monkeypatch.setitem(vars(app.process), "healthmgr", healthmgr)
    app.tasks[keep_metrics.name].run()
    found = json.loads(stream.get(METRICS))
    assert (found["version"], found["status"]) == (1, "healthy")
    assert found["health_checks"]["total_checks"] == 1
    assert found["health_checks"]["average_response_time"] == 250.0
    assert 0 < stream.ttl(METRICS) <= METRICS_LAPSE_AFTER.total_seconds()


def test_without_redis_events_are_kept_and_nothing_fails(engine: Engine) -> None:
    note(engine, "one")
    eventing = Eventing(EventRepository(engine), None)
    assert eventing.publish(NOW) == 0
    eventing.put_metrics({})
    eventing.close()
