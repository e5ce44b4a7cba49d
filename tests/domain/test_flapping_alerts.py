"""What people hear of a check that flaps: that it has begun, that it has ended, and nothing in between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.alert import AlertReason, Amend, Close, Keep, Open
from healthmgr.domain.check import Severity
from healthmgr.domain.notification import Reason
from tests.domain.making import Walk, a_check

CALM = "H" * 20
DOWN = "U" * 20


def flapper(**over: object) -> Walk:
    return Walk(a_check(detects_flapping=True, **over))


def test_soft_failures_that_come_and_go_are_told_once_as_flapping_and_once_as_over():
    assert flapper().see("HU" * 15 + CALM) == [Reason.FIRST, Reason.ALL_RESOLVED]


def test_without_looking_for_flapping_they_are_never_told():
    assert Walk().see("HU" * 15 + CALM) == []


def test_hard_failures_that_come_and_go_are_silent_once_flapping_was_told():
    walk = flapper(max_attempts=1)
    assert walk.see("H U H U H") == [Reason.FIRST, Reason.ALL_RESOLVED] * 2
    assert walk.see("U") == [Reason.FIRST]
    assert walk.alert is not None
    assert walk.alert.is_flapping
    assert walk.see("HU" * 30) == []
    assert walk.see(CALM) == [Reason.ALL_RESOLVED]


def test_an_open_alert_that_begins_to_flap_says_so_and_stays_the_same_alert():
    walk = flapper(success_threshold=20)
    assert walk.see("H UUU") == [Reason.FIRST]
    assert walk.see("HUHU") == [Reason.FLAPPING_STARTED]
    assert walk.see("HU" * 10) == []
    assert walk.opened == 1


def test_a_check_that_ends_its_flapping_down_is_told_to_be_down():
    walk = flapper(severity=Severity.CRITICAL, degraded_severity=Severity.CRITICAL)
    assert walk.see("HU" * 10) == [Reason.FIRST]
    assert walk.see(DOWN) == [Reason.FLAPPING_ENDED]
    assert walk.alert is not None
    assert not walk.alert.is_flapping
    assert walk.see("H") == [Reason.ALL_RESOLVED]


def test_a_check_that_ends_its_flapping_worse_than_was_told_rings_again():
    walk = flapper()
    assert walk.see("U HD" + "HD" * 10) == [Reason.FIRST]
    assert walk.see(DOWN) == [Reason.SEVERITY_ROSE]


def test_a_failure_that_goes_on_after_flapping_is_told_once():
    walk = flapper()
    walk.see("HU" * 10 + DOWN)
    assert walk.see(DOWN) == []


def test_flapping_counts_until_it_is_over_not_until_a_recovery():
    walk = flapper()
    walk.see("HU" * 10)
    healthy = walk.decisions(CALM)
    ended = healthy.index(Close(AlertReason.FLAPPING_ENDED))
    assert set(healthy[:ended]) == {Keep(AlertReason.FLAPPING)}
    assert ended >= 5
    assert set(healthy[ended + 1 :]) == {Keep(AlertReason.HEALTHY)}


def test_an_alert_that_flapped_waits_for_its_successes_too():
    walk = flapper(success_threshold=25)
    walk.see("HU" * 10)
    healthy = walk.decisions("H" * 25)
    assert Keep(AlertReason.AWAITING_SUCCESSES) in healthy
    assert healthy[-1] == Close(AlertReason.FLAPPING_ENDED)


@pytest.mark.parametrize(
    ("results", "severity"),
    [("HUHUHU", Severity.HIGH), ("HDHDHD", Severity.MEDIUM), ("UHUHUH", Severity.HIGH), ("H?H?H?", Severity.MEDIUM)],
)
def test_an_alert_that_opens_flapping_is_as_severe_as_what_it_flaps_into_or_away_from(results, severity):
    assert flapper().decisions(results)[-1] == Open(severity, AlertReason.FLAPPING_STARTED, is_flapping=True)


def test_flapping_does_not_make_an_open_alert_milder():
    walk = flapper(success_threshold=20)
    walk.see("H UUU")
    assert walk.decisions("HDHD")[-1] == Amend(Severity.HIGH, AlertReason.FLAPPING_STARTED, True, is_flapping=True)


def test_flapping_with_a_worse_status_makes_an_open_alert_more_severe():
    walk = flapper(success_threshold=20)
    walk.see("H DDD")
    assert walk.decisions("HUHU")[-1] == Amend(Severity.HIGH, AlertReason.FLAPPING_STARTED, True, is_flapping=True)


def test_flapping_that_is_no_longer_looked_for_ends_with_the_next_result():
    walk = flapper()
    walk.see("HU" * 10)
    walk.check = a_check(detects_flapping=False)
    assert walk.see("H") == [Reason.ALL_RESOLVED]


# ---- flapping without an alert: a person resolved it, or the check was paused meanwhile -----------------


def test_flapping_that_a_person_resolved_is_quiet_for_an_hour_and_told_again_when_it_goes_on():
    walk = flapper()
    walk.see("HU" * 10)
    walk.resolve_by_hand()
    assert set(walk.decisions("HU" * 29 + "H")) == {Keep(AlertReason.RESOLVED_BY_PERSON)}
    assert walk.decisions("U") == [Open(Severity.HIGH, AlertReason.FLAPPING_STARTED, is_flapping=True)]


def test_flapping_that_a_person_resolved_and_that_ends_well_is_not_told():
    walk = flapper()
    walk.see("HU" * 10)
    walk.resolve_by_hand()
    assert walk.see("HU" + CALM) == []


def test_a_check_that_flaps_without_an_alert_opens_one_so_that_none_is_lost():
    walk = flapper()
    walk.see("HU" * 10)
    walk.alert, walk.told = None, None
    assert walk.see("H") == [Reason.FIRST]


any_results = st.text(alphabet="HDU?", min_size=1, max_size=80)


@given(any_results, st.integers(1, 4), st.integers(1, 4))
def test_while_flapping_nothing_is_told_but_that_it_has_begun(results, max_attempts, success_threshold):
    walk = flapper(max_attempts=max_attempts, success_threshold=success_threshold)
    for letter in results:
        was_flapping = walk.state.is_flapping
        told = walk.see(letter)
        if was_flapping and walk.state.is_flapping:
            assert told == []


@given(any_results, st.integers(1, 4))
def test_every_problem_that_was_told_ends_and_a_steady_check_has_no_alert(results, max_attempts):
    walk = flapper(max_attempts=max_attempts)
    told = walk.see(results + CALM)
    assert told.count(Reason.FIRST) == told.count(Reason.ALL_RESOLVED)
    assert walk.alert is None


@given(any_results)
def test_a_check_that_is_down_for_good_has_an_alert_that_does_not_flap(results):
    walk = flapper()
    walk.see(results + DOWN)
    assert walk.alert is not None
    assert not walk.alert.is_flapping
    assert walk.alert.severity is Severity.HIGH
