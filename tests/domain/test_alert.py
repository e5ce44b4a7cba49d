"""What a change of state does to the check's alert: when it opens, worsens, eases and closes, and who hears of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.alert import (
    REOPENS_AFTER,
    AlertReason,
    Amend,
    Close,
    Keep,
    Open,
    OpenAlert,
    alert_labels,
    decide,
    fingerprint,
)
from healthmgr.domain.check import Severity
from healthmgr.domain.notification import Reason
from tests.domain.making import NOW, D, U, Walk, a_check, after, follow, uid

any_results = st.text(alphabet="HDU?", min_size=1, max_size=60)

OPENED = Open(Severity.HIGH, AlertReason.HARD_CHANGE)
RECOVERED = Close(AlertReason.RECOVERED)


def kept(*reasons: AlertReason) -> list[Keep]:
    return [Keep(reason) for reason in reasons]


# ---- opening and closing ----------------------------------------------------------------------------


def test_an_alert_opens_with_the_attempt_that_makes_the_failure_hard_and_closes_with_the_recovery():
    assert Walk().decisions("H UUUU H H") == [
        *kept(AlertReason.HEALTHY, AlertReason.SOFT, AlertReason.SOFT),
        OPENED,
        *kept(AlertReason.UNCHANGED),
        RECOVERED,
        *kept(AlertReason.HEALTHY),
    ]


@pytest.mark.parametrize("results", ["HUH", "HUUH", "UUH", "HDUH UU H ?? H", "?H"])
def test_a_soft_failure_tells_nobody_of_itself_nor_of_its_end(results):
    assert Walk().see(results) == []


@pytest.mark.parametrize("max_attempts", range(1, 6))
def test_it_takes_as_many_bad_results_as_the_check_has_attempts(max_attempts):
    walk = Walk(a_check(max_attempts=max_attempts))
    assert walk.see("H" + "U" * (max_attempts - 1)) == []
    assert walk.see("U") == [Reason.FIRST]


@pytest.mark.parametrize(
    ("results", "severity"),
    [("UUU", Severity.HIGH), ("DDD", Severity.MEDIUM), ("???", Severity.MEDIUM), ("UUD", Severity.MEDIUM)],
)
@pytest.mark.parametrize("before", ["", "H"])
def test_the_severity_is_that_of_the_status_that_became_hard(before, results, severity):
    assert Walk().decisions(before + results)[-1] == Open(severity, AlertReason.HARD_CHANGE)


def test_lasting_unknown_is_told_once_and_its_end_as_well():
    assert Walk().see("H ????? H") == [Reason.FIRST, Reason.ALL_RESOLVED]


def test_a_second_failure_is_a_new_alert():
    walk = Walk()
    assert walk.see("H UUU H UUU H") == [Reason.FIRST, Reason.ALL_RESOLVED] * 2
    assert walk.opened == 2


# ---- severity ---------------------------------------------------------------------------------------


def test_a_failure_that_worsens_is_told_at_once_and_one_that_eases_is_not():
    walk = Walk()
    assert walk.see("H DDD") == [Reason.FIRST]
    assert walk.decisions("U") == [Amend(Severity.HIGH, AlertReason.WORSENED, is_told=True)]
    assert walk.decisions("D") == [Amend(Severity.MEDIUM, AlertReason.EASED, is_told=False)]


def test_a_severity_that_rises_is_told_and_one_that_falls_or_alternates_below_the_highest_is_not():
    assert Walk().see("H DDD U D U D U D H") == [Reason.FIRST, Reason.SEVERITY_ROSE, Reason.ALL_RESOLVED]


def test_not_knowing_any_more_does_not_count_as_worse_than_down():
    walk = Walk()
    walk.see("H UUU")
    assert walk.decisions("?") == [Amend(Severity.MEDIUM, AlertReason.EASED, is_told=False)]
    assert walk.decisions("U") == [Amend(Severity.HIGH, AlertReason.WORSENED, is_told=True)]


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        ("D", "?", AlertReason.WORSENED),
        ("D", "U", AlertReason.WORSENED),
        ("?", "U", AlertReason.WORSENED),
        ("?", "D", AlertReason.EASED),
        ("U", "D", AlertReason.EASED),
        ("U", "?", AlertReason.EASED),
    ],
)
def test_where_all_failures_are_of_one_severity_their_kind_tells_worse_from_better(before, now, reason):
    walk = Walk(a_check(degraded_severity=Severity.HIGH))
    walk.see("H" + before * 3)
    assert walk.decisions(now) == [Amend(Severity.HIGH, reason, is_told=reason is AlertReason.WORSENED)]


def test_an_alert_that_has_become_more_severe_has_worsened_though_its_status_is_better():
    (change,) = follow("D", after("HUUU"))
    alert = OpenAlert(uid(7), Severity.LOW, U, False)
    decision = decide(change, a_check(), alert, None, NOW)
    assert decision == Amend(Severity.MEDIUM, AlertReason.WORSENED, is_told=True)


def test_the_same_status_again_changes_nothing():
    walk = Walk()
    walk.see("H UUU")
    assert walk.decisions("UUU") == kept(*[AlertReason.UNCHANGED] * 3)


# ---- successes in a row -----------------------------------------------------------------------------


def test_an_alert_closes_only_after_the_healthy_results_in_a_row_that_its_check_asks_for():
    walk = Walk(a_check(success_threshold=3))
    walk.see("H UUU")
    assert walk.decisions("HH U HH D HH") == [
        *kept(*[AlertReason.AWAITING_SUCCESSES] * 2, AlertReason.SOFT),
        *kept(*[AlertReason.AWAITING_SUCCESSES] * 2, AlertReason.SOFT),
        *kept(*[AlertReason.AWAITING_SUCCESSES] * 2),
    ]
    assert walk.decisions("H") == [RECOVERED]


def test_a_relapse_before_enough_successes_is_the_same_problem_and_is_not_told_again():
    walk = Walk(a_check(success_threshold=2))
    assert walk.see("H UUU H UUUU H UUU HH") == [Reason.FIRST, Reason.ALL_RESOLVED]
    assert walk.opened == 1


def test_the_success_threshold_delays_no_opening():
    assert Walk(a_check(success_threshold=5)).see("H UUU") == [Reason.FIRST]


# ---- resolved by hand -------------------------------------------------------------------------------


def resolved_by_hand() -> Walk:
    walk = Walk()
    walk.see("H UUU")
    walk.resolve_by_hand()
    return walk


def test_a_manual_resolution_holds_for_an_hour_while_nothing_changes():
    walk = resolved_by_hand()
    assert walk.decisions("U" * 59) == kept(*[AlertReason.RESOLVED_BY_PERSON] * 59)
    assert walk.decisions("U") == [Open(Severity.HIGH, AlertReason.STILL_BAD)]


def test_a_manual_resolution_ends_with_another_hard_status():
    assert resolved_by_hand().decisions("UU D")[-1] == Open(Severity.MEDIUM, AlertReason.HARD_CHANGE)


def test_a_new_failure_within_the_hour_is_told_like_any_other():
    assert resolved_by_hand().see("U H UUU") == [Reason.FIRST]


def test_a_hard_failure_without_an_alert_opens_one_so_that_none_is_lost():
    (change,) = follow("U", after("HUUU"))
    assert decide(change, a_check(), None, None, NOW) == Open(Severity.HIGH, AlertReason.STILL_BAD)


@pytest.mark.parametrize(
    ("minutes", "decision"),
    [
        (59, Keep(AlertReason.RESOLVED_BY_PERSON)),
        (60, Open(Severity.HIGH, AlertReason.STILL_BAD)),
        (61, Open(Severity.HIGH, AlertReason.STILL_BAD)),
    ],
)
def test_the_hour_is_over_when_it_has_passed(minutes, decision):
    (change,) = follow("U", after("HUUU"))
    quiet_until = NOW + REOPENS_AFTER
    assert decide(change, a_check(), None, quiet_until, NOW + timedelta(minutes=minutes)) == decision


# ---- always -----------------------------------------------------------------------------------------


@given(any_results, st.integers(1, 5), st.integers(1, 3))
def test_a_check_that_is_hard_bad_always_has_an_alert(results, max_attempts, success_threshold):
    walk = Walk(a_check(max_attempts=max_attempts, success_threshold=success_threshold))
    for letter in results:
        walk.see(letter)
        if walk.state.is_hard and walk.state.status.is_bad:
            assert walk.alert is not None
            assert walk.alert.status is walk.state.status
            assert walk.alert.severity is walk.check.severity_of(walk.state.status)


@given(any_results, st.integers(1, 5))
def test_what_was_told_as_a_problem_is_told_as_resolved_and_nothing_else_is(results, max_attempts):
    told = Walk(a_check(max_attempts=max_attempts)).see(results + "H")
    assert told.count(Reason.FIRST) == told.count(Reason.ALL_RESOLVED)
    assert not told or (told[0] is Reason.FIRST and told[-1] is Reason.ALL_RESOLVED)


@given(any_results)
def test_within_one_alert_a_severity_is_told_to_rise_at_most_once_for_two_steps(results):
    told = Walk().see("H" + results + "H")
    while told:
        end = told.index(Reason.ALL_RESOLVED)
        assert told[:end].count(Reason.SEVERITY_ROSE) <= 1
        told = told[end + 1 :]


# ---- identity ---------------------------------------------------------------------------------------


def test_the_labels_say_what_the_alert_is_about_and_not_how_bad_it_is():
    check = a_check(service="shop", category="", labels={"env": "prod", "check": "forged"})
    assert alert_labels(check) == {"env": "prod", "check": "api", "service": "shop"}


def test_a_fingerprint_is_the_same_whatever_the_order_and_the_severity():
    labels = {"check": "api", "env": "prod"}
    assert fingerprint("healthmgr", labels) == fingerprint("healthmgr", dict(reversed(labels.items())))
    for severity in Severity:
        assert alert_labels(a_check(severity=severity)) == alert_labels(a_check())


@pytest.mark.parametrize(
    ("origin", "labels"),
    [
        ("prometheus", {"check": "api", "env": "prod"}),
        ("healthmgr", {"check": "api", "env": "test"}),
        ("healthmgr", {"check": "api"}),
        ("healthmgr", {"check": "api", "env": "prod", "zone": ""}),
        ("healthmgr", {"check": 'api","env":"prod'}),
        ("healthmgr", {"checkapi": "", "env": "prod"}),
    ],
)
def test_another_origin_or_another_label_is_another_fingerprint(origin, labels):
    assert fingerprint(origin, labels) != fingerprint("healthmgr", {"check": "api", "env": "prod"})


def test_a_fingerprint_is_kept_over_releases():
    assert fingerprint("healthmgr", {"check": "api", "service": "Käse"}) == "ec31ede0aa9d78b5840e5dfa1660ad92"


def test_an_open_alert_of_a_check_that_is_soft_again_is_left_alone():
    (change,) = follow("D", after("HUUUH"))
    alert = OpenAlert(uid(7), Severity.HIGH, U, False)
    assert decide(change, a_check(success_threshold=2), alert, None, NOW) == Keep(AlertReason.SOFT)
    assert change.new.status is D
