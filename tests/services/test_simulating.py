"""A simulation tells what a story then shows, and leaves no trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import Level, Named, TargetKind
from healthmgr.errors import Conflict
from healthmgr.services.simulating import Simulation
from tests.stories.conftest import StoryMaker, story, story_with
from tests.stories.harness import Story, check
from tests.stories.test_climbing import given_policy

__all__ = ["story", "story_with"]

ALICE, BOB, CAROL = (Named(TargetKind.PERSON, name) for name in ("alice", "bob", "carol"))
API = {"service": "api", "check": "api"}


def given(story: Story, *levels: Level, repeat: int = 0, begins_after: float = 0) -> None:
    people = {name: {"contacts": {"mail": f"{name}@example.com"}} for name in ("alice", "bob", "carol")}
    story.given(check("api", service="api"), recipients=people)
    if levels:
        given_policy(story, *levels, repeat=repeat, begins_after=begins_after)


def simulated(
    story: Story, *, hours: float = 2, labels: Mapping[str, str] = API, at: datetime | None = None, alerts: int = 1
) -> Simulation:
    begins_at = at or story.now
    return story.healthmgr.simulating.simulate(
        labels, Severity.CRITICAL, at=begins_at, until=begins_at + timedelta(hours=hours), alerts=alerts
    )


def told(simulation: Simulation) -> list[tuple[float, str, str]]:
    """Minutes after the beginning, who is told, and by what."""
    lines = [line for line in simulation.lines if line.recipient]
    return [((line.at - simulation.at) / timedelta(minutes=1), line.recipient, line.step) for line in lines]


def said(simulation: Simulation) -> Sequence[str]:
    return [line.what for line in simulation.lines if not line.recipient]


L1, L2 = Level("L1", (ALICE,), timedelta(0)), Level("L2", (BOB,), timedelta(minutes=15))
NOBODY = Level("L3", (Named(TargetKind.SCHEDULE, "empty"),), timedelta(minutes=15))


def test_each_level_and_then_the_default_route_are_told_in_their_turn(story: Story) -> None:
    given(story, L1, L2)
    found = told(simulated(story, hours=1))
    assert found[:3] == [(0, "alice", "L1"), (15, "bob", "L2"), (25, "bob", "default route")]


def test_a_first_level_with_a_delay_is_told_when_that_is_over(story: Story) -> None:
    given(story, L1, L2, begins_after=5)
    found = simulated(story, hours=1)
    assert told(found)[:3] == [(5, "alice", "L1"), (20, "bob", "L2"), (30, "bob", "default route")]
    assert "Nobody was told, because the first level of its policy waits for its time" in said(found)


def test_what_it_tells_is_what_happens(story: Story) -> None:
    given(story, L1, L2, NOBODY, repeat=1)
    foreseen = told(simulated(story, hours=6))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.let_pass(hours=6)
    first = story.deliveries[0].at
    happened = [(round((d.at - first) / timedelta(minutes=1)), d.message.recipient) for d in story.deliveries]
    expected = [(round(minute), who) for minute, who, _ in foreseen]
    assert happened[: len(expected)] == expected
    assert len(expected) >= 6


def test_a_level_where_nobody_is_on_call_is_said(story: Story) -> None:
    given(story, L1, NOBODY)
    assert any(what == "Level 2 (L3) was passed, because nobody is on call for it" for what in said(simulated(story)))


def test_contacts_with_a_delay_and_quiet_hours_are_told_when_their_time_has_come(story: Story) -> None:
    given(story, L1)
    with story.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE recipients SET contact_plan = CAST(:plan AS jsonb) WHERE name = 'alice'",
            ),
            {
                "plan": '[{"channel": "mail", "address": "alice@example.com", "after": 0},'
                ' {"channel": "hook", "address": "", "after": 120}]'
            },
        )
    lines = [line for line in simulated(story, hours=0.1).lines if line.recipient]
    assert [(line.channel, line.waits) for line in lines] == [("mail", ""), ("hook", "their next contact")]
    assert lines[1].at - lines[0].at == timedelta(minutes=2)


def test_a_commander_by_rule_is_told(story_with: StoryMaker) -> None:
    story = story_with(incidentCommand={"commander": "carol"})
    given(story, L1)
    assert told(simulated(story, hours=0.1)) == [(0, "alice", "L1"), (0, "carol", "commander")]


def test_what_is_silenced_then_is_told_when_that_ends(story: Story) -> None:
    given(story)
    story.silence("service=api", minutes=30)
    found = simulated(story, hours=1)
    assert told(found)[0] == (30, "alice", "route")


def test_a_severity_that_waits_for_company_is_told_after_it(story: Story) -> None:
    given(story)
    begins_at = datetime(2026, 3, 3, 8, tzinfo=UTC)
    found = story.healthmgr.simulating.simulate(
        {"service": "x"}, Severity.LOW, at=begins_at, until=begins_at + timedelta(minutes=5)
    )
    ((minutes, who, step),) = told(found)
    assert (who, step) == ("bob", "route")
    assert 0 < minutes <= 1


def test_nothing_is_written_and_no_number_is_used_up(story: Story) -> None:
    given(story, L1, L2)
    before = story.rows("SELECT last_value, is_called FROM incidents_number_seq")
    simulated(story, alerts=50)
    assert story.rows("SELECT last_value, is_called FROM incidents_number_seq") == before
    for table in ("incidents", "alerts", "notifications", "dispatches", "incident_entries", "incident_roles"):
        assert story.rows(f"SELECT 1 FROM {table}") == []
    story.let_pass(hours=2)
    story.expect_silence()


def test_what_cannot_be_simulated_is_refused(story: Story) -> None:
    given(story)
    with pytest.raises(Conflict):
        simulated(story, hours=0)
    with pytest.raises(Conflict):
        simulated(story, alerts=0)
