"""Maps of the point spread function and the kernels made from them."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.irf.psf_map import PsfMap, make_psf_map
from gammapy_hli.engine.irf.psf_parametric import Psf3Gauss

CENTER = SkyCoord(83.63, 22.01, unit="deg")
ENERGY = Axis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=3, name="energy_true")
OFFSET = Axis.from_nodes([0.0, 1.0, 2.0, 3.0] * u.deg, "offset", "lin")
COARSE = WcsGeometry.create(CENTER, 2 * u.deg, 0.2 * u.deg)
SIGMA = 0.05 + 0.02 * np.hypot(0.1, 0.1)  # deg, of the four pixels around the center
FINE = WcsGeometry.create(CENTER, 2 * u.deg, 0.02 * u.deg)


@pytest.fixture
def gauss_map():
    """Gaussian of 0.05 deg on axis that widens by 0.02 deg for each degree of offset."""
    sigma = 0.05 + 0.02 * np.tile(OFFSET.center.value, (3, 1))
    return make_psf_map(Psf3Gauss.from_sigma(ENERGY, OFFSET, sigma * u.deg), CENTER, COARSE, ENERGY)


def test_profiles_are_normalized(gauss_map):
    rings = 2 * np.pi * gauss_map.rad.center_value("rad") * gauss_map.rad.width.to_value("rad")
    np.testing.assert_allclose(np.einsum("ijkl,j->ikl", gauss_map.data, rings), 1, rtol=1e-5)


def test_containment_radius_of_a_gaussian(gauss_map):
    radius = gauss_map.containment_radius(0.68, CENTER)
    # in steps of 0.0005 deg
    np.testing.assert_allclose(radius.to_value("deg"), SIGMA * np.sqrt(-2 * np.log(0.32)), atol=1e-3)


def test_kernel_has_odd_size_sum_one_and_the_width_of_the_profile(gauss_map):
    kernel = gauss_map.kernel(CENTER, FINE)
    assert kernel.shape[1] == kernel.shape[2]
    assert kernel.shape[1] % 2 == 1
    np.testing.assert_allclose(kernel.sum(axis=(1, 2)), 1)
    x = (np.arange(kernel.shape[2]) - kernel.shape[2] // 2) * 0.02
    np.testing.assert_allclose((kernel.sum(axis=1) * x**2).sum(axis=1), SIGMA**2, rtol=0.05)


def test_kernel_is_widest_far_from_the_pointing(gauss_map):
    off = CENTER.directional_offset_by(0 * u.deg, 0.9 * u.deg)
    assert gauss_map.kernel(off, FINE).max() < gauss_map.kernel(CENTER, FINE).max()


def test_largest_radius_limits_the_kernel(gauss_map):
    assert gauss_map.kernel(CENTER, FINE, max_radius=0.1 * u.deg).shape == (3, 11, 11)


def test_position_without_response_takes_the_nearest_that_has_one(gauss_map):
    data = gauss_map.data.copy()
    data[..., :5] = 0
    half = PsfMap(COARSE, ENERGY, gauss_map.rad, data)
    lon, lat = COARSE.to_sky(1.0, 4.0)
    position = SkyCoord(float(lon), float(lat), unit="rad")
    np.testing.assert_allclose(half.at(position), data[:, :, 4, 5], rtol=1e-6)


def test_energies_without_response_have_empty_kernels(gauss_map):
    data = gauss_map.data.copy()
    data[1] = 0
    kernel = PsfMap(COARSE, ENERGY, gauss_map.rad, data).kernel(CENTER, FINE)
    assert kernel[1].sum() == 0
    np.testing.assert_allclose(kernel[[0, 2]].sum(axis=(1, 2)), 1)


def test_kernels_of_other_energies_lie_between_those_of_the_response(gauss_map):
    data = gauss_map.data * np.array([1.0, 2.0, 4.0], dtype=np.float32)[:, np.newaxis, np.newaxis, np.newaxis]
    own = PsfMap(COARSE, ENERGY, gauss_map.rad, data)
    halves = Axis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=6, name="energy_true")
    found = own.at(CENTER, halves)
    expected = np.interp(np.log(halves.center.value), np.log(ENERGY.center.value), [1, 2, 4])
    expected[[0, -1]] = 0.75, 4.5  # extrapolated
    np.testing.assert_allclose(found, expected[:, np.newaxis] * gauss_map.at(CENTER)[0], rtol=1e-4, atol=1e-6)
    kernel = gauss_map.kernel(CENTER, FINE, halves)  # the same Gaussian at all energies
    np.testing.assert_allclose(kernel, gauss_map.kernel(CENTER, FINE)[np.zeros(6, dtype=int)], rtol=1e-4, atol=1e-9)


def test_kernel_of_the_own_energies_is_the_same_with_them_named(gauss_map):
    same = Axis.from_energy_bounds("500 GeV", "20000 GeV", nbin=3, name="energy_true")
    np.testing.assert_array_equal(gauss_map.kernel(CENTER, FINE, same), gauss_map.kernel(CENTER, FINE))


def test_wrong_shape_is_refused(gauss_map):
    with pytest.raises(ValueError, match=r"got data of shape \(3, 66, 10, 9\), expected \(3, 66, 10, 10\)"):
        PsfMap(COARSE, ENERGY, gauss_map.rad, gauss_map.data[..., :9])
