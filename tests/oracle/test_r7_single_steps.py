"""R7 of the reference results: single steps of the 1D reduction on two H.E.S.S. runs, as in gammapy's own tests."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.reduce.reflected import ReflectedRegions
from gammapy_hli.engine.reduce.response_background import ResponseBackground
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan
from gammapy_hli.engine.reduce.spectrum import SpectrumPlan, reduce_observation

RUNS = (23523, 23526)
CENTER = SkyCoord(83.63, 22.01, unit="deg")


@pytest.fixture(scope="module")
def observations(gammapy_data):
    store = DataStore.open(gammapy_data / "hess-dl3-dr1")
    return [store.observation(run) for run in RUNS]


@pytest.fixture
def plan():
    """Four bins from 1 to 100 TeV, ten of true energy from 0.316 to 100 TeV, on region of 0.11 deg."""
    return SpectrumPlan(
        on_region=parse_region("icrs;circle(83.63,22.01,0.11)"),
        energy=Axis.from_edges(np.logspace(0, 2, 5) * u.TeV),
        energy_true=Axis.from_edges(np.logspace(-0.5, 2, 11) * u.TeV, name="energy_true"),
        background=ResponseBackground(),
        safe_mask=SafeMaskPlan(methods=()),
    )


@pytest.mark.parametrize(("index", "counts", "livetime"), [(0, 100, 1581.736758), (1, 92, 1572.686724)])
def test_counts_and_livetime(observations, plan, index, counts, livetime):
    dataset = reduce_observation(observations[index], plan)
    assert dataset.counts.sum() == counts
    assert dataset.livetime.value == pytest.approx(livetime, rel=2e-8)  # 3e-5 s above what is recorded


@pytest.mark.parametrize(
    ("use_region_center", "expected"), [(True, (7.747881, 5.731845)), (False, (7.7429157, 5.7316340))]
)
def test_background_of_the_response_files(observations, plan, use_region_center, expected):
    plan = replace(plan, use_region_center=use_region_center)
    found = [reduce_observation(observation, plan).background.sum() for observation in observations]
    assert found == pytest.approx(expected, rel=1e-5)


def test_exposure_averaged_over_the_region(observations, plan):
    plan = replace(plan, use_region_center=False)
    found = [reduce_observation(observation, plan).exposure.value.sum() for observation in observations]
    assert found == pytest.approx([7.3111e9, 6.634534e9], rel=1e-5)  # the first is given with five digits


def test_effective_area_and_containment(observations, plan):
    plan = replace(
        plan,
        energy=Axis.from_edges(np.logspace(-2, 2, 73) * u.TeV),
        energy_true=Axis.from_edges(np.logspace(-2, 2.5, 109) * u.TeV, name="energy_true"),
        background=None,
    )
    log_energy = np.log(plan.energy_true.center.to_value("TeV"))
    for is_corrected, expected in ((False, 580254.9), (True, 375314.356)):
        dataset = reduce_observation(observations[0], replace(plan, containment_correction=is_corrected))
        areas = (dataset.exposure / dataset.livetime).to_value("m2")
        area = np.interp(np.log(5), log_energy, areas)
        assert area == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("index", "n_off"), [(0, 76), (1, 60)])
def test_reflected_regions(observations, plan, index, n_off):
    exclusion = ExclusionMask.from_regions(
        ["icrs;circle(83.63,22.01,0.3)"], CENTER, pixel=0.02 * u.deg, width=10 * u.deg
    )
    plan = replace(plan, background=ReflectedRegions(), exclusion=exclusion)
    dataset = reduce_observation(observations[index], plan)
    assert len(dataset.regions_off) == 11
    assert dataset.counts_off.sum() == n_off
