"""Parts of runs: the same spectra as without the short cuts, and together those of the run."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.intervals import cut_runs, part_of
from gammapy_hli.engine.dl3.observation import Observation
from gammapy_hli.engine.dl3.observations import Observations
from gammapy_hli.engine.dl3.select import Selection, select
from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.dl3.time_grid import TimeGrid
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.reduce.map import MapPlan
from gammapy_hli.engine.reduce.reflected import ReflectedRegions
from gammapy_hli.engine.reduce.response_background import ResponseBackground
from gammapy_hli.engine.reduce.run import reduce_any
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan
from gammapy_hli.engine.reduce.spectrum import SpectrumPlan, reduce_observation
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.store import simulate_store

PLAN = SpectrumPlan(
    on_region=parse_region("icrs;circle(83.633,22.0145,0.11)"),
    energy=Axis.from_energy_bounds("0.2 TeV", "20 TeV", per_decade=5),
    energy_true=Axis.from_energy_bounds("0.1 TeV", "40 TeV", per_decade=10, name="energy_true"),
    containment_correction=True,
    background=ReflectedRegions(),
    safe_mask=SafeMaskPlan(methods=("aeff-max",)),
)
START = Time("2024-01-10T21:00:00")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cut") / "store"
    source = SkyModel("crab", PowerLawSpectralModel(index=2.6, amplitude=3.5e-11))
    simulate_store(folder, SimulationPlan(Models(source), n_runs=2, livetime=10 * u.min, start=START, seed=8))
    return DataStore.open(folder)


@pytest.fixture
def parts(store):
    grid = TimeGrid(length=4 * u.min, start=START - 1 * u.min, number=20)
    return Observations(cut_runs(store, select(store, Selection()), grid), store)


@pytest.mark.parametrize("background", [ReflectedRegions(), ResponseBackground()], ids=["reflected", "irf"])
def test_parts_are_reduced_as_cut_observations_are(parts, store, background):
    plan = replace(PLAN, background=background)
    for part in parts:
        found = reduce_any(part, plan)
        wanted = reduce_observation(store.observation(part.obs_id).select_time(part.intervals, part.name), plan)
        assert found.name == wanted.name
        np.testing.assert_array_equal(found.counts, wanted.counts)
        np.testing.assert_array_equal(found.mask_safe, wanted.mask_safe)
        np.testing.assert_array_equal(found.edisp, wanted.edisp)
        np.testing.assert_allclose(found.exposure.value, wanted.exposure.value, rtol=1e-12)
        np.testing.assert_allclose(found.edisp_exposure.value, wanted.edisp_exposure.value, rtol=1e-12)
        np.testing.assert_allclose(found.background, wanted.background, rtol=1e-9)
        assert found.livetime == wanted.livetime
        assert found.gti.start.tolist() == wanted.gti.start.tolist()
        assert found.meta == wanted.meta
        part.release()


def test_parts_add_up_to_their_run(parts, store):
    spectra = [reduce_any(part, PLAN) for part in parts if part.obs_id == 1]
    whole = reduce_observation(store.observation(1), PLAN)
    assert len(spectra) > 2
    np.testing.assert_array_equal(sum(each.counts for each in spectra), whole.counts)
    np.testing.assert_array_equal(sum(each.counts_off for each in spectra), whole.counts_off)
    np.testing.assert_allclose(sum(each.exposure.value for each in spectra), whole.exposure.value, rtol=1e-12)
    assert sum(each.livetime for each in spectra).value == pytest.approx(whole.livetime.value)


def test_a_part_without_events_has_exposure_and_no_counts(store):
    whole = store.observation(1)
    first = whole.gti.start[0]
    times = np.sort(whole.events.time)
    gap = int(np.argmax(np.diff(times)))
    interval = Gti([times[gap] + 1e-3], [times[gap + 1] - 1e-3], whole.events.reference)
    dataset = reduce_any(part_of(store.observation(1), interval, "1_0"), PLAN)
    assert dataset.counts.sum() == dataset.counts_off.sum() == 0
    assert dataset.livetime > 0 * u.s
    assert (dataset.exposure.value > 0).any()
    assert times[gap] > first


def test_a_part_without_good_time_cannot_be_used(store):
    whole = store.observation(1)
    before = Gti(whole.gti.start - 100, whole.gti.start - 50, whole.gti.reference)
    with pytest.raises(ItemError, match="no good time of the run lies in the interval"):
        reduce_any(part_of(whole, before, "1_0"), PLAN)


def test_a_run_that_cannot_be_used_says_so_for_every_part(parts):
    plan = replace(PLAN, on_region=parse_region("icrs;circle(103.6,22.0,0.11)"))
    for part in parts:
        with pytest.raises(ItemError, match="on region outside the field of view"):
            reduce_any(part, plan)


def test_observations_in_memory_can_be_cut(store):
    run = store.observation(1)
    irfs = {kind: run.source.irf(kind) for kind in ("aeff", "edisp", "psf", "bkg")}
    copy = Observation.in_memory(1, run.events, run.gti, **irfs)
    half = Gti(run.gti.start, run.gti.start + 300, run.gti.reference)
    found = reduce_any(part_of(copy, half, "1_0"), PLAN)
    assert found.counts.tolist() == reduce_observation(run.select_time(half), PLAN).counts.tolist()


def test_maps_of_the_parts_add_up_to_the_map_of_their_run(store):
    plan = MapPlan(
        geometry=WcsGeometry.create(SkyCoord(83.633, 22.0145, unit="deg"), 2 * u.deg, 0.1 * u.deg),
        energy=Axis.from_energy_bounds("0.3 TeV", "20 TeV", nbin=4),
        energy_true=Axis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=8, name="energy_true"),
    )
    grid = TimeGrid(length=4 * u.min, start=START - 1 * u.min, number=20)
    cut = Observations(cut_runs(store, select(store, Selection(obs_ids=[1])), grid), store)
    maps = [reduce_any(part, plan) for part in cut]
    whole = reduce_any(store.observation(1), plan)
    assert len(maps) == 3
    assert sum(each.livetime for each in maps).value == pytest.approx(whole.livetime.value, rel=1e-9)
    np.testing.assert_array_equal(sum(each.counts for each in maps), whole.counts)
    # float32 of maps
    np.testing.assert_allclose(sum(each.background for each in maps), whole.background, rtol=1e-5)
    np.testing.assert_allclose(sum(each.exposure.value for each in maps), whole.exposure.value, rtol=1e-5)
    for each in maps:
        np.testing.assert_array_equal(each.safe, whole.safe)
