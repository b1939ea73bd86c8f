"""Light curve of map datasets: the Crab in 3D, one dataset a run, against gammapy 2.1's LightCurveEstimator.

Recorded with ``tests/bench/gammapy_curve.py read`` on our datasets and our fit. gammapy's migrad stops up to 0.01
errors from the minimum, so fluxes are held to that; limits and significances, which it finds by roots, to 1e-5.
"""

from pathlib import Path

import numpy as np
import pytest

from gammapy_hli.analysis import Analysis

CONFIG = Path(__file__).parents[2] / "configs" / "crab-3d.yaml"
# By run: flux, err, errp, errn, ul [cm-2 s-1] and sqrt_ts from 1 to 3.16 TeV, the same from 3.16 to 10 TeV.
RUNS = """
2.187525e-11 2.416429e-12 2.493179e-12 2.340504e-12 2.701678e-11 17.720247
3.982568e-12 7.637646e-13 8.079134e-13 7.207508e-13 5.688840e-12 11.367191
2.359392e-11 2.522690e-12 2.601975e-12 2.448051e-12 2.897551e-11 18.663509
2.994682e-12 6.920683e-13 7.383189e-13 6.467139e-13 4.565368e-12  9.243822
3.058370e-11 3.522710e-12 3.643487e-12 3.403447e-12 3.811505e-11 18.497480
2.342118e-12 8.356934e-13 9.168180e-13 7.558610e-13 4.340202e-12  5.381446
2.802644e-11 3.353714e-12 3.469321e-12 3.239419e-12 3.519870e-11 16.710859
3.900884e-12 9.394348e-13 1.007804e-12 8.726712e-13 6.056010e-12  9.328365
"""
FVAR, FPP = [0.101738, 0.066472], [0.124447, 0.237542]


@pytest.fixture(scope="module")
def curve(gammapy_data):
    options = {
        "general.store": False,
        "steps": ["selection", "reduction", "model", "fit", "light_curve"],
        "reduction.stack": False,
        "light_curve": {"source": "crab", "energy_edges": ["1 TeV", "3 TeV", "10 TeV"]},
    }
    return Analysis(CONFIG, options).run().product_of("light_curve")


def test_fluxes_errors_and_limits(curve):
    flux, err, errp, errn, ul, sqrt_ts = np.array(RUNS.split(), dtype=float).reshape(4, 2, 6).transpose(2, 0, 1)
    assert (np.abs(curve.flux.value - flux) < 0.01 * err).all()
    np.testing.assert_allclose(curve.flux_err.value, err, rtol=2e-3)  # at another norm
    np.testing.assert_allclose(curve.flux_errp.value, errp, rtol=1e-4)
    np.testing.assert_allclose(curve.flux_errn.value, errn, rtol=1e-4)
    np.testing.assert_allclose(curve.flux_ul.value, ul, rtol=1e-5)
    np.testing.assert_allclose(curve.sqrt_ts, sqrt_ts, rtol=1e-5)


def test_variability(curve):
    np.testing.assert_allclose(curve.variability.fvar, FVAR, rtol=0.01)  # of fluxes that are 0.01 errors apart
    np.testing.assert_allclose(curve.variability.fpp, FPP, rtol=0.01)


def test_maps_of_parts_of_a_run(gammapy_data):
    """Counts, background and exposure of two intervals of 10 min, by gammapy's select_time and makers."""
    options = {
        "general.store": False,
        "selection": {"cone": None, "obs_ids": [23523], "intervals": {"length": "10 min", "number": 2}},
        "reduction": {"stack": False, "background": {"method": "irf"}},
    }
    first, second = Analysis(CONFIG, options).run(until="reduction").datasets
    assert (first.name, second.name) == ("23523_0", "23523_1")
    assert [each.counts.sum() for each in (first, second)] == [272, 300]
    for each in (first, second):
        assert each.background.sum() == pytest.approx(242.491975, rel=1e-6)
        assert each.exposure.to_value("m2 s").mean() == pytest.approx(2.20264463e8, rel=1e-6)
