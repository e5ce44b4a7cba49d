"""What people do about incidents, and what happens to one that nobody answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from healthmgr.errors import Conflict
from tests.stories.conftest import StoryMaker
from tests.stories.harness import Story, check

MINUTE = timedelta(minutes=1)


def told_once(story: Story, slug: str = "api", recipient: str = "alice", **fields: object) -> None:
    """A check breaks, and one person has been told of it."""
    story.given(check(slug, **fields))
    story.all_is_well()
    story.check_fails(slug)
    story.fast_forward(seconds=30)
    story.expect_notification(recipient, about=slug)
    story.expect_silence()


def mended(story: Story, slug: str = "api", seconds: float = 30) -> None:
    story.check_recovers(slug)
    story.fast_forward(seconds=seconds)


# ---- acknowledging ----------------------------------------------------------------------------------


def test_an_acknowledgement_that_ends_lets_the_climb_go_on_in_a_new_episode(story: Story) -> None:
    told_once(story)
    lapses_at = story.after(minutes=60)
    story.answer("acknowledge", "api", until=lapses_at, comment="back in an hour")
    story.let_pass(minutes=59)
    story.expect_silence()
    story.let_pass(minutes=2)
    again = story.expect_notification("alice", about="api")
    assert (again.at, again.message.reason) == (lapses_at, "acknowledgement_lapsed")
    assert story.rows("SELECT acknowledged_at, acknowledged_by FROM alerts") == [(None, None)]
    story.let_pass(minutes=36)
    repeated = story.expect_notification("alice", about="api").message
    assert repeated.reason == "repeat_interval_passed"
    story.expect_silence()
    story.answer("acknowledge", "api")
    mended(story)
    over = story.expect_notification("alice", about="api", kind="resolution").message
    assert [message.answers for message in (again.message, repeated, over)] == [1, 1, 1], "the last answer was not lost"


def test_an_acknowledgement_of_one_alert_that_ends_lets_the_climb_go_on(story: Story) -> None:
    told_once(story)
    lapses_at = story.after(minutes=20)
    alert = story.open_alert("api")
    story.healthmgr.responding.acknowledge(alert, actor="alice", origin="cli", now=story.now, until=lapses_at)
    story.let_pass(minutes=21)
    assert story.expect_notification("alice", about="api").at == lapses_at


def test_an_acknowledgement_of_one_of_two_alerts_leaves_the_climb_to_the_other(story: Story) -> None:
    story.given(check("api", service="shop"), check("web", service="shop"))
    story.all_is_well()
    story.check_fails("api")
    story.check_fails("web")
    story.fast_forward(minutes=6)
    story.deliveries.clear()
    story.acknowledge("api")
    story.let_pass(minutes=36)
    story.expect_notification("alice", about="web")
    story.acknowledge("web")
    story.let_pass(hours=5)
    story.expect_silence()


def test_an_acknowledgement_that_is_withdrawn_is_told_at_once(story: Story) -> None:
    told_once(story)
    story.answer("acknowledge", "api")
    story.let_pass(minutes=10)
    story.answer("unacknowledge", "api", actor="bob", comment="not mine")
    story.fast_forward(seconds=1)
    again = story.expect_notification("alice", about="api")
    assert again.message.reason == "acknowledgement_withdrawn"
    assert [(e.kind, e.actor) for e in story.timeline("unacknowledged")] == [("unacknowledged", "bob")]
    story.let_pass(minutes=36)
    assert story.expect_notification("alice", about="api").message.reason == "repeat_interval_passed"


def test_an_acknowledgement_of_one_alert_that_is_withdrawn_is_told_at_once(story: Story) -> None:
    told_once(story)
    alert = story.open_alert("api")
    story.acknowledge("api")
    story.healthmgr.responding.unacknowledge(alert, actor="bob", origin="cli", now=story.now)
    story.fast_forward(seconds=1)
    assert story.expect_notification("alice", about="api").message.reason == "acknowledgement_withdrawn"
    story.expect_silence()


def test_an_alert_acknowledged_before_anybody_was_told_is_told_when_that_is_withdrawn(story: Story) -> None:
    story.given(check("api", severity="low"))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=20)
    alert = story.open_alert("api")
    story.acknowledge("api")
    story.fast_forward(minutes=2)
    story.expect_silence()
    story.healthmgr.responding.unacknowledge(alert, actor="bob", origin="cli", now=story.now)
    story.fast_forward(minutes=1)
    story.expect_notification("bob", about="api")


def test_an_alert_acknowledged_for_a_time_before_anybody_was_told_is_told_when_that_is_over(story: Story) -> None:
    story.given(check("api", severity="low"))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=20)
    until = story.after(minutes=10)
    alert = story.open_alert("api")
    story.healthmgr.responding.acknowledge(alert, actor="bob", origin="cli", now=story.now, until=until)
    story.let_pass(minutes=9)
    story.expect_silence()
    story.let_pass(minutes=2)
    story.expect_notification("bob", about="api")


def test_when_what_nobody_answered_is_over_the_climb_stops_for_the_rest_that_is_in_hand(story: Story) -> None:
    story.given(check("api", service="shop"), check("web", service="shop"))
    story.all_is_well()
    story.check_fails("api")
    story.check_fails("web")
    story.fast_forward(minutes=6)
    story.acknowledge("api")
    mended(story, "web", seconds=400)
    story.deliveries.clear()
    story.let_pass(hours=6)
    story.expect_silence()
    assert [row.acknowledged_by for row in story.rows("SELECT acknowledged_by FROM incidents")] == ["alice"]
    mended(story, "api")
    story.expect_notification("alice", about="api", kind="resolution")


# ---- snoozing ---------------------------------------------------------------------------------------


def test_a_snoozed_incident_is_told_when_the_snooze_ends_while_it_is_still_broken(story: Story) -> None:
    told_once(story)
    until = story.after(minutes=45)
    story.answer("snooze", "api", until=until)
    story.let_pass(minutes=44)
    story.expect_silence()
    story.let_pass(minutes=2)
    again = story.expect_notification("alice", about="api")
    assert (again.at, again.message.reason) == (until, "snooze_ended")
    story.let_pass(minutes=36)
    assert story.expect_notification("alice", about="api").message.reason == "repeat_interval_passed"


def test_a_snooze_that_outlasts_the_problem_tells_its_end_and_no_more(story: Story) -> None:
    told_once(story)
    story.answer("snooze", "api", until=story.after(minutes=45))
    mended(story)
    story.expect_notification("alice", about="api", kind="resolution")
    story.let_pass(hours=2)
    story.expect_silence()


# ---- commenting, resolving ---------------------------------------------------------------


def test_a_comment_is_on_the_timeline_and_tells_nobody(story: Story) -> None:
    told_once(story)
    story.answer("comment", "api", text="  looks like the disk  ")
    story.let_pass(minutes=10)
    story.expect_silence()
    assert [e.detail for e in story.timeline("commented")] == [{"comment": "looks like the disk"}]


def test_an_incident_resolved_by_hand_is_told_and_stays_closed_until_its_check_changes(story: Story) -> None:
    told_once(story)
    story.answer("resolve", "api", comment="known")
    story.fast_forward(seconds=1)
    story.expect_notification("alice", about="api", kind="resolution")
    story.fast_forward(minutes=20)
    story.expect_silence()
    mended(story)
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", about="api")


def test_an_incident_resolved_by_hand_that_is_still_bad_an_hour_later_is_told_again(story: Story) -> None:
    told_once(story)
    story.answer("resolve", "api")
    story.fast_forward(seconds=1)
    story.expect_notification("alice", about="api", kind="resolution")
    story.let_pass(minutes=59)
    story.fast_forward(minutes=2)
    story.expect_notification("alice", about="api")
    story.expect_silence()


def test_an_alert_that_is_reopened_by_hand_is_told_and_ends_with_its_next_healthy_result(story: Story) -> None:
    told_once(story)
    alert = story.open_alert("api")
    story.resolve("api")
    story.fast_forward(seconds=1)
    story.expect_notification("alice", about="api", kind="resolution")
    story.healthmgr.responding.reopen(alert, actor="bob", origin="cli", now=story.now)
    story.fast_forward(seconds=1)
    again = story.expect_notification("alice", about="api")
    assert (again.message.reason, again.message.incident_number) == ("broken_again", 1)
    mended(story)
    story.expect_notification("alice", about="api", kind="resolution")
    story.expect_silence()


def test_who_acts_on_what_is_over_is_told_so(story: Story) -> None:
    told_once(story)
    mended(story)
    for verb, values in (("acknowledge", {}), ("resolve", {})):
        with pytest.raises(Conflict):
            story.answer(verb, "api", **values)
    with pytest.raises(Conflict):
        story.answer("snooze", "api", until=story.after(minutes=1))


def test_every_answer_is_on_the_audit_log_with_who_and_from_where(story: Story) -> None:
    told_once(story)
    story.answer("acknowledge", "api", comment="on it")
    story.answer("unacknowledge", "api")
    story.answer("snooze", "api", until=story.after(minutes=5))
    story.answer("comment", "api", text="hm")
    story.answer("resolve", "api", actor="bob")
    audited = story.rows("SELECT actor, origin, action FROM audit_entries WHERE action LIKE 'incident.%' ORDER BY id")
    assert [tuple(row) for row in audited] == [
        ("alice", "cli", "incident.acknowledge"),
        ("alice", "cli", "incident.unacknowledge"),
        ("alice", "cli", "incident.snooze"),
        ("alice", "cli", "incident.comment"),
        ("bob", "cli", "incident.resolve"),
    ]


# ---- by itself --------------------------------------------------------------------------------------


def test_an_incident_that_nobody_answers_is_acknowledged_by_itself_for_as_long_again(story_with: StoryMaker) -> None:
    story = story_with(escalation={"autoAcknowledgeAfter": 60})
    told_once(story)
    opened_at = story.timeline("opened")[0].at
    story.let_pass(minutes=58)
    story.expect_notification("alice", about="api")
    story.let_pass(minutes=61)
    story.expect_silence()
    assert [(e.at - opened_at, e.actor) for e in story.timeline("acknowledged")] == [(60 * MINUTE, "healthmgr")]
    story.let_pass(minutes=2)
    again = story.expect_notification("alice", about="api")
    assert (again.at - opened_at, again.message.reason) == (120 * MINUTE, "acknowledgement_lapsed")
    story.let_pass(minutes=65)
    assert [e.at - opened_at for e in story.timeline("acknowledged")] == [60 * MINUTE, 180 * MINUTE]


def test_what_was_acknowledged_by_itself_tells_its_end(story_with: StoryMaker) -> None:
    story = story_with(escalation={"autoAcknowledgeAfter": 5})
    told_once(story)
    story.let_pass(minutes=8)
    story.expect_silence()
    mended(story)
    story.expect_notification("alice", about="api", kind="resolution")
    story.expect_silence()


def test_an_incident_whose_alerts_are_no_longer_bad_is_resolved_by_itself_and_one_that_is_still_bad_is_not(
    story_with: StoryMaker,
) -> None:
    story = story_with(escalation={"autoResolveAfter": 30})
    story.given(check("api", success_threshold=100), check("web"))
    story.all_is_well()
    story.check_fails("api")
    story.check_fails("web")
    story.fast_forward(seconds=30)
    mended(story)  # and its alert waits for a hundred healthy results
    story.deliveries.clear()
    story.let_pass(minutes=31)
    ended = story.expect_notification("alice", about="api", kind="resolution")
    assert ended.message.alerts[0].resolution == "resolved by itself"
    story.expect_silence()
    assert [row.slug for row in story.rows(OPEN)] == ["web"]
    story.let_pass(hours=2)
    assert [row.slug for row in story.rows(OPEN)] == ["web"], "its last result is bad"


OPEN = "SELECT c.slug FROM alerts a JOIN checks c ON c.id = a.check_id WHERE a.resolved_at IS NULL"
