"""TangentPlane equals the FITS projection TAN as wcslib computes it."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.geom.tangent import TangentPlane

CENTERS = [(0.0, 0.0), (83.633, 22.014), (228.3, -59.1), (10.0, 89.9), (0.001, -90.0)]


@pytest.mark.parametrize(("lon", "lat"), CENTERS)
def test_pixels_equal_wcslib(lon, lat):
    plane = TangentPlane(np.deg2rad(lon), np.deg2rad(lat), np.deg2rad(0.02), (200, 300))
    wcs = plane.to_wcs()
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-50, 350, 200), rng.uniform(-50, 250, 200)
    expected = wcs.wcs_pix2world(x, y, 0)
    got = plane.to_sky(x, y)
    np.testing.assert_allclose(np.rad2deg(got[1]), expected[1], atol=1e-11)
    # back to pixels, which is free of the degeneracy of longitude at the poles
    np.testing.assert_allclose(plane.to_pixel(*got), [x, y], atol=1e-9 if abs(lat) < 89 else 1e-8)
    np.testing.assert_allclose(plane.to_pixel(*np.deg2rad(expected)), wcs.wcs_world2pix(*expected, 0), atol=1e-9)


def test_pixels_of_a_wobble_field_equal_wcslib_to_1e_10():
    plane = TangentPlane.from_center(SkyCoord(83.63, 22.51, unit="deg"), 0.02 * u.deg, 5 * u.deg)
    rng = np.random.default_rng(2)
    lon, lat = rng.uniform(81, 86, 500), rng.uniform(20, 25, 500)
    np.testing.assert_allclose(
        plane.to_pixel(np.deg2rad(lon), np.deg2rad(lat)), plane.to_wcs().wcs_world2pix(lon, lat, 0), atol=1e-10
    )


def test_reference_direction_is_in_the_middle():
    plane = TangentPlane(1.0, 0.5, 0.001, (10, 21))
    assert plane.to_pixel(1.0, 0.5) == pytest.approx((10.0, 4.5))


def test_directions_behind_the_plane_are_nan():
    x, _ = TangentPlane(0.0, 0.0, 0.001).to_pixel(np.pi, 0.0)
    assert np.isnan(x)


def test_number_of_pixels_is_rounded():
    assert TangentPlane.from_center(SkyCoord(0, 0, unit="deg"), 0.05 * u.deg, (7.5, 3.02) * u.deg).shape == (60, 150)


def test_sky_grid_has_the_shape_of_the_image():
    lon, lat = TangentPlane(1.0, 0.5, 0.001, (3, 4)).sky_grid()
    assert lon.shape == lat.shape == (3, 4)
    assert lon[0, 0] > lon[0, -1]
    assert lat[0, 0] < lat[-1, 0]
