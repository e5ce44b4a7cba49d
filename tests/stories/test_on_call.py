"""Whoever is on call when a level is told is told: handoffs, overrides, swaps, temporary schedules."""

from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy import text

from healthmgr.domain.calendar import zone
from healthmgr.domain.escalation import Level, Named, Policy, TargetKind
from healthmgr.domain.rotation import Rotation, Unit
from healthmgr.domain.schedule import FixedShift, Layer, Override, Temporary
from healthmgr.domain.swap import Stretch, Swap
from healthmgr.services.rostering import Answer, Hand
from tests.stories.harness import START, Story, check

PRIMARY = Named(TargetKind.SCHEDULE, "primary")
ADMIN = Hand("root", "cli")
HOUR = timedelta(hours=1)


def given_rota(story: Story, *members: str, hours: int = 1, delays: tuple[int, ...] = (0, 15)) -> None:
    """Members take turns from START on; the critical route tells whoever has his turn, level by level."""
    story.given(check("api"))
    rotation = Rotation(members, START.replace(tzinfo=None), zone("UTC"), Unit.HOUR, hours) if members else None
    levels = tuple(Level(f"L{place}", (PRIMARY,), timedelta(minutes=delay)) for place, delay in enumerate(delays, 1))
    with story.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO schedules (name, timezone, layers, is_enabled, managed_by, updated_at) "
                "VALUES ('primary', 'UTC', :layers, true, 'story', :now)"
            ),
            {"layers": json.dumps([Layer("turns", rotation=rotation).to_document()]), "now": story.now},
        )
        connection.execute(
            text("INSERT INTO escalation_policies VALUES ('standard', :document, 'story', :now)"),
            {"document": json.dumps(Policy("standard", levels).to_document()), "now": story.now},
        )
        connection.execute(text("UPDATE recipients SET contacts = contacts - 'hook', contact_plan = '[]'"))
        connection.execute(
            text(
                "INSERT INTO recipients (name, display_name, contacts, is_enabled, managed_by, updated_at) "
                """VALUES ('carol', 'Carol', '{"mail": "carol@example.com"}', true, 'story', :now)"""
            ),
            {"now": story.now},
        )
        connection.execute(
            text(
                "UPDATE routing SET document = document || "
                '\'{"escalation": "standard", "to": [], "via": []}\' WHERE name = \'critical\''
            )
        )
    story.all_is_well()


def breaks_at(story: Story, minutes: float) -> None:
    """The check goes down so many minutes after START, and whoever is to hear of it has heard."""
    story.fast_forward(seconds=(START + timedelta(minutes=minutes) - story.now).total_seconds())
    story.check_fails("api")
    story.fast_forward(seconds=30)


def test_whoever_has_his_turn_is_told_and_nobody_else(story: Story) -> None:
    given_rota(story, "alice", "carol")
    breaks_at(story, 10)
    story.expect_notification("alice")
    story.expect_silence()


def test_a_handoff_between_two_levels_is_followed(story: Story) -> None:
    given_rota(story, "alice", "carol")
    breaks_at(story, 50)
    story.expect_notification("alice")
    story.let_pass(minutes=16)
    second = story.expect_notification("carol")
    assert second.at >= START + HOUR, "her turn had begun when the second level was told"
    story.expect_silence()


def test_an_override_made_while_the_incident_runs_holds_for_the_next_level(story: Story) -> None:
    given_rota(story, "alice", hours=24)
    breaks_at(story, 10)
    story.expect_notification("alice")
    wanted = Override(story.now, story.now + HOUR, add="carol", remove="alice")
    story.healthmgr.oncall.rostering.override("primary", wanted, ADMIN, story.now)
    story.let_pass(minutes=16)
    story.expect_notification("carol")
    story.expect_silence()


def test_an_override_that_is_taken_back_holds_no_more(story: Story) -> None:
    given_rota(story, "alice", hours=24)
    rostering = story.healthmgr.oncall.rostering
    wanted = Override(START, START + 10 * HOUR, add="carol")
    kept = rostering.override("primary", wanted, ADMIN, story.now).change
    breaks_at(story, 10)
    story.expect_notification("alice")
    story.expect_notification("carol")
    rostering.remove(kept.id, ADMIN, story.now)
    story.let_pass(minutes=16)
    story.expect_notification("alice")
    story.expect_silence()


def test_a_swap_counts_from_when_the_other_has_accepted(story: Story) -> None:
    given_rota(story, "alice", "carol", delays=(0, 15, 15))
    rostering = story.healthmgr.oncall.rostering
    swap = Swap("alice", "carol", Stretch(START, START + HOUR))
    kept = rostering.propose("primary", swap, Hand("alice", "cli"), story.now)
    breaks_at(story, 5)
    story.expect_notification("alice")
    story.expect_notification("carol", kind="update")
    rostering.answer(kept.id, Answer.ACCEPT, "carol", Hand("carol", "cli"), story.now)
    story.let_pass(minutes=16)
    story.expect_notification("alice", kind="update")
    story.expect_notification("carol")
    story.expect_silence()


def test_a_temporary_schedule_holds_instead_of_all_else(story: Story) -> None:
    given_rota(story, "alice", hours=24)
    shifts = (FixedShift("carol", START, START + HOUR / 2), FixedShift("bob", START + HOUR / 2, START + HOUR))
    temporary = Temporary(START, START + HOUR, shifts)
    story.healthmgr.oncall.rostering.replace_for_a_while("primary", temporary, ADMIN, story.now)
    breaks_at(story, 20)
    story.expect_notification("carol")
    story.let_pass(minutes=16)
    story.expect_notification("bob")
    story.expect_silence()


def test_where_nobody_is_on_call_the_default_recipients_are_told_at_once_and_it_is_said(story: Story) -> None:
    given_rota(story, hours=24)
    breaks_at(story, 10)
    told = story.expect_notification("bob")
    assert told.at < START + timedelta(minutes=11)
    story.expect_silence()
    entries = story.rows("SELECT reason FROM incident_entries WHERE kind = 'level_passed' ORDER BY id")
    assert [entry[0] for entry in entries] == ["nobody_on_call", "nobody_on_call"]


def test_a_gap_ahead_is_told_the_default_recipients_once_and_its_end_when_it_is_mended(story: Story) -> None:
    given_rota(story)
    story.healthmgr.oncall.foreseeing.look_ahead(story.now)
    story.fast_forward(minutes=2)
    message = story.expect_notification("bob").message
    assert message.alerts[0].summary == "primary: nobody is on call from 2026-03-02 09:00 UTC on"
    assert message.title == "Medium: On-call schedule primary is unhealthy"
    story.healthmgr.oncall.foreseeing.look_ahead(story.now)
    story.fast_forward(minutes=10)
    story.expect_silence()
    wanted = Override(story.now, story.now + timedelta(days=300), add="carol")
    story.healthmgr.oncall.rostering.override("primary", wanted, ADMIN, story.now)
    story.healthmgr.oncall.foreseeing.look_ahead(story.now)
    story.fast_forward(minutes=6)
    story.expect_notification("bob", kind="resolution")
    story.expect_silence()
