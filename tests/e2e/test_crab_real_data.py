"""The first analysis on real data: configs/crab-1d.yaml by the command and in Python. Skips without GAMMAPY_DATA."""

import json
from pathlib import Path

import numpy as np
import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.cli.main import main

CONFIG = Path(__file__).parents[2] / "configs" / "crab-1d.yaml"
STEPS = ["selection", "reduction", "model", "fit", "fit@stacked", "flux_points"]


@pytest.fixture(scope="module")
def crab(gammapy_data, tmp_path_factory):
    """Output folder of the command."""
    outdir = tmp_path_factory.mktemp("crab") / "crab-1d"
    assert main(["run", "-c", str(CONFIG), "--outdir", str(outdir), "-q"]) == 0
    return outdir


@pytest.fixture(scope="module")
def summary(crab):
    return json.loads((crab / "summary.json").read_text())


def test_counts_are_those_of_the_reference(summary):
    reduction = summary["reduction"]
    assert summary["selection"] == {"n_observations": 4}
    assert (reduction["n_datasets"], reduction["n_dropped"]) == (4, 0)
    assert (reduction["n_on"], reduction["n_off"]) == (550, 869)
    assert reduction["counts"] == reduction["n_on"]
    assert reduction["livetime_s"] == pytest.approx(6313.81, abs=0.01)


def test_every_step_has_its_numbers(summary):
    assert set(summary) >= {*STEPS} - {"model"}
    assert summary["fit"]["success"]
    assert summary["fit@stacked"]["success"]
    assert set(summary["fit"]["parameters"]) == {f"crab.spectral.{name}" for name in ("index", "amplitude", "lambda_")}
    points = summary["flux_points"]["crab"]
    assert {len(values) for values in points.values()} == {27}  # 10 bins a decade from 0.1 TeV to 40 TeV, rounded up


def test_python_gives_the_numbers_of_the_command_to_the_last_digit(crab, summary, gammapy_data):
    analysis = Analysis(CONFIG, {"general.store": False, "steps": STEPS})
    points = analysis.select_observations().reduce_data().run(until="fit").spectral_points("crab")
    fitted = {p.name: (p.value, p.error) for p in analysis.fit_result.parameters if not p.frozen}
    wanted = summary["fit"]["parameters"]
    assert fitted == {name: (found["value"], found["error"]) for name, found in wanted.items()}
    assert analysis.fit_result.stat == summary["fit"]["stat"]
    upper = [None if np.isnan(value) else value for value in points.dnde_ul.to_value("cm-2 s-1 TeV-1")]
    assert upper == summary["flux_points"]["crab"]["dnde_ul"]


def test_second_run_executes_no_step(crab, capsys):
    assert main(["run", "-c", str(CONFIG), "--outdir", str(crab), "-q"]) == 0
    said = capsys.readouterr().out
    assert said.count("up to date") == 7
    assert " done" not in said


def test_page_shows_the_source(crab):
    assert "crab" in (crab / "report" / "index.html").read_text(encoding="utf-8")
