"""Both embedded servers of a data folder: prepared for a supervisor, or started and stopped by hand."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from healthmgr.embedded.account import server_account
from healthmgr.embedded.binaries import copied, installed
from healthmgr.embedded.home import Home, find_home, forget_temporary_homes, link_from
from healthmgr.embedded.postgres import PostgresServer
from healthmgr.embedded.redis import RedisServer
from healthmgr.errors import Unavailable
from healthmgr.supervisor.child import Child, launch
from healthmgr.supervisor.leftovers import FolderLock, PidFiles

_READY_WITHIN = 60.0  # seconds; recovery after a crash reads the log back first


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the embedded servers answer."""

    database_url: str
    redis_url: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """Servers whose files are in place, ready to be started."""

    postgres: PostgresServer
    redis: RedisServer

    @property
    def endpoints(self) -> Endpoints:
        """Where they will answer."""
        return Endpoints(self.postgres.url, self.redis.url)


class EmbeddedServers:
    """PostgreSQL and Redis in a data folder, for one process at a time.

    `say` receives one line for everything that a person should know, such as another port or another folder.
    """

    def __init__(self, data_dir: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self._data_dir = data_dir
        self._say = say
        self._running: list[tuple[Child, subprocess.Popen[bytes]]] = []
        self._locks: list[FolderLock] = []
        self._endpoints: Endpoints | None = None

    def prepare(self, *, with_postgres: bool = True, with_redis: bool = True) -> Prepared:
        """Bring what is wanted into place short of starting; for a supervisor, which holds the data folder's lock.

        Raises Conflict when another data folder's servers run on the same files, Unavailable with the fix otherwise.
        """
        self._data_dir.mkdir(parents=True, exist_ok=True)
        data_dir = self._data_dir.resolve()
        _refuse_foreign(data_dir / "postgres")
        account = server_account(data_dir / "postgres")
        home = find_home(data_dir, account, self._say)
        if home.folder != data_dir:
            self._lock(home.folder / "lock")
            forget_temporary_homes(home)
        binaries = installed()
        if not binaries.usable_by(account):
            binaries = copied(binaries, _existing(home))
            self._say(f"the servers' programs are out of {account.name if account else 'reach'}'s reach: copied")
        servers = Prepared(PostgresServer(home, binaries.postgres), RedisServer(home, data_dir, binaries.redis))
        if with_postgres:
            servers.postgres.prepare()
            link_from(data_dir, home, "postgres")
        if with_redis:
            servers.redis.prepare(self._say)
            link_from(data_dir, home, "redis")
        return servers

    def start(self) -> Endpoints:
        """Start both and wait until they answer.

        Raises Conflict when another process has the data folder, Unavailable when a server does not start.
        """
        if self._endpoints is not None:
            return self._endpoints
        try:
            self._lock(self._data_dir / "run" / "lock")
            self._pid_files().stop_leftovers()
            servers = self.prepare()
            self._launch(servers.postgres.child(), servers.postgres.is_ready)
            self._launch(servers.redis.child(), servers.redis.is_ready)
        except BaseException:
            self.stop()
            raise
        self._endpoints = servers.endpoints
        return self._endpoints

    def stop(self) -> None:
        """Stop what was started, in the reverse order, and let go of the data folder."""
        while self._running:
            child, process = self._running.pop()
            if process.poll() is None:
                process.send_signal(child.stop_signal)
                try:
                    process.wait(child.grace)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            self._pid_files().remove(child.name)
        self._endpoints = None
        while self._locks:
            self._locks.pop().release()

    def _lock(self, path: Path) -> None:
        lock = FolderLock(path)
        lock.acquire()
        self._locks.append(lock)

    def _pid_files(self) -> PidFiles:
        return PidFiles(self._data_dir / "run" / "pids")

    def _launch(self, child: Child, is_ready: Callable[[], bool]) -> None:
        log = self._data_dir / "run" / f"{child.name}.log"
        if child.before_start is not None:
            child.before_start()
        with log.open("wb") as output:
            process = launch(child, output)
        self._running.append((child, process))
        self._pid_files().write(child.name, process.pid, child.stop_signal)
        deadline = time.monotonic() + _READY_WITHIN
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()
                raise Unavailable(f"{child.name} did not start; it said:\n{said}")
            time.sleep(0.05)


def _refuse_foreign(cluster: Path) -> None:
    if os.geteuid() != 0 and cluster.exists() and cluster.stat().st_uid != os.geteuid():
        raise Unavailable(
            f"{cluster} belongs to another account (user id {cluster.stat().st_uid}): start as that account "
            "or as root, or choose another data folder with HEALTHMGR_DATA"
        )


def _existing(home: Home) -> Path:
    home.shared.mkdir(mode=0o711, parents=True, exist_ok=True)
    if home.shared.lstat().st_uid != os.geteuid():
        raise Unavailable(f"{home.shared} is in the way: it belongs to somebody else. Remove it, then start again")
    return home.shared
