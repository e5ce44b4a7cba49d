"""Stories of alerts that others bring: from the door to what people are told, on a moved clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from healthmgr.domain.cause import Changed
from healthmgr.domain.incoming import incoming
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.silence import Draft
from tests.stories.harness import Story, check

MINUTE = timedelta(minutes=1)
DOWN = {"alertname": "Down", "service": "shop", "severity": "critical"}


def bring(story: Story, lasts_for: timedelta | None = 4 * MINUTE, **over: Any) -> None:
    """An alert at the door, at this moment of the story."""
    facts = {"labels": DOWN, "now": story.now, "ends_at": story.now + lasts_for if lasts_for is not None else None}
    story.healthmgr.admitting.admit([incoming(**facts | over)], "alertmanager", story.now)


def resolve(story: Story, **over: Any) -> None:
    bring(story, timedelta(0), **over)


def begin(story: Story) -> None:
    story.given(check("bystander"))
    story.all_is_well()


def test_what_is_brought_is_told_once_however_often_it_is_renewed_and_its_end_is_told(story: Story) -> None:
    begin(story)
    for _ in range(4):
        bring(story, annotations={"summary": "the shop is down"})
        story.let_pass(minutes=1)
    delivery = story.expect_notification("alice")
    (alert,) = delivery.message.alerts
    assert (alert.check_name, alert.summary) == ("Down", "the shop is down")
    story.expect_silence()
    resolve(story)
    story.let_pass(minutes=1)
    story.expect_notification("alice", kind="resolution")
    story.let_pass(hours=1)
    story.expect_silence()


def test_when_its_source_falls_silent_that_is_told_as_its_end(story: Story) -> None:
    begin(story)
    bring(story)
    story.let_pass(minutes=1)
    story.expect_notification("alice")
    story.let_pass(minutes=2.9)
    story.expect_silence()
    story.now += timedelta(seconds=10)
    story.let_pass(minutes=1)
    delivery = story.expect_notification("alice", kind="resolution")
    assert "not renewed by source" in delivery.message.alerts[0].resolution


def test_what_is_mild_waits_for_others_and_a_rise_is_told_at_once(story: Story) -> None:
    begin(story)
    mild, other = {**DOWN, "severity": "warning"}, {**DOWN, "severity": "warning", "alertname": "Slow"}
    key = {"key": "1"}
    bring(story, labels=mild, identity=key)
    story.fast_forward(seconds=20)
    story.expect_silence()
    bring(story, labels=other)
    story.fast_forward(seconds=11)
    assert len(story.expect_notification("bob").message.alerts) == 2
    bring(story, labels=DOWN, identity=key)
    story.fast_forward(seconds=1)
    assert story.expect_notification("alice").message.severity.value == "critical"


def test_what_a_person_closed_is_not_told_again_by_the_next_repetition(story: Story) -> None:
    begin(story)
    started = story.now
    bring(story)
    story.let_pass(minutes=1)
    story.expect_notification("alice")
    (row,) = story.rows("SELECT id FROM alerts WHERE resolved_at IS NULL")
    story.healthmgr.responding.resolve(row.id, actor="alice", origin="cli", now=story.now)
    story.let_pass(minutes=1)
    story.expect_notification("alice", kind="resolution")
    for _ in range(5):
        bring(story, starts_at=started)
        story.let_pass(minutes=1)
    story.expect_silence()
    story.let_pass(hours=1)
    bring(story, starts_at=started)
    story.let_pass(minutes=1)
    story.expect_notification("alice")


def test_an_alert_of_a_door_is_silenced_as_any_other_and_told_at_the_silences_end(story: Story) -> None:
    begin(story)
    draft = Draft(parse_matchers("service=shop"), story.now + 10 * MINUTE, "alice", "upgrade")
    story.healthmgr.silencing.save(draft, actor="alice", origin="cli", now=story.now)
    bring(story, lasts_for=None)
    story.let_pass(minutes=9)
    story.expect_silence()
    story.let_pass(minutes=2)
    story.expect_notification("alice")


def test_a_change_that_was_reported_is_named_in_what_broke_after_it(story: Story) -> None:
    begin(story)
    changed = Changed("shop", "shop 2.1 deployed", story.now)
    story.healthmgr.insight.changing.report(changed, source="ci", actor="ci", origin="api", now=story.now)
    story.let_pass(minutes=1)
    bring(story)
    story.let_pass(minutes=1)
    changes = [change.what for change in story.expect_notification("alice").message.changes]
    assert "ci: change.reported shop 2.1 deployed" in changes


def test_a_thousand_alerts_at_once_are_one_incident_and_one_page(story: Story) -> None:
    begin(story)
    alerts = [
        incoming({**DOWN, "instance": f"host-{n}"}, now=story.now, ends_at=story.now + 60 * MINUTE) for n in range(1000)
    ]
    for start in range(0, 1000, 256):
        story.healthmgr.admitting.admit(alerts[start : start + 256], "alertmanager", story.now)
    story.let_pass(minutes=4)
    delivery = story.expect_notification("alice")
    assert len(delivery.message.alerts) + delivery.message.more_alerts == 1000
    story.expect_silence()
    (row,) = story.rows("SELECT count(*) AS incidents FROM incidents")
    assert row.incidents == 1
