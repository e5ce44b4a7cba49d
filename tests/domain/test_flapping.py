"""Flapping: Icinga's ring of twenty bits, its weights and its two limits, with Icinga's own cases as the judge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.flapping import SIZE, flapping_value, is_flapping, remember
from healthmgr.domain.state import State
from tests.domain.making import H, after, follow

ALL = (1 << SIZE) - 1


def ring(ages: list[int]) -> int:
    """A ring in which the changes are this many results old."""
    return sum(1 << age for age in ages)


# ---- the value --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ages", "value"),
    [
        ([], 0.0),
        ([0], 5.9),
        ([19], 4.0),
        ([0, 19], 9.9),
        ([9, 10], 9.9),
        (list(range(20)), 99.0),
        (list(range(10)), 54.5),
        (list(range(10, 20)), 44.5),
    ],
)
def test_newer_changes_weigh_more_from_0_80_to_1_18(ages, value):
    assert flapping_value(ring(ages)) == pytest.approx(value)


def test_each_result_of_age_weighs_two_hundredths_less():
    weights = [flapping_value(1 << age) * SIZE / 100 for age in range(SIZE)]
    assert weights == pytest.approx([1.18 - 0.02 * age for age in range(SIZE)])


def test_only_the_last_twenty_results_are_remembered():
    bits = remember(0, True)
    for _ in range(SIZE - 1):
        bits = remember(bits, False)
    assert flapping_value(bits) == pytest.approx(4.0)
    assert remember(bits, False) == 0


@given(st.integers(0, ALL), st.booleans())
def test_the_ring_never_grows(bits, has_changed):
    assert 0 <= remember(bits, has_changed) <= ALL
    assert remember(bits, has_changed) & 1 == has_changed


# ---- the two limits ---------------------------------------------------------------------------------

# Six changes are worth 30 when their ages add up to 54, five are worth 25 when theirs do to 45.
EXACTLY_30 = [4, 5, 9, 10, 12, 14]
EXACTLY_25 = [0, 5, 10, 13, 17]


def test_the_limits_of_the_next_tests_are_exact():
    assert flapping_value(ring(EXACTLY_30)) == pytest.approx(30.0, abs=1e-9)
    assert flapping_value(ring(EXACTLY_25)) == pytest.approx(25.0, abs=1e-9)


@pytest.mark.parametrize(
    ("ages", "was_flapping", "flaps"),
    [
        (EXACTLY_30, False, False),
        ([4, 5, 9, 10, 12, 13], False, True),
        ([4, 5, 9, 10, 12, 15], False, False),
        (EXACTLY_30, True, True),
        (EXACTLY_25, True, False),
        ([0, 5, 10, 13, 16], True, True),
        ([0, 5, 10, 13, 18], True, False),
        (EXACTLY_25, False, False),
        ([0, 1, 2, 3, 4], False, False),
        ([0, 1, 2, 3, 4], True, True),
    ],
)
def test_it_starts_above_30_and_ends_at_25(ages, was_flapping, flaps):
    assert is_flapping(ring(ages), was_flapping) is flaps


@given(st.integers(0, ALL))
def test_between_the_limits_it_stays_what_it_was(bits):
    value = round(flapping_value(bits), 6)
    assert is_flapping(bits, True) is (value > 25)
    assert is_flapping(bits, False) is (value > 30)


# ---- Icinga's cases ---------------------------------------------------------------------------------


def flaps(letters: str, state: State | None = None) -> list[bool]:
    return [c.new.is_flapping for c in follow(letters, state, max_attempts=5, flapping=True)]


def test_a_check_that_changes_with_every_result_flaps_from_the_sixth():
    assert flaps("HD" * 12 + "H") == [False] * 5 + [True] * 20


def test_a_steady_check_never_flaps_though_its_first_result_is_a_change():
    assert not any(flaps("H" * 25))
    assert flapping_value(after("H", flapping=True).flapping_bits) == pytest.approx(5.9)


def test_the_example_of_icingas_documentation_is_worth_39_1():
    state = after("UUU D U D HHHH DDDD HHH DDD U", flapping=True, max_attempts=5)
    assert flapping_value(state.flapping_bits) == pytest.approx(39.1)
    assert state.is_flapping
    assert not flaps("UUUUUUU", state)[-1]


def test_flapping_ends_when_its_value_has_sunk_to_25_and_not_before():
    state = after("DDDD DHDHDHDH", flapping=True, max_attempts=5)
    assert state.is_flapping
    changes = follow("D" * 20, state, max_attempts=5, flapping=True)
    for change in changes:
        assert change.new.is_flapping is (change.old.is_flapping and flapping_value(change.new.flapping_bits) > 25)
    assert changes[0].new.is_flapping
    assert not changes[-1].new.is_flapping


def test_soft_and_hard_changes_count_alike():
    assert after("HUHU", max_attempts=1).flapping_bits == after("HUHU", max_attempts=5).flapping_bits


def test_a_change_from_bad_to_worse_counts_as_one():
    assert after("HDU").flapping_bits == 0b111
    assert after("HUU").flapping_bits == 0b110


def test_a_first_unknown_is_no_change_for_nothing_else_was_known():
    assert after("?").flapping_bits == 0
    assert after("H").flapping_bits == 1


# ---- beside the status ------------------------------------------------------------------------------


def test_who_does_not_look_for_flapping_finds_none_but_the_ring_is_kept():
    state = after("HU" * 10, flapping=False)
    assert not state.is_flapping
    assert flapping_value(state.flapping_bits) == pytest.approx(99.0)


def test_flapping_that_is_no_longer_looked_for_has_ended():
    state = after("HU" * 10, flapping=True)
    (change,) = follow("H", state, flapping=False)
    assert state.is_flapping
    assert not change.new.is_flapping
    assert change.reason == "flapping_ended"


def test_start_and_end_of_flapping_are_transitions_even_when_the_status_stays():
    changes = follow("HUHUHU" + "U" * 20, flapping=True, max_attempts=1)
    told = [c.reason for c in changes if c.is_transition and c.reason.startswith("flapping")]
    assert told == ["flapping_started", "flapping_ended"]
    ended = next(c for c in changes if c.reason == "flapping_ended")
    assert not ended.is_status_change


def test_checking_and_state_go_on_while_flapping():
    state = after("HU" * 10 + "UU", flapping=True, max_attempts=3)
    assert state.is_flapping
    assert state.is_hard
    assert after("HU" * 10 + "UUH", flapping=True).status is H
