"""The light curve step: its intervals, its checks, its files; on a small simulated store."""

import numpy as np
import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import ConfigError, InputError
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.products.light_curve import LightCurve
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.store import simulate_store

SPECTRUM = {"type": "pl", "index": 2.6, "amplitude": "3.5e-11 cm-2 s-1 TeV-1"}


def options(folder, **more):
    return {
        "general": {"outdir": str(folder / "out")},
        "steps": ["selection", "reduction", "model", "fit", "light_curve"],
        "selection": {"datastore": str(folder / "store")},
        "reduction": {
            "on_region": "icrs;circle(83.633,22.0145,0.11)",
            "energy": {"min": "0.2 TeV", "max": "20 TeV", "per_decade": 5},
            "energy_true": {"min": "0.1 TeV", "max": "40 TeV", "per_decade": 10},
        },
        "model": {
            "sources": {"crab": {"spectral": {"type": "pl", "index": 2.6, "amplitude": "3.5e-11 cm-2 s-1 TeV-1"}}}
        },
        **more,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("curve")
    source = SkyModel("crab", PowerLawSpectralModel(index=2.6, amplitude=3.5e-11))
    simulate_store(made / "store", SimulationPlan(Models(source), n_runs=3, livetime="8 min", seed=4))
    return made


@pytest.fixture(scope="module")
def analysis(folder):
    """Runs of 8 min cut into pieces of 3 min."""
    cut = Analysis(options(folder), {"selection": {"intervals": {"length": "3 min"}}})
    return cut.run()


def test_rows_are_the_intervals_of_the_selection(analysis, folder):
    curve = analysis.product_of("light_curve")
    assert [name for row in curve.members for name in row.split()] == analysis.observations.names
    assert curve.interval == tuple(dict.fromkeys(name.split("_")[1] for name in analysis.observations.names))
    assert np.allclose((curve.time_max - curve.time_min) * 86400, 180, atol=1e-4)
    assert LightCurve.read(folder / "out" / "light_curve" / "crab.ecsv") == curve


@pytest.mark.parametrize(
    ("setting", "n_rows"),
    [
        ({"intervals": "runs"}, 3),
        ({"intervals": "nights"}, 1),
        ({"intervals": "length", "length": "1 d"}, 1),
        ({"intervals": "edges", "edges": ["2024-01-10T00:00:00", "2024-01-12T00:00:00"]}, 1),
        ({"intervals": "nights", "per_interval": "stack"}, 1),
        ({"intervals": "bayesian-blocks", "false_alarm": 1e-6}, 1),
    ],
    ids=lambda value: value["intervals"] if isinstance(value, dict) else "",
)
def test_other_intervals_put_datasets_together(analysis, setting, n_rows):
    tool = Analysis({"light_curve": setting}).light_curve
    curve = tool.run(fit_result=analysis.fit_result, datasets=analysis.product_of("reduction"))
    assert len(curve) == n_rows
    assert curve.livetime.sum() == pytest.approx(3 * 480)
    assert curve.success.all()


def test_the_curve_agrees_with_the_fit_where_there_is_one_interval(analysis):
    tool = Analysis({"light_curve": {"intervals": "nights"}}).light_curve
    curve = tool.run(fit_result=analysis.fit_result, datasets=analysis.product_of("reduction"))
    assert curve.norm == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"intervals": "length"}, "light_curve.length: is needed for intervals length"),
        ({"length": "3 min"}, "light_curve.length: is not used by intervals selection"),
        ({"intervals": "run"}, "did you mean 'runs'"),
        ({"edges": ["2024-01-10T00:00:00", {"mjd": 60000.0}], "intervals": "edges"}, "no scale is given"),
        ({"energy_edges": ["2 TeV", "1 TeV"]}, "light_curve.energy_edges"),
        ({"source": "vela"}, "'vela' is not a source of the model"),
    ],
)
def test_mistakes_are_told_before_any_work(folder, setting, words):
    with pytest.raises(ConfigError) as error:
        Analysis(options(folder), {"light_curve": setting}).check_ready()
    assert words in str(error.value)


def test_a_folder_of_two_curves_is_refused(tmp_path):
    for name in ("a.fits", "b.fits"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=r"2 files of light curves; expected one\. Run the step again"):
        Analysis().light_curve.read_product(tmp_path)
