"""The other half of the rails: what refused a run lets one begin once it is out of the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from healthmgr.domain.step import Done
from healthmgr.errors import Conflict
from healthmgr.services.commanding import Act
from tests.stories.harness import Story, check
from tests.stories.test_recovery import given_api, restarting_helps, runbook, runs
from tests.stories.test_recovery_rails import ROUTING, begin_by_hand, given_web, mends_slowly, refusals, states


def act(story: Story) -> Act:
    return Act("alice", "cli", story.now)


def test_what_does_not_start_by_itself_is_started_by_hand(story_with: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("ENABLE_AUTO_RECOVERY", "false")
    story = story_with(recovery={"enabled": False})
    given_api(story)
    restarting_helps(story)
    story.check_fails("api")
    story.fast_forward(seconds=30)
    begin_by_hand(story)
    story.fast_forward(minutes=1)
    assert states(story) == ["refused", "succeeded"]


def test_what_breaks_after_its_maintenance_is_repaired(story: Story) -> None:
    window = {"matchers": ["check=api"], "starts_at": "2026-03-02T09:00:00Z", "ends_at": "2026-03-02T09:30:00Z"}
    given_api(story, more={"maintenance": {"move": window}})
    restarting_helps(story)
    story.check_fails("api")
    story.fast_forward(minutes=5)
    story.check_recovers("api")
    story.fast_forward(minutes=30)
    story.check_fails("api")
    story.fast_forward(minutes=1)
    assert states(story) == ["refused", "succeeded"]


def test_a_check_that_has_settled_is_repaired_again(story: Story) -> None:
    given_api(story, limits={"target_cool_down": "0s"})
    for _ in range(8):
        story.check_fails("api")
        story.fast_forward(seconds=10)
        story.check_recovers("api")
        story.fast_forward(seconds=10)
    story.fast_forward(hours=2)
    restarting_helps(story)
    before = len(states(story))
    story.check_fails("api")
    story.fast_forward(minutes=1)
    assert states(story)[before:] == ["succeeded"]


def test_what_is_still_down_when_its_cause_is_mended_is_repaired(story: Story) -> None:
    db = check("db", severity="high", service="data")
    api = check("api", severity="high", service="shop", depends_on=["db"])
    story.given(api, db, routing=ROUTING, runbooks={"restart": runbook(automation="manual")})
    story.all_is_well()
    restarting_helps(story)
    story.check_fails("db")
    story.check_fails("api")
    story.fast_forward(minutes=2)
    with pytest.raises(Conflict, match="what it depends on is down"):
        begin_by_hand(story)
    story.check_recovers("db")
    story.fast_forward(minutes=1)
    begin_by_hand(story)
    story.fast_forward(minutes=1)
    assert states(story) == ["succeeded"]


def test_what_is_found_down_after_all_is_repaired(story: Story) -> None:
    given_api(story, automation="manual")
    restarting_helps(story)
    story.check_finds("api", Outcome(Status.UNKNOWN, "could not tell: no canary answers"))
    story.fast_forward(minutes=2)
    with pytest.raises(Conflict, match="the monitor itself is in doubt"):
        begin_by_hand(story)
    story.check_fails("api")
    story.fast_forward(minutes=1)
    begin_by_hand(story)
    story.fast_forward(minutes=1)
    assert states(story) == ["succeeded"]


def test_a_check_that_nobody_watches_is_repaired_once_it_is_watched_again(story: Story) -> None:
    given_api(story, automation="manual")
    restarting_helps(story)
    story.check_fails("api")
    story.fast_forward(seconds=30)
    who: dict[str, Any] = {"actor": "alice", "origin": "cli", "now": story.now}
    story.healthmgr.responding.pause("api", **who)
    with pytest.raises(Conflict, match="its check is paused or disabled"):
        begin_by_hand(story)
    story.healthmgr.responding.resume("api", **who)
    story.fast_forward(seconds=30)
    begin_by_hand(story)
    story.fast_forward(minutes=1)
    assert states(story) == ["succeeded"]


def test_a_new_alert_is_given_as_many_attempts_as_the_one_before(story: Story) -> None:
    given_api(story, automation="manual", limits={"attempts": 1, "target_cool_down": "0s"})
    story.check_fails("api")
    story.fast_forward(seconds=30)
    begin_by_hand(story)
    story.fast_forward(minutes=2)
    with pytest.raises(Conflict, match="it was tried once for this alert"):
        begin_by_hand(story)
    story.check_recovers("api")
    story.fast_forward(hours=2)
    restarting_helps(story)
    story.check_fails("api")
    story.fast_forward(minutes=1)
    begin_by_hand(story)
    story.fast_forward(minutes=1)
    assert states(story) == ["failed", "succeeded"]


def test_a_runbook_cools_down_whatever_its_target(story: Story) -> None:
    given_web(story, 2)
    limits = {"cool_down": "10m", "target_cool_down": "0s"}
    book = runbook(
        {"id": "restart", "kind": "command", "config": {"command": ["/bin/restart", "{{ check }}"]}},
        trigger={"match": ['service="web"']},
        limits=limits,
    )
    checks = [check(f"web-{i}", severity="high", service="web") for i in range(2)]
    story.given(*checks, routing=ROUTING, runbooks={"restart": book})
    story.steps.answers["restart"] = mends_slowly(story)
    story.check_fails("web-0")
    story.fast_forward(minutes=1)
    assert states(story) == ["succeeded"]
    ended = story.rows("SELECT ended_at FROM runs")[0].ended_at
    story.check_fails("web-1")
    story.fast_forward(minutes=2)
    assert states(story) == ["succeeded", "pending"]
    assert refusals(story)[0].startswith("the runbook cools down until")
    story.fast_forward(minutes=10)
    assert states(story) == ["succeeded", "succeeded"]
    begun = story.rows("SELECT started_at FROM runs ORDER BY number")[1].started_at
    assert begun - ended >= timedelta(minutes=10)


def test_at_most_a_share_of_a_group_is_under_repair_at_once_and_all_are_in_their_turn(story: Story) -> None:
    given_web(story, 8, most="25%")
    mend = mends_slowly(story)
    story.steps.answers["restart"] = mend
    for i in range(5):
        story.check_fails(f"web-{i}")
    story.fast_forward(minutes=5)
    assert states(story) == ["succeeded"] * 5
    assert max(mend.seen) == 2  # type: ignore[attr-defined]
    assert any("are under repair, of 2 at most" in words for words in refusals(story))


def test_what_waits_for_its_turn_is_refused_after_an_hour_and_says_so(story: Story) -> None:
    given_web(story, 2, keep_healthy=1)
    story.steps.answers["restart"] = lambda deed: Done("restarted in vain")
    story.check_finds("web-1", Outcome(Status.DEGRADED, "slow"))
    story.fast_forward(minutes=5)
    story.check_fails("web-0")
    story.fast_forward(minutes=1)
    story.let_pass(minutes=29)
    waiting = [run.target for run in runs(story) if run.state == "pending"]
    assert "web-0" in waiting
    story.let_pass(minutes=40)
    over = {run.target: (run.state, run.words) for run in runs(story)}
    assert over["web-0"][0] == "refused"
    assert over["web-0"][1].startswith("it waited 1h, at last because 0 others of its group are healthy")


def test_the_kill_switch_for_everything_lets_runs_begin_again_once_it_is_released(story: Story) -> None:
    given_api(story, automation="manual")
    restarting_helps(story)
    story.check_fails("api")
    story.fast_forward(seconds=30)
    restraining = story.healthmgr.recovery.restraining
    restraining.throw("", act(story))
    with pytest.raises(Conflict, match="the kill switch for all recovery is thrown"):
        begin_by_hand(story)
    restraining.release("", act(story))
    begin_by_hand(story)
    story.fast_forward(minutes=1)
    assert states(story) == ["succeeded"]


def test_another_target_is_repaired_while_one_is_under_repair(story: Story) -> None:
    given_web(story, 2)
    mend = mends_slowly(story)
    story.steps.answers["restart"] = mend
    story.check_fails("web-0")
    story.check_fails("web-1")
    story.fast_forward(minutes=2)
    assert states(story) == ["succeeded"] * 2
    assert max(mend.seen) == 2  # type: ignore[attr-defined]
