"""Off runs: the same place in the camera, which runs belong together, counts and acceptances, unbiased excess."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from gammapy_hli.base.earth_rotation import bundled_earth_rotation
from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.dl3.events import EventList
from gammapy_hli.engine.dl3.gti import DEFAULT_REFERENCE, Gti
from gammapy_hli.engine.dl3.intervals import part_of
from gammapy_hli.engine.dl3.observation import Observation
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region import parse_region, region_center, region_mask
from gammapy_hli.engine.irf.background import Background2D
from gammapy_hli.engine.irf.rad_max import RadMax
from gammapy_hli.engine.reduce.off_runs import OffRuns
from gammapy_hli.engine.reduce.off_runs_pairs import PairCuts, RunTraits, find_pairs, given_pairs
from gammapy_hli.engine.reduce.off_runs_place import center_of, misfit, place_region, zenith_angle
from gammapy_hli.engine.reduce.parts import reduce_part
from gammapy_hli.engine.reduce.spectrum import reduce_observation

POINTING = SkyCoord(83.63, 21.51, unit="deg")
ELSEWHERE = SkyCoord(190.0, -35.0, unit="deg")
CIRCLE = parse_region("icrs;circle(83.63,22.01,0.11)")
PLACE = {"GEOLON": 16.5, "GEOLAT": -23.27, "ALTITUDE": 1800.0}


def shifted(pointing, offset, angle):
    return pointing.directional_offset_by(angle, offset)


# --- places -----------------------------------------------------------------------------------------------------------


@given(
    ra=st.floats(0, 360),
    dec=st.floats(-80, 80),
    off_ra=st.floats(0, 360),
    off_dec=st.floats(-80, 80),
    offset=st.floats(0.1, 2),
    angle=st.floats(0, 359),
    frame=st.sampled_from(["icrs", "galactic"]),
)
def test_offset_and_position_angle_stay(ra, dec, off_ra, off_dec, offset, angle, frame):
    pointing, off = SkyCoord(ra, dec, unit="deg"), SkyCoord(off_ra, off_dec, unit="deg")
    center = shifted(pointing, offset * u.deg, angle * u.deg).transform_to(frame)
    region = parse_region({"circle": {"center": center, "radius": 0.1 * u.deg}})
    found = SkyCoord(*center_of(place_region(region, pointing, off)), unit="rad")
    assert off.separation(found).deg == pytest.approx(offset, rel=1e-5)
    expected = shifted(off, offset * u.deg, pointing.position_angle(center.icrs))
    assert found.separation(expected).deg < 2e-5


@pytest.mark.parametrize("text", ["ellipse(83.9,21.9,0.3,0.12,30)", "box(83.9,21.9,0.4,0.15,20)"])
def test_other_shapes_keep_their_orientation_in_the_camera(text):
    region = parse_region(f"icrs;{text}")
    place = place_region(region, POINTING, ELSEWHERE)
    rng = np.random.default_rng(1)
    near = shifted(region_center(region), rng.uniform(0, 0.4, 400) * u.deg, rng.uniform(0, 360, 400) * u.deg)
    moved = shifted(ELSEWHERE, POINTING.separation(near), POINTING.position_angle(near))
    inside = region_mask(region, near.ra.rad, near.dec.rad)
    found = place.is_inside(moved.ra.rad, moved.dec.rad)
    assert 40 < inside.sum() < 360
    assert (inside != found).sum() <= 4  # points on the border


def test_the_horizon_turns_the_field(make_run):
    one, two = make_run(POINTING, start=0.0), make_run(ELSEWHERE, start=20000.0)
    turn = zenith_angle(two) - zenith_angle(one)
    place = place_region(CIRCLE, POINTING, ELSEWHERE, turn)
    frames = [AltAz(obstime=run.tmid, location=run.location) for run in (one, two)]
    with bundled_earth_rotation():
        here = region_center(CIRCLE).transform_to(frames[0])
        there = SkyCoord(*center_of(place), unit="rad").transform_to(frames[1])
        angles = [
            at.transform_to(frame).position_angle(position).deg
            for at, frame, position in ((POINTING, frames[0], here), (ELSEWHERE, frames[1], there))
        ]
    assert angles[0] == pytest.approx(angles[1], abs=0.01)
    assert abs(np.rad2deg(turn)) > 10


def test_places_with_the_source_or_excluded_sky_are_none():
    near = shifted(POINTING, 0.05 * u.deg, 90 * u.deg)
    assert "part of the on region" in misfit(place_region(CIRCLE, POINTING, near), CIRCLE)
    place = place_region(CIRCLE, POINTING, ELSEWHERE)
    assert misfit(place, CIRCLE) == ""
    center = SkyCoord(*center_of(place), unit="rad")
    source = parse_region({"circle": {"center": center, "radius": 0.02 * u.deg}})
    assert "excluded sky" in misfit(place, CIRCLE, [source])
    mask = ExclusionMask.from_regions([source], center, 0.01 * u.deg, 1 * u.deg)
    assert "excluded sky" in misfit(place, CIRCLE, (), mask)


# --- pairs ------------------------------------------------------------------------------------------------------------


def traits(obs_id, zenith, **facts):
    return RunTraits(obs_id, POINTING, zenith=zenith, **facts)


def by_number(*runs):
    return {run.obs_id: run for run in runs}


def anywhere(run, off):
    return ""


def test_every_run_gets_its_nearest_off_run_before_any_gets_a_second():
    runs = by_number(traits(1, 20.0), traits(2, 21.0))
    off = by_number(traits(11, 20.1), traits(12, 20.4), traits(13, 22.0), traits(14, 40.0))
    pairs = find_pairs(runs, off, PairCuts(n_runs=2), anywhere)
    assert pairs.off == {1: [11], 2: [12, 13]}
    assert not pairs.reasons
    assert not pairs.warnings


def test_as_many_runs_as_possible_get_an_off_run():
    runs = by_number(traits(1, 20.0), traits(2, 22.0), traits(3, 24.0))
    off = by_number(traits(11, 22.1), traits(12, 27.0), traits(13, 17.0))  # 11 is the nearest of all three
    assert find_pairs(runs, off, PairCuts(), anywhere).off == {1: [13], 2: [11], 3: [12]}
    ring = find_pairs(runs, runs, PairCuts(n_runs=1), anywhere)
    assert sorted(number for numbers in ring.off.values() for number in numbers) == [1, 2, 3]


def test_the_next_nearest_serves_where_the_nearest_has_no_place():
    def no_place_in_11(run, off):
        return "no place" if off.obs_id == 11 else ""

    pairs = find_pairs(
        by_number(traits(1, 20.0)), by_number(traits(11, 20.0), traits(12, 21.0)), PairCuts(), no_place_in_11
    )
    assert pairs.off == {1: [12]}


def test_no_off_run_at_all_is_a_reason():
    for reuse in (False, True):
        assert (
            "none of 0 off runs"
            in find_pairs(by_number(traits(1, 20.0)), {}, PairCuts(reuse=reuse), anywhere).reasons[1]
        )


def test_an_off_run_serves_several_runs_only_where_that_is_asked_for():
    runs, off = by_number(traits(1, 20.0), traits(2, 21.0)), by_number(traits(11, 20.1))
    pairs = find_pairs(runs, off, PairCuts(), anywhere)
    assert pairs.off == {1: [11]}
    assert "serve other runs, which off_runs.reuse allows to share: 1" in pairs.reasons[2]
    shared = find_pairs(runs, off, PairCuts(reuse=True), anywhere)
    assert shared.off == {1: [11], 2: [11]}
    assert "serve several runs: 11" in shared.warnings[0]


@pytest.mark.parametrize(
    ("facts", "cuts", "words"),
    [
        (
            {"zenith": 31.0},
            {},
            "by more than 5 deg: 1); nearest in zenith is 11 (zenith 20.0 deg and 31",
        ),
        ({"zenith": np.nan}, {}, "differ in zenith"),
        ({"telescopes": 3}, {}, "have another number of telescopes: 1"),
        ({"azimuth": 350.0}, {"azimuth_difference_max": 15.0}, "differ in azimuth by more than 15 deg: 1"),
        ({"muon_efficiency": 0.5}, {"muon_difference_max": 0.2}, "differ in muon efficiency by more than 0.2"),
    ],
)
def test_what_is_not_alike_is_no_pair_and_the_reason_is_told(facts, cuts, words):
    run = traits(1, 20.0, telescopes=4, azimuth=10.0, muon_efficiency=0.8)
    off = replace(run, obs_id=11, **facts)
    pairs = find_pairs(by_number(run), by_number(off), PairCuts(**cuts), anywhere)
    assert not pairs.off
    assert words in pairs.reasons[1]


def test_azimuths_are_compared_around_north_and_unknown_facts_are_no_reason():
    run, cuts = (
        traits(1, 20.0, azimuth=355.0, telescopes=4),
        PairCuts(azimuth_difference_max=15, muon_difference_max=0.1),
    )
    off = by_number(traits(11, 20.0, azimuth=5.0), traits(12, 20.0, azimuth=5.0, muon_efficiency=0.5))
    assert find_pairs(by_number(run), off, cuts, anywhere).off == {1: [11, 12]}


def test_a_place_that_does_not_fit_is_a_reason():
    pairs = find_pairs(by_number(traits(1, 20.0)), by_number(traits(11, 20.0)), PairCuts(), lambda run, off: "no place")
    assert "11: no place" in pairs.reasons[1]


def test_a_run_without_zenith_has_no_off_run_unless_given():
    runs, off = by_number(traits(1, np.nan)), by_number(traits(11, 20.0))
    assert "zenith angle is not known" in find_pairs(runs, off, PairCuts(), anywhere).reasons[1]
    assert given_pairs(runs, off, {1: (11,)}, PairCuts(), anywhere).off == {1: [11]}


def test_given_pairs_are_kept_and_what_is_odd_is_told_with_both_zeniths():
    runs, off = (
        by_number(traits(1, 20.0), traits(2, 20.0), traits(3, 20.0)),
        by_number(traits(11, 45.0), traits(3, 20.0)),
    )
    pairs = given_pairs(runs, off, {1: (11,), 3: (3,), 7: (11,)}, PairCuts(), anywhere)
    assert pairs.off == {1: [11]}
    told = " | ".join(pairs.warnings)
    assert "off run 11 of run 1" in told
    assert "zenith 20.0 deg and 45.0 deg" in told
    assert "names runs that are not selected: 7" in told
    assert "it is the run itself" in pairs.reasons[3]
    assert "no off run is given" in pairs.reasons[2]


# --- counts -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def make_run(responses):
    """Maker of a run with events at given fov offsets and position angles [deg] from the pointing."""

    def make(pointing, offset=(), angle=(), energy=None, obs_id=7, stop=1000.0, start=0.0, **irfs):
        n = len(offset)
        at = shifted(pointing, np.array(offset) * u.deg, np.array(angle) * u.deg)
        header = {"RA_PNT": pointing.ra.deg, "DEC_PNT": pointing.dec.deg, "DEADC": 0.9, "ALT_PNT": 70.0, **PLACE}
        events = EventList(
            time=start + np.linspace(0, stop, n, endpoint=False),
            ra=np.atleast_1d(at.ra.deg),
            dec=np.atleast_1d(at.dec.deg),
            energy=np.full(n, 2.0) if energy is None else np.array(energy),
            event_id=np.arange(n),
            reference=DEFAULT_REFERENCE,
            meta=header,
        )
        gti = Gti(np.array([start]), np.array([start + stop]))
        return Observation.in_memory(obs_id, events, gti, **{**responses, **irfs})

    return make


def test_off_counts_of_several_runs_are_summed_and_weighted_by_livetime(make_run, plan):
    run = make_run(POINTING, [0.5, 0.5, 1.0], [0, 1, 90])
    one = make_run(ELSEWHERE, [0.5, 0.52, 0.5], [0, 2, 90], obs_id=11, stop=3000.0)
    two = make_run(SkyCoord(10, 10, unit="deg"), [0.45], [0], [5.0], obs_id=12, stop=500.0)
    dataset = reduce_observation(run, replace(plan, background=OffRuns(pairs={7: (one, two)})))
    np.testing.assert_array_equal(dataset.counts, [2, 0])
    np.testing.assert_array_equal(dataset.counts_off, [2, 1])
    np.testing.assert_allclose(dataset.acceptance, 1)
    np.testing.assert_allclose(dataset.acceptance_off, 3.5)
    assert dataset.meta["OFF_FROM"] == ["runs 11 12"]


def test_a_point_counts_within_the_cut_of_the_run_itself(make_run, responses, plan):
    energy = Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
    offset = Axis.from_edges([0, 1, 2] * u.deg, name="offset", interp="lin")
    cut, other = (RadMax(energy, offset, [[a, a], [b, b]] * u.deg) for a, b in ((0.2, 0.05), (0.4, 0.4)))
    aeff = replace(responses["aeff"], is_pointlike=True)
    run = make_run(POINTING, [0.5], [0], aeff=aeff, rad_max=cut)
    off = make_run(ELSEWHERE, [0.35, 0.35, 0.25, 0.53], [0] * 4, [2, 5, 2, 5], obs_id=11, aeff=aeff, rad_max=other)
    point = replace(plan, on_region=parse_region({"point": {"center": "83.63 deg, 22.01 deg"}}))
    dataset = reduce_observation(run, replace(point, background=OffRuns(pairs={7: (off,)})))
    np.testing.assert_array_equal(dataset.counts, [1, 0])
    np.testing.assert_array_equal(dataset.counts_off, [1, 1])


def test_normalization_by_the_expected_background_is_by_energy(make_run, plan):
    energy = Axis.from_energy_bounds("0.01 TeV", "300 TeV", nbin=30)
    offset = Axis.from_edges([0, 1, 2, 3] * u.deg, name="offset", interp="lin")
    unit = u.Unit("s-1 MeV-1 sr-1")
    steep = np.where(energy.center_value("TeV") > 3, 3e-9, 1e-9)[:, None] * np.ones(3)
    run = make_run(POINTING, [0.5], [0])
    off = make_run(ELSEWHERE, [0.5], [0], obs_id=11, stop=2000.0, bkg=Background2D(energy, offset, steep * unit))
    maker = OffRuns(pairs={7: (off,)}, normalization="background")
    dataset = reduce_observation(run, replace(plan, background=maker))
    expected = [bkg.integrate_region(plan.energy, CIRCLE, POINTING).value for bkg in (run.bkg, off.bkg)]
    np.testing.assert_allclose(dataset.acceptance_off, 2 * expected[1] / expected[0], rtol=1e-6)
    assert dataset.acceptance_off[0] < 3 < 4 < dataset.acceptance_off[1]
    none = replace(off.source.irf("bkg"), data=off.source.irf("bkg").data * 0)
    blank = make_run(ELSEWHERE, [0.5], [0], obs_id=11, stop=2000.0, bkg=none)
    fallback = reduce_observation(run, replace(plan, background=replace(maker, pairs={7: (blank,)})))
    np.testing.assert_allclose(fallback.acceptance_off, 2.0)


def test_a_part_of_a_run_has_its_own_share_of_the_off_livetime(make_run, plan):
    run = make_run(POINTING, [0.5] * 10, [0] * 10)
    off = make_run(ELSEWHERE, [0.5] * 4, [0] * 4, obs_id=0)
    part = part_of(run, Gti(np.array([0.0]), np.array([250.0])), "7_0")
    dataset = reduce_observation(part.whole, replace(plan, background=OffRuns(pairs={0: (off,)})))
    np.testing.assert_allclose(dataset.acceptance_off, 1.0)
    piece = reduce_part(part, replace(plan, background=OffRuns(pairs={7: (off,), 0: (off,)})))
    assert piece.counts.sum() == 3
    assert piece.counts_off.sum() == 4
    np.testing.assert_allclose(piece.acceptance_off, 4.0)


def test_a_run_without_a_pair_or_with_an_empty_one_is_left_out_with_its_reason(make_run, plan):
    run = make_run(POINTING, [0.5], [0])
    with pytest.raises(ItemError, match="nothing fits it"):
        reduce_observation(run, replace(plan, background=OffRuns(reasons={7: "nothing fits it"})))
    with pytest.raises(ItemError, match="were not looked for"):
        reduce_observation(run, replace(plan, background=OffRuns()))
    dead = make_run(ELSEWHERE, [0.5], [0], obs_id=11, stop=0.0)
    with pytest.raises(ItemError, match=r"no off run can be used: run 11 has a livetime of 0 s"):
        reduce_observation(run, replace(plan, background=OffRuns(pairs={7: (dead,)})))
    same = make_run(POINTING, [0.5], [0], obs_id=12)
    with pytest.raises(ItemError, match=r"run 12: its region would hold a part of the on region"):
        reduce_observation(run, replace(plan, background=OffRuns(pairs={7: (same,)})))


def test_the_excess_over_off_runs_is_unbiased(make_run, plan):
    rng = np.random.default_rng(7)
    excess = []
    for _ in range(100):
        events = {}
        for name, mean in (("on", 40.0), ("off", 100.0)):
            n = rng.poisson(mean)
            events[name] = 0.5 + rng.uniform(-0.15, 0.15, n), rng.uniform(-20, 20, n)
        n_source = rng.poisson(12)
        offset, angle = (
            np.append(values, np.full(n_source, at)) for values, at in zip(events["on"], (0.5, 0.0), strict=True)
        )
        run = make_run(POINTING, offset, angle)
        off = make_run(ELSEWHERE, *events["off"], obs_id=11, stop=2500.0)
        dataset = reduce_observation(run, replace(plan, background=OffRuns(pairs={7: (off,)})))
        excess.append(float((dataset.counts - dataset.alpha * dataset.counts_off).sum()))
    assert np.mean(excess) == pytest.approx(12, abs=4 * np.std(excess) / np.sqrt(100))
    assert np.std(excess) < 8
