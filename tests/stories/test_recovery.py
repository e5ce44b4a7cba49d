"""Runbooks repair: from a check that fails to an incident that a runbook has ended, or that a person hears of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from healthmgr.domain.step import Done
from healthmgr.errors import StepError
from tests.stories.harness import Story, check
from tests.stories.repairing import Deed

RESTART = {"id": "restart", "kind": "command", "config": {"command": ["/bin/restart", "{{ labels.service }}"]}}


def runbook(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A runbook that starts by itself at the check api and asks nobody."""
    defaults = {"automation": "fully_automated", "trigger": {"checks": ["api"]}}
    return {**defaults, **fields, "steps": list(steps) or [RESTART]}


def given_api(
    story: Story, *steps: dict[str, Any], severity: str = "high", more: dict[str, Any] | None = None, **fields: Any
) -> None:
    """A check api of severity high, for which nobody has to be asked, and its runbook; `more` parts of definitions."""
    routing = {"default": {"to": ["alice"], "via": ["mail"], "group_wait": "0s"}}
    runbooks = {"restart": runbook(*steps, **fields)}
    story.given(check("api", severity=severity, service="shop"), routing=routing, runbooks=runbooks, **(more or {}))
    story.all_is_well()


def restarting_helps(story: Story, step: str = "restart") -> None:
    """From now on this step mends the check api."""

    def mend(deed: Deed) -> None:
        story.check_recovers("api")

    story.steps.answers[step] = mend


def runs(story: Story) -> list[Any]:
    return story.rows("SELECT number, state, reason, words, is_proved, started_by, target FROM runs ORDER BY number")


def test_a_runbook_mends_a_check_and_its_incident_says_so(story: Story) -> None:
    given_api(story)
    restarting_helps(story)
    story.check_fails("api")
    story.fast_forward(seconds=60)
    (deed,) = story.steps.deeds
    assert deed.config["command"] == ["/bin/restart", "shop"]
    ((_, state, reason, _, is_proved, started_by, target),) = runs(story)
    assert (state, reason, is_proved, started_by, target) == ("succeeded", "check_is_healthy", True, "", "api")
    ((resolution,),) = story.rows("SELECT resolution FROM alerts")
    assert resolution == "recovered by runbook restart"
    story.expect_notification("alice", about="api")
    over = story.expect_notification("alice", about="api", kind="resolution")
    assert over.message.alerts[0].resolution == "recovered by runbook restart"
    story.expect_silence()
    kinds = [entry.kind for entry in story.timeline()]
    assert [kind for kind in kinds if kind.startswith("run")] == ["run_started", "run_step", "run_ended"]
    ((facts,),) = story.rows("SELECT data FROM events WHERE name = 'recovery_successful'")
    assert (facts["runbook"], facts["check"], facts["is_proved"]) == ("restart", "api", True)


def test_a_check_that_stays_down_afterwards_is_told_to_a_person_at_once(story: Story) -> None:
    given_api(story)
    story.check_fails("api")
    story.fast_forward(seconds=60)
    ((_, state, reason, *_),) = runs(story)
    assert (state, reason) == ("failed", "check_is_not_healthy")
    story.expect_notification("alice", about="api")
    told = story.expect_notification("alice", about="api")
    assert told.message.reason == "recovery_failed"
    assert "Runbook restart (run 1) on api failed: api is not healthy" in told.message.words
    assert "Done before: restart." in told.message.words
    story.expect_silence()
    assert story.steps.done() == ["restart"]


def test_what_was_done_is_undone_where_the_check_stays_down(story: Story) -> None:
    undo = {"id": "undo", "kind": "command", "config": {"command": ["/bin/undo"]}}
    given_api(story, {**RESTART, "rollback": [undo]})
    story.check_fails("api")
    story.fast_forward(seconds=60)
    ((_, state, *_),) = runs(story)
    assert state == "rolled_back"
    assert story.steps.done() == ["restart", "undo"]


def test_a_runbook_may_repair_at_a_soft_attempt_so_that_nobody_is_told(story: Story) -> None:
    given_api(story, trigger={"checks": ["api"], "on": "soft 2"})
    restarting_helps(story)
    story.check_fails("api")
    story.fast_forward(seconds=60)
    ((_, state, _, _, is_proved, *_),) = runs(story)
    assert (state, is_proved) == ("succeeded", True)
    story.expect_silence()


def test_a_runbook_that_a_check_names_needs_no_trigger(story: Story) -> None:
    routing = {"default": {"to": ["alice"], "via": ["mail"], "group_wait": "0s"}}
    runbooks = {"restart": runbook(trigger={})}
    api = check("api", severity="high", service="shop", recovery_procedure="restart")
    story.given(api, check("web", severity="high"), routing=routing, runbooks=runbooks)
    story.all_is_well()
    story.check_fails("web")
    story.fast_forward(seconds=40)
    assert story.steps.done() == []
    story.check_fails("api")
    story.fast_forward(seconds=40)
    assert story.steps.done() == ["restart"]


def test_a_problem_that_goes_away_before_anything_was_done_cancels_the_run(story: Story) -> None:
    given_api(story, {"wait": "30s"}, RESTART)
    story.check_fails("api")
    story.fast_forward(seconds=25)
    story.check_recovers("api")
    story.fast_forward(seconds=60)
    ((_, state, reason, *_),) = runs(story)
    assert (state, reason) == ("cancelled", "healed_by_itself")
    assert story.steps.done() == []
    ((resolution,),) = story.rows("SELECT resolution FROM alerts")
    assert resolution == "recovered"


def test_an_alert_that_a_person_closes_is_not_repaired_any_more(story: Story) -> None:
    given_api(story, {"wait": "30s"}, RESTART)
    story.check_fails("api")
    story.fast_forward(seconds=25)
    story.resolve("api", actor="alice")
    story.fast_forward(seconds=60)
    ((_, state, reason, words, *_),) = runs(story)
    assert (state, reason, words) == ("cancelled", "rails_refuse", "alice closed its alert")
    assert story.steps.done() == []


def test_a_step_is_tried_again_as_often_as_it_says(story: Story) -> None:
    given_api(story, {**RESTART, "retries": 1, "retry_after": "2s", "idempotent": True})
    failures = iter([True, False])

    def answer(deed: Deed) -> Done:
        if next(failures):
            raise StepError("503", output="Service Unavailable")
        story.check_recovers("api")
        return Done("restarted", facts={"pid": 42})

    story.steps.answers["restart"] = answer
    story.check_fails("api")
    story.fast_forward(seconds=60)
    steps = story.rows("SELECT attempt, state, message, output, facts FROM run_steps ORDER BY started_at")
    assert [(s.attempt, s.state, s.message) for s in steps] == [(1, "failed", "503"), (2, "succeeded", "restarted")]
    assert (steps[0].output, steps[1].facts) == ("Service Unavailable", {"pid": 42})
    assert [deed.context.key.rsplit("/", 1)[1] for deed in story.steps.deeds] == ["1", "2"]
    assert runs(story)[0].state == "succeeded"


def test_later_steps_know_what_earlier_ones_noted_and_conditions_decide(story: Story) -> None:
    first = {"id": "look", "kind": "command", "config": {"command": ["/bin/look"]}}
    second = {
        "id": "kill",
        "kind": "command",
        "when": "steps.look.pid > 40",
        "config": {"command": ["/bin/kill", "{{ steps.look.pid }}"]},
    }
    never = {"id": "never", "kind": "command", "when": 'severity == "low"', "config": {"command": ["/bin/never"]}}
    given_api(story, first, second, never)
    story.steps.answers["look"] = lambda deed: Done("found", facts={"pid": 42})
    restarting_helps(story, "kill")
    story.check_fails("api")
    story.fast_forward(seconds=60)
    assert [deed.step for deed in story.steps.deeds] == ["look", "kill"]
    assert story.steps.deeds[1].config["command"] == ["/bin/kill", 42]
    states = story.rows("SELECT step, state FROM run_steps ORDER BY started_at, id")
    assert [tuple(state) for state in states] == [("look", "succeeded"), ("kill", "succeeded"), ("never", "skipped")]


def test_a_step_tells_people_once_over_the_channels_that_it_names(story: Story) -> None:
    tell = {"id": "tell", "kind": "notification", "config": {"message": "restarting", "channels": ["mail"]}}
    given_api(story, tell, RESTART)
    restarting_helps(story)
    story.check_fails("api")
    story.fast_forward(seconds=60)
    story.expect_notification("alice", about="api")
    told = story.expect_notification("alice", about="api", kind="update")
    assert told.message.words == "restarting"
    story.expect_notification("alice", about="api", kind="resolution")
    story.expect_silence()


def test_a_step_verifies_before_the_run_goes_on(story: Story) -> None:
    verify = {"id": "verify", "kind": "verify", "timeout": "40s", "config": {"times": 2, "every": "5s"}}
    after = {"id": "after", "kind": "command", "config": {"command": ["/bin/after"]}}
    given_api(story, RESTART, verify, after)
    story.check_fails("api")
    story.fast_forward(seconds=26)
    assert story.steps.done() == ["restart"]
    assert [run.state for run in runs(story)] == ["verifying"]
    story.check_recovers("api")
    story.fast_forward(seconds=30)
    assert story.steps.done() == ["restart", "after"]
    assert runs(story)[0].state == "succeeded"


def test_a_step_that_fails_stops_the_run_and_a_person_hears_why(story: Story) -> None:
    later = {"id": "later", "kind": "command", "config": {"command": ["/bin/later"]}}
    given_api(story, RESTART, later)

    def fail(deed: Deed) -> Done:
        raise StepError("no such service; token geheim-4711", permanent=True)

    story.steps.answers["restart"] = fail
    story.check_fails("api")
    story.fast_forward(seconds=30)
    assert story.steps.done() == ["restart"]
    story.expect_notification("alice", about="api")
    told = story.expect_notification("alice", about="api")
    assert "step restart: no such service" in told.message.words


def test_a_run_takes_no_longer_than_it_may(story: Story) -> None:
    later = {"id": "later", "kind": "command", "config": {"command": ["/bin/later"]}}
    given_api(story, {**RESTART, "timeout": "50s"}, later, timeout="1m")

    def take_long(deed: Deed) -> None:
        story.now += timedelta(seconds=61)

    story.steps.answers["restart"] = take_long
    story.check_fails("api")
    story.fast_forward(minutes=3)
    assert story.steps.done() == ["restart"]
    ((_, state, reason, words, *_),) = runs(story)
    assert (state, reason, words) == ("failed", "took_too_long", "it has taken longer than 1m")


def test_where_no_incident_is_open_yet_an_alert_of_its_own_tells_what_failed_at_once(story: Story) -> None:
    routing = {"default": {"to": ["alice"], "via": ["mail"], "group_wait": "5m"}}
    story.given(check("api", severity="high", service="shop"), routing=routing, runbooks={"restart": runbook()})
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=60)
    told = story.expect_notification("alice", about="api")
    assert (told.at - story.rows("SELECT ended_at FROM runs")[0].ended_at).total_seconds() < 1
    said = [alert.summary for alert in told.message.alerts]
    assert any(text.startswith("Runbook restart (run 1) on api failed: api is not healthy") for text in said)
    story.expect_silence()


def test_somebody_who_has_the_incident_in_hand_hears_of_a_failure_and_keeps_it(story: Story) -> None:
    given_api(story, {"wait": "60s"}, RESTART)
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", about="api")
    story.acknowledge("api", actor="alice")
    story.fast_forward(seconds=90)
    told = story.expect_notification("alice", about="api")
    assert told.message.reason == "recovery_failed"
    ((acknowledged_by,),) = story.rows("SELECT acknowledged_by FROM incidents")
    assert acknowledged_by == "alice"


def test_no_secret_reaches_a_row(story: Story) -> None:
    step = {"id": "restart", "kind": "command", "config": {"command": ["/bin/restart", "${TOKEN:-unset}"]}}
    given_api(story, step)
    said = "geheim-4711"
    story.steps.answers["restart"] = lambda deed: Done(f"used {said}", output=f"token={said}", facts={"t": said})
    story.check_fails("api")
    story.fast_forward(seconds=30)
    assert story.steps.deeds[0].config["command"] == ["/bin/restart", said]
    for table in ("runs", "run_steps", "run_entries", "incident_entries", "notifications"):
        assert said not in str(story.rows(f"SELECT t.*::text FROM {table} t")), table


def test_the_rate_of_what_mends_itself_is_measured_per_runbook(story: Story) -> None:
    given_api(story, limits={"target_cool_down": "0s"})
    restarting_helps(story)
    story.check_fails("api")
    story.fast_forward(minutes=1)
    story.steps.answers.clear()
    story.fast_forward(minutes=10)
    story.check_fails("api")
    story.fast_forward(minutes=1)
    (rate,) = story.healthmgr.recovery.reading.rates(story.now - timedelta(hours=1))
    assert (rate.runbook, rate.alerts, rate.resolved, rate.rate) == ("restart", 2, 1, 0.5)
