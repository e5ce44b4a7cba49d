"""Certificates made for one test, and a server that shows them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Shown = tuple[bytes, bytes]  # certificate chain and private key, PEM


def issued(
    authority: trustme.CA,
    *names: str,
    starts_in: timedelta = timedelta(days=-1),
    ends_in: timedelta = timedelta(days=90),
) -> Shown:
    """Signed by the authority, with the chain that leads to it."""
    now = datetime.now(UTC)
    made = authority.issue_cert(*names, not_before=now + starts_in, not_after=now + ends_in)
    return b"".join(blob.bytes() for blob in made.cert_chain_pems), made.private_key_pem.bytes()


def self_signed(name: str, ends_in: timedelta = timedelta(days=90)) -> Shown:
    """Signed by its own key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=100))
        .not_valid_after(now + ends_in)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def server_context(shown: Shown, folder: Path) -> ssl.SSLContext:
    """A server's context that shows these."""
    pem = folder / "shown.pem"
    pem.write_bytes(shown[1] + shown[0])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


class TlsServer:
    """Shakes hands with whoever comes, after `before` was said and heard in the clear."""

    def __init__(self, context: ssl.SSLContext, before: Callable[[socket.socket], None] | None = None) -> None:
        self.names: list[str | None] = []
        self._context = context
        self._context.sni_callback = lambda sock, name, _: self.names.append(name)
        self._before = before
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                if self._before:
                    self._before(connection)
                with self._context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(1)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)
