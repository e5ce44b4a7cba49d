"""A real worker of another host name is asked over the broker what it sees."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from celery import Celery
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.domain.check import Status
from healthmgr.domain.result import Cause, ProbeOrder
from healthmgr.settings import Settings
from tests.faults.outside import eventually
from workers.app import configuration
from workers.second_opinion import Opinions

pytestmark = pytest.mark.processes


@pytest.fixture
def environ(database_url: str, redis_url: str, engine: Engine, tmp_path: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "BROKER_URL"}
    return inherited | {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "HEALTHMGR_DATA": str(tmp_path)}


@pytest.fixture
def healthmgr(environ: dict[str, str]) -> Iterator[Healthmgr]:
    built = build(Settings.load(environ))
    yield built
    built.close()


@pytest.fixture
def app(healthmgr: Healthmgr) -> Iterator[Celery]:
    app = Celery("asking")
    app.conf.update(configuration(healthmgr.settings))
    yield app
    app.close()


@contextmanager
def worker(environ: dict[str, str], name: str, log: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "workers.app", "worker", "-P", "solo", "-Q", "checks"]
    with log.open("wb") as output:
        process = subprocess.Popen([*command, "-n", name], env=environ, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def order(healthmgr: Healthmgr, port: int) -> ProbeOrder:
    start_by = healthmgr.now() + timedelta(seconds=10)
    config = {"host": "127.0.0.1", "port": port}
    return ProbeOrder(uuid4(), "api", "tcp", config, timedelta(seconds=2), 1, start_by, Cause.SLOT)


def asking(app: Celery, healthmgr: Healthmgr, hostname: str) -> Opinions:
    def never() -> None:
        raise AssertionError("whoever asks does not probe")

    return Opinions(app, healthmgr, lambda: hostname, never)  # type: ignore[arg-type]


def test_a_worker_on_another_host_says_what_it_sees(
    app: Celery, healthmgr: Healthmgr, environ: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, worker(environ, "w@elsewhere", tmp_path / "worker.log"):
        query = text("SELECT count(*) FROM pulses WHERE kind = 'worker' AND name = 'w@elsewhere'")

        def is_there() -> bool:
            with engine.connect() as connection:
                return bool(connection.execute(query).scalar_one())

        eventually(is_there, 30, "the other worker shows that it lives")
        opinions = asking(app, healthmgr, "w@here")
        seen = asyncio.run(opinions.ask(order(healthmgr, listener.getsockname()[1])))
        assert seen is not None
        assert seen.status is Status.HEALTHY
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        down = asyncio.run(opinions.ask(order(healthmgr, port)))
        assert down is not None
        assert down.status is Status.UNHEALTHY
        same_host = asking(app, healthmgr, "other@elsewhere")
        assert asyncio.run(same_host.ask(order(healthmgr, port))) is None, "its own host is no second opinion"


def test_with_nobody_else_there_is_no_second_opinion(app: Celery, healthmgr: Healthmgr) -> None:
    assert asyncio.run(asking(app, healthmgr, "w@here").ask(order(healthmgr, 1))) is None
