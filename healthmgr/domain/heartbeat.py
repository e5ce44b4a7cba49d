"""What the pings of a job mean: as Healthchecks has it (hc/api/models.py), with every run id told apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from healthmgr.domain.calendar import Schedule
from healthmgr.domain.quantity import format_duration

START, SUCCESS, FAIL, LOG = "start", "success", "fail", "log"


class Phase(StrEnum):
    """How a job stands. "late" is overdue within its grace."""

    NEW = "new"
    UP = "up"
    LATE = "late"
    DOWN = "down"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Ping:
    """One sign of life: start, success, fail or an exit status from "0" to "255", of one run if it says so.

    A `log` is told in the same way and is no sign of life: `take` is never asked about one.
    """

    kind: str
    at: datetime
    detail: str = ""
    run_id: UUID | None = None

    @property
    def is_failure(self) -> bool:
        """The job says that it failed."""
        return self.kind == FAIL or (self.kind.isdigit() and int(self.kind) != 0)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What is known of a job. Nothing that lies before `armed_at` counts.

    `started_at` and `run_id` are of the run that is under way; `run_time` is how long the last one took
    whose start and end were both told. `is_failing` says that the latest end was `failure`;
    `is_failure_news` that no probe has judged `failure` yet.
    """

    armed_at: datetime
    last_success_at: datetime | None = None
    started_at: datetime | None = None
    run_id: UUID | None = None
    run_time: timedelta | None = None
    failure: Ping | None = None
    is_failing: bool = False
    is_failure_news: bool = False
    is_paused: bool = False
    last_detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a job stands, and why, for people. `changes_at` is when it stands differently if nothing is heard."""

    phase: Phase
    reason: str
    changes_at: datetime | None = None

    def __str__(self) -> str:
        return f"{self.phase.value}: {self.reason}"


def take(heartbeat: Heartbeat, ping: Ping, *, resumes: bool = True) -> Heartbeat:
    """What is known after one more ping. A paused job that pings is watched again, from now on, if it `resumes`."""
    if heartbeat.is_paused and resumes:
        heartbeat = Heartbeat(armed_at=ping.at, run_time=heartbeat.run_time)
    if ping.kind == START:
        return replace(heartbeat, started_at=ping.at, run_id=ping.run_id)
    ended = _end_run(heartbeat, ping)
    if ping.is_failure:
        return replace(ended, failure=ping, is_failing=True, is_failure_news=True)
    return replace(ended, last_success_at=ping.at, is_failing=False)


def _end_run(heartbeat: Heartbeat, ping: Ping) -> Heartbeat:
    """An end without a run id ends whatever runs; one of another run leaves the run open."""
    if heartbeat.started_at is None or ping.run_id not in (None, heartbeat.run_id):
        return heartbeat
    # Of a run that had an id and an end that has none it is not certain that they belong together.
    took = ping.at - heartbeat.started_at if ping.run_id == heartbeat.run_id else heartbeat.run_time
    return replace(heartbeat, started_at=None, run_id=None, run_time=took)


def judge(heartbeat: Heartbeat, schedule: Schedule, grace: timedelta, now: datetime) -> Verdict:
    """How the job stands at `now`.

    In this order: a run that did not end within its grace, a pause, a failure that stands or that nobody has
    judged yet, a success that is overdue. A start does not make good what was overdue or failed before it.
    """
    run = _judge_run(heartbeat, grace, now)
    if run is not None and run.phase is Phase.DOWN:
        return run
    if heartbeat.is_paused:
        return Verdict(Phase.PAUSED, "nothing is expected of it", run.changes_at if run else None)
    return _judge_failure(heartbeat) or _judge_silence(heartbeat, schedule, grace, now, run)


def _judge_run(heartbeat: Heartbeat, grace: timedelta, now: datetime) -> Verdict | None:
    started_at = heartbeat.started_at
    if started_at is None or started_at < heartbeat.armed_at:
        return None
    down_at = started_at + grace
    if now >= down_at:
        reason = f"started at {clock(started_at)} and did not end within {format_duration(grace)}"
        return Verdict(Phase.DOWN, reason)
    return Verdict(Phase.UP, f"running since {clock(started_at)}, its end is awaited until {clock(down_at)}", down_at)


def _judge_failure(heartbeat: Heartbeat) -> Verdict | None:
    failure = heartbeat.failure
    if failure is None or failure.at < heartbeat.armed_at:
        return None
    if not heartbeat.is_failing and not heartbeat.is_failure_news:
        return None
    told = "reported a failure" if failure.kind == FAIL else f"ended with exit status {failure.kind}"
    reason = f"the job {told} at {clock(failure.at)}{_because(failure.detail)}"
    if not heartbeat.is_failing and heartbeat.last_success_at is not None:
        reason += f" (it has succeeded since, at {clock(heartbeat.last_success_at)})"
    return Verdict(Phase.DOWN, reason)


def _judge_silence(
    heartbeat: Heartbeat, schedule: Schedule, grace: timedelta, now: datetime, run: Verdict | None
) -> Verdict:
    success_at = heartbeat.last_success_at
    is_new = success_at is None or success_at < heartbeat.armed_at
    since = heartbeat.armed_at if is_new or success_at is None else success_at
    expected_at = schedule.next_after(since)
    down_at = expected_at + grace if expected_at else None
    if expected_at is not None and down_at is not None and now >= down_at:
        last = f"no ping since it was set up at {clock(since)}" if is_new else f"no ping since {clock(since)}"
        return Verdict(Phase.DOWN, f"{last}, expected by {clock(expected_at)}")
    if run is not None:
        return replace(run, changes_at=_earliest(run.changes_at, down_at))
    if is_new:
        until = f", until {clock(down_at)}" if down_at else ""
        return Verdict(Phase.NEW, f"waiting for the first ping{until}", down_at)
    if expected_at is not None and down_at is not None and now >= expected_at:
        return Verdict(Phase.LATE, f"expected by {clock(expected_at)}, down from {clock(down_at)}", down_at)
    return Verdict(Phase.UP, f"last ping at {clock(since)}{_because(heartbeat.last_detail)}", expected_at)


def clock(instant: datetime) -> str:
    """An instant as people read it in messages."""
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"


def _because(detail: str) -> str:
    return f": {detail}" if detail else ""


def _earliest(*instants: datetime | None) -> datetime | None:
    return min((instant for instant in instants if instant is not None), default=None)
