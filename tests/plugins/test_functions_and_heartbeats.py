"""The kinds that open nothing: python and heartbeat."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError
from tests.plugins.conftest import NOW

HERE = __name__


def says(value: Any) -> Any:
    return {
        "outcome": Outcome(Status.DEGRADED, "so so", 0.5, {"n": 1.0}),
        "pair": ("unhealthy", "gone"),
        "mapping": {"status": "degraded", "message": "slow", "response_time": 2, "metrics": {"a": 1}, "b": 2, "c": "x"},
        "numbers": {"at_risk": 7},
        "yes": True,
        "no": False,
        "nothing": None,
        "text": "fine",
        "odd": ("fine", "?"),
    }[value]


async def says_later(value: str) -> Any:
    await asyncio.sleep(0)
    return says(value)


async def takes_long() -> None:
    await asyncio.sleep(30)


def raises() -> None:
    raise RuntimeError("first line\nthe cause")


@pytest.mark.parametrize("name", ["says", "says_later"])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("outcome", Outcome(Status.DEGRADED, "so so", 0.5, {"n": 1.0})),
        ("pair", Outcome(Status.UNHEALTHY, "gone")),
        ("mapping", Outcome(Status.DEGRADED, "slow", 2.0, {"a": 1.0, "b": 2.0})),
    ],
)
def test_a_function_answers_in_any_form(probe: Any, name: str, value: str, expected: Outcome) -> None:
    assert probe("python", {"function": f"{HERE}:{name}", "args": {"value": value}}) == expected


@pytest.mark.parametrize(
    ("value", "status"),
    [("yes", Status.HEALTHY), ("nothing", Status.HEALTHY), ("no", Status.UNHEALTHY), ("numbers", Status.HEALTHY)],
)
def test_true_none_and_numbers_are_healthy_and_false_is_not(probe: Any, value: str, status: Status) -> None:
    assert probe("python", {"function": f"{HERE}:says", "args": [value]}).status is status


def test_an_exception_is_unhealthy_with_its_last_line(probe: Any) -> None:
    outcome = probe("python", {"function": f"{HERE}:raises"})
    assert (outcome.status, outcome.message) == (Status.UNHEALTHY, "RuntimeError: the cause")


def test_an_async_function_is_cut_off_at_the_timeout(probe: Any) -> None:
    outcome = probe("python", {"function": f"{HERE}:takes_long"}, timeout=timedelta(milliseconds=50))
    assert (outcome.status, outcome.message) == (Status.UNHEALTHY, "timed out after 50ms")


@pytest.mark.parametrize(
    ("function", "args", "words"),
    [
        ("no_such_module:f", [], "cannot be imported: ModuleNotFoundError"),
        ("math:no_such_name", [], "cannot be imported: AttributeError"),
        ("math:pi", [], "not a function"),
        (f"{HERE}:says", ["text"], "returned str: return an Outcome"),
        (f"{HERE}:says", ["odd"], "expected one of healthy, degraded, unhealthy, unknown"),
    ],
)
def test_what_cannot_be_called_or_read_could_not_be_told(
    probe: Any, function: str, args: list[str], words: str
) -> None:
    with pytest.raises(ProbeError, match=words):
        probe("python", {"function": function, "args": args})


def view(seconds_ago: float | None, kind: str = "success", detail: str = "", armed_ago: float = 9999) -> dict[str, Any]:
    at = None if seconds_ago is None else (NOW - timedelta(seconds=seconds_ago)).isoformat()
    armed_at = (NOW - timedelta(seconds=armed_ago)).isoformat()
    return {"armed_at": armed_at, "last_ping_at": at, "last_kind": kind if at else None, "last_detail": detail}


HOURLY = {"period": "1h", "grace": "10m"}


@pytest.mark.parametrize(
    ("seen", "status", "state"),
    [
        (view(None, armed_ago=60), Status.HEALTHY, "new"),
        (view(None, armed_ago=4199), Status.HEALTHY, "new"),
        (view(None, armed_ago=4200), Status.UNHEALTHY, "down"),
        (view(0), Status.HEALTHY, "up"),
        (view(3599), Status.HEALTHY, "up"),
        (view(3600), Status.HEALTHY, "late"),
        (view(4199), Status.HEALTHY, "late"),
        (view(4200), Status.UNHEALTHY, "down"),
        (view(1, "fail", "disk full"), Status.UNHEALTHY, "down"),
        (view(1, "3"), Status.UNHEALTHY, "down"),
        (view(1, "exit_status", "1"), Status.UNHEALTHY, "down"),
        (view(1, "exit_status", "0"), Status.HEALTHY, "up"),
        (view(1, "0"), Status.HEALTHY, "up"),
        (view(3700, "0"), Status.HEALTHY, "late"),
        (view(599, "start"), Status.HEALTHY, "up"),
        (view(600, "start"), Status.UNHEALTHY, "down"),
        ({}, Status.HEALTHY, "new"),
    ],
)
def test_a_heartbeat_is_judged_by_its_pings(probe: Any, seen: Any, status: Status, state: str) -> None:
    outcome = probe("heartbeat", HOURLY, view=seen)
    assert (outcome.status, outcome.message.split(":")[0]) == (status, state)


def test_a_failing_job_is_quoted_and_its_age_measured(probe: Any) -> None:
    outcome = probe("heartbeat", HOURLY, view=view(90, "fail", "disk full"))
    assert outcome.message.endswith(": disk full")
    assert outcome.metrics == {"seconds_since_ping": 90.0}


@pytest.mark.parametrize("seen", [view(1, "applause"), {"last_ping_at": "yesterday"}])
def test_a_ping_that_cannot_be_read_could_not_be_told(probe: Any, seen: Any) -> None:
    with pytest.raises(ProbeError):
        probe("heartbeat", HOURLY, view=seen)
