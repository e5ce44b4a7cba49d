"""A real HTTP server on a free loopback port, for a check type to look at or a channel to send to."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

_MOST_READ = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that arrived. Names of headers are in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    after: timedelta = timedelta()


class HttpTarget:
    """Answers every request with what `reply` last said, at first 200 and `ok`; serves within a `with` block."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._reply = _Reply(200, b"ok")
        self._closing = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="http target", daemon=True
        )

    @property
    def port(self) -> int:
        """The port at which it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its address, which ends in a slash."""
        return f"http://127.0.0.1:{self.port}/"

    def reply(
        self,
        status: int = 200,
        body: str | bytes = b"ok",
        *,
        headers: Mapping[str, str] | None = None,
        after: timedelta = timedelta(),
    ) -> None:
        """Answer so from now on, `after` so long a wait; the wait ends early when the target closes."""
        self._reply = _Reply(status, body.encode() if isinstance(body, str) else body, dict(headers or {}), after)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Note the request and reply; called by the server for each."""
        length = min(int(request.headers.get("Content-Length") or 0), _MOST_READ)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.command, request.path, headers, request.rfile.read(length)))
        reply = self._reply
        self._closing.wait(reply.after.total_seconds())
        request.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(reply.body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, target: HttpTarget) -> None:
        self.target = target
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up early is what timeouts look like from here: nothing to tell."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # any method is as good as another
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        self.server.target.answer(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name for it
        """Say nothing: what arrived is in `seen`."""
