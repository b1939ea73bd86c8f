"""Maps of the energy dispersion."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.irf.edisp import EnergyDispersion
from gammapy_hli.engine.irf.edisp_map import EdispKernelMap, make_edisp_map

CENTER = SkyCoord(83.63, 22.01, unit="deg")
TRUE = Axis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=4, name="energy_true")
RECO = Axis.from_energy_bounds("0.05 TeV", "80 TeV", nbin=12)
OFFSET = Axis.from_nodes([0.0, 1.0, 2.0] * u.deg, "offset", "lin")
MIGRA = Axis.from_edges(np.linspace(0.2, 3, 141), name="migra", interp="lin")
COARSE = WcsGeometry.create(CENTER, 4 * u.deg, 0.2 * u.deg)


@pytest.fixture
def response():
    """Resolution of 10 % on axis, 20 % at 2 deg."""
    width = 0.1 + 0.05 * OFFSET.center.value
    density = np.exp(-0.5 * ((MIGRA.center.value[:, None] - 1) / width) ** 2)
    return EnergyDispersion(TRUE, MIGRA, OFFSET, np.tile(density, (4, 1, 1)) * u.one)


@pytest.fixture
def edisp_map(response):
    return make_edisp_map(response, CENTER, COARSE, TRUE, RECO)


def test_pixels_hold_the_kernel_of_their_offset(response, edisp_map):
    offset = COARSE.separation_from(CENTER) * u.rad
    np.testing.assert_allclose(edisp_map.data[:, :, 3, 7], response.kernel(TRUE, RECO, offset[3, 7]), atol=1e-7)


def test_rows_sum_to_one_inside_the_field_and_zero_outside(edisp_map):
    inside = COARSE.separation_from(CENTER) < np.deg2rad(OFFSET.edges[-1].value)
    sums = edisp_map.data.sum(axis=1)
    np.testing.assert_allclose(sums[:, inside], 1, atol=1e-5)
    assert not sums[:, ~inside].any()


def test_extrapolated_offsets_are_clipped_at_zero(response):
    data = response.data.value.copy()
    data[:, :20, 2] = 0.0
    data[:, :20, 1] = 0.1
    steep = EnergyDispersion(TRUE, MIGRA, OFFSET, data * u.one)
    kernel = steep.kernel(TRUE, RECO, [1.9, 2.4] * u.deg)
    assert kernel.min() == 0
    np.testing.assert_allclose(kernel.sum(axis=2), 1, atol=1e-5)


def test_position_takes_the_nearest_pixel_with_response(edisp_map):
    corner = CENTER.directional_offset_by(45 * u.deg, 2.75 * u.deg)
    assert edisp_map.at(corner).sum() == pytest.approx(4, abs=1e-4)
    far = CENTER.directional_offset_by(0 * u.deg, 9 * u.deg)
    assert edisp_map.at(far).sum() == pytest.approx(4, abs=1e-4)


@pytest.mark.parametrize("n", [4, 6])
def test_half_way_between_pixels_it_is_the_lower_one(n):
    """The middle of a map with an even number of pixels; scipy decides alike."""
    around = WcsGeometry.create(CENTER, n * 0.5 * u.deg, 0.5 * u.deg)
    empty = EdispKernelMap(around, TRUE, RECO, np.ones((4, 12, n, n)))
    assert empty.pixel_of(CENTER) == (n // 2 - 1, n // 2 - 1)


def test_map_without_response_gives_nothing():
    empty = EdispKernelMap(COARSE, TRUE, RECO, np.zeros((4, 12, *COARSE.shape)))
    assert not empty.at(CENTER).any()
