"""One small analysis of simulated runs, made once, whose products the tests put together in many ways."""

from types import SimpleNamespace

import astropy.units as u
import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.engine.models.models_yaml import parse_short
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.store import simulate_store

POWER_LAW = {"type": "pl", "amplitude": "3e-11 cm-2 s-1 TeV-1", "index": 2.4, "reference": "1 TeV"}


@pytest.fixture(scope="session")
def small_store(tmp_path_factory):
    """A store of three short runs on a bright source."""
    folder = tmp_path_factory.mktemp("store")
    truth = parse_short({"crab": {"spectral": POWER_LAW}})
    simulate_store(folder, SimulationPlan(truth, n_runs=3, livetime=10 * u.min, seed=5))
    return folder


@pytest.fixture(scope="session")
def small_config(small_store):
    """Options of an analysis of the store, in memory."""
    return {
        "general": {"store": False},
        "steps": ["selection", "reduction", "model", "fit", "fit@stacked", "flux_points", "report"],
        "selection": {"datastore": str(small_store), "obs_ids": [1, 2]},
        "reduction": {
            "on_region": {"circle": {"center": "83.633 deg, 22.0145 deg", "radius": "0.11 deg"}},
            "energy": {"min": "0.2 TeV", "max": "20 TeV", "per_decade": 5},
            "background": {"exclusion": {"regions": ["icrs;circle(83.633,23.2,0.2)"]}},
        },
        "model": {"sources": {"crab": {"spectral": {**POWER_LAW, "index": 2}}}},
        "fit@stacked": {"stack": True},
        "flux_points": {"inputs": {"fit": "fit"}, "energy": {"min": "0.3 TeV", "max": "10 TeV", "nbins": 4}},
    }


@pytest.fixture(scope="session")
def products(small_config):
    """Products of all steps."""
    analysis = Analysis(small_config).run(until="flux_points")
    return SimpleNamespace(
        observations=analysis.observations,
        reduction=analysis.product_of("reduction"),
        models=analysis.models,
        fit=analysis.fit_result,
        stacked=analysis.product_of("fit@stacked"),
        points=analysis.product_of("flux_points"),
    )
