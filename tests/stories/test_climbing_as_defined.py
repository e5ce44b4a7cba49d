"""Policies as a file says them, from the file to the people who are told."""

from __future__ import annotations

from datetime import datetime, timedelta

import yaml

from healthmgr.domain.check import Severity
from healthmgr.storage.climbing_rows import ClimbingRows
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


def test_quiet_hours_follow_the_time_window_that_they_name_also_one_of_another_file(story: Story) -> None:
    windows = story.folder / "windows.yaml"

    def quiet_on(day: str) -> None:
        windows.write_text(yaml.safe_dump({"version": 1, "time_windows": {"rest": [{"weekdays": [day]}]}}))
        story.healthmgr.defining.apply(windows, actor="story", origin="file", now=story.now)

    story.given(check("api"))
    quiet_on("tuesday")
    quiet_hours = [{"hours": ["rest"], "severities": ["low"]}]
    alice = {"contacts": {"mail": "alice@example.com"}, "quiet_hours": quiet_hours}
    story.given(check("api"), people={"alice": alice}, recipients={"bob": {"contacts": {"mail": "bob@example.com"}}})
    assert quiet_until(story) is None, "it is Monday"
    quiet_on("monday")
    assert quiet_until(story) == story.now.replace(hour=0, minute=0) + timedelta(days=1)
    quiet_on("tuesday")
    assert quiet_until(story) is None


def quiet_until(story: Story) -> datetime | None:
    """Until when alice is left alone now."""
    with story.engine.connect() as connection:
        return ClimbingRows(connection).people(["alice"])["alice"].quiet_until(Severity.LOW, story.now)
