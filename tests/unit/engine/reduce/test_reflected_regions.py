"""Off regions: where they are, how many, what they count."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import EllipseSkyRegion, RectangleSkyRegion

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.reduce.reflected import ReflectedRegions, find_reflected_regions
from gammapy_hli.engine.reduce.spectrum import reduce_observation

ON = parse_region("icrs;circle(83.63,22.01,0.11)")
POINTING = SkyCoord(83.63, 21.51, unit="deg")


def exclude(text, center=ON.center, pixel=0.02):
    return ExclusionMask.from_regions([text], center, pixel * u.deg, 6 * u.deg)


def test_off_regions_are_copies_at_the_same_distance():
    found = find_reflected_regions(ON, POINTING)
    centers = found.regions().centers()
    assert len(found.angles) == 12
    # the tangent plane keeps distances from its center to 1e-10
    assert centers.separation(POINTING).deg == pytest.approx(ON.center.separation(POINTING).deg, rel=1e-9)
    for region in found.regions():
        assert region.radius.to_value("deg") == pytest.approx(0.11, rel=1e-4)


def test_off_regions_do_not_overlap_nor_touch_the_on_region():
    centers = find_reflected_regions(ON, POINTING).regions().centers()
    assert min(centers.separation(ON.center).deg) > 0.22
    apart = centers[:, None].separation(centers[None, :]).deg + np.eye(len(centers))
    assert apart.min() > 0.215  # the angular size is that of the pixels inside, up to 0.01 deg less than the diameter


def test_an_excluded_pixel_keeps_regions_away():
    center = find_reflected_regions(ON, POINTING).regions().centers()[5]
    mask = exclude(f"icrs;circle({center.ra.deg},{center.dec.deg},0.05)")
    found = find_reflected_regions(ON, POINTING, mask)
    assert found.n_tried > len(found.angles) > 0
    assert min(found.regions().centers().separation(center).deg) > 0.11 + 0.05 - 0.02


def test_exclusion_elsewhere_changes_nothing():
    mask = exclude("icrs;circle(86,22,0.5)")
    assert np.array_equal(
        find_reflected_regions(ON, POINTING, mask).angles, find_reflected_regions(ON, POINTING).angles
    )


@pytest.mark.parametrize("offset", [0.15, 0.4, 0.7, 1.1])
@pytest.mark.parametrize("seed", range(3))
def test_excluded_pixels_are_those_of_the_whole_plane(offset, seed):
    """The search looks at the ring near excluded pixels only; asking the mask for every pixel gives the same."""
    rng = np.random.default_rng(seed)
    pointing = SkyCoord(83.63, 22.01 - offset, unit="deg")
    ra, dec = 83.63 + rng.uniform(-1, 1, 4), pointing.dec.deg + rng.uniform(-1, 1, 4)
    mask = ExclusionMask.from_regions(
        [f"icrs;circle({x},{y},{r})" for x, y, r in zip(ra, dec, rng.uniform(0.03, 0.3, 4), strict=True)],
        pointing, 0.05 * u.deg, 3 * u.deg,
    )  # fmt: skip
    found = find_reflected_regions(ON, pointing, mask)
    x, y = found.plane.pixel_grid()
    excluded = ~mask.is_allowed(*found.plane.to_sky(x, y))
    angle, step, angles = found.shape.angular_size() + 0.1, found.shape.angular_size(), []
    while angle < 2 * np.pi - step - 0.1:
        is_free = not found.shape.contains_turned(x[excluded], y[excluded], angle).any()
        angles += [angle] if is_free else []
        angle += step if is_free else 0.1
    assert np.allclose(found.angles, angles, rtol=1e-14)


@pytest.mark.parametrize(
    ("options", "n_regions"),
    [
        ({"max_regions": 3}, 3),
        ({"min_distance": 0.5 * u.rad}, 5),
        ({"min_distance_input": 1 * u.rad}, 8),
        ({"min_distance_input": 0 * u.rad}, 13),
    ],
)
def test_options_thin_the_regions_out(options, n_regions):
    assert len(find_reflected_regions(ON, POINTING, options=ReflectedRegions(**options)).angles) == n_regions


# recorded with gammapy 2.1, ReflectedRegionsFinder(min_distance_input="0 deg"), pointing at (0, 0)
@pytest.mark.parametrize(
    ("kind", "width", "height", "angle", "n_regions"),
    [
        (RectangleSkyRegion, 0.5, 0.5, 0, 3),
        (RectangleSkyRegion, 0.5, 1, 0, 1),
        (RectangleSkyRegion, 0.5, 1, 90, 1),
        (EllipseSkyRegion, 0.1, 1, 0, 2),
        (EllipseSkyRegion, 0.1, 1, 60, 3),
        (EllipseSkyRegion, 0.1, 1, 90, 2),
    ],
)
def test_other_shapes_as_in_gammapy(kind, width, height, angle, n_regions):
    region = kind(SkyCoord(0.5, 0, unit="deg"), width * u.deg, height * u.deg, angle=angle * u.deg)
    options = ReflectedRegions(min_distance_input=0 * u.deg)
    found = find_reflected_regions(region, SkyCoord(0, 0, unit="deg"), options=options)
    assert len(found.angles) == n_regions
    assert len(found.regions()) == n_regions


def test_turned_shape_contains_the_turned_points():
    region = EllipseSkyRegion(SkyCoord(0.5, 0, unit="deg"), 0.1 * u.deg, 0.4 * u.deg, angle=20 * u.deg)
    found = find_reflected_regions(region, SkyCoord(0, 0, unit="deg"))
    rng = np.random.default_rng(3)
    ra, dec = rng.uniform(-0.8, 0.8, (2, 4000))
    sky = SkyCoord(ra, dec, unit="deg")
    wcs = found.plane.to_wcs("icrs")
    expected = np.any([region.contains(sky, wcs) for region in found.regions()], axis=0)
    inside = found.is_inside(np.deg2rad(ra), np.deg2rad(dec))
    assert np.array_equal(inside, expected)
    assert inside.sum() > 50


def test_region_in_galactic_coordinates_finds_the_same_number():
    galactic = parse_region({"circle": {"center": ON.center.galactic, "radius": "0.11 deg"}})
    found = find_reflected_regions(galactic, POINTING)
    assert len(found.angles) == 12
    assert found.regions()[0].center.frame.name == "galactic"


def test_counts_are_those_inside_the_off_regions(make_observation, plan):
    centers = find_reflected_regions(ON, POINTING).regions().centers()
    ra = [83.63, 83.63, *centers.ra.deg, centers[0].ra.deg, 84.9]
    dec = [22.01, 22.05, *centers.dec.deg, centers[0].dec.deg + 0.12, 22.9]
    energy = [2.0, 5.0, *[2.0] * 6, *[5.0] * 6, 2.0, 2.0]
    dataset = reduce_observation(make_observation(ra, dec, energy), replace(plan, background=ReflectedRegions()))
    assert list(dataset.counts) == [1, 1]
    assert list(dataset.counts_off) == [6, 6]
    assert list(dataset.acceptance) == [1, 1]
    assert list(dataset.acceptance_off) == [12, 12]
    assert len(dataset.regions_off) == 12


def test_pointing_inside_the_on_region_is_a_reason(make_observation, plan):
    pointing = SkyCoord(83.63, 22.0, unit="deg")
    with pytest.raises(
        ItemError, match=r"no off region: the on region is 0\.01 deg from the pointing and covers 3[56]"
    ):
        reduce_observation(make_observation(pointing=pointing), replace(plan, background=ReflectedRegions()))


def test_everything_excluded_is_a_reason(make_observation, plan):
    mask = exclude("icrs;circle(83.63,21.51,2)")
    with pytest.raises(ItemError, match=r"no off region: all \d+ positions 0\.50 deg from the pointing"):
        reduce_observation(make_observation(), replace(plan, background=ReflectedRegions(), exclusion=mask))


@pytest.mark.parametrize(("option", "value"), [("angle_increment", 0 * u.rad), ("max_regions", 0)])
def test_options_without_sense_are_refused(option, value):
    with pytest.raises(ValueError, match=f"{option} is 0"):
        ReflectedRegions(**{option: value})
