"""The trapezoidal rule in log-log: exact for power laws, defined for all else, with the right derivative."""

import numpy as np
import pytest

from gammapy_hli.engine.stats.loglog import LogLogGrid, expm1_ratio_and_slope, trapz_loglog

X = np.geomspace(1, 10, 6)


@pytest.mark.parametrize("index", [-3.0, -1.0, -0.999999, 0.0, 2.0])
def test_power_laws_are_integrated_exactly(index):
    exact = np.log(10) if index == -1 else np.expm1((index + 1) * np.log(10)) / (index + 1)
    assert trapz_loglog(X**index, X) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([1, 0], 0.0),
        ([0, 1], 0.0),
        ([0, 0], 0.0),
        ([-1, -1], -1.0),
        ([-1, 3], 1.0),
        ([1e-320, 1e-320], 0.0),
    ],
    ids=["to zero", "from zero", "zero", "negative", "sign change is linear", "denormal"],
)
def test_special_intervals(y, expected):
    assert trapz_loglog(np.array(y, dtype=float), np.array([1.0, 2.0])) == pytest.approx(expected, abs=1e-300)


def test_nan_stays_nan():
    assert np.isnan(trapz_loglog(np.array([1.0, np.nan]), np.array([1.0, 2.0])))


def test_nodes_follow_the_widest_bin():
    grid = LogLogGrid(np.array([1.0, 10.0]), np.array([2.0, 100.0]))
    assert grid.energy.shape == (2, 100)
    assert LogLogGrid(np.array([1.0]), np.array([1.01])).energy.shape == (1, 2)


@pytest.mark.parametrize("shape", ["curved", "flat", "with zero", "sign change"])
def test_weights_are_derivatives(shape):
    grid = LogLogGrid(np.array([1.0, 1.2]), np.array([1.2, 1.44]))
    x = grid.energy
    y = {
        "curved": x ** (-2 - 0.3 * np.log(x)),
        "flat": 1 / x,
        "with zero": np.where(x > 1.3, 0.0, 1.0),
        "sign change": x - 1.213,
    }[shape]
    flux, weights = grid.integrate_with_weights(y)
    np.testing.assert_allclose(flux, grid.integrate(y), rtol=1e-13)
    np.testing.assert_allclose(flux, trapz_loglog(y, x), rtol=1e-13)
    for place in np.ndindex(*y.shape):
        if y[place] == 0 or (shape == "with zero" and abs(x[place] - 1.3) < 0.05):
            continue  # no slope at the edge of a zero
        up, down = y.copy(), y.copy()
        up[place] += 1e-6
        down[place] -= 1e-6
        slope = ((grid.integrate(up) - grid.integrate(down)) / 2e-6)[place[0]]
        assert weights[place] == pytest.approx(slope, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("z", [-3.0, -1e-3, -1e-9, 0.0, 1e-6, 1e-4, 1.1e-4, 2.0])
def test_ratio_and_slope_are_smooth_through_zero(z):
    ratio, slope = expm1_ratio_and_slope(np.array([z]))
    series_ratio = sum(z**n / np.prod(np.arange(1.0, n + 2)) for n in range(30))
    series_slope = sum(n * z ** (n - 1) / np.prod(np.arange(1.0, n + 2)) for n in range(1, 30))
    assert ratio[0] == pytest.approx(series_ratio, rel=1e-14)
    assert slope[0] == pytest.approx(series_slope, rel=1e-9)
