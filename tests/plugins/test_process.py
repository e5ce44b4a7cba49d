"""The kind `process`: real processes of this machine, found, counted and measured."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from healthmgr.checks.process import ProcessConfig
from healthmgr.domain.check import Status

Start = Callable[..., subprocess.Popen[bytes]]
WAITS = "import sys; print(flush=True); sys.stdin.read()"


@pytest.fixture
def mark() -> str:
    """A word in the command line that no other process of this machine has."""
    return f"mark-{uuid4().hex}"


@pytest.fixture
def start(mark: str) -> Iterator[Start]:
    """Starts a Python program that carries the mark, and waits until it runs."""
    started: list[subprocess.Popen[bytes]] = []

    def go(script: str = WAITS, program: str = sys.executable) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [program, "-c", script, mark], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield go
    for process in started:
        process.kill()
        process.communicate()


def test_a_running_program_is_found_and_measured(probe: Any, start: Start, mark: str) -> None:
    start()
    outcome = probe("process", {"cmdline": mark})
    assert (outcome.status, outcome.message) == (Status.HEALTHY, f"1 process runs (command line {mark})")
    metrics = outcome.metrics
    assert metrics["process_count"] == 1
    assert metrics["rss"] > 1_000_000
    assert metrics["open_files"] >= 3
    assert metrics["threads"] >= 1
    assert 0 <= metrics["oldest_age"] < 60
    assert metrics["cpu_usage"] < 50


def test_a_busy_program_shows_its_use_of_the_processor(probe: Any, start: Start, mark: str) -> None:
    start("print(flush=True)\nwhile True: pass")
    assert probe("process", {"cmdline": mark}).metrics["cpu_usage"] > 3


def test_several_are_counted_and_summed(probe: Any, start: Start, mark: str) -> None:
    start()
    alone = probe("process", {"cmdline": mark}).metrics
    start()
    both = probe("process", {"cmdline": mark}).metrics
    assert both["process_count"] == 2
    assert both["rss"] > alone["rss"] * 1.5
    assert both["open_files"] >= alone["open_files"] + 3


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"min_count": 3}, "2 processes run (command line {mark}), expected at least 3"),
        ({"max_count": 1}, "2 processes run (command line {mark}), expected at most 1"),
        ({"min_count": 0, "max_count": 0}, "2 processes run (command line {mark}), expected at most 0"),
        ({"min_count": 2, "max_count": 2}, None),
    ],
)
def test_too_few_and_too_many_are_unhealthy(probe: Any, start: Start, mark: str, limits: Any, words: Any) -> None:
    start()
    start()
    outcome = probe("process", {"cmdline": mark, **limits})
    assert outcome.status is (Status.UNHEALTHY if words else Status.HEALTHY)
    if words:
        assert outcome.message == words.format(mark=mark)


def test_a_program_that_does_not_run_is_unhealthy_unless_none_is_wanted(probe: Any, mark: str) -> None:
    outcome = probe("process", {"cmdline": mark})
    assert (outcome.status, outcome.metrics) == (Status.UNHEALTHY, {"process_count": 0.0})
    assert probe("process", {"cmdline": mark, "min_count": 0, "max_count": 0}).status is Status.HEALTHY


def test_a_program_is_found_by_its_own_name(probe: Any, start: Start, mark: str, tmp_path: Path) -> None:
    program = tmp_path / f"n{uuid4().hex[:10]}"
    shutil.copy("/bin/cat", program)
    assert probe("process", {"name": program.name}).status is Status.UNHEALTHY
    process = subprocess.Popen([program], stdin=subprocess.PIPE)
    try:
        assert probe("process", {"name": program.name}).status is Status.HEALTHY
        assert probe("process", {"name": program.name, "cmdline": mark}).status is Status.UNHEALTHY
    finally:
        process.communicate()


def test_a_program_that_has_ended_is_not_counted_while_its_parent_sleeps(probe: Any, start: Start, mark: str) -> None:
    process = start()
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
    assert probe("process", {"cmdline": mark}).metrics["process_count"] == 0


def test_a_pidfile_leads_to_its_process(probe: Any, start: Start, mark: str, tmp_path: Path) -> None:
    pidfile = tmp_path / "my.pid"
    process = start()
    pidfile.write_text(f"{process.pid}\n", encoding="ascii")
    assert probe("process", {"pidfile": str(pidfile)}).metrics["process_count"] == 1
    assert probe("process", {"pidfile": str(pidfile), "cmdline": mark}).status is Status.HEALTHY
    reused = probe("process", {"pidfile": str(pidfile), "cmdline": "another program"})
    assert reused.status is Status.UNHEALTHY
    process.kill()
    process.communicate()
    assert probe("process", {"pidfile": str(pidfile)}).status is Status.UNHEALTHY


@pytest.mark.parametrize("content", [None, "", "abc", "-5", "0", "99999999999999999999999", "\xff"])
def test_a_pidfile_without_a_process_is_unhealthy(probe: Any, tmp_path: Path, content: str | None) -> None:
    pidfile = tmp_path / "my.pid"
    if content is not None:
        pidfile.write_text(content, encoding="latin-1")
    outcome = probe("process", {"pidfile": str(pidfile)})
    assert outcome.status is Status.UNHEALTHY
    assert str(pidfile) in outcome.message


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "give a name, a cmdline or a pidfile"),
        ({"cmdline": "("}, "not a regular expression"),
        ({"name": "x", "min_count": 2, "max_count": 1}, "max_count 1 is below min_count 2"),
        ({"name": ""}, "at least 1 character"),
        ({"name": "x", "min_count": -1}, "greater than or equal to 0"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(document: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ProcessConfig.model_validate(document)
