"""``config to-script`` and ``config to-notebook``: what they write is the same analysis, and gives the same files."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from gammapy_hli import Analysis
from gammapy_hli.assistant.cells import analysis_cells
from gammapy_hli.cli.config import EXAMPLES
from gammapy_hli.cli.main import main
from gammapy_hli.engine.models.models_yaml import parse_short

MORE = """\
steps: [selection, reduction, model, fit, fit@stacked, flux_points, flux_points@high, light_curve, report]
fit@stacked: {stack: true}
flux_points: {inputs: {fit_result: fit}}
flux_points@high: {inputs: {fit_result: fit@stacked}, energy: {min: 1 TeV}, n_sigma_ul: 3}
light_curve: {inputs: {fit_result: fit}, intervals: runs}
"""


def run_python(*words):
    """Run Python in the working directory; what it prints."""
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


def test_script_makes_the_files_of_the_command_line(place, hli, products):
    Path("more.yaml").write_text(f"extends: sim.yaml\n{MORE}", encoding="utf-8")
    assert hli("config", "to-script", "more.yaml", "-o", "analysis.py").code == 0
    said = run_python("analysis.py")
    assert "crab.spectral.index" in said
    assert "FluxPoints" in said
    made = products("out")
    assert said.splitlines()[-1] == "out/report/index.html"
    again = run_python("analysis.py")  # what is there already is shown all the same
    assert again == said
    shutil.rmtree("out")
    assert hli("run", "-c", "more.yaml", "-q").code == 0
    assert "report/index.html" in made
    assert made == products("out")


def test_notebook_makes_the_files_of_the_command_line(place, hli, products, finished_session, monkeypatch):
    for variable in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(variable, str(place / variable.lower()))
    assert hli("config", "to-notebook", "sim.yaml", "-o", "analysis.ipynb").code == 0
    notebook = nbformat.read("analysis.ipynb", as_version=4)
    nbformat.validate(notebook)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": os.getcwd()}}
    ).execute()
    shown = [
        output.data["text/html"] for cell in notebook.cells for output in cell.get("outputs", ()) if "data" in output
    ]
    assert len(shown) == 5
    assert "crab.spectral.index" in shown[3]
    assert products("out") == products(finished_session / "out")


def test_script_of_a_session_says_what_differs_from_the_defaults_and_reruns_nothing(session, hli, all_states):
    outcome = hli("config", "to-script", "--outdir", "out")
    assert outcome.code == 0
    Path("again.py").write_text(outcome.out, encoding="utf-8")
    assert 'analysis.reduction.energy = {"per_decade": 5}' in outcome.out  # min and max are the defaults
    before = all_states("out/fit")
    run_python("again.py")
    assert all_states("out/fit") == before


def test_script_of_a_session_holds_the_model_that_was_made_in_python(place, hli, products):
    text = Path("sim.yaml").read_text(encoding="utf-8").partition("model:")[0].replace(", fit, flux_points", "")
    Path("sim.yaml").write_text(text.replace(", model", ""), encoding="utf-8")
    spectral = {"type": "pl", "index": {"value": 2, "min": 1, "max": 4}, "amplitude": "1e-11 cm-2 s-1 TeV-1"}
    models = parse_short({"crab": {"spectral": spectral}})
    Analysis("sim.yaml").select_observations().reduce_data().set_models(models).optimise()
    assert hli("config", "to-script", "--outdir", "out", "--general.outdir", "out", "-o", "again.py").code == 0
    wanted = products("out")
    shutil.rmtree("out")
    run_python("again.py")
    assert products("out") == wanted


def test_script_for_another_folder_finds_its_inputs(place, hli):
    Path("deep").mkdir()
    assert hli("config", "to-script", "sim.yaml", "-o", "deep/analysis.py").code == 0
    assert 'analysis.selection.datastore = "../store"' in Path("deep/analysis.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EXAMPLES)
def test_scripts_of_the_examples_are_formatted_and_set_what_the_example_sets(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["config", "--example", name, "-o", "example.yaml"]) == 0
    assert main(["config", "to-script", "example.yaml", "-o", "analysis.py"]) == 0
    wanted = Analysis("example.yaml")
    scope = {"Analysis": Analysis}
    monkeypatch.setattr(Analysis, "_run_one", lambda self, *rest: self)
    monkeypatch.setattr(Analysis, "product_of", lambda self, step: None)
    exec("\n".join(cell.code for cell in analysis_cells(wanted, tmp_path)), scope)
    assert scope["analysis"].to_plain(only_set=True) == wanted.to_plain(only_set=True)
    ruff = [sys.executable, "-m", "ruff", "format", "--check", "--isolated", "--line-length", "120", "analysis.py"]
    assert subprocess.run(ruff, capture_output=True, check=False).returncode == 0


def test_existing_file_is_kept_unless_allowed(place, hli):
    Path("analysis.py").write_text("mine\n", encoding="utf-8")
    refused = hli("config", "to-script", "sim.yaml", "-o", "analysis.py")
    assert refused.code == 2
    assert "analysis.py is there already. Choose another name, or allow it with --overwrite" in refused.err
    assert Path("analysis.py").read_text(encoding="utf-8") == "mine\n"
    assert hli("config", "to-script", "sim.yaml", "-o", "analysis.py", "--overwrite").code == 0
    assert hli("config", "to-script", "sim.yaml", "-o", "nowhere/analysis.py").code == 2


def test_mistakes_of_the_configuration_are_told_and_nothing_is_written(place, hli):
    Path("bad.yaml").write_text("reduction: {energi: 1}\n", encoding="utf-8")
    refused = hli("config", "to-notebook", "sim.yaml", "-c", "bad.yaml", "-o", "a.ipynb")
    assert refused.code == 2
    assert "bad.yaml:1:13: unknown key 'reduction.energi'. Did you mean 'energy'?" in refused.err
    assert not Path("a.ipynb").exists()
