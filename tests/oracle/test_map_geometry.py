"""Sky geometries against the numbers of gammapy 2.1 that record_map_geometry.py wrote down."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from regions import (
    CircleAnnulusSkyRegion,
    CircleSkyRegion,
    EllipseSkyRegion,
    PointSkyRegion,
    PolygonSkyRegion,
    RectangleSkyRegion,
)

from gammapy_hli.engine.geom.region_image import region_mask_on
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

REFERENCE = json.loads(Path(__file__).with_name("map_geometry.json").read_text())
NAMES = list(REFERENCE)
PIXEL = 1e-8  # allowed difference of positions, in pixels; rounding of wcslib is 1e-12


@pytest.fixture(params=NAMES)
def case(request):
    return case_of(request.param)


def case_of(name):
    reference = REFERENCE[name]
    lonlat, frame, projection, width, pixel = reference["case"]
    center = SkyCoord(*lonlat, unit="deg", frame=frame)
    return WcsGeometry.create(center, width * u.deg, pixel * u.deg, projection), reference


def assert_same(geometry, expected, scale):
    assert geometry.shape == tuple(expected["shape"])
    np.testing.assert_allclose(geometry.crpix, expected["crpix"], rtol=0, atol=PIXEL)
    np.testing.assert_allclose(geometry.cdelt, expected["cdelt"], rtol=1e-12)
    distance = (np.subtract(geometry.crval, expected["crval"]) + 180) % 360 - 180
    assert np.abs(distance).max() < PIXEL * scale


def picked(array, reference):
    return array[np.ix_(reference["rows"], reference["columns"])].ravel()


def test_pixels_and_directions(case):
    geometry, reference = case
    scale = min(np.abs(geometry.cdelt))
    assert_same(geometry, reference["geometry"], scale)
    lon, lat = (np.rad2deg(picked(_, reference)) for _ in geometry.lonlat())
    there = np.array(reference["lon"]), np.array(reference["lat"])
    np.testing.assert_array_equal(np.isfinite(lat), np.isfinite(there[1]))
    dlon = ((lon - there[0] + 180) % 360 - 180) * np.cos(np.deg2rad(there[1]))
    assert np.nanmax(np.abs(dlon)) < PIXEL * scale
    assert np.nanmax(np.abs(lat - there[1])) < PIXEL * scale


def test_solid_angles(case):
    geometry, reference = case
    area = geometry.solid_angle()
    assert np.isfinite(area).sum() == reference["n_finite"]
    # gammapy takes an angle of one of two triangles from another corner, where north differs: much so around a pole
    size = np.deg2rad(np.max(reference["case"][4]))
    there = np.array(reference["solid_angle"], dtype=float)
    turned = size / np.cos(np.deg2rad(np.array(reference["lat"], dtype=float)))
    ours = picked(area, reference)
    np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(there))
    known = np.isfinite(there)
    assert (np.abs(ours - there)[known] <= (3 * turned**2 * there + 1e-20)[known]).all()
    assert np.nansum(area) == pytest.approx(reference["solid_angle_sum"], rel=3 * turned[known].max() ** 2)


def test_separations(case):
    geometry, reference = case
    ours = picked(geometry.separation_from(geometry.center.icrs), reference)
    np.testing.assert_allclose(ours, reference["separation"], rtol=1e-10, atol=1e-12)
    own = picked(geometry.separation(geometry.center.spherical.lon, geometry.center.spherical.lat), reference)
    np.testing.assert_allclose(own, reference["separation"], rtol=1e-10, atol=1e-12)


def test_geometries_made_from_it(case):
    geometry, reference = case
    scale = min(np.abs(geometry.cdelt))
    assert_same(geometry.upsample(3), reference["upsample"], scale)
    assert_same(geometry.irf_geometry(0.2 * u.deg), reference["irf"], scale)
    for radius, expected in reference["odd"].items():
        assert_same(geometry.to_odd_npix(float(radius) * u.deg), expected, scale)


@pytest.mark.parametrize("name", ["middle", "odd", "edge", "wide", "small"])
def test_cutouts(case, name):
    geometry, reference = case
    expected = reference["cutouts"][name]
    options = {
        "middle": ((1, 1), False),
        "odd": ((1.2, 0.8), True),
        "edge": ((3, 3), False),
        "wide": ((50, 50), False),
        "small": ((0.001, 0.001), False),
    }
    width, odd = options[name]
    position = SkyCoord(expected["lon"], expected["lat"], unit="deg", frame=geometry.frame)
    cut = geometry.cutout(position, width * u.deg, odd=odd)
    assert_same(cut.geometry, expected, min(np.abs(geometry.cdelt)))
    np.testing.assert_array_equal(cut.geometry.lonlat()[1], geometry.lonlat()[1][cut.big])


def regions_of(geometry):
    center = geometry.center
    there = center.directional_offset_by(70 * u.deg, 0.8 * u.deg)
    around = [center.directional_offset_by(a * u.deg, 1.1 * u.deg) for a in (10, 130, 250)]
    return {
        "circle": CircleSkyRegion(there, 0.5 * u.deg),
        "annulus": CircleAnnulusSkyRegion(there, 0.3 * u.deg, 0.9 * u.deg),
        "ellipse": EllipseSkyRegion(there, 1.2 * u.deg, 0.6 * u.deg, 35 * u.deg),
        "rectangle": RectangleSkyRegion(there, 1.2 * u.deg, 0.6 * u.deg, 20 * u.deg),
        "polygon": PolygonSkyRegion(SkyCoord(around)),
        "point": PointSkyRegion(there),
    }


@pytest.mark.parametrize("name", ["circle", "annulus", "ellipse", "rectangle", "polygon", "point"])
@pytest.mark.parametrize("map_name", [_ for _ in NAMES if "regions" in REFERENCE[_]])
def test_region_masks(map_name, name):
    geometry, reference = case_of(map_name)
    expected = reference["regions"][name]
    mask = region_mask_on(geometry, regions_of(geometry)[name])
    assert mask.sum() == expected["n"]
    assert hashlib.sha256(np.packbits(mask.ravel()).tobytes()).hexdigest() == expected["mask"]
    np.testing.assert_array_equal(region_mask_on(geometry, regions_of(geometry)[name], inside=False), ~mask)
