"""The API over real rows; only the person's actions, which are tested elsewhere, are noted instead of done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, select

from healthmgr.api.app import create_app
from healthmgr.bootstrap import Healthmgr, build
from healthmgr.domain.check import Severity, Status
from healthmgr.domain.notification import Told
from healthmgr.settings import Settings
from healthmgr.storage.database import connect
from healthmgr.storage.tables import audit_entries
from healthmgr.views_incidents import IncidentView
from tests.builders import NOW, make_alert, make_check, make_incident, new_id
from tests.serving import SECRET_KEY, Client, Container, HttpClient, ServedApp


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


@dataclass(frozen=True)
class Whole:
    """The API over a whole installation, nothing of it replaced, and an incident in it that is being told of."""

    url: str
    healthmgr: Healthmgr
    engine: Engine
    now: datetime
    alert_id: UUID
    incident_id: UUID

    def client(self, role: str | None = None) -> HttpClient:
        """A client whose token has this role; without one, nobody's."""
        token = self.healthmgr.tokens.ensure(f"{role}-token", role, None, self.now) if role else None
        return HttpClient(self.url, token)

    def incident(self) -> IncidentView:
        """The incident as it is now."""
        return self.healthmgr.reading.incident(self.incident_id)

    def audit(self) -> list[tuple[str, str, str, str]]:
        """What people did to alerts and the like: who, through which door, what, and from where; oldest first."""
        query = select(audit_entries).where(~audit_entries.c.action.startswith("token.")).order_by(audit_entries.c.at)
        with self.engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [(row["actor"], row["origin"], row["action"], row["detail"].get("from", "")) for row in rows]


@pytest.fixture
def whole(engine: Engine, database_url: str, served: ServedApp) -> Iterator[Whole]:
    settings = Settings(
        database_url=database_url,
        public_url="https://hm.example.com",
        secret_key=SECRET_KEY,
        slack_signing_secret="shhh",
    )
    healthmgr = build(settings, worker="api")
    now = healthmgr.now()
    check = make_check(engine, "shop", name="The shop", status="unhealthy", severity="critical", last_result_at=now)
    opened_at = now - timedelta(minutes=5)
    alert_id = new_id()
    told = Told(frozenset({alert_id}), frozenset(), Severity.CRITICAL, {alert_id: Status.UNHEALTHY}).to_document()
    incident_id = make_incident(
        engine, severity="critical", opened_at=opened_at, told=told, last_told_at=opened_at, labels={"service": "web"}
    )
    labels = {"service": "web", "check": "shop"}
    make_alert(
        engine,
        check,
        id=alert_id,
        incident_id=incident_id,
        severity="critical",
        opened_at=opened_at,
        labels=labels,
        summary="503 Service Unavailable",
    )
    served.app.state.parts = healthmgr
    yield Whole(served.url, healthmgr, engine, now, alert_id, incident_id)
    healthmgr.close()
