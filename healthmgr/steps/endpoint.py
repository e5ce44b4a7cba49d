"""A service of this machine or of another that speaks HTTP: at an address, or at a socket in the file system."""

from __future__ import annotations

import base64
import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import unquote, urlsplit

from healthmgr.channels.deadline import Deadline
from healthmgr.channels.http import Answer, Request
from healthmgr.errors import StepError
from healthmgr.steps.calling import call
from healthmgr.steps.output import line

_MOST_READ = 1 << 20  # bytes of an answer


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where it is (`unix:///run/docker.sock`, `http://user:password@host:9001`), and what every request bears."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    verify_tls: bool | str = True

    @property
    def place(self) -> str:
        """As it may be shown."""
        parts = urlsplit(self.url)
        return parts.path if parts.scheme == "unix" else f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def ask(
        self, method: str, path: str, deadline: Deadline, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Whatever it answers; raises StepError where it does not, a timeout where it had been asked."""
        sent = {**self.headers, **(headers or {})}
        if urlsplit(self.url).scheme == "unix":
            return self._ask_socket(method, path, deadline, body, sent)
        try:
            left = timedelta(seconds=deadline.remaining())
        except TimeoutError:
            raise StepError(f"{self.place}: no time is left to ask it") from None
        secrets = tuple(sent.values())
        url = self.url.rstrip("/") + path
        return call(Request(url, body, sent, self.verify_tls, secrets, _MOST_READ, method), left)

    def _ask_socket(
        self, method: str, path: str, deadline: Deadline, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        parts = urlsplit(self.url)
        login = {}
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            login["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        connection = _SocketConnection(parts.path, deadline)
        try:
            connection.connect()
        except (OSError, TimeoutError) as error:
            raise StepError(f"{self.place}: no connection: {getattr(error, 'strerror', None) or error}") from None
        try:
            with deadline.enforced(lambda: [connection.sock]):
                connection.request(method, path, body or None, {**login, **headers, "Connection": "close"})
                response = connection.getresponse()
                said = response.read(_MOST_READ)
        except (OSError, http.client.HTTPException) as error:
            how = "no answer in time" if deadline.is_over else f"{type(error).__name__}: {error}"
            raise StepError(f"{self.place} was asked and did not answer: {line(how)}", is_timeout=True) from None
        finally:
            connection.close()
        return Answer(response.status, line(said.decode("utf-8", "replace"), most=200), body=said)


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: str, deadline: Deadline) -> None:
        super().__init__("localhost")
        self._path = path
        self._deadline = deadline

    def connect(self) -> None:
        """Within what is left of the time."""
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            self.sock.settimeout(self._deadline.remaining())
            self.sock.connect(self._path)
        except BaseException:
            self.sock.close()
            raise
