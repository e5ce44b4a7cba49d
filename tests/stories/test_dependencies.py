"""What hangs on something that is down tells nobody of its own; it is told as the impact of its root."""

from __future__ import annotations

from datetime import timedelta

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from tests.stories.harness import Story, check


def test_children_of_a_failed_root_tell_nobody_and_are_named_as_its_impact(story: Story) -> None:
    story.given(check("database"), check("api", depends_on=["database"]), check("web", depends_on=["api"]))
    story.all_is_well()
    for slug in ("database", "api", "web"):
        story.check_fails(slug)
    story.fast_forward(minutes=2)
    told = story.expect_notification("alice", about="database")
    assert told.message.alerts[0].dependents == ("api",)
    story.expect_silence()
    suppressed = story.rows(
        "SELECT c.slug, r.slug AS root, a.incident_id = ra.incident_id AS is_attached FROM alerts a"
        " JOIN checks c ON c.id = a.check_id JOIN alerts ra ON ra.id = a.suppressed_by_id"
        " JOIN checks r ON r.id = ra.check_id WHERE a.resolved_at IS NULL ORDER BY c.slug"
    )
    assert [tuple(row) for row in suppressed] == [("api", "database", True), ("web", "database", True)]
    story.let_pass(minutes=36)
    again = story.expect_notification("alice", about="database")
    assert again.message.alerts[0].impacted == ("api", "web")
    story.expect_silence()


def test_everything_recovers_with_the_root_and_only_the_root_is_told(story: Story) -> None:
    story.given(check("database"), check("api", depends_on=["database"]))
    story.all_is_well()
    story.check_fails("database")
    story.check_fails("api")
    story.fast_forward(minutes=2)
    story.expect_notification("alice", about="database")
    story.check_recovers("database")
    story.check_recovers("api")
    story.fast_forward(minutes=2)
    story.expect_notification("alice", about="database", kind="resolution")
    story.expect_silence()
    assert story.rows("SELECT count(*) FROM alerts WHERE resolved_at IS NULL")[0][0] == 0
    assert story.rows("SELECT count(*) FROM incidents")[0][0] == 1


def test_a_child_that_is_still_broken_when_its_root_is_mended_is_told_then(story: Story) -> None:
    story.given(check("database"), check("api", depends_on=["database"]))
    story.all_is_well()
    story.check_fails("database")
    story.check_fails("api")
    story.fast_forward(minutes=2)
    story.expect_notification("alice", about="database")
    story.check_recovers("database")
    story.fast_forward(seconds=30)
    resolved = story.expect_notification("alice", about="database", kind="resolution")
    told = story.expect_notification("alice", about="api")
    assert timedelta(0) <= told.at - resolved.at < timedelta(seconds=16)
    story.expect_silence()


def test_a_child_alone_is_told_although_it_hangs_on_something_healthy(story: Story) -> None:
    story.given(check("database"), check("api", depends_on=["database"]))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=45)
    story.expect_notification("alice", about="api")
    story.expect_silence()


def test_a_failing_child_has_its_parent_probed_at_once(story: Story) -> None:
    story.given(check("database", interval="5m", timeout="3s"), check("api", depends_on=["database"]))
    story.fast_forward(minutes=6)
    story.probes.clear()
    story.check_fails("database")
    story.check_fails("api")
    story.fast_forward(seconds=20)
    causes = [probe.cause.value for probe in story.probes if probe.slug == "database"]
    assert "dependency" in causes
    story.fast_forward(seconds=30)
    story.expect_notification("alice", about="database")
    story.expect_silence()


def test_a_child_is_held_at_most_fifteen_seconds_for_a_wavering_parent(story: Story) -> None:
    story.given(
        check("database", max_attempts=10, retry_interval="10s", interval="20s"), check("api", depends_on=["database"])
    )
    story.all_is_well()
    story.check_fails("database")
    story.check_fails("api")
    story.fast_forward(seconds=50)
    told = story.expect_notification("alice", about="api")
    opened = story.rows("SELECT a.opened_at FROM alerts a JOIN checks c ON c.id = a.check_id WHERE c.slug = 'api'")
    assert told.at - opened[0].opened_at == timedelta(seconds=15)


def test_one_healthy_parent_of_a_redundancy_group_is_enough_to_be_told(story: Story) -> None:
    replicas = [{"check": "a", "redundancy_group": "db"}, {"check": "b", "redundancy_group": "db"}]
    story.given(check("a"), check("b"), check("api", depends_on=replicas))
    story.all_is_well()
    story.check_fails("a")
    story.fast_forward(seconds=40)
    story.expect_notification("alice", about="a")
    story.check_fails("api")
    story.fast_forward(seconds=40)
    story.expect_notification("alice", about="api")


def test_all_parents_of_a_redundancy_group_down_explain_the_child(story: Story) -> None:
    replicas = [{"check": "a", "redundancy_group": "db"}, {"check": "b", "redundancy_group": "db"}]
    story.given(check("a"), check("b"), check("api", depends_on=replicas))
    story.all_is_well()
    for slug in ("a", "b", "api"):
        story.check_fails(slug)
    story.fast_forward(minutes=2)
    story.expect_notification("alice", about="a")
    story.expect_notification("alice", about="b")
    story.expect_silence()


def test_a_parent_of_which_nothing_can_be_told_suppresses_nobody(story: Story) -> None:
    story.given(check("database"), check("api", depends_on=["database"]))
    story.all_is_well()
    story.check_finds("database", Outcome(Status.UNKNOWN, "could not tell"))
    story.fast_forward(minutes=2)
    story.expect_notification("bob", about="database")
    story.check_fails("api")
    story.fast_forward(minutes=1)
    story.expect_notification("alice", about="api")


def test_a_paused_root_suppresses_nobody_any_longer(story: Story) -> None:
    story.given(check("database"), check("api", depends_on=["database"]))
    story.all_is_well()
    story.check_fails("database")
    story.check_fails("api")
    story.fast_forward(minutes=2)
    story.expect_notification("alice", about="database")
    story.healthmgr.responding.pause("database", actor="alice", origin="cli", now=story.now)
    story.fast_forward(minutes=1)
    story.expect_notification("alice", about="database", kind="resolution")
    story.expect_notification("alice", about="api")
    story.expect_silence()
