"""Asking people whether a runbook may go on: the question is a row before anybody is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from healthmgr.domain.approval import Question, Vote, can_be_granted
from healthmgr.domain.check import Severity
from healthmgr.domain.dispatch import Due
from healthmgr.domain.run import Declined, advance
from healthmgr.domain.run_state import RunReason, RunState
from healthmgr.domain.runbook import ApprovalRule
from healthmgr.domain.step import Ask
from healthmgr.domain.timeline import EntryKind
from healthmgr.services.recovering_moving import note, settle
from healthmgr.services.recovering_ports import Asked, RecoveringTransaction, Run
from healthmgr.services.recovering_telling import ask_people, people_of

NEW = UUID(int=0)
# While people think, the problem may go away.
LOOKS_FOR_HEALING_EVERY = timedelta(seconds=30)


def ask_before_the_first_step(transaction: RecoveringTransaction, run: Run, now: datetime) -> list[Due]:
    """Ask whether the run may begin. Whoever started it by hand and may approve it agrees, where it is not critical."""
    runbook = run.runbook
    steps = ", ".join(step.name or step.id for step in runbook.steps)
    text = f"May runbook {runbook.name} (run {run.number}) go ahead on {run.target}? It would do: {steps}."
    return _ask(transaction, run, runbook.approval, text, "", now)


def ask_at_step(transaction: RecoveringTransaction, run: Run, ask: Ask, step: str, now: datetime) -> list[Due]:
    """Ask what a step asks."""
    text = f"Runbook {run.runbook.name} (run {run.number}) on {run.target} asks: {ask.question}"
    rule = ApprovalRule(ask.needed, ask.approvers, ask.expires_after)
    return _ask(transaction, run, rule, text, step, now)


def may_approve(transaction: RecoveringTransaction, approvers: Sequence[str], person: str, now: datetime) -> bool:
    """Whether this person is among those who may approve at this moment; nobody named: whoever may respond."""
    return not approvers or person in people_of(transaction, approvers, now)


def _ask(
    transaction: RecoveringTransaction, run: Run, rule: ApprovalRule, text: str, step: str, now: datetime
) -> list[Due]:
    is_critical = run.severity is Severity.CRITICAL
    approvers = people_of(transaction, rule.approvers, now) if rule.approvers else None
    agrees = run.started_by and not is_critical and not step and (approvers is None or run.started_by in approvers)
    votes = (Vote(run.started_by, is_for=True),) if agrees else ()
    question = Question(rule.needed, approvers, now + rule.expires_after, run.started_by, is_critical, votes)
    if not can_be_granted(question) and not step:
        words = f"{rule.needed} have to agree, and fewer may"
        return settle(transaction, run, advance(run.progress, Declined(RunReason.APPROVAL_DENIED, words)), now)
    run = replace(
        run,
        progress=replace(run.progress, state=RunState.AWAITING_APPROVAL),
        reason="asked",
        words=text,
        is_under_way=False,
        due_at=min(question.expires_at, now + LOOKS_FOR_HEALING_EVERY),
    )
    asked = transaction.ask(run, Asked(NEW, 0, run.id, step, text, question, now, rule.approvers), now)
    for vote in votes:
        transaction.vote(asked, vote.person, vote.is_for, "start", "", now)
    note(transaction, run, EntryKind.APPROVAL_ASKED, "asked", now, question=text, approval=asked.number)
    dues = ask_people(transaction, run, asked, now)
    return [*dues, *transaction.save_run(run, now)]
