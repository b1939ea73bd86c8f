"""Points and circles with point-like responses: what they count, and what does not fit."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.datasets.datasets import Datasets
from gammapy_hli.engine.datasets.datasets_yaml import read_datasets, write_datasets
from gammapy_hli.engine.datasets.ogip import read_ogip, write_ogip
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.irf.rad_max import RadMax
from gammapy_hli.engine.reduce.point_region import rad_max_radii
from gammapy_hli.engine.reduce.reflected import ReflectedRegions
from gammapy_hli.engine.reduce.response_background import ResponseBackground
from gammapy_hli.engine.reduce.spectrum import reduce_observation
from gammapy_hli.engine.reduce.wobble import WobbleRegions

POINT = parse_region({"point": {"center": "83.63 deg, 22.01 deg"}})
#: RAD_MAX of bins 1-2, 2-4, 4-8, 8-16 TeV, the same at all offsets.
RADII = (0.3, 0.2, 0.1, 0.05)


def rad_max(radii=RADII, offset_edges=(0, 1, 2)):
    energy = Axis.from_energy_bounds("1 TeV", "16 TeV", nbin=len(radii))
    offset = Axis.from_edges(np.array(offset_edges) * u.deg, name="offset", interp="lin")
    return RadMax(energy, offset, np.repeat(np.array(radii)[:, None], offset.nbin, axis=1) * u.deg)


@pytest.fixture
def make_point_like(make_observation, responses):
    """Maker of an observation with point-like responses: a RAD_MAX table, or a keyword of this radius [deg]."""

    def make(*events, table=None, radius=None, **changes):
        keyword = None if radius is None else radius * u.deg
        aeff = replace(responses["aeff"], is_pointlike=True, rad_max=keyword)
        return make_observation(*events, aeff=aeff, rad_max=table, **changes)

    return make


@pytest.fixture
def point_plan(plan):
    """A point as on region, bins 1-2, 2-4, 4-8, 8-16 TeV."""
    return replace(plan, on_region=POINT, energy=Axis.from_energy_bounds("1 TeV", "16 TeV", nbin=4))


def test_events_count_within_the_radius_of_their_energy(make_point_like, point_plan):
    dec = [22.01 + distance for distance in (0.29, 0.31, 0.19, 0.21, 0.09, 0.11, 0.049, 0.051)]
    observation = make_point_like([83.63] * 8, dec, [1.5, 1.5, 3, 3, 6, 6, 12, 12], table=rad_max())
    assert list(reduce_observation(observation, point_plan).counts) == [1, 1, 1, 1]


def test_radius_is_that_of_the_nearest_bin_not_of_the_bin_of_the_spectrum(make_point_like, point_plan):
    one_bin = replace(point_plan, energy=Axis.from_energy_bounds("1 TeV", "16 TeV", nbin=1))
    dec = [22.01 + 0.25, 22.01 + 0.25]
    observation = make_point_like([83.63] * 2, dec, [1.9, 2.1], table=rad_max())
    assert list(reduce_observation(observation, one_bin).counts) == [1]


def test_radius_is_that_at_the_offset_of_the_region(make_point_like, point_plan):
    values = np.array([[0.1, 0.3]] * 4) * u.deg
    table = replace(rad_max(), data=values)
    dec = [22.01 + 0.2]
    near = make_point_like([83.63], dec, [1.5], table=table, pointing=SkyCoord(83.63, 21.51, unit="deg"))
    far = make_point_like([83.63], dec, [1.5], table=table, pointing=SkyCoord(83.63, 20.61, unit="deg"))
    assert reduce_observation(near, point_plan).counts.sum() == 0
    assert reduce_observation(far, point_plan).counts.sum() == 1


def test_a_keyword_is_a_radius_for_all_energies(make_point_like, point_plan):
    observation = make_point_like([83.63] * 3, [22.10, 22.12, 22.13], [1.5, 12, 12], radius=0.115)
    assert list(reduce_observation(observation, point_plan).counts) == [1, 0, 0, 1]


def test_a_keyword_of_the_energy_dispersion_serves_too(make_observation, responses, point_plan):
    observation = make_observation(
        aeff=replace(responses["aeff"], is_pointlike=True),
        edisp=replace(responses["edisp"], is_pointlike=True, rad_max=0.2 * u.deg),
    )
    assert reduce_observation(observation, point_plan).counts.sum() == 1


def test_a_table_comes_before_a_keyword(make_point_like, point_plan):
    observation = make_point_like([83.63], [22.01 + 0.25], [1.5], table=rad_max(), radius=0.1)
    assert reduce_observation(observation, point_plan).counts.sum() == 1


def test_exposure_is_not_corrected(make_point_like, point_plan):
    dataset = reduce_observation(make_point_like(table=rad_max()), point_plan)
    assert dataset.exposure.value == pytest.approx(9e7, rel=1e-12)


@pytest.mark.parametrize("background", [WobbleRegions(3), ReflectedRegions()], ids=["wobble", "reflected"])
@pytest.mark.parametrize("table", [True, False], ids=["table", "keyword"])
def test_off_counts_are_within_the_radius_of_their_energy(make_point_like, point_plan, background, table):
    kind = {"table": rad_max((0.2, 0.15, 0.1, 0.05))} if table else {"radius": 0.2}
    plan = replace(point_plan, background=background)
    centers = [region.center for region in reduce_observation(make_point_like(**kind), plan).regions_off]
    ra, dec = [83.63], [22.01]
    for center in centers:
        for distance in (0.12, 0.12):
            off = center.directional_offset_by(10 * u.deg, distance * u.deg)
            ra.append(off.ra.deg)
            dec.append(off.dec.deg)
    dataset = reduce_observation(make_point_like(ra, dec, [1.5, *[1.5, 6.0] * len(centers)], **kind), plan)
    n = len(centers)
    assert n >= 3
    assert list(dataset.counts_off) == [n, 0, 0 if table else n, 0]
    assert list(dataset.acceptance_off) == [n] * 4


def test_reflected_points_are_where_circles_of_the_radius_are(make_point_like, point_plan):
    plan = replace(point_plan, background=ReflectedRegions())
    observation = make_point_like(radius=0.11)
    points = reduce_observation(observation, plan).regions_off
    circles = reduce_observation(observation, replace(plan, on_region=parse_region("icrs;circle(83.63,22.01,0.11)")))
    assert len(points) == len(circles.regions_off) == 12
    assert points.centers().separation(circles.regions_off.centers()).deg.max() < 1e-9


def test_reflected_points_keep_the_largest_radius_apart(make_point_like, point_plan):
    plan = replace(point_plan, background=ReflectedRegions())
    centers = reduce_observation(make_point_like(table=rad_max((0.2, 0.1, 0.1, 0.1))), plan).regions_off.centers()
    apart = centers[:, None].separation(centers[None, :]).deg + 9 * np.eye(len(centers))
    assert apart.min() > 0.39


def test_overlap_of_positions_is_a_reason(make_point_like, point_plan):
    plan = replace(point_plan, background=WobbleRegions(5))
    with pytest.raises(ItemError, match=r"5 off positions 0\.50 deg .*0\.500 deg apart, RAD_MAX up to 0\.300 deg"):
        reduce_observation(make_point_like(table=rad_max()), plan)


def test_overlap_outside_of_the_energies_does_not_matter(make_point_like, point_plan):
    plan = replace(point_plan, background=WobbleRegions(5), energy=Axis.from_energy_bounds("2.1 TeV", "16 TeV", nbin=3))
    assert list(reduce_observation(make_point_like(table=rad_max()), plan).acceptance_off) == [5, 5, 5]


def test_radii_of_touched_bins_only():
    found = rad_max_radii(rad_max(), 0.5 * u.deg, Axis.from_energy_bounds("2.5 TeV", "5 TeV", nbin=1))
    assert found.to_value("deg") == pytest.approx([0.2, 0.1])


@pytest.mark.parametrize("factor", [0.9991, 1.0009])
def test_a_circle_of_the_fixed_radius_is_used(make_point_like, plan, factor):
    circle = replace(plan, on_region=parse_region(f"icrs;circle(83.63,22.01,{0.11 * factor})"))
    flat = rad_max((0.11,) * 4)
    assert reduce_observation(make_point_like(table=flat), circle).counts.sum() == 1


@pytest.mark.parametrize("factor", [0.9989, 1.0011])
def test_a_circle_of_another_radius_is_a_reason(make_point_like, plan, factor):
    circle = replace(plan, on_region=parse_region(f"icrs;circle(83.63,22.01,{0.11 * factor})"))
    with pytest.raises(ItemError, match=r"made for a radius of 0\.11 deg"):
        reduce_observation(make_point_like(radius=0.11), circle)


BOX = parse_region({"rectangle": {"center": "83.63 deg, 22.01 deg", "width": "0.2 deg", "height": "0.1 deg"}})


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ({"table": rad_max()}, {}, r"RAD_MAX_2D, 0\.05 to 0\.3 deg\).*give a point"),
        ({}, {"on_region": POINT}, "point-like without RAD_MAX"),
        ({"radius": 0.11}, {"on_region": BOX}, "the on region is a RectangleSkyRegion"),
        ({"radius": 0.11}, {"use_region_center": False}, "set use_region_center to true"),
        ({"radius": 0.11}, {"containment_correction": True}, "the containment is in them"),
        (
            {"table": rad_max(offset_edges=(1, 2, 3))},
            {"on_region": POINT},
            r"RAD_MAX is 0 at an offset of 0\.50 deg .* from 1 to 16 TeV and from 1\.00 to 3\.00 deg",
        ),
        ({"radius": 0.11}, {"on_region": POINT, "background": ResponseBackground()}, "the on region is a point"),
    ],
    ids=["varies", "no-rad-max", "box", "average", "containment", "offset", "model-of-a-point"],
)
def test_what_does_not_fit_is_a_reason(make_point_like, plan, kind, changes, message):
    with pytest.raises(ItemError, match=message):
        reduce_observation(make_point_like(**kind), replace(plan, **changes))


def test_a_point_needs_point_like_responses(make_observation, point_plan):
    with pytest.raises(ItemError, match="the responses are full-enclosure"):
        reduce_observation(make_observation(rad_max=rad_max()), point_plan)


def test_a_point_has_no_containment(plan):
    with pytest.raises(ValueError, match="containment_correction needs a circle as on region; got PointSkyRegion"):
        replace(plan, on_region=POINT, containment_correction=True)


def test_files_keep_points(make_point_like, point_plan, tmp_path):
    dataset = reduce_observation(make_point_like(radius=0.11), replace(point_plan, background=WobbleRegions(3)))
    (again,) = read_datasets(write_datasets(Datasets([dataset]), tmp_path))
    assert type(again.region).__name__ == "PointSkyRegion"
    assert again.regions_off.same_as(dataset.regions_off)
    ogip = read_ogip(write_ogip(dataset, tmp_path / "ogip"))
    assert ogip.region.center.separation(POINT.center).deg < 1e-6
    off = [region.center.separation(POINT.center).deg for region in ogip.regions_off]
    assert off == pytest.approx([np.sqrt(0.5), 1.0, np.sqrt(0.5)], rel=1e-4)
