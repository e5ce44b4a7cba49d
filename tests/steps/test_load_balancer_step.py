"""The step `load_balancer`: as a decision for healthmgr, and over a real HAProxy's socket."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest
from pydantic import ValidationError

from healthmgr.domain.step import Balance
from healthmgr.errors import StepError
from tests.steps.conftest import until

_CONFIG = """
global
    stats socket {folder}/admin.sock level admin
    stats socket {folder}/user.sock level user
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend front
    bind 127.0.0.1:{port}
    default_backend shop
backend shop
    server web-1 127.0.0.1:{target}
"""


def test_it_is_for_healthmgr_to_note(run):
    config = {"service": "shop", "instance": "web-1"}
    assert run("load_balancer", {"action": "drain", **config}) == Balance("shop", "web-1", "drained")
    assert run("load_balancer", {"action": "enable", **config}) == Balance("shop", "web-1", "enabled")


@pytest.mark.parametrize("name", ["a/b", "a;disable server x", "a\nshow info", "", "a b", "x" * 201])
def test_what_cannot_be_a_name_is_refused(registry, name):
    model = registry.step_type("load_balancer").Config
    with pytest.raises(ValidationError):
        model(action="drain", service="shop", instance=name, driver="haproxy", socket="/x")
    if "\n" in name or not 0 < len(name) <= 200:
        with pytest.raises(ValidationError):
            model(action="drain", service="shop", instance=name)


@pytest.fixture
def haproxy(target, tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """The folder of its sockets, and the port at which it serves."""
    program = shutil.which("haproxy") or "/usr/sbin/haproxy"
    if not Path(program).exists():
        pytest.skip("haproxy is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = tmp_path / "haproxy.cfg"
    config.write_text(_CONFIG.format(folder=tmp_path, port=port, target=target.port), encoding="utf-8")
    process = subprocess.Popen([program, "-f", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert until(lambda: (tmp_path / "admin.sock").exists())
    yield tmp_path, port
    process.kill()
    process.wait(10)


def order(folder: Path, action: str, **more: object) -> dict[str, object]:
    config = {"action": action, "service": "shop", "instance": "web-1", "driver": "haproxy"}
    return {**config, "socket": str(folder / "admin.sock"), **more}


def ask(port: int) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/")
    status = connection.getresponse().status
    connection.close()
    return status


def test_haproxy_is_drained_once_the_last_session_is_over_and_enabled_again(run, target, haproxy):
    folder, port = haproxy
    target.reply(after=timedelta(seconds=1.5))
    statuses: list[int] = []
    request = threading.Thread(target=lambda: statuses.append(ask(port)))
    request.start()
    assert until(lambda: bool(target.seen))
    started = time.monotonic()
    outcome = run("load_balancer", order(folder, "drain"))
    assert time.monotonic() - started > 0.8
    assert outcome.facts == {"state": "drain", "sessions": 0}
    request.join()
    assert statuses == [200]  # what was under way came to its end
    target.reply()
    assert ask(port) == 503
    run("load_balancer", order(folder, "enable"))
    assert ask(port) == 200


def test_sessions_that_stay_are_told_at_the_deadline(run, target, haproxy):
    folder, port = haproxy
    target.reply(after=timedelta(seconds=5))
    request = threading.Thread(target=ask, args=(port,))
    request.start()
    assert until(lambda: bool(target.seen))
    with pytest.raises(StepError, match="is drained, but has 1 sessions left") as caught:
        run("load_balancer", order(folder, "drain"), seconds=1)
    assert caught.value.is_timeout
    assert run("load_balancer", order(folder, "drain", wait=False)).facts["sessions"] == 1
    request.join()


def test_what_haproxy_refuses_is_permanent(run, haproxy):
    folder, _ = haproxy
    with pytest.raises(StepError, match="No such server") as caught:
        run("load_balancer", order(folder, "drain", server="web-2"))
    assert caught.value.permanent
    with pytest.raises(StepError, match="Permission denied") as caught:
        run("load_balancer", order(folder, "drain", socket=str(folder / "user.sock")))
    assert caught.value.permanent
