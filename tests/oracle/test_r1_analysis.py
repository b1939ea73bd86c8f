"""R1 of the reference results through the front door: the configuration file that the package ships, run as a whole.

`test_r1_reduction.py` and `test_r1_fit.py` hold the same numbers for the engine alone. Recorded with gammapy 2.1
(REFERENCE.md); tolerances as they stand there.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from gammapy_hli.analysis import Analysis

CONFIG = Path(__file__).parents[2] / "configs" / "crab-1d.yaml"
RUNS = ("23523", "23526", "23559", "23592")
STATED = {"index": 2.27, "amplitude": "4.8e-11 cm-2 s-1 TeV-1", "lambda_": "0.12 TeV-1"}
CUTOFF = {
    "fit": (
        86.118564,
        {"index": (2.2728244, 0.156585), "amplitude": (4.7908163e-11, 3.59846e-12), "lambda_": (0.12087416, 0.0537929)},
    ),
    "fit@stacked": (
        8.198093,
        {"index": (2.2964421, 0.155333), "amplitude": (4.7820365e-11, 3.53768e-12), "lambda_": (0.11391678, 0.0525644)},
    ),
}
POWER_LAW = (94.319583, {"index": (2.6313079, 0.0643638), "amplitude": (4.2652201e-11, 2.16722e-12)})

# e_ref [TeV], dnde, err, errp, errn, ul [cm-2 s-1 TeV-1], sqrt_ts
POINTS = (
    (0.659427, 1.132204e-10, 1.63234e-11, 1.70210e-11, 1.56428e-11, 1.486919e-10, 11.82447),
    (0.823265, 6.951221e-11, 7.22429e-12, 7.46163e-12, 7.00034e-12, 8.495776e-11, 17.84121),
    (1.027809, 3.822148e-11, 4.56006e-12, 4.73149e-12, 4.39130e-12, 4.803148e-11, 15.87969),
    (2.000000, 7.854570e-12, 1.23785e-12, 1.29907e-12, 1.17819e-12, 1.057809e-11, 11.85753),
    (4.858703, 7.440721e-13, 1.95386e-13, 2.11887e-13, 1.79601e-13, 1.202116e-12, 6.89188),
    (9.454491, 1.192179e-13, 5.29023e-14, 5.98977e-14, 4.66619e-14, 2.538450e-13, 3.75964),
    (14.736126, 7.685143e-15, 1.12892e-14, 1.50851e-14, 7.77131e-15, 4.642733e-14, 0.89168),
)
LIMITS = {22.968282: 1.140419e-14, 28.674847: 7.620748e-15, 35.799231: 5.024005e-15}


def stated(parameters):
    """The short form of a spectral model with every parameter held."""
    return {name: {"value": value, "frozen": True} for name, value in parameters.items()}


@pytest.fixture(scope="module")
def outdir(tmp_path_factory):
    """Folder of the session; the second one reads the reduction of the first from it."""
    return tmp_path_factory.mktemp("crab")


@pytest.fixture(scope="module")
def analysis(gammapy_data, outdir):
    """The shipped file, run; only the folder is another."""
    return Analysis(CONFIG, {"general.outdir": outdir}).run(until="flux_points")


@pytest.fixture(scope="module")
def at_stated(analysis, outdir):
    """The same with the model held at the stated parameters: labelled steps beside the others."""
    analysis["model@stated"].sources = {"crab": {"spectral": {"type": "ecpl", "reference": "1 TeV", **stated(STATED)}}}
    analysis["fit@stated"].inputs = {"models": "model@stated"}
    analysis["flux_points@stated"].inputs = {"fit": "fit@stated"}
    analysis["flux_points@stated"].source = "crab"
    analysis.steps = [step for step in analysis.steps if step != "report"] + [
        f"{step}@stated" for step in ("model", "fit", "flux_points")
    ]
    return analysis.run()


def read_summary(outdir):
    """Headline numbers of the session."""
    return json.loads((outdir / "summary.json").read_text())


def test_counts_are_exact(analysis, outdir):
    numbers = read_summary(outdir)["reduction"]
    assert (numbers["n_datasets"], numbers["n_dropped"], numbers["n_on"], numbers["n_off"]) == (4, 0, 550, 869)
    assert numbers["excess"] == pytest.approx(512.135, abs=1e-3)
    assert numbers["livetime_s"] == pytest.approx(6313.811659, rel=1e-9)
    assert analysis.datasets.names == RUNS
    assert [int(dataset.counts.sum()) for dataset in analysis.datasets] == [192, 201, 166, 141]
    assert [int(dataset.counts_off.sum()) for dataset in analysis.datasets] == [224, 228, 520, 502]


@pytest.mark.parametrize("step", CUTOFF)
def test_best_fit_of_the_cutoff_power_law(analysis, step):
    check_fit(analysis.product_of(step), *CUTOFF[step])


def test_best_fit_of_the_power_law(analysis):
    """The model is changed as an option; only the steps behind it run."""
    spectrum = {"type": "pl", "index": 2, "amplitude": "1e-12 cm-2 s-1 TeV-1"}
    analysis["model@pl"].sources = {"crab": {"spectral": spectrum}}
    analysis["fit@pl"].inputs = {"models": "model@pl"}
    steps = analysis.steps
    analysis.steps = [step for step in steps if step != "report"] + ["model@pl", "fit@pl"]
    analysis.run(until="fit@pl")
    analysis.steps = steps
    check_fit(analysis.product_of("fit@pl"), *POWER_LAW)


def check_fit(result, stat, expected):
    """Best-fit values within 0.01 of the error, errors within 2 %, statistic not above."""
    assert result.success, result.message
    assert result.stat <= stat + 1e-5  # the slack is the rounding of the reference
    for name, (value, error) in expected.items():
        found = result[f"crab.spectral.{name}"]
        assert found.value == pytest.approx(value, abs=0.01 * error)
        assert found.error == pytest.approx(error, rel=0.02)


def test_statistic_at_stated_parameters(at_stated):
    assert at_stated.product_of("fit@stated").stat == pytest.approx(86.133690, rel=1e-6)


def test_flux_points_at_stated_parameters(at_stated):
    points = at_stated.product_of("flux_points@stated")
    for e_ref, dnde, err, errp, errn, ul, sqrt_ts in POINTS:
        k = int(np.argmin(np.abs(points.e_ref - e_ref)))
        assert points.e_ref[k] == pytest.approx(e_ref, rel=1e-6)
        assert points.dnde[k].value == pytest.approx(dnde, rel=1e-4)
        assert points.dnde_err[k].value == pytest.approx(err, rel=1e-4)
        assert points.dnde_errp[k].value == pytest.approx(errp, rel=1e-3)
        assert points.dnde_errn[k].value == pytest.approx(errn, rel=1e-3)
        assert points.dnde_ul[k].value == pytest.approx(ul, rel=1e-4)
        assert points.sqrt_ts[k] == pytest.approx(sqrt_ts, rel=1e-4)


def test_bins_without_counts_have_a_limit_and_bins_below_the_safe_range_are_undefined(at_stated):
    points = at_stated.product_of("flux_points@stated")
    for e_ref, ul in LIMITS.items():
        assert points.dnde_ul[np.argmin(np.abs(points.e_ref - e_ref))].value == pytest.approx(ul, rel=1e-4)
    below = points.e_max < 0.6
    assert not points.success[below].any()
    assert np.isnan(points.norm[below]).all()


def test_the_session_on_disk_gives_the_same_products(analysis, outdir):
    other = Analysis.read(outdir)
    assert other.fit_result == analysis.fit_result
    assert other.product_of("flux_points") == analysis.product_of("flux_points")
