"""The kind `smtp`: a real mail server, and servers that refuse, lie, drip and hang."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from pydantic import ValidationError

from healthmgr.checks.smtp import SmtpConfig
from healthmgr.domain.check import Status
from healthmgr.errors import ProbeError
from tests.plugins.certificates import issued, self_signed, server_context

PASSWORD = "correct horse"


class AnyPort(Controller):
    """Listens on a port that the kernel chose, known from the start."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Postmaster:
    """Takes mail for example.org alone, and would remember what was handed in."""

    def __init__(self) -> None:
        self.messages: list[Envelope] = []
        self.commands: list[str] = []

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.commands.append(f"MAIL {address}")
        if address.startswith("spammer"):
            return "550 we do not like you"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.commands.append(f"RCPT {address}")
        if not address.endswith("@example.org"):
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_RSET(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.commands.append("RSET")
        return "250 OK"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.commands.append("QUIT")
        return "221 Bye"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.messages.append(envelope)
        return "250 OK"


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"alerts", PASSWORD.encode()), handled=False)


Start = Callable[..., Controller]


@pytest.fixture
def postmaster() -> Postmaster:
    return Postmaster()


@pytest.fixture
def start(postmaster: Postmaster) -> Iterator[Start]:
    """start(...) gives a running mail server; the arguments are aiosmtpd's."""
    running: list[Controller] = []

    def go(*, at_once: ssl.SSLContext | None = None, **more: Any) -> Controller:
        more = {"authenticator": authenticate, "auth_require_tls": False, **more}
        controller = AnyPort(
            postmaster, hostname="127.0.0.1", port=0, ident="Mail of a test", ssl_context=at_once, **more
        )
        controller.start()
        running.append(controller)
        return controller

    yield go
    for controller in running:
        controller.stop()


@pytest.fixture
def ask(probe: Any) -> Any:
    """ask(controller or port, ...) probes it."""

    def go(target: Controller | int, *, timeout: float = 5, **more: Any) -> Any:
        port = target if isinstance(target, int) else target.port
        document = {"host": "127.0.0.1", "port": port, **more}
        return probe("smtp", document, now=datetime.now(UTC), timeout=timedelta(seconds=timeout))

    return go


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def good(authority: trustme.CA, tmp_path: Path) -> ssl.SSLContext:
    return server_context(issued(authority, "127.0.0.1"), tmp_path)


def test_a_server_that_greets_and_says_hello_is_healthy(ask: Any, start: Start, postmaster: Postmaster) -> None:
    outcome = ask(start())
    assert outcome.status is Status.HEALTHY
    assert "answered 220" in outcome.message
    assert "Mail of a test" in outcome.message
    assert 0 < outcome.metrics["connect_time"] <= outcome.metrics["banner_time"] <= outcome.response_time
    assert postmaster.commands == ["QUIT"]


def test_sender_and_recipient_are_tried_and_nothing_is_handed_in(
    ask: Any, start: Start, postmaster: Postmaster
) -> None:
    outcome = ask(start(), mail_from="me@here.example", rcpt_to="alerts@example.org")
    assert outcome.status is Status.HEALTHY
    assert outcome.message.endswith("would take mail for alerts@example.org")
    assert postmaster.commands == ["MAIL me@here.example", "RCPT alerts@example.org", "RSET", "QUIT"]
    assert postmaster.messages == []


@pytest.mark.parametrize(
    ("mail_from", "rcpt_to", "words"),
    [
        ("spammer@x.example", None, "answered 550 we do not like you to the sender spammer@x.example"),
        ("me@x.example", "you@y.example", "answered 550 no such user here to the recipient you@y.example"),
    ],
)
def test_a_refused_sender_or_recipient_is_unhealthy(
    ask: Any, start: Start, mail_from: str, rcpt_to: str | None, words: str
) -> None:
    outcome = ask(start(), mail_from=mail_from, rcpt_to=rcpt_to)
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message.endswith(words)


@pytest.mark.parametrize("excluded", [[], ["PLAIN"], ["LOGIN"]])
def test_a_login_is_made_in_the_way_that_is_offered(ask: Any, start: Start, excluded: list[str]) -> None:
    server = start(auth_exclude_mechanism=excluded)
    outcome = ask(server, tls="none", username="alerts", password=PASSWORD)
    assert outcome.status is Status.HEALTHY
    assert outcome.message.endswith("logged in")


@pytest.mark.parametrize("excluded", [["PLAIN"], ["LOGIN"]])
def test_a_refused_login_is_unhealthy_and_shows_no_password(ask: Any, start: Start, excluded: list[str]) -> None:
    outcome = ask(start(auth_exclude_mechanism=excluded), tls="none", username="alerts", password="wrong one")
    assert outcome.status is Status.UNHEALTHY
    assert "answered 535" in outcome.message
    assert "wrong one" not in outcome.message


def test_a_login_in_the_clear_is_refused_unless_it_is_asked_for(ask: Any, start: Start) -> None:
    outcome = ask(start(), username="alerts", password=PASSWORD)
    assert outcome.status is Status.UNHEALTHY
    assert "the password would be readable: set tls to none" in outcome.message


def test_a_server_without_a_usable_login_is_unhealthy(ask: Any, start: Start) -> None:
    server = start(auth_exclude_mechanism=["PLAIN", "LOGIN"])
    outcome = ask(server, tls="none", username="alerts", password=PASSWORD)
    assert outcome.status is Status.UNHEALTHY
    assert "neither PLAIN nor LOGIN" in outcome.message


def test_starttls_is_used_where_it_is_offered(ask: Any, start: Start, good: ssl.SSLContext, ca_file: str) -> None:
    server = start(tls_context=good, require_starttls=True, auth_require_tls=True)
    outcome = ask(server, ca_file=ca_file, username="alerts", password=PASSWORD)
    assert outcome.status is Status.HEALTHY
    assert outcome.message.endswith("TLSv1.3; logged in")
    assert outcome.metrics["certificate_days_left"] == pytest.approx(90, abs=0.1)


def test_tls_from_the_start(ask: Any, start: Start, good: ssl.SSLContext, ca_file: str) -> None:
    outcome = ask(start(at_once=good), tls="tls", ca_file=ca_file)
    assert outcome.status is Status.HEALTHY
    assert outcome.metrics["certificate_days_left"] == pytest.approx(90, abs=0.1)


def test_a_server_without_starttls_is_unhealthy_where_it_is_insisted_on(ask: Any, start: Start) -> None:
    outcome = ask(start(), tls="starttls")
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message.endswith("offers no STARTTLS")


@pytest.mark.parametrize(("verify_tls", "status"), [(True, Status.UNHEALTHY), (False, Status.HEALTHY)])
def test_a_certificate_that_nobody_vouches_for_is_unhealthy_unless_allowed(
    ask: Any, start: Start, tmp_path: Path, verify_tls: bool, status: Status
) -> None:
    outcome = ask(start(tls_context=server_context(self_signed("x.example"), tmp_path)), verify_tls=verify_tls)
    assert outcome.status is status
    assert ("self-signed certificate" in outcome.message) is verify_tls


def test_a_ca_file_that_is_not_there_could_not_tell(ask: Any, start: Start, good: ssl.SSLContext) -> None:
    with pytest.raises(ProbeError, match="ca_file /no/such/file cannot be read"):
        ask(start(tls_context=good), ca_file="/no/such/file")


def script(*answers: bytes) -> Callable[[Any], None]:
    """A server that answers the connection and then each command with the next of these, whatever was said."""

    def talk(connection: Any) -> None:
        for answer in answers:
            connection.sendall(answer)
            if not connection.recv(1000):
                return

    return talk


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([b"554 no service\r\n"], "answered 554 no service to the connection"),
        ([b"421-too\r\n421 busy\r\n"], "answered 421 too busy to the connection"),
        ([b"SSH-2.0-OpenSSH_9\r\n"], "does not speak SMTP: it said 'SSH-2.0-OpenSSH_9' to the connection"),
        ([b"\xff\xfe\r\n"], "does not speak SMTP"),
        ([b"220-a\r\n221 b\r\n"], "does not speak SMTP: it said '221 b'"),
        ([b"220 hi"], "hung up in answer to the connection"),
        ([b"220 hi\r\n", b"502 what?\r\n"], "answered 502 what? to EHLO"),
        ([b"220 hi\r\n", b"250-x\r\n" * 101], "gave more than 100 lines to EHLO"),
        ([b"2" * 70_000 + b"\r\n"], "gave a line without end to the connection"),
    ],
)
def test_a_server_that_does_not_talk_as_it_should_is_unhealthy(
    ask: Any, serve: Any, answers: list[bytes], words: str
) -> None:
    talk = script(*answers)
    if not answers[-1].endswith(b"\n"):
        talk = lambda connection: connection.sendall(answers[0])  # noqa: E731
    outcome = ask(serve(talk), timeout=2)
    assert outcome.status is Status.UNHEALTHY
    assert words in outcome.message


def test_what_a_server_repeats_of_a_password_is_blanked_out(ask: Any, serve: Any) -> None:
    def parrot(connection: Any) -> None:
        connection.sendall(b"220 hi\r\n")
        connection.recv(1000)
        connection.sendall(b"250-x\r\n250 AUTH PLAIN\r\n")
        said = connection.recv(1000).strip()
        connection.sendall(b"535 you said " + said + b" meaning correct horse\r\n")
        connection.recv(1000)

    outcome = ask(serve(parrot), tls="none", username="alerts", password=PASSWORD)
    assert outcome.message.endswith("answered 535 you said AUTH PLAIN *** meaning *** to AUTH")


@pytest.mark.parametrize(
    ("answers", "step"),
    [([], "the greeting"), ([b"220 hi\r\n"], "EHLO"), ([b"220 hi\r\n", b"250-x\r\n250 STARTTLS\r\n"], "STARTTLS")],
)
def test_a_server_that_falls_silent_is_told_with_the_step_it_was_at(
    ask: Any, serve: Any, answers: list[bytes], step: str
) -> None:
    def talk(connection: Any) -> None:
        script(*answers)(connection)
        while connection.recv(1000):
            pass

    started = time.monotonic()
    outcome = ask(serve(talk), timeout=0.4)
    assert time.monotonic() - started < 1
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message.endswith(f"took longer than 360ms: it was at {step}")


def test_a_server_that_drips_its_greeting_does_not_stretch_the_timeout(ask: Any, serve: Any) -> None:
    def drip(connection: Any) -> None:
        try:
            for byte in b"220 " + b"x" * 200:
                connection.sendall(bytes([byte]))
                time.sleep(0.05)  # this is what dripping is
        except OSError:
            return

    started = time.monotonic()
    assert ask(serve(drip), timeout=0.5).status is Status.UNHEALTHY
    assert time.monotonic() - started < 1.2


def test_a_server_that_never_answers_quit_is_healthy_all_the_same(ask: Any, serve: Any) -> None:
    outcome = ask(serve(script(b"220 hi\r\n", b"250 x\r\n", b"")), timeout=5)
    assert outcome.status is Status.HEALTHY
    assert outcome.response_time < 0.45


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"username": "u"}, "username and password belong together"),
        ({"password": "p"}, "username and password belong together"),
        ({"rcpt_to": "a@b.example"}, "rcpt_to needs a mail_from"),
        ({"mail_from": "a@b>\r\nDATA"}, "String should match pattern"),
        ({"mail_from": "a b@c.example"}, "String should match pattern"),
        ({"tls": "maybe"}, "'auto', 'starttls', 'tls' or 'none'"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(document: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SmtpConfig.model_validate({"host": "h", **document})


def test_the_password_does_not_show() -> None:
    config = SmtpConfig.model_validate({"host": "h", "username": "u", "password": PASSWORD})
    assert PASSWORD not in repr(config)
    assert PASSWORD not in config.model_dump_json()
