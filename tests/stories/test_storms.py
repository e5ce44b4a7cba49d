"""Many alerts at once, and the same one again and again: few messages, and nothing lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from healthmgr.domain.check import Status
from healthmgr.domain.message import MessageKind
from healthmgr.domain.result import Result
from tests.builders import make_checks
from tests.stories.conftest import StoryMaker
from tests.stories.harness import Story, check

MINUTE = timedelta(minutes=1)


def broken(story: Story, *slugs: str, seconds: float = 30) -> None:
    for slug in slugs:
        story.check_fails(slug)
    story.fast_forward(seconds=seconds)


def mended(story: Story, *slugs: str, seconds: float = 30) -> None:
    for slug in slugs:
        story.check_recovers(slug)
    story.fast_forward(seconds=seconds)


def reasons(story: Story) -> list[str]:
    return [delivery.message.reason for delivery in story.deliveries]


# ---- the same problem again -------------------------------------------------------------------------


def test_a_group_that_breaks_again_soon_is_the_same_incident_and_is_told(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    broken(story, "api")
    mended(story, "api")
    story.fast_forward(minutes=5)
    broken(story, "api")
    mended(story, "api")
    assert reasons(story) == ["first_notification", "all_resolved", "broken_again", "all_resolved"]
    assert {delivery.message.incident_number for delivery in story.deliveries} == {1}
    assert [len(delivery.message.alerts) for delivery in story.deliveries] == [1, 1, 1, 1]
    assert [entry.kind for entry in story.timeline() if entry.kind in ("opened", "reopened", "resolved")] == [
        "opened",
        "resolved",
        "reopened",
        "resolved",
    ]


def test_a_group_that_breaks_again_much_later_is_a_new_incident(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    broken(story, "api")
    mended(story, "api")
    story.fast_forward(minutes=10)
    broken(story, "api")
    assert reasons(story) == ["first_notification", "all_resolved", "first_notification"]
    assert [delivery.message.incident_number for delivery in story.deliveries] == [1, 1, 2]


def test_an_incident_that_is_reopened_tells_its_end_to_those_who_heard_of_this_time(story: Story) -> None:
    story.given(check("api", degraded_severity="low"), routing=None)
    story.all_is_well()
    broken(story, "api")
    story.acknowledge("api")
    mended(story, "api")
    broken(story, "api")
    story.let_pass(minutes=36)
    assert reasons(story) == ["first_notification", "all_resolved", "broken_again", "repeat_interval_passed"], (
        "the acknowledgement was of the last time"
    )


def test_how_soon_is_the_installations_deduplication_window(story_with: StoryMaker) -> None:
    story = story_with(alerting={"deduplicationWindow": 60_000})
    story.given(check("api"))
    story.all_is_well()
    broken(story, "api")
    mended(story, "api")
    story.fast_forward(minutes=2)
    broken(story, "api")
    assert [delivery.message.incident_number for delivery in story.deliveries] == [1, 1, 2]


def test_the_interval_of_groups_is_the_installations_aggregation_window(story_with: StoryMaker) -> None:
    story = story_with(alerting={"aggregationWindow": 60_000})
    story.given(check("api", service="shop"), check("web", service="shop"))
    story.all_is_well()
    broken(story, "api")
    first = story.expect_notification("alice", about="api")
    broken(story, "web", seconds=60)
    assert story.expect_notification("alice", about="web").at - first.at == MINUTE


# ---- too many messages ------------------------------------------------------------------------------

MANY = [f"check-{number:02}" for number in range(30)]


def test_beyond_ten_messages_a_minute_the_rest_comes_in_one_digest_that_names_them_all(story: Story) -> None:
    story.given(*(check(slug) for slug in MANY))
    story.all_is_well()
    broken(story, *MANY)
    alone = [delivery for delivery in story.deliveries if delivery.message.kind is MessageKind.PROBLEM]
    assert len(alone) == 10
    story.fast_forward(seconds=60)
    digests = [delivery for delivery in story.deliveries if delivery.message.kind is MessageKind.DIGEST]
    (digest,) = digests
    assert digest.at - alone[0].at == MINUTE
    assert digest.message.title == "20 more incidents"
    named = {each.incident_number for each in digest.message.held_back}
    assert named | {delivery.message.incident_number for delivery in alone} == set(range(1, 31))
    assert len(story.deliveries) == 11
    assert {row.state for row in story.rows("SELECT state FROM notifications")} == {"sent"}
    story.let_pass(minutes=10)
    assert len(story.deliveries) == 11


def test_beyond_the_hours_number_a_digest_goes_every_interval_and_telling_never_ends(story_with: StoryMaker) -> None:
    story = story_with(alerting={"maxAlertsPerHour": 3})
    story.given(*(check(slug) for slug in MANY[:10]))
    story.all_is_well()
    for slug in MANY[:10]:
        broken(story, slug, seconds=20)
        story.let_pass(minutes=2)
    story.let_pass(minutes=10)
    assert [delivery.message.kind for delivery in story.deliveries[:3]] == [MessageKind.PROBLEM] * 3
    told = {delivery.message.incident_number for delivery in story.deliveries}
    told |= {each.incident_number for delivery in story.deliveries for each in delivery.message.held_back}
    assert told == set(range(1, 11))
    gaps = [b.at - a.at for a, b in zip(story.deliveries[2:], story.deliveries[3:], strict=False)]
    assert len(gaps) >= 3
    assert min(gaps) >= 5 * MINUTE


def test_one_who_gets_too_much_does_not_keep_another_from_being_told(story: Story) -> None:
    routing = {
        "routes": [{"matchers": ["service=noisy"], "to": ["alice"], "via": ["mail"], "group_by": ["check"]}],
        "default": {"to": ["bob"], "via": ["mail"], "group_wait": "0s"},
    }
    story.given(*(check(slug, service="noisy") for slug in MANY), check("quiet"), routing=routing)
    story.all_is_well()
    broken(story, *MANY, "quiet")
    story.expect_notification("bob", about="quiet")


def test_what_is_over_before_the_digest_goes_is_told_as_over_in_it(story: Story) -> None:
    story.given(*(check(slug) for slug in MANY[:12]))
    story.all_is_well()
    broken(story, *MANY[:12])
    held = [row.slug for row in story.rows(HELD)]
    assert len(held) == 2
    mended(story, held[0])
    story.fast_forward(seconds=60)
    (digest,) = [delivery for delivery in story.deliveries if delivery.message.kind is MessageKind.DIGEST]
    assert sorted(each.is_resolved for each in digest.message.held_back) == [False, True]


HELD = """
SELECT c.slug FROM notifications n JOIN alerts a ON a.incident_id = n.incident_id JOIN checks c ON c.id = a.check_id
WHERE n.state = 'pending' AND n.state_reason = 'too_many_messages' ORDER BY c.slug
"""


def test_what_is_silenced_before_the_digest_goes_is_not_told_in_it(story: Story) -> None:
    story.given(*(check(slug) for slug in MANY[:13]))
    story.all_is_well()
    broken(story, *MANY[:13])
    silenced = story.rows(HELD)[1].slug
    story.silence(f"check={silenced}", minutes=30)
    story.fast_forward(seconds=60)
    (digest,) = [delivery for delivery in story.deliveries if delivery.message.kind is MessageKind.DIGEST]
    assert len(digest.message.held_back) == 2
    told = len(story.deliveries)
    story.let_pass(minutes=31)
    assert [alert.check_slug for alert in story.deliveries[told].message.alerts] == [silenced]
    assert len(story.deliveries) == told + 1


def test_a_digest_that_is_refused_is_told_over_the_next_channel(story: Story) -> None:
    story.given(*(check(slug) for slug in MANY[:13]))
    story.all_is_well()
    broken(story, *MANY[:13])
    assert len(story.deliveries) == 10
    story.refuses_recipient("email", "alice")
    story.fast_forward(minutes=2)
    told = {d.message.incident_number for d in story.deliveries if d.message.recipient == "bob"}
    assert len(told) == 3
    assert {row.state for row in story.rows("SELECT state FROM notifications")} == {"sent", "failed"}


def test_nothing_is_told_while_alerting_is_switched_off(story_with: StoryMaker) -> None:
    story = story_with(alerting={"enabled": False})
    story.given(check("api"))
    story.all_is_well()
    broken(story, "api")
    story.let_pass(minutes=10)
    story.expect_silence()
    assert [row.state_reason for row in story.rows("SELECT state_reason FROM notifications")] == [
        "alerting_is_switched_off"
    ]


# ---- a thousand at once -----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1000])
def test_a_thousand_checks_that_fail_at_once_are_one_incident_and_one_page_and_then_updates(
    story: Story, count: int
) -> None:
    story.given(check("api"))
    ids = make_checks(
        story.engine, (f"shop-{n}" for n in range(count)), service="shop", severity="critical", is_active=False
    )
    now = story.now
    for start in range(0, count, 100):
        results = [failure(check_id, 1 + attempt, now) for check_id in ids[start : start + 100] for attempt in range(3)]
        story._remind(story.healthmgr.evaluating.evaluate(results, now))
        story.let_pass(minutes=0.01)
    assert story.rows("SELECT count(*) FROM alerts WHERE resolved_at IS NULL")[0][0] == count
    assert reasons(story) == ["first_notification"]
    assert story.deliveries[0].at - now < timedelta(seconds=1)
    story.let_pass(minutes=5.1)
    assert reasons(story) == ["first_notification", "new_alerts_in_group"]
    assert {delivery.message.incident_number for delivery in story.deliveries} == {1}
    last = story.deliveries[-1].message
    assert len(last.alerts) + last.more_alerts == count
    assert story.rows("SELECT count(*) FROM notifications")[0][0] == 2


def failure(check_id: Any, sequence: int, at: Any) -> Result:
    return Result(
        check_id=check_id,
        sequence=sequence,
        status=Status.UNHEALTHY,
        message="connection refused",
        response_time=0.0,
        started_at=at,
        worker="story",
    )
