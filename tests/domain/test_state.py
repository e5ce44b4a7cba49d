"""Soft and hard states: attempts, what is hard at once, what the first result means, when a status began."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.state import State
from tests.domain.making import LETTERS, MINUTE, NOW, H, N, U, after, follow

any_results = st.text(alphabet="HDU?", min_size=1, max_size=40)
any_limit = st.integers(min_value=1, max_value=5)


def told(letters: str, max_attempts: int) -> str:
    """Each result's hardness and attempt: "S2" is soft, attempt 2; "h1" is hard."""
    changes = follow(letters, max_attempts=max_attempts)
    return " ".join(f"{'h' if change.new.is_hard else 'S'}{change.new.attempt}" for change in changes)


# Icinga's own cases: a healthy check, then these results (unknown, critical, OK, ... of icinga-checkresult.cpp).
@pytest.mark.parametrize(
    ("max_attempts", "results", "states"),
    [
        (1, "H ?HUH", "h1 h1 h1 h1 h1"),
        (2, "H ?UHUH", "h1 S1 h1 h1 S1 h1"),
        (3, "H ?UUHUH", "h1 S1 S2 h1 h1 S1 h1"),
    ],
)
def test_states_become_hard_as_in_icinga(max_attempts, results, states):
    assert told(results, max_attempts) == states


@pytest.mark.parametrize(
    ("max_attempts", "states"),
    [
        (1, "h1 h1 h1 h1 h1 h1"),
        (2, "h1 S1 h1 h1 h1 h1"),
        (3, "h1 S1 S2 h1 h1 h1"),
        (4, "h1 S1 S2 S3 h1 h1"),
        (5, "h1 S1 S2 S3 S4 h1"),
    ],
)
def test_a_failure_is_soft_until_its_last_attempt_and_counts_from_one_again(max_attempts, states):
    assert told("H UUUUU", max_attempts) == states


@pytest.mark.parametrize("results", ["H DU?", "H ?DU", "H UDU", "H UUU"])
def test_bad_results_of_any_kind_count_as_attempts(results):
    assert told(results, 3) == "h1 S1 S2 h1"
    assert after(results).hard_status is LETTERS[results[-1]]


@pytest.mark.parametrize("other", ["D", "?"])
def test_while_hard_another_bad_status_is_hard_at_once(other):
    changes = follow("H UUU" + other + "U")
    assert [c.is_hard_change for c in changes] == [True, False, False, True, True, True]
    assert changes[-1].new.hard_status is U


@pytest.mark.parametrize("bad", ["U", "UU", "UUU", "UUUU", "UDU"])
def test_a_healthy_result_is_hard_at_once_and_failing_starts_over(bad):
    assert told("H" + bad + "HU", 3).split()[-2:] == ["h1", "S1"]


def test_a_limit_that_was_lowered_while_soft_makes_the_next_bad_result_hard():
    (change,) = follow("U", after("HUUU", max_attempts=5), max_attempts=2)
    assert change.new.is_hard
    assert change.new.attempt == 1


# ---- the first result ever --------------------------------------------------------------------------


def test_a_check_that_was_never_probed_is_unknown_and_nothing_is_held_against_it():
    assert not State().was_probed
    assert State() == State(
        status=N, is_hard=True, attempt=1, hard_status=N, successes=0, flapping_bits=0, is_flapping=False
    )


@pytest.mark.parametrize("first", ["D", "U", "?"])
def test_a_first_bad_result_is_one_attempt_like_any_other(first):
    assert told(first * 3, 3) == "S1 S2 h1"
    assert told(first, 1) == "h1"


def test_a_first_healthy_result_is_hard():
    (change,) = follow("H")
    assert change.new.is_hard
    assert change.is_hard_change
    assert change.reason == "first_result"


@pytest.mark.parametrize("first", ["H", "D", "U", "?"])
def test_a_first_result_is_a_transition_whatever_it_says(first):
    (change,) = follow(first)
    assert change.is_status_change
    assert change.is_transition
    assert change.new.was_probed


@pytest.mark.parametrize("max_attempts", range(1, 6))
@pytest.mark.parametrize("first", ["D", "U", "?"])
def test_a_check_that_has_failed_from_the_start_changes_hard_once(first, max_attempts):
    changes = follow(first * 7, max_attempts=max_attempts)
    assert [c.is_hard_change for c in changes].index(True) == max_attempts - 1
    assert sum(c.is_hard_change for c in changes) == 1


def test_a_recovery_before_anything_was_ever_hard_is_a_soft_one():
    change = follow("UH")[-1]
    assert change.reason == "soft_recovered"
    assert change.new.hard_status is H


# ---- what changed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "reasons"),
    [
        ("H", ["first_result"]),
        ("HH", ["first_result", None]),
        ("HUH", ["first_result", "soft_change", "soft_recovered"]),
        ("HUUUU", ["first_result", "soft_change", None, "hard_change", None]),
        ("HUDU", ["first_result", "soft_change", "soft_change", "hard_change"]),
        ("HUUUH", ["first_result", "soft_change", None, "hard_change", "recovered"]),
        ("HUUUDH", ["first_result", "soft_change", None, "hard_change", "hard_change", "recovered"]),
        ("???H", ["first_result", None, "hard_change", "recovered"]),
    ],
)
def test_transitions_are_the_changes_of_status_and_of_hardness_each_with_its_reason(results, reasons):
    assert [c.reason if c.is_transition else None for c in follow(results)] == reasons


@pytest.mark.parametrize(
    ("results", "newly_bad"),
    [
        ("HHU", [False, False, True]),
        ("HUUUU", [False, True, False, True, False]),
        ("HUUUDD", [False, True, False, True, True, False]),
        ("HUUUHU", [False, True, False, True, False, True]),
        ("U", [True]),
        ("???", [True, False, True]),
    ],
)
def test_the_parents_are_of_interest_when_a_failure_begins_hardens_or_becomes_another(results, newly_bad):
    assert [c.is_newly_bad for c in follow(results)] == newly_bad


def test_a_status_began_with_its_first_result_and_attempts_do_not_move_that():
    assert after("HUUU").since_at == NOW + 2 * MINUTE
    assert after("HUUUD").since_at == NOW + 5 * MINUTE
    assert after("HUUUH").since_at == NOW + 5 * MINUTE
    assert after("???").since_at == NOW + MINUTE


def test_healthy_results_in_a_row_are_counted():
    assert [c.new.successes for c in follow("HHUHH")] == [1, 2, 0, 1, 2]


def test_a_change_keeps_what_was_before():
    before = after("HU")
    (change,) = follow("U", before)
    assert change.old is before
    assert change.new.last_sequence == before.last_sequence + 1


# ---- always -----------------------------------------------------------------------------------------


@given(any_results, any_limit)
def test_a_state_is_hard_when_healthy_or_after_enough_bad_results_in_a_row(results, max_attempts):
    in_a_row = 0
    for letter, change in zip(results, follow(results, max_attempts=max_attempts), strict=True):
        in_a_row = 0 if letter == "H" else in_a_row + 1
        assert change.new.is_hard is (in_a_row == 0 or in_a_row >= max_attempts)
        assert change.new.attempt == (1 if change.new.is_hard else in_a_row)


@given(any_results, any_limit)
def test_the_hard_status_is_the_latest_status_that_was_hard(results, max_attempts):
    expected = N
    for change in follow(results, max_attempts=max_attempts):
        expected = change.new.status if change.new.is_hard else expected
        assert change.new.hard_status is expected


@given(any_results, any_limit)
def test_hard_changes_alternate_between_different_statuses(results, max_attempts):
    reached = [c.new.hard_status for c in follow(results, max_attempts=max_attempts) if c.is_hard_change]
    assert all(one is not other for one, other in itertools.pairwise(reached))


@given(any_results, any_limit)
def test_every_change_of_status_is_a_transition_with_a_time(results, max_attempts):
    for change in follow(results, max_attempts=max_attempts):
        assert not change.is_status_change or change.is_transition
        assert not change.is_hard_change or change.is_transition
        assert change.new.since_at is not None
        assert change.new.since_at <= NOW + timedelta(minutes=change.new.last_sequence)
