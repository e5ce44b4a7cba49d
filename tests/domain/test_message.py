"""The one line that starts a subject: what, how many more, and how bad."""

from __future__ import annotations

import pytest

from healthmgr.domain.check import Severity
from healthmgr.domain.message import AlertFacts, Message, MessageKind
from tests.domain.making import NOW, D, N, U, uid


def title(kind: MessageKind, *alerts: AlertFacts) -> str:
    return Message(
        notification_id=uid(1),
        kind=kind,
        reason="first_notification",
        incident_id=uid(2),
        incident_number=7,
        severity=Severity.CRITICAL,
        opened_at=NOW,
        composed_at=NOW,
        recipient="alice",
        thread_key="incident-7",
        is_first_of_thread=True,
        alerts=alerts,
    ).title


def facts(status=U, **over) -> AlertFacts:
    return AlertFacts(uid(3), "api", "The API", Severity.CRITICAL, status, "503", NOW, **over)


@pytest.mark.parametrize(
    ("kind", "alerts", "line"),
    [
        (MessageKind.PROBLEM, [facts()], "Critical: The API is unhealthy"),
        (MessageKind.PROBLEM, [facts(D)], "Critical: The API is degraded"),
        (MessageKind.UPDATE, [facts(N)], "Critical: The API is unknown"),
        (MessageKind.PROBLEM, [facts(is_flapping=True)], "Critical: The API is flapping"),
        (MessageKind.PROBLEM, [facts()] * 3, "Critical: The API and 2 more are unhealthy"),
        (MessageKind.RESOLUTION, [facts()], "Resolved: The API"),
        (MessageKind.RESOLUTION, [facts(is_flapping=True)] * 2, "Resolved: The API and 1 more"),
    ],
)
def test_the_title_says_what_and_how_bad(kind, alerts, line):
    assert title(kind, *alerts) == line
