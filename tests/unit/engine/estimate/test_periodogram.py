"""The periodogram of a light curve: its power, its peak, its chance."""

import numpy as np
import pytest
from scipy.stats import kstest

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.estimate.periodogram import LEAST_POINTS, PeriodogramPlan, make_periodogram

E_MIN, E_MAX = np.array([1.0]), np.array([10.0])
PERIOD = 3.7 * 86400


def curve(rng, n=80, amplitude=0.5):
    time = np.sort(rng.uniform(0, 60 * 86400, n))
    err = rng.uniform(0.1, 0.3, n)
    flux = 2 + amplitude * np.sin(2 * np.pi * time / PERIOD + 0.4) + rng.normal(0, err)
    return time, 1e-11 * flux[:, np.newaxis], 1e-11 * err[:, np.newaxis]


def test_power_is_the_gain_of_chi2_by_a_sine():
    time, flux, err = curve(np.random.default_rng(1))
    found = make_periodogram(flux, err, time, E_MIN, E_MAX)
    for k in (0, 17, len(found) - 1):
        turn = 2 * np.pi * found.frequency[k] * time
        columns = np.stack([np.ones_like(turn), np.sin(turn), np.cos(turn)], axis=1) / err
        target = (flux / err)[:, 0]
        chi2 = [
            np.sum((target - rows @ np.linalg.lstsq(rows, target, rcond=None)[0]) ** 2)
            for rows in (columns, columns[:, :1])
        ]
        assert found.power[k, 0] == pytest.approx(1 - chi2[0] / chi2[1], abs=1e-9)


def test_the_period_of_a_sine_is_found():
    time, flux, err = curve(np.random.default_rng(2))
    found = make_periodogram(flux, err, time, E_MIN, E_MAX)
    assert found.best_period[0] == pytest.approx(PERIOD, rel=0.01)
    assert found.best_power[0] >= found.power.max() * (1 - 1e-9)
    assert found.false_alarm[0] < 1e-6
    assert (np.diff(found.level_power[:, 0]) > 0).all()


def test_default_range_is_from_one_turn_to_the_median_distance():
    time, flux, err = curve(np.random.default_rng(3))
    found = make_periodogram(flux, err, time, E_MIN, E_MAX)
    assert found.frequency[0] == pytest.approx(1 / np.ptp(time))
    assert found.frequency[-1] == pytest.approx(0.5 / np.median(np.diff(time)), rel=0.02)
    assert np.diff(found.frequency) == pytest.approx(0.2 / np.ptp(time))


def test_the_range_is_what_is_asked_for():
    time, flux, err = curve(np.random.default_rng(3))
    plan = PeriodogramPlan(min_frequency=1 / (5 * 86400), max_frequency=1 / (3 * 86400), samples_per_peak=20)
    found = make_periodogram(flux, err, time, E_MIN, E_MAX, plan)
    assert found.frequency[0] == pytest.approx(1 / (5 * 86400))
    assert found.frequency[-1] == pytest.approx(1 / (3 * 86400), rel=0.01)
    assert found.best_period[0] == pytest.approx(PERIOD, rel=0.01)


def test_chances_of_a_constant_source_are_uniform():
    """Baluev's formula is exact for small chances and 8 % too large at 0.3 (5000 simulations): a bound of 3 sigma."""
    rng = np.random.default_rng(9)
    chances = []
    for _ in range(500):
        time, flux, err = curve(rng, n=30, amplitude=0.0)
        chances.append(make_periodogram(flux, err, time, E_MIN, E_MAX).false_alarm[0])
    small = np.array([chance for chance in chances if chance < 0.3])
    assert 0.215 < len(small) / len(chances) < 0.335
    assert kstest(small / 0.3, "uniform").pvalue > 0.01


def test_bands_of_few_points_are_left_out_and_stop_no_other():
    time, flux, err = curve(np.random.default_rng(5))
    both, errors = np.hstack([flux, flux]), np.hstack([err, err])
    both[LEAST_POINTS - 1 :, 1] = np.nan
    found = make_periodogram(both, errors, time, np.array([1.0, 3.0]), np.array([3.0, 10.0]))
    assert found.n_points.tolist() == [80, LEAST_POINTS - 1]
    assert np.isnan(found.power[:, 1]).all()
    alone = make_periodogram(flux, err, time, E_MIN, E_MAX)
    np.testing.assert_array_equal(found.power[:, 0], alone.power[:, 0])
    nothing = make_periodogram(both[:, 1:], errors[:, 1:], time, E_MIN, E_MAX)
    assert len(nothing) == 0
    assert np.isnan(nothing.false_alarm).all()


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (PeriodogramPlan(min_frequency=1e-3, max_frequency=1e-4), r"from 0\.001 to 0\.0001 Hz .* are no range"),
        (PeriodogramPlan(max_frequency=10.0), r"more than 1000000; lower max_frequency"),
    ],
    ids=["empty", "huge"],
)
def test_ranges_that_cannot_be_used(plan, words):
    with pytest.raises(InputError, match=words):
        make_periodogram(*(curve(np.random.default_rng(6))[k] for k in (1, 2, 0)), E_MIN, E_MAX, plan)


@pytest.mark.parametrize(("turns", "words"), [(0.3, "longest"), (None, "shortest")])
def test_the_highest_power_at_an_end_of_the_range_is_no_period(turns, words):
    rng = np.random.default_rng(5)
    time = np.sort(rng.uniform(0, 60 * 86400, 80))
    period = np.ptp(time) / turns if turns else 2 * 86400
    flux = 1e-11 * (2 + np.sin(2 * np.pi * time / period) + rng.normal(0, 0.02, 80))[:, np.newaxis]
    plan = PeriodogramPlan(max_frequency=None if turns else 1 / (2.05 * 86400))
    found = make_periodogram(flux, np.full_like(flux, 2e-13), time, E_MIN, E_MAX, plan)
    assert found.is_at_edge.tolist() == [True]
    assert f"no period: the power is highest at the {words}" in found.edge_text(0)
    assert found.edge_text(0) in str(found.summary())


def test_a_peak_inside_the_range_is_a_period():
    time, flux, err = curve(np.random.default_rng(2))
    found = make_periodogram(flux, err, time, E_MIN, E_MAX)
    assert not found.is_at_edge[0]
    assert found.edge_text(0) == ""
