"""Heartbeat: a job that is expected to report by itself. Judges the pings that were stored; opens nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from healthmgr.domain.check import Status
from healthmgr.domain.quantity import format_duration, parse_duration
from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext

Duration = Annotated[timedelta, BeforeValidator(lambda v: parse_duration(v) if isinstance(v, str) else v)]


class HeartbeatConfig(BaseModel):
    """How often the job reports."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    period: Duration = Field(gt=timedelta(0), description="Longest time between two successful pings, such as 1h or 1d")
    grace: Duration = Field(
        timedelta(minutes=5), ge=timedelta(0), description="How late a ping may be, and how long a run may take"
    )


class HeartbeatCheck:
    """Judges when a job was last heard of."""

    kind: ClassVar[str] = "heartbeat"
    Config: ClassVar[type[BaseModel]] = HeartbeatConfig
    uses_network: ClassVar[bool] = False

    async def probe(self, config: HeartbeatConfig, context: ProbeContext) -> Outcome:
        """New, up and late are healthy; down (overdue, failed, or started and not ended in time) is unhealthy."""
        view = context.view
        last_ping_at = _instant(view, "last_ping_at")
        if last_ping_at is None:
            return _judge_new(config, _instant(view, "armed_at"), context.now)
        age = max(0.0, (context.now - last_ping_at).total_seconds())
        status, message = _judge(config, view, last_ping_at, context.now)
        return _certain(status, message, {"seconds_since_ping": age})


def _judge_new(config: HeartbeatConfig, armed_at: datetime | None, now: datetime) -> Outcome:
    if armed_at is None:
        return _certain(Status.HEALTHY, "new: waiting for the first ping")
    down_at = armed_at + config.period + config.grace
    if now < down_at:
        return _certain(Status.HEALTHY, f"new: waiting for the first ping, until {_clock(down_at)}")
    return _certain(Status.UNHEALTHY, f"down: no ping since it was set up at {_clock(armed_at)}")


def _certain(status: Status, message: str, metrics: Mapping[str, float] | None = None) -> Outcome:
    """What the clock and the pings say does not change by being asked again: it is hard at once."""
    return Outcome(status, message, response_time=0.0, metrics=metrics or {}, is_conclusive=True)


def _judge(config: HeartbeatConfig, view: Any, last_ping_at: datetime, now: datetime) -> tuple[Status, str]:
    kind, detail = str(view.get("last_kind") or "success"), str(view.get("last_detail") or "")
    because = f": {detail}" if detail else ""
    if kind == "start":
        down_at = last_ping_at + config.grace
        if now < down_at:
            return (
                Status.HEALTHY,
                f"up: running since {_clock(last_ping_at)}, its end is awaited until {_clock(down_at)}",
            )
        return (
            Status.UNHEALTHY,
            f"down: started at {_clock(last_ping_at)} and did not end within {format_duration(config.grace)}",
        )
    if kind == "fail":
        return Status.UNHEALTHY, f"down: the job reported a failure at {_clock(last_ping_at)}{because}"
    exit_status = 0 if kind == "success" else _exit_status(kind, detail)
    if exit_status != 0:
        return (
            Status.UNHEALTHY,
            f"down: the job ended with exit status {exit_status} at {_clock(last_ping_at)}{because}",
        )
    expected_at = last_ping_at + config.period
    if now < expected_at:
        return Status.HEALTHY, f"up: last ping at {_clock(last_ping_at)}{because}"
    if now < expected_at + config.grace:
        return (
            Status.HEALTHY,
            f"late: expected by {_clock(expected_at)}, down from {_clock(expected_at + config.grace)}",
        )
    return Status.UNHEALTHY, f"down: no ping since {_clock(last_ping_at)}, expected by {_clock(expected_at)}"


def _exit_status(kind: str, detail: str) -> int:
    """The number in "3", or in the detail of "exit_status"."""
    number = kind if kind.lstrip("-").isdigit() else detail.strip()
    if (kind == number or kind in ("exit_status", "exit status")) and number.lstrip("-").isdigit():
        return int(number)
    raise ProbeError(f"the last ping is of a kind that cannot be judged: {kind!r}")


def _instant(view: Any, name: str) -> datetime | None:
    value = view.get(name)
    if value is None or isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ProbeError(f"{name} of this heartbeat is not an instant: {value!r}") from error


def _clock(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
