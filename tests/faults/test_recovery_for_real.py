"""Services that die for real, and come back by runbooks: one under a supervisord, one as a plain process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

import psutil
import pytest
import structlog

from healthmgr.bootstrap import build
from healthmgr.services.commanding import Act
from healthmgr.settings import Settings
from tests.faults.installation import Installation, definitions, installed
from tests.faults.outside import Outside, eventually, outside_world

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]
log = structlog.get_logger(__name__)

_SUPERVISORD = """
[supervisord]
nodaemon=true
user={user}
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
[inet_http_server]
port=127.0.0.1:{port}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:shop]
command={python} -m http.server {service} --bind 127.0.0.1
directory={folder}
autorestart=false
startsecs=1
"""

_START = """#!/bin/sh
cd {folder} && nohup {python} -m http.server {service} --bind 127.0.0.1 >/dev/null 2>&1 &
echo $! > {folder}/shop.pid
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def watched(outside: Outside, port: int, severity: str, step: dict[str, Any]) -> dict[str, Any]:
    """One TCP check of a service, and a runbook that restarts it by this step."""
    document = definitions(outside, [])
    document["routing"]["default"]["group_wait"] = "0s"
    timing = {"interval": "5s", "timeout": "3s", "retry_interval": "1s", "max_attempts": 2}
    document["checks"]["shop"] = {
        "kind": "tcp",
        "config": {"host": "127.0.0.1", "port": port},
        "severity": severity,
        **timing,
    }
    document["runbooks"] = {
        "restart-shop": {
            "automation": "fully_automated",
            "trigger": {"checks": ["shop"]},
            "steps": [
                {"notification": "restarting the shop"},
                {"id": "restart", "timeout": "30s", **step},
                {"verify": {"every": "1s"}, "timeout": "30s"},
            ],
        }
    }
    return document


def is_over(installation: Installation) -> bool:
    return bool(installation.rows("SELECT 1 FROM runs WHERE ended_at IS NOT NULL"))


def judged(installation: Installation, port: int, died_at: float) -> None:
    """It is back, its incident was resolved by the runbook, and it is said how long that took."""
    assert answers(port)
    ((state, is_proved, failure),) = installation.rows("SELECT state, is_proved, failure FROM runs")
    assert (state, is_proved) == ("succeeded", True), failure
    resolved = "SELECT resolution FROM alerts WHERE check_id IS NOT NULL AND resolved_at IS NOT NULL"
    eventually(lambda: bool(installation.rows(resolved)), 10, "the alert is resolved")
    assert installation.rows(resolved) == [("recovered by runbook restart-shop",)]
    log.info("recovered_for_real", seconds_from_death_to_recovered=round(time.monotonic() - died_at, 1))


@contextmanager
def supervisord(folder: Path, port: int, service: int) -> Iterator[ServerProxy]:
    """A real supervisord that looks after the shop."""
    config = folder / "supervisord.conf"
    facts = {"folder": folder, "port": port, "service": service, "python": sys.executable, "user": folder.owner()}
    config.write_text(_SUPERVISORD.format(**facts))
    program = Path(sys.executable).with_name("supervisord")
    process = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: answers(port) and answers(service), 20, "supervisord and the shop")
        with ServerProxy(f"http://127.0.0.1:{port}/RPC2") as proxy:
            yield proxy
    finally:
        process.terminate()
        process.wait(20)


def test_a_service_under_a_supervisord_dies_and_is_restarted_without_anybody_being_asked(tmp_path: Path) -> None:
    port, service = free_port(), free_port()
    config = {"service": "shop", "driver": "supervisor", "url": f"http://127.0.0.1:{port}"}
    step = {"kind": "service_restart", "config": config}
    with (
        outside_world() as outside,
        supervisord(tmp_path, port, service) as proxy,
        installed(tmp_path, outside, watched(outside, service, "high", step)) as installation,
    ):
        healthy = "SELECT 1 FROM check_states WHERE status = 'healthy'"
        eventually(lambda: bool(installation.rows(healthy)), 60, "the shop is healthy")
        pid = proxy.supervisor.getProcessInfo("shop")["pid"]
        os.kill(int(str(pid)), signal.SIGKILL)
        died_at = time.monotonic()
        eventually(lambda: is_over(installation), 90, "the run is over")
        judged(installation, service, died_at)
        ((facts,),) = installation.rows("SELECT facts FROM run_steps WHERE step = 'restart'")
        assert facts["pid"] not in (0, pid)


def test_a_plain_process_dies_and_is_restarted_once_somebody_agrees_for_it_is_critical(tmp_path: Path) -> None:
    service = free_port()
    start = tmp_path / "start-shop"
    start.write_text(_START.format(folder=tmp_path, python=sys.executable, service=service))
    start.chmod(0o755)
    subprocess.run([start], check=True)
    eventually(lambda: answers(service), 20, "the shop")
    step = {"kind": "command", "config": {"command": [str(start)]}}
    environ = {"HEALTHMGR_ALLOWED_COMMANDS": str(start)}
    shop_pid = tmp_path / "shop.pid"
    try:
        with outside_world() as outside:
            document = watched(outside, service, "critical", step)
            with installed(tmp_path, outside, document, environ=environ) as installation:
                healthy = "SELECT 1 FROM check_states WHERE status = 'healthy'"
                eventually(lambda: bool(installation.rows(healthy)), 60, "the shop is healthy")
                os.kill(int(shop_pid.read_text()), signal.SIGKILL)
                died_at = time.monotonic()
                _approve_when_asked(installation, outside)
                eventually(lambda: is_over(installation), 90, "the run is over")
                judged(installation, service, died_at)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(int(shop_pid.read_text())).kill()


def _approve_when_asked(installation: Installation, outside: Outside) -> None:
    """Somebody reads the mail that asks, and agrees."""
    asks = "healthmgr approvals approve"
    eventually(lambda: any(asks in str(mail) for mail in list(outside.mails)), 60, "a mail that asks")
    healthmgr = build(Settings.load(installation.environment), worker="somebody")
    try:
        (question,) = healthmgr.recovery.reading.approvals()
        assert not installation.rows("SELECT 1 FROM run_steps")
        healthmgr.recovery.deciding.approve(question.id, Act("ops", "cli", healthmgr.now()))
    finally:
        healthmgr.close()
