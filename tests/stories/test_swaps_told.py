"""Swaps are told: to whoever is asked until he answers, to whoever asked, to both when the shift is near."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from healthmgr.domain.links import SWAPS, read
from healthmgr.domain.roster import KeptSwap
from healthmgr.domain.swap import Stretch, Swap
from healthmgr.services.rostering import Answer, Hand
from tests.stories.harness import SECRET, START, Story
from tests.stories.test_on_call import HOUR, given_rota

DAY = timedelta(days=1)
TEN_HOURS = 10
NIGHT = {"hours": [{"times": [{"start_time": "08:00", "end_time": "11:00"}]}], "severities": ["low"]}


def given(
    story: Story, *, carols: list[dict[str, Any]] | None = None, quiet: list[dict[str, Any]] | None = None
) -> None:
    """alice and carol take turns of ten hours; carol's contacts in their order, if the story has some."""
    given_rota(story, "alice", "carol", hours=TEN_HOURS)
    with story.engine.begin() as connection:
        connection.execute(
            text("UPDATE recipients SET contact_plan = :plan, quiet_hours = :quiet WHERE name = 'carol'"),
            {"plan": json.dumps(carols or []), "quiet": json.dumps(quiet or [])},
        )


def contact(channel: str, minutes: float) -> dict[str, Any]:
    return {"channel": channel, "address": f"carol@{channel}", "after": minutes * 60}


def proposed(story: Story, *, hours_ahead: float = 60, comment: str = "a wedding") -> KeptSwap:
    """alice asks carol to take the turn that begins so much later."""
    begins_at = START + timedelta(hours=hours_ahead)
    swap = Swap("alice", "carol", Stretch(begins_at, begins_at + TEN_HOURS * HOUR))
    return story.healthmgr.oncall.rostering.propose("primary", swap, Hand("alice", "cli"), story.now, comment)


def answered(story: Story, kept: KeptSwap, answer: Answer, by: str = "carol") -> None:
    story.healthmgr.oncall.rostering.answer(kept.id, answer, by, Hand(by, "cli"), story.now)


def told(story: Story, swap_id: UUID) -> list[tuple[str, str, str, str]]:
    view = story.healthmgr.oncall.reading.swap(swap_id)
    return [(one.recipient, one.channel, one.reason, one.state) for one in view.told]


def test_whoever_is_asked_reads_what_and_how_to_answer(story: Story) -> None:
    given(story)
    kept = proposed(story)
    story.let_pass(minutes=1)
    message = story.expect_notification("carol", kind="update").message
    assert message.title == "alice asks you to swap shifts in primary"
    said = message.alerts[0].summary
    assert "take Wednesday 2026-03-04 21:00 to Thursday 2026-03-05 07:00 (UTC) on call in primary from alice" in said
    assert '"a wedding"' in said
    assert f"healthmgr oncall swap accept {str(kept.id)[-8:]}" in said
    assert [choice.label for choice in message.choices] == ["Accept", "Decline"]
    for choice, verb in zip(message.choices, ("accept", "decline"), strict=True):
        found = re.fullmatch(rf"http://healthmgr/swap/([\w-]+)/{verb}", choice.address)
        assert found
        claim = read(found[1], SECRET, story.now, SWAPS)
        assert claim is not None
        assert (claim.incident_id, claim.recipient) == (kept.id, "carol")
        assert read(found[1], SECRET, story.now) is None, "it answers swaps alone"
    story.expect_silence()


def test_he_is_asked_over_his_contacts_in_their_order_until_he_answers(story: Story) -> None:
    given(story, carols=[contact("mail", 0), contact("hook", 5)])
    first, second = proposed(story), proposed(story, hours_ahead=80)
    story.let_pass(minutes=3)
    for _ in range(2):
        story.expect_notification("carol", kind="update")
    answered(story, first, Answer.DECLINE)
    story.let_pass(minutes=10)
    story.expect_notification("carol", via="hook", kind="update")
    story.expect_notification("alice", kind="update")
    story.expect_silence()
    hook = [state for _, channel, _, state in told(story, first.id) if channel == "hook"]
    assert hook == ["superseded"]
    assert ("carol", "hook", "asked_to_swap_shifts", "sent") in told(story, second.id)


def test_a_question_waits_until_quiet_hours_are_over_as_all_that_is_low(story: Story) -> None:
    given(story, quiet=[NIGHT])
    kept = proposed(story)
    story.let_pass(minutes=100)
    story.expect_silence()
    assert told(story, kept.id) == [("carol", "mail", "asked_to_swap_shifts", "pending")]
    story.let_pass(minutes=21)
    assert story.expect_notification("carol", kind="update").at >= START.replace(hour=11)


@pytest.mark.parametrize(
    ("answer", "by", "hears", "said"),
    [
        (Answer.ACCEPT, "carol", "alice", "carol has accepted the swap in primary: it holds: carol takes Wednesday"),
        (Answer.DECLINE, "carol", "alice", "carol has declined the swap in primary: alice stays on call Wednesday"),
        (Answer.WITHDRAW, "alice", "carol", "alice has withdrawn the swap in primary: nothing changes"),
    ],
)
def test_the_other_one_is_told_the_answer_once(answer: Answer, by: str, hears: str, said: str, story: Story) -> None:
    given(story)
    kept = proposed(story)
    story.let_pass(minutes=1)
    story.expect_notification("carol", kind="update")
    answered(story, kept, answer, by)
    story.let_pass(minutes=1)
    message = story.expect_notification(hears, kind="update").message
    assert said in message.alerts[0].summary
    assert message.choices == ()
    story.let_pass(hours=1)
    story.expect_silence()


def test_an_answer_ends_with_the_contact_that_takes_it_and_goes_on_where_one_refuses(story: Story) -> None:
    given(story, carols=[contact("mail", 0), contact("hook", 5)])
    for refuses in (False, True):
        kept = proposed(story, hours_ahead=60 + 20 * refuses)
        answered(story, kept, Answer.WITHDRAW, "alice")
        if refuses:
            story.channel_refuses("email", permanent=True)
        story.let_pass(minutes=10)
        if not refuses:
            story.expect_notification("carol", kind="update")
    story.expect_notification("carol", via="hook", kind="update")
    story.expect_silence()


def test_both_are_told_once_that_nobody_has_answered_when_the_shift_is_near(story: Story) -> None:
    given(story)
    kept = proposed(story)
    story.let_pass(minutes=1)
    story.expect_notification("carol", kind="update")
    rostering = story.healthmgr.oncall.rostering
    for hours in (30, 5):  # 35 hours later the shift is 25 hours ahead
        rostering.tell_of_waiting(story.now)
        story.let_pass(hours=hours)
        story.expect_silence()
    story.let_pass(hours=2)
    for _ in range(2):
        rostering.tell_of_waiting(story.now)
        story.let_pass(minutes=1)
    asks = story.expect_notification("carol", kind="update").message
    says = story.expect_notification("alice", kind="update").message
    assert asks.title == says.title == "A swap in primary waits for its answer, and its shift is near"
    assert [choice.label for choice in asks.choices] == ["Accept", "Decline"]
    assert "Until then you stay on call" in says.alerts[0].summary
    story.expect_silence()
    assert ("alice", "mail", "a_swap_waits_and_its_shift_is_near", "sent") in told(story, kept.id)


def test_a_swap_that_was_answered_is_near_to_nobody(story: Story) -> None:
    given(story)
    answered(story, proposed(story), Answer.DECLINE)
    story.let_pass(hours=50)
    assert {delivery.message.recipient for delivery in story.deliveries} == {"alice"}
    story.deliveries.clear()
    story.healthmgr.oncall.rostering.tell_of_waiting(story.now)
    story.let_pass(hours=1)
    story.expect_silence()


def test_it_is_no_incident_of_anybodys(story: Story) -> None:
    given(story)
    proposed(story)
    story.let_pass(minutes=1)
    story.expect_notification("carol", kind="update")
    reading = story.healthmgr.reading
    assert reading.incidents(state="all", severity=None, cursor=None, limit=10).items == []
    assert story.rows("SELECT count(*) FROM alerts") == [(0,)]
