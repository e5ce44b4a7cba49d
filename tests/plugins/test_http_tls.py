"""The http kind over TLS: which certificates it believes, which it shows, and what it says of bad ones."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from pytest_httpserver import HTTPServer

from healthmgr.domain.check import Status
from healthmgr.errors import ProbeError
from tests.plugins.conftest import NOW
from tests.plugins.http_servers import saying, tunnelling

Serve = Callable[..., str]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[Serve]:
    """secure() gives the https address of a server whose certificate this authority issued."""
    with ExitStack() as servers:

        def start(
            *names: str, by: trustme.CA = authority, until: datetime | None = None, change: Any = lambda context: None
        ) -> str:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            issued = by.issue_cert(*(names or ("127.0.0.1", "localhost")), not_after=until)
            issued.configure_cert(context)
            change(context)
            server = servers.enter_context(HTTPServer(host="127.0.0.1", ssl_context=context))
            server.expect_request("/").respond_with_data("fine")
            return str(server.url_for("/")).replace("localhost", "127.0.0.1")

        yield start


def test_a_trusted_certificate_is_believed_and_its_days_are_counted(probe: Any, secure: Serve, ca_file: str) -> None:
    # To the probe it is NOW; the certificate has to be valid by the clock of this machine as well.
    until = datetime.now(UTC) + timedelta(days=30)
    outcome = probe("http", {"url": secure(until=until), "ca_file": ca_file})
    assert (outcome.status, outcome.message) == (Status.HEALTHY, "200 OK")
    expected = (until - NOW) / timedelta(days=1)
    assert outcome.metrics["certificate_days_left"] == pytest.approx(expected, abs=0.01)


def test_the_handshake_is_a_phase_of_its_own(probe: Any, secure: Serve, ca_file: str) -> None:
    url = secure().replace("127.0.0.1", "localhost")
    timed = probe("http", {"url": url, "ca_file": ca_file}).metrics
    phases = {"dns_time", "connect_time", "tls_time", "first_byte_time"}
    assert phases < set(timed)
    assert all(timed[phase] > 0 for phase in phases)
    assert sum(timed[phase] for phase in phases) <= timed["total_time"] + 1e-5
    untimed = probe("http", {"url": url, "ca_file": ca_file, "timing": False}).metrics
    assert set(untimed) == {"status_code", "body_bytes"}


@pytest.mark.parametrize(
    ("names", "by_another", "until", "why"),
    [
        (("127.0.0.1",), True, None, "unable to get local issuer certificate"),
        (("other.example",), False, None, "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        (("127.0.0.1",), False, datetime(2020, 1, 1, tzinfo=UTC), "certificate has expired"),
    ],
)
@pytest.mark.parametrize("timing", [True, False])
def test_a_certificate_that_is_not_valid_is_unhealthy_unless_not_verified(
    probe: Any, secure: Serve, ca_file: str, timing: bool, names: Any, by_another: bool, until: Any, why: str
) -> None:
    url = secure(*names, **({"by": trustme.CA()} if by_another else {}), until=until)
    outcome = probe("http", {"url": url, "ca_file": ca_file, "timing": timing})
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message.startswith("the certificate of 127.0.0.1:")
    assert why in outcome.message
    lenient = probe("http", {"url": url, "verify_tls": False, "timing": timing})
    assert lenient.status is Status.HEALTHY
    assert "certificate_days_left" not in lenient.metrics


def test_without_an_authority_of_its_own_the_systems_are_believed(probe: Any, secure: Serve) -> None:
    outcome = probe("http", {"url": secure()})
    assert outcome.status is Status.UNHEALTHY
    assert "is not valid" in outcome.message


def test_a_certificate_may_bear_another_name_that_is_given(probe: Any, secure: Serve, ca_file: str) -> None:
    asked: list[str | None] = []
    url = secure("shop.example", change=lambda context: setattr(context, "sni_callback", _noting(asked)))
    outcome = probe("http", {"url": url, "ca_file": ca_file, "server_name": "shop.example"})
    assert (outcome.status, asked) == (Status.HEALTHY, ["shop.example"])


def _noting(asked: list[str | None]) -> Any:
    def callback(_socket: Any, name: str | None, _context: Any) -> None:
        asked.append(name)

    return callback


def test_a_version_of_tls_that_is_too_old_is_refused(probe: Any, secure: Serve, ca_file: str) -> None:
    url = secure(change=lambda context: setattr(context, "maximum_version", ssl.TLSVersion.TLSv1_2))
    assert probe("http", {"url": url, "ca_file": ca_file, "minimum_tls": 1.2}).status is Status.HEALTHY
    refused = probe("http", {"url": url, "ca_file": ca_file, "minimum_tls": "1.3"})
    assert refused.status is Status.UNHEALTHY
    assert "TLS" in refused.message


@pytest.mark.parametrize("in_one_file", [True, False])
def test_a_certificate_of_our_own_is_shown(
    probe: Any, secure: Serve, authority: trustme.CA, ca_file: str, tmp_path: Path, in_one_file: bool
) -> None:
    def demand(context: ssl.SSLContext) -> None:
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)

    ours = authority.issue_cert("prober.example")
    certificate, key = tmp_path / "own.pem", tmp_path / "own.key"
    ours.cert_chain_pems[0].write_to_path(certificate)
    ours.private_key_pem.write_to_path(certificate if in_one_file else key, append=True)
    document = {"url": secure(change=demand), "ca_file": ca_file}
    shown = {"client_certificate": str(certificate)} | ({} if in_one_file else {"client_key": str(key)})
    assert probe("http", document).status is Status.UNHEALTHY
    assert probe("http", document | shown).status is Status.HEALTHY


@pytest.mark.parametrize("is_resent", [False, True])
def test_a_certificate_of_our_own_is_not_shown_to_another_server(
    probe: Any, serve: Any, secure: Serve, authority: trustme.CA, ca_file: str, tmp_path: Path, is_resent: bool
) -> None:
    authority.issue_cert("prober.example").private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    there = secure()
    here = serve(saying(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + there.encode() + b"\r\n\r\n"))
    document = {"url": f"http://127.0.0.1:{here}/", "ca_file": ca_file, "client_certificate": str(tmp_path / "own.pem")}
    outcome = probe("http", {**document, "resend_to_other_origins": is_resent})
    assert (outcome.status is Status.HEALTHY) is is_resent
    assert is_resent or "another server, to which the client certificate may not go" in outcome.message


@pytest.mark.parametrize("field", ["ca_file", "client_certificate"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_cannot_be_used_is_this_machines_fault(
    probe: Any, tmp_path: Path, field: str, content: str | None
) -> None:
    path = tmp_path / "x.pem"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ProbeError, match="cannot be used for TLS") as caught:
        probe("http", {"url": "https://127.0.0.1:1/", field: str(path)})
    assert str(path) in str(caught.value)


def test_a_tunnel_through_a_proxy_is_secured_to_the_target(probe: Any, serve: Any, secure: Serve, ca_file: str) -> None:
    seen: list[bytes] = []
    proxy = f"http://ann:s3cret-word@127.0.0.1:{serve(tunnelling(seen))}"
    outcome = probe("http", {"url": secure(), "ca_file": ca_file, "proxy": proxy})
    assert outcome.status is Status.HEALTHY
    assert outcome.metrics["tls_time"] > 0
    assert outcome.metrics["certificate_days_left"] > 0
    assert seen[0].startswith(b"CONNECT 127.0.0.1:")
    assert b"Proxy-Authorization: Basic " in seen[0]


def test_a_server_that_never_ends_its_handshake_is_told_so(probe: Any, hanging_port: int) -> None:
    outcome = probe("http", {"url": f"https://127.0.0.1:{hanging_port}/"}, timeout=timedelta(seconds=0.5))
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message == (f"timed out after 500ms: 127.0.0.1:{hanging_port} did not complete the TLS handshake")
    assert outcome.metrics.keys() <= {"connect_time"}
