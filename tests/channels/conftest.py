"""Messages with the facts of a real outage, the timeout that sends get, and a certificate."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from healthmgr.domain.check import Severity, Status
from healthmgr.domain.message import AlertFacts, Breach, Message, MessageKind, ResultFacts

NOW = datetime(2026, 11, 24, 3, 24, 10, tzinfo=UTC)
OPENED = datetime(2026, 11, 24, 3, 12, 5, tzinfo=UTC)
ROOT = UUID("019ab3c0-0000-7000-8000-000000000001")


def alert_facts(**changes: Any) -> AlertFacts:
    """The session manager is slow and two services fail because of it."""
    results = tuple(
        ResultFacts(
            NOW - timedelta(seconds=30 * n), Status.UNHEALTHY, f"HTTP 200 in {7.2 - n / 10:.1f} s", 7.2 - n / 10
        )
        for n in range(4)
    )
    facts = AlertFacts(
        id=ROOT,
        check_slug="session-manager",
        check_name="Session manager",
        severity=Severity.CRITICAL,
        status=Status.UNHEALTHY,
        summary="answers in 7.2 s, sign-ins time out",
        opened_at=OPENED,
        service="accounts",
        category="core",
        description="Keeps the sessions of all signed-in users.\nWhen it is slow, nobody can sign in.",
        runbook_url="https://wiki.example.com/runbooks/session-manager",
        labels={"team": "identity", "region": "eu-1"},
        breaches=(Breach("response_time", "7.2 s", "> 5 s", Status.UNHEALTHY),),
        last_results=(*results, ResultFacts(OPENED - timedelta(hours=5), Status.HEALTHY, "HTTP 200", 0.041)),
        dependents=("security-manager", "cache-manager", "account-health"),
        impacted=("security-manager", "account-health"),
    )
    return replace(facts, **changes)


def make_message(kind: MessageKind = MessageKind.PROBLEM, **changes: Any) -> Message:
    """A message about the session manager; a resolution comes 1 h 04 min after the opening."""
    is_over = kind is MessageKind.RESOLUTION
    ended_at = OPENED + timedelta(hours=1, minutes=4)
    alert = (
        alert_facts(resolved_at=ended_at, resolution="recovered: 2 good results in a row") if is_over else alert_facts()
    )
    message = Message(
        notification_id=UUID("019ab3c0-1111-7000-8000-00000000000a"),
        kind=kind,
        reason={"problem": "first_notification", "update": "severity_raised", "resolution": "all_resolved"}[kind.value],
        incident_id=ROOT,
        incident_number=12,
        severity=Severity.CRITICAL,
        opened_at=OPENED,
        composed_at=ended_at + timedelta(seconds=4) if is_over else NOW,
        recipient="Alice Meyer",
        thread_key="019ab3c0-0000-7000-8000-000000000001.alice",
        is_first_of_thread=kind is MessageKind.PROBLEM,
        alerts=(alert,),
        url="https://health.example.com/incidents/12",
        how_to_acknowledge="healthmgr alerts ack 12",
    )
    return replace(message, **changes)


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
    return alert_facts


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
