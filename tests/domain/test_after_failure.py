"""What follows a failed attempt: again after a growing pause, the fallback beside it in time, an end after a day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.notification import SEND_LEASE, SEND_TIMEOUT, Fail, Reason, Retry, after_failure
from tests.domain.making import NOW

SECOND = timedelta(seconds=1)


def fail(
    attempts: int, *, after: timedelta = SECOND, wish: float | None = None, permanent: bool = False
) -> Retry | Fail:
    """The outcome of this attempt, so long after the notification was written."""
    return after_failure(
        attempts=attempts,
        created_at=NOW - after,
        is_permanent=permanent,
        retry_after=None if wish is None else timedelta(seconds=wish),
        now=NOW,
    )


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 5), (2, 15), (3, 30), (4, 60), (5, 120), (6, 300), (7, 300), (1000, 300)],
)
def test_the_pauses_grow_to_five_minutes(attempts, seconds):
    decision = fail(attempts)
    assert isinstance(decision, Retry)
    assert decision.at == NOW + seconds * SECOND


@pytest.mark.parametrize(
    ("attempts", "wish", "seconds"),
    [(1, 60, 60), (1, 2, 5), (1, 0, 5), (6, 30, 300), (6, 3600, 3600), (1, 5, 5), (1, -10, 5)],
)
def test_a_providers_wish_is_never_undercut_and_never_hurries(attempts, wish, seconds):
    decision = fail(attempts, wish=wish)
    assert isinstance(decision, Retry)
    assert decision.at == NOW + seconds * SECOND


def test_the_fallback_is_told_once_when_an_ordinary_failure_has_lasted_for_four_attempts():
    assert [fail(attempts).falls_back for attempts in range(1, 8)] == [False, False, False, True, False, False, False]


@pytest.mark.parametrize(("wish", "falls_back"), [(30, False), (180, False), (300, False), (301, True), (3600, True)])
def test_a_provider_that_asks_for_more_than_five_minutes_does_not_keep_people_in_the_dark(wish, falls_back):
    assert fail(1, wish=wish).falls_back is falls_back


def test_a_provider_that_asks_for_rest_after_the_fallback_was_told_does_not_have_it_told_again():
    assert not fail(5, wish=3600).falls_back


def test_a_claim_outlasts_the_attempt_that_it_covers():
    assert SEND_LEASE >= 2 * SEND_TIMEOUT


def test_a_refusal_is_final_whatever_the_provider_wishes():
    assert fail(1, permanent=True) == Fail(Reason.REFUSED)
    assert fail(1, permanent=True, wish=60) == Fail(Reason.REFUSED)


@pytest.mark.parametrize(
    ("after", "is_over"),
    [
        (timedelta(hours=23, minutes=59, seconds=59), False),
        (timedelta(hours=24), True),
        (timedelta(days=3), True),
    ],
)
def test_it_is_given_up_after_a_day(after, is_over):
    assert (fail(90, after=after) == Fail(Reason.GAVE_UP)) is is_over


@given(st.integers(1, 200), st.none() | st.floats(0, 86_400))
def test_the_next_attempt_is_always_later_and_never_sooner_than_one_of_fewer_attempts(attempts, wish):
    one, more = fail(attempts, wish=wish), fail(attempts + 1, wish=wish)
    assert isinstance(one, Retry)
    assert isinstance(more, Retry)
    assert NOW + 5 * SECOND <= one.at <= more.at
