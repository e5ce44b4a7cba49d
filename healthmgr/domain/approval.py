"""Whether people agree to what a runbook is about to do: so many of those who may, each once, in time.

An answer that does not come is a no. For a critical problem nobody approves what they started themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from healthmgr.domain.check import Severity
from healthmgr.domain.runbook import Automation, Runbook


class ApprovalState(StrEnum):
    """What became of a question."""

    OPEN = "open"
    GRANTED = "granted"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # its run ended before it was answered


class VoteRefused(StrEnum):
    """Why a vote does not count."""

    OVER = "it_is_decided"
    EXPIRED = "it_has_expired"
    TWICE = "voted_before"
    NOT_ASKED = "is_not_among_those_who_may"
    OWN = "started_it_themselves"


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's answer."""

    person: str
    is_for: bool


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `approvers` are people by name, teams already resolved; None: whoever may respond."""

    needed: int
    approvers: frozenset[str] | None
    expires_at: datetime
    started_by: str = ""
    is_critical: bool = False
    votes: Sequence[Vote] = ()
    state: ApprovalState = ApprovalState.OPEN


def needs_approval(
    runbook: Runbook, severity: Severity, *, started_by: str, asks_for_critical: bool, may_approve: bool = True
) -> bool:
    """Whether somebody is asked before the first step.

    A critical problem always asks, unless the installation says otherwise; what starts half by itself asks as well.
    Whoever starts something else by hand has thereby agreed, and is one of those that are needed; but for somebody
    who is not among those who may approve it (`may_approve`).
    """
    if asks_for_critical and severity is Severity.CRITICAL:
        return True
    if started_by:
        return runbook.approval.needed > 1 or not may_approve
    return runbook.automation is not Automation.FULLY_AUTOMATED


def judge_vote(question: Question, person: str, now: datetime) -> VoteRefused | None:
    """Why this person's vote does not count; None when it does."""
    if question.state is ApprovalState.EXPIRED or (question.state is ApprovalState.OPEN and now >= question.expires_at):
        return VoteRefused.EXPIRED
    if question.state is not ApprovalState.OPEN:
        return VoteRefused.OVER
    if any(vote.person == person for vote in question.votes):
        return VoteRefused.TWICE
    if question.approvers is not None and person not in question.approvers:
        return VoteRefused.NOT_ASKED
    if question.is_critical and person == question.started_by:
        return VoteRefused.OWN
    return None


def tally(question: Question, now: datetime) -> ApprovalState:
    """What the votes come to: one no is a no, enough yeses a yes, silence beyond the time a no."""
    if question.state is not ApprovalState.OPEN:
        return question.state
    if any(not vote.is_for for vote in question.votes):
        return ApprovalState.DENIED
    if sum(vote.is_for for vote in question.votes) >= question.needed:
        return ApprovalState.GRANTED
    return ApprovalState.EXPIRED if now >= question.expires_at else ApprovalState.OPEN


def refusal_words(refused: VoteRefused, person: str) -> str:
    """Why a vote does not count, for the person."""
    return {
        VoteRefused.OVER: "This question is decided already.",
        VoteRefused.EXPIRED: "The time for an answer is over, which counts as a no.",
        VoteRefused.TWICE: f"{person} has voted already: one vote for each person.",
        VoteRefused.NOT_ASKED: f"{person} is not among those who may approve this.",
        VoteRefused.OWN: f"{person} started this run: for a critical problem somebody else has to approve it.",
    }[refused]


def can_be_granted(question: Question) -> bool:
    """Whether enough people may say yes, so that asking is no waste of time."""
    if question.approvers is None:
        return True
    may: Collection[str] = question.approvers
    if question.is_critical:
        may = question.approvers - {question.started_by}
    return len(may) >= question.needed
