"""A message to send: a session manager that answers too slowly, and what fails because of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from healthmgr.domain.check import Severity, Status
from healthmgr.domain.message import AlertFacts, Breach, Message, MessageKind, ResultFacts

_OPENED = datetime(2026, 3, 2, 3, 12, 5, tzinfo=UTC)
_NOW = _OPENED + timedelta(minutes=12)
_ENDED = _OPENED + timedelta(minutes=64)
_ALERT = UUID("019ab3c0-0000-7000-8000-000000000001")
_INCIDENT = UUID("019ab3c0-0000-7000-8000-000000000002")
_NOTIFICATION = UUID("019ab3c0-0000-7000-8000-000000000003")
_REASONS = {
    MessageKind.PROBLEM: "first_notification",
    MessageKind.UPDATE: "severity_raised",
    MessageKind.RESOLUTION: "all_resolved",
}


def make_alert(**changes: Any) -> AlertFacts:
    """An open critical alert with every fact filled in; `changes` are fields of AlertFacts."""
    facts = AlertFacts(
        id=_ALERT,
        check_slug="session-manager",
        check_name="Session manager",
        severity=Severity.CRITICAL,
        status=Status.UNHEALTHY,
        summary="answers in 7.2 s, sign-ins time out",
        opened_at=_OPENED,
        service="accounts",
        category="core",
        description="Keeps the sessions of all signed-in users.",
        runbook_url="https://wiki.example.com/runbooks/session-manager",
        labels={"team": "identity"},
        breaches=(Breach("response_time", "7.2 s", "> 5 s", Status.UNHEALTHY),),
        last_results=(ResultFacts(_NOW, Status.UNHEALTHY, "HTTP 200 in 7.2 s", 7.2),),
        dependents=("security-manager", "account-health"),
        impacted=("account-health",),
    )
    return replace(facts, **changes)


def make_message(kind: MessageKind = MessageKind.PROBLEM, **changes: Any) -> Message:
    """A message of this kind about `make_alert()`; `changes` are fields of Message. A resolution comes after 64 min."""
    is_over = kind is MessageKind.RESOLUTION
    ended = {"resolved_at": _ENDED, "resolution": "recovered: 2 good results in a row"} if is_over else {}
    message = Message(
        notification_id=_NOTIFICATION,
        kind=kind,
        reason=_REASONS[kind],
        incident_id=_INCIDENT,
        incident_number=12,
        severity=Severity.CRITICAL,
        opened_at=_OPENED,
        composed_at=_ENDED if is_over else _NOW,
        recipient="Alice Meyer",
        thread_key=f"{_INCIDENT}.alice",
        is_first_of_thread=kind is MessageKind.PROBLEM,
        alerts=(make_alert(**ended),),
        url="https://health.example.com/incidents/12",
        how_to_acknowledge="healthmgr alerts ack 12",
    )
    return replace(message, **changes)
