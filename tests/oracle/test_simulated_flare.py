"""A simulated flare with a known profile comes back through selection, reduction, fit and light curve; one fixed seed.

Forty of them: tests/bench/check_light_curves.py.
"""

import astropy.units as u
import numpy as np
import pytest
from scipy.stats import chi2

from gammapy_hli.analysis import Analysis
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.simulate.plan import SimulationPlan

from .flare_store import Flare, simulate_flare

LENGTH = 240.0
FLARE = Flare(base=0.1, start=960.0, peak=1440.0, stop=1920.0)


@pytest.fixture(scope="module")
def curve_and_truth(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flare") / "store"
    source = SkyModel("crab", PowerLawSpectralModel(index=2.6, amplitude=6e-10))
    plan = SimulationPlan(Models(source), n_runs=2, gap=0 * u.s, livetime=22.32 * u.min, seed=7)
    simulate_flare(folder, plan, FLARE)
    options = {
        "general.store": False,
        "steps": ["selection", "reduction", "model", "fit", "light_curve"],
        "selection": {"datastore": str(folder), "intervals": {"length": f"{LENGTH} s", "number": 12}},
        "reduction": {
            "on_region": "icrs;circle(83.633,22.0145,0.11)",
            "energy": {"min": "0.3 TeV", "max": "20 TeV", "per_decade": 8},
            "energy_true": {"min": "0.1 TeV", "max": "60 TeV", "per_decade": 20},
        },
        "model.sources": {"crab": {"spectral": {"type": "pl", "index": 2.6, "amplitude": "3e-11 cm-2 s-1 TeV-1"}}},
    }
    curve = Analysis(options).run().product_of("light_curve")
    start = LENGTH * np.arange(12)
    peak = source.spectral.integral(curve.e_min[0] * u.TeV, curve.e_max[0] * u.TeV).to_value("cm-2 s-1")
    return curve, FLARE.mean(start, start + LENGTH) * peak


def test_fluxes_are_those_of_the_profile(curve_and_truth):
    curve, truth = curve_and_truth
    flux, up, down = (curve.quantity("flux", end).value[:, 0] for end in ("", "_errp", "_errn"))
    pulls = (flux - truth) / np.where(truth > flux, up, down)
    assert chi2.sf(np.sum(pulls**2), len(pulls)) > 0.01
    assert flux.sum() / truth.sum() == pytest.approx(1, abs=3 * np.sqrt(np.sum(up**2)) / truth.sum())


def test_doubling_and_halving_times_are_those_of_the_profile(curve_and_truth):
    numbers = curve_and_truth[0].variability
    assert numbers.doubling_time[0] == pytest.approx(FLARE.doubling_time, abs=3 * numbers.doubling_time_err[0])
    assert numbers.halving_time[0] == pytest.approx(FLARE.halving_time, abs=3 * numbers.halving_time_err[0])
    assert numbers.doubling_time_err[0] < 0.25 * FLARE.doubling_time
    assert numbers.p_value[0] < 1e-30
