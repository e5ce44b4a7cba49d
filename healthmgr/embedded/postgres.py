"""PostgreSQL 18 of our own, on a socket in a private folder: made once, started, stopped, found again after a crash."""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from healthmgr.embedded.account import PLAIN_ENVIRONMENT, run_as
from healthmgr.embedded.home import Home
from healthmgr.errors import Unavailable
from healthmgr.supervisor.child import Child
from healthmgr.supervisor.leftovers import wait_until_gone

_MAJOR = "18"
_PORT = 5432  # only names the socket: nothing listens on the network
_USER = "healthmgr"
_STATUS_LINE = 7
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "",
}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """The cluster below `home.folder`, run with the programs in `programs`."""

    home: Home
    programs: Path

    @property
    def cluster(self) -> Path:
        """The folder that holds the data."""
        return self.home.folder / "postgres"

    @property
    def url(self) -> str:
        """How to connect: over the socket, as the owner of everything."""
        return f"postgresql://{_USER}@/postgres?host={quote(str(self.home.socket_dir))}&port={_PORT}"

    def prepare(self) -> None:
        """Make the cluster if there is none; a crash on the way leaves nothing that looks like one."""
        self.home.private(self.home.socket_dir)
        version = self.cluster / "PG_VERSION"
        if version.exists():
            found = version.read_text(encoding="ascii").strip()
            if found != _MAJOR:
                raise Unavailable(
                    f"{self.cluster} is of PostgreSQL {found}, the programs are of {_MAJOR}: dump and restore it"
                )
            return
        if self.cluster.exists() and any(self.cluster.iterdir()):
            raise Unavailable(f"{self.cluster} is not empty and holds no database: move it away, then start again")
        self._initialise()

    def child(self) -> Child:
        """The server as a child of a supervisor."""
        settings = [part for key, value in _SETTINGS.items() for part in ("-c", f"{key}={value}")]
        address = ["-k", str(self.home.socket_dir), "-p", str(_PORT)]
        return Child(
            name="postgres",
            argv=(str(self.programs / "postgres"), "-D", str(self.cluster), *address, *settings),
            env=PLAIN_ENVIRONMENT,
            cwd=self.cluster,
            tier=0,
            run_as=self.home.account,
            stop_signal=signal.SIGINT,  # the fast shutdown: ends sessions, writes a checkpoint
            death_signal=signal.SIGINT,
            grace=30.0,
            before_start=self.clear_leftovers,
        )

    def is_ready(self) -> bool:
        """Whether it accepts connections: it says so itself in its pid file, without a connection that fails."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
            return lines[_STATUS_LINE].strip() == "ready" and psutil.pid_exists(int(lines[0]))
        except (FileNotFoundError, IndexError, ValueError):
            return False

    def clear_leftovers(self) -> None:
        """End a server of this cluster that has lost its supervisor; remove a pid file that names a stranger.

        PostgreSQL refuses to start while its pid file names a live process of the same account, and after a crash
        of the host, or in a restarted container, the number may belong to anybody. A file that names a dead
        process stays: from it PostgreSQL knows the shared memory that must no longer be in use.
        """
        ours = list(self._processes())
        if ours:
            self._stop(ours)
        path = self.cluster / "postmaster.pid"
        try:
            pid = int(path.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        if psutil.pid_exists(pid):
            path.unlink(missing_ok=True)

    def _processes(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.name() == "postgres" and process.cwd() == str(self.cluster):
                    yield process

    def _stop(self, processes: list[psutil.Process]) -> None:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                if str(self.cluster) in process.cmdline():  # the first one; its own children are named otherwise
                    process.send_signal(signal.SIGINT)
        alive = wait_until_gone(processes, 20)
        for process in alive:  # without the first one they only wait for their clients; the log makes good what is lost
            with contextlib.suppress(psutil.Error):
                process.kill()
        if wait_until_gone(alive, 5):
            raise Unavailable(f"PostgreSQL runs in {self.cluster} from an earlier start and does not stop: end it")

    def _initialise(self) -> None:
        half = self.home.folder / "postgres.unfinished"
        if half.exists():
            shutil.rmtree(half)
        self.home.private(half)
        initdb = [str(self.programs / "initdb"), "-D", str(half), "-U", _USER]
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"]
        outcome = run_as(self.home.account, [*initdb, *options], half)
        if outcome.returncode != 0:
            raise Unavailable(f"PostgreSQL's initdb failed in {half}:\n{outcome.stdout}{outcome.stderr}".rstrip())
        half.rename(self.cluster)
