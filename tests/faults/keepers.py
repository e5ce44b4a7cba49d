"""Real services that die and are started again: programs under a real supervisord, and a plain process by a script."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from xmlrpc.client import ServerProxy

import psutil

from tests.faults.haproxy import free_port
from tests.faults.outside import eventually

_SUPERVISORD = """
[supervisord]
nodaemon=true
user={user}
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
[inet_http_server]
port=127.0.0.1:{port}
username=me
password=s3cret-word
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
# It stays dead when it dies: what starts it again is healthmgr.
_PROGRAM = """
[program:{name}]
command={python} -m http.server {port} --bind 127.0.0.1 --directory {folder}
autorestart=false
startsecs=0
"""
_SCRIPT = """#!/bin/sh
# Ends what runs, and starts it anew, out of reach of whoever called.
test -f {pid} && kill -9 "$(cat {pid})" 2>/dev/null
setsid {python} -m http.server {port} --bind 127.0.0.1 --directory {folder} </dev/null >/dev/null 2>&1 &
echo $! > {pid}
echo restart >> {ledger}
"""


def listens(port: int) -> bool:
    """Whether somebody answers there."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@dataclass(frozen=True)
class Keeper:
    """A supervisord that runs: where it listens, and the port of each program."""

    url: str
    proxy: ServerProxy
    ports: dict[str, int]

    def pid(self, name: str) -> int:
        """The process of a program."""
        info = self.proxy.supervisor.getProcessInfo(name)
        assert isinstance(info, dict)
        return int(info["pid"])

    def kill(self, name: str) -> int:
        """The program dies, as by the kernel's hand; the process that it was."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid


@contextmanager
def kept(folder: Path, names: Sequence[str]) -> Iterator[Keeper]:
    """Small HTTP servers, each a program of one supervisord."""
    port, ports = free_port(), {name: free_port() for name in names}
    programs = (
        _PROGRAM.format(name=name, python=sys.executable, port=each, folder=folder) for name, each in ports.items()
    )
    config = folder / "supervisord.conf"
    config.write_text(_SUPERVISORD.format(folder=folder, port=port, user=folder.owner()) + "".join(programs))
    daemon = Path(sys.executable).with_name("supervisord")
    process = subprocess.Popen([daemon, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://me:s3cret-word@127.0.0.1:{port}"
    keeper = Keeper(url, ServerProxy(f"{url}/RPC2"), ports)
    try:
        eventually(lambda: all(map(listens, ports.values())), 20, "the services listen")
        yield keeper
    finally:
        keeper.proxy("close")()
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(20)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()


@dataclass(frozen=True)
class Plain:
    """A process that nobody looks after, and the script that ends and starts it."""

    folder: Path
    port: int

    @property
    def script(self) -> Path:
        """What restarts it."""
        return self.folder / "restart-plain"

    def pid(self) -> int:
        """The process that it is."""
        return int((self.folder / "plain.pid").read_text())

    def restarts(self) -> int:
        """How often the script ran."""
        return len((self.folder / "restarts").read_text().splitlines())


@contextmanager
def plain_process(folder: Path) -> Iterator[Plain]:
    """A small HTTP server."""
    plain = Plain(folder, free_port())
    plain.script.write_text(
        _SCRIPT.format(
            pid=folder / "plain.pid",
            python=sys.executable,
            port=plain.port,
            folder=folder,
            ledger=folder / "restarts",
        )
    )
    plain.script.chmod(plain.script.stat().st_mode | stat.S_IXUSR)
    subprocess.run([plain.script], check=True)
    try:
        eventually(lambda: listens(plain.port), 20, "it listens")
        yield plain
    finally:
        with suppress(ProcessLookupError):
            os.kill(plain.pid(), signal.SIGKILL)
