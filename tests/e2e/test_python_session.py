"""The same analysis in Python: call by call, by dotted names, with labels, and together with the command line."""

import json
import time
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
import yaml
from traitlets.config import Config

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import ConfigError, HliError, MissingStepError

CRAB = {"crab": {"spectral": {"type": "pl", "index": 2, "amplitude": "1e-11 cm-2 s-1 TeV-1", "reference": "1 TeV"}}}


@pytest.fixture
def options(finished_session):
    """The configuration of the finished session as a mapping, in memory."""
    options = yaml.safe_load((finished_session / "sim.yaml").read_text())
    options["general"] = {"store": False}
    return options


@pytest.fixture
def analysis(options):
    return Analysis(options)


@pytest.fixture
def reduced(analysis):
    return analysis.select_observations().reduce_data()


def same_numbers(analysis, folder):
    """Whether the numbers of a session equal those in a folder to the last digit."""
    wanted = json.loads((Path(folder) / "summary.json").read_text())
    return json.loads(json.dumps(analysis.run().result.numbers, default=float)) == wanted


def test_call_by_call_gives_the_numbers_of_the_command_to_the_last_digit(analysis, finished_session):
    points = analysis.select_observations().reduce_data().set_models(CRAB).optimise().spectral_points("crab")
    wanted = json.loads((finished_session / "out" / "summary.json").read_text())
    fitted = {p.name: p.value for p in analysis.fit_result.parameters if not p.frozen}
    assert fitted == {name: found["value"] for name, found in wanted["fit"]["parameters"].items()}
    dnde = points.dnde.to_value("cm-2 s-1 TeV-1")
    assert [None if np.isnan(value) else value for value in dnde] == wanted["flux_points"]["crab"]["dnde"]


def test_run_at_once_gives_the_same(analysis, finished_session):
    analysis.run()
    assert analysis.result.executed == ("selection", "reduction", "model", "fit", "flux_points")
    wanted = json.loads((finished_session / "out" / "summary.json").read_text())
    assert analysis.result.numbers["fit"]["stat"] == wanted["fit"]["stat"]
    assert analysis.run().result.executed == ()


def test_options_come_from_file_mapping_config_and_keywords(finished_session, options):
    path = finished_session / "sim.yaml"
    config = Config({"fit": {"tolerance": 0.3}})
    assert Analysis(path).fit.tolerance == 0.1
    assert Analysis(str(path), config).fit.tolerance == 0.3
    assert Analysis(path, {"fit.tolerance": 0.4}).fit.tolerance == 0.4
    assert Analysis(path, {"fit": {"tolerance": 0.4}}, fit={"tolerance": 0.5}).fit.tolerance == 0.5
    assert Analysis(options).reduction.energy.min == 0.1 * u.TeV
    config = Config()
    config.fit.tolerance = 0.3  # what traitlets makes of this has no value
    with pytest.raises(TypeError, match=r"write Config\({'fit': {\.\.\.}}\)"):
        Analysis(path, config)


def test_options_have_the_dotted_names_of_the_file(analysis):
    analysis.reduction.energy.min = "0.3 TeV"
    assert analysis["reduction.energy.min"] == 0.3 * u.TeV
    analysis["reduction.energy.min"] = 400 * u.GeV
    assert analysis.reduction.energy.min == 0.4 * u.TeV
    analysis.reduction.energy.nbins = 5
    assert analysis.reduction.energy.per_decade is None
    assert analysis.model.sources["crab"].spectral.index.value == 2


def test_misspelt_names_raise_with_a_suggestion(analysis):
    with pytest.raises(AttributeError, match="'tolerance'"):
        analysis.fit.tolerence = 1
    with pytest.raises(AttributeError, match="'tolerance'"):
        analysis.fit.tolerence  # noqa: B018
    with pytest.raises(ConfigError, match=r"unknown key 'fitt'. Did you mean 'fit'?"):
        Analysis(fitt={})
    with pytest.raises(ConfigError, match=r"'fitt' is not one of the steps. Did you mean 'fit'?"):
        analysis.run(until="fitt")
    with pytest.raises(ConfigError, match=r"'fitt' is not one of the steps. Did you mean 'fit'?"):
        analysis.product_of("fitt")
    with pytest.raises(ConfigError, match=r"did you mean 'pl'?"):
        analysis.set_models({"crab": {"spectral": {"type": "plx"}}})


def test_fit_takes_the_model_of_the_configuration_as_it_is_now(analysis, options):
    analysis.select_observations().reduce_data().optimise()
    assert analysis.result.executed == ("model", "fit")
    stat = analysis.fit_result.stat
    analysis.model.sources["crab"].spectral.index = {"value": 2.9, "frozen": True}
    analysis.optimise()
    assert analysis.result.executed == ("model", "fit")
    assert analysis.fit_result.stat > stat + 10
    analysis.set_models(analysis.models).optimise()  # made in Python: stays
    assert analysis.result.executed == ("fit",)
    bare = Analysis({key: value for key, value in options.items() if key != "model"}, general={"store": False})
    bare.select_observations().reduce_data()
    with pytest.raises(MissingStepError, match=r"needs the product of 'model': call set_models\(\.\.\.\) first"):
        bare.optimise()


def test_call_too_early_names_the_call_that_is_missing(analysis):
    with pytest.raises(MissingStepError, match=r"reduce_data\(\) needs .* call select_observations\(\) first"):
        analysis.reduce_data()
    with pytest.raises(MissingStepError, match=r"optimise\(\) needs the product of 'reduction': call reduce_data\(\)"):
        analysis.optimise()
    with pytest.raises(MissingStepError, match=r"call optimise\(\) first"):
        analysis.spectral_points("crab")
    for name, call in (
        ("observations", "select_observations"),
        ("datasets", "reduce_data"),
        ("fit_result", "optimise"),
    ):
        with pytest.raises(MissingStepError, match=rf"call {call}\(\) or run\(\) first"):
            getattr(analysis, name)


def test_run_until_stops_behind_that_step(analysis):
    assert analysis.run(until="reduction").result.executed == ("selection", "reduction")
    assert analysis.run(only="model").result.executed == ("model",)
    assert analysis.run().result.executed == ("fit", "flux_points")


def test_models_may_be_mapping_text_path_or_objects(reduced, tmp_path):
    from gammapy_hli.engine.models.models_yaml import parse_short

    models = parse_short(CRAB)
    reduced.set_models(CRAB)
    made = reduced.models
    path = tmp_path / "m.yaml"
    reduced.model.write_product(models, tmp_path)
    (tmp_path / "models.yaml").rename(path)
    for given in (path, str(path), path.read_text(), models, models["crab"], {"sources": CRAB}):
        reduced.set_models(given)
        assert reduced.models.names == made.names
        assert reduced.models.parameters["crab.spectral.index"].value == 2
    with pytest.raises(TypeError, match="set_models takes Models, a mapping, a path or a YAML text; got int"):
        reduced.set_models(3)


def test_new_model_runs_the_fit_again(reduced):
    reduced.set_models(CRAB).optimise()
    first = reduced.fit_result.stat
    lp = {"type": "lp", "amplitude": "1e-11 cm-2 s-1 TeV-1", "alpha": 2, "beta": 0.1, "reference": "1 TeV"}
    reduced.set_models({"crab": {"spectral": lp}}).optimise()
    assert reduced.fit_result.stat < first


def test_energies_of_points_may_be_mapping_texts_or_quantities(reduced):
    reduced.set_models(CRAB).optimise()
    edges = reduced.datasets[0].energy.edges[[5, 8, 10]]
    first = reduced.spectral_points("crab", energy=edges)
    second = reduced.spectral_points(energy=[f"{float(edge.value)!r} {edge.unit}" for edge in edges])
    assert len(first.dnde) == 2
    np.testing.assert_array_equal(first.dnde.value, second.dnde.value)
    third = reduced.spectral_points(energy={"min": edges[0], "max": edges[2], "nbins": 1})
    assert len(third.dnde) == 1


def test_labelled_instances_stand_beside_the_first(reduced):
    reduced.set_models(CRAB).optimise()
    stacked = reduced.optimise(label="stacked", stack=True)["fit@stacked"].product
    assert stacked.stack
    assert not reduced.fit_result.stack
    with pytest.raises(ConfigError, match="'fit' and 'fit@stacked' both make fit_result"):
        reduced.spectral_points("crab", label="high")
    assert "flux_points@high" not in reduced.steps  # so that the next call can succeed
    high = reduced.spectral_points("crab", label="high", inputs={"fit_result": "fit@stacked"}, n_sigma_ul=3)
    assert high.source == "crab"
    assert reduced["flux_points@high"].n_sigma_ul == 3
    assert reduced.flux_points.n_sigma_ul == 2


def test_unknown_source_is_told_with_those_that_are_there(reduced):
    reduced.set_models(CRAB).optimise()
    with pytest.raises(ConfigError, match=r"'crap' is not a source of the model .*Did you mean 'crab'\?"):
        reduced.spectral_points("crap")
    assert reduced.spectral_points("crab").source == "crab"


def test_options_are_frozen_while_their_step_runs(analysis, monkeypatch):
    tool = analysis.selection
    plain = type(tool).finish

    def meddle(self):
        self.zenith_max = "30 deg"
        return plain(self)

    monkeypatch.setattr(type(tool), "finish", meddle)
    with pytest.raises(ConfigError, match=r"selection.zenith_max.*options cannot change while 'selection' runs"):
        analysis.select_observations()


def test_objects_show_themselves_quickly_in_text_and_html(reduced):
    reduced.set_models(CRAB).optimise()
    points = reduced.spectral_points("crab")
    shown = [reduced, reduced.observations, reduced.datasets, reduced.datasets[0], reduced.models, reduced.fit_result]
    shown += [points, reduced.fit, reduced.reduction, reduced.model, reduced.plan(), reduced.result, reduced.selection]
    shown += [reduced.general, reduced.reduction.energy, reduced.observations[1], reduced.product_of("reduction")]
    for thing in shown:
        start = time.process_time()
        text, page = repr(thing), thing._repr_html_()
        assert time.process_time() - start < 0.5, type(thing)
        assert "object at 0x" not in text + page, type(thing)
        assert 20 < len(text) < 10_000, type(thing)
        assert "<" in page
    assert "crab.spectral.index" in repr(reduced.fit_result)
    assert "up to date" in repr(reduced)


def test_folder_of_the_command_line_is_a_session_of_python(session, products):
    before = products("out")
    opened = Analysis.read("out")
    assert opened.run().result.executed == ()
    assert opened.fit_result.success
    assert opened.datasets.names == ["1", "2", "3"] or tuple(opened.datasets.names) == ("1", "2", "3")
    opened.run(force=True)
    assert products("out") == before


def test_session_of_python_is_read_by_the_command_line(tmp_path, options, hli, products, finished_session):
    options["general"] = {"outdir": str(tmp_path / "mine")}
    analysis = Analysis(options)
    analysis.select_observations().reduce_data().set_models(CRAB).optimise().spectral_points("crab")
    assert products(tmp_path / "mine") == products(finished_session / "out")
    outcome = hli("run", "--outdir", tmp_path / "mine", "--no-progress")
    assert outcome.code == 0
    assert " done" not in outcome.out


def test_session_with_models_made_in_python_is_read_back(tmp_path, options):
    from gammapy_hli.engine.models.models_yaml import parse_short

    del options["model"], options["flux_points"]
    options["general"] = {"outdir": str(tmp_path / "mine")}
    analysis = Analysis(options).select_observations().reduce_data().set_models(parse_short(CRAB)).optimise()
    opened = Analysis.read(tmp_path / "mine")
    assert opened.fit_result.stat == analysis.fit_result.stat
    assert opened.spectral_points().source == "crab"


def test_missing_inputs_raise_what_the_command_tells(tmp_path, options):
    options["selection"]["datastore"] = str(tmp_path / "nowhere")
    with pytest.raises(HliError, match="nowhere: no such folder") as raised:
        Analysis(options).run()
    assert raised.value.exit_code == 3
    with pytest.raises(ConfigError, match=r"file not found: nope.yaml"):
        Analysis("nope.yaml")
    with pytest.raises(ConfigError, match=r"nope/config\.yaml"):
        Analysis.read("nope")
    with pytest.raises(TypeError, match="Analysis takes paths and mappings, got int"):
        Analysis(3)


def test_call_that_is_refused_changes_no_option(place):
    analysis = Analysis("sim.yaml", {"general.store": False}).run("fit")
    analysis.spectral_points(energy={"min": "1 TeV", "max": "10 TeV", "nbins": 3})
    before, model = analysis.to_plain(), repr(analysis.models)
    with pytest.raises(ConfigError, match="lies outside of the energies of reduction"):
        analysis.spectral_points(energy={"min": "100 TeV", "max": "200 TeV", "nbins": 3})
    with pytest.raises(ConfigError, match="'crba' is not a source of the model"):
        analysis.spectral_points("crba")
    with pytest.raises(ConfigError, match="'pll' is not allowed"):
        analysis.set_models({"crab": {"spectral": {"type": "pll"}}})
    with pytest.raises(ConfigError, match="file not found"):
        analysis.set_models("no-such-models.yaml")
    assert analysis.to_plain() == before
    assert repr(analysis.models) == model
    assert analysis.plan("flux_points").to_run == ()
    assert len(analysis.spectral_points("crab").dnde) == 3
    analysis.write("saved")
    assert Analysis.read("saved").plan("flux_points").to_run == ()
