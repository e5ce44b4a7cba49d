"""The kind `tls`, against servers that show good certificates and every bad kind."""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from healthmgr.checks.certificates import read_certificate
from healthmgr.checks.tls import TlsConfig
from healthmgr.domain.check import Status
from healthmgr.errors import ProbeError
from tests.plugins.certificates import Shown, TlsServer, issued, self_signed, server_context

DAY = timedelta(days=1)
Start = Callable[..., TlsServer]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Example Authority")


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """start(shown, before=None) gives a server that shows a certificate."""
    servers: list[TlsServer] = []

    def go(shown: Shown, before: Any = None) -> TlsServer:
        servers.append(TlsServer(server_context(shown, tmp_path), before))
        return servers[-1]

    yield go
    for server in servers:
        server.close()


@pytest.fixture
def look(probe: Any, ca_file: str) -> Any:
    """look(server, ...) probes it as somebody who trusts the authority."""

    def go(server: TlsServer, *, now: datetime | None = None, timeout: float = 5, **more: Any) -> Any:
        document = {"host": "127.0.0.1", "port": server.port, "server_name": "shop.example", "ca_file": ca_file, **more}
        return probe("tls", document, now=now or datetime.now(UTC), timeout=timedelta(seconds=timeout))

    return go


def test_a_good_certificate_is_healthy(look: Any, start: Start, authority: trustme.CA) -> None:
    server = start(issued(authority, "shop.example"))
    outcome = look(server)
    assert outcome.status is Status.HEALTHY
    assert outcome.metrics["certificate_days_left"] == pytest.approx(90, abs=0.1)
    assert outcome.response_time == outcome.metrics["connect_time"] + outcome.metrics["tls_time"]
    assert re.search(r"TLSv1\.3; the certificate of .*, signed by Example Authority.*, expires on", outcome.message)
    assert server.names == ["shop.example"]


def test_a_certificate_for_an_address_is_healthy(look: Any, start: Start, authority: trustme.CA) -> None:
    assert look(start(issued(authority, "127.0.0.1")), server_name="127.0.0.1").status is Status.HEALTHY


@pytest.mark.parametrize(
    ("ends_in", "limits", "status"),
    [
        (22 * DAY, {}, Status.HEALTHY),
        (20 * DAY, {}, Status.DEGRADED),
        (8 * DAY, {}, Status.DEGRADED),
        (6 * DAY, {}, Status.UNHEALTHY),
        (6 * DAY, {"warning_days": 5, "critical_days": 1}, Status.HEALTHY),
        (6 * DAY, {"warning_days": 30, "critical_days": 1}, Status.DEGRADED),
        (0.5 * DAY, {"warning_days": 0, "critical_days": 0}, Status.HEALTHY),
    ],
)
def test_the_days_that_are_left_are_judged(
    look: Any, start: Start, authority: trustme.CA, ends_in: timedelta, limits: Any, status: Status
) -> None:
    outcome = look(start(issued(authority, "shop.example", ends_in=ends_in)), **limits)
    assert outcome.status is status
    assert outcome.metrics["certificate_days_left"] == pytest.approx(ends_in / DAY, abs=0.1)
    assert "expires on" in outcome.message


def test_the_days_are_counted_by_the_database_s_clock(look: Any, start: Start, authority: trustme.CA) -> None:
    server = start(issued(authority, "shop.example"))
    assert look(server, now=datetime.now(UTC) + 80 * DAY).status is Status.DEGRADED
    later = look(server, now=datetime.now(UTC) + 93.5 * DAY)
    assert later.status is Status.UNHEALTHY
    assert "expired on" in later.message
    assert later.message.endswith("3 days ago")


def bad_certificates(authority: trustme.CA) -> dict[str, Shown]:
    chain, key = issued(authority.create_child_ca(), "shop.example")
    return {
        "expired": issued(authority, "shop.example", starts_in=-9 * DAY, ends_in=-2.5 * DAY),
        "not yet valid": issued(authority, "shop.example", starts_in=2 * DAY),
        "self-signed": self_signed("shop.example"),
        "self-signed and expired": self_signed("shop.example", -5.5 * DAY),
        "unknown authority": issued(trustme.CA(organization_name="Stranger"), "shop.example"),
        "missing intermediate": (first_of(chain), key),
        "wrong host": issued(authority, "other.example", "more.example"),
    }


def first_of(chain: bytes) -> bytes:
    """The first certificate of several."""
    return chain[: chain.index(b"-----END CERTIFICATE-----") + 25] + b"\n"


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("expired", r"expired on .*, 2 days ago"),
        ("not yet valid", "is not valid before 2"),
        ("self-signed", "is self-signed: no authority vouches for it"),
        ("self-signed and expired", "is self-signed.*; it expired on .*, 5 days ago"),
        ("unknown authority", "is signed by Stranger.*, which is not known here"),
        ("missing intermediate", "the server must send the certificates between"),
        ("wrong host", "is for other.example, more.example, not for shop.example"),
    ],
)
def test_a_bad_certificate_is_unhealthy_and_the_message_says_why(
    look: Any, start: Start, authority: trustme.CA, case: str, words: str
) -> None:
    outcome = look(start(bad_certificates(authority)[case]))
    assert outcome.status is Status.UNHEALTHY
    assert re.search(words, outcome.message)
    assert "certificate_days_left" in outcome.metrics


def test_a_chain_with_its_intermediate_is_trusted(look: Any, start: Start, authority: trustme.CA) -> None:
    assert look(start(issued(authority.create_child_ca(), "shop.example"))).status is Status.HEALTHY


def test_only_the_dates_are_judged_when_trust_is_not_asked_for(look: Any, start: Start) -> None:
    good = look(start(self_signed("other.example")), verify=False)
    assert (good.status, "signed by itself" in good.message) == (Status.HEALTHY, True)
    gone = look(start(self_signed("other.example", -1.5 * DAY)), verify=False)
    assert gone.status is Status.UNHEALTHY
    assert gone.message.endswith("1 day ago")


def test_without_a_ca_file_the_system_decides(look: Any, start: Start, authority: trustme.CA) -> None:
    outcome = look(start(issued(authority, "shop.example")), ca_file=None)
    assert outcome.status is Status.UNHEALTHY
    assert "not known here" in outcome.message or "not trusted here" in outcome.message


def test_a_new_ca_file_is_noticed(look: Any, start: Start, authority: trustme.CA, ca_file: str) -> None:
    server = start(issued(authority, "shop.example"))
    trustme.CA(organization_name="Stranger").cert_pem.write_to_path(ca_file)
    assert look(server).status is Status.UNHEALTHY
    authority.cert_pem.write_to_path(ca_file)
    os.utime(ca_file, (1, 1))
    assert look(server).status is Status.HEALTHY


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_cannot_be_used_could_not_tell(look: Any, start: Start, tmp_path: Path, content: Any) -> None:
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content, encoding="ascii")
    with pytest.raises(ProbeError, match=re.escape(f"ca_file {path} ")):
        look(start(self_signed("shop.example")), ca_file=str(path))


def mail_server(offers: bytes = b"250-STARTTLS\r\n", answer: bytes = b"220 go ahead\r\n") -> Callable[[Any], None]:
    def talk(connection: Any) -> None:
        connection.sendall(b"220 mail.example ESMTP\r\n")
        assert connection.recv(1000).startswith(b"EHLO ")
        connection.sendall(b"250-mail.example\r\n" + offers + b"250 SIZE 1000\r\n")
        assert connection.recv(1000) == b"STARTTLS\r\n"
        connection.sendall(answer)

    return talk


def test_a_mail_server_shows_its_certificate_after_starttls(look: Any, start: Start, authority: trustme.CA) -> None:
    server = start(issued(authority, "shop.example", ends_in=3 * DAY), mail_server())
    outcome = look(server, starttls="smtp")
    assert outcome.status is Status.UNHEALTHY
    assert outcome.metrics["certificate_days_left"] == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (mail_server(answer=b"454 not now\r\n"), "answered 454 not now to STARTTLS"),
        (mail_server(answer=b"220 go\r\n250 AUTH PLAIN\r\n"), "went on in the clear after it had agreed to STARTTLS"),
        (lambda connection: connection.sendall(b"SSH-2.0-x\r\n"), "does not speak SMTP: it said 'SSH-2.0-x'"),
        (lambda connection: connection.sendall(b"554 go away\r\n"), "answered 554 go away to the connection"),
    ],
)
def test_a_mail_server_that_does_not_turn_to_tls_is_unhealthy(look: Any, start: Start, before: Any, words: str) -> None:
    outcome = look(start(self_signed("shop.example"), before), starttls="smtp")
    assert outcome.status is Status.UNHEALTHY
    assert words in outcome.message


def test_a_server_that_never_shakes_hands_is_named_within_the_timeout(probe: Any, hanging_port: int) -> None:
    started = time.monotonic()
    outcome = probe("tls", {"host": "127.0.0.1", "port": hanging_port}, timeout=timedelta(seconds=0.5))
    assert time.monotonic() - started < 1
    assert outcome.message == f"127.0.0.1:{hanging_port} did not agree on TLS within 450ms"


def test_a_server_of_another_protocol_is_unhealthy(probe: Any, serve: Any) -> None:
    def talk(connection: Any) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    outcome = probe("tls", {"host": "127.0.0.1", "port": serve(talk)})
    assert outcome.status is Status.UNHEALTHY
    assert "TLS" in outcome.message


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"host": "h", "warning_days": 3}, "critical_days 7 is above warning_days 3"),
        ({"host": "h", "starttls": "imap"}, "'smtp'"),
        ({"host": "h", "port": 0}, "greater than or equal to 1"),
        ({}, "Field required"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(document: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TlsConfig.model_validate(document)


def test_a_certificate_is_read_as_openssl_reads_it(authority: trustme.CA, tmp_path: Path) -> None:
    pem = first_of(issued(authority, "shop.example", "*.shop.example", "10.0.0.1", "::1")[0]).decode()
    path = tmp_path / "one.pem"
    path.write_text(pem, encoding="ascii")
    theirs: Any = ssl._ssl._test_decode_cert(str(path))  # type: ignore[attr-defined]
    ours = read_certificate(ssl.PEM_cert_to_DER_cert(pem))
    assert ours.names == ("shop.example", "*.shop.example", "10.0.0.1", "::1")
    assert ours.not_after.timestamp() == ssl.cert_time_to_seconds(theirs["notAfter"])
    assert ours.not_before.timestamp() == ssl.cert_time_to_seconds(theirs["notBefore"])
    assert not ours.is_self_issued


def test_every_broken_certificate_is_refused_and_nothing_worse_happens(authority: trustme.CA) -> None:
    der = ssl.PEM_cert_to_DER_cert(first_of(issued(authority, "shop.example")[0]).decode())
    for size in range(len(der)):
        with pytest.raises(ValueError, match="this is not an X"):
            read_certificate(der[:size])
    for place in range(len(der)):
        for value in (0x00, 0x80, 0xFF):
            with contextlib.suppress(ValueError):
                read_certificate(der[:place] + bytes([value]) + der[place + 1 :])
