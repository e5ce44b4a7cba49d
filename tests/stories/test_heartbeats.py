"""Jobs that report by themselves: told when they fail or fall silent, at once, and when they are back."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from healthmgr.checks.heartbeat import HeartbeatCheck, HeartbeatConfig
from healthmgr.domain.result import Outcome, ProbeOrder
from healthmgr.ports import ProbeContext
from tests.stories.harness import Story, check


@pytest.fixture
def backup(story: Story, monkeypatch: pytest.MonkeyPatch) -> Story:
    """A heartbeat every hour with five minutes of grace, judged by the real check type."""
    kind = HeartbeatCheck()

    def judge(self: Story, order: ProbeOrder) -> Outcome:
        context = ProbeContext(order.slug, order.timeout, self.now, view=order.view)
        return asyncio.run(kind.probe(HeartbeatConfig.model_validate(order.config), context))

    monkeypatch.setattr(Story, "find", judge)
    story.given(check("backup", kind="heartbeat", config={"period": "1h", "grace": "5m"}, interval="30s", timeout="5s"))
    return story


def ping(story: Story, kind: str = "success") -> None:
    story.healthmgr.pinging.record("backup", kind, "", story.now)
    story.fast_forward(seconds=1)


def test_a_job_that_falls_silent_is_told_when_its_grace_is_over_and_not_before(backup: Story) -> None:
    backup.fast_forward(minutes=1)
    ping(backup)
    last: datetime = backup.now
    backup.fast_forward(minutes=64)
    backup.expect_silence()
    backup.fast_forward(minutes=2)
    told = backup.expect_notification("alice", about="backup")
    assert timedelta(minutes=65) <= told.at - last < timedelta(minutes=66)
    ping(backup)
    backup.expect_notification("alice", about="backup", kind="resolution")
    backup.expect_silence()


@pytest.mark.parametrize("kind", ["fail", "1", "255"])
def test_a_job_that_reports_its_failure_is_told_at_once(backup: Story, kind: str) -> None:
    backup.fast_forward(minutes=1)
    ping(backup)
    ping(backup, kind)
    backup.expect_notification("alice", about="backup")
    ping(backup, "0")
    backup.expect_notification("alice", about="backup", kind="resolution")


def test_a_job_that_starts_and_does_not_end_is_told(backup: Story) -> None:
    backup.fast_forward(minutes=1)
    ping(backup, "start")
    backup.fast_forward(minutes=4)
    backup.expect_silence()
    backup.fast_forward(minutes=2)
    backup.expect_notification("alice", about="backup")


def test_a_failure_that_is_made_good_before_the_next_beat_is_told_and_not_lost_between_two_probes(
    backup: Story,
) -> None:
    backup.fast_forward(minutes=1)
    ping(backup)
    backup.healthmgr.pinging.record("backup", "fail", "", backup.now)
    backup.healthmgr.pinging.record("backup", "success", "", backup.now)
    backup.fast_forward(minutes=1)
    backup.expect_notification("alice", about="backup")
    backup.expect_notification("alice", about="backup", kind="resolution")
    backup.fast_forward(minutes=30)
    backup.expect_silence()


def test_an_end_of_another_run_leaves_the_run_open(backup: Story) -> None:
    backup.fast_forward(minutes=1)
    for kind, run in (("start", 1), ("success", 2)):
        backup.healthmgr.pinging.record("backup", kind, "", backup.now, UUID(int=run))
    backup.fast_forward(minutes=4)
    backup.expect_silence()
    backup.fast_forward(minutes=2)
    backup.expect_notification("alice", about="backup")


def test_a_paused_job_is_watched_again_from_its_next_start(backup: Story) -> None:
    backup.fast_forward(minutes=1)
    ping(backup)
    backup.healthmgr.responding.pause("backup", actor="alice", origin="cli", now=backup.now)
    backup.fast_forward(hours=5)
    backup.expect_silence()
    ping(backup, "start")
    backup.fast_forward(minutes=4)
    backup.expect_silence()
    backup.fast_forward(minutes=2)
    backup.expect_notification("alice", about="backup")


def test_a_job_is_not_late_for_what_it_missed_while_a_person_had_paused_it(backup: Story) -> None:
    backup.fast_forward(minutes=1)
    ping(backup)
    backup.healthmgr.responding.pause("backup", actor="alice", origin="cli", now=backup.now)
    backup.fast_forward(hours=5)
    backup.healthmgr.responding.resume("backup", actor="alice", origin="cli", now=backup.now)
    backup.fast_forward(minutes=64)
    backup.expect_silence()
    backup.fast_forward(minutes=2)
    backup.expect_notification("alice", about="backup")


def test_a_new_job_is_waited_for(backup: Story) -> None:
    backup.fast_forward(minutes=64)
    backup.expect_silence()
    backup.fast_forward(minutes=2)
    backup.expect_notification("alice", about="backup")


def test_only_heartbeats_take_pings(story: Story) -> None:
    story.given(check("api"))
    with pytest.raises(Exception, match="only heartbeat checks take pings"):
        story.healthmgr.pinging.record("api", "success", "", story.now)
