"""The main story: something breaks, somebody is told once, it is mended, they are told so."""

from __future__ import annotations

from datetime import timedelta

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from tests.stories.harness import Story, check


def test_a_critical_failure_is_told_within_thirty_seconds_and_its_end_too(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    broke_at = story.now
    story.check_fails("api", "connection refused")
    story.fast_forward(seconds=30)
    told = story.expect_notification("alice", via="mail", about="api")
    assert told.at - broke_at < timedelta(seconds=30)
    assert told.message.alerts[0].summary == "connection refused"
    assert told.message.reason == "first_notification"
    assert told.message.how_to_acknowledge == "healthmgr incidents ack 1"
    story.expect_silence()
    story.check_recovers("api")
    story.fast_forward(minutes=1)
    resolved = story.expect_notification("alice", via="mail", about="api", kind="resolution")
    assert resolved.message.thread_key == told.message.thread_key
    assert told.message.is_first_of_thread
    assert not resolved.message.is_first_of_thread
    story.let_pass(hours=5)
    story.expect_silence()


def test_a_failure_that_mends_itself_while_soft_is_told_to_nobody(story: Story) -> None:
    story.given(check("api", interval="60s", retry_interval="20s", max_attempts=5))
    story.all_is_well(seconds=120)
    story.check_fails("api")
    story.fast_forward(seconds=61)
    story.check_recovers("api")
    story.fast_forward(minutes=5)
    story.let_pass(hours=5)
    story.expect_silence()
    assert story.rows("SELECT 1 FROM transitions WHERE new_status = 'unhealthy'"), "the soft failure was seen"


def test_while_soft_a_check_is_probed_at_its_retry_interval_and_then_returns_to_its_slots(story: Story) -> None:
    story.given(check("api", interval="60s", timeout="3s", retry_interval="5s"))
    story.all_is_well(seconds=120)
    story.probes.clear()
    story.check_fails("api")
    story.fast_forward(seconds=130)
    causes = [probe.cause.value for probe in story.probes]
    assert causes[:4] == ["slot", "retry", "retry", "slot"]
    slots = [probe.slot_at for probe in story.probes if probe.slot_at]
    assert slots[1] - slots[0] == timedelta(seconds=60)


def test_an_unanswered_critical_alert_is_told_again_once_more_than_its_repeat_interval_has_passed(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(minutes=1)
    first = story.expect_notification("alice", about="api")
    story.let_pass(minutes=72)
    second, third = story.expect_notification("alice", about="api"), story.expect_notification("alice", about="api")
    assert [second.message.reason, third.message.reason] == ["repeat_interval_passed"] * 2
    cadence = timedelta(minutes=35)  # the first multiple of group_interval above repeat_interval
    assert second.at - first.at == cadence
    assert third.at - second.at == cadence
    story.expect_silence()


def test_an_acknowledged_alert_pages_no_one_again_and_its_end_is_still_told(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(minutes=1)
    story.expect_notification("alice", about="api")
    story.acknowledge("api")
    story.let_pass(hours=10)
    story.expect_silence()
    story.check_recovers("api")
    story.fast_forward(minutes=1)
    story.expect_notification("alice", about="api", kind="resolution")
    story.expect_silence()


def test_acknowledging_withdraws_what_has_not_been_sent(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.channel_refuses("email", permanent=False)
    story.check_fails("api")
    story.fast_forward(seconds=20)
    story.acknowledge("api")
    story.channel_works("email")
    story.let_pass(hours=1)
    story.expect_silence()
    assert {row.state for row in story.rows("SELECT state FROM notifications")} == {"superseded"}


def test_an_alert_that_is_acknowledged_before_it_is_told_is_not_told(story: Story) -> None:
    story.given(check("api", severity="low"))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=20)
    story.acknowledge("api")
    story.fast_forward(minutes=2)
    story.let_pass(hours=1)
    story.expect_silence()
    story.check_recovers("api")
    story.fast_forward(minutes=2)
    story.expect_silence()


def test_a_rise_in_severity_is_told_and_reopens_an_acknowledged_incident(story: Story) -> None:
    story.given(check("api", degraded_severity="medium"))
    story.all_is_well()
    story.check_finds("api", Outcome(Status.DEGRADED, "slow", response_time=6.0))
    story.fast_forward(minutes=2)
    story.expect_notification("bob", about="api")
    story.acknowledge("api", actor="bob")
    story.check_fails("api")
    story.fast_forward(seconds=20)
    risen = story.expect_notification("alice", about="api")
    assert (risen.message.reason, risen.message.severity.value) == ("severity_rose", "critical")
    story.check_finds("api", Outcome(Status.DEGRADED, "slow", response_time=6.0))
    story.fast_forward(minutes=20)
    story.expect_silence()
    story.check_recovers("api")
    story.fast_forward(minutes=1)
    story.expect_notification("alice", about="api", kind="resolution")
    story.expect_notification("bob", about="api", kind="resolution")
    story.expect_silence()


def test_growing_worse_at_the_same_severity_is_told_once_and_easing_is_not(story: Story) -> None:
    story.given(check("api", severity="low", degraded_severity="low"))
    story.all_is_well()
    story.check_finds("api", Outcome(Status.DEGRADED, "slow"))
    story.fast_forward(minutes=2)
    story.expect_notification("bob", about="api")
    story.check_fails("api")
    story.fast_forward(minutes=1)
    assert story.expect_notification("bob", about="api").message.reason == "worsened"
    story.check_finds("api", Outcome(Status.DEGRADED, "slow"))
    story.fast_forward(minutes=1)
    story.check_recovers("api")
    story.fast_forward(minutes=1)
    story.expect_notification("bob", about="api", kind="resolution")
    story.expect_silence()


def test_thresholds_make_a_slow_answer_bad_and_the_message_shows_value_and_limit(story: Story) -> None:
    limits = {"warning": {"response_time": "> 5s"}, "critical": {"response_time": "> 10s", "hit_rate": "< 60"}}
    story.given(check("cache", thresholds=limits))
    story.all_is_well()
    story.check_finds("cache", Outcome(Status.HEALTHY, "answers", response_time=0.2, metrics={"hit_rate": 41.5}))
    story.fast_forward(seconds=30)
    breach = story.expect_notification("alice", about="cache").message.alerts[0].breaches[0]
    assert (breach.metric, breach.value, breach.threshold) == ("hit_rate", "41.5", "< 60")


def test_a_lasting_unknown_is_told_too_at_the_milder_severity(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.check_finds("api", Outcome(Status.UNKNOWN, "could not tell"))
    story.fast_forward(minutes=2)
    told = story.expect_notification("bob", about="api")
    assert told.message.alerts[0].status is Status.UNKNOWN
    assert told.message.severity.value == "medium"


def test_success_threshold_asks_for_that_many_healthy_results_in_a_row(story: Story) -> None:
    story.given(check("api", success_threshold=3))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", about="api")
    story.check_recovers("api")
    story.fast_forward(seconds=15)
    story.expect_silence()
    story.fast_forward(seconds=20)
    story.expect_notification("alice", about="api", kind="resolution")


def test_a_flapping_check_tells_its_start_and_its_end_and_nothing_between(story: Story) -> None:
    story.given(check("api", max_attempts=1, interval="10s", retry_interval="10s"))
    story.all_is_well(seconds=250)
    for _ in range(12):
        story.check_fails("api")
        story.fast_forward(seconds=10)
        story.check_recovers("api")
        story.fast_forward(seconds=10)
    reasons = [delivery.message.reason for delivery in story.deliveries]
    assert reasons.count("flapping_started") == 1
    after = reasons[reasons.index("flapping_started") + 1 :]
    assert after == [], "nothing is told while it flaps"
    story.deliveries.clear()
    story.fast_forward(minutes=10)
    ended = story.expect_notification("alice", about="api", kind="resolution")
    assert ended.message.alerts[0].resolution == "flapping ended"
    story.expect_silence()


def test_a_manual_resolution_holds_for_an_hour_and_is_then_told_again_when_still_bad(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", about="api")
    story.resolve("api", comment="known, being replaced")
    story.fast_forward(seconds=1)
    closed = story.expect_notification("alice", about="api", kind="resolution")
    assert closed.message.alerts[0].resolution == "closed by alice, still unhealthy: known, being replaced"
    story.let_pass(minutes=55)
    story.expect_silence()
    story.fast_forward(minutes=10)
    story.expect_notification("alice", about="api")
    story.expect_silence()


def test_pausing_closes_the_alert_and_resuming_finds_the_failure_again(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", about="api")
    story.healthmgr.responding.pause("api", actor="alice", origin="cli", now=story.now)
    story.fast_forward(minutes=10)
    paused = story.expect_notification("alice", about="api", kind="resolution")
    assert paused.message.alerts[0].resolution == "check paused"
    story.healthmgr.responding.resume("api", actor="alice", origin="cli", now=story.now)
    story.fast_forward(seconds=30)
    story.expect_notification("alice", about="api")
    story.expect_silence()


def test_a_check_that_is_no_longer_defined_resolves_its_alert(story: Story) -> None:
    story.given(check("api"), check("web"))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", about="api")
    story.given(check("web"))
    story.fast_forward(minutes=5)
    story.expect_notification("alice", about="api", kind="resolution")
    story.expect_silence()


def test_messages_share_one_hook_and_one_mail_each(story: Story) -> None:
    routing = {"default": {"to": ["alice", "bob"], "via": ["mail", "hook"], "group_wait": "0s"}}
    story.given(check("api"), routing=routing)
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.expect_notification("alice", via="mail")
    story.expect_notification("alice", via="hook")
    story.expect_notification("bob", via="mail")
    story.expect_silence()
