"""The shapes in which runbooks, and what a run of one would do, are read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from healthmgr.domain.quantity import format_duration
from healthmgr.domain.rails import Refuse
from healthmgr.domain.rehearsal import Rehearsal, RehearsedStep
from healthmgr.domain.runbook import Runbook, Step
from healthmgr.domain.runbook_words import runbook_facts, starts
from healthmgr.views import View


class RunbookLineView(View):
    """A runbook in a list. `starts` says when it starts by itself, `checks` are those that name it or that it names."""

    name: str
    title: str
    automation: str
    starts: str
    checks: list[str]
    steps: list[str]
    team: str
    managed_by: str
    updated_at: datetime

    @classmethod
    def of(cls, runbook: Runbook, naming: list[str], managed_by: str, updated_at: datetime) -> RunbookLineView:
        """A runbook that these checks name."""
        return cls(
            name=runbook.name,
            title=runbook.title,
            automation=runbook.automation.value,
            starts=starts(runbook, is_named=bool(naming)),
            checks=sorted({*runbook.trigger.checks, *naming}),
            steps=[step.kind for step in runbook.steps],
            team=runbook.team,
            managed_by=managed_by,
            updated_at=updated_at,
        )


class RunbookView(RunbookLineView):
    """A runbook, in the words of a definitions file under `definition`; lengths are texts as there."""

    definition: dict[str, Any]

    @classmethod
    def of(cls, runbook: Runbook, naming: list[str], managed_by: str, updated_at: datetime) -> RunbookView:
        """A runbook that these checks name."""
        line = RunbookLineView.of(runbook, naming, managed_by, updated_at)
        facts = dict(runbook_facts(runbook))
        facts["steps"] = [{"id": step_id, **step} for step_id, step in facts["steps"].items()]
        return cls(**line.model_dump(), definition=_plain(facts))


class RehearsedStepView(View):
    """What one step would do; `is_taken` is empty where that is known when its turn comes."""

    id: str
    name: str
    kind: str
    does: str
    fault: str
    is_taken: bool | None
    why: str
    timeout: timedelta
    retries: int
    on_failure: str
    rollback: list[RehearsedStepView]

    @classmethod
    def of(cls, rehearsed: RehearsedStep) -> RehearsedStepView:
        """A step that was rehearsed."""
        step: Step = rehearsed.step
        return cls(
            id=step.id,
            name=step.name,
            kind=step.kind,
            does=rehearsed.words,
            fault=rehearsed.fault,
            is_taken=rehearsed.is_taken,
            why=rehearsed.why,
            timeout=step.timeout,
            retries=step.retries,
            on_failure=step.on_failure.value,
            rollback=[cls.of(undoing) for undoing in rehearsed.rollback],
        )


class RehearsedApprovalView(View):
    """Who would be asked before the first step; nobody by name: whoever may respond."""

    needed: int
    approvers: list[str]
    expires_after: timedelta


class RehearsalView(View):
    """What a run would do. `may_start` is empty where no check was given: the rails are about one."""

    runbook: str
    automation: str
    check: str
    severity: str
    labels: dict[str, str]
    parameters: dict[str, Any]
    missing_parameters: list[str]
    target: str
    steps: list[RehearsedStepView]
    approval: RehearsedApprovalView | None
    may_start: bool | None
    reason: str
    words: str
    until: datetime | None

    @classmethod
    def of(cls, rehearsal: Rehearsal) -> RehearsalView:
        """A rehearsal."""
        rule, judgement = rehearsal.runbook.approval, rehearsal.judgement
        refused = judgement if isinstance(judgement, Refuse) else None
        approval = RehearsedApprovalView(
            needed=rule.needed, approvers=list(rule.approvers), expires_after=rule.expires_after
        )
        return cls(
            runbook=rehearsal.runbook.name,
            automation=rehearsal.runbook.automation.value,
            check=rehearsal.check,
            severity=rehearsal.severity.value,
            labels=dict(rehearsal.labels),
            parameters=dict(rehearsal.parameters),
            missing_parameters=list(rehearsal.missing),
            target=rehearsal.target,
            steps=[RehearsedStepView.of(step) for step in rehearsal.steps],
            approval=approval if rehearsal.asks else None,
            may_start=None if judgement is None else refused is None and not rehearsal.missing,
            reason=refused.reason.value if refused is not None else "",
            words=refused.words if refused is not None else "",
            until=refused.until if refused is not None else None,
        )


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
