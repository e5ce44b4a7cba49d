"""Policies as a file says them, from the file to the people who are told."""

from __future__ import annotations

from datetime import timedelta

from tests.stories.harness import Story, check

RULES = [
    {
        "id": "critical-escalation-l3",
        "severity": "critical",
        "level": "L3_SENIOR",
        "delayMinutes": 15,
        "channels": ["EMAIL"],
        "recipients": ["senior-engineering@company.com"],
    },
    {
        "id": "critical-immediate",
        "severity": "critical",
        "level": "L2_ENGINEERING",
        "delayMinutes": 0,
        "channels": ["EMAIL", "WEBHOOK"],
        "recipients": ["engineering-oncall@company.com"],
    },
]


def broken(story: Story) -> None:
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=30)


def test_rules_by_severity_tell_one_level_after_the_other(story: Story) -> None:
    story.given(check("api"), routing={"default": {"to": "bob", "via": "mail"}}, escalation_rules=RULES)
    broken(story)
    first = story.expect_notification("engineering-oncall-company-com")
    story.expect_notification("hook", via="hook")
    story.let_pass(minutes=14)
    story.expect_silence()
    story.let_pass(minutes=2)
    second = story.expect_notification("senior-engineering-company-com")
    assert timedelta(minutes=15) <= second.at - first.at < timedelta(minutes=16)
    story.let_pass(minutes=11)
    story.expect_notification("bob")  # the catch-all, when the policy has come to its end


def test_whoever_has_the_turn_is_told_over_his_contacts_in_their_order(story: Story) -> None:
    day = story.now.strftime("%Y-%m-%d")
    story.given(
        check("api"),
        people={
            "eve": {
                "contacts": [
                    {"via": "hook"},
                    {"via": "mail", "to": "eve@example.com", "after": "2m"},
                ]
            }
        },
        schedules={
            "primary": {"layers": [{"rotation": {"type": "daily", "start": f"{day} 00:00", "members": ["eve", "bob"]}}]}
        },
        escalation_policies={"standard": {"levels": [{"to": "schedule:primary"}, {"to": "alice", "after": "10m"}]}},
        routing={"critical": {"escalation": "standard"}, "default": {"to": "bob", "via": "mail"}},
    )
    broken(story)
    story.expect_notification("eve", via="hook")
    story.expect_silence()
    story.let_pass(minutes=3)
    story.expect_notification("eve")
    story.acknowledge("api", actor="eve")
    story.let_pass(hours=3)
    story.expect_notification("eve", via="hook", kind="acknowledgement")
    story.expect_silence()
