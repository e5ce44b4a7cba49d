"""The kind heartbeat: which schedules it takes, and what it says of a view."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from healthmgr.checks.heartbeat import HeartbeatConfig
from healthmgr.errors import ProbeError
from tests.plugins.conftest import NOW


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "write one of period, cron and oncalendar"),
        ({"period": "1h", "cron": "0 3 * * *"}, "not period and cron"),
        ({"cron": "0 3 * * *", "oncalendar": "03:00"}, "not cron and oncalendar"),
        ({"period": "1h", "timezone": "UTC"}, "a period is as long everywhere"),
        ({"period": "0s"}, "should be greater than"),
        ({"period": "soon"}, "not a duration"),
        ({"period": "1h", "grace": "-1s"}, "not a duration"),
        ({"cron": "0 3 * *"}, "write five fields"),
        ({"cron": "0 0 30 2 *"}, "not a cron expression"),
        ({"cron": "0 0 31 4,6,9,11 *"}, "not a cron expression"),
        ({"cron": "0 3 * * *", "timezone": "Mars/Base"}, "there is no time zone 'Mars/Base'"),
        ({"oncalendar": "sometimes"}, "not an OnCalendar expression"),
        ({"oncalendar": "*-02-30 00:00"}, "never comes"),
    ],
)
def test_a_schedule_that_is_none_or_never_comes_is_refused(document: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        HeartbeatConfig.model_validate(document)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"period": "1h30m"}, "2026-03-02T10:30"),
        ({"cron": "30 9 * * 1-5"}, "2026-03-02T09:30"),
        ({"cron": "30 9 * * 1-5", "timezone": "America/New_York"}, "2026-03-02T14:30"),
        ({"cron": "@hourly"}, "2026-03-02T10:00"),
        ({"oncalendar": "Tue *-*-* 08:00", "timezone": "Asia/Kolkata"}, "2026-03-03T02:30"),
    ],
)
def test_each_way_of_writing_a_schedule_is_taken(document: dict[str, Any], expected: str) -> None:
    schedule = HeartbeatConfig.model_validate(document).schedule
    assert schedule.next_after(NOW) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def view(**over: Any) -> dict[str, Any]:
    """A job that has been watched for a day and succeeded half an hour ago; times in minutes before now."""
    names = {"armed_at": 1440, "last_ping_at": 30, "last_success_at": 30, "started_at": None, "failed_at": None}
    ago = {name: over.pop(name, minutes) for name, minutes in names.items()}
    times = {n: None if m is None else (NOW - timedelta(minutes=m)).isoformat() for n, m in ago.items()}
    rest = {
        "last_kind": "success", "last_detail": "42 files", "run_id": None, "run_time": None, "failed_kind": None,
        "failed_detail": "", "is_failing": False, "is_failure_news": False,
    }  # fmt: skip
    return {**times, **rest, **over}


NIGHTLY = {"cron": "0 3 * * *", "grace": "1h"}
HOURLY = {"period": "1h", "grace": "10m"}


@pytest.mark.parametrize(
    ("document", "seen", "status", "message"),
    [
        (HOURLY, view(), "healthy", "up: last ping at 2026-03-02 08:30:00 UTC: 42 files"),
        (HOURLY, view(last_success_at=65), "healthy", "late: expected by 2026-03-02 08:55:00 UTC"),
        (NIGHTLY, view(last_success_at=359), "healthy", "up: last ping at 2026-03-02 03:01:00 UTC: 42 files"),
        (
            NIGHTLY,
            view(last_success_at=1400),
            "unhealthy",
            "down: no ping since 2026-03-01 09:40:00 UTC, expected by 2",
        ),
        (HOURLY, view(started_at=4), "healthy", "up: running since 2026-03-02 08:56:00 UTC, its end is awaited until"),
        (
            HOURLY,
            view(started_at=10),
            "unhealthy",
            "down: started at 2026-03-02 08:50:00 UTC and did not end within 10m",
        ),
        (
            HOURLY,
            view(failed_at=5, failed_kind="fail", failed_detail="disk full", is_failing=True),
            "unhealthy",
            "down: the job reported a failure at 2026-03-02 08:55:00 UTC: disk full",
        ),
        (
            HOURLY,
            view(failed_at=5, failed_kind="3", is_failure_news=True, last_success_at=4),
            "unhealthy",
            "down: the job ended with exit status 3 at 2026-03-02 08:55:00 UTC (it has succeeded since, at 2026-03-02",
        ),
        (HOURLY, view(failed_at=5, failed_kind="3", last_success_at=4), "healthy", "up: last ping at"),
        (HOURLY, view(armed_at=1, last_success_at=90), "healthy", "new: waiting for the first ping, until"),
    ],
)
def test_a_job_is_judged_and_the_reason_told(
    probe: Any, document: dict[str, Any], seen: dict[str, Any], status: str, message: str
) -> None:
    outcome = probe("heartbeat", document, view=seen)
    assert outcome.status == status
    assert outcome.message.startswith(message)
    assert outcome.is_conclusive


def test_runs_are_measured(probe: Any) -> None:
    seen = view(started_at=2, run_id=str(UUID(int=1)), run_time=93.5)
    metrics = probe("heartbeat", HOURLY, view=seen).metrics
    assert metrics == {"seconds_since_ping": 1800.0, "run_time": 93.5, "running_for": 120.0}


@pytest.mark.parametrize(
    "over", [{"run_id": "tuesday"}, {"run_time": "long"}, {"failed_at": 5, "failed_kind": "applause"}]
)
def test_a_view_that_cannot_be_read_could_not_be_told(probe: Any, over: dict[str, Any]) -> None:
    with pytest.raises(ProbeError):
        probe("heartbeat", HOURLY, view=view(**over))
