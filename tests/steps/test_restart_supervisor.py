"""`service_restart` under a real supervisord."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xmlrpc.client import ServerProxy

import psutil
import pytest

from healthmgr.errors import StepError
from tests.steps.conftest import is_running, until

pytestmark = pytest.mark.processes

_CONFIG = """
[supervisord]
nodaemon=true
user={user}
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
[unix_http_server]
file={folder}/supervisor.sock
username=me
password=s3cret-word
[inet_http_server]
port=127.0.0.1:{port}
username=me
password=s3cret-word
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:shop]
command={python} -c "import time; time.sleep(600)"
startsecs=0
stopwaitsecs=2
[program:stubborn]
command={python} -c "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
startsecs=1
stopwaitsecs=60
[program:broken]
command={python} -c "raise SystemExit(1)"
autostart=false
startsecs=1
startretries=0
"""


@dataclass(frozen=True)
class Supervisor:
    socket: str
    address: str
    proxy: ServerProxy

    def pid(self, program: str) -> int:
        return self.proxy.supervisor.getProcessInfo(program)["pid"]


@pytest.fixture(scope="module")
def supervisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    folder = tmp_path_factory.mktemp("supervisor")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "supervisord.conf"
    config.write_text(
        _CONFIG.format(folder=folder, port=port, python=sys.executable, user=Path(folder).owner()), encoding="utf-8"
    )
    supervisord = Path(sys.executable).with_name("supervisord")
    process = subprocess.Popen([supervisord, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    proxy = ServerProxy(f"http://me:s3cret-word@127.0.0.1:{port}/RPC2")

    def answers() -> bool:
        assert process.poll() is None, (folder / "supervisord.log").read_text()
        try:
            return proxy.supervisor.getProcessInfo("stubborn")["statename"] == "RUNNING"
        except OSError:
            return False

    assert until(answers, within=20)
    yield Supervisor(
        f"unix://me:s3cret-word@{folder}/supervisor.sock", f"http://me:s3cret-word@127.0.0.1:{port}", proxy
    )
    proxy("close")()
    programs = psutil.Process(process.pid).children()
    process.terminate()
    for program in programs:  # one of them would be waited for
        with contextlib.suppress(psutil.NoSuchProcess):
            program.kill()
    process.wait(20)


@pytest.mark.parametrize("way", ["socket", "address"])
def test_a_program_is_restarted_and_seen_to_be_another_process(run, supervisor, way):
    before = supervisor.pid("shop")
    outcome = run("service_restart", {"service": "shop", "driver": "supervisor", "url": getattr(supervisor, way)})
    now = supervisor.pid("shop")
    assert outcome.facts == {"pid_before": before, "pid": now}
    assert now != before
    assert is_running(now)
    assert not is_running(before)


def test_a_program_that_has_died_is_started(run, supervisor):
    supervisor.proxy.supervisor.stopProcess("shop")
    outcome = run("service_restart", {"service": "shop", "driver": "supervisor", "url": supervisor.socket})
    assert outcome.facts["pid"] == supervisor.pid("shop") != 0


def test_what_will_not_end_by_itself_is_killed_where_that_is_wanted(run, supervisor):
    before = supervisor.pid("stubborn")
    config = {"service": "stubborn", "driver": "supervisor", "url": supervisor.socket, "graceful": False}
    run("service_restart", config)
    assert supervisor.pid("stubborn") != before
    assert not is_running(before)


def test_one_that_takes_too_long_to_end_is_left_at_the_deadline(run, supervisor):
    started = time.monotonic()
    with pytest.raises(StepError) as caught:
        run("service_restart", {"service": "stubborn", "driver": "supervisor", "url": supervisor.socket}, seconds=1.5)
    assert time.monotonic() - started < 3
    assert caught.value.is_timeout
    assert "s3cret-word" not in str(caught.value)


def test_a_program_that_does_not_start_is_a_failure(run, supervisor):
    with pytest.raises(StepError, match="refused startProcess of broken") as caught:
        run("service_restart", {"service": "broken", "driver": "supervisor", "url": supervisor.socket})
    assert not caught.value.permanent


def test_a_program_that_there_is_none_of_is_permanent(run, supervisor):
    with pytest.raises(StepError, match="BAD_NAME") as caught:
        run("service_restart", {"service": "no-such", "driver": "supervisor", "url": supervisor.address})
    assert caught.value.permanent


def test_a_wrong_password_is_permanent(run, supervisor):
    url = supervisor.address.replace("s3cret-word", "wrong")
    with pytest.raises(StepError, match="answered 401") as caught:
        run("service_restart", {"service": "shop", "driver": "supervisor", "url": url})
    assert caught.value.permanent
