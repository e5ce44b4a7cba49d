"""Whether people agree: so many of those who may, each once, in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from healthmgr.domain.approval import (
    ApprovalState,
    Question,
    Vote,
    VoteRefused,
    can_be_granted,
    judge_vote,
    needs_approval,
    refusal_words,
    tally,
)
from healthmgr.domain.check import Severity
from healthmgr.domain.runbook import ApprovalRule, Automation, Runbook, Step

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ASKED = Question(2, None, NOW + timedelta(minutes=30))
YES, NO = True, False


@pytest.mark.parametrize(
    ("automation", "severity", "started_by", "asks_for_critical", "is_asked"),
    [
        (Automation.FULLY_AUTOMATED, Severity.HIGH, "", True, False),
        (Automation.FULLY_AUTOMATED, Severity.CRITICAL, "", True, True),
        (Automation.FULLY_AUTOMATED, Severity.CRITICAL, "", False, False),
        (Automation.SEMI_AUTOMATED, Severity.LOW, "", True, True),
        (Automation.SEMI_AUTOMATED, Severity.LOW, "ada", True, False),
        (Automation.MANUAL, Severity.CRITICAL, "ada", True, True),
    ],
)
def test_who_is_asked_first(
    automation: Automation, severity: Severity, started_by: str, asks_for_critical: bool, is_asked: bool
) -> None:
    runbook = Runbook("restart", (Step("restart", "command"),), automation=automation)
    found = needs_approval(runbook, severity, started_by=started_by, asks_for_critical=asks_for_critical)
    assert found is is_asked


def test_a_runbook_that_needs_two_asks_for_the_second_where_one_starts_it() -> None:
    runbook = Runbook("restart", (Step("restart", "command"),), approval=ApprovalRule(needed=2))
    assert needs_approval(runbook, Severity.LOW, started_by="ada", asks_for_critical=True)


def test_whoever_may_not_approve_has_not_agreed_by_starting_it() -> None:
    runbook = Runbook("restart", (Step("restart", "command"),), automation=Automation.MANUAL)
    for may_approve in (True, False):
        asks = needs_approval(runbook, Severity.LOW, started_by="ada", asks_for_critical=True, may_approve=may_approve)
        assert asks is not may_approve


def test_enough_yeses_are_a_yes() -> None:
    assert tally(replace(ASKED, votes=[Vote("ada", YES)]), NOW) is ApprovalState.OPEN
    assert tally(replace(ASKED, votes=[Vote("ada", YES), Vote("bob", YES)]), NOW) is ApprovalState.GRANTED


def test_one_no_is_a_no() -> None:
    assert tally(replace(ASKED, votes=[Vote("ada", YES), Vote("bob", NO)]), NOW) is ApprovalState.DENIED


def test_silence_is_a_no() -> None:
    late = ASKED.expires_at
    assert tally(ASKED, late) is ApprovalState.EXPIRED
    assert judge_vote(ASKED, "ada", late) is VoteRefused.EXPIRED


@pytest.mark.parametrize(
    ("question", "refused"),
    [
        (replace(ASKED, votes=[Vote("ada", YES)]), VoteRefused.TWICE),
        (replace(ASKED, approvers=frozenset({"bob"})), VoteRefused.NOT_ASKED),
        (replace(ASKED, started_by="ada", is_critical=True), VoteRefused.OWN),
        (replace(ASKED, state=ApprovalState.GRANTED), VoteRefused.OVER),
        (replace(ASKED, state=ApprovalState.WITHDRAWN), VoteRefused.OVER),
        (replace(ASKED, state=ApprovalState.EXPIRED), VoteRefused.EXPIRED),
        (replace(ASKED, started_by="ada"), None),
        (replace(ASKED, approvers=frozenset({"ada"})), None),
    ],
)
def test_whose_vote_counts(question: Question, refused: VoteRefused | None) -> None:
    assert judge_vote(question, "ada", NOW) is refused
    if refused is not None:
        assert refusal_words(refused, "ada").endswith(".")


def test_nobody_is_asked_where_too_few_may_say_yes() -> None:
    assert can_be_granted(ASKED)
    assert not can_be_granted(replace(ASKED, approvers=frozenset({"ada"})))
    assert not can_be_granted(replace(ASKED, approvers=frozenset({"ada", "bob"}), started_by="ada", is_critical=True))
