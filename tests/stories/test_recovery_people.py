"""People and runbooks: approvals, starting and stopping by hand, kill switches and breakers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from healthmgr.domain.approval import ApprovalState
from healthmgr.domain.rails import Refuse
from healthmgr.domain.run_state import RunState
from healthmgr.errors import Conflict, NotFound
from healthmgr.services.commanding import Act
from healthmgr.views_recovery import ApprovalView
from tests.stories.harness import Story
from tests.stories.repairing import Deed
from tests.stories.test_recovery import RESTART, given_api, restarting_helps, runs


def act(story: Story, actor: str = "alice", comment: str = "") -> Act:
    return Act(actor, "cli", story.now, comment)


def question(story: Story) -> ApprovalView:
    (found,) = story.healthmgr.recovery.reading.approvals()
    return found


def approve(story: Story, actor: str = "alice", comment: str = "") -> ApprovalState:
    decided = story.healthmgr.recovery.deciding.approve(question(story).id, act(story, actor, comment))
    return decided.state


def deny(story: Story, actor: str = "alice", comment: str = "") -> ApprovalState:
    return story.healthmgr.recovery.deciding.deny(question(story).id, act(story, actor, comment)).state


def start(story: Story, actor: str = "alice", **fields: Any) -> Any:
    return story.recovering.start("restart", act(story, actor), **fields)


def state(story: Story) -> str:
    return str(runs(story)[-1].state)


# ---- Approvals ----------------------------------------------------------------------------------------


def test_what_starts_half_by_itself_asks_and_goes_on_when_somebody_agrees(story: Story) -> None:
    given_api(story, automation="semi_automated")
    restarting_helps(story)
    story.check_fails("api")
    story.fast_forward(seconds=30)
    assert state(story) == "awaiting_approval"
    story.expect_notification("alice", about="api")
    asked = story.expect_notification("alice", about="api")
    assert asked.message.reason == "approval_asked"
    assert asked.message.approval is not None
    assert (asked.message.approval.approval_id, asked.message.approval.number) == (question(story).id, 1)
    assert "May runbook restart (run 1) go ahead on api?" in asked.message.words
    assert f"approvals approve {question(story).number}" in asked.message.words
    assert story.steps.done() == []
    assert approve(story, "bob", "go") is ApprovalState.GRANTED
    story.fast_forward(seconds=20)
    assert story.steps.done() == ["restart"]
    assert state(story) == "succeeded"
    assert [(e.kind, e.actor) for e in story.timeline("approval_voted")] == [("approval_voted", "bob")]
    ((action, actor),) = story.rows("SELECT action, actor FROM audit_entries WHERE action LIKE 'approval%'")
    assert (action, actor) == ("approval.approved", "bob")


def test_a_question_before_there_is_an_incident_is_answered_from_its_message_as_well(story: Story) -> None:
    given_api(story, automation="semi_automated", trigger={"checks": ["api"], "on": "soft 1"})
    restarting_helps(story)
    story.check_fails("api")
    story.fast_forward(seconds=5)
    (asked,) = [delivery.message for delivery in story.deliveries]
    assert asked.approval is not None
    assert (asked.approval.approval_id, asked.approval.number) == (question(story).id, 1)
    assert "May runbook restart (run 1) go ahead on api?" in asked.alerts[0].summary
    approve(story, "bob")
    story.fast_forward(seconds=20)
    assert story.steps.done() == ["restart"]


def test_a_critical_problem_always_asks(story: Story) -> None:
    given_api(story, severity="critical")
    story.check_fails("api")
    story.fast_forward(seconds=30)
    assert state(story) == "awaiting_approval"


def test_a_critical_problem_does_not_ask_where_the_installation_says_so(story_with: Any) -> None:
    story = story_with(recovery={"requireApprovalForCritical": False})
    given_api(story, severity="critical")
    restarting_helps(story)
    story.check_fails("api")
    story.fast_forward(seconds=40)
    assert state(story) == "succeeded"


def test_a_denial_is_told_to_a_person_at_once(story: Story) -> None:
    given_api(story, automation="semi_automated")
    story.check_fails("api")
    story.fast_forward(seconds=30)
    assert deny(story, "bob", "not now") is ApprovalState.DENIED
    story.fast_forward(seconds=5)
    assert (state(story), story.steps.done()) == ("failed", [])
    reasons = [delivery.message.reason for delivery in story.deliveries]
    assert reasons == ["first_notification", "approval_asked", "recovery_failed"]
    assert "bob denied it: not now" in story.deliveries[-1].message.words


def test_silence_is_a_no_and_is_told(story: Story) -> None:
    given_api(story, automation="semi_automated", approval={"expires_after": "5m"})
    story.check_fails("api")
    story.fast_forward(minutes=4)
    assert state(story) == "awaiting_approval"
    approval = question(story).id
    story.fast_forward(minutes=3)
    ((_, ended, reason, *_),) = runs(story)
    assert (ended, reason) == ("failed", "approval_expired")
    with pytest.raises(Conflict, match="counts as a no"):
        story.healthmgr.recovery.deciding.approve(approval, act(story))
    assert story.steps.done() == []
    told = story.deliveries[-1].message
    assert told.reason == "recovery_failed"
    assert "nobody answered in time, which counts as a no" in told.words


def test_a_question_is_withdrawn_when_the_problem_goes_away(story: Story) -> None:
    given_api(story, automation="semi_automated")
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.check_recovers("api")
    story.fast_forward(seconds=60)
    assert runs(story)[0].reason == "healed_by_itself"
    ((kept,),) = story.rows("SELECT state FROM approvals")
    assert kept == "withdrawn"


def test_two_of_three_have_to_agree_each_once_and_nobody_else_may(story: Story) -> None:
    people = {name: {"contacts": {"mail": f"{name}@example.com"}} for name in ("ada", "ben", "cy")}
    given_api(
        story,
        automation="semi_automated",
        approval={"needed": 2, "by": ["team:web"]},
        more={"people": people, "teams": {"web": ["ada", "ben", "cy"]}},
    )
    story.check_fails("api")
    story.fast_forward(seconds=30)
    asked = {delivery.message.recipient for delivery in story.deliveries if delivery.message.reason == "approval_asked"}
    assert asked == {"ada", "ben", "cy"}
    assert approve(story, "ada") is ApprovalState.OPEN
    with pytest.raises(Conflict, match="voted already"):
        approve(story, "ada")
    with pytest.raises(Conflict, match="not among those"):
        approve(story, "alice")
    assert state(story) == "awaiting_approval"
    assert approve(story, "cy") is ApprovalState.GRANTED
    story.fast_forward(seconds=5)
    assert story.steps.done() == ["restart"]


def test_nobody_approves_for_a_critical_problem_what_they_started_themselves(story: Story) -> None:
    given_api(story, automation="manual", severity="critical")
    story.check_fails("api")
    story.fast_forward(seconds=30)
    assert start(story, "alice").state is RunState.AWAITING_APPROVAL
    with pytest.raises(Conflict, match="somebody else has to approve"):
        approve(story, "alice")
    assert approve(story, "bob") is ApprovalState.GRANTED
    story.fast_forward(seconds=5)
    assert story.steps.done() == ["restart"]


def test_a_step_may_ask_in_the_middle_of_a_run(story: Story) -> None:
    ask = {"id": "ask", "kind": "approval", "config": {"question": "Is the queue empty?"}}
    later = {"id": "later", "kind": "command", "config": {"command": ["/bin/later"]}}
    given_api(story, RESTART, ask, later, timeout="5m")
    story.check_fails("api")
    story.fast_forward(seconds=40)
    assert (state(story), story.steps.done()) == ("awaiting_approval", ["restart"])
    assert "Is the queue empty?" in question(story).question
    story.fast_forward(minutes=6)
    assert state(story) == "awaiting_approval"
    story.steps.answers["later"] = lambda deed: story.check_recovers("api")
    approve(story)
    story.fast_forward(seconds=30)
    assert (state(story), story.steps.done()) == ("succeeded", ["restart", "later"])


# ---- By hand ------------------------------------------------------------------------------------------


def test_a_person_starts_a_run_that_nobody_else_has_to_approve(story: Story) -> None:
    given_api(story, automation="manual", parameters={"mode": "soft"})
    story.check_fails("api")
    story.fast_forward(seconds=30)
    assert runs(story) == []
    restarting_helps(story)
    started = start(story, parameters={"mode": "hard"})
    assert started.state is RunState.RUNNING
    story.fast_forward(seconds=20)
    card = story.healthmgr.recovery.reading.run(f"#{started.number}")
    assert card is not None
    assert (card.run.state, card.run.started_by, card.parameters) == ("succeeded", "alice", {"mode": "hard"})
    assert [step.state for step in card.steps] == ["succeeded"]
    assert card.entries[0].text == "Runbook restart (run 1) was started by alice on api"


def test_whoever_may_not_approve_starts_nothing_alone(story: Story) -> None:
    people = {name: {"contacts": {"mail": f"{name}@example.com"}} for name in ("ada", "ben")}
    more = {"people": people, "teams": {"web": ["ada", "ben"]}}
    given_api(story, automation="manual", approval={"needed": 2, "by": ["team:web"]}, more=more)
    story.check_fails("api")
    story.fast_forward(seconds=30)
    assert start(story, "alice").state is RunState.AWAITING_APPROVAL
    assert question(story).votes == []
    assert approve(story, "ada") is ApprovalState.OPEN
    assert approve(story, "ben") is ApprovalState.GRANTED
    story.fast_forward(seconds=5)
    assert story.steps.done() == ["restart"]


def test_whoever_may_approve_agrees_by_starting_it(story: Story) -> None:
    more = {"people": {"ada": {"contacts": {"mail": "ada@example.com"}}}}
    given_api(story, automation="manual", approval={"by": ["ada"]}, more=more)
    story.check_fails("api")
    story.fast_forward(seconds=30)
    assert start(story, "alice").state is RunState.AWAITING_APPROVAL
    assert deny(story, "ada") is ApprovalState.DENIED
    story.fast_forward(seconds=30)
    assert start(story, "ada").state is RunState.RUNNING


def test_what_a_person_cannot_start_is_said_at_once(story: Story) -> None:
    given_api(story, automation="manual")
    with pytest.raises(NotFound, match="no runbook 'restrat'"):
        story.recovering.start("restrat", act(story), check="api")
    with pytest.raises(NotFound, match="no check 'web'"):
        start(story, check="web")
    with pytest.raises(Conflict, match="takes no parameter 'x'"):
        start(story, parameters={"x": 1})
    story.healthmgr.recovery.restraining.throw("", act(story))
    with pytest.raises(Conflict, match="the kill switch for all recovery is thrown"):
        start(story)
    assert runs(story) == []


def test_cancelling_ends_a_run_and_undoes_what_it_did_where_asked(story: Story) -> None:
    undo = {"id": "undo", "kind": "command", "config": {"command": ["/bin/undo"]}}
    given_api(story, {**RESTART, "rollback": [undo]}, {"wait": "5m"})
    story.check_fails("api")
    story.fast_forward(seconds=40)
    assert state(story) == "waiting"
    story.recovering.cancel(run_id(story), act(story), rolls_back=True)
    story.fast_forward(seconds=5)
    assert (state(story), story.steps.done()) == ("rolled_back", ["restart", "undo"])
    with pytest.raises(Conflict, match="is over"):
        story.recovering.cancel(run_id(story), act(story))


def test_a_step_that_is_under_way_is_finished_before_its_run_is_cancelled(story: Story) -> None:
    later = {"id": "later", "kind": "command", "config": {"command": ["/bin/later"]}}
    given_api(story, RESTART, later)

    def cancelled_meanwhile(deed: Deed) -> None:
        story.recovering.cancel(deed.context.run_id, act(story))

    story.steps.answers["restart"] = cancelled_meanwhile
    story.check_fails("api")
    story.fast_forward(seconds=40)
    assert (state(story), story.steps.done()) == ("cancelled", ["restart"])
    ((step_state,),) = story.rows("SELECT state FROM run_steps")
    assert step_state == "succeeded"


# ---- What stops runbooks --------------------------------------------------------------------------------


def test_a_kill_switch_stops_a_run_before_its_next_step_and_says_so(story: Story) -> None:
    later = {"id": "later", "kind": "command", "config": {"command": ["/bin/later"]}}
    given_api(story, RESTART, {"wait": "30s"}, later)
    story.check_fails("api")
    story.fast_forward(seconds=35)
    assert story.steps.done() == ["restart"]
    story.healthmgr.recovery.restraining.throw("", act(story, comment="what is this doing?"))
    story.fast_forward(seconds=40)
    assert (state(story), story.steps.done()) == ("cancelled", ["restart"])
    told = story.deliveries[-1].message
    assert "was stopped half done: the kill switch for all recovery is thrown" in told.words


def test_the_kill_switch_of_a_team_stops_its_runbooks_alone(story: Story) -> None:
    people = {"ada": {"contacts": {"mail": "ada@example.com"}}}
    given_api(story, team="web", more={"people": people, "teams": {"web": ["ada"], "db": ["ada"]}})
    restraining = story.healthmgr.recovery.restraining
    with pytest.raises(NotFound):
        restraining.throw("team:nobody", act(story))
    restraining.throw("team:db", act(story))
    restraining.throw("team:web", act(story))
    with pytest.raises(Conflict, match="thrown already"):
        restraining.throw("team:web", act(story))
    story.check_fails("api")
    story.fast_forward(seconds=40)
    assert (state(story), story.steps.done()) == ("refused", [])
    (entry,) = story.timeline("run_refused")
    assert entry.detail["words"] == "the kill switch of team web is thrown"
    restraining.release("team:web", act(story))
    assert [switch.scope for switch in story.healthmgr.recovery.reading.switches()] == ["team:db"]
    assert start(story).state is RunState.RUNNING


def test_a_runbook_that_fails_too_often_waits_for_a_person(story: Story) -> None:
    given_api(story, limits={"breaker": 2, "target_cool_down": "0s"})
    for _ in range(3):
        story.check_fails("api")
        story.fast_forward(minutes=2)
        story.check_recovers("api")
        story.fast_forward(hours=2)
    assert [run.state for run in runs(story)] == ["failed", "failed", "refused"]
    words = [delivery.message.words for delivery in story.deliveries]
    assert any("it failed 2 times in a row: its breaker is open" in said for said in words)
    (breaker,) = story.healthmgr.recovery.reading.breakers()
    assert breaker.opened_at is not None
    story.healthmgr.recovery.restraining.close_breaker("restart", act(story))
    with pytest.raises(Conflict):
        story.healthmgr.recovery.restraining.close_breaker("restart", act(story))
    restarting_helps(story)
    story.check_fails("api")
    story.fast_forward(minutes=2)
    assert state(story) == "succeeded"


def test_a_dry_run_says_what_the_rails_would_say_and_changes_nothing(story: Story) -> None:
    given_api(story)
    runbook = story.rows("SELECT name FROM runbooks")
    assert [name for (name,) in runbook] == ["restart"]
    story.check_fails("api")
    story.fast_forward(seconds=3)
    found = _defined(story)
    verdict = story.recovering.judge(found, "api", story.now)
    assert (verdict.needs_approval, type(verdict.judgement).__name__) == (False, "Permit")
    story.healthmgr.recovery.restraining.throw("", act(story))
    refused = story.recovering.judge(found, "api", story.now).judgement
    assert isinstance(refused, Refuse)
    assert runs(story) == []


def _defined(story: Story) -> Any:
    with story.recovering._store.begin() as transaction:
        return transaction.runbook("restart")


def run_id(story: Story) -> UUID:
    return UUID(str(story.rows("SELECT id FROM runs ORDER BY number DESC LIMIT 1")[0].id))
