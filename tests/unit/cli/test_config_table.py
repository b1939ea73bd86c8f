"""Every row of the table of CONFIG.md section 5, on the real tree: as a file, on the command line and in Python."""

import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import ConfigError
from gammapy_hli.cli.main import main
from gammapy_hli.core.resolve import resolve
from gammapy_hli.core.sources import CommandLine, FileSource

BASE = """\
general: {outdir: out}
selection: {datastore: store, obs_ids: [1]}
reduction:
  on_region: {circle: {center: "83.63 deg, 22.01 deg", radius: 0.11 deg}}
model: {sources: {crab: {spectral: {type: pl, index: 2}}}}
"""


@pytest.fixture
def from_file(tmp_path, monkeypatch):
    """Resolve the base configuration and then a file with this text."""
    monkeypatch.chdir(tmp_path)

    def read(text):
        (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")
        (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
        return resolve(Analysis, [FileSource("base.yaml"), FileSource("c.yaml")], complete=True)

    return read


def told(resolved):
    return "\n".join(str(problem) for problem in resolved.problems)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("reducton: {type: spectrum}", "c.yaml:1:1: unknown key 'reducton'. Did you mean 'reduction'?"),
        ("Reduction: {type: spectrum}", "c.yaml:1:1: unknown key 'Reduction'. Did you mean 'reduction'?"),
        ("fluxpoints: {source: crab}", "c.yaml:1:1: unknown key 'fluxpoints'. Did you mean 'flux_points'?"),
        ("energy: {min: 1 TeV}", "c.yaml:1:1: unknown key 'energy'. Did you mean 'reduction.energy'?"),
        ("reduction: {selection: {obs_ids: [1]}}", "unknown key 'reduction.selection'. Did you mean 'selection'?"),
        ("reduction: {safe_mask: {metods: [aeff-max]}}", "unknown key 'reduction.safe_mask.metods'. Did you mean"),
        ("flux_point@high: {n_sigma: 2}", "unknown key 'flux_point@high'. Did you mean 'flux_points@high'?"),
        ("reduction: {geometry: {binsz: 1 deg}}", "unknown key 'reduction.geometry.binsz'. Known here: center"),
        ("model: {sources: {crab: {spectrl: {type: pl}}}}", "'model.sources.crab.spectrl'. Did you mean 'spectral'?"),
    ],
)
def test_misspelt_or_misplaced_section_is_an_error_with_a_suggestion(from_file, text, sentence):
    assert sentence in told(from_file(text))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--reducton.type", "spectrum"], "unknown key 'reducton'. Did you mean 'reduction'?"),
        (["--energi.min", "1 TeV"], "unknown key 'energi'. Did you mean 'reduction.energy'?"),
        (["--fit.stack", "true", "--fit.stak", "true"], "unknown key 'fit.stak'. Did you mean 'stack'?"),
        (["stray"], "unexpected word 'stray'"),
        (["--selection.obs-ids", "1", "x", "3"], "'x' is not a whole number"),
    ],
)
def test_mistakes_on_the_command_line_are_errors_with_a_suggestion(from_file, capsys, words, sentence):
    from_file("")
    assert main(["plan", "-c", "base.yaml", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_list_on_the_command_line_takes_all_words(from_file, capsys):
    from_file("")
    assert main(["config", "show", "base.yaml", "--changed", "--selection.obs_ids", "1", "2", "3"]) == 0
    assert "selection.obs_ids: [1, 2, 3]" in capsys.readouterr().out


UNITS = [
    ("reduction.energy.min", "1 m", "'1 m' has unit m (length); expected a unit convertible to TeV (energy)"),
    ("reduction.energy.min", "300", "300 has no unit"),
    ("reduction.energy.min", "1 2 TeV", "1 2 TeV"),
    ("reduction.energy.min", "1 Tev", "TeV"),
    ("reduction.energy.min", "nan TeV", "nan"),
    ("reduction.energy.min", "-1 TeV", "> 0 TeV"),
    ("model.sources.crab.spectral.amplitude", "3 ph/s", "expected a unit convertible to TeV-1 s-1 cm-2"),
    ("selection.cone.radius", "1 TeV", "expected a unit convertible to deg (angle)"),
]


@pytest.mark.parametrize(("path", "value", "sentence"), UNITS)
def test_wrong_unit_names_option_and_both_units_in_a_file(from_file, path, value, sentence):
    text, indent = "", ""
    *above, last = path.split(".")
    for name in above:
        text, indent = f"{text}{indent}{name}:\n", indent + "  "
    resolved = from_file(f"{text}{indent}{last}: {value}\n")
    assert sentence in told(resolved)
    assert any(problem.path == path and problem.line == len(above) + 1 for problem in resolved.problems)


@pytest.mark.parametrize(("path", "value", "sentence"), UNITS)
def test_wrong_unit_names_option_and_both_units_on_the_command_line(from_file, path, value, sentence):
    resolved = resolve(Analysis, [*_base(from_file), CommandLine([(path, (value,), path)])], complete=True)
    assert sentence in told(resolved)
    assert f"command line (--{path})" in told(resolved)


@pytest.mark.parametrize(("path", "value", "sentence"), UNITS)
def test_wrong_unit_names_option_and_both_units_in_python(from_file, path, value, sentence):
    _base(from_file)
    value = int(value) if value == "300" else value
    with pytest.raises(ConfigError) as raised:
        Analysis("base.yaml", {path: value})
    assert sentence in str(raised.value)
    analysis = Analysis("base.yaml", {"selection.cone.center": "0 deg, 0 deg"})
    with pytest.raises(ConfigError) as raised:
        analysis[path] = value
    assert sentence in str(raised.value)


def _base(from_file):
    from_file("")
    return [FileSource("base.yaml")]


def test_scalars_are_read_the_way_of_yaml_1_2(from_file):
    text = """\
selection:
  obs_ids: [023523]
  time_start: 2020-01-01
fit: {tolerance: 1e-3}
"""
    resolved = from_file(text)
    assert told(resolved) == ""
    root = resolved.build()
    assert root.selection.obs_ids == (23523,)
    assert root.fit.tolerance == 1e-3
    assert root.selection.time_start.utc.isot == "2020-01-01T00:00:00.000"


def test_sexagesimal_is_text_and_the_hint_says_how_to_write_it(from_file):
    said = told(from_file("selection: {cone: {center: {frame: icrs, lon: 83.6 deg, lat: 22:00:52}}}"))
    assert "selection.cone.center: '22:00:52' has no unit; write e.g. \"22d00m52s\"" in said


@pytest.mark.parametrize("word", ["yes", "on", "True ish", "1", '"true"'])
def test_what_is_not_true_or_false_is_an_error(from_file, word):
    assert "fit.stack" in told(from_file(f"fit: {{stack: {word}}}"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("fit: {stack: true, stack: false}", "c.yaml:1:20: key 'stack' stands twice; first at line 1, column 7"),
        ("fit: !!python/object:os.system {}", "is not allowed"),
        ("fit:\n\tstack: true", "a tab is used for indentation"),
        ("fit: {1: 2}", "c.yaml:1:7"),
    ],
)
def test_bad_yaml_is_located(from_file, text, sentence):
    assert sentence in told(from_file(text))


@pytest.mark.parametrize("text", ["", "\n# only words\n", "fit:\n", "fit: {}\n", "selection:\n  cone:\n", "{}"])
def test_what_is_empty_means_defaults(from_file, text):
    resolved = from_file(text)
    assert told(resolved) == ""
    assert resolved.value("fit.tolerance") == 0.1


def test_undefined_variable_is_named_and_home_is_the_home_folder(from_file, monkeypatch, capsys, tmp_path):
    monkeypatch.delenv("NOPE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    from_file("selection: {datastore: $NOPE/x}")
    assert main(["run", "-c", "base.yaml", "-c", "c.yaml"]) == 2
    said = capsys.readouterr().err
    assert "c.yaml:1:24" in said
    assert "NOPE" in said
    from_file("selection: {datastore: ~/x}")
    assert main(["run", "-c", "base.yaml", "-c", "c.yaml"]) == 3
    assert f"folder not found: {tmp_path / 'home' / 'x'}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("reduction: {energy: {min: 50 TeV}}", ("50 TeV (c.yaml:1:27)", "40 TeV (default)")),
        ("reduction: {energy: {nbins: 3, per_decade: 5}}", ("'per_decade' and 'nbins' exclude each other",)),
        ("selection: {exclude_ids: [1]}", ("c.yaml:1:26", "1 also in obs_ids (base.yaml:2:40)")),
        ("selection: {datastore: x}\ngeneral: {outdir: x/y}", ("c.yaml:2:19", "'selection.datastore' (c.yaml:1:24)")),
        ("flux_points: {source: crap}", ("c.yaml:1:23", "(base.yaml:5:9), which has crab. Did you mean 'crab'?")),
        ("steps: [selection, fit]", ("fit", "datasets")),
        ("reduction: {type: spectrm}", ("'spectrm' is not allowed; did you mean 'spectrum'?",)),
    ],
)
def test_values_that_conflict_name_both_places(from_file, text, sentences):
    said = told(from_file(text))
    for sentence in sentences:
        assert sentence in said


def test_all_problems_are_listed_at_once_sorted_by_place(from_file):
    resolved = from_file("flux_point: {}\nfit: {tolerance: x, strateg: 1}\nreduction: {energy: {max: 10}}\n")
    assert [problem.line for problem in resolved.problems] == [1, 2, 2, 3]


def test_warnings_become_errors_where_strict(from_file, capsys):
    from_file("steps: [selection, reduction]\nflux_points: {n_sigma: 2}")
    assert main(["config", "check", "base.yaml", "c.yaml"]) == 0
    said = capsys.readouterr().err
    assert "warning: c.yaml:2:1: section 'flux_points' is set, but 'flux_points' is not in steps" in said
    assert "Add 'flux_points' to steps, or take the section out." in said
    assert main(["config", "check", "base.yaml", "c.yaml", "--strict"]) == 2
