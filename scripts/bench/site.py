"""Where it is measured: a database and a Redis of the bench's own, its processes, and what they cost."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import redis
from sqlalchemy import Engine, make_url, text

from healthmgr.embedded import EmbeddedServers
from healthmgr.storage.database import connect

ROOT = Path(__file__).parents[2]
# What PostgreSQL does for everybody: counted whole, which errs against us where others use the same server.
_SHARED = ("checkpointer", "writer", "walwriter", "autovacuum")


@dataclass(frozen=True, slots=True)
class Site:
    """The servers to measure on, a folder for files, and the port of what is checked."""

    database_url: str
    redis_url: str
    folder: Path
    target_port: int

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the processes that are measured."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEALTHMGR_", "BROKER_"))}
        return {
            **kept,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "HEALTHMGR_DATA": str(self.folder),
            "LOG_LEVEL": "error",
            "MAX_CONCURRENT_CHECKS": "200",
        }

    def redis(self) -> redis.Redis:
        """A client of the bench's Redis."""
        return redis.Redis.from_url(self.redis_url)

    def server_seconds(self) -> float:
        """CPU seconds of PostgreSQL and Redis so far, as far as they run on this machine."""
        with self.redis() as client:
            used = client.info("cpu")
        database = str(make_url(self.database_url).database)
        return float(used["used_cpu_user"]) + float(used["used_cpu_sys"]) + _postgres_seconds(database)


def _postgres_seconds(database: str) -> float:
    seconds = 0.0
    for process in psutil.process_iter(["name"]):
        if process.info["name"] != "postgres":
            continue
        with suppress(psutil.Error):
            title = " ".join(process.cmdline())
            if database in title or any(word in title for word in _SHARED):
                seconds += _seconds(process)
    return seconds


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@dataclass(frozen=True, slots=True)
class Running:
    """Processes of one measurement."""

    site: Site
    processes: Sequence[psutil.Popen]

    def seconds(self) -> float:
        """CPU seconds of these processes and of the servers so far; raises RuntimeError when one has died."""
        for number, process in enumerate(self.processes):
            if process.poll() is not None:
                said = (self.site.folder / f"{number}.log").read_text(encoding="utf-8", errors="replace")[-2000:]
                raise RuntimeError(f"{' '.join(process.args)} has ended with {process.returncode}; it said:\n{said}")
        return sum(_seconds(process) for process in self.processes) + self.site.server_seconds()


@contextmanager
def running(site: Site, commands: Sequence[Sequence[str]]) -> Iterator[Running]:
    """Run `python -m celery` with each of these, and stop them at the end."""
    celery = [sys.executable, "-m", "celery", "--quiet"]
    with ExitStack() as logs:
        processes: list[psutil.Popen] = []
        for words in commands:
            log = logs.enter_context((site.folder / f"{len(processes)}.log").open("wb"))
            processes.append(
                psutil.Popen([*celery, *words], env=site.environ, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
            )
        with _stopped_at_the_end(processes):
            yield Running(site, processes)


@contextmanager
def _stopped_at_the_end(processes: Sequence[psutil.Popen]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        for process in processes:
            try:
                process.wait(30)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(10)


@contextmanager
def opened() -> Iterator[Site]:
    """The servers that DATABASE_URL and REDIS_URL name, else embedded ones; nothing is left behind on them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="healthmgr-bench-")))
        database_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
        if database_url and redis_url:
            database_url = stack.enter_context(_own_database(database_url))
            redis_url = stack.enter_context(_own_redis(redis_url))
        else:
            servers = EmbeddedServers(folder / "servers")
            stack.callback(servers.stop)
            endpoints = servers.start()
            database_url, redis_url = endpoints.database_url, endpoints.redis_url
        target = stack.enter_context(_target())
        port = int((target.stdout.readline() if target.stdout else b"").decode())
        yield Site(database_url, redis_url, folder, port)


@contextmanager
def _target() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "scripts.bench.target"], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def _own_database(url: str) -> Iterator[str]:
    name = f"healthmgr_bench_{uuid.uuid4().hex[:12]}"
    admin = connect(url)
    _outside_transactions(admin, f"CREATE DATABASE {name}")
    try:
        yield make_url(url).set(database=name).render_as_string(hide_password=False)
    finally:
        _outside_transactions(admin, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.dispose()


def _outside_transactions(engine: Engine, statement: str) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))


@contextmanager
def _own_redis(url: str) -> Iterator[str]:
    for number in range(15, 0, -1):
        own = urlsplit(url)._replace(path=f"/{number}").geturl()
        with redis.Redis.from_url(own) as client:
            if client.dbsize() == 0:
                client.set("healthmgr-bench", "in use")
                try:
                    yield own
                finally:
                    client.flushdb()
                return
    raise RuntimeError("Redis has no empty database: unset REDIS_URL to measure on an embedded one")
