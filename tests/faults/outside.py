"""The outside world of a real installation: targets that break, a mail server, a webhook receiver."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from standardwebhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def eventually(condition: Callable[[], bool], within: float, what: str | Callable[[], str]) -> None:
    """Wait for something that other processes bring about; fails, naming it, when it does not come in time.

    What tells how far it came is a function: it is to tell of the end, not of the beginning.
    """
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() >= deadline:
            pytest.fail(f"not within {within:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.05)


@dataclass
class Outside:
    """What the installation talks to, and what it said."""

    broken: set[str] = field(default_factory=set)
    hooks: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    mails: list[Any] = field(default_factory=list)
    hook_takes: float = 0.0
    targets_port: int = 0
    hook_port: int = 0
    smtp_port: int = 0

    def hooks_of(self, kind: str) -> dict[str, set[str]]:
        """The webhook ids that were received, by check, of one kind of message."""
        found: dict[str, set[str]] = {}
        for webhook_id, body in list(self.hooks):
            if body["type"] == f"incident.{kind}":
                for alert in body["data"]["alerts"]:
                    found.setdefault(alert["check"], set()).add(webhook_id)
        return found

    def subjects(self) -> list[str]:
        """The subjects of all mails, in order of arrival."""
        return [str(mail["Subject"]) for mail in list(self.mails)]

    def forget(self) -> None:
        """Begin anew."""
        self.hooks.clear()
        self.mails.clear()


class _Mailbox:
    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self._outside.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"


def _targets(outside: Outside) -> type[BaseHTTPRequestHandler]:
    class Targets(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_broken = self.path.strip("/") in outside.broken
            self.send_response(503 if is_broken else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Targets


def _receiver(outside: Outside) -> type[BaseHTTPRequestHandler]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            # Raises, and so answers nothing, when the signature is not ours.
            Webhook(SECRET).verify(body, {name.lower(): value for name, value in self.headers.items()})
            time.sleep(outside.hook_takes)
            outside.hooks.append((self.headers["webhook-id"], json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Receiver


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


@contextmanager
def outside_world() -> Iterator[Outside]:
    """Real servers on loopback ports."""
    outside = Outside()
    targets = _Server(("127.0.0.1", 0), _targets(outside))
    receiver = _Server(("127.0.0.1", 0), _receiver(outside))
    for server in (targets, receiver):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    with _free_smtp(outside) as port:
        outside.targets_port, outside.hook_port, outside.smtp_port = targets.server_port, receiver.server_port, port
        yield outside
    for server in (targets, receiver):
        server.shutdown()
        server.server_close()


@contextmanager
def _free_smtp(outside: Outside) -> Iterator[int]:
    probe = _Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    port = probe.server_port
    probe.server_close()
    controller = Controller(_Mailbox(outside), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()
