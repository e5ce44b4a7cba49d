"""The rails over real rows: each has a story in which it refuses, and one in which it permits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from healthmgr.domain.step import Done
from healthmgr.errors import Conflict
from healthmgr.services.commanding import Act
from tests.stories.harness import Story, check
from tests.stories.repairing import Deed
from tests.stories.test_recovery import given_api, restarting_helps, runbook, runs

ROUTING = {"default": {"to": ["alice"], "via": ["mail"], "group_wait": "0s"}}


def states(story: Story) -> list[str]:
    return [run.state for run in runs(story)]


def refusals(story: Story) -> list[str]:
    """What the timelines say of runs that did not start."""
    return [entry.detail["words"] for entry in story.timeline() if entry.kind in ("run_refused", "run_waits")]


def breaks_and_mends(story: Story, *, times: int, minutes: float) -> None:
    """The check api breaks again and again, and its runbook mends it each time."""
    for _ in range(times):
        story.check_fails("api")
        story.fast_forward(minutes=minutes)


def test_nothing_starts_by_itself_where_that_is_switched_off(story_with: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("ENABLE_AUTO_RECOVERY", "false")
    story = story_with(recovery={"enabled": False})
    given_api(story)
    story.check_fails("api")
    story.fast_forward(minutes=1)
    assert states(story) == ["refused"]
    assert refusals(story) == ["automatic recovery is switched off (ENABLE_AUTO_RECOVERY)"]


def test_nothing_is_repaired_in_maintenance_and_after_it_people_are_told(story: Story) -> None:
    window = {"matchers": ["check=api"], "starts_at": "2026-03-02T09:00:00Z", "ends_at": "2026-03-02T09:30:00Z"}
    given_api(story, more={"maintenance": {"move": window}})
    story.check_fails("api")
    story.fast_forward(minutes=5)
    assert (states(story), story.steps.done()) == (["refused"], [])
    story.fast_forward(minutes=30)
    story.expect_notification("alice", about="api")
    # What was refused before there was an incident stands on its timeline all the same.
    assert refusals(story) == ["it is in maintenance (move)"]


def test_a_silence_keeps_people_from_being_told_and_nothing_from_being_repaired(story: Story) -> None:
    given_api(story)
    restarting_helps(story)
    story.silence("check=api", minutes=60)
    story.check_fails("api")
    story.fast_forward(minutes=2)
    assert states(story) == ["succeeded"]
    story.expect_silence()


def test_a_check_that_flaps_is_not_repaired(story: Story) -> None:
    given_api(story, limits={"target_cool_down": "0s"})
    for _ in range(8):
        story.check_fails("api")
        story.fast_forward(seconds=10)
        story.check_recovers("api")
        story.fast_forward(seconds=10)
    story.check_fails("api")
    story.fast_forward(minutes=1)
    assert "its check is flapping" in refusals(story)
    ((began,),) = story.rows("SELECT min(at) FROM transitions WHERE reason = 'flapping_started'")
    assert story.rows("SELECT number FROM runs WHERE started_at > :began", began=began) == []


def test_what_is_merely_unreachable_is_not_repaired(story: Story) -> None:
    runbooks = {"restart": runbook()}
    db = check("db", severity="high", service="data")
    api = check("api", severity="high", service="shop", depends_on=["db"])
    story.given(api, db, routing=ROUTING, runbooks=runbooks)
    story.all_is_well()
    story.check_fails("db")
    story.check_fails("api")
    story.fast_forward(minutes=2)
    assert (states(story), story.steps.done()) == (["refused"], [])
    assert refusals(story) == ["what it depends on is down"]


def test_nothing_is_repaired_while_the_monitor_itself_is_in_doubt(story: Story) -> None:
    given_api(story)
    story.check_finds("api", Outcome(Status.UNKNOWN, "could not tell: no canary answers"))
    story.fast_forward(minutes=2)
    assert (states(story), story.steps.done()) == (["refused"], [])
    assert "the monitor itself is in doubt" in refusals(story)[0]


def test_attempts_for_one_alert_are_counted(story: Story) -> None:
    given_api(story, automation="manual", limits={"attempts": 1, "target_cool_down": "0s"})
    story.check_fails("api")
    story.fast_forward(seconds=30)
    begin_by_hand(story)
    story.fast_forward(minutes=2)
    assert states(story) == ["failed"]
    with pytest.raises(Conflict, match="it was tried once for this alert, which is the most"):
        begin_by_hand(story)


def test_a_target_cools_down_before_it_is_repaired_again(story: Story) -> None:
    given_api(story, limits={"target_cool_down": "5m"})
    restarting_helps(story)
    story.check_fails("api")
    story.fast_forward(seconds=30)
    assert states(story) == ["succeeded"]
    ended = story.rows("SELECT ended_at FROM runs")[0].ended_at
    story.fast_forward(minutes=1)
    story.check_fails("api")
    story.fast_forward(minutes=1)
    assert states(story) == ["succeeded", "pending"]
    assert refusals(story)[0].startswith("its target cools down until")
    story.fast_forward(minutes=4)
    assert states(story) == ["succeeded", "succeeded"]
    begun = story.rows("SELECT started_at FROM runs ORDER BY number")[1].started_at
    assert (begun - ended).total_seconds() >= 300


def test_no_more_runs_start_within_the_window_than_may(story: Story) -> None:
    given_api(story, limits={"most": 2, "per": "1h", "target_cool_down": "0s"})
    restarting_helps(story)
    breaks_and_mends(story, times=3, minutes=5)
    assert states(story) == ["succeeded", "succeeded", "pending"]
    assert "2 times within 1h" in refusals(story)[0]
    story.fast_forward(minutes=60)
    assert states(story)[2] == "succeeded"


def given_web(story: Story, size: int, **limits: Any) -> None:
    """Instances of one service, each its own check and target, and one runbook for them all."""
    runbooks = {
        "restart": runbook(
            {"id": "restart", "kind": "command", "config": {"command": ["/bin/restart", "{{ check }}"]}},
            {"wait": "20s"},
            trigger={"match": ['service="web"']},
            limits={"blast_radius": limits, "target_cool_down": "0s", "breaker": 10},
        )
    }
    checks = [check(f"web-{i}", severity="high", service="web") for i in range(size)]
    story.given(*checks, routing=ROUTING, runbooks=runbooks)
    story.all_is_well()


def mends_slowly(story: Story) -> Callable[[Deed], Done]:
    """A restart after which the instance is healthy; how many were under repair at once is noted."""
    seen: list[int] = []

    def mend(deed: Deed) -> Done:
        busy = "SELECT count(*) AS n FROM runs WHERE state IN ('running', 'waiting', 'verifying', 'rolling_back')"
        seen.append(story.rows(busy)[0].n)
        story.check_recovers(deed.config["command"][1])
        return Done("restarted")

    mend.seen = seen  # type: ignore[attr-defined]
    return mend


def test_at_most_so_many_of_a_group_are_under_repair_at_once_and_all_are_in_their_turn(story: Story) -> None:
    given_web(story, 6, most=2)
    mend = mends_slowly(story)
    story.steps.answers["restart"] = mend
    for i in range(6):
        story.check_fails(f"web-{i}")
    story.fast_forward(minutes=5)
    assert states(story) == ["succeeded"] * 6
    assert max(mend.seen) == 2  # type: ignore[attr-defined]
    assert any("of its group of 6 are under repair, of 2 at most" in words for words in refusals(story))


def test_so_many_of_a_group_have_to_be_healthy(story: Story) -> None:
    given_web(story, 3, keep_healthy=2)
    story.steps.answers["restart"] = mends_slowly(story)
    story.check_fails("web-0")
    story.fast_forward(minutes=1)
    assert states(story) == ["succeeded"]
    story.steps.answers["restart"] = lambda deed: Done("restarted in vain")
    story.check_fails("web-0")
    story.check_fails("web-1")
    story.fast_forward(minutes=3)
    waiting = [run for run in runs(story) if run.state == "pending"]
    assert waiting
    assert waiting[0].words == "1 others of its group are healthy, and 2 have to be"
    story.check_recovers("web-0")
    story.fast_forward(minutes=1)
    assert "pending" not in states(story)


def test_the_first_repair_of_a_group_is_proved_before_a_second_begins(story: Story) -> None:
    given_web(story, 3, canary=True)
    story.steps.answers["restart"] = mends_slowly(story)
    for i in range(3):
        story.check_fails(f"web-{i}")
    story.fast_forward(minutes=4)
    assert states(story) == ["succeeded"] * 3
    first, *others = story.rows("SELECT started_at, ended_at FROM runs ORDER BY started_at")
    assert all(other.started_at >= first.ended_at for other in others)


def test_where_the_first_repair_of_a_group_fails_no_second_begins(story: Story) -> None:
    given_web(story, 3, canary=True)
    for i in range(3):
        story.check_fails(f"web-{i}")
    story.fast_forward(minutes=4)
    assert len(story.steps.deeds) == 1
    assert sorted(states(story)) == ["failed", "refused", "refused"]


def begin_by_hand(story: Story) -> None:
    story.recovering.start("restart", Act("alice", "cli", story.now))
