"""Angles on the sphere against astropy and against closed forms."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.geom import sphere

RNG = np.random.default_rng(42)
LON, LAT = RNG.uniform(0, 2 * np.pi, 50), np.arcsin(RNG.uniform(-1, 1, 50))
SKY = SkyCoord(LON, LAT, unit="rad")


def test_separation_and_position_angle_equal_astropy():
    other = SkyCoord(1.0, 0.3, unit="rad")
    np.testing.assert_allclose(sphere.separation(1.0, 0.3, LON, LAT), other.separation(SKY).rad, rtol=1e-13)
    np.testing.assert_allclose(sphere.position_angle(1.0, 0.3, LON, LAT), other.position_angle(SKY).rad, atol=1e-12)


@pytest.mark.parametrize("angle", [1e-12, 1e-6, 1.0, np.pi - 1e-7])
def test_separation_is_exact_at_all_scales(angle):
    assert sphere.separation(0.0, 0.0, angle, 0.0) == pytest.approx(angle, rel=1e-12)


def test_offset_by_goes_the_distance_in_the_direction():
    lon, lat = sphere.offset_by(LON, LAT, 0.7, 0.2)
    np.testing.assert_allclose(sphere.separation(LON, LAT, lon, lat), 0.2, rtol=1e-12)
    np.testing.assert_allclose(sphere.position_angle(LON, LAT, lon, lat), 0.7, rtol=1e-9)


def test_sky_offset_equals_astropy_frame():
    frame = SkyCoord(83.6, 22.0, unit="deg").skyoffset_frame()
    expected = SKY.transform_to(frame)
    lon, lat = sphere.to_sky_offset(LON, LAT, 83.6 * u.deg, 22.0 * u.deg)
    np.testing.assert_allclose(lon, expected.lon.wrap_at("180d").rad, atol=1e-12)
    np.testing.assert_allclose(lat, expected.lat.rad, atol=1e-12)


def test_fov_longitude_grows_to_the_west():
    fov_lon, fov_lat = sphere.to_fov(np.deg2rad(84), np.deg2rad(22), np.deg2rad(83), np.deg2rad(22))
    assert fov_lon < 0
    assert abs(fov_lat) < 1e-3


def test_fov_coordinates_go_back_to_the_sky():
    lon, lat = sphere.from_fov(*sphere.to_fov(LON, LAT, 1.2, -0.4), 1.2, -0.4)
    np.testing.assert_allclose(sphere.separation(lon, lat, LON, LAT), 0, atol=1e-14)


@pytest.mark.parametrize("frame", ["icrs", "fk5", "galactic"])
def test_frames_equal_astropy_and_go_back(frame):
    expected = SKY.transform_to(frame).spherical
    lon, lat = sphere.from_icrs(LON, LAT, frame)
    np.testing.assert_allclose(sphere.separation(lon, lat, expected.lon.rad, expected.lat.rad), 0, atol=1e-14)
    back = sphere.to_icrs(lon, lat, frame)
    np.testing.assert_allclose(sphere.separation(*back, LON, LAT), 0, atol=1e-14)


def test_other_frames_are_refused():
    with pytest.raises(ValueError, match="'fk4' is not supported"):
        sphere.from_icrs(0.0, 0.0, "fk4")


def test_degrees_are_taken_from_quantities():
    assert sphere.separation(0 * u.deg, 0 * u.deg, 1 * u.deg, 0 * u.deg) == pytest.approx(np.deg2rad(1), rel=1e-14)
