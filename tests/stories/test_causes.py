"""What an incident comes from: the root alone is told, and what is known of its cause follows with the next message."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from healthmgr.domain.cascade import fall, impact
from healthmgr.domain.cause import Changed
from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from tests.domain.topology import topology
from tests.stories.harness import START, Story, check

SECONDS = timedelta(seconds=1)


def fleet(story: Story) -> None:
    story.given(
        check("database", service="data"),
        check("api", service="shop", depends_on=["database"]),
        check("web", service="shop", depends_on=["api"]),
        check("mail", service="mail", depends_on=["database"]),
        check("cron", service="cron"),
        routing={"default": {"to": ["alice"], "via": ["mail"], "repeat_interval": "10m", "group_by": ["..."]}},
    )
    story.all_is_well()


def test_the_first_page_names_what_hangs_on_it_and_the_next_what_it_may_come_from(story: Story) -> None:
    fleet(story)
    changed = Changed("data", "Deploy data 42", story.now - 60 * SECONDS, "42", "ann")
    story.healthmgr.insight.changing.report(changed, source="api", actor="ci", origin="api", now=story.now)
    began = story.now
    for slug in ("database", "api", "web", "mail"):
        story.check_fails(slug)
    story.fast_forward(seconds=30)
    told = story.expect_notification("alice", about="database")
    assert told.at - began <= 30 * SECONDS
    assert told.message.alerts[0].hanging == "3 checks in 2 services"
    assert told.message.causes == ()
    story.fast_forward(seconds=30)
    assert story.healthmgr.insight.tracing.trace(story.now) == 1
    story.expect_silence()
    story.let_pass(minutes=17)
    again = story.expect_notification("alice", about="database")
    first, second = again.message.causes[:2]
    assert first.startswith("Deploy data 42: ")
    assert "data 42 was changed by ann" in first
    assert second.startswith("database: ")
    story.expect_silence()


def test_the_incident_shows_its_causes_and_what_hangs_on_it(story: Story) -> None:
    fleet(story)
    for slug in ("database", "api", "mail"):
        story.check_fails(slug)
    story.fast_forward(seconds=40)
    told = story.expect_notification("alice", about="database")
    story.healthmgr.insight.tracing.trace(story.now)
    incident = story.healthmgr.reading.incident(told.message.incident_id)
    assert incident.hanging == "3 checks in 2 services"
    assert incident.causes[0].subject == "database"
    assert {each.kind for each in incident.causes[0].evidence} >= {"explains", "nothing_above_it", "failed"}


def test_a_check_that_never_was_well_is_its_own_cause(story: Story) -> None:
    story.given(check("database", service="data"), check("api", depends_on=["database"]))
    story.check_fails("database")
    story.check_fails("api")
    story.fast_forward(seconds=60)
    story.healthmgr.insight.tracing.trace(story.now)
    told = story.expect_notification("alice", about="database")
    assert story.healthmgr.reading.incident(told.message.incident_id).causes[0].subject == "database"


def test_causes_are_looked_for_again_until_the_picture_is_whole(story: Story) -> None:
    fleet(story)
    story.check_fails("database")
    story.fast_forward(seconds=40)
    tracing = story.healthmgr.insight.tracing
    looks = []
    for _ in range(90):
        looks.append(tracing.trace(story.now))
        story.now += 10 * SECONDS
    assert sum(looks) == 4
    assert looks[0] == 1


def test_an_incident_without_a_check_is_not_traced(story: Story) -> None:
    fleet(story)
    assert story.healthmgr.insight.tracing.trace(story.now) == 0


def test_what_could_not_be_told_is_no_cause(story: Story) -> None:
    fleet(story)
    story.check_finds("cron", Outcome(Status.UNKNOWN, "no answer", is_conclusive=False))
    story.check_fails("database")
    story.check_fails("api")
    story.fast_forward(seconds=40)
    story.healthmgr.insight.tracing.trace(story.now)
    told = story.expect_notification("alice", about="database")
    incident = story.healthmgr.reading.incident(told.message.incident_id)
    assert "cron" not in [cause.subject for cause in incident.causes]


@pytest.mark.timeout(300)
def test_of_200_services_only_the_root_is_told_within_half_a_minute_and_it_is_found(story: Story) -> None:
    """A crash in a simulated topology: real evaluation, real dispatch, real rows; everything that falls is silent."""
    of = topology(21)
    root = max(sorted(of.true.services), key=lambda slug: (len(fall(of.true, [slug])), slug))
    fallen = {each.slug for each in impact(of.true, root).fallen}
    assert len(fallen) > 20
    story.given(
        *(
            check(
                slug,
                service=slug,
                interval="10s" if slug == root else "20s",
                labels={"zone": f"z{of.zones[slug]}"},
                depends_on=[
                    {"check": edge.parent, "redundancy_group": edge.group} for edge in of.true.parents.get(slug, ())
                ],
            )
            for slug in sorted(of.true.services)
        ),
        routing={"default": {"to": ["alice"], "via": ["mail"], "group_by": ["..."]}},
    )
    story.all_is_well(25)
    began = story.now
    for slug in (root, *sorted(fallen)):
        story.check_fails(slug)
    story.fast_forward(seconds=60)
    told = story.expect_notification("alice", about=root)
    assert told.at - began <= 30 * SECONDS
    assert told.message.alerts[0].hanging.startswith(f"{len(fallen)} checks")
    story.expect_silence()
    suppressed = story.rows(
        "SELECT count(*) FROM alerts a JOIN alerts r ON r.id = a.suppressed_by_id JOIN checks c ON c.id = r.check_id"
        f" WHERE a.resolved_at IS NULL AND c.slug = '{root}'"
    )
    assert suppressed[0][0] == len(fallen)
    story.healthmgr.insight.tracing.trace(story.now)
    incident = story.healthmgr.reading.incident(told.message.incident_id)
    assert incident.causes[0].subject == root


def test_what_fails_in_planned_work_is_no_cause(story: Story) -> None:
    """Both parents of the same child fail; one of them was meant to."""
    work = {
        "matchers": ["check=cache"],
        "starts_at": (START - timedelta(hours=1)).isoformat(),
        "ends_at": (START + timedelta(hours=5)).isoformat(),
    }
    story.given(
        check("database", service="data"),
        check("cache", service="data"),
        check("api", depends_on=["database", "cache"]),
        maintenance={"move": work},
    )
    story.all_is_well()
    for slug in ("cache", "database", "api"):
        story.check_fails(slug)
    story.fast_forward(seconds=60)
    story.healthmgr.insight.tracing.trace(story.now)
    told = story.expect_notification("alice", about="database")
    causes = story.healthmgr.reading.incident(told.message.incident_id).causes
    assert causes[0].subject == "database"
    assert "cache" not in [cause.subject for cause in causes]


def test_an_accepted_dependency_keeps_its_child_quiet(story: Story) -> None:
    story.given(check("database"), check("api"))
    story.all_is_well()
    with story.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO dependency_suggestions (check_id, parent_id, together, confidence, lift, lag, seen_at)"
                " SELECT c.id, p.id, 5, 1, 99, interval '9 s', now() FROM checks c, checks p"
                " WHERE c.slug = 'api' AND p.slug = 'database'"
            )
        )
    story.healthmgr.insight.charting.accept("api", "database", actor="ann", origin="cli", now=story.now)
    story.check_fails("database")
    story.check_fails("api")
    story.fast_forward(minutes=1)
    told = story.expect_notification("alice", about="database")
    assert told.message.alerts[0].dependents == ("api",)
    story.expect_silence()


def test_a_parent_that_only_became_slow_is_found_by_its_metrics(story: Story) -> None:
    """The real road of a metric: results, rolled up by the minute, a change of level, a cause."""
    story.given(
        check("database", service="data", interval="30s"),
        check("api", service="shop", interval="30s", depends_on=["database"]),
        check("cron", service="cron", interval="30s"),
        routing={"default": {"to": ["alice"], "via": ["mail"], "group_by": ["..."]}},
    )
    waver = (0.010, 0.011, 0.009)
    for minute in range(30):
        slowness = 0.8 if minute >= 26 else 0.0
        for slug in ("database", "api", "cron"):
            took = waver[minute % 3] + (slowness if slug == "database" else 0.0)
            story.check_finds(slug, Outcome(Status.HEALTHY, "fine", response_time=took))
        story.fast_forward(minutes=1)
    story.check_fails("api")
    story.fast_forward(seconds=50)
    told = story.expect_notification("alice", about="api")
    story.healthmgr.measuring.rolling.roll(story.now)
    story.healthmgr.insight.tracing.trace(story.now)
    first = story.healthmgr.reading.incident(told.message.incident_id).causes[0]
    assert first.subject == "database"
    assert "its response_time rose from 0.01 to 0.8" in first.words
    assert {each.kind for each in first.evidence} >= {"moved", "explains", "came_first", "nothing_above_it"}
