"""What a provider had accepted, and reports lost later: it is told another way, while that still helps."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from healthmgr.services.reporting import After, Report
from tests.stories.harness import Story, check
from tests.stories.test_lifecycle import told_once

ALICE_ALONE = {name: {"to": ["alice"], "via": ["mail"], "repeat_interval": "2h"} for name in ("critical", "default")}
_NAME = text("""
UPDATE deliveries SET provider_id = :id
WHERE notification_id = (SELECT id FROM notifications ORDER BY position DESC LIMIT 1)
""")


def lost(story: Story, provider_id: str = "X1") -> After:
    """The provider says of the latest message that it did not arrive."""
    with story.engine.begin() as connection:
        connection.execute(_NAME, {"id": provider_id})
    report = Report(provider_id, "undelivered", is_failure=True, supersedes=lambda known: not known)
    return story.healthmgr.reporting.report(report, story.now)


def test_what_is_reported_lost_is_told_to_the_default_recipients_by_the_sweep_alone(story: Story) -> None:
    told_once(story)
    assert lost(story) is After.LOST
    story.let_pass(minutes=1)
    instead = story.expect_notification("bob", about="api")
    assert instead.message.reason == "earlier_channel_failed"
    story.expect_silence()
    assert [entry.kind for entry in story.timeline()][-3:] == ["not_sent", "fell_back", "sent"]
    story.check_recovers("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", about="api", kind="resolution")
    story.expect_notification("bob", about="api", kind="resolution")


def test_when_nobody_else_is_left_it_is_told_again_within_minutes(story: Story) -> None:
    story.given(check("api"), routing=ALICE_ALONE)
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", about="api")
    lost_at = story.now
    assert lost(story) is After.LOST
    story.let_pass(minutes=6)
    again = story.expect_notification("alice", about="api")
    assert timedelta(0) < again.at - lost_at <= timedelta(minutes=5)
    assert again.message.reason == "nobody_was_reached"


def test_what_is_lost_after_somebody_has_answered_disturbs_nobody(story: Story) -> None:
    told_once(story)
    story.answer("acknowledge", "api")
    assert lost(story) is After.LOST_TOO_LATE
    story.let_pass(minutes=60)
    story.expect_silence()


def test_what_is_lost_after_it_is_over_disturbs_nobody_but_the_end_is_told_another_way(story: Story) -> None:
    told_once(story)
    story.check_recovers("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", about="api", kind="resolution")
    assert lost(story) is After.LOST
    story.let_pass(minutes=1)
    story.expect_notification("bob", about="api", kind="resolution")
    story.expect_silence()
