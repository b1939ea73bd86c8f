"""Laws of the likelihoods of counts: cash, wstat and the significances made from them."""

import numpy as np
import pytest

from gammapy_hli.engine.stats.cash import cash, cash_deviance, cash_terms
from gammapy_hli.engine.stats.significance import (
    excess_error_wstat,
    excess_interval_cash,
    excess_interval_wstat,
    significance_cash,
    significance_wstat,
)
from gammapy_hli.engine.stats.wstat import WstatBins, wstat, wstat_background, wstat_terms

GRID = np.meshgrid([0.0, 1.0, 7.0, 300.0], [0.0, 1.0, 40.0, 5000.0], [0.01, 0.3, 1.0, 4.0], [0.03, 2.0, 25.0, 800.0])
SMOOTH_GRID = [values.ravel() for values in GRID]


def plain_wstat(n, m, alpha, mu):
    """The W statistic as a minimum found by brute force over the off background."""
    off = np.concatenate([[0.0], np.geomspace(1e-9, 2e4, 400_001)])
    with np.errstate(divide="ignore", invalid="ignore"):
        stat = mu + (1 + alpha) * off
        stat = stat - (n * np.log(mu + alpha * off) if n else 0) - (m * np.log(off) if m else 0)
    constant = sum(k * (1 - np.log(k)) for k in (n, m) if k)
    return 2 * (np.nanmin(stat) - constant)


@pytest.mark.parametrize("mu", [0.3, 4.0, 30.0])
@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 3), (4, 0), (4, 9), (20, 1)])
def test_wstat_is_the_minimum_over_the_background(n, m, mu):
    assert float(wstat(n, m, 0.25, mu)[0]) == pytest.approx(plain_wstat(n, m, 0.25, mu), abs=1e-6)


def test_wstat_tends_to_cash_for_large_off():
    alpha, background = 1e-7, 3.0
    n = np.array([0.0, 1.0, 5.0, 12.0])
    mu = np.array([0.5, 2.0, 4.0, 6.0])
    stat = wstat(n, background / alpha, alpha, mu)[0]
    np.testing.assert_allclose(stat, cash_deviance(n, mu + background), atol=1e-4)


def test_wstat_without_off_exposure_is_cash_without_background():
    stat, slope = wstat(5.0, 7.0, 0.0, 3.0)
    assert float(stat) == pytest.approx(float(cash_deviance(5.0, 3.0)), abs=1e-12)
    assert float(slope) == pytest.approx(2 * (1 - 5 / 3), rel=1e-12)


def test_wstat_derivatives_agree_with_differences():
    n, m, alpha, mu = SMOOTH_GRID
    step = 1e-4 * mu
    _, first, second = wstat_terms(n, m, alpha, mu)
    kink = np.abs(alpha * n - (1 + alpha) * mu) < 2 * step * (1 + alpha)
    smooth = ~((m == 0) & kink)
    low, high = wstat_terms(n, m, alpha, mu - step), wstat_terms(n, m, alpha, mu + step)
    np.testing.assert_allclose(first[smooth], ((high[0] - low[0]) / (2 * step))[smooth], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(second[smooth], ((high[1] - low[1]) / (2 * step))[smooth], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 6), (3, 0), (3, 6), (50, 2)])
def test_wstat_is_convex_on_the_whole_line(n, m):
    mu = np.linspace(-20, 30, 2001)
    stat, slope, _ = wstat_terms(n, m, 0.4, mu)
    assert np.all(np.isfinite(stat))
    assert np.all(np.diff(slope) >= -1e-9)
    np.testing.assert_allclose(np.diff(stat), 0.5 * (slope[1:] + slope[:-1]) * np.diff(mu), atol=0.2)


def test_wstat_vanishes_at_the_excess():
    n, m, alpha = np.array([10.0, 0.0, 5.0, 0.0]), np.array([4.0, 8.0, 0.0, 0.0]), 0.5
    stat, slope = wstat(n, m, alpha, n - alpha * m)
    np.testing.assert_allclose(stat, 0, atol=1e-12)
    np.testing.assert_allclose(slope[:1], 0, atol=1e-12)


def test_background_at_the_excess_is_the_off_counts():
    assert float(wstat_background(30.0, 25.0, 0.2, 25.0)) == pytest.approx(25.0, rel=1e-12)


def test_background_keeps_its_digits_where_the_signal_is_overwhelming():
    assert float(wstat_background(10.0, 1.0, 1e-3, 1e9)) == pytest.approx(1 / 1.001, rel=1e-7)


def test_wstat_bins_chosen_and_repeated_are_the_same_bins():
    bins = WstatBins(np.array([1.0, 2.0]), np.array([0.0, 3.0]), np.array([0.1, 0.2]))
    mu = np.array([0.5, 0.7])
    assert bins.take(np.array([1])).stat(mu[1:]).tolist() == bins.stat(mu)[1:].tolist()
    assert bins.repeat(2).stat(np.tile(mu, 2)).tolist() == np.tile(bins.stat(mu), 2).tolist()


def test_cash_derivatives_agree_with_differences():
    n, mu = np.array([0.0, 2.0, 9.0]), np.array([1.0, 3.0, 4.0])
    step = 1e-5
    _, first, second = cash_terms(n, mu)
    np.testing.assert_allclose(first, (cash(n, mu + step)[0] - cash(n, mu - step)[0]) / (2 * step), rtol=1e-8)
    np.testing.assert_allclose(second, (cash(n, mu + step)[1] - cash(n, mu - step)[1]) / (2 * step), rtol=1e-8)


def test_cash_is_finite_and_flat_below_the_truncation():
    stat, slope = cash(3.0, [-1.0, 0.0])
    assert np.all(np.isfinite(stat))
    assert slope.tolist() == [0.0, 0.0]


def test_significance_is_equation_17_of_li_and_ma():
    n, m, alpha = 25, 40, 0.1
    on, off = n * np.log((1 + alpha) / alpha * n / (n + m)), m * np.log((1 + alpha) * m / (n + m))
    assert float(significance_wstat(n, m, alpha)) == pytest.approx(np.sqrt(2 * (on + off)), rel=1e-12)
    assert float(significance_wstat(2, 40, 0.1)) < 0
    assert float(significance_wstat(5, 0, 0.0)) == 0


def test_significances_agree_for_a_well_known_background():
    assert float(significance_wstat(30, 2e8, 1e-7)) == pytest.approx(float(significance_cash(30, 20.0)), abs=1e-4)


def test_interval_of_the_excess_closes_on_the_error_for_many_counts():
    error = float(excess_error_wstat(1e6, 4e6, 0.1))
    down, up = excess_interval_wstat(1e6, 4e6, 0.1)
    assert float(down) == pytest.approx(error, rel=1e-3)
    assert float(up) == pytest.approx(error, rel=1e-3)


def test_intervals_keep_the_shape_and_the_level():
    n, m = np.array([[4.0, 9.0]]), np.array([[10.0, 0.0]])
    down, up = excess_interval_wstat(n, m, 0.2, n_sigma=2)
    assert up.shape == (1, 2)
    best = n - 0.2 * m
    np.testing.assert_allclose(wstat(n, m, 0.2, best + up)[0], 4, rtol=1e-9)
    np.testing.assert_allclose(wstat(n, m, 0.2, best - down)[0], 4, rtol=1e-9)


def test_interval_of_an_excess_over_known_background_ends_at_zero_prediction():
    down, up = excess_interval_cash([0.0, 9.0], [3.0, 3.0])
    assert np.isnan(down[0])
    np.testing.assert_allclose(up[0], 0.5, rtol=1e-9)
    assert 0 < down[1] < up[1]
