"""`kill -9` of a worker in the midst of a step: what it started ends, and what it had not finished is not done."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest

from tests.steps.conftest import is_running, until

pytestmark = pytest.mark.processes

WORKER = """
import json, sys
from datetime import timedelta
from healthmgr.registry import Registry
from healthmgr.testing import run_step, step_context
kind, config = sys.argv[1], json.loads(sys.argv[2])
run_step(Registry.load().step_type(kind), config, step_context(timeout=timedelta(seconds=60)))
"""
# What a step does: it notes its process in a file, and would note its end.
SLOW = """
import os, time
def work(file):
    with open(file, "a") as notes:
        print(os.getpid(), file=notes, flush=True)
        time.sleep(60)
        print("done", file=notes, flush=True)
"""

Kill = Callable[[str, dict[str, Any], Callable[[], bool]], list[int]]


@pytest.fixture
def kill_in(tmp_path: Path) -> Kill:
    """kill_in(kind, config, begun) kills a worker once its step has begun; the processes that it had then."""

    def go(kind: str, config: dict[str, Any], begun: Callable[[], bool]) -> list[int]:
        worker = subprocess.Popen([sys.executable, "-c", WORKER, kind, json.dumps(config)])
        assert until(begun, within=30)
        started = [child.pid for child in psutil.Process(worker.pid).children(recursive=True)]
        worker.kill()
        worker.wait()
        return started

    return go


def test_a_program_and_its_guard_end(kill_in, script, tmp_path):
    notes = tmp_path / "notes"
    program = script(f"{SLOW}\nimport sys\nwork(sys.argv[1])")
    started = kill_in("command", {"command": [program, str(notes)]}, lambda: notes.exists() and bool(notes.read_text()))
    assert len(started) == 2
    assert until(lambda: not any(map(is_running, started)), within=5)
    assert "done" not in notes.read_text()


def test_a_restart_by_a_program_ends(kill_in, script, tmp_path):
    notes = tmp_path / "notes"
    program = script(f"{SLOW}\nimport sys\nwork(sys.argv[1])")
    config = {"service": "shop", "driver": "command", "command": [program, str(notes)]}
    started = kill_in("service_restart", config, lambda: notes.exists() and bool(notes.read_text()))
    assert until(lambda: not any(map(is_running, started)), within=5)
    assert "done" not in notes.read_text()


def test_a_function_ends(kill_in, tmp_path, monkeypatch):
    (tmp_path / "slow_repairs.py").write_text(SLOW, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("HEALTHMGR_MODULES", "slow_repairs")
    notes = tmp_path / "notes"
    config = {"function": "slow_repairs:work", "arguments": {"file": str(notes)}}
    started = kill_in("python", config, lambda: notes.exists() and bool(notes.read_text()))
    assert until(lambda: not any(map(is_running, started)), within=5)
    assert "done" not in notes.read_text()


@pytest.fixture
def counted(database_url: str) -> Iterator[psycopg2.extensions.connection]:
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS counted")
        cursor.execute("CREATE TABLE counted AS SELECT 0 AS times")
    yield connection
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE counted")
    connection.close()


def test_a_statement_that_was_not_committed_has_changed_nothing(kill_in, counted, database_url):
    def ask(statement: str) -> Any:
        with counted.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()

    running = "SELECT pid FROM pg_stat_activity WHERE application_name = 'healthmgr step' AND query LIKE 'UPDATE%'"
    statement = "UPDATE counted SET times = times + 1 WHERE pg_sleep(4) IS NOT NULL"
    started = kill_in("sql", {"url": database_url, "statement": statement}, lambda: ask(running) is not None)
    assert until(lambda: not any(map(is_running, started)), within=5)
    assert until(lambda: ask(running) is None, within=10)
    assert ask("SELECT times FROM counted") == (0,)
