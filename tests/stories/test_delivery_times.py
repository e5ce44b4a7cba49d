"""How long telling takes is measured from the failing probe on, and what waits on purpose is left out."""

from __future__ import annotations

from datetime import timedelta

from healthmgr.cli.status import told_of_late
from healthmgr.domain.delivery_time import DeliveryTimes, Percentiles
from healthmgr.domain.message import Message
from healthmgr.errors import ChannelError
from tests.stories.harness import Story, check

FAST = {"max_attempts": 1}


def last_hour(story: Story) -> DeliveryTimes:
    return story.healthmgr.reading.status(story.now).delivery[0]


def test_it_counts_from_the_first_bad_result_to_the_acceptance(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=60)
    delivery = story.expect_notification("alice")
    failed_at = min(at for at, status in story.rows("SELECT started_at, status FROM results") if status == "unhealthy")
    expected = (delivery.at - failed_at).total_seconds()
    assert expected == 6, "two more looks, 3 s apart"
    times = last_hour(story)
    assert (times.notifications, times.urgent, times.late) == (1, 1, 0)
    assert times.from_problem == times.urgent_from_problem == Percentiles(6, 6, 6)
    assert times.from_decision == Percentiles(0, 0, 0)


def test_retries_count_and_late_ones_are_counted(story: Story) -> None:
    story.given(check("api", **FAST), recipients={"alice": {"contacts": {"mail": "a@example.com"}}, "bob": ONLY_MAIL})
    story.all_is_well()
    story.channel_refuses("email", permanent=False)
    story.check_fails("api")
    story.fast_forward(minutes=4)
    story.channel_works("email")
    story.fast_forward(minutes=6)
    times = last_hour(story)
    assert times.late == times.urgent == 2, "alice's, and the catch-all's after her fourth failure"
    assert times.urgent_from_problem
    assert times.urgent_from_problem.p50 > 120
    (line,) = told_of_late([times])
    assert "2 of 2 urgent ones later than 2 min" in line


ONLY_MAIL = {"contacts": {"mail": "bob@example.com"}}


def test_what_a_mute_held_back_says_nothing_of_how_fast_telling_is(story: Story) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.silence("check=api", minutes=30)
    story.check_fails("api")
    story.fast_forward(minutes=40)
    story.expect_notification("alice")
    times = last_hour(story)
    assert (times.notifications, times.urgent, times.from_problem, times.from_decision) == (1, 0, None, None)


def test_what_joins_an_incident_that_people_know_of_waits_and_is_left_out(story: Story) -> None:
    both = {"service": "shop", **FAST}
    story.given(check("api", **both), check("web", **both))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=30)
    story.check_fails("web")
    story.fast_forward(minutes=10)
    times = last_hour(story)
    assert (times.notifications, times.urgent) == (2, 1)
    assert times.from_problem == Percentiles(0, 0, 0)


def test_repeats_are_no_deliveries_of_a_problem_that_just_began(story: Story) -> None:
    story.given(check("api", **FAST))
    story.all_is_well()
    story.check_fails("api")
    story.let_pass(minutes=1)
    story.fast_forward(seconds=20)
    story.let_pass(minutes=50)
    times = last_hour(story)
    assert (times.notifications, times.urgent) == (2, 1)


def test_an_hour_later_it_is_in_the_day_alone(story: Story) -> None:
    story.given(check("api", **FAST))
    story.all_is_well()
    story.check_fails("api")
    story.fast_forward(seconds=20)
    story.check_recovers("api")
    story.fast_forward(seconds=60)
    hour, day = story.healthmgr.reading.status(story.now + timedelta(minutes=61)).delivery
    assert (hour.notifications, hour.from_problem) == (0, None)
    assert (day.notifications, day.urgent) == (2, 1)
    assert [line.split(":")[0] for line in told_of_late([hour, day])] == ["Told within 1 d"]


def test_what_may_have_arrived_and_was_sent_again_is_counted_by_kind_of_channel(story: Story) -> None:
    story.given(check("api", **FAST))
    story.all_is_well()

    def swallow(message: Message) -> None:
        raise ChannelError("taken, perhaps", is_ambiguous=True)

    story.answers["email"] = swallow
    story.check_fails("api")
    story.fast_forward(seconds=7)
    numbers = story.healthmgr.reading.numbers(story.now)
    assert numbers.possible_duplicates == {"email": 1}, "the second attempt may have doubled the first"
    story.channel_works("email")
    story.fast_forward(seconds=30)
    assert story.rows("SELECT outcome FROM deliveries ORDER BY attempt") == [("unknown",), ("unknown",), ("accepted",)]
    assert story.healthmgr.reading.numbers(story.now).possible_duplicates == {"email": 2}


def test_an_attempt_that_surely_failed_doubles_nothing(story: Story) -> None:
    story.given(check("api", **FAST))
    story.all_is_well()
    story.channel_refuses("email", permanent=False)
    story.check_fails("api")
    story.fast_forward(seconds=7)
    story.channel_works("email")
    story.fast_forward(seconds=30)
    assert story.rows("SELECT outcome FROM deliveries ORDER BY attempt") == [("retry",), ("retry",), ("accepted",)]
    assert story.healthmgr.reading.numbers(story.now).possible_duplicates == {}
