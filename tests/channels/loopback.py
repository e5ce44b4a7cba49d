"""Mail servers of many tempers: aiosmtpd where it can play the part, a scripted socket where it cannot."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword


class Inbox:
    """Keeps what arrives; `refusals` maps the words "MAIL", "RCPT" and "DATA" to the reply they get."""

    def __init__(self, refusals: dict[str, str] | None = None) -> None:
        self.refusals = refusals or {}
        self.envelopes: list[Envelope] = []

    @property
    def mails(self) -> list[EmailMessage]:
        return [BytesParser(policy=default).parsebytes(envelope.content) for envelope in self.envelopes]

    async def handle_MAIL(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        envelope.mail_from = address
        return self.refusals.get("MAIL", "250 OK")

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if "RCPT" in self.refusals:
            return self.refusals["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if "DATA" in self.refusals:
            return self.refusals["DATA"]
        self.envelopes.append(envelope)
        return "250 2.0.0 Ok: queued as 4F2A"


class AnyPort(Controller):
    """A controller that lets the system choose the port, and then knows which one it is."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(inbox: Inbox, **options: Any) -> Iterator[int]:
    """Runs aiosmtpd with this inbox on a free loopback port."""
    controller = AnyPort(inbox, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def only(user: str, password: str) -> dict[str, Any]:
    """Options of a server that lets this one account in, without TLS."""

    def judge(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        is_known = (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=is_known, handled=False)

    return {"authenticator": judge, "auth_require_tls": False}


@contextmanager
def scripted(conversation: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serves one connection with this conversation on a free loopback port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                conversation(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive()


def replies(*answers: str, then: Callable[[socket.socket], None] | None = None) -> Callable[[socket.socket], None]:
    """Greets, answers each command with the next of these, then does the last thing (or hangs up)."""

    def converse(connection: socket.socket) -> None:
        reader = connection.makefile("rb")
        connection.sendall(b"220 scripted\r\n")
        for answer in answers:
            reader.readline()
            connection.sendall(f"{answer}\r\n".encode())
        if then:
            then(connection)

    return converse


def read_content(connection: socket.socket) -> None:
    """Takes the content of a mail up to its final dot, and says nothing."""
    taken = b""
    while not taken.endswith(b"\r\n.\r\n"):
        part = connection.recv(65536)
        if not part:
            return
        taken += part


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS for a server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
