"""Template, schema, help and reference are made from the traits and agree with the validation."""

import json

import jsonschema
import pytest

from gammapy_hli.base.yaml_reader import parse_yaml
from gammapy_hli.core.docs import markdown_reference
from gammapy_hli.core.effective import effective_yaml
from gammapy_hli.core.help_text import help_text
from gammapy_hli.core.schema import json_schema
from gammapy_hli.core.template import template, uncomment
from gammapy_hli.core.walk import walk


@pytest.fixture(scope="module")
def validator(tree):
    schema = json_schema(tree.Analysis)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(json.loads(json.dumps(schema)))


@pytest.mark.parametrize("level", ["basic", "all"])
@pytest.mark.parametrize("values", [False, True], ids=["commented", "values"])
def test_template_loads_without_problem_and_says_the_defaults(tree, values, level):
    text = template(tree.Analysis, values=values, level=level)
    empty = tree.from_text("").as_dict()
    for shown in (text, uncomment(text)):
        found = tree.from_text(shown)
        assert found.problems == found.warnings == ()
        assert found.changed() == ()
        assert found.as_dict() == empty
    assert not [line for line in template(tree.Analysis).splitlines() if line and not line.startswith("#")]


def test_template_has_every_option_with_help(tree):
    text = template(tree.Analysis)
    for item in walk(tree.Analysis):
        assert f"{item.name}:" in text
        assert item.help.split()[0] in text


def test_template_of_some_steps(tree):
    text = template(tree.Analysis, steps=["selection", "data-reduction"])
    assert "\nsteps: [selection, reduction]\n" in text
    assert "#maps:" not in text
    assert tree.from_text(text).problems == ()


def test_basic_template_has_the_everyday_options_only(tree):
    text = template(tree.Analysis, level="basic")
    assert "datastore:" in text
    assert "livetime_min:" not in text


GOOD = [
    "",
    "selection:\n",
    "fit@x: {stack: true}",
    "data-reduction: {type: map}",
    "flux-points: {energy: {nbins: 5}}",
    "flux_points: {energy: null}",
    "model: {sources: {crab: {spectral: pl}}}",
    "model: {sources: {crab: {spectral: {type: pl, index: {value: 2, frozen: true}}}}}",
    "reduction: {energy: {nbins: 5, per_decade: null}}",
    "reduction: {energy: {min: {value: 1, unit: GeV}}}",
    "selection: {cone: {center: {lon: 1 deg, lat: 2 deg}, radius: 1 deg}}",
    "selection: {intervals: {start: {mjd: 53000, scale: tt}}}",
    "fit: {tol: 0.5}",
    "fit: {inputs: {datasets: [reduction]}}",
    "reduction: {on_region: {polygon: {vertices: ['1 deg, 2 deg', '2 deg, 2 deg', '2 deg, 1 deg']}}}",
]
BAD = [
    "fitt: {}",
    "fit: {stack: yes}",
    "fit: 5",
    "general@x: {}",
    "secret: 3",
    "config_version: 2",
    "reduction: {energy: {nbins: 5, per_decade: 3}}",
    "reduction: {energy: {nbins: 0}}",
    "reduction: {energy: {min: 300}}",
    "reduction: {energy: {min: '300'}}",
    "reduction: {background: {method: rng}}",
    "selection: {obs_ids: 5}",
    "selection: {required_irfs: [aeff, aeff]}",
    "selection: {cone: {center: Crab}}",
    "selection: {intervals: {start: 53000}}",
    "model: {sources: {crab: {spectral: plx}}}",
    "model: {sources: {crab: {spectral: {type: pl, indx: 3}}}}",
    "model: {sources: {crab: {spectral: {type: pl, lambda_: 1 TeV-1}}}}",
    "fit: {nuisances: {x: {energy_scale: {prior: {gaus: {}}}}}}",
    "reduction: {on_region: {circle: {center: '1 deg, 2 deg'}}}",
    "reduction: {on_region: {cirle: {}}}",
    "fit: {tolerance: 0}",
    "fit: {energy_range: [1 TeV]}",
]
UNSEEN = [  # what only our own validation sees
    "reduction: {energy: {min: 1 m}}",
    "reduction: {energy: {min: 50 TeV, max: 1 TeV}}",
    "flux_points: {source: vela}\nmodel: {sources: {crab: {spectral: pl}}}",
    "steps: [fitt]",
]


@pytest.mark.parametrize("text", GOOD)
def test_schema_and_validation_take_a_good_file(tree, validator, text):
    assert [str(problem) for problem in tree.from_text(text).problems] == []
    assert [error.message for error in validator.iter_errors(parse_yaml(text).plain())] == []


@pytest.mark.parametrize("text", BAD)
def test_schema_and_validation_refuse_a_bad_file(tree, validator, text):
    assert tree.from_text(text).problems
    assert not validator.is_valid(parse_yaml(text).plain())


@pytest.mark.parametrize("text", UNSEEN)
def test_validation_sees_what_a_schema_cannot(tree, validator, text):
    assert tree.from_text(text).problems
    assert validator.is_valid(parse_yaml(text).plain())


def test_schema_takes_whole_files_templates_and_what_is_written(tree, validator):
    written = effective_yaml(tree.from_text(tree.JOINT).build())
    for text in (tree.CRAB, tree.JOINT, uncomment(template(tree.Analysis)), written):
        assert [error.message for error in validator.iter_errors(parse_yaml(text).plain())] == []


def test_help_has_every_option_with_unit_and_default(tree):
    text = help_text(tree.Analysis, level="all")
    for item in walk(tree.Analysis):
        if item.is_option:
            assert f"--{item.path}" in text
    assert "Lower end. [TeV] > 0 TeV (default 0.05 TeV)" in text


def test_everyday_help_is_shorter_and_tools_have_their_own(tree):
    assert len(help_text(tree.Analysis)) < len(help_text(tree.Analysis, level="all")) / 2
    assert "--tolerance NUMBER" in help_text(tree.Fit, level="all")


def test_reference_has_every_option_and_model_type(tree):
    text = markdown_reference(tree.Analysis)
    for item in walk(tree.Analysis):
        if item.is_option:
            assert f"| `{item.path}` |" in text
    assert "### ExpCutoffPowerLawSpectralModel" in text
    assert "secret" not in text
