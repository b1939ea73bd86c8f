"""Off runs of the public H.E.S.S. data: beside a calculation with astropy alone, pairs, an empty field."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, SkyCoord

from gammapy_hli.base.earth_rotation import bundled_earth_rotation
from gammapy_hli.engine.dl3.observations import Observations
from gammapy_hli.engine.dl3.select import Selection, select
from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.reduce.off_runs import OffRunChoice, OffRuns
from gammapy_hli.engine.reduce.off_runs_pairs import PairCuts
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan
from gammapy_hli.engine.reduce.spectrum import SpectrumPlan, reduce_observation
from gammapy_hli.engine.stats.significance import significance_wstat

CRAB = SkyCoord(83.63, 22.01, unit="deg")
RADIUS = 0.11 * u.deg


@pytest.fixture(scope="module")
def store(gammapy_data):
    return DataStore.open(gammapy_data / "hess-dl3-dr1")


def plan(center=CRAB, radius=RADIUS, **changed):
    return SpectrumPlan(
        on_region=parse_region({"circle": {"center": center, "radius": radius}}),
        energy=Axis.from_energy_bounds("0.5 TeV", "50 TeV", nbin=1),
        energy_true=Axis.from_energy_bounds("0.3 TeV", "80 TeV", nbin=6, name="energy_true"),
        safe_mask=SafeMaskPlan(methods=()),
        **changed,
    )


def expected(run, off, alignment):
    """Events of an off run above 0.5 TeV around the place of the Crab Nebula, by astropy alone."""
    if alignment == "radec":
        angle = run.pointing.position_angle(CRAB)
        center = off.pointing.directional_offset_by(angle, run.pointing.separation(CRAB))
    else:
        here, there = (AltAz(obstime=each.tmid, location=each.location) for each in (run, off))
        with bundled_earth_rotation():
            pointing = run.pointing.transform_to(here)
            angle = pointing.position_angle(CRAB.transform_to(here))
            moved = off.pointing.transform_to(there).directional_offset_by(angle, run.pointing.separation(CRAB))
            center = SkyCoord(alt=moved.alt, az=moved.az, frame=there).icrs
    near = off.events.radec.separation(center) < RADIUS
    return int((near & (off.events.energy >= 0.5) & (off.events.energy < 50)).sum())


@pytest.mark.parametrize("alignment", ["radec", "altaz"])
@pytest.mark.parametrize("number", [25345, 29072, 33789])
def test_counts_are_those_at_the_same_place_in_the_camera(store, number, alignment):
    run, off = store.observation(23523), store.observation(number)
    maker = OffRuns(alignment=alignment, pairs={23523: (off,)})
    dataset = reduce_observation(run, plan(background=maker))
    assert dataset.counts_off.sum() == expected(run, store.observation(number), alignment)
    ratio = store.observation(number).livetime / run.livetime
    np.testing.assert_allclose(dataset.acceptance_off, ratio.to_value(""))


def test_pairs_are_nearest_in_zenith(store):
    runs = (23523, 23559)
    selected = Observations(select(store, Selection(obs_ids=runs)), store)
    maker = OffRuns(OffRunChoice(obs_ids=(33787, 33788, 33801, 29072), cuts=PairCuts(n_runs=1)))
    prepared = maker.prepare(selected, plan())
    found = {run: [off.obs_id for off in off_runs] for run, off_runs in prepared.pairs.items()}
    assert found == {23523: [33801], 23559: [33788]}  # the smallest sum of differences
    flare = parse_region("icrs;circle(329.717,-30.226,1.5)")  # PKS 2155-304 is in all of them
    told = maker.prepare(selected, plan(), [flare]).reasons[23523]
    assert "its region would hold excluded sky" in told


def test_an_empty_place_has_no_excess_over_off_runs(store):
    """Four empty places of runs on NGC 253, over other runs of the same weeks."""
    values = []
    for number, partners in ((29487, (29024,)), (29024, (29487,)), (29118, (27044, 26964)), (29072, (29118,))):
        run = store.observation(number)
        center = run.pointing.directional_offset_by(200 * u.deg, 0.7 * u.deg)
        off = tuple(store.observation(partner) for partner in partners)
        dataset = reduce_observation(run, plan(center, 0.25 * u.deg, background=OffRuns(pairs={number: off})))
        values.append(significance_wstat(dataset.counts.sum(), dataset.counts_off.sum(), float(dataset.alpha[0])))
        assert dataset.counts_off.sum() >= 15
    assert np.abs(values).max() < 3
    assert abs(np.mean(values)) < 1.5


def test_the_excess_of_the_crab_is_that_of_reflected_regions_within_its_error(store):
    run = store.observation(23523)
    off = tuple(store.observation(number) for number in (33787, 33801))
    choice = OffRuns(pairs={23523: off}, normalization="background")
    dataset = reduce_observation(run, replace(plan(), background=choice))
    excess = float((dataset.counts - dataset.alpha * dataset.counts_off).sum())
    assert excess == pytest.approx(153, abs=25)
