"""The light curve step: its intervals, its checks, its files; on a small simulated store."""

from dataclasses import replace

import numpy as np
import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import ConfigError, InputError
from gammapy_hli.engine.models.nuisance import Nuisance
from gammapy_hli.engine.models.parameter import Parameter
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
        ({"intervals": "ranges", "ranges": [["2024-01-10T00:00:00", {"mjd": 60321.0, "scale": "tdb"}]]}, 1),
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
        ({"ranges": [["2024-01-10", "2024-01-12"]]}, "light_curve.ranges: is not used by intervals selection"),
        ({"spectral_shape": "free"}, "light_curve.spectral_shape"),
        ({"periodogram": {"min_period": "2 h", "min_frequency": "1 Hz"}}, "leave no range"),
        (
            {"folding": {"period": "1 d", "epoch": "2024-01-10", "edges": [0, 1.5]}},
            "from 0 to 1.5 is more than one turn",
        ),
        ({"folding": {"epoch": "2024-01-10"}}, "light_curve.folding.frequency: a frequency or a period is needed"),
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


def test_everything_that_is_asked_for_is_in_the_product_and_its_files(analysis, tmp_path, caplog):
    setting = {
        "spectral_shape": "refit",
        "periodogram": {},
        "folding": {"epoch": {"mjd": 60319.0, "scale": "tdb"}, "period": "1 h", "bins": 25},
    }
    tool = Analysis({"light_curve": setting}).light_curve
    inputs = {"fit_result": analysis.fit_result, "datasets": analysis.product_of("reduction")}
    curve = tool.run(**inputs, observations=analysis.observations)
    assert list(curve.parts) == ["periodogram", "folded", "spectra"]
    assert curve.spectra.interval.tolist() == list(curve.interval)
    assert len(curve.folded) == 25
    assert "longer than a bin of phase" in caplog.text  # 3 min in bins of 2.4 min
    tool.write_product(curve, tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"crab{end}" for end in ("-folded.ecsv", "-periodogram.ecsv", "-spectra.ecsv", ".ecsv", ".fits")]
    assert tool.read_product(tmp_path) == curve
    numbers = tool.summary_numbers(curve)["crab"]
    assert numbers["spectra"]["parameters"] == ("index", "amplitude")
    assert len(numbers["folded"]["norm"]) == 25
    assert len(numbers["periodogram"]["best_frequency"]) == 1


def test_nuisances_of_the_fit_are_held(analysis):
    """A norm of 2 on all datasets halves the flux; the same spectrum refitted has half the amplitude."""
    scale = Nuisance("instrument", analysis.datasets.names, norm=Parameter("norm", 2.0))
    shifted = replace(analysis.fit_result, nuisances=(scale,))
    for setting in ({"intervals": "nights"}, {"intervals": "nights", "per_interval": "stack"}):
        tool = Analysis({"light_curve": {**setting, "spectral_shape": "refit"}}).light_curve
        plain, halved = (
            tool.run(fit_result=fit, datasets=analysis.product_of("reduction"))
            for fit in (analysis.fit_result, shifted)
        )
        assert halved.norm == pytest.approx(0.5 * plain.norm, rel=1e-3)
        assert halved.spectra.value[:, 1] == pytest.approx(0.5 * plain.spectra.value[:, 1], rel=1e-3)
        assert halved.spectra.value[:, 0] == pytest.approx(plain.spectra.value[:, 0], rel=1e-3)
