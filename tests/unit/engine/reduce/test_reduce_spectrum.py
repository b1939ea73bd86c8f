"""One observation to one spectrum: closed forms for flat responses, and reasons for runs that cannot be used."""

import pickle
from dataclasses import dataclass, replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from numpy.testing import assert_allclose, assert_array_equal

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.irf.background import Background3D
from gammapy_hli.engine.irf.rad_max import RadMax
from gammapy_hli.engine.reduce.reflected import ReflectedRegions
from gammapy_hli.engine.reduce.response_background import ResponseBackground
from gammapy_hli.engine.reduce.spectrum import SpectrumPlan, reduce_observation


def test_only_events_inside_the_region_and_the_axis_count(make_observation, plan):
    ra, dec = [83.63, 83.63, 83.63, 83.63, 84.0], [22.01, 22.119, 22.121, 22.01, 22.01]
    dataset = reduce_observation(make_observation(ra, dec, [2.0, 5.0, 5.0, 0.9, 2.0]), plan)
    assert list(dataset.counts) == [1, 1]
    assert dataset.statistic == "cash"
    assert dataset.background is None


def test_exposure_is_area_times_livetime(make_observation, plan):
    dataset = reduce_observation(make_observation(), plan)
    assert dataset.livetime == 900 * u.s
    assert_allclose(dataset.exposure.to_value("m2 s"), 9e7, rtol=1e-12)
    assert_array_equal(dataset.exposure, dataset.edisp_exposure)


def test_containment_multiplies_the_exposure_but_not_the_weight_of_edisp(make_observation, plan):
    dataset = reduce_observation(make_observation(), replace(plan, containment_correction=True))
    assert_allclose(dataset.exposure.value, 9e7 * (0.11 / 0.2) ** 2, rtol=1e-3)
    assert_allclose(dataset.edisp_exposure.value, 9e7, rtol=1e-12)


def test_edisp_rows_sum_to_one_inside_the_axis(make_observation, plan):
    edisp = reduce_observation(make_observation(), plan).edisp
    assert_allclose(edisp[3:5].sum(axis=1), 1, atol=1e-6)
    assert edisp[0].sum() < 1e-6


def test_average_over_the_region_of_a_flat_response_is_its_value(make_observation, plan):
    averaged = reduce_observation(make_observation(), replace(plan, use_region_center=False))
    assert_allclose(averaged.exposure.value, 9e7, rtol=1e-12)


def test_energy_dispersion_is_averaged_on_request(make_observation, plan, responses):
    """A thin ring around the pointing has the energy dispersion of its radius, its center has that of offset 0."""
    migra = responses["edisp"].migra
    narrow, wide = (np.exp(-0.5 * ((migra.center.value - 1) / width) ** 2) for width in (0.05, 0.3))
    by_offset = np.stack([narrow, wide, wide], axis=-1)  # nodes at 0.5, 1.5, 2.5 deg
    data = np.broadcast_to(by_offset, responses["edisp"].data.shape) * u.one
    observation = make_observation(edisp=replace(responses["edisp"], data=data))
    ring = parse_region(
        {"annulus": {"center": "83.63 deg, 21.51 deg", "inner_radius": "0.99 deg", "outer_radius": "1.01 deg"}}
    )
    plan = replace(plan, on_region=ring, use_region_center=False)
    center = reduce_observation(observation, plan).edisp
    averaged = reduce_observation(observation, replace(plan, average_edisp=True)).edisp
    at = {offset: observation.edisp.kernel(plan.energy_true, plan.energy, offset * u.deg) for offset in (0.0, 1.0)}
    assert_allclose(center, at[0.0], atol=1e-12)
    assert np.abs(at[1.0] - at[0.0]).max() > 0.02
    assert_allclose(averaged, at[1.0], atol=1e-3)


def test_average_needs_pixels_that_fit(plan):
    with pytest.raises(ValueError, match=r"region_pixel is 2\.0 deg; expected more than 0 deg, at most 1 deg"):
        replace(plan, region_pixel=2 * u.deg)


def test_response_background_is_rate_times_solid_angle_times_ontime(make_observation, plan):
    dataset = reduce_observation(make_observation(), replace(plan, background=ResponseBackground()))
    width = plan.energy.width.to_value("TeV")
    solid_angle = np.pi * np.deg2rad(0.11) ** 2
    assert_allclose(dataset.background, 1e-3 * width * solid_angle * 1000, rtol=1e-5)  # ontime, not livetime


def test_alignment_of_the_events_header_turns_the_background(make_observation, plan, responses):
    """The H.E.S.S. files of DL3 DR1 have the sign of the longitude the other way round (NUMERICS A.1)."""
    lon, lat = (Axis.from_edges([-2, -1, 0, 1, 2] * u.deg, name=name, interp="lin") for name in ("fov_lon", "fov_lat"))
    rate = np.broadcast_to(np.array([1.0, 2, 3, 4])[:, None], (30, 4, 4)) * u.Unit("s-1 MeV-1 sr-1")
    bkg = Background3D(responses["bkg"].energy, lon, lat, rate)
    east = SkyCoord(84.6, 22.01, unit="deg")
    plan = replace(plan, background=ResponseBackground())
    plain = reduce_observation(make_observation(bkg=bkg, pointing=east), plan)
    reverse = make_observation(bkg=bkg, pointing=east)
    reverse.events.meta.update(CREATOR="SASH FITS::EventListWriter", HDUVERS="0.2")
    assert (plain.background > 1.5 * reduce_observation(reverse, plan).background).all()


def test_meta_and_name_tell_the_run(make_observation, plan):
    dataset = reduce_observation(make_observation(), plan)
    assert dataset.name == "7"
    assert dataset.meta["OBS_ID"] == [7]
    assert dataset.meta["TELESCOP"] == ["TEST"]
    assert dataset.meta["ZENITH"] == [20.0]
    assert_allclose([dataset.meta["RA_PNT"], dataset.meta["DEC_PNT"]], [[83.63], [21.51]])


@dataclass(frozen=True)
class _OneOff:
    def __call__(self, dataset, observation, plan):
        return replace(dataset, background=np.full(dataset.energy.nbin, 0.5))


def test_a_background_maker_is_any_callable(make_observation, plan):
    assert_array_equal(reduce_observation(make_observation(), replace(plan, background=_OneOff())).background, 0.5)


def test_plan_pickles(plan):
    mask = ExclusionMask.from_regions(["icrs;circle(83,22,0.5)"], SkyCoord(83, 22, unit="deg"), 0.1 * u.deg, 3 * u.deg)
    copy = pickle.loads(pickle.dumps(replace(plan, background=ReflectedRegions(), exclusion=mask)))
    assert copy.background == ReflectedRegions()
    assert_array_equal(copy.exclusion.data, mask.data)
    assert copy.on_region.radius == plan.on_region.radius


def test_containment_needs_a_circle(plan):
    box = parse_region({"rectangle": {"center": "83.63 deg, 22.01 deg", "width": "0.2 deg", "height": "0.1 deg"}})
    with pytest.raises(ValueError, match="needs a circle as on region; got RectangleSkyRegion"):
        replace(plan, on_region=box, containment_correction=True)


def test_axes_have_their_names(plan):
    with pytest.raises(ValueError, match="axis 'energy_true' of the plan is named 'energy'"):
        SpectrumPlan(plan.on_region, plan.energy, plan.energy)


@pytest.mark.parametrize(
    ("arguments", "changes", "message"),
    [
        ({"ra": (), "dec": (), "energy": ()}, {}, "the event list is empty: 0 events"),
        ({"stop": 0.0}, {}, "livetime is 0 s"),
        ({"aeff": None}, {}, "no aeff in the files of the run"),
        ({"psf": None}, {"containment_correction": True}, "no psf in the files of the run"),
        ({"bkg": None}, {"background": ResponseBackground()}, "no bkg in the files of the run"),
        (
            {"pointing": SkyCoord(83.63, 27.01, unit="deg")},
            {},
            r"on region outside the field of view: 5\.00 deg from the pointing \(responses reach 3\.00 deg\)",
        ),
        (
            {},
            {"energy_true": Axis.from_energy_bounds("400 TeV", "500 TeV", nbin=3, name="energy_true")},
            "from 400 to 500 TeV",
        ),
    ],
    ids=["no-events", "no-time", "no-aeff", "no-psf", "no-bkg", "outside", "other-energies"],
)
def test_runs_that_cannot_be_used_say_why(make_observation, plan, arguments, changes, message):
    with pytest.raises(ItemError, match=message) as caught:
        reduce_observation(make_observation(**arguments), replace(plan, **changes))
    assert caught.value.reason


@pytest.mark.parametrize(
    ("changes", "correction", "message"),
    [
        ({}, True, "the containment is in them"),
        ({"rad_max": 0.2 * u.deg}, False, r"made for a radius of 0\.2 deg \(RAD_MAX\), the on region has 0\.11 deg"),
    ],
)
def test_point_like_responses_need_their_own_region(make_observation, plan, responses, changes, correction, message):
    observation = make_observation(aeff=replace(responses["aeff"], is_pointlike=True, **changes))
    with pytest.raises(ItemError, match=message):
        reduce_observation(observation, replace(plan, containment_correction=correction))


def test_radius_that_depends_on_energy_is_a_reason(make_observation, plan, responses):
    energy, offset = responses["bkg"].energy, responses["bkg"].offset
    rad_max = RadMax(energy, offset, np.linspace(0.1, 0.3, 90).reshape(30, 3) * u.deg)
    observation = make_observation(aeff=replace(responses["aeff"], is_pointlike=True), rad_max=rad_max)
    with pytest.raises(ItemError, match="depends on energy"):
        reduce_observation(observation, plan)


def test_point_like_responses_with_their_radius_are_used(make_observation, plan, responses):
    aeff = replace(responses["aeff"], is_pointlike=True, rad_max=0.11004 * u.deg)
    assert reduce_observation(make_observation(aeff=aeff), plan).counts.sum() == 1


def test_background_that_turns_with_the_horizon_is_a_reason(make_observation, plan, responses):
    axes = [Axis.from_edges([-2, 0, 2] * u.deg, name=name, interp="lin") for name in ("fov_lon", "fov_lat")]
    rate = np.ones((30, 2, 2)) * u.Unit("s-1 MeV-1 sr-1")
    bkg = Background3D(responses["bkg"].energy, *axes, rate, fov_alignment="ALTAZ")
    with pytest.raises(ItemError, match="aligned with the horizon"):
        reduce_observation(make_observation(bkg=bkg), replace(plan, background=ResponseBackground()))
