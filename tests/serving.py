"""A real HTTP server for tests, what it is built on, and a client for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import requests
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine

from healthmgr.api.bounded_http import BoundedHttp
from healthmgr.bootstrap_insight import build_insight
from healthmgr.bootstrap_measuring import build_measuring
from healthmgr.bootstrap_public import build_public
from healthmgr.registry import Registry
from healthmgr.services.admitting import Admitting
from healthmgr.services.maintaining import Maintaining
from healthmgr.services.pinging import Pinging
from healthmgr.services.promising import Promising
from healthmgr.services.repeating import Repeating
from healthmgr.services.silencing import Silencing
from healthmgr.services.tokens import Tokens
from healthmgr.settings import Settings
from healthmgr.storage.admitting_rows import AdmittingRows
from healthmgr.storage.heartbeat_repository import HeartbeatRepository
from healthmgr.storage.maintaining_rows import MaintainingRows
from healthmgr.storage.promising_rows import PromisingRows
from healthmgr.storage.reading import Reading
from healthmgr.storage.repeating_repository import RepeatingRepository
from healthmgr.storage.silencing_rows import SilencingRows
from healthmgr.storage.token_repository import TokenRepository
from healthmgr.storage.transactions import Transactions
from tests.builders import NOW

SECRET_KEY = "s" * 32
WITHOUT_LIMITS = ("viewer=0", "responder=0", "admin=0", "ingest=0", "address=0")


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

    def acknowledge(
        self,
        alert_id: UUID,
        *,
        actor: str,
        origin: str,
        now: datetime,
        comment: str = "",
        until: datetime | None = None,
    ) -> None:
        assert until is None
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
        default_factory=lambda: Settings(
            public_url="https://hm.example.com", secret_key=SECRET_KEY, rate_limits=WITHOUT_LIMITS
        )
    )

    def __post_init__(self) -> None:
        self.registry = Registry.load()
        self.reading = Reading(self.engine)
        self.repeating = Repeating(RepeatingRepository(self.engine))
        self.tokens = Tokens(TokenRepository(self.engine))
        self.pinging = Pinging(HeartbeatRepository(self.engine), self.settings.secret_key)
        self.silencing = Silencing(Transactions(self.engine, SilencingRows))
        self.maintaining = Maintaining(Transactions(self.engine, MaintainingRows))
        admitting = Admitting(Transactions(self.engine, AdmittingRows))
        self.promising = Promising(Transactions(self.engine, PromisingRows), admitting)
        self.measuring = build_measuring(self.engine, self.settings, admitting)
        self.public = build_public(self.engine, self.measuring.series)
        self.insight = build_insight(self.engine, self.settings, self.measuring.series, admitting)


class ServedApp:
    """Serves an application from a thread between `start` and `stop`."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, http=BoundedHttp, log_config=None, access_log=False, ws="websockets-sansio"
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._server.run, name="served-app", daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self.address
        return f"http://{host}:{port}"

    @property
    def address(self) -> tuple[str, int]:
        """Its host and port."""
        host, port = self._server.servers[0].sockets[0].getsockname()
        return host, port

    def start(self) -> None:
        """Return once it answers."""
        self._thread.start()
        assert self._server.is_up.wait(10), "the server did not start"

    def stop(self) -> None:
        """Return once it is gone."""
        self._server.should_exit = True
        self._thread.join(10)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


class HttpClient(requests.Session):
    """A session whose paths belong to one server; it follows no redirect and keeps to this machine."""

    def __init__(self, base: str, token: str | None = None) -> None:
        super().__init__()
        self.trust_env = False
        self._base = base
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        """As usual, with a path for a URL."""
        return super().request(
            method, self._base + str(url), *args, **{"timeout": 10, "allow_redirects": False} | options
        )


Client = Callable[[str | None], HttpClient]
