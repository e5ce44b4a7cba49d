"""Messages with the facts of a real outage, the timeout that sends get, and a certificate."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from healthmgr.domain.message import AlertFacts, Message
from healthmgr.testing import make_alert, make_message


@pytest.fixture
def timeout() -> timedelta:
    """What a send may take: far more than a loopback server needs."""
    return timedelta(seconds=5)


@pytest.fixture
def compose_message() -> Callable[..., Message]:
    """Makes messages: `compose_message(MessageKind.UPDATE, recipient="Bob")`."""
    return make_message


@pytest.fixture
def compose_alert() -> Callable[..., AlertFacts]:
    """Makes alerts: `compose_alert(check_name="Cache")`."""
    return make_alert


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """A self-made certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key),
         "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key
