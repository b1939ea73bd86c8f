"""Variability numbers: round answers, laws, and what happens to points that are not there."""

import numpy as np
import pytest

from gammapy_hli.engine.estimate.variability import (
    doubling_times,
    excess_variance,
    fractional_variability,
    measure_variability,
    point_to_point_variability,
)


def test_fvar_of_two_points_without_errors_is_their_spread():
    value, _ = fractional_variability(np.array([1.0, 3.0]), np.zeros(2))
    assert value == pytest.approx(np.sqrt(2) / 2)


def test_fvar_is_the_root_of_the_excess_variance():
    flux, err = np.array([1.0, 5.0, 2.0, 9.0]), np.array([0.5, 0.3, 0.2, 1.0])
    value, error = fractional_variability(flux, err)
    square, square_error = excess_variance(flux, err)
    assert value**2 == pytest.approx(square)
    assert square_error == pytest.approx(2 * value * error)


def test_excess_variance_is_negative_where_there_is_less_than_the_noise():
    assert excess_variance(np.array([1.0, 1.1, 0.9]), np.full(3, 0.5))[0] < 0


def test_numbers_as_gammapy_gives_them():
    """compute_fvar, compute_fpp and compute_flux_doubling of gammapy 2.1 on these arrays."""
    flux = np.array([1.0, 1.8, 0.7, 2.5, 3.1, 1.2])
    err = np.array([0.2, 0.3, 0.15, 0.4, 0.45, 0.2])
    assert np.array(fractional_variability(flux, err)) == pytest.approx([0.5135362533039336, 0.0744495386654547])
    assert np.array(point_to_point_variability(flux, err)) == pytest.approx([0.7638623695875959, 0.07329473588891054])
    doubling = doubling_times(flux, err, 60.0 * np.arange(6), min_significance=0)
    assert np.array(doubling) == pytest.approx(
        [32.670818721831616, 6.863602444059558, 43.82012741465114, 10.204717080853731]
    )


def test_points_that_are_not_there_change_nothing():
    flux, err = np.array([1.0, 5.0, 2.0, 9.0]), np.array([0.5, 0.3, 0.2, 1.0])
    holes = np.insert(flux, [0, 2, 4], np.nan), np.insert(err, [0, 2, 4], np.nan)
    for measure in (fractional_variability, excess_variance, point_to_point_variability):
        assert measure(*holes) == pytest.approx(measure(flux, err))


def test_bands_are_measured_one_by_one():
    flux = np.array([[1.0, 2.0], [3.0, 7.0], [2.0, np.nan], [4.0, 3.0]])
    err = 0.1 * flux
    both = fractional_variability(flux, err)[0]
    assert both[0] == pytest.approx(fractional_variability(flux[:, 0], err[:, 0])[0])
    assert both[1] == pytest.approx(fractional_variability(flux[[0, 1, 3], 1], err[[0, 1, 3], 1])[0])


def test_doubling_time_of_an_exponential_rise_is_its_own():
    time = 60.0 * np.arange(8)
    flux = 2.0 ** (time / 300.0)
    doubling, error, halving, _ = doubling_times(flux, 0.01 * flux, time)
    assert doubling == pytest.approx(300)
    assert error == pytest.approx(300 * 0.01 * np.sqrt(2) / (60 / 300 * np.log(2)))
    assert np.isnan(halving)


def test_noise_gives_no_doubling_time():
    flux = np.array([1.0, 1.3, 0.9, 1.1])
    assert np.isnan(doubling_times(flux, np.full(4, 0.3), np.arange(4.0))[0])
    assert np.isfinite(doubling_times(flux, np.full(4, 0.3), np.arange(4.0), min_significance=0)[0])


def test_p_value_of_one_point_is_not_defined():
    numbers = measure_variability(np.array([[1.0]]), np.array([[0.1]]), np.array([0.0]), np.array([0.0]))
    assert numbers.dof.tolist() == [0]
    assert np.isnan([numbers.chi2, numbers.p_value, numbers.fvar]).all()


def test_p_value_is_the_tail_of_chi2():
    flux = np.array([[1.0], [2.0], [3.0]])
    numbers = measure_variability(flux, 0.1 * flux, np.arange(3.0), np.array([4.605170185988092]))
    assert numbers.p_value == pytest.approx(0.1)
