"""What is drawn is what reduction and prediction expect: files, sampling and reduction together."""

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.predict.spectrum import response_matrix
from gammapy_hli.engine.reduce.reflected import ReflectedRegions
from gammapy_hli.engine.reduce.response_background import expected_background
from gammapy_hli.engine.reduce.spectrum import SpectrumPlan, reduce_observation
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.store import simulate_store

SPECTRUM = PowerLawSpectralModel(index=2.6, amplitude=3.5e-11)
PLAN = SpectrumPlan(
    on_region=parse_region("icrs;circle(83.633,22.0145,0.11)"),
    # bins so fine that the background is a power law between their edges; with 5 per decade 4 % are lost near threshold
    energy=Axis.from_energy_bounds("0.2 TeV", "20 TeV", per_decade=20),
    energy_true=Axis.from_energy_bounds("0.05 TeV", "125 TeV", per_decade=40, name="energy_true"),
    containment_correction=True,
    background=ReflectedRegions(),
)


def reduce_long_run(folder, models, **options):
    """One run of 20 h, its spectrum and the background of its response file in the on region."""
    simulate_store(folder, SimulationPlan(Models(models), n_runs=1, livetime=20 * u.h, seed=5, **options))
    observation = DataStore.open(folder).observation(1)
    return reduce_observation(observation, PLAN), expected_background(observation, PLAN)


def assert_poisson(counts, expected):
    used = expected > 5
    chi2 = ((counts - expected)[used] ** 2 / expected[used]).sum()
    assert chi2 < used.sum() + 3.5 * np.sqrt(2 * used.sum())
    assert counts.sum() == pytest.approx(expected.sum(), abs=3.5 * np.sqrt(expected.sum()))


def test_on_counts_of_a_source_are_predicted(tmp_path):
    dataset, background = reduce_long_run(tmp_path, [SkyModel("crab", SPECTRUM)])
    flux = SPECTRUM.bin_flux(PLAN.energy_true.edges_value("TeV"), SPECTRUM.values)
    assert_poisson(dataset.counts, flux @ response_matrix(dataset) + background)


@pytest.mark.parametrize("kind", ["3d", "2d"])
def test_on_and_off_counts_without_a_source_are_those_of_the_background_file(tmp_path, kind):
    dataset, background = reduce_long_run(tmp_path, [], background_kind=kind)
    assert_poisson(dataset.counts, background)
    assert_poisson(dataset.counts_off, background / dataset.alpha)
