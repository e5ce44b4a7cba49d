"""What recovery asks of its store, and of the kinds of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from healthmgr.domain.approval import Question
from healthmgr.domain.check import Check, Severity, Status
from healthmgr.domain.dispatch import Due
from healthmgr.domain.proof import Proof, Seen
from healthmgr.domain.rails import Facts
from healthmgr.domain.run import Progress, run_name
from healthmgr.domain.run_state import StepState
from healthmgr.domain.runbook import Runbook, Step
from healthmgr.domain.timeline import Entry
from healthmgr.ports import StepType
from healthmgr.services.commanding_ports import CommandingTransaction


class Trigger(StrEnum):
    """What started a run."""

    HARD = "hard"
    SOFT = "soft"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Run:
    """A run, its row locked. `incident_id` is that of its alert, None while there is none.

    `due_at` is when it goes on; while a step is under way, when the lease of whoever carries it out ends.
    """

    id: UUID
    progress: Progress
    trigger: Trigger
    target: str
    severity: Severity
    problem_at: datetime
    created_at: datetime
    number: int = 0
    started_by: str = ""
    check_id: UUID | None = None
    check: str = ""
    alert_id: UUID | None = None
    incident_id: UUID | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    words: str = ""
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    awaited: Proof | None = None
    cancelled_by: str = ""
    rolls_back: bool = False
    is_proved: bool = False
    is_under_way: bool = False
    started_at: datetime | None = None
    acted_at: datetime | None = None
    ends_by: datetime | None = None
    ended_at: datetime | None = None
    token: int = 0
    due_at: datetime | None = None

    @property
    def runbook(self) -> Runbook:
        """The runbook as it was when the run was made."""
        return self.progress.runbook

    @property
    def name(self) -> str:
        """What stands where people ask who it was."""
        return run_name(self.runbook.name, self.number)

    @property
    def is_automatic(self) -> bool:
        """Whether nobody asked for it."""
        return self.trigger is not Trigger.PERSON


@dataclass(frozen=True, slots=True)
class Called:
    """A check whose failing runbooks may answer; `attempt` is the soft one, 0 where the state is hard."""

    check: Check
    status: Status
    attempt: int
    problem_at: datetime
    alert_id: UUID | None
    severity: Severity
    labels: Mapping[str, str]
    runbooks: Sequence[tuple[Runbook, bool]] = ()  # with whether the check names it


@dataclass(frozen=True, slots=True)
class ClaimedStep:
    """A step in our hands, with all that carrying it out needs. `token` is the claim's."""

    run: Run
    step: Step
    step_id: UUID
    token: int
    values: Mapping[str, Any]
    deadline: datetime

    @property
    def key(self) -> str:
        """The name of this execution and no other."""
        way = "-" if self.run.progress.is_rolling_back else ""
        return f"{self.run.id}/{way}{self.step.id}/{self.run.progress.attempt}"


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of an attempt at a step."""

    state: StepState
    message: str = ""
    output: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to people, its row locked with its run's. `step` is "" where it is asked before the first one.

    `approvers` are as they are written, such as "team:web".
    """

    id: UUID
    number: int
    run_id: UUID
    step: str
    text: str
    question: Question
    asked_at: datetime
    approvers: Sequence[str] = ()


class RecoveringTransaction(CommandingTransaction, Protocol):
    """One transaction of recovery; commits when its context ends well."""

    def take_call(self, call_id: UUID) -> Called | None:
        """Take a call for good; None when somebody else has, or its check is gone."""
        ...

    def called(self, check: str, now: datetime) -> Called | None:
        """A check as a call would find it now, with no runbooks."""
        ...

    def runbook(self, name: str) -> Runbook | None:
        """The runbook of this name, as it is defined now."""
        ...

    def open_run(self, run: Run, now: datetime) -> Run:
        """Insert a run; it has its number then."""
        ...

    def take_run(self, run_id: UUID, *, token: int | None = None, now: datetime | None = None) -> Run | None:
        """Lock a run with its incident and alert; None when it is gone, or the token has moved on, or it is not due."""
        ...

    def save_run(self, run: Run, now: datetime) -> list[Due]:
        """Write a run as it is now; its token moves. The reminder to send, where something is due."""
        ...

    def mark_cancelled(self, run: Run) -> None:
        """Somebody wants it to end while a step is under way: seen when that has ended."""
        ...

    def hold_run(self, claimed: Sequence[ClaimedStep], lease_until: datetime) -> None:
        """Prolong the leases that these claims still hold."""
        ...

    def drained_by(self, run: Run) -> list[str]:
        """The instances that a run took out of service and that are still wanted so, as "service/instance"."""
        ...

    def note_run(self, run: Run, entry: Entry, now: datetime) -> None:
        """Add to what happened to a run, and to its incident's timeline as soon as there is one."""
        ...

    def facts(self, run: Run, now: datetime, *, is_automation_on: bool) -> Facts:
        """All that the rails look at. Until the commit nobody else starts a run."""
        ...

    def changed_facts(self, run: Run, now: datetime) -> Facts:
        """What can have changed since a run was started: switches, maintenance, the check's status."""
        ...

    def begin_step(self, run: Run, step: Step, worker: str, token: int, now: datetime) -> UUID:
        """Write down that an attempt at a step begins."""
        ...

    def end_step(self, run: Run, ended: Ended, now: datetime) -> str:
        """Write what became of the run's last attempt that is not over; the step's id, "" where there is none."""
        ...

    def end_late(self, step_id: UUID, ended: Ended, now: datetime) -> None:
        """Add what an attempt that was given up came to all the same."""
        ...

    def skip_step(self, run: Run, step: Step, words: str, worker: str, now: datetime) -> None:
        """Write down that a step is left out."""
        ...

    def order_probe(self, check: str, now: datetime) -> int | str:
        """Have a check probed now: the number of its latest claim, or why it is not probed."""
        ...

    def seen(self, check: str, after: int, since: datetime) -> list[Seen]:
        """The results of a check from claims beyond a number, in their order."""
        ...

    def check(self, slug: str) -> Check | None:
        """A check as it is defined now."""
        ...

    def is_healthy(self, run: Run) -> bool:
        """Whether the run's check is believed to be healthy."""
        ...

    def ask(self, run: Run, asked: Asked, now: datetime) -> Asked:
        """Insert a question; it has its id and number then."""
        ...

    def take_question(self, approval_id: UUID) -> Asked | None:
        """A question with its votes; its run is to be locked before."""
        ...

    def run_of(self, approval_id: UUID) -> UUID | None:
        """The run that asks."""
        ...

    def open_question(self, run_id: UUID) -> Asked | None:
        """The question that a run waits with."""
        ...

    def vote(self, asked: Asked, person: str, is_for: bool, origin: str, comment: str, now: datetime) -> None:
        """Write somebody's answer."""
        ...

    def decide(self, asked: Asked, state: str, now: datetime) -> None:
        """A question is decided."""
        ...

    def count_failure(self, runbook: Runbook, now: datetime) -> bool:
        """A run has failed; whether that has opened the runbook's breaker."""
        ...

    def forget_failures(self, runbook: str, now: datetime) -> None:
        """A run has done its work."""
        ...

    def close_breaker(self, runbook: str, by: str, now: datetime) -> bool:
        """A person closes a breaker; False when it is closed."""
        ...

    def throw(self, scope: str, by: str, comment: str, now: datetime) -> bool:
        """Throw a kill switch; False when it is thrown already."""
        ...

    def release(self, scope: str) -> bool:
        """Take a kill switch back; False when it is not thrown."""
        ...

    def is_team(self, name: str) -> bool:
        """Whether there is a team of this name."""
        ...

    def open_alert(self, run: Run, name: str, words: str, now: datetime, asked: Asked | None = None) -> list[Due]:
        """An alert of its own, by the routes of its labels, where no incident is open; it asks what is asked."""
        ...

    def channels_like(self, names: Sequence[str]) -> Mapping[str, bool]:
        """Enabled channels of these names or kinds, and whether each needs an address of a person's."""
        ...


class RecoveringStore(Protocol):
    """Where runs are."""

    def begin(self) -> AbstractContextManager[RecoveringTransaction]:
        """Open a transaction."""
        ...


class StepKinds(Protocol):
    """The kinds of steps that are installed."""

    def step_type(self, kind: str) -> StepType:
        """The kind of step of this name; raises UnknownPlugin or PluginError."""
        ...
