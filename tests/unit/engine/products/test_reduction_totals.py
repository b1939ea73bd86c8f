"""Sums over the runs of a reduction, and its files."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.products.reduction import Reduction
from gammapy_hli.engine.stats.significance import significance_cash, significance_wstat


def test_without_any_off_counts_the_significance_has_the_mean_alpha():
    run = {"n_on_safe": 5.0, "n_off_safe": 0.0, "background": 0.0}
    totals = Reduction.from_parts([], [{"name": "1", **run, "alpha": 0.1}, {"name": "2", **run, "alpha": 0.3}]).totals()
    assert totals["sqrt_ts"] == pytest.approx(float(significance_wstat(10.0, 0.0, 0.2)))


def test_a_known_background_has_the_significance_of_its_likelihood_ratio():
    facts = {"name": "1", "n_on_safe": 12.0, "background": 4.0}
    assert Reduction.from_parts([], [facts]).totals()["sqrt_ts"] == pytest.approx(float(significance_cash(12.0, 4.0)))


def test_nothing_to_compare_with_gives_no_significance():
    assert np.isnan(Reduction.from_parts([], [{"name": "1", "n_on_safe": 12.0}]).totals()["sqrt_ts"])


@pytest.mark.parametrize("meta", [{}, {"rounds": 2, "is_stable": True, "excluded_pixels": [0, 3, 3]}])
def test_exclusion_comes_back_bitwise(meta, tmp_path):
    geometry = WcsGeometry.create(SkyCoord(83.63, 22.01, unit="deg"), 1 * u.deg, 0.1 * u.deg)
    mask = np.ones(geometry.shape, dtype=bool)
    mask[2, 3:6] = False
    reduction = Reduction.from_parts([], [{"name": "1"}], SkyMap(geometry, (), mask, meta=meta))
    reduction.write(tmp_path)
    again = Reduction.read(tmp_path)
    assert again.exclusion.data.dtype == bool
    np.testing.assert_array_equal(again.exclusion.data, mask)
    assert again.exclusion.geometry.same_as(geometry)
    assert dict(again.exclusion.meta) == meta
    found = {"exclusion_rounds": 2} if meta else {}
    assert again.exclusion_numbers() == {"excluded_fraction": 0.03, **found}


def test_without_exclusion_there_is_no_file(tmp_path):
    Reduction.from_parts([], [{"name": "1"}]).write(tmp_path)
    assert not (tmp_path / "exclusion.fits").exists()
    assert Reduction.read(tmp_path).exclusion is None
