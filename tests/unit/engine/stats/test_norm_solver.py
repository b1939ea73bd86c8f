"""The norm solver against scipy's scalar searches, and in the corners where a bin has no counts."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from gammapy_hli.engine.stats.norm_solver import NormProblems, norm_at_delta, scan_norms, solve_norms
from gammapy_hli.engine.stats.wstat import WstatBins


def random_problems(seed, n_problems=40, scale=3.0, cash=True, wstat=True):
    """Ragged problems with few counts; the two kinds of bins are mixed in one problem."""
    rng = np.random.default_rng(seed)
    keywords = {}
    if wstat:
        group = np.repeat(np.arange(n_problems), rng.integers(1, 5, n_problems))
        signal, alpha, off = rng.uniform(0, scale, group.size), rng.uniform(0.02, 0.5, group.size), rng.uniform(0, 20)
        n_on, n_off = rng.poisson(signal + alpha * off), rng.poisson(off, group.size)
        keywords |= {
            "wstat_group": group,
            "wstat_signal": signal,
            "wstat_offset": np.zeros(group.size),
            "wstat": WstatBins(n_on, n_off, alpha),
        }
    if cash:
        group = np.repeat(np.arange(n_problems), rng.integers(1, 5, n_problems))
        signal, background = rng.uniform(0, scale, group.size), rng.uniform(0.1, 2, group.size)
        counts = rng.poisson(signal + background).astype(float)
        keywords |= {
            "cash_group": group,
            "cash_signal": signal,
            "cash_offset": background,
            "cash_counts": counts,
        }
    return NormProblems(n_problems, **keywords)


KINDS = pytest.mark.parametrize("kinds", [{"cash": False}, {"wstat": False}, {}], ids=["wstat", "cash", "mixed"])


@KINDS
def test_minimum_is_as_deep_as_the_one_of_scipy(kinds):
    problems = random_problems(1, **kinds)
    fit = solve_norms(problems)
    low, high = problems.bracket()
    for k in range(problems.n_problems):

        def stat(x, k=k):
            return problems.stat(np.full(problems.n_problems, x))[k]

        found = minimize_scalar(stat, bounds=(low[k], high[k]), method="bounded", options={"xatol": 1e-11})
        assert fit.stat[k] <= found.fun + 1e-9


@KINDS
@pytest.mark.parametrize("side", [-1, 1])
def test_level_is_met_on_each_side(kinds, side):
    problems = random_problems(2, **kinds)
    fit = solve_norms(problems)
    x = norm_at_delta(problems, fit, 4.0, side)
    found = np.isfinite(x)
    assert found.all() or (side < 0 and found.any())
    assert np.all((x - fit.norm)[found] * side > 0)
    np.testing.assert_allclose(problems.stat(np.where(found, x, 1.0))[found] - fit.stat[found], 4.0, rtol=1e-8)


def test_upper_limit_agrees_with_brentq():
    problems = random_problems(3)
    fit = solve_norms(problems)
    limit = norm_at_delta(problems, fit, 4.0, 1)
    for k in range(0, problems.n_problems, 7):

        def height(x, k=k):
            return problems.stat(np.full(problems.n_problems, x))[k] - fit.stat[k] - 4

        assert limit[k] == pytest.approx(brentq(height, fit.norm[k], fit.norm[k] + 100, xtol=1e-13), rel=1e-9)


def test_one_problem_gives_the_same_alone_and_among_others():
    problems = random_problems(4)
    fit = solve_norms(problems)
    one = np.arange(problems.n_problems) == 17
    alone = solve_norms(problems.take(one))
    np.testing.assert_allclose(alone.norm[0], fit.norm[17], rtol=1e-10)
    np.testing.assert_allclose(alone.err[0], fit.err[17], rtol=1e-8)


def test_error_is_the_one_of_the_curvature():
    bins = WstatBins(np.array([400.0]), np.array([1000.0]), np.array([0.1]))
    fit = solve_norms(NormProblems.from_wstat(1, np.array([0]), np.array([100.0]), bins))
    assert fit.norm[0] == pytest.approx(3.0, rel=1e-12)
    assert fit.err[0] == pytest.approx(np.sqrt(400 + 10) / 100, rel=1e-12)


def test_negative_norms_are_found():
    bins = WstatBins(np.array([2.0]), np.array([100.0]), np.array([0.1]))
    fit = solve_norms(NormProblems.from_wstat(1, np.array([0]), np.array([4.0]), bins))
    assert fit.norm[0] == pytest.approx(-2.0, rel=1e-12)


def test_prediction_over_known_background_stays_positive():
    counts, background, signal = np.array([0.0, 1.0]), np.array([2.0, 9.0]), np.array([1.0, 1.0])
    fit = solve_norms(NormProblems.from_cash(1, np.array([0, 0]), signal, counts, background))
    assert fit.norm[0] == pytest.approx(-2.0, rel=1e-9)
    assert fit.success[0]


def test_no_counts_at_all_give_a_finite_limit():
    nothing = np.zeros(3)
    problems = NormProblems.from_wstat(
        1, np.zeros(3, dtype=int), np.array([0.5, 0.25, 0.25]), WstatBins(nothing, nothing, nothing + 0.1)
    )
    fit = solve_norms(problems)
    assert fit.norm[0] == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(fit.err[0])
    assert norm_at_delta(problems, fit, 4.0, 1)[0] == pytest.approx(2.0, rel=1e-9)


@pytest.mark.parametrize("signal", [[], [0.0]], ids=["no bins", "no signal"])
def test_a_norm_without_constraint_is_nan_and_no_success(signal):
    zeros = np.zeros(len(signal))
    bins = WstatBins(zeros, zeros, zeros + 0.1)
    problems = NormProblems.from_wstat(1, np.zeros(len(signal), dtype=int), np.array(signal), bins)
    fit = solve_norms(problems)
    assert not fit.success[0]
    assert np.isnan([fit.norm[0], fit.err[0], fit.stat[0], norm_at_delta(problems, fit, 1.0, 1)[0]]).all()


def test_signals_of_extreme_size_do_not_disturb_the_search():
    for scale in (1e-12, 1e12):
        bins = WstatBins(np.array([12.0, 3.0]), np.array([20.0, 8.0]), np.array([0.1, 0.1]))
        problems = NormProblems.from_wstat(1, np.array([0, 0]), np.array([5.0, 2.0]) * scale, bins)
        unit = NormProblems.from_wstat(1, np.array([0, 0]), np.array([5.0, 2.0]), bins)
        assert solve_norms(problems).norm[0] * scale == pytest.approx(solve_norms(unit).norm[0], rel=1e-9)


def test_scan_is_the_statistic_at_the_norms():
    problems = random_problems(5, n_problems=3)
    scan = scan_norms(problems, np.array([0.2, 1.0, 5.0]))
    assert scan.shape == (3, 3)
    np.testing.assert_allclose(scan[:, 1], problems.stat(np.ones(3)))


def test_upper_limits_of_a_weak_source_cover():
    """2 sigma limits of S + 4 lie above the truth in about 97.7 %."""
    rng = np.random.default_rng(6)
    n = 4000
    signal, off, alpha = 3.0, 40.0, 0.1
    bins = WstatBins(rng.poisson(signal + alpha * off, n), rng.poisson(off, n), np.full(n, alpha))
    problems = NormProblems.from_wstat(n, np.arange(n), np.full(n, signal), bins)
    limit = norm_at_delta(problems, solve_norms(problems), 4.0, 1)
    assert np.mean(limit > 1) == pytest.approx(0.977, abs=0.02)


def test_bins_without_background_keep_their_signal_positive():
    bins = WstatBins(np.array([0.0, 3.0]), np.array([7.0, 9.0]), np.array([0.0, 0.5]))
    problems = NormProblems.from_wstat(1, np.array([0, 0]), np.array([1.0, 1.0]), bins)
    assert problems.domain()[0][0] == 0
    fit = solve_norms(problems)
    assert fit.norm[0] == pytest.approx(0.0, abs=1e-9)
    assert norm_at_delta(problems, fit, 4.0, 1)[0] > 0.5


def test_problems_of_very_unequal_bins_are_solved():
    """Signals and counts over ten decades: no neighbor of the solution is better, every level is met."""
    rng = np.random.default_rng(8)
    n_problems = 300
    group = np.repeat(np.arange(n_problems), rng.integers(1, 6, n_problems))
    n = group.size
    signal = (10 ** rng.uniform(-6, 6, n_problems))[group] * 10 ** rng.uniform(-3, 1, n)
    off, alpha = 10 ** rng.uniform(-1, 4, n), 10 ** rng.uniform(-4, 1, n) * (rng.random(n) > 0.05)
    n_on = rng.poisson(alpha * off + 10 ** rng.uniform(-2, 3, n)) * (rng.random(n) > 0.3)
    bins = WstatBins(n_on, rng.poisson(off) * (rng.random(n) > 0.3), alpha)
    problems = NormProblems.from_wstat(n_problems, group, signal, bins)
    fit = solve_norms(problems)
    tolerance = 1e-8 * np.maximum(np.abs(fit.stat), 1)
    step = np.where(np.isfinite(fit.err), fit.err, 1 / problems.signal_sum())
    for size in (-1e-3, 1e-3, -1e-6, 1e-6):
        beside = np.clip(fit.norm + size * step, *problems.domain())
        assert np.all(problems.stat(beside) >= fit.stat - tolerance)
    limit = norm_at_delta(problems, fit, 4.0, 1)
    np.testing.assert_allclose(problems.stat(limit) - fit.stat, 4, atol=1e-5)
