"""The kinds that ask real servers: tcp, postgres, redis, celery, host."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from celery.contrib.testing.worker import start_worker
from pydantic import ValidationError

from healthmgr.checks.celery import CeleryConfig
from healthmgr.checks.postgres import PostgresConfig
from healthmgr.domain.check import Status
from healthmgr.errors import ProbeError
from tests.plugins.conftest import NOW

RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"


def test_a_conversation_over_tcp_is_held(probe: Any, serve: Any) -> None:
    def talk(connection: Any) -> None:
        if connection.recv(100) == b"PING\r\n":
            connection.sendall(b"+PO")
            connection.sendall(b"NG\r\n")

    target = {"host": "127.0.0.1", "port": serve(talk), "send": "PING\r\n"}
    assert probe("tcp", target | {"expect": "+PONG"}).status is Status.HEALTHY
    assert probe("tcp", target).metrics["connect_time"] > 0


def test_what_was_heard_instead_is_told_when_time_is_up(probe: Any, serve: Any) -> None:
    def talk(connection: Any) -> None:
        connection.sendall(b"-NOAUTH")
        connection.recv(1)

    target = {"host": "127.0.0.1", "port": serve(talk), "expect": "+PONG"}
    outcome = probe("tcp", target, timeout=timedelta(milliseconds=200))
    assert outcome.status is Status.UNHEALTHY
    assert "said '-NOAUTH', expected '+PONG'" in outcome.message


def test_a_wrong_word_over_tcp_is_unhealthy_and_quoted(probe: Any, serve: Any) -> None:
    port = serve(lambda connection: connection.sendall(b"220 other"))
    outcome = probe("tcp", {"host": "127.0.0.1", "port": port, "expect": "220 mine"})
    assert (outcome.status, outcome.message) == (
        Status.UNHEALTHY,
        f"127.0.0.1:{port} said '220 other', expected '220 mine'",
    )


def test_postgres_tells_its_connections(probe: Any, database_url: str) -> None:
    outcome = probe("postgres", {"url": database_url})
    metrics = outcome.metrics
    assert outcome.status is Status.HEALTHY
    assert 1 <= metrics["connections"] <= metrics["max_connections"]
    assert metrics["connection_usage"] == pytest.approx(100 * metrics["connections"] / metrics["max_connections"])
    assert 0 < metrics["query_time"] < metrics["connect_time"] + 1


def test_the_numbers_of_a_query_become_metrics(probe: Any, database_url: str) -> None:
    query = "SELECT 5 AS at_risk, 2.5::numeric AS share, 'x' AS name, true AS flag"
    metrics = probe("postgres", {"url": database_url, "query": query}).metrics
    assert (metrics["at_risk"], metrics["share"]) == (5.0, 2.5)
    assert not {"name", "flag"} & set(metrics)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT nonsense", "nonsense"),
        ("CREATE TABLE should_not_be (a int)", "read-only"),
        ("SELECT pg_sleep(5)", "longer than 300ms"),
    ],
)
def test_a_query_that_fails_writes_or_takes_too_long_is_unhealthy(
    probe: Any, database_url: str, query: str, words: str
) -> None:
    outcome = probe("postgres", {"url": database_url, "query": query}, timeout=timedelta(milliseconds=300))
    assert outcome.status is Status.UNHEALTHY
    assert words in outcome.message


def test_a_postgres_address_may_name_a_driver_but_must_be_one() -> None:
    assert PostgresConfig(url="postgresql+psycopg2://u@h/d").url == "postgresql://u@h/d"
    with pytest.raises(ValidationError):
        PostgresConfig(url="mysql://u@h/d")


def test_an_address_that_libpq_cannot_read_gives_no_password_away(probe: Any) -> None:
    with pytest.raises(ProbeError) as caught:
        probe("postgres", {"url": "postgresql://u:hunter2@127.0.0.1/d?nonsense=1"})
    assert "hunter2" not in str(caught.value)


def test_redis_tells_its_numbers(probe: Any, redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    client.set("k", "v")
    client.get("k")
    client.close()
    outcome = probe("redis", {"url": redis_url})
    assert outcome.status is Status.HEALTHY
    assert outcome.metrics["used_memory"] > 0
    assert outcome.metrics["connected_clients"] >= 1
    assert 0 < outcome.metrics["hit_rate"] <= 100
    assert "ops" in outcome.metrics


def test_a_wrong_redis_password_is_unhealthy_and_not_shown(probe: Any, redis_url: str) -> None:
    outcome = probe("redis", {"url": redis_url.replace("://", "://user:hunter2@")})
    assert outcome.status is Status.UNHEALTHY
    assert "hunter2" not in outcome.message


def test_the_host_tells_its_numbers(probe: Any, tmp_path: Path) -> None:
    first, second = (probe("host", {"path": str(tmp_path)}).metrics for _ in range(2))
    assert first["cpu_usage"] == second["cpu_usage"]  # too soon after one another to measure anew
    for name in ("cpu_usage", "memory_usage", "disk_usage"):
        assert 0 <= first[name] <= 100
    assert first["load_1m"] >= 0


def put(client: redis.Redis, key: str, published_at: Any) -> None:
    client.lpush(key, json.dumps({"headers": {"published_at": published_at}, "body": ""}))


def test_waiting_messages_are_counted_over_all_priorities_and_the_oldest_is_found(probe: Any, redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    put(client, "checks", (NOW - timedelta(seconds=30)).isoformat())
    put(client, "checks", (NOW - timedelta(seconds=10)).isoformat())
    put(client, "checks\x06\x166", (NOW - timedelta(seconds=90)).isoformat())
    put(client, "mail", None)
    client.close()
    outcome = probe("celery", {"broker_url": redis_url, "queues": ["checks", "mail", "idle"], "min_workers": 0})
    assert outcome.status is Status.HEALTHY
    assert outcome.metrics == {
        "queue_depth_checks": 3.0,
        "queue_depth_mail": 1.0,
        "queue_depth_idle": 0.0,
        "queue_depth": 4.0,
        "oldest_message_age": 90.0,
    }


def test_the_age_is_left_out_where_no_message_tells_it(probe: Any, redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    put(client, "mail", None)
    client.lpush("mail", "not json")
    client.close()
    outcome = probe("celery", {"broker_url": redis_url, "queues": ["mail"], "min_workers": 0})
    assert outcome.metrics == {"queue_depth_mail": 2.0, "queue_depth": 2.0}


def test_workers_that_do_not_answer_are_missed_and_nothing_is_left_in_the_broker(probe: Any, redis_url: str) -> None:
    outcome = probe("celery", {"broker_url": redis_url, "min_workers": 2, "ping_timeout": "100ms"})
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message == "0 of at least 2 workers answered; 0 messages wait"
    client = redis.Redis.from_url(redis_url)
    assert [key for key in client.scan_iter() if b"reply" in key] == []
    client.close()


def test_workers_that_answer_are_counted(probe: Any, redis_url: str) -> None:
    app = Celery("someone-elses", broker=redis_url, set_as_current=False)
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=10):
        outcome = probe("celery", {"broker_url": redis_url, "ping_timeout": "500ms"})
    assert (outcome.status, outcome.metrics["workers"]) == (Status.HEALTHY, 1.0)
    assert outcome.response_time is not None
    assert outcome.response_time < 0.5  # the time spent listening is not the broker's


@pytest.mark.rabbitmq
def test_a_queue_that_rabbitmq_does_not_know_is_named(probe: Any) -> None:
    document = {"broker_url": RABBITMQ, "queues": ["no-such-queue-here"], "min_workers": 0}
    outcome = probe("celery", document)
    if "does not answer" in outcome.message:
        pytest.skip("no RabbitMQ answers on this machine")
    assert (outcome.status, outcome.message) == (Status.UNHEALTHY, "the broker has no queue no-such-queue-here")


def test_a_celery_check_listens_for_one_second_unless_told() -> None:
    assert CeleryConfig(broker_url="redis://h/0").ping_timeout == timedelta(seconds=1)
