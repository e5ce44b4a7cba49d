"""A disk that fills: foretold in the morning, told once more when it comes true, and never twice for the same thing."""

from __future__ import annotations

from datetime import timedelta

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from tests.stories.harness import START, Story, check

MINUTES = timedelta(minutes=1)


def begin(story: Story) -> None:
    story.given(
        check(
            "disk",
            kind="host",
            config={},
            interval="60s",
            service="files",
            severity="high",
            thresholds={"critical": {"disk_usage": "> 95%"}},
            forecast={"disk_usage": {"window": "1h", "horizon": "2h", "severity": "medium"}},
        ),
        routing={"default": {"to": ["alice"], "via": ["mail"], "group_by": ["..."], "group_wait": "0s"}},
    )


def pass_with(story: Story, minutes: int, per_minute: float, at_start: float = 60.0) -> None:
    """Let minutes pass in which the disk fills; every five, what was measured is rolled up and looked at."""
    for _ in range(minutes // 5):
        for _ in range(5):
            value = at_start + per_minute * ((story.now - START) / MINUTES)
            status = Status.UNHEALTHY if value > 95 else Status.HEALTHY
            story.check_finds(
                "disk", Outcome(status, f"{value:.0f} %", response_time=0.01, metrics={"disk_usage": value})
            )
            story.fast_forward(minutes=1)
        story.healthmgr.measuring.rolling.roll(story.now)
        story.healthmgr.insight.predicting.look_ahead(story.now)


def test_a_disk_is_foretold_and_its_breach_takes_over(story: Story) -> None:
    begin(story)
    pass_with(story, 60, 0.3)
    story.fast_forward(seconds=10)
    foretold = story.expect_notification("alice")
    alert = foretold.message.alerts[0]
    assert foretold.message.severity == "medium"
    assert alert.summary.startswith("disk_usage will pass 95% in 1 h ")
    story.expect_silence()
    pass_with(story, 70, 0.3)
    story.fast_forward(seconds=10)
    breach = story.expect_notification("alice", about="disk")
    assert breach.message.severity == "high"
    assert breach.message.alerts[0].foretold.startswith("disk_usage will pass 95% in ")
    over = story.expect_notification("alice", kind="resolution")
    assert over.message.alerts[0].resolution == "taken over by the breach"
    story.expect_silence()


def test_a_disk_that_is_cleaned_takes_the_forecast_back(story: Story) -> None:
    begin(story)
    pass_with(story, 60, 0.3)
    story.fast_forward(seconds=10)
    story.expect_notification("alice")
    pass_with(story, 20, 0.0, at_start=40.0)
    story.fast_forward(seconds=10)
    over = story.expect_notification("alice", kind="resolution")
    assert over.message.alerts[0].resolution == "trend turned"
    story.expect_silence()


def test_a_disk_that_stays_as_it_is_tells_nobody(story: Story) -> None:
    begin(story)
    pass_with(story, 60, 0.0)
    story.expect_silence()
