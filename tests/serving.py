"""A real HTTP server for tests, on a free loopback port, and a client for it."""

from __future__ import annotations

import threading
from typing import Any

import requests
import uvicorn
from fastapi import FastAPI


class ServedApp:
    """Serves an application from a thread between `start` and `stop`."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, ws="none")
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._server.run, name="served-app", daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self._server.servers[0].sockets[0].getsockname()
        return f"http://{host}:{port}"

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
