"""PostgreSQL in full: what a query has to give, what sessions do to each other, and a replica that follows."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from pydantic import ValidationError
from sqlalchemy import make_url

from healthmgr.checks.postgres import PostgresConfig
from healthmgr.checks.postgres_statistics import read_statistics
from healthmgr.domain.check import Status
from healthmgr.embedded.account import run_as, server_account
from healthmgr.embedded.binaries import copied, installed


@pytest.mark.parametrize(
    ("query", "expected", "status", "words"),
    [
        ("SELECT 1", {"expect": 1}, "healthy", "answers"),
        ("SELECT 1.0", {"expect": 1}, "healthy", "answers"),
        ("SELECT '1'", {"expect": 1}, "healthy", "answers"),
        ("SELECT 'ok'", {"expect": "ok"}, "healthy", "answers"),
        ("SELECT true", {"expect": True}, "healthy", "answers"),
        ("SHOW server_encoding", {"expect": "UTF8", "expect_rows": 1}, "healthy", "answers"),
        ("SELECT 2", {"expect": 1}, "unhealthy", "the query gave 2, expected 1"),
        ("SELECT true", {"expect": 1}, "unhealthy", "the query gave true, expected 1"),
        ("SELECT NULL", {"expect": "x"}, "unhealthy", "the query gave NULL, expected x"),
        ("SELECT 'x'", {"expect": 5}, "unhealthy", "the query gave x, expected 5"),
        ("SELECT 1 WHERE false", {"expect": 1}, "unhealthy", "the query gave no row, expected 1"),
        ("SELECT repeat('x', 999)", {"expect": "y"}, "unhealthy", "xxx..., expected y"),
        ("SELECT 1 WHERE false", {"expect_rows": 0}, "healthy", "answers"),
        ("VALUES (1), (2)", {"expect_rows": "2"}, "healthy", "answers"),
        ("VALUES (1), (2)", {"expect_rows": "> 2"}, "unhealthy", "the query gave 2 rows, expected > 2"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", {"expect_rows": 2}, "unhealthy", "the query gave 1 rows, expected 2"),
        ("SELECT 1", {"role": "primary"}, "healthy", "answers"),
        ("SELECT 1", {"role": "replica"}, "unhealthy", "the server is a primary, expected a replica"),
    ],
)
def test_a_query_has_to_give_what_is_expected(
    probe: Any, database_url: str, query: str, expected: dict[str, Any], status: str, words: str
) -> None:
    outcome = probe("postgres", {"url": database_url, "query": query, **expected})
    assert outcome.status == status
    assert words in outcome.message


def test_of_a_huge_answer_no_more_is_fetched_than_is_counted(probe: Any, database_url: str) -> None:
    query = "SELECT generate_series(1, 100000000) AS n, repeat('x', 1000)"
    outcome = probe("postgres", {"url": database_url, "query": query, "expect_rows": ">= 10000"})
    assert outcome.status is Status.HEALTHY
    assert (outcome.metrics["rows"], outcome.metrics["n"]) == (10_000.0, 1.0)


@pytest.mark.parametrize(
    "document", [{"expect": 1}, {"expect_rows": 1}, {"query": "SELECT 1", "expect_rows": "many"}, {"role": "chief"}]
)
def test_what_cannot_be_expected_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PostgresConfig.model_validate({"url": "postgresql://h/d", **document})


def test_the_address_with_its_password_is_not_shown() -> None:
    assert "hunter2" not in repr(PostgresConfig(url="postgresql://u:hunter2@h/d"))


def until(is_so: Callable[[], bool]) -> None:
    """PostgreSQL tells nobody when a session waits or a replica has followed: it has to be asked."""
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_sessions_that_wait_and_transactions_that_last_are_seen(probe: Any, database_url: str) -> None:
    url = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    holder, waiter = psycopg2.connect(url), psycopg2.connect(url)
    try:
        holder.cursor().execute("SELECT pg_advisory_xact_lock(4711)")
        waiting = threading.Thread(target=lambda: waiter.cursor().execute("SELECT pg_advisory_xact_lock(4711)"))
        waiting.start()
        until(lambda: probe("postgres", {"url": database_url}).metrics["locks_waiting"] >= 1)
        metrics = probe("postgres", {"url": database_url}).metrics
        assert metrics["connections_idle_in_transaction"] >= 1
        assert metrics["connections_active"] >= 1
        assert metrics["oldest_transaction_age"] > 0
        assert 0 < metrics["cache_hit_ratio"] <= 100
        assert (metrics["is_replica"], metrics["replicas"]) == (0.0, 0.0)
        assert "replication_lag" not in metrics
        holder.rollback()
        waiting.join()
    finally:
        holder.close()
        waiter.close()


class KeepsNoStatistics:
    """A connection to a server that speaks the protocol alone."""

    def cursor(self) -> Any:
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def execute(self, _: str) -> None:
        raise psycopg2.errors.UndefinedTable("no pg_stat_activity here")


def test_a_server_without_statistics_is_none_the_worse() -> None:
    assert read_statistics(KeepsNoStatistics()) == {}  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def replicated() -> Iterator[tuple[str, str]]:
    """A primary and a replica that follows it: their addresses."""
    folder = Path(tempfile.mkdtemp(prefix="hm-"))
    account = server_account(folder)
    binaries = installed()
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    if not binaries.usable_by(account):
        binaries = copied(binaries, folder)
    primary, replica = folder / "primary", folder / "replica"

    def run(program: str, *arguments: str) -> None:
        done = run_as(account, [str(binaries.postgres / program), *arguments], folder)
        assert done.returncode == 0, done.stderr

    def start(data: Path, port: int) -> str:
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off"
        run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
        return f"postgresql://postgres@127.0.0.1:{port}/postgres"

    try:
        run("initdb", "-D", str(primary), "-U", "postgres", "-A", "trust", "-N", "--no-instructions")
        first = start(primary, free_port())
        run("pg_basebackup", "-d", first, "-D", str(replica), "-R", "-N", "-c", "fast", "-X", "stream")
        yield first, start(replica, free_port())
    finally:
        for data in (replica, primary):
            run_as(account, [str(binaries.postgres / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"], folder)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_primary_and_its_replica_tell_how_far_they_are_apart(probe: Any, replicated: tuple[str, str]) -> None:
    primary, replica = replicated
    until(lambda: probe("postgres", {"url": primary}).metrics.get("replicas") == 1.0)
    of_primary = probe("postgres", {"url": primary, "role": "primary"})
    assert of_primary.status is Status.HEALTHY
    assert of_primary.metrics["replication_lag"] < 60
    until(lambda: probe("postgres", {"url": primary}).metrics.get("replication_lag_bytes") == 0.0)
    # Nothing happens on the primary, and the replica is not behind for that.
    until(lambda: probe("postgres", {"url": replica}).metrics.get("replication_lag") == 0.0)
    of_replica = probe("postgres", {"url": replica, "role": "replica"})
    assert of_replica.status is Status.HEALTHY
    assert of_replica.message.endswith("; a replica, 0.0 s behind")
    assert of_replica.metrics["is_replica"] == 1.0
    assert (
        probe("postgres", {"url": replica, "role": "primary"}).message == "the server is a replica, expected a primary"
    )


def test_a_replica_that_does_not_replay_falls_behind(probe: Any, replicated: tuple[str, str]) -> None:
    primary, replica = replicated
    with closing(psycopg2.connect(replica)) as at_replica, closing(psycopg2.connect(primary)) as at_primary:
        at_replica.autocommit = at_primary.autocommit = True
        at_primary.cursor().execute("CREATE TABLE written (a int)")
        until(lambda: probe("postgres", {"url": replica, "query": "SELECT * FROM written"}).status is Status.HEALTHY)
        at_replica.cursor().execute("SELECT pg_wal_replay_pause()")
        at_primary.cursor().execute("INSERT INTO written SELECT generate_series(1, 1000)")
        until(lambda: probe("postgres", {"url": replica}).metrics["replication_lag_bytes"] > 0)
        until(lambda: probe("postgres", {"url": primary}).metrics["replication_lag_bytes"] > 0)
        assert probe("postgres", {"url": replica}).metrics["replication_lag"] > 0
        at_replica.cursor().execute("SELECT pg_wal_replay_resume()")
        until(lambda: probe("postgres", {"url": replica}).metrics["replication_lag"] == 0.0)
