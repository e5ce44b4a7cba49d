"""What a message has to tell: everything that whoever is woken by it asks first."""

from __future__ import annotations

import itertools
from datetime import timedelta

from healthmgr.domain.check import Status
from healthmgr.domain.links import read
from healthmgr.domain.result import Outcome
from tests.stories.harness import SECRET, Story, check


def broken(story: Story, *slugs: str, seconds: float = 30) -> None:
    for slug in slugs:
        story.check_fails(slug)
    story.fast_forward(seconds=seconds)


def slow(seconds: float) -> Outcome:
    return Outcome(Status.HEALTHY, "200 OK", response_time=seconds, metrics={"queued_orders": 612.0})


def test_a_message_says_what_broke_since_when_and_the_value_beside_the_limit(story: Story) -> None:
    limits = {"critical": {"response_time": "> 2s", "queued_orders": "> 500"}}
    shop = check(
        "shop",
        thresholds=limits,
        service="web",
        category="business",
        description="takes orders",
        runbook="https://wiki.example.com/shop",
        labels={"team": "orders"},
    )
    story.given(shop)
    story.all_is_well()
    broke_at = story.now
    story.check_finds("shop", slow(7.25))
    story.fast_forward(seconds=30)
    message = story.expect_notification("alice").message
    (alert,) = message.alerts
    assert (alert.check_slug, alert.service, alert.category) == ("shop", "web", "business")
    assert (alert.description, alert.runbook_url) == ("takes orders", "https://wiki.example.com/shop")
    assert alert.labels["team"] == "orders"
    assert {(b.metric, b.value, b.threshold) for b in alert.breaches} == {
        ("response_time", "7.25 s", "> 2s"),
        ("queued_orders", "612", "> 500"),
    }
    assert alert.summary == "queued_orders 612 > 500; response_time 7.25 > 2s (200 OK)"
    assert timedelta(0) < alert.opened_at - broke_at < timedelta(seconds=20)
    assert message.severity.value == "critical"


def test_a_message_shows_the_last_ten_results_with_the_newest_first(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well(seconds=150)
    broken(story, "api")
    results = story.expect_notification("alice").message.alerts[0].last_results
    assert len(results) == 10
    assert [result.status for result in results[:4]] == [Status.UNHEALTHY] * 3 + [Status.HEALTHY]
    assert results[0].message == "connection refused"
    assert all(a.at > b.at for a, b in itertools.pairwise(results))


def test_a_message_names_what_hangs_on_the_check_and_what_is_failing_because_of_it(story: Story) -> None:
    story.given(
        check("database"),
        check("api", depends_on=["database"]),
        check("cart", depends_on=["database"]),
        check("web", depends_on=["api"]),
    )
    story.all_is_well()
    broken(story, "database", "api", seconds=60)
    story.expect_notification("alice", about="database")
    story.let_pass(minutes=36)
    (alert,) = story.expect_notification("alice", about="database").message.alerts
    assert alert.dependents == ("api", "cart")
    assert alert.impacted == ("api",)


def test_a_message_says_what_else_changed_at_that_time_and_not_what_it_tells_of_itself(story: Story) -> None:
    story.given(check("api"), check("disk", severity="low"))
    story.all_is_well()
    story.given(check("api"), check("disk", severity="low"), check("new"))
    broken(story, "disk", seconds=60)
    broken(story, "api")
    message = story.expect_notification("alice", about="api").message
    changes = [change.what for change in message.changes]
    assert "disk went unhealthy: connection refused" in changes
    assert any(what.startswith("story: definitions.") for what in changes)
    assert not any(what.startswith("api went") for what in changes)
    assert [change.at for change in message.changes] == sorted((c.at for c in message.changes), reverse=True)


def test_a_message_says_who_is_told_and_over_what(story: Story) -> None:
    routing = {"default": {"to": ["alice", "bob"], "via": ["mail", "hook"], "group_wait": "0s"}}
    story.given(check("api"), routing=routing)
    story.all_is_well()
    broken(story, "api")
    for who, via in (("alice", "mail"), ("alice", "hook"), ("bob", "mail")):
        message = story.expect_notification(who, via=via).message
        assert message.told == ("alice over hook", "alice over mail", "bob over mail")


def test_the_links_of_a_message_let_its_recipient_act_on_its_incident(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    broken(story, "api")
    told = story.expect_notification("alice")
    links = told.message.links
    assert links.incident == told.message.url == "http://healthmgr/incidents/1"
    for link, verb in ((links.acknowledge, "acknowledge"), (links.silence, "silence")):
        address, token, said = link.rsplit("/", 2)
        assert (address, said) == ("http://healthmgr/answer", verb)
        claim = read(token, SECRET, told.at)
        assert claim is not None
        assert (claim.incident_id, claim.recipient) == (told.message.incident_id, "alice")
        assert read(token, SECRET, told.at + timedelta(days=8)) is None


def test_a_message_of_one_incident_belongs_to_one_thread_and_is_numbered_for_people(story: Story) -> None:
    story.given(check("api"), check("web"))
    story.all_is_well()
    broken(story, "api", "web")
    first = story.expect_notification("alice", about="api").message
    other = story.expect_notification("alice", about="web").message
    story.let_pass(minutes=36)
    again = story.expect_notification("alice", about="api").message
    assert again.thread_key == first.thread_key != other.thread_key
    assert (first.is_first_of_thread, again.is_first_of_thread) == (True, False)
    assert {first.incident_number, other.incident_number} == {1, 2}
    assert (again.round, again.reason) == (1, "repeat_interval_passed")
    assert again.how_to_acknowledge == f"healthmgr incidents ack {first.incident_number}"


def test_a_resolution_says_how_it_ended_and_offers_nothing_to_acknowledge(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    broken(story, "api")
    story.expect_notification("alice")
    story.check_recovers("api")
    story.fast_forward(seconds=30)
    message = story.expect_notification("alice", kind="resolution").message
    (alert,) = message.alerts
    assert (alert.status, alert.resolution, alert.breaches) == (Status.HEALTHY, "recovered", ())
    assert alert.resolved_at is not None
    assert alert.resolved_at > alert.opened_at
    assert message.how_to_acknowledge == ""


def test_a_message_that_is_sent_again_says_so_and_keeps_its_identity(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    seen = []
    story.channel_refuses("email", permanent=False)
    refuse = story.answers["email"]

    def note_and_refuse(message: object) -> None:
        seen.append(message)
        refuse(message)

    story.answers["email"] = note_and_refuse
    broken(story, "api", seconds=20)
    story.channel_works("email")
    story.fast_forward(seconds=60)
    message = story.expect_notification("alice").message
    assert [each.attempt for each in seen] == list(range(1, len(seen) + 1))
    assert message.attempt == len(seen) + 1
    assert {each.notification_id for each in seen} == {message.notification_id}
