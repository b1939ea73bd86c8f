"""The list of problems of CONFIG.md section 5, as text, JSON, HTML and data."""

import json
import pickle

import pytest

from gammapy_hli.base.errors import (
    COMMAND_LINE,
    PYTHON,
    ConfigError,
    FolderError,
    HliError,
    InputError,
    ItemError,
    MissingStepError,
    NothingSelectedError,
    Problem,
    StepError,
)

PROBLEMS = [
    Problem(
        "choice",
        "reduction.background.method",
        "'rng' is not allowed; did you mean 'ring'? Allowed: reflected, ring, fov, irf, none",
        file=COMMAND_LINE,
    ),
    Problem(
        "unknown-key", "flux_point", "unknown key 'flux_point'.", "crab.yaml", 17, 1, "Did you mean 'flux_points'?"
    ),
    Problem(
        "unknown-key",
        "reduction.background.metod",
        "unknown key 'reduction.background.metod'.",
        "crab.yaml",
        9,
        5,
        "Did you mean 'method'?",
        text="    metod: ring",
    ),
    Problem("unit", "flux_points.energy.max", '10 has no unit; write e.g. "10 TeV"', "crab.yaml", 16, 10),
    Problem(
        "unit",
        "reduction.background.ring.width",
        "'0.3 TeV' has unit TeV (energy); expected a unit convertible to deg (angle)",
        "crab.yaml",
        10,
        23,
    ),
]

EXPECTED = """\
gammapy-hli: 5 configuration problems
  crab.yaml:9:5: unknown key 'reduction.background.metod'. Did you mean 'method'?
          metod: ring
          ^^^^^
  crab.yaml:10:23: reduction.background.ring.width: '0.3 TeV' has unit TeV (energy); expected \
a unit convertible to deg (angle)
  crab.yaml:16:10: flux_points.energy.max: 10 has no unit; write e.g. "10 TeV"
  crab.yaml:17:1: unknown key 'flux_point'. Did you mean 'flux_points'?
  command line (--reduction.background.method): 'rng' is not allowed; did you mean 'ring'? \
Allowed: reflected, ring, fov, irf, none"""


def test_list_of_problems_is_that_of_the_design():
    assert str(ConfigError(PROBLEMS)) == EXPECTED


def test_problems_survive_pickling_and_json():
    error = pickle.loads(pickle.dumps(ConfigError(PROBLEMS)))
    assert error.problems == ConfigError(PROBLEMS).problems
    records = json.loads(error.to_json())
    assert [record["line"] for record in records] == [9, 10, 16, 17, None]
    assert records[0]["hint"] == "Did you mean 'method'?"


def test_heading_counts_warnings_apart():
    warning = Problem("unused", "a.b", "is not used", severity="warning")
    assert ConfigError([warning]).heading == "1 warning"
    assert ConfigError([warning, PROBLEMS[0]]).heading == "1 configuration problem, 1 warning"
    assert "warning: a.b: is not used" in str(ConfigError(warning))


def test_python_comes_last_and_files_keep_their_order():
    problems = [
        Problem("x", "a", "m", file=PYTHON),
        Problem("x", "b", "m", file="z.yaml", line=9),
        Problem("x", "c", "m", file="a.yaml", line=1),
        Problem("x", "d", "m", file="z.yaml", line=2),
    ]
    assert [problem.path for problem in ConfigError(problems).problems] == ["d", "b", "c", "a"]


def test_html_escapes_what_the_user_wrote():
    page = ConfigError(Problem("x", "a", "<script>", "f.yaml", 1, 1, text="<b>: 1"))._repr_html_()
    assert "<script>" not in page
    assert "&lt;b&gt;" in page


def test_long_source_lines_are_cut_around_the_place():
    problem = Problem("x", "a", "m", "f.json", 1, 5001, text="x" * 5000 + "HERE" + "y" * 5000, length=4)
    source, carets = str(problem).splitlines()[1:]
    assert len(source) < 130
    assert source[carets.index("^") :].startswith("HERE")


def test_caret_at_the_end_of_a_line():
    problem = Problem("x", "a", "m", "f.yaml", 1, 4, text="a:")
    assert str(problem).splitlines()[-1].endswith("^")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HliError("x"), 1),
        (ConfigError([]), 2),
        (InputError("x"), 3),
        (NothingSelectedError("x"), 3),
        (MissingStepError("x"), 3),
        (StepError("fit", "x"), 1),
        (StepError("fit", "x", exit_code=3), 3),
        (FolderError("x"), 5),
        (ItemError("no off region"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_exit_codes_and_pickling(error, code):
    again = pickle.loads(pickle.dumps(error))
    assert again.exit_code == code
    assert str(again) == str(error)
    assert isinstance(error, HliError)


def test_notebook_shows_the_message_and_no_frames():
    lines = InputError("obs 20136: no 'psf' HDU")._render_traceback_()
    assert lines == ["InputError: obs 20136: no 'psf' HDU"]
