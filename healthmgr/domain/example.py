"""A whole message about an outage that never was: for previews, for tests, and for authors of channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from healthmgr.domain.check import Severity, Status
from healthmgr.domain.message import AlertFacts, Breach, ChangeFacts, HeldBack, Links, Message, MessageKind, ResultFacts

OPENED_AT = datetime(2026, 11, 24, 3, 12, 5, tzinfo=UTC)
COMPOSED_AT = datetime(2026, 11, 24, 3, 24, 10, tzinfo=UTC)
ENDED_AT = OPENED_AT + timedelta(hours=1, minutes=4)

_INCIDENT = UUID("019ab3c0-0000-7000-8000-000000000001")
_NOTIFICATION = UUID("019ab3c0-1111-7000-8000-00000000000a")
_NEWEST_HELD_BACK = 15
_REASONS: Mapping[MessageKind, str] = {
    MessageKind.PROBLEM: "first_notification",
    MessageKind.UPDATE: "severity_rose",
    MessageKind.ACKNOWLEDGEMENT: "acknowledged",
    MessageKind.RESOLUTION: "all_resolved",
    MessageKind.DIGEST: "held_back",
}


def example_alert(**changes: Any) -> AlertFacts:
    """The session manager is slow and two services fail because of it; `changes` are fields of AlertFacts."""
    facts = AlertFacts(
        id=_INCIDENT,
        check_slug="session-manager",
        check_name="Session manager",
        severity=Severity.CRITICAL,
        status=Status.UNHEALTHY,
        summary="answers in 7.2 s, sign-ins time out",
        opened_at=OPENED_AT,
        service="accounts",
        category="core",
        description="Keeps the sessions of all signed-in users.\nWhen it is slow, nobody can sign in.",
        runbook_url="https://wiki.example.com/runbooks/session-manager",
        labels={"team": "identity", "region": "eu-1"},
        breaches=(Breach("response_time", "7.2 s", "> 5 s", Status.UNHEALTHY),),
        last_results=_results(),
        dependents=("security-manager", "cache-manager", "account-health"),
        impacted=("security-manager", "account-health"),
    )
    return replace(facts, **changes)


def example_message(kind: MessageKind = MessageKind.PROBLEM, **changes: Any) -> Message:
    """A message of this kind about `example_alert()`; a resolution comes 1 h 04 min after the opening.

    `changes` are fields of Message.
    """
    is_over = kind is MessageKind.RESOLUTION
    number = _NEWEST_HELD_BACK if kind is MessageKind.DIGEST else 12
    ended = {"resolved_at": ENDED_AT, "resolution": "recovered: 2 good results in a row"} if is_over else {}
    message = Message(
        notification_id=_NOTIFICATION,
        kind=kind,
        reason=_REASONS[kind],
        incident_id=_INCIDENT,
        incident_number=number,
        severity=Severity.CRITICAL,
        opened_at=OPENED_AT,
        composed_at=ENDED_AT + timedelta(seconds=4) if is_over else COMPOSED_AT,
        recipient="Alice Meyer",
        thread_key=f"{_INCIDENT}.alice",
        is_first_of_thread=kind is MessageKind.PROBLEM,
        alerts=() if kind is MessageKind.DIGEST else (example_alert(**ended),),
        url=f"https://health.example.com/incidents/{number}",
        how_to_acknowledge="" if is_over or kind is MessageKind.DIGEST else "healthmgr alerts ack 12",
        actor="Bob Okafor" if kind is MessageKind.ACKNOWLEDGEMENT else "",
        held_back=_held_back() if kind is MessageKind.DIGEST else (),
    )
    return replace(message, **changes)


def with_context(message: Message) -> Message:
    """The message with what else a real one may know: links that act, what changed at that time, who is told."""
    is_digest = message.kind is MessageKind.DIGEST
    is_over = is_digest or message.kind is MessageKind.RESOLUTION
    base = "https://health.example.com"
    return replace(
        message,
        links=Links(
            incident=f"{base}/incidents/{message.incident_number}",
            acknowledge="" if is_over else f"{base}/act/acknowledge/c2lnbmVk",
            silence="" if is_over else f"{base}/act/silence/c2lnbmVk",
        ),
        changes=()
        if is_digest
        else (
            ChangeFacts(OPENED_AT + timedelta(seconds=40), "check account-health became unhealthy"),
            ChangeFacts(OPENED_AT - timedelta(minutes=3), "check session-manager was redefined: timeout, thresholds"),
            ChangeFacts(OPENED_AT - timedelta(minutes=5), "deployment accounts 4.18.0 to production by carol"),
        ),
        told=("Bob Okafor over pager", "identity on-call over slack"),
    )


def _results() -> tuple[ResultFacts, ...]:
    slow = tuple(
        ResultFacts(
            COMPOSED_AT - timedelta(seconds=30 * n), Status.UNHEALTHY, f"HTTP 200 in {7.2 - n / 10:.1f} s", 7.2 - n / 10
        )
        for n in range(4)
    )
    return (*slow, ResultFacts(OPENED_AT - timedelta(hours=5), Status.HEALTHY, "HTTP 200", 0.041))


def _held_back() -> tuple[HeldBack, ...]:
    told = (
        (_NEWEST_HELD_BACK, Severity.CRITICAL, "Critical: Payments is unhealthy", 20, False),
        (14, Severity.HIGH, "High: Search and 2 more are degraded", 11, False),
        (13, Severity.MEDIUM, "Resolved: Image resizer", 4, True),
    )
    return tuple(
        HeldBack(number, severity, title, OPENED_AT + timedelta(minutes=4, seconds=seconds), is_resolved)
        for number, severity, title, seconds, is_resolved in told
    )
