"""Kinds whose libraries nobody can stop: servers that freeze, flood and lie cost the timeout and no more."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from healthmgr.checks.apart import Apart
from healthmgr.domain.check import Status
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext
from healthmgr.registry import Registry
from tests.plugins import apart_functions
from tests.plugins.conftest import NOW
from tests.plugins.memory import MEGABYTE, growth

ADDRESSES: dict[str, Callable[[int], dict[str, Any]]] = {
    "postgres": lambda port: {"url": f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"},
    "celery": lambda port: {"broker_url": f"redis://127.0.0.1:{port}/0", "ping_timeout": "100ms"},
}


def said(letter: bytes, body: bytes) -> bytes:
    """A message of PostgreSQL's protocol."""
    return letter + struct.pack(">i", len(body) + 4) + body


WELCOME = said(b"R", struct.pack(">i", 0)) + said(b"Z", b"I")
NOTICE = said(b"N", b"SNOTICE\0C00000\0Mlisten\0\0")
STATUS = said(b"S", b"some_name\0some value\0")


class Server:
    """Listens on a port, says what it is to say, and knows when those it talked with had gone."""

    def __init__(self, opening: bytes, after: bytes, *, forever: bool) -> None:
        self._opening, self._after, self._forever = opening, after, forever
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.was_asked, self.was_left = threading.Event(), threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listening.accept()
            with connection:
                with contextlib.suppress(ConnectionError):
                    self._talk(connection)
                self.was_left.set()

    def _talk(self, connection: socket.socket) -> None:
        connection.recv(65_536)
        self.was_asked.set()
        connection.sendall(self._opening)
        if self._opening:
            connection.recv(65_536)
        connection.sendall(self._after)
        while self._forever:
            connection.sendall(self._after * 100)
        while connection.recv(65_536):
            pass

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def server() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(opening: bytes = b"", after: bytes = b"", *, forever: bool = False) -> Server:
        made.append(Server(opening, after, forever=forever))
        return made[-1]

    yield make
    for one in made:
        one.close()


LIES = {
    "a server that freezes once it was asked": ("postgres", WELCOME, b"", False),
    "notices without end instead of a welcome": ("postgres", b"", WELCOME[:9] + NOTICE, True),
    "notices without end instead of rows": ("postgres", WELCOME, NOTICE, True),
    "new settings without end": ("postgres", WELCOME, STATUS, True),
    "an end of the command and none of the answer": ("postgres", WELCOME, said(b"C", b"BEGIN\0"), False),
    "a row of a gigabyte": ("postgres", WELCOME, b"D" + struct.pack(">i", 1 << 30) + b"x" * 65_536, True),
    "a broker that freezes once it was asked": ("celery", b"+PONG\r\n", b"", False),
    "a line without end": ("celery", b"", b"+" + b"x" * 65_536, True),
    "lists in lists in lists": ("celery", b"", b"*1\r\n", True),
    "a text of a gigabyte": ("celery", b"", b"$1073741824\r\n" + b"x" * 65_536, True),
    "a list of a billion": ("celery", b"", b"*1000000000\r\n" + b":1\r\n" * 1000, True),
    "right answers without end": ("celery", b"", b"+OK\r\n", True),
}


@pytest.mark.parametrize("lie", sorted(LIES))
def test_a_lying_server_is_unhealthy_in_time_and_is_left(
    carry_out: Any, closed_port: int, server: Any, lie: str
) -> None:
    kind, opening, after, forever = LIES[lie]
    carry_out(kind, ADDRESSES[kind](closed_port))  # whatever a first call loads is not the server's doing
    liar = server(opening, after, forever=forever)
    with growth() as memory:
        started = time.monotonic()
        result = carry_out(kind, ADDRESSES[kind](liar.port), timeout=1)
        took = time.monotonic() - started
    assert result.status is Status.UNHEALTHY
    assert len(result.message) < 1000
    assert took < 1.5
    assert liar.was_left.wait(2)
    assert memory.most < 96 * MEGABYTE


FRAME = struct.Struct(">BHI")
AMQP_LIES = {
    "a frame of four gigabytes": FRAME.pack(1, 0, 0xFFFFFFFF) + b"x" * 65_536,
    "heartbeats without end": FRAME.pack(8, 0, 0) + b"\xce",
    "methods that there are not": FRAME.pack(1, 0, 4) + b"\xff\xff\xff\xff\xce",
    "zeros": bytes(65_536),
    "its version without end": b"AMQP\x00\x00\x09\x01",
}


@pytest.mark.parametrize("lie", sorted(AMQP_LIES))
def test_a_lying_amqp_broker_is_unhealthy_in_time_and_is_left(
    carry_out: Any, closed_port: int, server: Any, lie: str
) -> None:
    carry_out("celery", {"broker_url": f"amqp://guest:guest@127.0.0.1:{closed_port}//"})
    liar = server(b"", AMQP_LIES[lie], forever=True)
    with growth() as memory:
        started = time.monotonic()
        result = carry_out("celery", {"broker_url": f"amqp://guest:guest@127.0.0.1:{liar.port}//"}, timeout=1)
        took = time.monotonic() - started
    assert result.status is Status.UNHEALTHY
    assert took < 1.5
    assert liar.was_left.wait(2)
    assert memory.most < 96 * MEGABYTE


@pytest.mark.parametrize("kind", sorted(ADDRESSES))
def test_a_cancelled_probe_hangs_up(registry: Registry, server: Any, kind: str) -> None:
    silent, check_type = server(), registry.check_type(kind)
    config = check_type.Config.model_validate(ADDRESSES[kind](silent.port))

    async def cancel_it() -> None:
        context = ProbeContext("subject", timedelta(seconds=30), NOW)
        task = asyncio.ensure_future(check_type.probe(config, context))
        await asyncio.to_thread(silent.was_asked.wait, 10)
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.cancelled()

    asyncio.run(cancel_it())
    assert silent.was_left.wait(2)


def pids() -> set[int]:
    """The processes that fork others for us."""
    found = (child for child in psutil.Process().children() if "healthmgr.checks.apart_child" in child.cmdline())
    return {child.pid for child in found}


def test_when_the_process_that_forks_is_gone_another_takes_its_place(carry_out: Any, database_url: str) -> None:
    assert carry_out("postgres", {"url": database_url}).status is Status.HEALTHY
    before = pids()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
        psutil.Process(pid).wait(5)
    assert carry_out("postgres", {"url": database_url}).status is Status.HEALTHY
    assert pids()
    assert not pids() & before


def test_many_at_once_share_one_process_that_forks(registry: Registry, database_url: str) -> None:
    check_type = registry.check_type("postgres")
    config = check_type.Config.model_validate({"url": database_url})
    context = ProbeContext("subject", timedelta(seconds=20), NOW)

    async def ask() -> list[Any]:
        return await asyncio.gather(*(check_type.probe(config, context) for _ in range(20)))

    before = len(pids())
    assert {outcome.status for outcome in asyncio.run(ask())} == {Status.HEALTHY}
    assert len(pids()) <= max(before, 1) + 1


OWNER = """
import os, signal, sys
from tests.plugins.test_apart import pids, probe_once
probe_once(sys.argv[1])
print(*pids(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def probe_once(database_url: str) -> None:
    check_type = Registry.load().check_type("postgres")
    config = check_type.Config.model_validate({"url": database_url})
    asyncio.run(check_type.probe(config, ProbeContext("subject", timedelta(seconds=20), NOW)))  # type: ignore[arg-type]


def test_the_process_that_forks_ends_with_a_worker_that_is_killed(database_url: str, project_root: Path) -> None:
    command = [sys.executable, "-c", OWNER, database_url]
    said = subprocess.run(command, cwd=project_root, capture_output=True, text=True, timeout=60)
    (pid,) = said.stdout.split()
    with contextlib.suppress(psutil.NoSuchProcess):
        orphan = psutil.Process(int(pid))
        _, alive = psutil.wait_procs([orphan], timeout=5)
        assert not alive or orphan.status() == psutil.STATUS_ZOMBIE


def test_what_finds_no_place_is_not_taken_for_down(
    registry: Registry, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("healthmgr.checks.apart._AT_ONCE", 1)
    silent, check_type = server(), registry.check_type("postgres")
    config = check_type.Config.model_validate(ADDRESSES["postgres"](silent.port))

    async def ask() -> list[Any]:
        context = ProbeContext("subject", timedelta(seconds=1), NOW)
        both = (check_type.probe(config, context) for _ in range(2))
        return await asyncio.gather(*both, return_exceptions=True)

    timed_out, refused = asyncio.run(ask())
    assert timed_out.status is Status.UNHEALTHY
    assert isinstance(refused, ProbeError)


@pytest.mark.parametrize("ending", ["dies", "raises", "could not tell"])
def test_what_a_probe_apart_could_not_find_out_is_not_taken_for_down(
    ending: str, project_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(project_root))
    apart = Apart(apart_functions.look, apart_functions.Ending, 64 * MEGABYTE)
    context = ProbeContext("subject", timedelta(seconds=20), NOW)
    with pytest.raises(ProbeError, match=apart_functions.WORDS[ending]):
        asyncio.run(apart.look(apart_functions.Ending(ending=ending), context))
