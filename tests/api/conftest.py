"""The API over real rows; only the person's actions, which are tested elsewhere, are noted instead of done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from healthmgr.api.app import create_app
from healthmgr.storage.database import connect
from tests.builders import NOW
from tests.serving import Client, Container, HttpClient, ServedApp


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
