"""Laws of the theta-squared distribution on events drawn in code."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time

from gammapy_hli.engine.dl3.events import EventList
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.observation import Observation
from gammapy_hli.engine.estimate.theta2 import estimate_theta2, mirrored
from gammapy_hli.engine.geom.sphere import offset_by, separation

SOURCE = SkyCoord(83.63, 22.01, unit="deg")
POINTING = SkyCoord(83.63, 22.51, unit="deg")
EDGES = np.linspace(0, 0.05, 11) * u.deg**2
REFERENCE = Time("2020-01-01", scale="tt")


def observation(lon, lat, energy=None):
    n = len(lon)
    events = EventList(
        time=np.arange(n, dtype=float),
        ra=np.degrees(lon),
        dec=np.degrees(lat),
        energy=np.ones(n) if energy is None else energy,
        event_id=np.arange(n),
        reference=REFERENCE,
        meta={},
    )
    return Observation.in_memory(1, events, Gti.from_times(REFERENCE, REFERENCE + 1 * u.h))


def disc(center, n, radius, rng):
    """Directions spread evenly over a small disc."""
    lon, lat = center.ra.rad, center.dec.rad
    return offset_by(lon, lat, rng.uniform(0, 2 * np.pi, n), np.radians(radius) * np.sqrt(rng.uniform(0, 1, n)))


def off_ring(n):
    """Positions on the circle of the source around the pointing, far from the source."""
    angles = np.linspace(0.25, 0.75, n) * 2 * np.pi + np.pi
    return offset_by(POINTING.ra.rad, POINTING.dec.rad, angles, np.radians(0.5))


def test_even_events_give_flat_and_equal_on_and_off():
    rng = np.random.default_rng(1)
    found = estimate_theta2([(observation(*disc(POINTING, 40000, 1.5, rng)), off_ring(3))], SOURCE, EDGES)
    expected = 40000 * 0.005 / 1.5**2
    chi2_on = np.sum((found.on - expected) ** 2 / expected)
    chi2_off = np.sum(((found.off - expected) / found.off_error) ** 2)
    assert chi2_on < 25  # 10 bins: p = 0.005
    assert chi2_off < 25


def test_point_source_appears_in_on_only():
    rng = np.random.default_rng(2)
    found = estimate_theta2([(observation(*disc(SOURCE, 500, 0.05, rng)), off_ring(3))], SOURCE, EDGES)
    assert found.on[0] == 500
    assert found.on[1:].sum() == 0
    assert found.off.sum() == 0


def test_off_positions_that_see_the_source_are_passed_over():
    rng = np.random.default_rng(3)
    near = offset_by(SOURCE.ra.rad, SOURCE.dec.rad, 1.0, np.radians(0.1))
    far = off_ring(1)
    centers = tuple(np.concatenate([np.atleast_1d(a), np.atleast_1d(b)]) for a, b in zip(near, far, strict=True))
    found = estimate_theta2([(observation(*disc(SOURCE, 100, 0.05, rng)), centers)], SOURCE, EDGES)
    assert found.off.sum() == 0


def test_each_run_is_weighted_by_its_number_of_positions():
    center = SkyCoord(*off_ring(1), unit="rad")[0]
    one = observation(*disc(center, 60, 0.01, np.random.default_rng(4)))
    ring = off_ring(1)
    other = offset_by(POINTING.ra.rad, POINTING.dec.rad, 0.0, np.radians(0.5))
    two = tuple(np.concatenate([a, np.atleast_1d(b)]) for a, b in zip(ring, other, strict=True))
    assert estimate_theta2([(one, ring)], SOURCE, EDGES).off[0] == 60
    assert estimate_theta2([(one, two)], SOURCE, EDGES).off[0] == 30


def test_event_seen_from_two_positions_enters_the_error_twice_over():
    center = off_ring(1)
    same_place_twice = tuple(np.repeat(axis, 2) for axis in center)
    events = observation(*(np.repeat(axis, 16) for axis in center))
    found = estimate_theta2([(events, same_place_twice)], SOURCE, EDGES)
    assert found.off[0] == 16
    assert found.off_error[0] == pytest.approx(4.0)  # that of 16 events, not of 32 halves


def test_energies_are_cut_from_minimum_to_below_maximum():
    lon, lat = (np.full(3, angle) for angle in (SOURCE.ra.rad, SOURCE.dec.rad))
    run = observation(lon, lat, np.array([0.5, 1.0, 2.0]))
    found = estimate_theta2([(run, off_ring(1))], SOURCE, EDGES, (1 * u.TeV, 2 * u.TeV))
    assert found.on.sum() == 1


def test_no_run_gives_zeros():
    found = estimate_theta2([], SOURCE, EDGES)
    assert not found.on.any()
    assert not found.off_error.any()


def test_mirrored_position_lies_opposite_at_the_same_offset():
    lon, lat = mirrored(SOURCE, POINTING)
    assert np.degrees(lat[0]) == pytest.approx(23.01, abs=1e-4)
    away = separation(lon, lat, POINTING.ra.rad, POINTING.dec.rad)
    assert np.degrees(away[0]) == pytest.approx(0.5)
