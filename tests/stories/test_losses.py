"""What is lost on the way is found again: messages, workers, providers."""

from __future__ import annotations

from datetime import timedelta

from healthmgr.errors import ChannelError
from tests.stories.harness import Story, check

OVER_HOOK = {"critical": {"to": ["alice"], "via": ["hook"]}, "default": {"to": ["bob"], "via": ["mail"]}}


def test_with_every_message_lost_the_sweep_alone_carries_a_page_to_its_person(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.check_fails("api")
    story.carries_messages = False
    story.fast_forward(seconds=24)
    story.carries_messages = True
    story.fast_forward(seconds=30)
    story.expect_notification("alice", about="api")
    story.expect_silence()


def test_a_check_whose_probe_is_lost_is_probed_again_when_its_lease_ends(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.unanswered.add("api")
    story.probes.clear()
    story.fast_forward(seconds=10)
    lost = story.probes[-1]
    story.unanswered.clear()
    story.fast_forward(seconds=16)
    again = next(probe for probe in story.probes if probe.sequence == lost.sequence + 1)
    assert again.cause.value == "lease_expired"
    assert again.slot_at == lost.slot_at


def test_a_check_that_still_runs_is_not_started_again(story: Story) -> None:
    story.given(check("api", interval="5s", timeout="4s", retry_interval="5s"))
    story.all_is_well()
    story.unanswered.add("api")
    story.probes.clear()
    story.fast_forward(seconds=8)
    assert len(story.probes) == 1, "the second slot fell into the lease of the first"


def test_after_downtime_a_check_runs_once_and_its_missed_slots_are_skipped(story: Story) -> None:
    story.given(check("api", interval="60s"))
    story.all_is_well(seconds=120)
    story.probes.clear()
    story.now += timedelta(hours=3)
    story.settle()
    assert len(story.probes) == 1
    story.fast_forward(seconds=60)
    assert len(story.probes) == 2


def test_a_provider_that_is_away_is_tried_again_until_it_takes_the_message(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.channel_refuses("email", permanent=False)
    story.check_fails("api")
    story.fast_forward(minutes=5)
    assert story.attempts["email"] >= 4
    story.channel_works("email")
    story.fast_forward(minutes=6)
    told = story.expect_notification("alice", about="api")
    query = "SELECT outcome FROM deliveries WHERE notification_id = :id ORDER BY attempt"
    ledger = story.rows(query, id=told.message.notification_id)
    assert [row.outcome for row in ledger] == ["retry"] * (len(ledger) - 1) + ["accepted"]
    assert len({row.attempt for row in story.rows("SELECT attempt FROM deliveries")}) == len(ledger)


def test_a_providers_wish_to_wait_is_not_undercut(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.channel_refuses("email", permanent=False, retry_after=timedelta(minutes=3))
    story.check_fails("api")
    story.fast_forward(minutes=2)
    assert story.attempts["email"] == 1


def test_a_message_refused_for_good_goes_over_the_next_channel_of_its_recipient_at_once(story: Story) -> None:
    story.given(check("api"), routing=OVER_HOOK)
    story.all_is_well()
    story.channel_refuses("webhook", permanent=True)
    story.check_fails("api")
    story.fast_forward(seconds=30)
    told = story.expect_notification("alice", about="api")
    assert told.message.reason == "earlier_channel_failed"
    assert story.attempts["webhook"] == 1
    story.expect_silence()


def test_a_message_that_takes_long_is_told_over_the_next_channel_beside_it(story: Story) -> None:
    story.given(check("api"), routing=OVER_HOOK)
    story.all_is_well()
    story.channel_refuses("webhook", permanent=False)
    story.check_fails("api")
    story.fast_forward(minutes=3)
    story.expect_notification("alice", about="api")
    story.channel_works("webhook")
    story.fast_forward(minutes=6)
    story.expect_notification("alice", via="hook", about="api")
    story.expect_silence()


def test_who_has_no_channel_left_has_the_catch_all_told_in_his_place(story: Story) -> None:
    story.given(check("api"), routing=OVER_HOOK)
    story.all_is_well()
    story.channel_refuses("webhook", permanent=True)
    story.refuses_recipient("email", "alice")
    story.check_fails("api")
    story.fast_forward(seconds=30)
    assert story.expect_notification("bob", about="api").message.reason == "earlier_channel_failed"
    assert story.attempts == {"webhook": 1, "email": 2}
    entries = story.timeline("fell_back")
    assert [entry.detail["to"] for entry in entries] == [["alice over mail"], ["bob over mail"]]
    story.expect_silence()


def test_when_nobody_could_be_reached_it_is_tried_anew_every_few_minutes(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.channel_refuses("email", permanent=True)
    story.check_fails("api")
    story.fast_forward(minutes=1)
    tried = story.attempts["email"]
    story.let_pass(minutes=5)
    assert story.attempts["email"] > tried
    story.channel_works("email")
    story.let_pass(minutes=6)
    story.expect_notification("alice", about="api")


def test_a_resolution_replaces_a_problem_that_was_not_sent_and_says_what_happened(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.channel_refuses("email", permanent=False)
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.check_recovers("api")
    story.fast_forward(seconds=30)
    story.channel_works("email")
    story.fast_forward(minutes=10)
    story.expect_notification("alice", about="api", kind="resolution")
    story.expect_silence()
    states = story.rows("SELECT kind, state, state_reason FROM notifications ORDER BY position")
    assert [tuple(row) for row in states] == [
        ("problem", "superseded", "resolved"),
        ("resolution", "sent", ""),
    ]


def test_a_worker_that_dies_while_sending_has_its_message_sent_again_after_its_lease(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()

    class WorkerDied(BaseException):
        """As kill -9: nothing after it runs."""

    def die(message: object) -> None:
        raise WorkerDied

    story.answers["email"] = die
    story.check_fails("api")
    try:
        story.fast_forward(seconds=30)
    except WorkerDied:
        died_at = story.now
    story.channel_works("email")
    story.fast_forward(minutes=2)
    told = story.expect_notification("alice", about="api")
    assert told.at - died_at >= timedelta(seconds=45)
    assert [row.outcome for row in story.rows("SELECT outcome FROM deliveries ORDER BY attempt")] == [
        "unknown",
        "accepted",
    ]
    story.expect_silence()


def test_a_next_due_time_beyond_one_interval_is_pulled_back(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    with story.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE check_schedules SET next_due_at = next_due_at + interval '3 days'")
    assert story.healthmgr.scheduling.pull_back(story.now) == 1
    story.probes.clear()
    story.fast_forward(seconds=10)
    assert len(story.probes) == 1


def test_a_message_that_was_under_way_when_somebody_acknowledged_is_not_tried_again(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()

    def acknowledge_and_refuse(message: object) -> None:
        story.acknowledge("api")
        raise ChannelError("not now", permanent=False)

    story.answers["email"] = acknowledge_and_refuse
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.channel_works("email")
    story.let_pass(hours=1)
    story.expect_silence()
    rows = story.rows("SELECT state, state_reason, attempts FROM notifications")
    assert [tuple(row) for row in rows] == [("superseded", "acknowledged", 1)]


def test_a_problem_that_was_under_way_when_it_ended_is_not_told_after_its_end(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()

    def mend_and_refuse(message: object) -> None:
        story.channel_works("email")
        story.resolve("api")
        raise ChannelError("not now", permanent=False)

    story.answers["email"] = mend_and_refuse
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.let_pass(minutes=20)
    story.expect_notification("alice", about="api", kind="resolution")
    story.expect_silence()
