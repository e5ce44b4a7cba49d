"""Alerts that are told together, and how long news of them waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.stories.harness import Story, check

MINUTE = timedelta(minutes=1)


def shop(slug: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    return check(slug, service="shop", **fields)


def about(delivery: Any) -> list[str]:
    return sorted(alert.check_slug for alert in delivery.message.alerts)


def broken(story: Story, *slugs: str, seconds: float = 30) -> None:
    for slug in slugs:
        story.check_fails(slug)
    story.fast_forward(seconds=seconds)


def mended(story: Story, *slugs: str, seconds: float = 30) -> None:
    for slug in slugs:
        story.check_recovers(slug)
    story.fast_forward(seconds=seconds)


def test_alerts_of_one_service_that_break_within_the_wait_are_one_message(story: Story) -> None:
    story.given(shop("api", severity="low"), shop("web", severity="low"), check("dns", severity="low"))
    story.all_is_well()
    broken(story, "api", seconds=10)
    broken(story, "web", "dns", seconds=80)
    assert about(story.expect_notification("bob", about="api")) == ["api", "web"]
    assert about(story.expect_notification("bob", about="dns")) == ["dns"]
    story.expect_silence()


def test_the_wait_counts_from_the_first_alert_and_a_later_one_does_not_prolong_it(story: Story) -> None:
    story.given(shop("api", severity="low"), shop("web", severity="low"))
    story.all_is_well()
    broken(story, "api", seconds=20)
    broken(story, "web", seconds=80)
    opened_at = story.rows("SELECT min(opened_at) FROM alerts")[0][0]
    told = story.expect_notification("bob", about="api")
    assert told.at - opened_at == timedelta(seconds=30)


def test_a_critical_alert_does_not_wait_for_those_that_gather(story: Story) -> None:
    story.given(shop("api", severity="low"), shop("web"), routing=SAME_GROUP)
    story.all_is_well()
    broken(story, "api", seconds=17)
    broken(story, "web", seconds=17)
    assert about(story.expect_notification("bob", about="web")) == ["api", "web"]
    story.fast_forward(minutes=1)
    story.expect_silence()


# Both severities end at the root, and so in one group.
SAME_GROUP: dict[str, Any] = {"default": {"to": ["bob"], "via": ["mail"]}}
GATHERS = {"default": {**SAME_GROUP["default"], "group_wait": "20s"}}


def test_an_alert_that_joins_is_told_when_the_interval_of_its_group_is_over(story: Story) -> None:
    story.given(shop("api"), shop("web"))
    story.all_is_well()
    broken(story, "api")
    first = story.expect_notification("alice", about="api")
    broken(story, "web")
    story.expect_silence()
    assert [entry.reason for entry in story.timeline("not_told")] == ["group_interval_not_over"]
    story.fast_forward(minutes=5)
    second = story.expect_notification("alice", about="web")
    assert second.at - first.at == 5 * MINUTE
    assert second.message.reason == "new_alerts_in_group"
    assert about(second) == ["api", "web"]
    assert second.message.incident_number == first.message.incident_number
    story.expect_silence()


def test_a_critical_alert_that_joins_a_mild_incident_does_not_wait_for_its_interval(story: Story) -> None:
    story.given(shop("api", severity="low"), shop("web"), routing=SAME_GROUP)
    story.all_is_well()
    broken(story, "api", seconds=60)
    story.expect_notification("bob", about="api")
    broken(story, "web")
    told = story.expect_notification("bob", about="web")
    assert (told.message.reason, told.message.severity.value) == ("new_alerts_in_group", "critical")
    story.expect_silence()


def test_an_alert_that_joins_and_is_mended_within_the_interval_is_told_to_nobody(story: Story) -> None:
    story.given(shop("api"), shop("web"))
    story.all_is_well()
    broken(story, "api")
    story.expect_notification("alice", about="api")
    broken(story, "web")
    mended(story, "web")
    story.fast_forward(minutes=10)
    story.expect_silence()


def test_an_alert_that_joins_much_later_is_told_at_once(story: Story) -> None:
    story.given(shop("api"), shop("web"))
    story.all_is_well()
    broken(story, "api")
    story.expect_notification("alice", about="api")
    story.let_pass(minutes=20)
    broken(story, "web")
    story.expect_notification("alice", about="web")
    story.expect_silence()


def test_one_of_two_that_is_mended_is_an_update_at_the_end_of_the_interval(story: Story) -> None:
    story.given(shop("api"), shop("web"), routing=GATHERS)
    story.all_is_well()
    broken(story, "api", "web", seconds=40)
    first = story.expect_notification("bob", about="api")
    mended(story, "web")
    story.expect_silence()
    story.fast_forward(minutes=5)
    update = story.expect_notification("bob", about="web", kind="update")
    assert (update.at - first.at, update.message.reason) == (5 * MINUTE, "some_resolved")
    assert {alert.check_slug: alert.resolved_at is not None for alert in update.message.alerts} == {
        "api": False,
        "web": True,
    }
    story.expect_silence()


def test_the_end_of_all_does_not_wait_and_names_all_that_was_told(story: Story) -> None:
    story.given(shop("api"), shop("web"), routing=GATHERS)
    story.all_is_well()
    broken(story, "api", "web", seconds=40)
    story.expect_notification("bob")
    mended(story, "web", "api")
    assert about(story.expect_notification("bob", kind="resolution")) == ["api", "web"]
    story.expect_silence()


def test_an_alert_that_joins_an_acknowledged_incident_is_told_in_a_new_episode(story: Story) -> None:
    story.given(shop("api"), shop("web"))
    story.all_is_well()
    broken(story, "api")
    story.expect_notification("alice", about="api")
    story.answer("acknowledge", "api")
    story.let_pass(minutes=6)
    broken(story, "web")
    told = story.expect_notification("alice", about="web")
    assert told.message.reason == "new_alerts_in_group"
    story.let_pass(minutes=36)
    assert story.expect_notification("alice", about="web").message.reason == "repeat_interval_passed"
    story.expect_silence()


def test_grouping_by_no_label_puts_everything_into_one_incident_and_by_all_each_into_its_own(story: Story) -> None:
    for group_by, incidents in (([], 1), (["..."], 2)):
        story.given(shop("api"), shop("web"), routing={"default": {**SAME_GROUP["default"], "group_by": group_by}})
        story.all_is_well()
        broken(story, "api", "web")
        numbers = {delivery.message.incident_number for delivery in story.deliveries}
        assert len(numbers) == incidents
        mended(story, "api", "web", seconds=60)
        story.deliveries.clear()


def test_the_timeline_of_an_incident_tells_all_that_happened_in_its_order(story: Story) -> None:
    story.given(shop("api"), shop("web"))
    story.all_is_well()
    broken(story, "api")
    broken(story, "web")
    story.fast_forward(minutes=5)
    story.answer("acknowledge", "api", comment="on it")
    mended(story, "api", "web")
    told = [(entry.kind, entry.reason, entry.actor) for entry in story.timeline()]
    assert told == [
        ("opened", "", ""),
        ("alerts_joined", "", ""),
        ("told", "first_notification", ""),
        ("sent", "accepted", ""),
        ("not_told", "group_interval_not_over", ""),
        ("alerts_joined", "", ""),
        ("told", "new_alerts_in_group", ""),
        ("sent", "accepted", ""),
        ("acknowledged", "by_a_person", "alice"),
        ("not_told", "group_interval_not_over", ""),
        ("alerts_resolved", "", ""),
        ("told", "all_resolved", ""),
        ("resolved", "all_resolved", ""),
        ("sent", "accepted", ""),
    ]
