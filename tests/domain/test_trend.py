"""The straight line through a series: numpy's polynomial fit is the judge, and breaks and wild values do no harm."""

from __future__ import annotations

import random

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.trend import BreakKind, fit, inertia, last_break, median_slope, without_outliers

VALUES = st.floats(-1e6, 1e6, allow_nan=False)


def ramp(count: int, slope: float = 1.0, start: float = 0.0) -> list[tuple[float, float]]:
    return [(float(60 * index), start + slope * index) for index in range(count)]


# ---- least squares ----------------------------------------------------------------------------------------


@given(st.lists(VALUES, min_size=2, max_size=80), st.integers(1, 3600))
def test_the_line_is_that_of_numpy(values, every):
    points = [(float(index * every), value) for index, value in enumerate(values)]
    line = fit(points)
    slope, intercept = numpy.polyfit([at for at, _ in points], values, 1)
    scale = max(1.0, max(abs(value) for value in values))
    assert line.slope * every == pytest.approx(slope * every, rel=1e-7, abs=1e-7 * scale)
    assert line.value_at(0.0) == pytest.approx(intercept, rel=1e-7, abs=1e-6 * scale)


def test_noise_and_r_squared_are_those_of_numpy():
    chance = random.Random(7)
    points = [(float(at), 3.0 + 0.5 * at + chance.gauss(0, 4)) for at in range(50)]
    line = fit(points)
    ats, values = numpy.array(points).T
    coefficients, covariance = numpy.polyfit(ats, values, 1, cov=True)
    assert line.slope_error == pytest.approx(covariance[0, 0] ** 0.5)
    assert line.r_squared == pytest.approx(numpy.corrcoef(ats, values)[0, 1] ** 2)
    left = values - numpy.polyval(coefficients, ats)
    assert line.noise == pytest.approx((left @ left / 48) ** 0.5)
    design = numpy.vstack([ats, numpy.ones_like(ats)]).T
    asked = numpy.array([90.0, 1.0])
    expected = line.noise * (1 + asked @ numpy.linalg.inv(design.T @ design) @ asked) ** 0.5
    assert line.error_at(90.0) == pytest.approx(expected)


def test_far_away_moments_lose_no_precision():
    near = fit(ramp(30, slope=0.001, start=50.0))
    far = fit([(at + 1.7e9, value) for at, value in ramp(30, slope=0.001, start=50.0)])
    assert far.slope == pytest.approx(near.slope, rel=1e-9)


def test_a_constant_series_is_level_and_reaches_nothing():
    line = fit([(0.0, 5.0), (60.0, 5.0), (120.0, 5.0)])
    assert (line.slope, line.r_squared, line.reaches(9.0)) == (0.0, 0.0, None)


def test_points_of_one_moment_are_level():
    assert fit([(5.0, 1.0), (5.0, 3.0)]).slope == 0.0


@pytest.mark.parametrize("points", [[], [(0.0, 1.0)]])
def test_a_line_needs_two_points(points):
    with pytest.raises(ValueError, match="two points"):
        fit(points)


def test_two_points_are_enough_and_leave_no_noise():
    line = fit([(0.0, 10.0), (60.0, 20.0)])
    assert line.reaches(90.0) == pytest.approx(480.0)
    assert line.noise == 0.0


# ---- breaks -----------------------------------------------------------------------------------------------


def test_a_cleaned_disk_is_a_reset():
    points = [*ramp(40, 1.0, 40.0), *[(at + 2400, value) for at, value in ramp(20, 1.0, 25.0)]]
    broke = last_break(points, is_rising=True)
    assert broke is not None
    assert (broke.index, broke.kind) == (40, BreakKind.RESET)
    assert broke.before == pytest.approx(78.0)
    assert broke.after == pytest.approx(26.0)


def test_the_same_jump_is_a_step_where_low_values_are_feared():
    points = [*ramp(40, 1.0, 40.0), *[(at + 2400, value) for at, value in ramp(20, 1.0, 25.0)]]
    assert last_break(points, is_rising=False).kind is BreakKind.STEP


@pytest.mark.parametrize("seed", range(5))
def test_the_last_tooth_of_a_saw_counts(seed):
    chance = random.Random(seed)
    points = [(300.0 * index, 20.0 + 2.0 * (index % 18) + chance.gauss(0, 0.5)) for index in range(70)]
    assert last_break(points, is_rising=True).index == 54


@pytest.mark.parametrize("slope", [0.0, 0.3, -2.0])
@pytest.mark.parametrize("seed", range(20))
def test_noise_on_a_line_is_no_break(slope, seed):
    chance = random.Random(seed)
    assert last_break([(at, v + chance.gauss(0, 3)) for at, v in ramp(72, slope)], is_rising=True) is None


def test_one_wild_value_is_no_break():
    points = ramp(60, 0.5, 10.0)
    points[30] = (points[30][0], 900.0)
    assert last_break(points, is_rising=True) is None


def test_growth_by_whole_percents_is_no_break():
    assert last_break([(at, float(int(value))) for at, value in ramp(72, 0.11, 60.0)], is_rising=True) is None


def test_too_few_points_have_no_break():
    assert last_break(ramp(5), is_rising=True) is None


# ---- what stands out --------------------------------------------------------------------------------------


def test_the_median_slope_does_not_follow_the_wild():
    points = ramp(40, 2.0)
    for index in (3, 17, 31):
        points[index] = (points[index][0], 5000.0)
    assert median_slope(points) * 60 == pytest.approx(2.0)


def test_the_median_slope_of_many_points_is_that_of_their_groups():
    chance = random.Random(3)
    points = [(at, value + chance.gauss(0, 2)) for at, value in ramp(1000, 0.5)]
    assert median_slope(points) * 60 == pytest.approx(0.5, rel=0.01)


def test_wild_values_are_left_out_and_the_others_kept():
    points = ramp(50, 1.0)
    points[10] = (points[10][0], -400.0)
    points[44] = (points[44][0], 700.0)
    kept = without_outliers(points)
    assert len(kept) == 48
    assert fit(kept).slope * 60 == pytest.approx(1.0)


def test_where_many_stand_out_none_is_left_out():
    chance = random.Random(5)
    points = [(at, value if chance.random() < 0.8 else value + 500) for at, value in ramp(50)]
    assert without_outliers(points) == points


def test_a_wave_has_inertia_and_noise_has_none():
    chance = random.Random(1)
    noise = [(float(at), chance.gauss(0, 1)) for at in range(400)]
    level = 0.0
    wave = []
    for at in range(400):
        level = 0.9 * level + chance.gauss(0, 1)
        wave.append((float(at), level))
    assert inertia(noise, fit(noise)) < 0.15
    assert inertia(wave, fit(wave)) > 0.75
    assert inertia(ramp(20), fit(ramp(20))) == pytest.approx(0.0, abs=0.95)
