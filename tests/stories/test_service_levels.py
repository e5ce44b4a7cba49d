"""Stories of service levels: from slow answers that break no limit to the person who hears that the budget burns."""

from __future__ import annotations

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from tests.stories.harness import Story, check

FAST = {"checks": ["shop"], "objective": "99%", "kind": "latency", "threshold": "< 500ms"}


def look(story: Story) -> None:
    """What upkeep does every half minute."""
    story.healthmgr.measuring.rolling.roll(story.now)
    story.healthmgr.measuring.upholding.uphold(story.now)
    story.fast_forward(minutes=1)


def test_a_burning_budget_is_told_once_and_its_end_is_told(story: Story) -> None:
    story.given(check("shop", interval="60s", severity="critical"), slos={"fast": FAST})
    story.fast_forward(minutes=30)
    look(story)
    story.expect_silence()
    story.check_finds("shop", Outcome(Status.HEALTHY, "fine", response_time=0.9))
    story.fast_forward(minutes=10)
    for _ in range(3):
        look(story)
    (delivery, *others) = [d for d in story.deliveries if d.message.kind == "problem"]
    (alert,) = delivery.message.alerts
    assert alert.check_name == "Service level fast"
    assert "times too fast over 1h" in alert.summary
    assert {d.message.recipient for d in others} <= {delivery.message.recipient}, "and over no more than their channels"
    story.deliveries.clear()
    look(story)
    story.expect_silence()
    story.check_finds("shop", Outcome(Status.HEALTHY, "fine", response_time=0.01))
    story.fast_forward(hours=7)
    for _ in range(2):
        look(story)
    story.expect_notification(delivery.message.recipient, kind="resolution")


def test_what_is_slow_in_a_maintenance_window_burns_nothing(story: Story) -> None:
    begins, ends = story.now.isoformat(), story.now.replace(hour=23).isoformat()
    window = {"matchers": ["check=shop"], "starts_at": begins, "ends_at": ends}
    story.given(check("shop", interval="60s"), slos={"fast": FAST}, maintenance={"move": window})
    story.check_finds("shop", Outcome(Status.HEALTHY, "fine", response_time=0.9))
    story.fast_forward(minutes=30)
    look(story)
    story.expect_silence()
    (standing,) = story.healthmgr.measuring.upholding.standings(story.now)
    assert standing.level is None
