"""Wobble positions: where they are, which are left out, what they count."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.reduce.spectrum import reduce_observation
from gammapy_hli.engine.reduce.wobble import WobbleRegions, find_wobble_regions, have_overlap

CIRCLE = parse_region("icrs;circle(83.63,22.01,0.11)")
POINT = parse_region({"point": {"center": "83.63 deg, 22.01 deg"}})
POINTING = SkyCoord(83.63, 21.51, unit="deg")


def exclude(center, radius, pixel=0.005):
    text = f"icrs;circle({center.ra.deg},{center.dec.deg},{radius})"
    return ExclusionMask.from_regions([text], center, pixel * u.deg, 1 * u.deg)


@given(n_off=st.integers(1, 12), ra=st.floats(0, 360), dec=st.floats(-80, 80), offset=st.floats(0.3, 2))
def test_positions_lie_on_the_circle_at_equal_angles(n_off, ra, dec, offset):
    pointing = SkyCoord(ra, dec, unit="deg")
    source = pointing.directional_offset_by(40 * u.deg, offset * u.deg)
    region = parse_region({"point": {"center": source}})
    centers = SkyCoord(*find_wobble_regions(region, pointing, n_off).centers(), unit="rad")
    assert centers.separation(pointing).deg == pytest.approx(offset, rel=1e-9)
    turned = (pointing.position_angle(centers) - pointing.position_angle(source)).wrap_at(360 * u.deg).deg
    expected = np.arange(1, n_off + 1) * 360 / (n_off + 1)
    assert turned == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("region", [POINT, CIRCLE], ids=["point", "circle"])
def test_one_position_is_on_the_other_side_of_the_pointing(region):
    (center,) = SkyCoord(*find_wobble_regions(region, POINTING, 1).centers(), unit="rad")
    assert center.separation(SkyCoord(83.63, 21.01, unit="deg")).deg < 1e-9


def test_off_regions_are_of_the_kind_of_the_on_region():
    points = find_wobble_regions(POINT, POINTING, 3).regions()
    assert [type(region).__name__ for region in points] == ["PointSkyRegion"] * 3
    circles = list(find_wobble_regions(CIRCLE, POINTING, 3).regions())
    assert [region.radius.to_value("deg") for region in circles] == pytest.approx([0.11] * 3, rel=1e-4)


@pytest.mark.parametrize(("distance", "is_excluded"), [(0.0, True), (0.02, False)])
def test_a_point_is_left_out_where_excluded_sky_is_within_a_pixel(distance, is_excluded):
    center = SkyCoord(*find_wobble_regions(POINT, POINTING, 3).centers(), unit="rad")[1]
    mask = exclude(
        center.directional_offset_by(30 * u.deg, distance * u.deg), 0.008, pixel=0.001
    )  # holds one pixel center of 0.01 deg
    found = find_wobble_regions(POINT, POINTING, 3, mask)
    assert len(found.angles) == (2 if is_excluded else 3)


@pytest.mark.parametrize(("distance", "is_excluded"), [(0.0, True), (0.1, True), (0.15, False)])
def test_a_circle_is_left_out_where_it_holds_excluded_sky(distance, is_excluded):
    center = SkyCoord(*find_wobble_regions(CIRCLE, POINTING, 3).centers(), unit="rad")[1]
    mask = exclude(center.directional_offset_by(30 * u.deg, distance * u.deg), 0.02)
    assert len(find_wobble_regions(CIRCLE, POINTING, 3, mask).angles) == (2 if is_excluded else 3)


@pytest.mark.parametrize(("n_off", "overlaps"), [(1, False), (13, False), (14, True)])
def test_regions_overlap_where_they_share_pixels(n_off, overlaps):
    """15 circles of radius 0.11 deg at a distance of 0.5 deg are 0.208 deg apart, 14 of them 0.2225 deg."""
    assert have_overlap(find_wobble_regions(CIRCLE, POINTING, n_off)) is overlaps


def test_counts_are_those_of_the_off_regions(make_observation, plan):
    centers = SkyCoord(*find_wobble_regions(CIRCLE, POINTING, 3).centers(), unit="rad")
    ra = [83.63, *centers.ra.deg, centers[0].ra.deg]
    dec = [22.01, *centers.dec.deg, centers[0].dec.deg + 0.12]
    observation = make_observation(ra, dec, [2.0, 2.0, 2.0, 5.0, 2.0])
    dataset = reduce_observation(observation, replace(plan, background=WobbleRegions(3)))
    assert list(dataset.counts) == [1, 0]
    assert list(dataset.counts_off) == [2, 1]
    assert list(dataset.acceptance) == [1, 1]
    assert list(dataset.acceptance_off) == [3, 3]
    assert len(dataset.regions_off) == 3


def test_excluded_positions_lower_the_acceptance(make_observation, plan):
    center = SkyCoord(*find_wobble_regions(CIRCLE, POINTING, 3).centers(), unit="rad")[1]
    plan = replace(plan, background=WobbleRegions(3), exclusion=exclude(center, 0.05))
    assert list(reduce_observation(make_observation(), plan).acceptance_off) == [2, 2]


def test_overlap_is_a_reason(make_observation, plan):
    with pytest.raises(ItemError, match=r"no off region: the on region and 20 off positions 0\.50 deg .* take fewer"):
        reduce_observation(make_observation(), replace(plan, background=WobbleRegions(20)))


def test_overlap_with_the_on_region_counts(make_observation, plan):
    near = SkyCoord(83.63, 21.95, unit="deg")
    with pytest.raises(ItemError, match=r"the on region and 1 off positions 0\.06 deg"):
        reduce_observation(make_observation(pointing=near), replace(plan, background=WobbleRegions(1)))


def test_everything_excluded_is_a_reason(make_observation, plan):
    mask = ExclusionMask.from_regions(["icrs;circle(83.63,21.51,2)"], POINTING, width=5 * u.deg)
    plan = replace(plan, background=WobbleRegions(3), exclusion=mask)
    with pytest.raises(ItemError, match=r"no off region: all 3 positions 0\.50 deg from the pointing touch"):
        reduce_observation(make_observation(), plan)


def test_at_least_one_position():
    with pytest.raises(ValueError, match="n_off is 0; expected 1 or more"):
        WobbleRegions(0)
