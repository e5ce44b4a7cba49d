"""The API over real rows; only the person's actions, which are tested elsewhere, are noted instead of done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from healthmgr.api.app import create_app
from healthmgr.services.pinging import Pinging
from healthmgr.services.tokens import Tokens
from healthmgr.settings import Settings
from healthmgr.storage.database import connect
from healthmgr.storage.heartbeat_repository import HeartbeatRepository
from healthmgr.storage.reading import Reading
from healthmgr.storage.token_repository import TokenRepository
from tests.builders import NOW
from tests.serving import HttpClient, ServedApp

SECRET_KEY = "s" * 32


class StoppedClock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


class NotedResponding:
    """Remembers what it was told to do, and raises what it was told to raise."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.error: Exception | None = None

    def _note(self, *call: Any) -> None:
        if self.error:
            raise self.error
        self.calls.append(call)

    def acknowledge(self, alert_id: UUID, *, actor: str, origin: str, now: datetime, comment: str = "") -> None:
        self._note("acknowledge", alert_id, actor, origin, now, comment)

    def resolve(self, alert_id: UUID, *, actor: str, origin: str, now: datetime, comment: str = "") -> None:
        self._note("resolve", alert_id, actor, origin, now, comment)

    def pause(self, slug: str, *, actor: str, origin: str, now: datetime) -> None:
        self._note("pause", slug, actor, origin, now)

    def resume(self, slug: str, *, actor: str, origin: str, now: datetime) -> None:
        self._note("resume", slug, actor, origin, now)

    def run(self, slug: str, *, actor: str, origin: str, now: datetime) -> None:
        self._note("run", slug, actor, origin, now)


@dataclass
class Container:
    """What the API is built on in these tests."""

    engine: Engine
    clock: StoppedClock = field(default_factory=StoppedClock)
    responding: NotedResponding = field(default_factory=NotedResponding)
    settings: Settings = field(
        default_factory=lambda: Settings(public_url="https://hm.example.com", secret_key=SECRET_KEY)
    )

    def __post_init__(self) -> None:
        self.reading = Reading(self.engine)
        self.tokens = Tokens(TokenRepository(self.engine))
        self.pinging = Pinging(HeartbeatRepository(self.engine), self.settings.secret_key)


Client = Callable[[str | None], HttpClient]


@pytest.fixture
def container(engine: Engine) -> Container:
    return Container(engine)


@pytest.fixture(scope="session")
def served(database_url: str) -> Iterator[ServedApp]:
    """One server for all tests; what it is built on is changed from test to test."""
    engine = connect(database_url)
    server = ServedApp(create_app(Container(engine)))
    server.start()
    yield server
    server.stop()
    engine.dispose()


@pytest.fixture
def client_as(container: Container, served: ServedApp) -> Iterator[Client]:
    """A client whose token has the role that is asked for; None for a client without a token."""
    served.app.state.parts = container
    clients: list[HttpClient] = []

    def make(role: str | None) -> HttpClient:
        token = container.tokens.ensure(f"{role}-token", role, None, NOW) if role else None
        clients.append(HttpClient(served.url, token))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
