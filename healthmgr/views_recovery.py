"""The shapes in which runs of runbooks, approvals, breakers and kill switches are read."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from healthmgr.views import View


class RunView(View):
    """A run: what is repaired, where it is, and why. `words` say the reason for people."""

    id: UUID
    number: int
    runbook: str
    state: str
    reason: str
    words: str
    trigger: str
    started_by: str
    target: str
    check: str
    severity: str
    alert_id: UUID | None
    incident_number: int | None
    is_proved: bool
    cancelled_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class RunStepView(View):
    """One attempt at a step. `is_rollback` where it undoes."""

    step: str
    kind: str
    attempt: int
    state: str
    is_rollback: bool
    worker: str
    started_at: datetime
    ended_at: datetime | None
    message: str
    output: str
    facts: dict[str, Any]


class RunEntryView(View):
    """One line of what happened to a run; `text` is the sentence."""

    at: datetime
    kind: str
    reason: str
    actor: str
    text: str
    detail: dict[str, Any]


class VoteView(View):
    """One person's answer."""

    person: str
    is_for: bool
    at: datetime
    origin: str
    comment: str


class ApprovalView(View):
    """What a run asks people. `approvers` are as they are written, none: whoever may respond."""

    id: UUID
    number: int
    run_id: UUID
    run_number: int
    runbook: str
    target: str
    severity: str
    step: str
    question: str
    state: str
    needed: int
    approvers: list[str]
    is_critical: bool
    asked_at: datetime
    expires_at: datetime
    decided_at: datetime | None
    votes: list[VoteView]


class RunCard(View):
    """All that is known of a run.

    Where it is over, `undoing` are the steps that would undo what it left behind, and `drained` the instances that it
    took out of service and that still are, as "service/instance".
    """

    run: RunView
    parameters: dict[str, Any]
    labels: dict[str, str]
    failure: str
    document: dict[str, Any]
    steps: list[RunStepView]
    entries: list[RunEntryView]
    approvals: list[ApprovalView]
    undoing: list[str]
    drained: list[str]


class BreakerView(View):
    """How often in a row a runbook has failed; open where `opened_at` is set."""

    runbook: str
    failures: int
    opened_at: datetime | None
    changed_at: datetime
    changed_by: str


class SwitchView(View):
    """A kill switch that is thrown; the scope "" is all recovery."""

    scope: str
    thrown_by: str
    thrown_at: datetime
    comment: str


class RateView(View):
    """How often a runbook that started by itself mended what it started for, as its check showed."""

    runbook: str
    alerts: int
    resolved: int
    rate: float | None
