"""The tools: what they take and make, their checks between options, and how they speak of it."""

import tomllib
from pathlib import Path

import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import ConfigError, InputError
from gammapy_hli.cli import COMMANDS
from gammapy_hli.tools import DEFAULT_STEPS, TOOLS

ROOT = Path(__file__).parents[3]
BASE = {
    "selection": {"datastore": "store"},
    "reduction": {"on_region": "icrs;circle(83.63,22.01,0.1)"},
    "model": {"sources": {"crab": {"spectral": "pl"}}},
}


def told(options):
    """What is said about these options on top of the base."""
    try:
        Analysis(BASE, options).check_ready()
    except ConfigError as error:
        return str(error)
    return ""


def test_every_step_has_a_section_a_command_and_an_executable():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    commands = {command.name for command in COMMANDS}
    for entry in TOOLS:
        assert entry.section in Analysis.members()
        assert {entry.command, *entry.commands} <= commands
        assert f"gammapy-hli-{entry.command}" in scripts


@pytest.mark.parametrize("entry", TOOLS, ids=lambda entry: entry.section)
def test_every_tool_says_what_it_is_for_takes_and_makes(entry):
    tool = Analysis.members()[entry.section].component
    assert tool.section == entry.section
    assert tool.produces
    assert tool.__doc__.strip().endswith(".")
    makers = {other.component.produces for other in map(Analysis.members().get, DEFAULT_STEPS["spectrum"])}
    assert set(tool.requires) <= makers


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"selection": {"obs_ids": [1, 2], "exclude_ids": [2]}}, "selection.exclude_ids: 2 also in obs_ids (Python)"),
        (
            {"selection": {"zenith_min": "50 deg", "zenith_max": "40 deg"}},
            "50 deg (Python) is not below 40 deg (Python)",
        ),
        ({"selection": {"offset_max": "1 deg"}}, "offset_max: needs a position to measure from; set selection.target"),
        ({"selection": {"columns": {"QUALITY": 1}}}, "QUALITY: 1 is not a condition; write e.g."),
        ({"selection": {"required_irfs": ["aef"]}}, "'aef' is not allowed; did you mean 'aeff'?"),
        ({"selection": {"obs_ids": []}}, "selection.obs_ids"),
        ({"selection": {"obs_ids": [1, 1]}}, "selection.obs_ids"),
        ({"selection": {"cone": {"radius": "1 deg"}}}, "'selection.cone.center' is required"),
        (
            {
                "reduction": {
                    "on_region": {
                        "annulus": {"center": "1 deg, 2 deg", "inner_radius": "1 deg", "outer_radius": "2 deg"}
                    }
                }
            },
            "containment_correction: needs a circle",
        ),
        (
            {"reduction": {"on_region": "icrs;ellipse(1,2,0.3,0.2,0)"}},
            "containment_correction: needs a circle; reduction.on_region is an ellipse",
        ),
        ({"reduction": {"on_region": "fk5;box(1,2,0.3,0.2,0)"}}, "reduction.on_region is a rectangle"),
        ({"reduction": {"on_region": "icrs;circle(1,2)"}}, "has 2 numbers; a circle has lon and lat, and besides them"),
        ({"reduction": {"on_region": "icrs;ellipse(1,2,.1)"}}, "has 3 numbers; an ellipse"),
        ({"reduction": {"on_region": "icrs;polygon(1,2,3,4,5)"}}, "has 5 numbers; a polygon"),
        ({"fit": {"energy_range": ["50 TeV", None]}}, "lies outside of the energies of reduction, 0.1 TeV"),
        ({"fit": {"minos": ["crab.spectral.indx"]}}, "'crab.spectral.indx'"),
        ({"fit": {"minos": ["magic.norm"]}}, "'magic.norm' is no nuisance of the fit"),
        ({"fit": {"nuisances": {"magic": {"norm": 1}}}}, "'magic' is neither the label"),
        ({"selection": {"obs_ids": [1]}, "fit": {"nuisances": {"2": {"norm": 1}}}}, "'2' is neither the label"),
        ({"selection": {"exclude_ids": [2]}, "fit": {"nuisances": {"2": {"norm": 1}}}}, "'2' is neither the label"),
        ({"fit": {"nuisances": {"23523": {"norm": {"link": "a"}}}}}, "a nuisance has no link"),
        ({"fit": {"nuisances": {"23523": {"norm": -1}}}}, "norm: value -1 is below min 0"),
        (
            {"fit": {"nuisances": {"23523": {"energy_scale": {"prior": {"uniform": {"min": 0.1, "max": 0.2}}}}}}},
            "starts at 0, outside of its prior, 0.1 to 0.2",
        ),
        ({"fit": {"stack": True, "nuisances": {"23523": {"norm": 1}}}}, "the sum of the datasets has no nuisance"),
        (
            {"flux_points": {"energy": {"min": "50 TeV", "max": "90 TeV"}}},
            "flux_points.energy.min: lies outside of the energies of reduction",
        ),
        (
            {"reduction": {"background": {"method": "none"}, "safe_mask": {"methods": ["bkg-peak"]}}},
            "needs a background",
        ),
        ({"reduction": {"energy": {"min": "50 TeV"}}}, "50 TeV (Python) is not below max 40 TeV (default)"),
        ({"reduction": {"energy": {"edges": ["3 TeV", "2 TeV"]}}}, "reduction.energy.edges"),
        ({"reduction": {"safe_mask": {"aeff_percent": 110}}}, "110 is out of range; expected a number, >= 0, <= 100"),
        ({"fit": {"energy_range": ["10 TeV", "1 TeV"]}}, "fit.energy_range"),
        ({"fit": {"strategy": 3}}, "3 is out of range; expected a whole number, >= 0, <= 2"),
        ({"flux_points": {"n_sigma": 0}}, "0 is out of range; expected a number, > 0"),
        ({"model": {"sources": {"a": {"spectral": {"type": "ecpl", "lambda": 1}}}}}, "Did you mean 'lambda_'?"),
        ({"model": {"sources": {"a": {"spatial": {"type": "point"}}}}}, "'model.sources.a.spectral.type' is required"),
    ],
)
def test_checks_of_the_tools_say_what_is_wrong(options, sentence):
    assert sentence in told(options)


def test_good_options_pass_all_checks():
    assert told({}) == ""
    point = {"on_region": {"point": {"center": "1 deg, 2 deg"}}}
    assert told({"reduction": {**point, "containment_correction": False}}) == ""
    assert told({"reduction": point}) == ""  # the cut is in the responses: there is nothing to correct
    listed = {"obs_ids": [1], "obs_file": "runs.txt"}  # what stands in the file is not known yet
    assert told({"selection": listed, "fit": {"nuisances": {"2": {"norm": 1}}}}) == ""
    assert told({"fit": {"energy_range": [None, "1 TeV"], "minos": ["all"]}}) == ""
    assert told({"fit": {"nuisances": {"23523": {"energy_scale": {"value": 0.1, "frozen": True}}}}}) == ""
    assert told({"fit": {"nuisances": {"23523": {"norm": None}}}}) == ""


def test_run_list_of_the_selection_joins_numbers_and_file(tmp_path):
    (tmp_path / "runs.txt").write_text("2 3\n4 # the last\n")
    tool = Analysis(
        {"selection": {"datastore": "s", "obs_ids": [1, 2], "obs_file": str(tmp_path / "runs.txt")}}
    ).selection
    assert tool.named_runs() == (1, 2, 3, 4)


def test_model_sources_replace_those_of_the_file(tmp_path):
    from gammapy_hli.engine.models.models_yaml import parse_short, write_models

    sources = {name: {"spectral": {"type": "pl", "index": 2}} for name in ("a", "b")}
    write_models(parse_short(sources), tmp_path / "m.yaml")
    tool = Analysis({"model": {"file": str(tmp_path / "m.yaml"), "sources": {"b": {"spectral": {"type": "lp"}}}}}).model
    models = tool.written_models()
    assert list(models.names) == ["a", "b"]
    assert "lp" in str(models["b"].spectral.tag).lower() or "logparabola" in str(models["b"].spectral.tag).lower()


def test_folder_of_flux_points_with_two_files_is_refused(tmp_path):
    for name in ("a.fits", "b.fits"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=r"2 files of flux points; expected one\. Run the step again"):
        Analysis().flux_points.read_product(tmp_path)
