"""Analysis as an object: its options, its chain and its checks, without data."""

import pytest

from gammapy_hli.analysis import Analysis, concerns
from gammapy_hli.base.errors import ConfigError, MissingStepError, Problem

BASE = {
    "general": {"store": False},
    "selection": {"datastore": "store", "obs_ids": [1]},
    "reduction": {"on_region": "icrs;circle(83.63,22.01,0.1)"},
    "model": {"sources": {"crab": {"spectral": "pl"}}},
}


@pytest.fixture
def analysis():
    return Analysis(BASE)


def test_steps_that_run_by_default_are_those_of_a_spectrum(analysis):
    assert analysis.chain.steps == ("selection", "reduction", "model", "fit", "flux_points", "report")
    assert analysis.chain.links["fit"] == {"datasets": ("reduction",), "models": ("model",)}
    assert analysis.chain.links["flux_points"] == {"fit_result": ("fit",), "datasets": ("reduction",)}


def test_joint_analysis_of_the_design_is_wired_as_told():
    joint = Analysis(
        BASE,
        {
            "steps": ["selection@a", "reduction@a", "selection@b", "reduction@b", "model", "fit"],
            "selection@b": {"datastore": "other"},
            "reduction@a": {"inputs": {"observations": "selection@a"}},
            "reduction@b": {"inputs": {"observations": "selection@b"}},
            "fit": {"inputs": {"datasets": ["reduction@a", "reduction@b"]}},
        },
    )
    assert joint.chain.links["fit"]["datasets"] == ("reduction@a", "reduction@b")
    assert joint["selection@b"].datastore.name == "other"
    assert joint["selection@a"].obs_ids == (1,)


def test_two_steps_for_one_input_must_be_told_apart():
    with pytest.raises(ConfigError, match="'reduction' and 'reduction@b' both make datasets"):
        Analysis(BASE, {"steps": ["selection", "reduction", "reduction@b", "model", "fit"]}).check_ready()


def test_only_what_runs_must_be_complete():
    analysis = Analysis({"selection.datastore": "store", "general.store": False})
    analysis.check_ready(("selection",))
    with pytest.raises(ConfigError, match=r"reduction\.on_region") as raised:
        analysis.check_ready()
    assert {problem.path for problem in raised.value.problems} == {"reduction.on_region", "model.sources"}
    with pytest.raises(MissingStepError, match=r"reduce_data\(\) needs"):
        analysis.__class__(BASE).reduce_data()


def test_missing_options_concern_their_own_step_only():
    problem = Problem("missing", "fit@b.tolerance", "is required")
    assert concerns(problem, None)
    assert concerns(problem, ("fit@b",))
    assert not concerns(problem, ("fit",))
    assert concerns(Problem("missing", "general.outdir", "is required"), ("fit",))
    assert concerns(Problem("unit", "fit@b.tolerance", "no unit"), ("fit",))


def test_wanted_steps_are_those_up_to_one_or_the_named_ones(analysis):
    assert analysis.wanted("model") == ("selection", "reduction", "model")
    assert analysis.wanted(only=["fit", "model"]) == ("model", "fit")
    assert analysis.wanted() == analysis.chain.steps


def test_unknown_step_is_refused_with_a_suggestion(analysis):
    with pytest.raises(ConfigError, match=r"'reductoin' is not one of the steps\. Did you mean 'reduction'"):
        analysis.run(until="reductoin")
    with pytest.raises(ConfigError, match=r"'fitt' is not one of the steps"):
        analysis.plan(force="fitt")


def test_source_that_no_model_has_names_both_places(analysis):
    analysis.flux_points.source = "vela"
    with pytest.raises(
        ConfigError, match=r"flux_points.source: 'vela' is not a source of the model .*, which has crab"
    ):
        analysis.check_ready()
    analysis.flux_points.source = None
    analysis.check_ready()


def test_failed_call_leaves_the_steps_as_they_were(analysis):
    before = analysis.chain.steps
    with pytest.raises(ConfigError, match="number"):
        analysis.optimise(label="b", tolerance="x")
    assert analysis.chain.steps == before
    assert analysis.stored("steps") is None


def test_repr_before_any_run_says_that_nothing_has_run(analysis):
    assert repr(analysis).count("never run") == 6
    assert "datastore : store" in repr(analysis)
    assert "<table" in analysis._repr_html_()


def test_pickled_and_copied_options_stay_what_they_are(analysis):
    again = Analysis(analysis.to_plain(only_set=True))
    assert again.to_plain() == analysis.to_plain()


def test_option_of_a_part_that_is_null_makes_the_part(analysis):
    assert analysis.selection.cone is None
    with pytest.raises(KeyError, match="'center' is in a part that is null"):
        analysis["selection.cone.center"]
    analysis["selection.cone.center"] = "1 deg, 2 deg"
    assert analysis.selection.cone.radius.value == 5
    analysis["flux_points@b.energy.nbins"] = 3
    assert analysis["flux_points@b"].energy.nbins == 3
    assert analysis.flux_points.energy is None


def test_a_models_file_that_is_set_takes_the_place_of_the_sources_of_the_configuration(analysis, tmp_path):
    path = tmp_path / "models.yaml"
    path.write_text("sources: {crab: {spectral: {type: lp, alpha: 2.2}}}")
    models = analysis.set_models(path).models
    assert (models["crab"].spectral.tag, models["crab"].spectral.alpha.value) == ("LogParabolaSpectralModel", 2.2)
