"""The climb of a policy: level by level until somebody answers, past levels at which nobody is on call."""

from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy import text

from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import Conditions, Level, Named, Policy, TargetKind
from healthmgr.services.commanding import Act
from tests.stories.conftest import StoryMaker
from tests.stories.harness import Story, check

ALICE, BOB, OPS = (Named(TargetKind.PERSON, name) for name in ("alice", "bob", "ops"))


def given_policy(story: Story, *levels: Level, repeat: int = 0, begins_after: float = 0) -> None:
    """The critical route climbs this policy, begun so many minutes later, and tells nobody by itself."""
    policy = Policy("standard", levels, repeat, timedelta(minutes=begins_after))
    with story.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO escalation_policies (name, document, managed_by, updated_at) "
                "VALUES (:name, :document, 'story', :now) "
                "ON CONFLICT (name) DO UPDATE SET document = EXCLUDED.document"
            ),
            {"name": policy.name, "document": json.dumps(policy.to_document()), "now": story.now},
        )
        connection.execute(text("UPDATE recipients SET contacts = contacts - 'hook', contact_plan = '[]'"))
        connection.execute(
            text(
                "UPDATE routing SET document = document || "
                '\'{"escalation": "standard", "to": [], "via": []}\' WHERE name = \'critical\''
            )
        )


def level(name: str, *targets: Named, minutes: float = 10, **more: object) -> Level:
    return Level(name, targets, timedelta(minutes=minutes), **more)  # type: ignore[arg-type]


def broken(story: Story, *levels: Level, repeat: int = 0, begins_after: float = 0) -> None:
    """A critical check that has just been told of."""
    story.given(check("api"))
    given_policy(story, *levels, repeat=repeat, begins_after=begins_after)
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=30)


def test_each_level_is_told_its_delay_after_the_one_before_until_somebody_answers(story: Story) -> None:
    broken(story, level("L1", ALICE, minutes=0), level("L2", BOB, minutes=15))
    first = story.expect_notification("alice")
    story.let_pass(minutes=14)
    story.expect_silence()
    story.let_pass(minutes=2)
    second = story.expect_notification("bob")
    assert second.message.reason == "nobody_answered_the_level_before"
    assert timedelta(minutes=15) <= second.at - first.at < timedelta(minutes=16)
    story.acknowledge("api", actor="bob")
    story.let_pass(hours=10)
    story.expect_silence()


def test_a_first_level_with_a_delay_is_told_when_that_is_over_and_the_timeline_says_so(story: Story) -> None:
    broken(story, level("L1", ALICE, minutes=0), level("L2", BOB, minutes=15), begins_after=5)
    (opened,) = story.timeline("opened")
    assert [entry.reason for entry in story.timeline("not_told")] == ["first_level_is_not_due"]
    story.let_pass(minutes=4)
    story.expect_silence()
    story.let_pass(minutes=2)
    first = story.expect_notification("alice")
    assert first.message.reason == "first_level_is_due"
    assert timedelta(minutes=5) <= first.at - opened.at < timedelta(minutes=5, seconds=10)
    story.let_pass(minutes=16)
    assert timedelta(minutes=15) <= story.expect_notification("bob").at - first.at < timedelta(minutes=15, seconds=10)
    names = [name for (name,) in story.rows("SELECT name FROM events WHERE name = 'escalation_started'")]
    assert len(names) == 1, "the first level is no escalation"


def test_what_ends_or_is_answered_before_its_first_level_is_due_is_told_nobody(story: Story) -> None:
    broken(story, level("L1", ALICE), begins_after=5)
    story.check_recovers("api")
    story.fast_forward(minutes=10)
    story.check_fails("api")
    story.fast_forward(minutes=1)
    story.acknowledge("api")
    story.let_pass(hours=2)
    story.expect_silence()


def test_who_asks_for_the_next_level_does_not_wait_for_the_first_ones_delay(story: Story) -> None:
    broken(story, level("L1", ALICE), level("L2", BOB, minutes=15), begins_after=30)
    act = Act("carol", "cli", story.now)
    story.healthmgr.commanding.escalate(story.incident("api"), act)
    story.settle()
    assert story.expect_notification("alice").message.reason == "escalated_by_a_person"


def test_after_the_last_level_the_default_recipients_are_told_and_told_again(story: Story) -> None:
    broken(story, level("L1", ALICE, minutes=0))
    story.expect_notification("alice")
    story.let_pass(minutes=11)
    story.expect_notification("bob")
    story.let_pass(hours=5)
    story.expect_notification("bob")
    story.expect_silence()


def test_a_policy_that_repeats_begins_again_before_it_is_exhausted(story: Story) -> None:
    broken(story, level("L1", ALICE, minutes=0), level("L2", BOB, minutes=5), repeat=1)
    story.let_pass(minutes=30)
    told = [delivery.message.recipient for delivery in story.deliveries]
    assert told[:4] == ["alice", "bob", "alice", "bob"]


def test_a_level_where_nobody_is_on_call_is_said_and_passed_at_once(story: Story) -> None:
    nobody = level("L1", Named(TargetKind.SCHEDULE, "empty"), minutes=0)
    broken(story, nobody, level("L2", BOB, minutes=30))
    story.expect_notification("bob")
    entries = story.rows("SELECT kind, reason FROM incident_entries WHERE kind = 'level_passed'")
    assert [tuple(entry) for entry in entries] == [("level_passed", "nobody_on_call")]


def test_a_level_whose_conditions_do_not_hold_is_passed(story: Story) -> None:
    mild = level("L1", ALICE, minutes=0, when=Conditions(severities=(Severity.LOW,)))
    broken(story, mild, level("L2", BOB, minutes=30))
    story.expect_notification("bob")
    story.expect_silence()


def test_a_level_whose_every_channel_refuses_is_passed_at_once(story: Story) -> None:
    story.channel_refuses("email", permanent=True)
    broken(story, level("L1", ALICE, minutes=0), level("L2", BOB, minutes=60))
    story.channel_works("email")
    story.let_pass(minutes=10)
    assert {delivery.message.recipient for delivery in story.deliveries} == {"bob"}


def test_an_acknowledgement_that_lapses_lets_the_climb_go_on(story: Story) -> None:
    broken(story, level("L1", ALICE, minutes=0), level("L2", BOB, minutes=15))
    story.expect_notification("alice")
    until = story.now + timedelta(minutes=40)
    story.healthmgr.responding.acknowledge(
        story.open_alert("api"), actor="alice", origin="cli", now=story.now, until=until
    )
    story.let_pass(minutes=39)
    story.expect_silence()
    story.let_pass(minutes=2)
    assert story.expect_notification("bob").message.reason == "acknowledgement_lapsed"


def test_those_whom_the_climb_has_reached_hear_of_the_end(story: Story) -> None:
    broken(story, level("L1", ALICE, minutes=0), level("L2", BOB, minutes=15))
    story.let_pass(minutes=16)
    story.deliveries.clear()
    story.check_recovers("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", kind="resolution")
    story.expect_notification("bob", kind="resolution")
    story.expect_silence()


def test_other_programs_hear_that_an_incident_opened_that_nobody_answered_and_that_it_is_over(story: Story) -> None:
    broken(story, level("L1", ALICE, minutes=0), level("L2", BOB, minutes=15))
    story.let_pass(minutes=16)
    story.check_recovers("api")
    story.fast_forward(seconds=30)
    events = story.rows("SELECT name, data FROM events WHERE name LIKE 'incident%' OR name = 'escalation_started'")
    assert [event.name for event in events] == ["incident_opened", "escalation_started", "incident_resolved"]
    climbed = events[1].data
    assert (climbed["alert"]["title"], climbed["alert"]["severity"]) == ("Api is unhealthy", "critical")
    assert (climbed["level"], climbed["escalation_rules"]) == (1, ["bob over mail"])


def test_an_acknowledgement_by_itself_waits_until_the_last_level_was_told(story_with: StoryMaker) -> None:
    story = story_with(escalation={"autoAcknowledgeAfter": 5})
    broken(story, level("L1", ALICE, minutes=0), level("L2", BOB, minutes=15))
    story.let_pass(hours=2)
    told = [delivery.message.recipient for delivery in story.deliveries]
    assert told[:2] == ["alice", "bob"]
    kinds = [row.kind for row in story.rows("SELECT kind FROM incident_entries ORDER BY id")]
    assert kinds.index("acknowledged") > [i for i, kind in enumerate(kinds) if kind == "told"][1]
