"""Maps of one run, made in code: round answers."""

import pickle
from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, SkyCoord

from gammapy_hli.base.earth_rotation import bundled_earth_rotation
from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.irf.background import Background3D
from gammapy_hli.engine.reduce.map import MapPlan, reduce_map
from gammapy_hli.engine.reduce.map_background import make_map_background, rotation_times
from gammapy_hli.engine.reduce.map_safe_mask import no_safe_bin
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan

CENTER = SkyCoord(83.63, 22.01, unit="deg")
POINTING = SkyCoord(83.63, 21.51, unit="deg")


@pytest.fixture
def map_plan():
    """Map of 2 deg with pixels of 0.1 deg around (83.63, 22.01), half a degree from the pointing; all bins safe."""
    return MapPlan(
        WcsGeometry.create(CENTER, 2 * u.deg, 0.1 * u.deg),
        Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=2),
        Axis.from_energy_bounds("0.3 TeV", "30 TeV", nbin=8, name="energy_true"),
        safe_mask=SafeMaskPlan(methods=()),
    )


def test_events_go_to_their_pixel_and_energy(make_observation, map_plan):
    lon, lat = map_plan.geometry.to_sky([3, 3, 8, 60], [5, 5, 0, 5])
    observation = make_observation(ra=np.rad2deg(lon), dec=np.rad2deg(lat), energy=[2, 5, 0.5, 2])
    counts = reduce_map(observation, map_plan).counts
    assert counts.sum() == 2
    assert counts[0, 5, 3] == counts[1, 5, 3] == 1


def test_exposure_is_area_times_livetime_and_ends_with_the_response(make_observation, map_plan):
    wide = replace(map_plan, geometry=WcsGeometry.create(POINTING, 8 * u.deg, 0.1 * u.deg), offset_max=4 * u.deg)
    exposure = reduce_map(make_observation(), wide).exposure.value
    inside = wide.geometry.separation_from(POINTING) <= np.deg2rad(3)
    np.testing.assert_allclose(exposure[:, inside], 1e5 * 900, rtol=1e-6)
    assert not exposure[:, ~inside].any()


def test_background_is_rate_times_solid_angle_and_ontime(make_observation, map_plan):
    background = reduce_map(make_observation(), map_plan).background
    widths = np.diff(map_plan.energy.edges_value("TeV"))[:, None, None]
    expected = 1e-9 * 1e6 * widths * map_plan.geometry.solid_angle() * 1000
    np.testing.assert_allclose(background, expected, rtol=1e-6)


def test_cutout_around_the_pointing_lies_on_the_pixels_of_the_map(make_observation, map_plan):
    dataset = reduce_map(make_observation(), replace(map_plan, offset_max=0.5 * u.deg))
    here, there = map_plan.geometry.overlap(dataset.geometry)
    assert dataset.geometry.shape == (10, 10)
    assert there == (slice(0, 10), slice(0, 10))
    assert dataset.psf.geometry.shape == (5, 5)
    assert here[0].start == 0


def test_image_is_the_sum_of_safe_bins(make_observation, map_plan):
    observation = make_observation(ra=[83.63] * 2, dec=[22.01] * 2, energy=[2, 5])
    image = reduce_map(observation, replace(map_plan, to_image=True))
    assert image.counts.shape == (1, 20, 20)
    assert image.counts.sum() == 2
    cube = reduce_map(observation, map_plan)
    np.testing.assert_allclose(image.background[0], cube.background.sum(axis=0), rtol=1e-6)


def test_offset_max_is_a_circle_around_the_pointing(make_observation, map_plan):
    plan = replace(map_plan, safe_mask=SafeMaskPlan(methods=("offset-max",), offset_max=0.4 * u.deg))
    mask = reduce_map(make_observation(), plan).mask_safe
    np.testing.assert_array_equal(mask[0], map_plan.geometry.separation_from(POINTING) < np.deg2rad(0.4))


def test_bkg_peak_starts_at_the_bin_with_most_background(make_observation, map_plan):
    plan = replace(map_plan, safe_mask=SafeMaskPlan(methods=("bkg-peak",)))
    mask = reduce_map(make_observation(), plan).mask_safe
    assert not mask[0].any()  # a flat rate gives more events in the wider bin
    assert mask[1].all()


@pytest.mark.parametrize("method", ["aeff-default", "aeff-max"])
def test_flat_responses_leave_energies_safe(make_observation, map_plan, method):
    plan = replace(map_plan, safe_mask=SafeMaskPlan(methods=(method,)))
    assert reduce_map(make_observation(), plan).mask_safe.all()


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        (("aeff-default",), "are 1 TeV to 10 TeV; aeff-default wants above 20 TeV and below 80 TeV"),
        (("aeff-default", "bkg-peak"), "below 80 TeV; bkg-peak wants above 3.162 TeV"),
        (("offset-max",), "offset-max wants less than 0.001 deg, the nearest pixel is at 0.0"),
    ],
)
def test_a_map_without_safe_bins_says_what_each_method_wants(make_observation, map_plan, responses, methods, words):
    aeff = replace(responses["aeff"], energy_min=20 * u.TeV, energy_max=80 * u.TeV)
    plan = replace(map_plan, safe_mask=SafeMaskPlan(methods=methods, offset_max=0.001 * u.deg))
    with pytest.raises(ItemError, match=f"^no bin is safe: .*{words}"):
        reduce_map(make_observation(aeff=aeff), plan)


def test_a_map_without_background_or_area_says_so(make_observation, map_plan, responses):
    dataset = reduce_map(make_observation(), map_plan)
    none = replace(dataset, background=dataset.background * 0)
    told = no_safe_bin(none, make_observation(), map_plan.safe_mask)
    assert told == "no bin is safe: the energies are 1 TeV to 10 TeV; the background is nowhere above 0"
    outside = np.where(np.arange(3) < 2, 0.0, 1e5)  # from 1.5 deg on, which the corners of the map reach
    aeff = replace(responses["aeff"], data=outside * np.ones((30, 1)) * u.m**2)
    plan = replace(map_plan, safe_mask=SafeMaskPlan(methods=("aeff-max",)))
    with pytest.raises(ItemError, match="aeff-max finds no effective area there"):
        reduce_map(make_observation(aeff=aeff), plan)


def test_thresholds_are_looked_up_where_asked(make_observation, map_plan, responses):
    low = np.where(responses["aeff"].energy_true.center.value < 4, 1e3, 1e5)[:, None]
    aeff = replace(responses["aeff"], data=np.where(np.arange(3) < 1, 1e5, low) * u.m**2)  # worse beyond 1 deg
    found = []
    for position in (POINTING, POINTING.directional_offset_by(0 * u.deg, 1.5 * u.deg)):
        plan = replace(map_plan, safe_mask=SafeMaskPlan(methods=("aeff-max",), position=position))
        found.append(reduce_map(make_observation(aeff=aeff), plan).mask_safe.all(axis=(1, 2)).tolist())
    assert found == [[True, True], [False, True]]


def test_stack_of_two_runs_doubles(make_observation, map_plan):
    observation = make_observation(ra=[83.63], dec=[22.01], energy=[2])
    stacker = map_plan.stacker()
    for _ in range(2):
        stacker.add(reduce_map(observation, map_plan))
    total, one = stacker.result(), reduce_map(observation, map_plan)
    assert total.counts.sum() == 2
    np.testing.assert_allclose(total.exposure.value, 2 * one.exposure.value)
    np.testing.assert_allclose(total.background, 2 * one.background)


def test_plan_pickles_with_its_exclusion(map_plan):
    mask = ExclusionMask.from_regions(["icrs;circle(83.63,22.01,0.3)"], CENTER, 0.1 * u.deg, 2 * u.deg)
    plan = replace(map_plan, exclusion=mask)
    cut = plan.geometry.cutout(POINTING, 1 * u.deg).geometry
    again = pickle.loads(pickle.dumps(plan))
    np.testing.assert_array_equal(again.allowed_on(cut), mask.on(cut))
    assert not plan.allowed_on(plan.geometry).all()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"ra": (), "dec": (), "energy": ()}, "event list is empty"),
        ({"stop": 0.0}, "livetime is 0 s"),
        ({"bkg": None}, "no bkg in the files"),
        ({"pointing": SkyCoord(100, 22, unit="deg")}, "points 15.17 deg from the center of the map"),
    ],
    ids=["no events", "no time", "no background", "elsewhere"],
)
def test_runs_that_cannot_be_used_say_why(make_observation, map_plan, changes, match):
    with pytest.raises(ItemError, match=match):
        reduce_map(make_observation(**changes), map_plan)


def test_point_like_responses_are_refused(make_observation, map_plan, responses):
    with pytest.raises(ItemError, match="point-like"):
        reduce_map(make_observation(aeff=replace(responses["aeff"], is_pointlike=True)), map_plan)


def test_axes_by_other_names_are_refused(map_plan):
    with pytest.raises(ValueError, match="named 'energy_true'"):
        replace(map_plan, energy=map_plan.energy_true)
    with pytest.raises(ValueError, match=r"offset_max is 0\.0 deg"):
        replace(map_plan, offset_max=0 * u.deg)


def turning_background(lean):
    """Aligned with the horizon: 1e-9 s-1 MeV-1 sr-1 in the middle, more by exp(lean) for each degree of altitude."""
    fov = np.linspace(-4, 4, 33)
    lon, lat = (Axis.from_edges(fov * u.deg, name=name, interp="lin") for name in ("fov_lon", "fov_lat"))
    energy = Axis.from_energy_bounds("0.1 TeV", "100 TeV", nbin=3)
    rate = 1e-9 * np.exp(lean * lat.center.value)
    cube = np.broadcast_to(rate, (3, 32, 32)) * u.Unit("s-1 MeV-1 sr-1")
    return Background3D(energy, lon, lat, cube, fov_alignment="ALTAZ")


@pytest.fixture
def horizon_run(make_observation):
    """A run of half an hour with a place on the Earth."""
    observation = make_observation(stop=1800.0, bkg=turning_background(0.2))
    observation.events.meta.update({"GEOLON": 16.5, "GEOLAT": -23.27, "ALTITUDE": 1800.0})
    observation.__dict__["gti"] = Gti.from_times(
        start=observation.events.reference + 1 * u.hr, stop=observation.events.reference + 1.5 * u.hr
    )
    return observation


def test_turning_background_grows_with_altitude(horizon_run, map_plan):
    geometry = WcsGeometry.create(POINTING, 1 * u.deg, 0.1 * u.deg)
    found = make_map_background(horizon_run, geometry, map_plan.energy)[0] / geometry.solid_angle()
    frame = AltAz(obstime=horizon_run.tmid, location=horizon_run.location)
    lon, lat = geometry.icrs()
    with bundled_earth_rotation():
        altitude = SkyCoord(lon, lat, unit="rad").transform_to(frame).alt.deg
    slope = np.polyfit(altitude.ravel(), np.log(found.ravel()), 1)[0]
    assert slope == pytest.approx(0.2, rel=0.02)


def test_rotation_times_cover_the_run(horizon_run):
    times = rotation_times(horizon_run.tstart, horizon_run.ontime, POINTING, horizon_run.location)
    seconds = (times - times[0]).to_value("s")
    assert seconds[0] == 0
    assert seconds[-1] == pytest.approx(1800)
    assert (np.diff(seconds) > 0).all()
