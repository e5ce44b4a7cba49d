"""Real PostgreSQL and Redis for every test that asks: the ones DATABASE_URL and REDIS_URL name, else embedded ones."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, make_url, text
from xdist.scheduler import LoadScopeScheduling

from healthmgr.storage.database import connect, upgrade
from healthmgr.telemetry import configure_as_guest
from tests.emptying import empty

_ROOT = Path(__file__).parents[1]
_LONGEST = {"faults": 0, "browser": 1, "processes": 2}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than the processors: tests of real processes mostly wait. Each runs servers of its own."""
    return min((os.cpu_count() or 1) + 1, 4)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Beside each other run files, never the tests of one; three kinds of tests run one at a time each."""
    return _Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of tests beside each other, those that take the longest begin first."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: _LONGEST.get(_group(item.nodeid.split("::", 1)[0]), len(_LONGEST)))


class _Scheduling(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid.split("::", 1)[0])


@cache
def _group(path: str) -> str:
    """Which tests run one after another: those of a file, of pages, and of all that start processes.

    What dies is mostly waited for: beside the tests that kill whole installations there is room for the others.
    """
    if path.startswith("tests/browser/"):
        return "browser"
    written = (_ROOT / path).read_text(encoding="utf-8")
    if "mark.processes" not in written:
        return path
    return "faults" if path.startswith("tests/faults/") and "installed(" in written else "processes"


@dataclass(frozen=True)
class Servers:
    """Where the real servers of this test session are."""

    database_url: str
    redis_url: str


@pytest.fixture(scope="session", autouse=True)
def plain_surroundings() -> None:
    """Log lines go where pytest collects them; what structlog does unset takes seconds for each exception."""
    configure_as_guest()
    os.environ.pop("COLUMNS", None)  # tests beside each other are given one, and would wrap what they print
    logging.getLogger("healthmgr").setLevel(logging.DEBUG)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The servers named by the environment; what it does not name is started embedded, once a session."""
    database_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
    if database_url and redis_url:
        yield Servers(database_url, redis_url)
        return
    from healthmgr.embedded import EmbeddedServers  # noqa: PLC0415 - an optional part, only where it is used

    embedded = EmbeddedServers(tmp_path_factory.mktemp("servers"))
    endpoints = embedded.start()
    try:
        yield Servers(database_url or endpoints.database_url, redis_url or endpoints.redis_url)
    finally:
        embedded.stop()


@pytest.fixture(scope="session")
def database_url(servers: Servers) -> Iterator[str]:
    """A migrated database of this session's own."""
    name = f"healthmgr_test_{uuid.uuid4().hex[:12]}"
    admin = connect(servers.database_url).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        # Nothing in these tests outlives a crash of the server; those that crash it make databases of their own.
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    url = make_url(servers.database_url).set(database=name).render_as_string(hide_password=False)
    engine = connect(url)
    upgrade(engine)
    engine.dispose()
    yield url
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="session")
def kept_engine(database_url: str) -> Iterator[Engine]:
    """One engine for all tests: what a new connection has to learn about each table costs more than most tests."""
    engine = connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(kept_engine: Engine) -> Engine:
    """An engine on empty tables."""
    with kept_engine.begin() as connection:
        empty(connection)
    return kept_engine


@pytest.fixture
def redis_url(servers: Servers) -> Iterator[str]:
    """An empty Redis database, by number, that no other test of this session uses at the same time."""
    base = servers.redis_url.rsplit("/", 1)[0] if servers.redis_url.count("/") > 2 else servers.redis_url
    number = 9 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    url = f"{base}/{number}" if not servers.redis_url.startswith("unix") else servers.redis_url
    client = redis.Redis.from_url(url)
    client.flushdb()
    yield url
    client.flushdb()
    client.close()


@pytest.fixture
def project_root() -> Path:
    """The repository."""
    return Path(__file__).parents[1]
