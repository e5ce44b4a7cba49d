"""Heartbeat: a job that is expected to report by itself. Judges the pings that were stored; opens nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from healthmgr.domain.calendar import Calendar, Cron, Every, Schedule, zone
from healthmgr.domain.check import Status
from healthmgr.domain.heartbeat import FAIL, START, SUCCESS, Heartbeat, Phase, Ping, judge
from healthmgr.domain.quantity import length_of
from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext

Duration = Annotated[timedelta, BeforeValidator(length_of)]


class HeartbeatConfig(BaseModel):
    """When the job reports: give one of period, cron and oncalendar."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    period: Duration | None = Field(
        None, gt=timedelta(0), description="Longest time between two successful pings, such as 1h or 1d"
    )
    cron: str | None = Field(None, description="When the job runs, as five fields of a crontab: '0 3 * * *'")
    oncalendar: str | None = Field(
        None, description="When the job runs, as systemd's OnCalendar: 'Mon..Fri 08:00'; several in lines of their own"
    )
    timezone: str | None = Field(None, description="Time zone of cron and oncalendar, such as Europe/Berlin; else UTC")
    grace: Duration = Field(
        timedelta(minutes=5), ge=timedelta(0), description="How late a ping may be, and how long a run may take"
    )
    manual_resume: bool = Field(False, description="Whether a paused check stays paused when its job pings again")

    @model_validator(mode="after")
    def _must_have_one_schedule(self) -> HeartbeatConfig:
        given = [name for name in ("period", "cron", "oncalendar") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"write one of period, cron and oncalendar{': not ' + ' and '.join(given) if given else ''}"
            )
        if self.timezone is not None and self.period is not None:
            raise ValueError("a timezone goes with cron or oncalendar: a period is as long everywhere")
        _ = self.schedule
        return self

    @property
    def schedule(self) -> Schedule:
        """When the job is expected. Raises ValueError for an expression or a time zone that cannot be read."""
        if self.period is not None:
            return Every(self.period)
        timezone = zone(self.timezone or "UTC")
        if self.cron is not None:
            return Cron.parse(self.cron, timezone)
        return Calendar.parse(self.oncalendar or "", timezone)


class HeartbeatCheck:
    """Judges when a job was last heard of."""

    kind: ClassVar[str] = "heartbeat"
    Config: ClassVar[type[BaseModel]] = HeartbeatConfig
    uses_network: ClassVar[bool] = False

    async def probe(self, config: HeartbeatConfig, context: ProbeContext) -> Outcome:
        """New, up, late and paused are healthy; down (overdue, failed, or started and not ended) is unhealthy."""
        view = context.view
        if view.get("armed_at") is None and view.get("last_ping_at") is None:
            return _certain(Status.HEALTHY, "new: waiting for the first ping", {})
        heartbeat = _read(view)
        verdict = judge(heartbeat, config.schedule, config.grace, context.now)
        status = Status.UNHEALTHY if verdict.phase is Phase.DOWN else Status.HEALTHY
        return _certain(status, str(verdict), _metrics(heartbeat, view, context.now))


def _certain(status: Status, message: str, metrics: Mapping[str, float]) -> Outcome:
    """What the clock and the pings say does not change by being asked again: it is hard at once."""
    return Outcome(status, message, response_time=0.0, metrics=metrics, is_conclusive=True)


def _metrics(heartbeat: Heartbeat, view: Mapping[str, Any], now: datetime) -> dict[str, float]:
    metrics = {}
    last_ping_at = _instant(view, "last_ping_at")
    if last_ping_at is not None:
        metrics["seconds_since_ping"] = max(0.0, (now - last_ping_at).total_seconds())
    if heartbeat.run_time is not None:
        metrics["run_time"] = heartbeat.run_time.total_seconds()
    if heartbeat.started_at is not None:
        metrics["running_for"] = max(0.0, (now - heartbeat.started_at).total_seconds())
    return metrics


def _read(view: Mapping[str, Any]) -> Heartbeat:
    """The view as a heartbeat. Raises ProbeError for what no scheduler would have put there."""
    if "last_success_at" not in view:
        return _read_last_ping(view)
    failed_at, run_time = _instant(view, "failed_at"), view.get("run_time")
    try:
        return Heartbeat(
            armed_at=_instant(view, "armed_at") or _instant(view, "last_ping_at"),  # type: ignore[arg-type]
            last_success_at=_instant(view, "last_success_at"),
            started_at=_instant(view, "started_at"),
            run_id=UUID(view["run_id"]) if view.get("run_id") else None,
            run_time=None if run_time is None else timedelta(seconds=run_time),
            failure=Ping(_kind(view["failed_kind"]), failed_at, view["failed_detail"]) if failed_at else None,
            is_failing=view["is_failing"],
            is_failure_news=view["is_failure_news"],
            last_detail=view["last_detail"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProbeError(f"what is known of this heartbeat cannot be read: {error!r}") from error


def _read_last_ping(view: Mapping[str, Any]) -> Heartbeat:
    """A view of a scheduler that keeps the last ping alone, as before runs were told apart."""
    armed_at, at = _instant(view, "armed_at"), _instant(view, "last_ping_at")
    if at is None:
        assert armed_at is not None  # noqa: S101 - one of the two is there
        return Heartbeat(armed_at)
    detail = str(view.get("last_detail") or "")
    kind = str(view.get("last_kind") or SUCCESS)
    ping = Ping(_kind(detail.strip() if kind in ("exit_status", "exit status") else kind), at, detail)
    known = Heartbeat(min(armed_at or at, at), last_detail=detail)
    if ping.is_failure:
        return Heartbeat(known.armed_at, failure=ping, is_failing=True)
    started_at = at if ping.kind == START else None
    return Heartbeat(known.armed_at, last_success_at=at, started_at=started_at, last_detail=detail)


def _kind(kind: str) -> str:
    if kind in (START, SUCCESS, FAIL) or (kind.isascii() and kind.isdigit()):
        return kind
    raise ProbeError(f"the last ping is of a kind that cannot be judged: {kind!r}")


def _instant(view: Mapping[str, Any], name: str) -> datetime | None:
    value = view.get(name)
    if value is None or isinstance(value, datetime):
        return value
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ProbeError(f"{name} of this heartbeat is not an instant: {value!r}") from error
