"""Template, schema, help and examples of the real tree: they agree with what the resolver accepts."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.yaml_reader import parse_yaml
from gammapy_hli.cli.main import main
from gammapy_hli.core.effective import effective_yaml
from gammapy_hli.core.resolve import resolve
from gammapy_hli.core.schema import json_schema
from gammapy_hli.core.sources import FileSource, TextSource
from gammapy_hli.core.template import template, uncomment
from gammapy_hli.core.walk import walk

ROOT = Path(__file__).parents[3]
CRAB_1D = """\
# crab-1d.yaml (R1)
config_version: 1
general: {outdir: crab-1d, n_jobs: 1, log_level: info}
steps: [selection, reduction, model, fit, fit@stacked, flux_points, report]
selection:
  datastore: $GAMMAPY_DATA/hess-dl3-dr1
  obs_ids: [23523, 23526, 23559, 23592]
reduction:
  type: spectrum                       # spectrum (1D) | image (2D) | map (3D)
  on_region: {circle: {center: "83.63 deg, 22.01 deg", radius: 0.11 deg}}
  energy: {min: 0.1 TeV, max: 40 TeV, per_decade: 10}
  energy_true: {min: 0.05 TeV, max: 100 TeV, per_decade: 20}
  containment_correction: true
  background:
    method: reflected                  # reflected | wobble | ring | fov | irf | off-runs | phase | none
    exclusion: {regions: ["galactic;circle(183.604,-8.708,0.5)"], pixel: 0.05 deg, width: 7.5 deg}   # rasterised, TAN, centred on the target; or mask: FILE
  safe_mask: {methods: [aeff-max], aeff_percent: 10}
model:
  sources:
    crab:
      spectral: {type: ecpl, index: 2, amplitude: 1e-12 cm-2 s-1 TeV-1, lambda_: 0.1 TeV-1, reference: 1 TeV}
fit: {energy_range: null, backend: minuit}
fit@stacked: {stack: true}
flux_points: {source: crab, inputs: {fit: fit}, energy: null, n_sigma: 1, n_sigma_ul: 2}   # energy: null = the reco bins
"""  # noqa: E501  the text of the design, letter by letter


def problems_of(text):
    return [str(problem) for problem in resolve(Analysis, [TextSource(text)]).problems]


def test_first_file_of_the_design_loads_as_it_stands_and_is_the_one_in_configs():
    ours = resolve(Analysis, [TextSource(CRAB_1D)], strict=True, complete=True)
    theirs = resolve(Analysis, [FileSource(ROOT / "configs" / "crab-1d.yaml")], strict=True, complete=True)
    assert [str(problem) for problem in ours.problems] == []
    assert ours.build().to_plain() == theirs.build().to_plain()
    assert ours.chain.links == theirs.chain.links
    assert ours.chain.links["flux_points"]["fit_result"] == ("fit",)


def test_example_of_the_command_is_the_file_in_configs(capsys):
    assert main(["config", "--example", "crab-1d"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert shown == yaml.safe_load((ROOT / "configs" / "crab-1d.yaml").read_text())


@pytest.mark.parametrize("level", ["basic", "all"])
def test_template_loads_with_no_problem_and_uncommented_says_the_defaults(level):
    text = template(Analysis, level=level)
    assert problems_of(text) == []
    active = resolve(Analysis, [TextSource(uncomment(text))])
    assert [str(problem) for problem in (*active.problems, *active.warnings)] == []
    assert active.changed() == ()
    values = resolve(Analysis, [TextSource(template(Analysis, level=level, values=True))])
    assert values.problems == ()
    assert values.changed() == ()


def test_template_shows_every_option_with_its_help():
    text = template(Analysis)
    for item in walk(Analysis):
        assert f"{item.name}:" in text, item.path


def test_template_goes_to_a_file_once(tmp_path, capsys):
    path = tmp_path / "t.yaml"
    assert main(["config", "template", "--steps", "selection", "reduction", "-o", str(path)]) == 0
    assert main(["config", "template", "-o", str(path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["config", "template", "-o", str(path), "--overwrite"]) == 0


def test_effective_configuration_reads_back_to_the_same_values():
    analysis = Analysis(ROOT / "configs" / "crab-1d.yaml")
    again = resolve(Analysis, [TextSource(effective_yaml(analysis))]).build()
    assert again.to_plain() == analysis.to_plain()


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(json.dumps(json_schema(Analysis)))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


GOOD = [
    CRAB_1D,
    "",
    "fit:\n",
    "fit@b: {stack: true}",
    "flux-points: {n-sigma: 2}",
    "selection: {obs_ids: [1, 2], cone: {center: '1 deg, 2 deg', radius: 1 deg}, time_start: 2020-01-01T00:00:00}",
    "selection: {columns: {QUALITY: {max: 0}, N_TELS: {in: [3, 4]}}, required_irfs: full-enclosure}",
    "reduction: {energy: {edges: [1 TeV, 2 TeV, 10 TeV]}, energy_true: {nbins: 10, per_decade: null}}",
    "reduction: {on_region: 'icrs;circle(83.63,22.01,0.3)', background: {method: none}}",
    "model: {file: models.yaml}",
    "model: {sources: {a: {spectral: {type: pl, index: {value: 2, min: 1, max: 4, frozen: true}}}}}",
    "model: {sources: {a: {spectral: lp, spatial: {type: point, lon_0: 1 deg, lat_0: 2 deg}}}}",
    "model: {sources: {a: {spectral: PowerLawSpectralModel}}}",
    "fit: {energy_range: [1 TeV, 10 TeV], minos: [all], tolerance: 1e-2}",
    "steps: [selection, reduction]",
    "general: {outdir: x, store: false}",
]
BAD = [
    "fits: {}",
    "fit: {stak: true}",
    "fit: {stack: 1}",
    "fit: {strategy: 3}",
    "fit: {strategy: 1.5}",
    "fit: {tolerance: '1'}",
    "selection: {obs_ids: [x]}",
    "selection: {required_irfs: [aef]}",
    "reduction: {type: spectrm}",
    "reduction: {energy: {min: 3}}",
    "reduction: {energy: {nbins: 3, per_decade: 4}}",
    "reduction: {background: {method: rng}}",
    "model: {sources: {a: {spectral: {type: plx}}}}",
    "model: {sources: {a: {spectral: {type: pl, indx: 2}}}}",
    "model: {sources: [a]}",
    "general: {log_level: loud}",
    "config_version: 0",
    "fit@: {}",
]


@pytest.mark.parametrize("text", GOOD)
def test_schema_and_resolver_accept_the_same(validator, text):
    assert problems_of(text) == []
    assert list(validator.iter_errors(parse_yaml(text, "text").plain())) == []


@pytest.mark.parametrize("text", BAD)
def test_schema_and_resolver_refuse_the_same(validator, text):
    assert problems_of(text) != []
    assert list(validator.iter_errors(parse_yaml(text, "text").plain())) != []


def test_schema_accepts_templates_and_written_configurations(validator):
    for text in (uncomment(template(Analysis)), effective_yaml(Analysis(ROOT / "configs" / "crab-1d.yaml"))):
        assert list(validator.iter_errors(parse_yaml(text, "text").plain())) == []


HELP = [
    *(["--help"], ["run", "--help"], ["run", "--help-all"], ["plan", "--help"], ["status", "--help"]),
    *([step, "--help"] for step in ("selection", "reduction", "model", "fit", "flux-points", "report")),
    *(["data-reduction", "--help"], ["optimise", "--help"], ["simulate", "--help"], ["demo", "--help"]),
    *(["config", action, "--help"] for action in ("template", "check", "show", "schema", "docs")),
    *(["config", "template"], ["config", "schema"], ["config", "docs"]),
]


def test_all_help_template_schema_and_reference_load_neither_numpy_nor_astropy():
    code = f"""
import contextlib, io, sys, time
from gammapy_hli.base.yaml_reader import parse_yaml
from gammapy_hli.cli.main import main
slow = []
for words in {HELP!r}:
    start = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main(words) == 0, words
    assert said.getvalue().strip(), words
    loaded = [name for name in ("numpy", "astropy", "scipy", "matplotlib") if name in sys.modules]
    assert not loaded, (words, loaded)
    if time.process_time() - start > 0.3:
        slow.append(words)
assert not slow, slow
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["run", "simulate"])
def test_help_keeps_to_the_width_of_the_terminal(command, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert main([command, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 80] == []


def test_help_tells_what_is_required_only_with_its_part(capsys):
    assert main(["run", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "obs-index.fits.gz. (required) --selection.obs_ids" in text
    assert "Center of the circle. (required with selection.cone)" in text


def test_help_of_a_step_shows_options_relative_to_it_with_unit_and_default(capsys):
    assert main(["reduction", "--help"]) == 0
    said = capsys.readouterr().out
    assert "--energy.min QUANTITY" in said
    assert "[TeV]" in said
    assert "(default 0.1 TeV)" in said
    assert "--reduction.energy.min" not in said


def test_problems_as_json(tmp_path, capsys):
    (tmp_path / "c.yaml").write_text("fit: {tolerence: 1}\n")
    assert main(["config", "check", str(tmp_path / "c.yaml"), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    problem = next(problem for problem in found if problem["path"] == "fit.tolerence")
    assert (problem["line"], problem["column"], problem["code"]) == (1, 7, "unknown-key")
    assert "tolerance" in problem["hint"]


def test_history_of_an_option_shows_all_who_set_it(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("fit: {tolerance: 0.2}\n")
    Path("b.yaml").write_text("extends: [a.yaml]\nfit: {tolerance: 0.3}\n")
    assert main(["config", "show", "b.yaml", "--history", "fit.tolerance", "--fit.tolerance", "0.4"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "0.1  # default",
        "0.2  # a.yaml:1:18",
        "0.3  # b.yaml:2:18",
        "0.4  # command line (--fit.tolerance)",
    ]
