"""Residuals in maps and in regions by their laws."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.estimate.region_residuals import estimate_region_residuals
from gammapy_hli.engine.estimate.residual_map import estimate_residual_maps
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.predict.map_total import predict_map
from gammapy_hli.engine.stats.significance import significance_cash

RADIUS = 0.12 * u.deg
CIRCLE = "icrs;circle(83.63,22.01,0.2)"


def test_the_right_model_leaves_noise(make_map, point_source):
    dataset = make_map(level=5.0, sources=[point_source()])
    maps = estimate_residual_maps(dataset, predict_map(dataset, [point_source()]).npred, RADIUS)
    for name in ("residual_sqrt", "residual_significance"):
        assert np.abs(maps[name].data).max() < 5
        assert maps[name].data[0, ::7, ::7].std() == pytest.approx(1, abs=0.4)


def test_a_missing_source_stays(make_map, point_source):
    dataset = make_map(level=5.0, sources=[point_source()])
    maps = estimate_residual_maps(dataset, dataset.background, RADIUS)
    assert maps["residual_significance"].data[0, 20, 25] > 10
    counts = maps["residual"].data[0, 20, 25] + 5 * 3 * 29
    assert maps["residual_significance"].data[0, 20, 25] == pytest.approx(float(significance_cash(counts, 435.0)))
    assert maps["residual_sqrt"].data[0, 20, 25] == pytest.approx((counts - 435) / np.sqrt(435))


def test_bands_and_masks(make_map):
    mask = np.ones((3, 40, 50), dtype=bool)
    mask[0, :, :25] = False
    dataset = make_map(mask_safe=mask)
    maps = estimate_residual_maps(dataset, dataset.background, RADIUS, energy_edges=[1, 2, 8] * u.TeV)
    assert np.isnan(maps["residual"].data[0, :, :25]).all()
    assert np.isfinite(maps["residual"].data[1]).all()


def test_spectrum_of_a_region(make_map):
    dataset = make_map(level=2.0, counts=np.full((3, 40, 50), 3.0))
    found = estimate_region_residuals(dataset, dataset.background, parse_region(CIRCLE))
    n = found.npred[0] / 2
    assert 60 < n < 95  # 78.5 pixels of area
    np.testing.assert_allclose(found.residual, n)
    np.testing.assert_allclose(found.residual_sqrt, n / np.sqrt(2 * n))
    np.testing.assert_allclose(found.significance, significance_cash(3 * n, 2 * n))
    assert found.total == pytest.approx(np.sqrt(3) * found.significance[0])
    whole = estimate_region_residuals(dataset, dataset.background)
    assert whole.counts.tolist() == [6000.0] * 3


def test_energies_that_are_not_safe_have_no_residual(make_map):
    mask = np.ones((3, 40, 50), dtype=bool)
    mask[1] = False
    dataset = make_map(mask_safe=mask)
    found = estimate_region_residuals(dataset, dataset.background, parse_region(CIRCLE))
    assert np.isnan(found.residual).tolist() == [False, True, False]


def test_mistakes_are_explained(make_map):
    dataset = make_map()
    with pytest.raises(InputError, match=r"npred has shape \(2,\); expected \(3, 40, 50\)"):
        estimate_residual_maps(dataset, np.ones(2), RADIUS)
    with pytest.raises(InputError, match=r"npred has shape \(2,\); expected \(3, 40, 50\)"):
        estimate_region_residuals(dataset, np.ones(2))
    with pytest.raises(InputError, match="'toy' has no counts"):
        estimate_residual_maps(replace(dataset, counts=None), dataset.background, RADIUS)
    with pytest.raises(InputError, match="'toy' has no counts"):
        estimate_region_residuals(replace(dataset, counts=None), dataset.background)
    with pytest.raises(InputError, match=r"correlation radius is 0\.01 deg"):
        estimate_residual_maps(dataset, dataset.background, 0.01 * u.deg)
    with pytest.raises(InputError, match="no pixel of the map lies in the region"):
        estimate_region_residuals(dataset, dataset.background, parse_region("icrs;circle(10,22.01,0.2)"))
