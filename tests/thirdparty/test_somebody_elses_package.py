"""A check type, a channel and a step in a package of their own are found and used, and healthmgr stays as it is."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from healthmgr.registry import Registry
from tests.thirdparty.conftest import Package

DEFINITIONS = """
version: 1
channels:
  desk: {{kind: ticket, config: {{folder: {folder}}}}}
recipients:
  ops: {{contacts: {{desk: "Operations desk"}}}}
routing:
  critical: {{to: ops, via: desk, group_wait: 0s}}
  default: {{to: ops, via: desk}}
checks:
  dump:
    kind: file
    config: {{path: {path}}}
    severity: critical
    interval: 2s
    timeout: 1s
    retry_interval: 1s
    max_attempts: 2
    thresholds: {{critical: {{size: "< 10"}}}}
"""
WITHIN = 40.0  # seconds; two or three are enough on a machine at rest
ASK = """
import json
from healthmgr.registry import Registry
registry = Registry.load()
found = [registry.check_type("file"), registry.channel("ticket"), registry.step_type("flag")]
print(json.dumps([[type(each).__module__, each.kind] for each in found]))
"""


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    return tmp_path / "dump.sql"


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    folder = tmp_path / "tickets"
    folder.mkdir()
    return folder


@pytest.fixture
def definitions(tmp_path: Path, dump: Path, tickets: Path) -> Path:
    path = tmp_path / "healthmgr.yaml"
    path.write_text(DEFINITIONS.format(folder=tickets, path=dump), encoding="utf-8")
    return path


def until(is_so: Callable[[], bool], what: str) -> None:
    ends_at = time.monotonic() + WITHIN
    while not is_so():
        assert time.monotonic() < ends_at, f"not within {WITHIN:.0f} s: {what}"
        time.sleep(0.1)


def test_the_registry_finds_them_by_their_entry_points(package: Package) -> None:
    assert "file" not in Registry.load().check_kinds()  # this process does without the package
    said = package.run("-c", ASK)
    expected = [["healthmgr_file", "file"], ["healthmgr_ticket", "ticket"], ["healthmgr_flag", "flag"]]
    assert json.loads(said.stdout) == expected, said.stderr


def test_definitions_are_judged_by_their_configurations(package: Package, definitions: Path, engine: Engine) -> None:
    said = package.run("-m", "healthmgr.cli.main", "validate", str(definitions))
    assert said.returncode == 0, said.stdout + said.stderr
    right = definitions.read_text()
    for good, bad, named in (
        ("path:", "pth:", "pth"),
        ("folder:", "foldr:", "foldr"),
        ("kind: file", "kind: fil", "file"),
    ):
        definitions.write_text(right.replace(good, bad))
        said = package.run("-m", "healthmgr.cli.main", "validate", str(definitions))
        assert said.returncode != 0
        assert named in said.stdout + said.stderr


def test_their_own_tests_run_on_what_healthmgr_gives_their_authors(package: Package) -> None:
    said = package.run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(package.source))
    assert "3 passed" in said.stdout, said.stdout + said.stderr


@pytest.mark.processes
def test_a_worker_probes_and_sends_through_them(
    package: Package, engine: Engine, definitions: Path, dump: Path, tickets: Path, tmp_path: Path
) -> None:
    dump.write_text("x" * 100)
    said = package.run("-m", "healthmgr.cli.main", "apply", str(definitions))
    assert said.returncode == 0, said.stdout + said.stderr

    def last_message() -> str:
        with engine.connect() as connection:
            return str(connection.execute(text("SELECT last_message FROM check_states")).scalar_one())

    def told() -> list[str]:
        return sorted(path.read_text() for path in tickets.iterdir())

    def start(stack: ExitStack, name: str, *words: str) -> None:
        log = stack.enter_context((tmp_path / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "--quiet", "-A", "workers.app", *words],
            env=package.environ,
            cwd=tmp_path,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)

    with ExitStack() as stack:
        start(stack, "worker", "worker", "-P", "solo", "-n", "thirdparty@%h", "--without-mingle", "--without-gossip")
        start(stack, "beat", "beat", "-S", "workers.scheduler:RowScheduler", "--pidfile=")
        until(lambda: last_message().endswith("s old"), "a result of the check type")
        assert told() == []
        dump.unlink()
        until(lambda: len(told()) == 1, "a ticket about it")
        assert told() == ["Operations desk: Critical: Dump is unhealthy"]
        dump.write_text("x" * 100)
        until(lambda: len(told()) == 2, "a ticket that it is over")
        assert "Operations desk: Resolved: Dump" in told()
