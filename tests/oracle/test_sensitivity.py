"""Sensitivity of single bins beside gammapy 2.1: what both mean by it, and where its flux points mean another thing."""

import numpy as np
import pytest

from gammapy_hli.engine.estimate.sensitivity import norm_sensitivity
from gammapy_hli.engine.stats.norm_solver import NormProblems
from gammapy_hli.engine.stats.wstat import WstatBins

ALPHA = 0.2
# CTA prod5, South, 5 h, 0.1 deg, as gammapy's SensitivityEstimator finds it: background and excess of 5 sigma
ESTIMATOR = ((59.61917278, 48.04976989), (94.04154816, 58.88467811), (5.83453946, 18.94499622))
# a flux point of the Crab, 1.48 to 2.07 TeV: on, off, alpha, best norm; gammapy's norm_sensitivity and ours
POINT = (83.0, 110.0, 0.04421655580192165, 1.1493888407907717)
GAMMAPY_POINT, OUR_POINT = 0.21503, 0.226222


def one_bin(signal, n_on, n_off, alpha):
    bins = WstatBins(np.array([n_on]), np.array([n_off]), np.array([alpha]))
    return NormProblems.from_wstat(1, np.array([0]), np.array([signal]), bins)


@pytest.mark.parametrize(("background", "excess"), ESTIMATOR)
def test_excess_is_that_of_the_sensitivity_estimator(background, excess):
    found = norm_sensitivity(one_bin(1.0, background, background / ALPHA, ALPHA), 5.0)
    assert found[0] == pytest.approx(excess, rel=1e-5)


def test_point_does_not_take_the_source_for_background():
    n_on, n_off, alpha, norm = POINT
    signal = (n_on - alpha * n_off) / norm
    assert norm_sensitivity(one_bin(signal, n_on, n_off, alpha), 5.0)[0] == pytest.approx(OUR_POINT, rel=1e-5)
    # gammapy's is ours where the background is what fits the on counts beside a signal of that norm
    weak = GAMMAPY_POINT * signal
    c = alpha * (n_on + n_off) - (1 + alpha) * weak
    off = (c + np.sqrt(c**2 + 4 * alpha * (alpha + 1) * n_off * weak)) / (2 * alpha * (alpha + 1))
    on = np.array([weak + alpha * off])
    assert off > 1.1 * n_off
    bins = WstatBins(on, np.array([n_off]), np.array([alpha]))
    assert bins.stat(np.array([0.0]))[0] - bins.stat(np.array([weak]))[0] == pytest.approx(25, rel=1e-3)
