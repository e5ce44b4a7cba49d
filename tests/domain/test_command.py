"""Roles, the rule for a commander, and what follows when somebody declines."""

from __future__ import annotations

import pytest

from healthmgr.domain.check import Severity
from healthmgr.domain.command import AfterDecline, CommandRule, after_decline, role_name
from healthmgr.domain.escalation import Named, TargetKind


@pytest.mark.parametrize(
    ("who", "asked", "in_hand_of", "expected"),
    [
        ("alice", {"alice"}, None, AfterDecline.NEXT_LEVEL),
        ("alice", {"alice", "bob"}, None, AfterDecline.OTHERS_ASKED),
        ("alice", {"bob"}, None, AfterDecline.NOT_ASKED),
        ("alice", set(), None, AfterDecline.NOT_ASKED),
        ("alice", {"alice"}, "bob", AfterDecline.IN_HAND),
        ("alice", {"alice", "bob"}, "alice", AfterDecline.NEXT_LEVEL),
        ("alice", set(), "alice", AfterDecline.NEXT_LEVEL),
    ],
)
def test_a_decline_goes_on_when_nobody_is_left_to_answer(
    who: str, asked: set[str], in_hand_of: str | None, expected: AfterDecline
) -> None:
    assert after_decline(who, asked, in_hand_of=in_hand_of) is expected


def test_a_rule_names_who_commands_and_at_which_severities() -> None:
    rule = CommandRule.parse("schedule:commander", ("critical", " High "))
    assert rule.commander == Named(TargetKind.SCHEDULE, "commander")
    assert [severity for severity in Severity if rule.concerns(severity)] == [Severity.CRITICAL, Severity.HIGH]


@pytest.mark.parametrize(
    ("commander", "severity"), [("channel:ops", "critical"), ("moon:carol", "critical"), ("carol", "worst")]
)
def test_a_rule_that_means_nobody_is_refused(commander: str, severity: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        CommandRule.parse(commander, (severity,))


def test_a_role_is_a_word() -> None:
    assert role_name(" Internal  Communications ") == "internal_communications"
    for text in ("", "42", "-x", "x" * 41, "a\x00b"):
        with pytest.raises(ValueError, match="is no role"):
            role_name(text)
