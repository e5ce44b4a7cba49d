"""Many hands on the same runs: each step is done once, whoever dies, and whatever is lost or comes twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from healthmgr.domain.run import run_name
from healthmgr.domain.step import Done
from healthmgr.errors import Conflict
from healthmgr.services.commanding import Act
from healthmgr.services.recovering_ports import ClaimedStep
from healthmgr.storage.recovering_rows import RecoveringRows
from tests.stories.harness import Story, check
from tests.stories.repairing import Deed, recovering_with
from tests.stories.test_recovery import RESTART, given_api, restarting_helps, runbook, runs
from tests.stories.test_recovery_rails import ROUTING, states


def test_concurrent_triggers_on_one_target_run_once(story: Story) -> None:
    """Two checks of one service fail at once, and two runbooks answer: their runs are judged by many hands."""
    runbooks = {
        name: runbook(trigger={"match": ['service="shop"']}, target="{{ labels.service }}", verify=False)
        for name in ("restart", "reload")
    }
    checks = [check(slug, severity="high", service="shop") for slug in ("api", "web")]
    story.given(*checks, routing=ROUTING, runbooks=runbooks)
    story.all_is_well()
    story.carries_messages = False
    story.check_fails("api")
    story.check_fails("web")
    story.fast_forward(seconds=20)
    calls = story.rows("SELECT id FROM recovery_calls")
    if calls:
        in_parallel([lambda i=call.id: story.recovering.consider(i, story.now) for call in calls * 2])
    for _ in range(3):
        pending = story.rows("SELECT id, token FROM runs WHERE due_at <= :now", now=story.now)
        in_parallel([lambda r=row: advance(story, r.id, r.token) for row in pending * 3])
        story.now = story.after(seconds=6)
    assert len(story.steps.deeds) == 1
    assert sorted(states(story)).count("refused") == 3
    words = [run.words for run in runs(story) if run.state == "refused"]
    assert all(each.startswith("its target is under repair by") for each in words), words


def test_one_step_is_claimed_by_one_of_many_workers(story: Story) -> None:
    given_api(story)
    story.carries_messages = False
    story.check_fails("api")
    story.fast_forward(seconds=26)
    while not (due := story.rows("SELECT id, token FROM runs WHERE state = 'running'")):
        for row in story.rows("SELECT id, token FROM runs"):
            advance(story, row.id, row.token)
        for row in story.rows("SELECT id FROM recovery_calls"):
            story.recovering.consider(row.id, story.now)
        story.now = story.after(seconds=1)
    barrier = threading.Barrier(4)
    story.steps.answers["restart"] = lambda deed: Done("done")

    def take() -> None:
        barrier.wait()
        advance(story, due[0].id, due[0].token)

    in_parallel([take] * 4)
    assert story.steps.done() == ["restart"]
    assert story.rows("SELECT count(*) AS n FROM run_steps")[0].n == 1


def test_every_message_twice_does_everything_once(story: Story) -> None:
    given_api(story, RESTART, {"wait": "5s"}, {**RESTART, "id": "again"})
    restarting_helps(story, "again")
    carry = story._carry

    def twice(due: Any) -> list[Any]:
        return [*carry(due), *carry(due)]

    story._carry = twice  # type: ignore[method-assign]
    story.check_fails("api")
    story.fast_forward(minutes=2)
    assert (states(story), story.steps.done()) == (["succeeded"], ["restart", "again"])
    assert story.rows("SELECT count(*) AS n FROM runs")[0].n == 1


def test_no_message_at_all_does_everything_once_too(story: Story) -> None:
    """The broker is flushed over and over: the sweep finds every row when it is due."""
    given_api(story, RESTART, {"wait": "5s"}, {**RESTART, "id": "again"})
    restarting_helps(story, "again")
    story.check_fails("api")
    remind = story._remind
    lost = iter(range(10_000))

    def lose_most(dues: list[Any]) -> None:
        remind([due for due in dues if next(lost) % 3 == 0])

    story._remind = lose_most  # type: ignore[method-assign]
    story.fast_forward(minutes=10)
    assert (states(story), story.steps.done()) == (["succeeded"], ["restart", "again"])


# ---- A worker dies ----------------------------------------------------------------------------------------


class Killed(BaseException):
    """As kill -9: nothing after it runs."""


def test_a_worker_that_dies_in_a_step_leaves_its_run_abandoned_and_a_person_told(story: Story) -> None:
    given_api(story, {**RESTART, "idempotent": True, "retries": 3}, {**RESTART, "id": "later"})

    def die(deed: Deed) -> Done:
        raise Killed

    story.steps.answers["restart"] = die
    story.check_fails("api")
    with pytest.raises(Killed):
        story.fast_forward(seconds=40)
    story.fast_forward(minutes=2)
    ((_, state, reason, words, *_),) = runs(story)
    assert (state, reason) == ("abandoned", "worker_lost")
    assert words == "step restart: its worker has shown no sign of life since it began"
    assert story.steps.done() == ["restart"]
    ((step_state,),) = story.rows("SELECT state FROM run_steps")
    assert step_state == "abandoned"
    told = story.deliveries[-1].message
    assert told.reason == "recovery_failed"
    assert "was abandoned: nobody knows how its last step ended, and it is not tried again" in told.words


def test_what_an_abandoned_run_left_behind_is_named_to_people_and_undone_when_one_of_them_says_so(story: Story) -> None:
    """The worker dies when the instance is out of service: it stays so until somebody knows."""
    names = ("drain", "boot", "later")
    given_api(story, *({**RESTART, "id": name, "rollback": [{**RESTART, "id": f"undo-{name}"}]} for name in names))

    def take_out(deed: Deed) -> Done:
        by = run_name("restart", 1)
        story.healthmgr.balancing.set_wanted("shop", "api", "drained", by, story.now, may_be_last=True)
        return Done("drained")

    def die(deed: Deed) -> Done:
        raise Killed

    story.steps.answers |= {"drain": take_out, "boot": die}
    story.check_fails("api")
    with pytest.raises(Killed):
        story.fast_forward(seconds=40)
    story.fast_forward(minutes=2)
    told = story.deliveries[-1].message.words
    assert told.endswith(
        "Done before: drain. Out of service because of it: shop/api; `healthmgr lb enable shop/api` gives it work "
        "again. `healthmgr runs undo 1` undoes it: undo-boot and undo-drain."
    )
    card = story.healthmgr.recovery.reading.run("1")
    assert card is not None
    assert (card.undoing, card.drained) == (["undo-boot", "undo-drain"], ["shop/api"])

    story.deliveries.clear()
    story.recovering.undo(card.run.id, Act("alice", "cli", story.now, "it is out for nothing"))
    with pytest.raises(Conflict, match="is not over"):
        story.recovering.undo(card.run.id, Act("alice", "cli", story.now))
    story.fast_forward(seconds=10)
    assert story.steps.done() == ["drain", "boot", "undo-boot", "undo-drain"]
    assert states(story) == ["rolled_back"]
    assert not [each for each in story.deliveries if each.message.reason == "recovery_failed"], "she knows"
    with pytest.raises(Conflict, match="Nothing of run 1"):
        story.recovering.undo(card.run.id, Act("alice", "cli", story.now))


def test_a_worker_that_dies_telling_people_has_told_them_nothing_and_they_hear_that_it_died(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told and that it was told are one commit: nobody hears it twice, and nobody goes on as if it was."""
    given_api(story, {"kind": "notification", "id": "say", "config": {"message": "Restarting now."}}, RESTART)

    def die(*_: Any) -> str:
        raise Killed

    story.check_fails("api")
    with monkeypatch.context() as patched:
        patched.setattr(RecoveringRows, "end_step", die)
        with pytest.raises(Killed):
            story.fast_forward(seconds=40)
    story.fast_forward(minutes=2)
    assert (states(story), story.steps.done()) == (["abandoned"], [])
    told = [each.message.reason for each in story.deliveries]
    assert (told.count("told_by_runbook"), told.count("recovery_failed")) == (0, 1)


def test_a_worker_that_dies_with_an_instance_taken_out_of_service_leaves_that_to_people_by_name(story: Story) -> None:
    drain = {
        "kind": "load_balancer",
        "id": "drain",
        "config": {"action": "drain", "service": "shop", "instance": "api"},
    }
    given_api(story, drain, RESTART)
    real = story.healthmgr.balancing

    class Dying:
        """Its wish is committed, and nothing after it happens."""

        def set_wanted(self, service: str, instance: str, wanted: Any, by: str, now: datetime) -> object:
            real.set_wanted(service, instance, wanted, by, now, may_be_last=True)
            raise Killed

    story.recovering = recovering_with(story.healthmgr, story.engine, story.steps, balancer=Dying())
    story.check_fails("api")
    with pytest.raises(Killed):
        story.fast_forward(seconds=40)
    story.fast_forward(minutes=2)
    assert (states(story), story.steps.done()) == (["abandoned"], [])
    (told,) = [each.message.words for each in story.deliveries if each.message.reason == "recovery_failed"]
    assert told.endswith("because of it: shop/api; `healthmgr lb enable shop/api` gives it work again.")


def test_a_step_that_ends_after_it_was_given_up_adds_what_it_came_to_and_nothing_else(story: Story) -> None:
    given_api(story, RESTART, {**RESTART, "id": "later"})

    def stall(deed: Deed) -> Done:
        story.now = story.after(minutes=2)
        other = recovering_with(story.healthmgr, story.engine, story.steps, "another worker")
        row = story.rows("SELECT id, token FROM runs")[0]
        other.advance(row.id, row.token, lambda: story.now, lambda claimed: None)
        return Done("restarted after all", output="pid 42")

    story.steps.answers["restart"] = stall
    story.check_fails("api")
    story.fast_forward(minutes=4)
    assert (states(story), story.steps.done()) == (["abandoned"], ["restart"])
    ((step_state, message, output),) = story.rows("SELECT state, message, output FROM run_steps")
    assert step_state == "abandoned"
    assert message.endswith("it ended all the same, succeeded: restarted after all")
    assert output == "pid 42"


def test_a_lease_that_is_renewed_is_not_given_up(story: Story) -> None:
    given_api(story, {**RESTART, "timeout": "5m"}, verify=False)
    claims: list[ClaimedStep] = []

    def work_long(deed: Deed) -> Done:
        for _ in range(8):
            story.now = story.after(seconds=10)
            story.recovering.renew(claims, story.now)
            for row in story.rows("SELECT id, token FROM runs"):
                recovering_with(story.healthmgr, story.engine, story.steps).advance(
                    row.id, row.token, lambda: story.now, lambda claimed: None
                )
        return Done("done at last")

    story.steps.answers["restart"] = work_long
    story.check_fails("api")
    carry = story._carry

    def holding(due: Any) -> list[Any]:
        if due.work.value != "run":
            return carry(due)
        return story.recovering.advance(UUID(due.key), due.token, lambda: story.now, claims.append)

    story._carry = holding  # type: ignore[method-assign]
    story.fast_forward(minutes=3)
    assert (states(story), story.steps.done()) == (["succeeded"], ["restart"])


def advance(story: Story, run_id: UUID, token: int) -> None:
    story.recovering.advance(run_id, token, lambda: story.now, lambda claimed: None)


def in_parallel(works: list[Callable[[], Any]]) -> None:
    """All of these at the same time, each on a thread of its own; what any of them raises is raised."""
    raised: list[BaseException] = []

    def attempt(work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=attempt, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
