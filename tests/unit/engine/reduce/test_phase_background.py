"""Background from other phases: intervals, counts, acceptances, ephemeris, unbiased excess, messages."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.ephemeris import Ephemeris
from gammapy_hli.engine.dl3.gti import DEFAULT_REFERENCE
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.reduce.map import MapPlan, reduce_map
from gammapy_hli.engine.reduce.phase import PhaseBackground
from gammapy_hli.engine.reduce.phase_intervals import find_overlap, total_width, wrap_intervals
from gammapy_hli.engine.reduce.spectrum import reduce_observation

ON, OFF = ((0.9, 0.1), (0.3, 0.4)), ((0.5, 0.8),)


@pytest.fixture
def observe(make_observation):
    """An observation of events at the on region with given phases."""

    def make(phase, energy=None, **column):
        n = len(phase)
        observation = make_observation(np.full(n, 83.63), np.full(n, 22.01), np.full(n, 2.0 if energy is None else 5.0))
        events = observation.events
        observation.events = replace(events, extra=column or {"PHASE": np.asarray(phase, dtype=">f8")})
        return observation

    return make


@pytest.mark.parametrize(
    ("intervals", "parts"),
    [
        ([(0.1, 0.3)], ((0.1, 0.3),)),
        ([(0.9, 0.1)], ((0.9, 1.0), (0.0, 0.1))),
        ([(-0.1, 0.1)], ((0.9, 1.0), (0.0, 0.1))),
        ([(0.9, 1.1)], ((0.9, 1.0), (0.0, 0.1))),
        ([(1.1, 1.3)], ((0.1, 0.3),)),
        ([(0.0, 1.0)], ((0.0, 1.0),)),
        ([(0.5, 1.0)], ((0.5, 1.0),)),
    ],
)
def test_intervals_are_wrapped_into_one_turn(intervals, parts):
    found = wrap_intervals(intervals)
    np.testing.assert_allclose(found, parts, atol=1e-12)
    assert total_width(found) == pytest.approx(sum(b - a for a, b in parts))


@pytest.mark.parametrize("interval", [(0.2, 0.2), (0.0, 1.5), (0.9, -0.5)])
def test_what_is_no_interval_is_told(interval):
    with pytest.raises(ValueError, match="at most a turn apart"):
        wrap_intervals([interval])


def test_overlaps_are_found_across_zero_and_touching_is_none():
    assert find_overlap(wrap_intervals([(0.9, 0.1)]), wrap_intervals([(0.05, 0.5)])) == (0.05, 0.1)
    assert find_overlap(wrap_intervals([(0.9, 0.1)]), wrap_intervals([(0.1, 0.9)])) is None


def test_counts_follow_the_phase_with_start_inside_and_stop_outside(observe, plan):
    phase = [0.9, 0.95, 0.0, 0.099, 0.1, 0.3, 0.35, 0.4, 0.5, 0.7, 0.8, 0.85, np.nan, 1.35, -0.05]
    dataset = reduce_observation(observe(np.array(phase)), replace(plan, background=PhaseBackground(ON, OFF)))
    assert dataset.counts.sum() == 8
    assert dataset.counts_off.sum() == 2
    np.testing.assert_allclose(dataset.acceptance, 0.3)
    np.testing.assert_allclose(dataset.acceptance_off, 0.3)
    np.testing.assert_allclose(dataset.alpha, 1.0)
    assert len(dataset.regions_off) == 0


def test_events_outside_of_the_region_do_not_count(make_observation, plan):
    observation = make_observation([83.63, 84.5], [22.01, 22.01], [2.0, 2.0])
    observation.events = replace(observation.events, extra={"PHASE": np.array([0.95, 0.95])})
    assert reduce_observation(observation, replace(plan, background=PhaseBackground(ON, OFF))).counts.sum() == 1


def test_the_excess_of_a_pulse_is_unbiased(observe, plan):
    rng = np.random.default_rng(5)
    maker = PhaseBackground(on=((0.25, 0.45),), off=((0.5, 0.2),))
    excess, expected_error = [], []
    for _ in range(150):
        even = rng.uniform(size=rng.poisson(200))
        pulsed = rng.normal(0.35, 0.015, size=rng.poisson(30)) % 1
        dataset = reduce_observation(observe(np.append(even, pulsed)), replace(plan, background=maker))
        excess.append(float(dataset.counts.sum() - (dataset.alpha * dataset.counts_off).sum()))
        expected_error.append(70 + (0.2 / 0.7) ** 2 * 140)
    assert np.mean(excess) == pytest.approx(30, abs=4 * np.sqrt(np.mean(expected_error) / 150))
    assert np.var(excess) == pytest.approx(np.mean(expected_error), rel=0.45)


def test_phases_come_from_an_ephemeris_too(observe, plan):
    ephemeris = Ephemeris(DEFAULT_REFERENCE, frequency=0.25)  # events at 0, 1, 2, 3, ... s
    maker = PhaseBackground(on=((0.2, 0.3),), off=((0.4, 0.6), (0.7, 0.8)), ephemeris=ephemeris)
    dataset = reduce_observation(observe(np.zeros(8)), replace(plan, background=maker))
    assert (dataset.counts.sum(), dataset.counts_off.sum()) == (2, 4)


def test_times_outside_of_the_ephemeris_and_a_missing_place_are_told(observe, plan):
    late = Ephemeris(DEFAULT_REFERENCE, 1.0, start=Time("2020-01-01"))
    with pytest.raises(InputError, match=r"outside the ephemeris, which is valid from 2020-01-01"):
        reduce_observation(observe(np.zeros(3)), replace(plan, background=PhaseBackground(ON, OFF, ephemeris=late)))
    placed = Ephemeris(DEFAULT_REFERENCE, 1.0, position=SkyCoord(83.6, 22, unit="deg"))
    with pytest.raises(InputError, match=r"GEOLON"):
        reduce_observation(observe(np.zeros(3)), replace(plan, background=PhaseBackground(ON, OFF, ephemeris=placed)))


def test_a_missing_column_is_told_with_a_suggestion(observe, plan):
    observation = observe(np.zeros(3), PHASES=np.zeros(3))
    with pytest.raises(InputError, match=r"no column 'PHASE' with phases.*PHASES.*phase.column.*phase.ephemeris"):
        reduce_observation(observation, replace(plan, background=PhaseBackground(ON, OFF)))
    renamed = PhaseBackground(ON, OFF, column="phases")
    assert reduce_observation(observation, replace(plan, background=renamed)).counts.sum() == 3


@pytest.mark.parametrize(
    ("on", "off", "words"),
    [
        (((0.9, 0.1),), ((0.05, 0.5),), "0.05 to 0.1 are both on and off"),
        (((0.1, 0.3), (0.2, 0.4)), ((0.5, 0.6),), "0.2 to 0.3 lie in two of the intervals 'on'"),
        ((), ((0.5, 0.6),), "at least one interval"),
    ],
)
def test_phases_that_are_on_and_off_are_refused(on, off, words):
    with pytest.raises(ValueError, match=words):
        PhaseBackground(on, off)


def test_maps_have_on_and_off_phases_too(observe, plan):
    observation = observe(np.array([0.95, 0.05, 0.35, 0.6, 0.7, 0.45]))
    geometry = WcsGeometry.create(SkyCoord(83.63, 22.01, unit="deg"), 1 * u.deg, 0.1 * u.deg)
    map_plan = MapPlan(geometry, plan.energy, plan.energy_true, background=PhaseBackground(ON, OFF))
    dataset = reduce_map(observation, map_plan)
    assert (dataset.counts.sum(), dataset.counts_off.sum()) == (3, 2)
    np.testing.assert_allclose(dataset.acceptance / dataset.acceptance_off, 1.0, rtol=1e-6)
