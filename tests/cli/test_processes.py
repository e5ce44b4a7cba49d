"""`healthmgr worker`, `beat` and `api` become the program they name; `healthmgr db` moves the schema."""

from __future__ import annotations

import os
import sys

import pytest
from sqlalchemy import Engine

from healthmgr.storage.database import schema_revisions
from tests.cli.conftest import Terminal


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was executed: the one thing that cannot be real here, for it would end this process."""
    seen: list[list[str]] = []

    def execv(path: str, argv: list[str]) -> None:
        assert path == sys.executable
        seen.append(argv[1:])
        raise SystemExit(0)

    monkeypatch.setattr(os, "execv", execv)
    return seen


def test_a_worker_consumes_all_queues_or_those_named(terminal: Terminal, became: list[list[str]]) -> None:
    terminal("worker")
    terminal("worker", "checks", "evaluation", "checks", "--name", "w1@%h")
    everything, two = became
    assert everything[:6] == ["-m", "celery", "-A", "workers.app", "worker", "-P"]
    assert "checks,evaluation,notifications,escalation,recovery,upkeep" in everything
    assert two[two.index("-Q") + 1] == "checks,evaluation"
    assert two[two.index("-n") + 1] == "w1@%h"


def test_an_unknown_queue_is_bad_usage(terminal: Terminal, became: list[list[str]]) -> None:
    assert terminal("worker", "chekcs").code == 2
    assert not became


def test_a_beat_needs_no_pid_file(terminal: Terminal, became: list[list[str]]) -> None:
    terminal("beat")
    assert became[0][:7] == ["-m", "celery", "-A", "workers.app", "beat", "-S", "workers.scheduler:RowScheduler"]
    assert "--pidfile=" in became[0]


def test_the_api_is_told_where_to_listen(
    terminal: Terminal, became: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEALTHMGR_PORT", "1")
    monkeypatch.setenv("HEALTHMGR_HOST", "127.0.0.1")
    terminal("api", "--host", "127.0.0.2", "--port", "8301")
    assert became == [["-m", "healthmgr.api.serve"]]
    assert (os.environ["HEALTHMGR_HOST"], os.environ["HEALTHMGR_PORT"]) == ("127.0.0.2", "8301")


def test_without_a_broker_the_way_to_one_is_said(terminal: Terminal, became: list[list[str]]) -> None:
    terminal.set(REDIS_URL="")
    for name in ("worker", "beat"):
        said = terminal(name)
        assert said.code == 3
        assert "REDIS_URL or BROKER_URL" in said.err
    assert not became


def test_the_schema_goes_down_only_when_that_is_meant_and_up_again(terminal: Terminal, engine: Engine) -> None:
    _, head = schema_revisions(engine)
    assert terminal("db", "downgrade", "base").code == 1
    assert schema_revisions(engine)[0] == head
    try:
        assert terminal("db", "downgrade", "base", "--yes", "--json").json["revision"] is None
        current = terminal("db", "current")
        assert current.code == 1
        assert "healthmgr db upgrade" in current.out
        said = terminal("status")
        assert said.code == 3
        assert "healthmgr db upgrade" in said.err
    finally:
        assert terminal("db", "upgrade", "--json").json == {"revision": head, "needed": head, "is_current": True}
    assert terminal("db", "current").code == 0


def test_an_unknown_revision_changes_nothing(terminal: Terminal, engine: Engine) -> None:
    said = terminal("db", "downgrade", "nope", "--yes")
    assert said.code == 1
    assert "nope" in said.err
