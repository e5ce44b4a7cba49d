"""What moved and what moves alike: numpy's ranks and a straight count are the judges."""

from __future__ import annotations

import random

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.correlation import find_move, ranks, resemblance, spearman

VALUES = st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=60)


@given(VALUES)
def test_a_rank_is_one_more_than_those_below_and_half_of_its_equals(values):
    expected = [sum(other < v for other in values) + (sum(other == v for other in values) + 1) / 2 for v in values]
    assert ranks(values) == expected


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=3, max_size=60))
def test_spearman_is_the_correlation_of_the_ranks(pairs):
    one, other = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    found = spearman(one, other)
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(numpy.corrcoef(ranks(one), ranks(other))[0, 1])


def test_any_growing_relation_is_a_perfect_one():
    values = [float(number) for number in range(20)]
    assert spearman(values, [2.0**value for value in values]) == pytest.approx(1.0)
    assert spearman(values, [-(value**3) for value in values]) == pytest.approx(-1.0)


@pytest.mark.parametrize("lag", [-10, -3, 0, 1, 7, 10])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_shift_between_two_series_is_found(lag, sign):
    chance = random.Random(8)
    wave = [chance.gauss(0, 1) for _ in range(100)]
    symptom = wave[20:80]
    candidate = [sign * value + chance.gauss(0, 0.1) for value in wave[20 + lag : 80 + lag]]
    found = resemblance(symptom, candidate)
    assert (found.lag, found.rho > 0) == (lag, sign > 0)
    assert abs(found.rho) > 0.9


def test_what_was_not_measured_is_left_out():
    chance = random.Random(2)
    symptom = [chance.gauss(0, 1) for _ in range(60)]
    candidate = [value if index % 5 else None for index, value in enumerate(symptom)]
    assert resemblance(symptom, candidate).rho == pytest.approx(1.0)
    assert resemblance(symptom, [None] * 60) is None
    assert resemblance(symptom, [1.0] * 60) is None


# ---- changes of level -------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [10, 30, 55, 58])
@pytest.mark.parametrize("seed", range(5))
def test_a_change_of_level_is_found_to_the_minute_or_so(at, seed):
    chance = random.Random(seed)
    series = [100.0 + chance.gauss(0, 3) + (40 if index >= at else 0) for index in range(60)]
    move = find_move(series)
    assert abs(move.index - at) <= 1
    assert move.before == pytest.approx(100, abs=4)
    assert move.after == pytest.approx(140, abs=8)
    assert move.size > 8


@pytest.mark.parametrize("seed", range(40))
def test_noise_has_no_change(seed):
    chance = random.Random(seed)
    assert find_move([100.0 + chance.gauss(0, 5) for _ in range(65)]) is None


def test_one_wild_value_is_no_change():
    chance = random.Random(3)
    series = [50.0 + chance.gauss(0, 2) for _ in range(60)]
    series[40] = 5000.0
    assert find_move(series) is None


def test_a_series_without_any_noise_changes_when_it_changes_by_much():
    assert find_move([10.0] * 40 + [10.3] * 10) is None
    assert find_move([10.0] * 40 + [14.0] * 10).index == 40


def test_minutes_without_a_value_keep_their_place():
    series = [20.0, None] * 15 + [90.0, None] * 15
    assert find_move(series).index == 30


def test_too_little_has_no_change():
    assert find_move([1.0] * 4 + [9.0] * 4) is None
    assert find_move([None] * 60) is None
