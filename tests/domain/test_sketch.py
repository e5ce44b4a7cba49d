"""The sketch against the numbers themselves."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.sketch import ACCURACY, SMALLEST, Sketch, key_of, value_of

NUMBERS = st.floats(min_value=-1e100, max_value=1e100, allow_nan=False)
BAGS = st.lists(NUMBERS, min_size=1, max_size=200)
SHARES = st.sampled_from([0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 1.0])


def promised(found: float, exact: float) -> bool:
    """Within one percent, or as near to nothing as makes no difference."""
    return abs(found - exact) <= ACCURACY * abs(exact) * (1 + 1e-9) + SMALLEST


@given(BAGS, SHARES)
def test_a_quantile_is_within_one_percent_of_the_number_at_its_rank(values: list[float], share: float) -> None:
    found = Sketch.of(values).quantile(share)
    assert found is not None
    assert promised(found, sorted(values)[math.floor(share * (len(values) - 1))])


@given(st.lists(BAGS, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_sketches_that_are_added_in_any_order_are_the_sketch_of_all(bags: list[list[float]], random: object) -> None:
    random.shuffle(bags)  # type: ignore[attr-defined]
    whole = Sketch.of([value for bag in bags for value in bag])
    added = sum((Sketch.of(bag) for bag in bags), Sketch())
    assert (added.amount, added.lowest, added.highest) == (whole.amount, whole.lowest, whole.highest)
    assert added.buckets == whole.buckets


@given(BAGS, NUMBERS)
def test_what_is_at_most_a_limit_is_counted_but_for_those_within_one_percent_of_it(
    values: list[float], limit: float
) -> None:
    found = Sketch.of(values).count_at_most(limit)
    slack = 2.1 * ACCURACY * abs(limit) + SMALLEST
    assert sum(v <= limit - slack for v in values) <= found <= sum(v <= limit + slack for v in values)


@given(NUMBERS)
def test_a_bucket_stands_for_its_numbers(value: float) -> None:
    assert promised(value_of(key_of(value)), value)


@given(NUMBERS, NUMBERS)
def test_buckets_are_in_the_order_of_their_numbers(one: float, other: float) -> None:
    if one <= other:
        assert key_of(one) <= key_of(other)


def test_of_nothing_nothing_is_known() -> None:
    empty = Sketch.of([])
    assert (empty.amount, empty.mean, empty.quantile(0.5), empty.count_at_most(1)) == (0, None, None, 0)
