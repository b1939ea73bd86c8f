"""Regions kept as pixels of a plane."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import proj_plane_pixel_scales
from regions import (
    CirclePixelRegion,
    CircleSkyRegion,
    EllipseSkyRegion,
    PixCoord,
    RectanglePixelRegion,
    RectangleSkyRegion,
)

from gammapy_hli.engine.datasets.region_set import RegionSet
from gammapy_hli.engine.datasets.region_text import region_to_text
from gammapy_hli.engine.geom.tangent import TangentPlane

PLANE = TangentPlane(np.deg2rad(83.63), np.deg2rad(21.5), np.deg2rad(0.01), (228, 228))
CIRCLES = np.array([[88.286, 156.164, 11.0008], [10.0, 20.0, 5.0]])


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_circles_become_the_sky_regions_of_the_regions_package(frame):
    wcs = PLANE.to_wcs(frame)
    assert proj_plane_pixel_scales(wcs) == pytest.approx(0.01)
    for found, (x, y, radius) in zip(RegionSet(PLANE, frame, CIRCLES), CIRCLES, strict=True):
        expected = CirclePixelRegion(PixCoord(x, y), radius).to_sky(wcs)
        assert found.center.frame.name == frame
        assert found.center.separation(expected.center).to_value("arcsec") < 1e-6
        # regions 0.11 measures a pixel along the meridian, as we do; 0.12 takes the root of its area
        assert found.radius.to_value("deg") == pytest.approx(expected.radius.to_value("deg"), rel=1e-4)


def test_it_is_a_sequence():
    regions = RegionSet(PLANE, "icrs", CIRCLES)
    assert len(regions) == 2
    assert regions[1].radius == list(regions)[1].radius
    assert len(regions[:1]) == 1
    assert regions.centers().shape == (2,)
    assert regions.same_as(RegionSet(PLANE, "icrs", CIRCLES))
    assert not regions.same_as(regions[:1])


def test_other_shapes_go_through_the_regions_package():
    shape = RectanglePixelRegion(PixCoord(100, 120), 10, 20)
    regions = RegionSet(PLANE, "icrs", np.empty((0, 3)), (shape,))
    assert len(regions) == 1
    assert regions[0].width.to_value("deg") == pytest.approx(0.1, rel=1e-3)
    assert next(iter(regions)).center.separation(regions.centers()[0]).to_value("arcsec") < 1e-6


def test_circles_and_other_shapes_do_not_mix():
    with pytest.raises(ValueError, match="got 2 and 1"):
        RegionSet(PLANE, "icrs", CIRCLES, (RectanglePixelRegion(PixCoord(1, 1), 1, 1),))


def test_text_of_a_region_that_was_changed_is_that_of_the_change():
    region = CircleSkyRegion(SkyCoord(83.6, 22, unit="deg"), 0.1 * u.deg)
    before = region_to_text(region)
    assert region_to_text(region) == before
    region.radius = 0.2 * u.deg
    assert region_to_text(region) == before.replace("0.1 deg", "0.2 deg")
    box, ellipse = (kind(region.center, 1 * u.deg, 2 * u.deg) for kind in (RectangleSkyRegion, EllipseSkyRegion))
    assert "rectangle" in region_to_text(box)
    assert "ellipse" in region_to_text(ellipse)
