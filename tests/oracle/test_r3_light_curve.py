"""R3 of the reference results through the front door: PKS 2155-304 cut into intervals of 10 min, by the shipped file.

Recorded with gammapy 2.1 (REFERENCE.md). Its norms are where migrad stopped, up to 0.004 of an error from the minimum
that the solver here finds, so fluxes of the curve are held to 0.01 of the error (the tolerance of best fits), Fvar and
Fpp to 1e-3; the statistic at stated parameters, where nothing is fitted, to 1e-6.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.products.light_curve import LightCurve

CONFIG = Path(__file__).parents[2] / "configs" / "pks2155-flare.yaml"
STATED = {"index": 3.54, "amplitude": "9.5e-11 cm-2 s-1 TeV-1"}
FIRST_STATS = (5.665694, 7.057232, 4.470891, 22.922208, 36.550453)
# flux, err, ul [cm-2 s-1], sqrt_ts by interval
LOW = {
    2: (1.574992e-10, 2.08472e-11, 2.02827e-10, 14.7644),
    3: (1.404972e-10, 1.41078e-11, 1.70564e-10, 19.4607),
    4: (1.545162e-10, 1.46856e-11, 1.85749e-10, 21.5072),
}
HIGH = {
    0: (4.738087e-11, 7.16024e-12, 6.29874e-11, 10.9311),
    1: (5.522955e-11, 7.45333e-12, 7.14344e-11, 13.7680),
    2: (6.990941e-11, 9.12277e-12, 8.97298e-11, 15.3884),
    3: (7.680208e-11, 8.35042e-12, 9.47149e-11, 18.3729),
    4: (1.289141e-10, 1.07629e-11, 1.51675e-10, 24.7724),
}


@pytest.fixture(scope="module")
def outdir(tmp_path_factory):
    return tmp_path_factory.mktemp("flare")


@pytest.fixture(scope="module")
def analysis(gammapy_data, outdir):
    """The shipped file, run; only the folder is another."""
    return Analysis(CONFIG, {"general.outdir": outdir}).run(until="light_curve")


@pytest.fixture(scope="module")
def at_stated(analysis):
    """The light curve with the model held at the stated parameters."""
    frozen = {name: {"value": value, "frozen": True} for name, value in STATED.items()}
    analysis["model@stated"].sources = {"pks2155": {"spectral": {"type": "pl", "reference": "1 TeV", **frozen}}}
    analysis["fit@stated"].inputs = {"models": "model@stated"}
    analysis["light_curve@stated"].inputs = {"fit": "fit@stated"}
    analysis.steps = ["selection", "reduction", "model", "fit", "light_curve"] + [
        f"{step}@stated" for step in ("model", "fit", "light_curve")
    ]
    return analysis.run().product_of("light_curve@stated")


def test_34_intervals_give_44_datasets(analysis, outdir):
    assert len(analysis.datasets) == len(analysis.observations) == 44
    assert analysis.datasets.names[:5] == ("33787_0", "33787_1", "33787_2", "33788_2", "33788_3")
    assert json.loads((outdir / "summary.json").read_text())["selection"] == {"n_observations": 44, "n_runs": 12}
    reasons = {int(row["obs_id"]): row["reason"] for row in analysis.observations.table.table}
    assert "outside all intervals" in reasons[33799]
    assert "outside all intervals" in reasons[47802]


def test_statistic_at_stated_parameters(analysis, at_stated):
    assert analysis.product_of("fit@stated").stat == pytest.approx(2372.709826, rel=1e-6)
    likelihood = compile(analysis.datasets, analysis.product_of("fit@stated").models)
    found = list(likelihood.stat_per_dataset(likelihood.theta0).values())
    assert found[:5] == pytest.approx(FIRST_STATS, rel=1e-6)


def test_best_fit(analysis):
    result = analysis.fit_result
    assert result.success
    assert result.stat <= 2372.607645 + 1e-5  # the slack is the rounding of the reference
    for name, value, error in (("index", 3.5392629, 0.0262087), ("amplitude", 9.4671729e-11, 1.69662e-12)):
        found = result[f"pks2155.spectral.{name}"]
        assert found.value == pytest.approx(value, abs=0.01 * error)
        assert found.error == pytest.approx(error, rel=0.02)


def test_bands_land_on_edges_of_the_axis(at_stated):
    assert at_stated.e_min == pytest.approx([0.5915, 0.8747], rel=1e-4)
    assert at_stated.e_max == pytest.approx([0.8747, 20.0], rel=1e-4)


@pytest.mark.parametrize(("band", "rows"), [(0, LOW), (1, HIGH)], ids=["low", "high"])
def test_fluxes_at_stated_parameters(at_stated, band, rows):
    for k, (flux, err, ul, sqrt_ts) in rows.items():
        assert at_stated.flux[k, band].value == pytest.approx(flux, abs=0.01 * err)
        assert at_stated.flux_err[k, band].value == pytest.approx(err, rel=1e-3)
        assert at_stated.flux_ul[k, band].value == pytest.approx(ul, rel=1e-4)
        assert at_stated.sqrt_ts[k, band] == pytest.approx(sqrt_ts, rel=1e-4)


def test_bands_below_the_threshold_are_undefined_with_a_reason(at_stated):
    assert np.isnan(at_stated.flux[:2, 0].value).all()
    assert not at_stated.success[:2, 0].any()
    assert all("below the threshold" in reason for reason in at_stated.reason[:2])
    assert not any(at_stated.reason[2:])


def test_variability(at_stated):
    numbers = at_stated.variability
    assert numbers.fvar == pytest.approx([0.547269, 0.614276], rel=1e-3)
    assert numbers.fvar_err == pytest.approx([0.022950, 0.024938], rel=1e-3)
    assert numbers.fpp == pytest.approx([0.245734, 0.369506], rel=1e-3)
    assert numbers.fpp_err == pytest.approx([0.024131, 0.025512], rel=1e-3)
    assert (numbers.p_value < 1e-50).all()


@pytest.mark.parametrize("suffix", ["fits", "ecsv"])
def test_files_hold_the_curve(analysis, outdir, suffix):
    path = outdir / "light_curve" / f"pks2155.{suffix}"
    assert LightCurve.read(path) == analysis.product_of("light_curve")
