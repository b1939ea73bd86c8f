"""Region masks on maps, and exclusion masks looked up on a geometry."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region_image import region_mask_on
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

CRAB = SkyCoord(83.63, 22.01, unit="deg")
CIRCLE = "icrs;circle(83.63,22.01,0.5)"
SHAPES = {
    "circle": (CIRCLE, np.pi * 0.25),
    "annulus": ("icrs;annulus(83.63,22.01,0.3,0.8)", np.pi * (0.64 - 0.09)),
    "ellipse": ("icrs;ellipse(83.63,22.01,0.9,0.4,30)", np.pi * 0.36),
    "box": ("icrs;box(83.63,22.01,1.2,0.6,20)", 0.72),
    "polygon": ("icrs;polygon(84,21.5,83,21.5,83.5,22.5)", 0.5 * np.cos(np.deg2rad(21.5))),
}


@pytest.fixture(scope="module", params=["CAR", "TAN", "ZEA"])
def geometry(request):
    return WcsGeometry.create(CRAB, (4, 3) * u.deg, 0.02 * u.deg, request.param)


@pytest.mark.parametrize("name", SHAPES)
def test_area_of_the_mask_is_that_of_the_region(geometry, name):
    region, area = SHAPES[name]
    mask = region_mask_on(geometry, region)
    assert mask.sum() * 0.02**2 == pytest.approx(area, rel=0.03)  # pixels on the rim
    np.testing.assert_array_equal(region_mask_on(geometry, region, inside=False), ~mask)


def test_a_circle_holds_the_pixels_within_its_radius(geometry):
    near = geometry.separation_from(CRAB) < np.deg2rad(0.5)
    assert (region_mask_on(geometry, CIRCLE) != near).sum() <= 8  # pixels on the rim: the scale varies by 1e-4


def test_several_regions_are_joined(geometry):
    both = region_mask_on(geometry, [CIRCLE, SHAPES["polygon"][0]])
    np.testing.assert_array_equal(
        both, region_mask_on(geometry, CIRCLE) | region_mask_on(geometry, SHAPES["polygon"][0])
    )


def test_a_point_covers_its_neighbors(geometry):
    assert region_mask_on(geometry, "icrs;point(83.63,22.01)").sum() in (1, 2, 4)
    assert region_mask_on(geometry, "icrs;point(90,22.01)").sum() == 0


def test_a_region_elsewhere_covers_nothing(geometry):
    assert not region_mask_on(geometry, "icrs;circle(90,22.01,0.5)").any()


def test_a_region_that_the_projection_cannot_show_is_named():
    tangent = WcsGeometry.create(CRAB, 1 * u.deg, 0.1 * u.deg, "SIN")
    with pytest.raises(ValueError, match=r"region at \(263\.6300, -22\.0000\) deg|region at \(263\.63"):
        region_mask_on(tangent, "icrs;circle(263.63,-22,0.5)")


# -- exclusion on a geometry -----------------------------------------------------------------------------------------


def test_mask_on_its_own_geometry_is_itself(geometry):
    mask = ExclusionMask.from_regions_on(CIRCLE, geometry)
    np.testing.assert_array_equal(mask.on(geometry), mask.data)
    np.testing.assert_array_equal(mask.data, ~region_mask_on(geometry, CIRCLE))


def test_mask_on_a_cutout_is_cut_out_and_true_outside(geometry):
    mask = ExclusionMask.from_regions_on(CIRCLE, geometry)
    cut = geometry.cutout(CRAB.spherical_offsets_by(0.3 * u.deg, 0 * u.deg), 1 * u.deg)
    np.testing.assert_array_equal(mask.on(cut.geometry), mask.data[cut.big])
    wider = mask.on(geometry.pad(10))
    np.testing.assert_array_equal(wider[10:-10, 10:-10], mask.data)
    assert wider[:10].all()


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
@pytest.mark.parametrize("projection", ["CAR", "TAN", "AIT"])
def test_mask_on_another_grid_is_that_of_the_nearest_pixel(frame, projection):
    mask = ExclusionMask.from_regions(CIRCLE, CRAB, 0.05 * u.deg, 3 * u.deg)
    target = WcsGeometry.create(CRAB, (4, 2) * u.deg, 0.0713 * u.deg, projection, frame)
    on = mask.on(target)
    np.testing.assert_array_equal(on, mask.is_allowed(*target.icrs()))
    assert (~on).sum() * 0.0713**2 == pytest.approx(np.pi * 0.25, rel=0.05)


def test_pixels_off_the_sphere_are_allowed():
    whole = WcsGeometry.create(SkyCoord(0, 0, unit="deg"), (360, 180) * u.deg, 2 * u.deg, "AIT")
    on = ExclusionMask.from_regions("icrs;circle(0,0,20)", SkyCoord(0, 0, unit="deg"), 0.5 * u.deg, 50 * u.deg).on(
        whole
    )
    assert on[0, 0]
    assert not on[45, 90]


def test_a_point_cannot_be_excluded(geometry):
    with pytest.raises(ValueError, match="a point excludes nothing"):
        ExclusionMask.from_regions_on("icrs;point(83.63,22.01)", geometry)
