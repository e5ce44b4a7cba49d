"""`healthmgr up` as a person meets it: real processes, killed one by one, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from healthmgr.supervisor.leftovers import MARK
from healthmgr.supervisor.local import free_port

pytestmark = pytest.mark.processes

DEFINITIONS = """
version: 1
channels:
  hook: {kind: webhook, config: {url: "http://127.0.0.1:9/", secret: "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}}
recipients:
  nobody: {contacts: {hook: ""}}
routing:
  default: {to: [nobody], via: [hook]}
checks:
  redis: {kind: redis, config: {url: "${REDIS_URL}"}, interval: 5s, timeout: 2s}
"""
SERVERS = ("DATABASE_URL", "REDIS_URL", "BROKER_URL")


class Up:
    """A running `healthmgr up`, and what it has said."""

    def __init__(self, data_dir: Path, definitions: Path, more: Mapping[str, str], *options: str) -> None:
        self.data_dir = data_dir
        ours = ("HEALTHMGR_", "SMTP_", "FLOWER")
        base = {k: v for k, v in os.environ.items() if k not in SERVERS and not k.startswith(ours)}
        env = {**base, "HEALTHMGR_DATA": str(data_dir), "HEALTHMGR_CONFIG": str(definitions), **more}
        port = str(free_port(18_400 + os.getpid() % 500))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "healthmgr.cli.main", "up", "--port", port, *options],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    def text(self) -> str:
        return "".join(self.lines)

    def wait_for(self, claim: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not claim():
            assert time.monotonic() < deadline, self.text()
            assert self.process.poll() is None, self.text()
            time.sleep(0.1)

    def wait_until_up(self) -> None:
        self.wait_for(lambda: "healthmgr is up" in self.text() and "Ctrl-C" in self.text())

    def pid_of(self, name: str) -> int:
        try:
            return int(json.loads((self.data_dir / "run" / "pids" / f"{name}.json").read_text())["pid"])
        except (FileNotFoundError, ValueError):
            return 0

    def children(self) -> set[int]:
        return {process.pid for process in psutil.Process(self.process.pid).children(recursive=True)}

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        status = self.process.wait(60)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def marked(data_dir: Path) -> list[int]:
    """Every living process that says it belongs to this installation."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK, "").startswith(str(data_dir)):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    path = tmp_path / "healthmgr.yaml"
    path.write_text(DEFINITIONS)
    return path


@pytest.fixture
def started(tmp_path: Path, definitions: Path) -> Iterator[Callable[..., Up]]:
    running: list[Up] = []

    def start(*options: str, **more: str) -> Up:
        running.append(Up((tmp_path / "data").resolve(), definitions, more, *options))
        return running[-1]

    yield start
    for up in running:
        up.end(signal.SIGKILL)


def test_whatever_is_killed_comes_back_and_ctrl_c_leaves_nothing(started: Callable[..., Up]) -> None:
    up = started()
    up.wait_until_up()
    page = re.search(r"page +(http://127.0.0.1:\d+)/#token=(hm_\S+)", up.text())
    assert page is not None
    request = urllib.request.Request(f"{page[1]}/api/v1/checks", headers={"Authorization": f"Bearer {page[2]}"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert [check["slug"] for check in json.load(answer)["items"]] == ["redis"]

    environment = up.data_dir / "run" / "environment.json"
    for path in (environment, up.data_dir / "secret-key", up.data_dir / "admin-token"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(SERVERS) <= json.loads(environment.read_text()).keys()

    for name in ("worker-1", "redis", "postgres"):
        old = up.pid_of(name)
        os.kill(old, signal.SIGKILL)
        up.wait_for(lambda name=name, old=old: up.pid_of(name) not in (0, old))
        assert f"{name} ended by SIGKILL" in up.text()
    up.wait_for(lambda: up.text().count("database system is ready to accept connections") == 2)

    children = up.children()
    assert len(children) > 5
    assert up.end() == 0, up.text()
    assert not any(is_alive(pid) for pid in children)
    assert marked(up.data_dir) == []
    assert not environment.exists()
    stopped = re.findall(r"stopped (\S+) \(", up.text())
    assert stopped[0] == "beat"
    assert set(stopped[-2:]) == {"postgres", "redis"}


def test_on_servers_of_the_environment_a_start_after_kill_9_goes_on_though_the_file_is_bad(
    started: Callable[..., Up], definitions: Path, database_url: str, redis_url: str
) -> None:
    named = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    first = started(**named)
    first.wait_until_up()
    assert not (first.data_dir / "postgres").exists()
    assert not (first.data_dir / "redis").exists()
    token = (first.data_dir / "admin-token").read_text()
    second = started(**named)
    assert second.process.wait(30) == 1
    assert f"is in use by process {first.process.pid}" in second.text()
    first.end(signal.SIGKILL)
    definitions.write_text("version: 1\nchecks: {redis: {kind: reddis}}\n")
    again = started(**named)
    again.wait_until_up()
    assert "was not applied: going on with what was applied before" in again.text()
    assert (again.data_dir / "admin-token").read_text() == token
    assert again.end(signal.SIGTERM) == 0
    assert marked(again.data_dir) == []


def test_a_first_start_with_a_bad_file_stops_with_status_2(started: Callable[..., Up], definitions: Path) -> None:
    definitions.write_text("version: 1\nchecks: {redis: {kind: reddis}}\n")
    up = started()
    assert up.process.wait(60) == 2, up.text()
    assert "healthmgr.yaml:2" in up.text()
    assert marked(up.data_dir) == []
