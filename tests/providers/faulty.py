"""Providers on loopback that can be told to fail in every way, and that keep what they took."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import default
from email.utils import format_datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, dict[str, Any], dict[str, str]]


@dataclass
class Provider:
    """What a provider is like: `tempers` says how it meets the next calls, one each, and `usual` how all others.

    A temper is "ok", an answer of its own, or "reset", "hang" (nothing is taken); "lose" and "break" (taken, and
    never answered). `taken` is what its users see, by the key that it tells repetitions by, where it has one.
    """

    port: int = 0
    tempers: deque[Any] = field(default_factory=deque)
    usual: Any = "ok"
    taken: list[tuple[str, str]] = field(default_factory=list)
    calls: int = 0
    is_over: threading.Event = field(default_factory=threading.Event)

    def temper(self) -> Any:
        """How the call that just came is met."""
        self.calls += 1
        return self.tempers.popleft() if self.tempers else self.usual

    @property
    def seen(self) -> list[str]:
        """What its users see: a repetition under the same key is dropped."""
        first = {key: text for key, text in reversed(self.taken) if key}
        return [*first.values(), *(text for key, text in self.taken if not key)]


def reset(connection: socket.socket) -> None:
    """Break a connection off: with no time to linger, closing resets it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# ---- HTTP ------------------------------------------------------------------------------------------


def webhook(headers: Any, body: bytes) -> tuple[str, str, Answer]:
    """A receiver of signed webhooks tells repetitions by the id."""
    return headers["webhook-id"], body.decode(), (204, {}, {})


def slack_webhook(headers: Any, body: bytes) -> tuple[str, str, Answer]:
    """An incoming webhook of Slack knows no repetitions."""
    return "", body.decode(), (200, {}, {})


def slack_bot(headers: Any, body: bytes) -> tuple[str, str, Answer]:
    """Slack's chat.postMessage knows none either."""
    return "", body.decode(), (200, {"ok": True, "channel": "C0123", "ts": "1764000000.000001"}, {})


def pagerduty(headers: Any, body: bytes) -> tuple[str, str, Answer]:
    """PagerDuty makes one incident of all events with the same key."""
    key = json.loads(body)["dedup_key"]
    return key, body.decode(), (202, {"status": "success", "dedup_key": key}, {})


def twilio(headers: Any, body: bytes) -> tuple[str, str, Answer]:
    """Twilio knows no repetitions, and lists what it has taken."""
    form = parse_qs(body.decode(), strict_parsing=True)
    return "", form["Body"][0], (201, {"sid": "SM" + "0" * 32, "status": "queued"}, {})


def plain(headers: Any, body: bytes) -> tuple[str, str, Answer]:
    """A service behind Apprise."""
    return "", body.decode(), (200, {}, {})


@contextmanager
def http_provider(take: Callable[[Any, bytes], tuple[str, str, Answer]]) -> Iterator[Provider]:
    """An HTTP provider that takes messages so."""
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, provider, take))
    server.daemon_threads = True
    provider.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield provider
    provider.is_over.set()
    server.shutdown()
    server.server_close()
    thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, provider: Provider, take: Any, *arguments: Any) -> None:
        self._provider, self._take = provider, take
        super().__init__(*arguments)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        temper = self._provider.temper()
        if isinstance(temper, tuple):
            self._answer(temper)
        elif temper == "hang":
            self._provider.is_over.wait(10)
        elif temper == "reset":
            self._break_off()
        else:
            key, text, answer = self._take(self.headers, body)
            self._provider.taken.append((key, text))
            if temper == "ok":
                self._answer(answer)
            elif temper == "lose":
                self._provider.is_over.wait(10)
            else:
                self._break_off()

    def do_GET(self) -> None:
        """What has been taken, as Twilio lists it."""
        to = parse_qs(urlsplit(self.path).query)["To"][0]
        made_at = format_datetime(datetime.now(UTC))
        messages = [
            {"sid": f"SM{n:032x}", "status": "sent", "to": to, "body": text, "direction": "outbound-api",
             "date_created": made_at}
            for n, (_, text) in enumerate(self._provider.taken)
        ]  # fmt: skip
        self._answer((200, {"messages": messages}, {}))

    def _answer(self, answer: Answer) -> None:
        status, document, headers = answer
        body = b"" if status == 204 else json.dumps(document).encode() if document else b"ok"
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _break_off(self) -> None:
        reset(self.connection)
        self.close_connection = True

    def finish(self) -> None:
        """The connection may be gone."""
        if self.connection.fileno() >= 0:
            super().finish()

    def log_message(self, *_: Any) -> None:
        """Nothing: what was taken is kept."""


# ---- SMTP ------------------------------------------------------------------------------------------


@contextmanager
def mail_provider() -> Iterator[Provider]:
    """A mail server. Its own tempers: ("greeting" | "RCPT" | "DATA" | "content", reply) for a refusal at that point."""
    provider = Provider()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider.port = listener.getsockname()[1]
        thread = threading.Thread(target=_serve_mail, args=(listener, provider), daemon=True)
        thread.start()
        yield provider
        provider.is_over.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _serve_mail(listener: socket.socket, provider: Provider) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # the end
            return
        threading.Thread(target=_converse, args=(connection, provider), daemon=True).start()


def _converse(connection: socket.socket, provider: Provider) -> None:
    temper = provider.temper()
    point, reply = temper if isinstance(temper, tuple) else ("", "")
    with connection, connection.makefile("rb") as reader:
        if temper == "reset":
            reset(connection)
            return
        if temper == "hang":
            provider.is_over.wait(10)
            return
        connection.sendall(f"{reply}\r\n".encode() if point == "greeting" else b"220 here\r\n")
        while line := reader.readline():
            verb = line.split(b":")[0].split()[0].upper().decode()
            if verb == "QUIT":
                connection.sendall(b"221 bye\r\n")
                return
            if point and verb.startswith(point):
                connection.sendall(f"{reply}\r\n".encode())
            elif verb != "DATA":
                connection.sendall(b"250 fine\r\n")
            elif not _take_mail(connection, reader, provider, temper):
                return


def _take_mail(connection: socket.socket, reader: Any, provider: Provider, temper: Any) -> bool:
    """Whether the conversation goes on."""
    connection.sendall(b"354 go on\r\n")
    content = b""
    while (line := reader.readline()) != b".\r\n":
        content += line
    if isinstance(temper, tuple):
        connection.sendall(f"{temper[1]}\r\n".encode())
        return True
    if temper == "drop":  # after the content, of which nothing is kept
        reset(connection)
        return False
    provider.taken.append(("", str(BytesParser(policy=default).parsebytes(content)["Subject"])))
    if temper == "ok":
        connection.sendall(b"250 2.0.0 queued\r\n")
        return True
    if temper == "lose":
        provider.is_over.wait(10)
    else:
        reset(connection)
    return False
