"""The table of CONFIG.md section 5: every row is caught, with place, what was expected, and a suggestion."""

import os

import pytest

from gammapy_hli.base.errors import ConfigError
from gammapy_hli.core.inputs import missing_inputs

ROWS = [
    ("selektion: {}\n", ["crab.yaml:1:1: unknown key 'selektion'. Did you mean 'selection'?"]),
    ("Selection: {}\n", ["crab.yaml:1:1: unknown key 'Selection'. Did you mean 'selection'?"]),
    ("containment_correction: true\n", ["Did you mean 'reduction.containment_correction'?"]),
    (
        "reduction:\n  background:\n    metod: ring\n",
        ["crab.yaml:3:5: unknown key 'reduction.background.metod'. Did you mean 'method'?"],
    ),
    (
        "reduction: {background: {method: ring, ring: {width: 0.3 TeV}}}\n",
        [
            "reduction.background.ring.width: '0.3 TeV' has unit TeV (energy); "
            "expected a unit convertible to deg (angle)"
        ],
    ),
    ("reduction: {energy: {min: 1 m}}\n", ["reduction.energy.min: '1 m' has unit m (length)", "TeV (energy)"]),
    (
        "reduction: {energy: {min: 300}}\n",
        ['crab.yaml:1:27: reduction.energy.min: 300 has no unit; write e.g. "300 TeV"'],
    ),
    ("reduction: {energy: {min: 1 2 TeV}}\n", ["reduction.energy.min: '1 2 TeV' holds two numbers"]),
    ("reduction: {energy: {min: 1 Tev}}\n", ["'Tev' is not a unit", "Did you mean TeV or eV?"]),
    (
        "model: {sources: {crab: {spectral: {type: pl, amplitude: 3 ph/s}}}}\n",
        [
            "model.sources.crab.spectral.amplitude: '3 ph/s' has unit ph/s",
            "expected a unit convertible to TeV-1 s-1 cm-2",
        ],
    ),
    ("model: {sources: {crab: {spectral: {type: pl, indx: 3}}}}\n", ["crab.spectral.indx'. Did you mean 'index'?"]),
    ("model: {sources: {crab: {spectral: {type: PL}}}}\n", ["'PL' is not allowed; did you mean 'pl'?"]),
    ("fit: {stack: yes}\n", ["fit.stack: 'yes' is not true or false; write true"]),
    ("selection: {obs_ids: 5}\n", ["selection.obs_ids: 5 is not a list; write [5]"]),
    ("selection: {obs_ids: [1, 2, x]}\n", ["crab.yaml:1:29: selection.obs_ids: 'x' is not a whole number"]),
    ("fit: {stack: true}\nfit: {stack: false}\n", ["crab.yaml:2:1", "'fit' stands twice"]),
    ("fit: 5\n", ["fit: 5 is not a section; expected options such as energy_range"]),
    ("5\n", ["5 is not a configuration"]),
    (
        "reduction: {energy: {per_decade: 5, nbins: 3}}\n",
        ["'nbins' and 'per_decade' exclude each other", "crab.yaml:1:34"],
    ),
    (
        "reduction:\n  energy: {min: 50 TeV,\n           max: 10 TeV}\n",
        ["crab.yaml:3:17: reduction.energy.max: 10 TeV (crab.yaml:3:17) is not above min 50 TeV (crab.yaml:2:17)"],
    ),
    (
        "model: {sources: {crab: {spectral: pl}}}\nflux_points: {source: vela}\n",
        ["crab.yaml:2:23: flux_points.source: no source 'vela' in model.sources: crab"],
    ),
    ("config_version: 2\n", ["config_version: 2 is newer than this program"]),
    ("config_version: new\n", ["'new' is not a version"]),
    ("fit@a b: {}\n", ["label 'a b' has characters other"]),
    ("fitt@x: {}\n", ["unknown key 'fitt@x'. Did you mean 'fit@x'?"]),
    ("general@x: {}\n", ["unknown key 'general@x'."]),
    ("secret: 3\n", ["unknown key 'secret'."]),
    ("fit: {tolerance: null}\n", ["fit.tolerance: null is not allowed; expected a number, > 0"]),
    ("model: {sources: {crab: {}}}\n", ["'model.sources.crab.spectral' is required"]),
    ("model: {sources: {crab: {spectral: {index: 2}}}}\n", ["'model.sources.crab.spectral.type' is required"]),
    ("model: {sources: 3}\n", ["model.sources: 3 is not a mapping from names"]),
    ("selection: {cone: {radius: 1 deg}}\n", ["'selection.cone.center' is required"]),
    ("steps: [selection, reducton]\n", ["'reducton' is not a step. Did you mean 'reduction'?"]),
    ("extends: nope.yaml\n", ["extends: file not found: nope.yaml"]),
    ("reduction: {on-region: x, on_region: y}\n", ["'on_region' and 'on-region' are the same option"]),
]


@pytest.mark.parametrize(("text", "wanted"), ROWS, ids=[text.strip()[:40] for text, _ in ROWS])
def test_mistake_in_a_file_is_located_and_explained(messages, text, wanted):
    found = messages(text)
    for words in wanted:
        assert any(words in message for message in found), found


COMMANDS = [
    (
        ("reducton.stack", ["true"]),
        "command line (--reducton.stack): unknown key 'reducton'. Did you mean 'reduction'?",
    ),
    (("reduction.energi.min", ["1 TeV"]), "Did you mean 'energy'?"),
    (
        ("reduction.background.method", ["rng"]),
        "(--reduction.background.method): 'rng' is not allowed; did you mean 'ring'?",
    ),
    (("reduction.stack", ["true", "stray"]), "got true stray; expected one value"),
    (("reduction.energy.min", ["300"], "energy.min"), "command line (--energy.min): 300 has no unit"),
    (("reduction.energy", ["{min: 300}"]), "reduction.energy.min: 300 has no unit"),
]


@pytest.mark.parametrize(("option", "wanted"), COMMANDS, ids=[option[0] for option, _ in COMMANDS])
def test_mistake_on_the_command_line_is_explained(messages, option, wanted):
    assert any(wanted in message for message in messages("", command_line=[option]))


def test_list_takes_all_words_of_the_command_line(tree):
    found = tree.from_text("", command_line=[("selection.obs_ids", ["1", "2", "3"])])
    assert found.value("selection.obs_ids") == [1, 2, 3]


def test_section_and_option_of_it_on_one_command_line(tree):
    line = [("reduction.energy", ["{min: 1 TeV}"]), ("reduction.energy.nbins", ["3"])]
    energy = tree.from_text("", command_line=line).root.reduction.energy
    assert (energy.stored("min"), energy.nbins) == ("1 TeV", 3)


def test_scalars_are_decimal_text_number_and_time(tree):
    text = "selection: {obs_ids: [023523], intervals: {start: 2020-01-01}}\n"
    text += "fit: {tolerance: 1e-12}\nreport: {title: 22:00:52}\n"
    found = tree.from_text(text)
    assert found.problems == ()
    assert found.value("selection.obs_ids") == [23523]
    assert found.value("fit.tolerance") == 1e-12
    assert found.value("report.title") == "22:00:52"
    assert found.value("selection.intervals.start") == "2020-01-01T00:00:00"


@pytest.mark.parametrize("text", ["", "selection:\nreduction:\n  energy:\n", "# nothing\n", "extends:\n"])
def test_empty_file_or_section_means_defaults(tree, text):
    found = tree.from_text(text)
    assert found.problems == found.warnings == ()
    assert found.changed() == ()


@pytest.mark.parametrize(
    ("content", "wanted"),
    [(None, "file not found"), (b"\0\1\2", "binary"), (b"a: *x\n", "no anchor"), (b"a:\n\t- b\n", "tab")],
    ids=["missing", "binary", "alias", "tab"],
)
def test_file_that_cannot_be_read_is_a_located_error(tree, tmp_path, content, wanted):
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content)
    problems = tree.from_files(path).problems
    assert any(wanted in str(problem) for problem in problems)
    assert all(problem.file == os.fspath(path) for problem in problems)


def test_undefined_variable_is_an_error_that_names_it_when_used(tree, monkeypatch):
    monkeypatch.delenv("NOPE", raising=False)
    root = tree.from_text("selection: {datastore: $NOPE/x}").build()
    with pytest.raises(ConfigError, match=r"crab.yaml:1:24: .*\$NOPE is not set"):
        _ = root.selection.datastore


def test_input_given_as_output_names_both_places(messages):
    found = messages("selection: {datastore: data}\ngeneral: {outdir: ./data}\n")
    assert (
        "crab.yaml:2:19: general.outdir: './data' is also the input 'selection.datastore' (crab.yaml:1:24)" in found[0]
    )


def test_missing_inputs_are_found_on_demand(tree, tmp_path, monkeypatch):
    monkeypatch.delenv("NOPE", raising=False)
    text = f"selection: {{datastore: {tmp_path}/none}}\nreduction: {{on_region: $NOPE/on.reg}}\nmaps: {{}}\n"
    problems = [str(problem) for problem in missing_inputs(tree.from_text(text).root)]
    assert "folder not found" in problems[0]
    assert "environment variable $NOPE is not set" in problems[1]
    assert len(missing_inputs(tree.from_text(text).root, steps=["reduction"])) == 1


def test_all_mistakes_are_listed_at_once_sorted_by_place(tree):
    text = "flux_point: {}\nfit: {stack: 3, tolerance: x}\nreduction: {energy: {max: 10}}\n"
    with pytest.raises(ConfigError) as caught:
        tree.from_text(text, command_line=[("fit.backend", ["minut"])]).build()
    lines = [(problem.file, problem.line) for problem in caught.value.problems]
    assert lines == [("crab.yaml", 1), ("crab.yaml", 2), ("crab.yaml", 2), ("crab.yaml", 3), ("command line", None)]
    assert str(caught.value).startswith("gammapy-hli: 5 configuration problems\n")


def test_renamed_option_warns_and_works(tree):
    found = tree.from_text("fit: {tol: 0.5}")
    assert found.value("fit.tolerance") == 0.5
    assert "crab.yaml:1:7: warning: 'fit.tol' is now called 'fit.tolerance'" in str(found.warnings[0])


def test_strict_turns_warnings_into_errors(tree):
    found = tree.from_text("fit: {tol: 0.5}", strict=True)
    assert [problem.code for problem in found.problems] == ["renamed"]


def test_options_of_an_alternative_that_is_not_chosen_are_checked_and_reported(tree):
    found = tree.from_text("reduction: {background: {ring: {width: 1 deg}}}")
    assert "'ring' has no effect, because method is 'reflected'. Set method: ring." in str(found.warnings[0])
    assert tree.from_text("reduction: {background: {ring: {width: 1 m}}}").problems


def test_an_alternative_that_is_named_but_not_chosen_is_reported(tree):
    assert "Set method: ring." in str(tree.from_text("reduction: {background: {ring}}").warnings[0])
    assert tree.from_text("reduction: {background: {method: reflected, ring: {}}}").warnings == ()


def test_section_that_is_set_but_not_run_is_a_warning(tree):
    found = tree.from_text("maps: {correlation_radius: 0.2 deg}")
    assert "crab.yaml:1:1: warning: section 'maps' is set, but 'maps' is not in steps" in str(found.warnings[0])
    assert tree.from_text("steps: [selection, reduction, maps]\nmaps: {correlation_radius: 0.2 deg}").warnings == ()


def test_required_options_of_the_steps_that_run(tree):
    found = tree.from_text("", complete=True)
    assert [problem.path for problem in found.problems] == ["selection.datastore"]
    assert tree.from_text("selection: {datastore: x}", complete=True).problems == ()
