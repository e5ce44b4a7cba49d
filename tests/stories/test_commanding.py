"""Incident command: escalating and declining, asking and handing over, roles, updates, merging."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from healthmgr.domain.escalation import Level, Named, TargetKind
from healthmgr.errors import Conflict, NotFound
from healthmgr.services.commanding import Act
from tests.builders import new_id
from tests.stories.harness import Story, check
from tests.stories.test_climbing import given_policy

StoryMaker = Callable[..., Story]
CAROL, DAVE = (Named(TargetKind.PERSON, name) for name in ("carol", "dave"))


def given_people(story: Story, *slugs: str, **fields: Any) -> None:
    """Checks of one service each; alice and bob, and carol and dave, who are in no route."""
    people = {name: {"contacts": {"mail": f"{name}@example.com"}} for name in ("alice", "bob", "carol", "dave")}
    story.given(*(check(slug, **{"service": slug, **fields}) for slug in slugs), recipients=people)


def broken(story: Story, *slugs: str) -> None:
    """These checks fail, and that was told."""
    story.all_is_well()
    for slug in slugs:
        story.check_fails(slug)
    story.fast_forward(seconds=30)


def climbing(story: Story) -> None:
    """A critical check whose policy asks alice first, then bob and carol together, then dave."""
    given_people(story, "api")
    people = [Named(TargetKind.PERSON, name) for name in ("alice", "bob", "carol", "dave")]
    given_policy(
        story,
        Level("L1", (people[0],), timedelta(0)),
        Level("L2", (people[1], people[2]), timedelta(minutes=15)),
        Level("L3", (people[3],), timedelta(minutes=30)),
    )
    broken(story, "api")
    story.expect_notification("alice")


def does(story: Story, verb: str, *values: Any, who: str = "alice", slug: str = "api", comment: str = "") -> Any:
    """A person does something about the check's incident, and what follows happens."""
    services = (story.healthmgr.commanding, story.healthmgr.coordinating)
    act = next(getattr(service, verb) for service in services if hasattr(service, verb))
    came_of_it = act(story.incident(slug), *values, Act(who, "cli", story.now, comment))
    story.settle()
    return came_of_it


# ---- The climb --------------------------------------------------------------------------------------


def test_the_next_level_is_told_at_once_when_somebody_asks_for_it(story: Story) -> None:
    climbing(story)
    does(story, "escalate", comment="beyond me")
    told = story.expect_notification("bob").message
    story.expect_notification("carol")
    story.expect_silence()
    assert (told.reason, told.said) == ("escalated_by_a_person", "alice: beyond me")
    story.let_pass(minutes=31)
    story.expect_notification("dave")
    story.expect_silence()


def test_escalating_takes_it_out_of_the_hands_that_had_it(story: Story) -> None:
    climbing(story)
    story.acknowledge("api")
    does(story, "escalate")
    story.expect_notification("bob")
    story.expect_notification("carol")
    story.expect_silence()
    assert story.healthmgr.reading.incident(story.incident("api")).state == "firing"
    story.let_pass(minutes=31)
    story.expect_notification("dave")


def test_escalating_without_a_policy_tells_the_plan_again_and_the_default_route(story: Story) -> None:
    given_people(story, "api")
    broken(story, "api")
    story.expect_notification("alice")
    does(story, "escalate")
    story.expect_notification("alice")
    story.expect_notification("bob")
    story.expect_silence()


def test_escalating_beyond_the_last_level_tells_the_default_route_each_time(story: Story) -> None:
    climbing(story)
    for _ in range(2):
        does(story, "escalate")
    story.deliveries.clear()
    for _ in range(2):
        does(story, "escalate")
        story.expect_notification("bob")
        story.expect_silence()


def test_a_decline_tells_the_next_level_once_nobody_is_left_to_answer(story: Story) -> None:
    climbing(story)
    assert does(story, "decline", who="alice").after == "next_level_at_once"
    story.expect_notification("bob")
    story.expect_notification("carol")
    assert does(story, "decline", who="carol").after == "others_of_the_level_were_asked"
    story.expect_silence()
    assert does(story, "decline", who="bob", comment="on a train").after == "next_level_at_once"
    story.expect_notification("dave")
    story.expect_silence()
    said = [(entry.actor, entry.reason, entry.detail["comment"]) for entry in story.timeline("declined")]
    assert said[-1] == ("bob", "next_level_at_once", "on a train")


def test_a_decline_of_somebody_who_was_not_asked_changes_nothing(story: Story) -> None:
    climbing(story)
    assert does(story, "decline", who="dave").after == "was_not_asked"
    story.acknowledge("api", actor="alice")
    assert does(story, "decline", who="bob").after == "somebody_else_has_it"
    story.let_pass(hours=2)
    story.expect_silence()


def test_whoever_has_it_in_hand_may_decline_it_after_all(story: Story) -> None:
    climbing(story)
    story.acknowledge("api", actor="alice")
    does(story, "decline", who="alice")
    story.expect_notification("bob")
    story.expect_notification("carol")


# ---- People by name ---------------------------------------------------------------------------------


def test_whoever_is_asked_to_help_is_told_although_it_is_in_hand(story: Story) -> None:
    given_people(story, "api")
    broken(story, "api")
    story.expect_notification("alice")
    story.acknowledge("api")
    does(story, "ask", CAROL, comment="you know the pool")
    told = story.expect_notification("carol").message
    assert (told.reason, told.said, told.round) == ("asked_by_name", "alice: you know the pool", 0)
    story.expect_silence()
    story.check_recovers("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", kind="resolution")
    story.expect_notification("carol", kind="resolution")


def test_asking_the_same_person_twice_tells_him_twice(story: Story) -> None:
    given_people(story, "api")
    broken(story, "api")
    story.expect_notification("alice")
    for _ in range(2):
        does(story, "ask", CAROL)
        story.expect_notification("carol")


def test_what_is_asked_by_name_is_not_taken_back_by_an_acknowledgement(story: Story) -> None:
    given_people(story, "api")
    broken(story, "api")
    story.expect_notification("alice")
    services = story.healthmgr
    services.commanding.ask(story.incident("api"), CAROL, Act("alice", "cli", story.now))
    story.acknowledge("api")
    story.settle()
    story.expect_notification("carol")


def test_nobody_is_asked_who_cannot_be_reached(story: Story) -> None:
    given_people(story, "api")
    broken(story, "api")
    with pytest.raises(Conflict, match="no way to reach mallory"):
        does(story, "ask", Named(TargetKind.PERSON, "mallory"))
    with pytest.raises(Conflict, match="nobody who is on call"):
        does(story, "ask", Named(TargetKind.SCHEDULE, "none"))
    with pytest.raises(NotFound):
        story.healthmgr.commanding.ask(new_id(), CAROL, Act("alice", "cli", story.now))


def test_a_message_by_name_that_fails_does_not_hurry_the_climb(story: Story) -> None:
    climbing(story)
    story.refuses_recipient("email", "dave")
    does(story, "ask", DAVE)
    story.deliveries.clear()
    story.fast_forward(minutes=10)
    story.expect_silence()


def test_whose_it_becomes_is_told_once_by_name_unless_he_said_so_himself(story: Story) -> None:
    given_people(story, "api")
    broken(story, "api")
    story.expect_notification("alice")
    story.answer("acknowledge", "api")
    does(story, "assign", "carol", who="alice", comment="you know the pool")
    told = story.expect_notification("carol").message
    assert (told.reason, told.said) == ("assigned", "alice: you know the pool")
    for _ in range(2):
        with pytest.raises(Conflict, match="carol's already"):
            does(story, "assign", "carol")
    with pytest.raises(Conflict, match="no way to reach erin"):
        does(story, "assign", "erin")
    does(story, "assign", "dave", who="dave")
    does(story, "assign", None)
    story.fast_forward(seconds=30)
    story.expect_silence()
    assert [entry.detail["person"] for entry in story.timeline("assigned")] == ["carol", "dave", None]
    does(story, "assign", "carol")
    assert story.expect_notification("carol").message.said == "alice: This incident is yours now."


def test_handing_over_moves_the_roles_and_tells_the_new_one(story: Story) -> None:
    given_people(story, "api")
    broken(story, "api")
    story.expect_notification("alice")
    does(story, "give_role", "scribe", "alice", who="bob")
    story.expect_notification("alice")
    does(story, "hand_over", "carol", who="alice", comment="my shift is over")
    told = story.expect_notification("carol").message
    assert (told.reason, told.said) == ("handed_over", "alice: my shift is over")
    incident = story.healthmgr.reading.incident(story.incident("api"))
    assert (incident.assignee, [(role.role, role.person) for role in incident.roles]) == (
        "carol",
        [("scribe", "carol")],
    )
    with pytest.raises(Conflict, match="carol's already"):
        does(story, "hand_over", "carol")


def test_there_is_one_commander_and_everybody_hears_who(story: Story) -> None:
    given_people(story, "api")
    broken(story, "api")
    story.expect_notification("alice")
    does(story, "give_role", "Commander", "carol")
    assert story.expect_notification("carol").message.roles == ("commander: carol",)
    assert story.expect_notification("alice", kind="update").message.said == "alice: carol is the commander now."
    does(story, "give_role", "commander", "dave")
    roles = story.healthmgr.reading.incident(story.incident("api")).roles
    assert [(role.role, role.person) for role in roles] == [("commander", "dave")]
    with pytest.raises(Conflict, match="no role"):
        does(story, "give_role", "42!", "dave")


def test_who_only_wants_to_hear_of_it_hears_of_a_new_commander_and_is_not_paged_since(story: Story) -> None:
    given_people(story, "api")
    broken(story, "api")
    story.expect_notification("alice")
    does(story, "subscribe", "dave")
    does(story, "give_role", "commander", "carol")
    for hearer in ("alice", "dave"):
        assert story.expect_notification(hearer, kind="update").message.said == "alice: carol is the commander now."
    story.expect_notification("carol")
    story.let_pass(hours=1)
    assert "dave" not in {delivery.message.recipient for delivery in story.deliveries}


# ---- The rule ---------------------------------------------------------------------------------------


def test_a_critical_incident_gets_its_commander_at_once_and_all_are_told_who(story_with: StoryMaker) -> None:
    story = story_with(incidentCommand={"commander": "carol"})
    given_people(story, "api")
    broken(story, "api")
    first = story.expect_notification("alice").message
    assert first.roles == ("commander: carol",)
    commander = story.expect_notification("carol")
    assert commander.message.said == "You are the commander of this incident."
    story.expect_silence()
    story.let_pass(minutes=40)
    story.expect_notification("alice")
    story.expect_silence()


def test_a_commander_who_answers_the_level_himself_is_told_once(story_with: StoryMaker) -> None:
    story = story_with(incidentCommand={"commander": "alice"})
    given_people(story, "api")
    broken(story, "api")
    assert story.expect_notification("alice").message.roles == ("commander: alice",)
    story.expect_silence()


def test_a_mild_incident_gets_no_commander(story_with: StoryMaker) -> None:
    story = story_with(incidentCommand={"commander": "carol", "severities": ["critical", "high"]})
    given_people(story, "api", severity="medium")
    broken(story, "api")
    story.fast_forward(seconds=60)
    assert story.expect_notification("bob").message.roles == ()
    story.expect_silence()


def test_a_rule_that_means_nobody_now_is_said_and_keeps_nobody_from_being_told(story_with: StoryMaker) -> None:
    story = story_with(incidentCommand={"commander": "schedule:nobody"})
    given_people(story, "api")
    broken(story, "api")
    story.expect_notification("alice")
    assert [entry.reason for entry in story.timeline("role_given")] == ["nobody_on_call"]


# ---- What surrounds it ------------------------------------------------------------------------------


def test_subscribers_hear_updates_and_the_end_and_are_never_paged(story: Story) -> None:
    climbing(story)
    does(story, "subscribe", "dave")
    with pytest.raises(Conflict, match="already"):
        does(story, "subscribe", "dave")
    does(story, "update", "We are failing over.")
    told = story.expect_notification("dave", kind="update").message
    assert told.said == "alice: We are failing over."
    story.expect_silence()
    does(story, "unsubscribe", "dave")
    assert does(story, "update", "Done.").targets == ()
    story.check_recovers("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", kind="resolution")
    story.expect_notification("dave", kind="resolution")


def test_tasks_are_numbered_and_done_once(story: Story) -> None:
    given_people(story, "api")
    broken(story, "api")
    incident = story.incident("api")
    act = Act("alice", "cli", story.now)
    keeps = story.healthmgr.coordinating
    assert [keeps.add_task(incident, title, act) for title in ("Call the vendor", "Add an index")] == [1, 2]
    assert keeps.finish_task(incident, 2, act) == "Add an index"
    with pytest.raises(Conflict, match="no open task 2"):
        keeps.finish_task(incident, 2, act)
    with pytest.raises(Conflict, match="no open task 0"):
        keeps.finish_task(incident, 0, act)
    tasks = story.healthmgr.reading.incident(incident).tasks
    assert [(task.number, task.title, task.done_by) for task in tasks] == [
        (1, "Call the vendor", ""),
        (2, "Add an index", "alice"),
    ]


def test_merged_incidents_are_told_on_as_one_and_nobody_is_paged_for_it(story: Story) -> None:
    given_people(story, "api", "shop")
    broken(story, "api", "shop")
    for _ in range(2):
        story.expect_notification("alice")
    api, shop = story.incident("api"), story.incident("shop")
    number = story.healthmgr.reading.incident(shop).number
    moved = story.healthmgr.coordinating.merge(api, shop, Act("alice", "cli", story.now, "the same disk"))
    story.settle()
    assert moved == 1
    told = story.expect_notification("alice", kind="resolution").message
    assert told.title.startswith("Merged into #")
    story.let_pass(minutes=29)
    story.expect_silence()
    assert story.healthmgr.reading.incident_id(number) == api, "its number leads to where it went"
    story.let_pass(minutes=8)
    assert len(story.expect_notification("alice").message.alerts) == 2
    story.expect_silence()
    story.answer("acknowledge", "shop")
    story.check_recovers("api")
    story.fast_forward(minutes=6)
    assert story.healthmgr.reading.incident(api).state == "acknowledged", "a part of it is still broken"
    story.deliveries.clear()
    story.check_recovers("shop")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", kind="resolution")
    story.expect_silence()
    states = [incident.state for incident in story.healthmgr.reading.incidents(state="all", limit=9).items]
    assert states == ["resolved", "resolved"]


def test_what_was_told_of_the_other_hears_of_the_end_of_both(story: Story) -> None:
    given_people(story, "api", "shop")
    with story.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE checks SET severity = 'medium' WHERE slug = 'shop'")
    broken(story, "api", "shop")
    story.fast_forward(seconds=60)
    story.expect_notification("alice", about="api")
    story.expect_notification("bob", about="shop")
    story.healthmgr.coordinating.merge(story.incident("api"), story.incident("shop"), Act("alice", "cli", story.now))
    story.settle()
    story.expect_notification("bob", kind="resolution")
    for slug in ("api", "shop"):
        story.check_recovers(slug)
    story.fast_forward(minutes=6)
    story.expect_notification("alice", kind="resolution")
    story.expect_notification("bob", kind="resolution")
    story.expect_silence()


def test_what_joins_an_incident_in_hand_is_in_hand(story: Story) -> None:
    given_people(story, "api", "shop")
    broken(story, "api", "shop")
    story.answer("acknowledge", "api")
    story.healthmgr.coordinating.merge(story.incident("api"), story.incident("shop"), Act("alice", "cli", story.now))
    story.settle()
    story.deliveries.clear()
    story.let_pass(hours=3)
    story.expect_silence()


def test_a_check_of_a_merged_incident_that_breaks_anew_is_an_incident_of_its_own(story: Story) -> None:
    given_people(story, "api", "shop")
    broken(story, "api", "shop")
    merged = story.incident("shop")
    story.healthmgr.coordinating.merge(story.incident("api"), merged, Act("alice", "cli", story.now))
    story.check_recovers("shop")
    story.fast_forward(minutes=6)
    story.check_fails("shop")
    story.fast_forward(seconds=30)
    assert story.incident("shop") not in {merged, story.incident("api")}


def test_an_incident_is_not_merged_with_itself_nor_with_one_that_is_over(story: Story) -> None:
    given_people(story, "api", "shop")
    broken(story, "api", "shop")
    merge, act = story.healthmgr.coordinating.merge, Act("alice", "cli", story.now)
    api, shop = story.incident("api"), story.incident("shop")
    with pytest.raises(Conflict, match="both times"):
        merge(api, api, act)
    with pytest.raises(NotFound):
        merge(api, new_id(), act)
    merge(api, shop, act)
    with pytest.raises(Conflict, match="both times"):
        merge(api, shop, act)


def test_cause_and_consequence_read_the_same_from_both_sides(story: Story) -> None:
    given_people(story, "api", "shop")
    broken(story, "api", "shop")
    api, shop = story.incident("api"), story.incident("shop")
    story.healthmgr.coordinating.link(api, shop, Act("alice", "cli", story.now))
    view = story.healthmgr.reading.incident
    assert [(link.kind, link.number) for link in view(api).linked] == [("caused", view(shop).number)]
    assert [(link.kind, link.number) for link in view(shop).linked] == [("caused_by", view(api).number)]
    with pytest.raises(Conflict, match="said already"):
        story.healthmgr.coordinating.link(api, shop, Act("alice", "cli", story.now))
