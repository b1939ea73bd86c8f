"""Models in files: bitwise round trips, gammapy's quirks, and every mistake with its place."""

import math

import astropy.units as u
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gammapy_hli.base.errors import ConfigError, InputError
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.build import make_spectral
from gammapy_hli.engine.models.catalogue import SPATIAL, SPECTRAL
from gammapy_hli.engine.models.models_yaml import (
    models_text,
    parse_background,
    parse_models,
    parse_short,
    read_models,
    write_models,
)
from gammapy_hli.engine.models.parameter import Prior
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.spectral.piecewise import PiecewiseNormSpectralModel
from gammapy_hli.engine.models.spectral.template import TemplateSpectralModel
from gammapy_hli.engine.models.temporal import TemporalModel

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)
ERRORS = st.floats(0, 1e150)
SIMPLE = [entry.short[0] for entry in SPECTRAL.values() if entry.parameters and entry.short[0] != "ebl-norm"]


@settings(max_examples=60, deadline=None)
@given(tag=st.sampled_from(SIMPLE), data=st.data())
def test_any_value_survives_the_round_trip_to_the_last_bit(tag, data):
    model = make_spectral(tag)
    for parameter in model.parameters:
        parameter.value = data.draw(NUMBERS)
        parameter.error = data.draw(ERRORS)
        parameter.frozen = data.draw(st.booleans())
        low = data.draw(st.none() | st.just(-1e308))
        parameter.min = math.nan if low is None else min(low, parameter.value)
    models = Models(SkyModel("a b", model if not model.is_norm else make_spectral("pl") * model))
    again = parse_models(models_text(models))
    assert again == models
    assert models_text(again) == models_text(models)


def rich_models():
    crab = SkyModel(
        "crab",
        make_spectral("ecpl", index=2.1),
        SpatialModel("gauss", sigma=0.1, frame="galactic"),
        TemporalModel("const"),
        ["a", "b"],
        {"psf": False},
    )
    crab.spectral.index.prior = Prior("GaussianPrior", {"mu": 2.0, "sigma": 0.1})
    crab.spectral.lambda_.prior = Prior("UniformPrior", {"min": 0.0, "max": 1.0}, 2.0)
    crab.spatial.parameters["sigma"].min = math.nan
    pieces = PiecewiseNormSpectralModel([0.1, 1, 10] * u.TeV, interp="lin")
    other = SkyModel("other", make_spectral("pl") * pieces)
    table = TemplateSpectralModel([0.1, 1] * u.TeV, [1e-10, 1e-12] * u.Unit("cm-2 s-1 TeV-1"))
    models = Models([crab, other, SkyModel("table", table), FoVBackgroundModel("a")])
    models.link("other.spectral.model1.index", "crab.spectral.index")
    return models


def test_files_and_covariance_are_read_back_as_they_were(tmp_path):
    models = rich_models()
    n = len(models.parameters)
    half = np.random.default_rng(3).normal(size=(n, n)) * 10.0 ** np.linspace(-14, 3, n)
    names = list(models.parameters)
    twin = names.index("other.spectral.model1.index")
    half[:, twin] = half[:, names.index("crab.spectral.index")]
    models.covariance = half.T @ half
    write_models(models, tmp_path / "models.yaml", tmp_path / "covariance.dat")
    again = read_models(tmp_path / "models.yaml")
    assert again == models
    before = (tmp_path / "models.yaml").read_bytes(), (tmp_path / "covariance.dat").read_bytes()
    write_models(again, tmp_path / "models.yaml", tmp_path / "covariance.dat")
    assert before == ((tmp_path / "models.yaml").read_bytes(), (tmp_path / "covariance.dat").read_bytes())


def test_covariance_of_other_models_is_refused(tmp_path):
    write_models(rich_models(), tmp_path / "models.yaml", tmp_path / "covariance.dat")
    text = (tmp_path / "covariance.dat").read_text()
    (tmp_path / "covariance.dat").write_text(text.replace("crab.spectral.alpha", "crab.spectral.gamma"))
    with pytest.raises(InputError, match=r"crab.spectral.gamma"):
        read_models(tmp_path / "models.yaml")
    (tmp_path / "covariance.dat").write_text(text[: len(text) // 2])
    with pytest.raises(InputError, match=r"covariance.dat"):
        read_models(tmp_path / "models.yaml")
    (tmp_path / "covariance.dat").write_text("no table\n")
    with pytest.raises(InputError, match=r"line 1 does not begin with"):
        read_models(tmp_path / "models.yaml")
    (tmp_path / "covariance.dat").unlink()
    with pytest.raises(InputError, match=r"cannot be read"):
        read_models(tmp_path / "models.yaml")
    with pytest.raises(InputError, match=r"is not in the folder"):
        write_models(rich_models(), tmp_path / "models.yaml", tmp_path / "x" / "covariance.dat")


@pytest.mark.parametrize("tag", [entry.short[0] for entry in SPATIAL.values() if entry.short[0] != "template"])
def test_every_spatial_model_stands_in_a_file(tag):
    models = Models(SkyModel("a", make_spectral("pl"), SpatialModel(tag)))
    assert parse_models(models_text(models)) == models


def test_labels_of_gammapy_link_parameters():
    component = """
- name: {name}
  type: SkyModel
  spectral:
    type: pl
    parameters:
    - {{name: index, value: 2.5, link: index@aBc}}
    - {{name: amplitude, value: 1.0e-9, unit: 1 / (GeV s m2), scan_min: .nan, interp: log}}
"""
    text = "components:" + component.format(name="a") + component.format(name="b") + "metadata: {date: today}"
    models = parse_models(text)
    assert models.links == {"b.spectral.index": "a.spectral.index"}
    assert models["a"].spectral.amplitude.value == pytest.approx(1e-10)


def test_short_form_of_the_reference_file():
    sources = {
        "crab": {
            "spectral": {
                "type": "ecpl",
                "index": 2,
                "amplitude": "1e-12 cm-2 s-1 TeV-1",
                "lambda_": "0.1 TeV-1",
                "reference": "1 TeV",
            },
            "spatial": {"type": "point", "lon_0": "83.63 deg", "lat_0": "22.014 deg", "frame": "icrs"},
        }
    }
    models = parse_short(sources)
    assert models["crab"].spectral == make_spectral("ecpl", index=2)
    assert models == parse_short({"sources": sources, "background": {"norm": 1}})
    assert models == parse_models("sources: " + str(sources).replace("'", '"'))


def test_short_form_knows_bounds_priors_links_and_compounds():
    pl = {"type": "pl", "index": {"link": "a.spectral.model1.index"}}
    index = {
        "value": 2.2,
        "min": 0,
        "max": 5,
        "frozen": True,
        "error": 0.1,
        "prior": {"gauss": {"mean": 2, "sigma": 0.2}},
    }
    norm = {"type": "piecewise-norm", "energy": ["100 GeV", "1 TeV"], "norm_1": {"value": 1.5, "min": None}}
    compound = {"type": "compound", "model1": {"type": "pl", "index": index}, "model2": norm, "operator": "mul"}
    models = parse_short({"a": {"spectral": compound}, "b": {"spectral": pl, "datasets_names": ["x", 23523]}})
    parameter = models.parameters["b.spectral.index"]
    assert parameter is models["a"].spectral.model1.index
    assert (parameter.value, parameter.min, parameter.max, parameter.frozen, parameter.error) == (2.2, 0, 5, True, 0.1)
    assert parameter.prior == Prior("GaussianPrior", {"mu": 2.0, "sigma": 0.2})
    assert models["b"].datasets_names == ("x", "23523")
    assert models["a"].spectral.model2.energy[0] == 100 * u.GeV


def test_background_of_the_short_form():
    model = parse_background({"norm": 1.1, "tilt": {"value": 0, "frozen": False}}, "stacked")
    assert model.name == "stacked-bkg"
    assert (model.spectral.norm.value, model.spectral.tilt.frozen) == (1.1, False)
    with pytest.raises(ConfigError, match=r"model.background.nrm: .* Did you mean 'norm'"):
        parse_background({"nrm": 1}, "stacked")


def test_template_files_are_relative_to_the_file_that_names_them(tmp_path):
    from astropy.table import QTable

    QTable({"energy": [1, 2] * u.TeV, "dnde": [1e-12, 1e-13] * u.Unit("cm-2 s-1 TeV-1")}).write(tmp_path / "t.ecsv")
    (tmp_path / "m.yaml").write_text("sources: {a: {spectral: {type: template, filename: t.ecsv}}}")
    models = read_models(tmp_path / "m.yaml")
    assert models["a"].spectral(1 * u.TeV).value == pytest.approx(1e-12)
    assert parse_models(models_text(models)) == models  # the table travels inside


PL = {"type": "pl"}
PRIOR_TYPO = {"index": {"prior": {"gaus": {"mean": 1}}}}
BAD = {
    "unknown model": ({"type": "plw"}, r"s.spectral.type: unknown spectral model type 'plw'. Did you mean 'pl'"),
    "unknown parameter": ({"type": "pl", "indx": 2}, r"s.spectral.indx: .*no parameter 'indx'. Did you mean 'index'"),
    "no type": ({"index": 2}, r"has no type; write e.g. 'type: const'"),
    "unit": (
        {**PL, "amplitude": "3 ph/s"},
        r"s.spectral.amplitude: '3 ph/s' has unit ph/s; expected .* TeV-1 s-1 cm-2",
    ),
    "no unit": ({**PL, "reference": 1}, r"s.spectral.reference: 1 has no unit; write e.g. '1 TeV'"),
    "not a number": ({**PL, "index": [2]}, r"s.spectral.index: got a list; expected a number"),
    "infinite": ({**PL, "index": math.inf}, r"got inf; expected a finite number"),
    "bounds": ({**PL, "index": {"value": 2, "min": 3}}, r"value 2 is below min 3"),
    "order": ({**PL, "index": {"min": 3, "max": 1}}, r"min 3 is above max 1"),
    "key": ({**PL, "index": {"valu": 3}}, r"unknown key 'valu' of a parameter. Did you mean 'value'"),
    "flag": ({**PL, "index": {"frozen": "yes"}}, r"got 'yes'; expected true or false"),
    "link": (
        {**PL, "index": {"link": "s.spectral.indx"}},
        r"no parameter 's.spectral.indx'. Did you mean 's.spectral.index'",
    ),
    "link unit": ({**PL, "index": {"link": "s.spectral.reference"}}, r"cannot be linked with 'reference'"),
    "prior": ({**PL, **PRIOR_TYPO}, r"unknown prior 'gaus'. Did you mean 'gauss'"),
    "prior keys": ({**PL, "index": {"prior": {"gauss": {"mean": 1}}}}, r"has mean; expected mean and sigma"),
    "prior key": ({**PL, "index": {"prior": {"gauss": {"men": 1}}}}, r"no 'men'. Did you mean 'mean'"),
    "prior of two kinds": (
        {**PL, "index": {"prior": {"gauss": {}, "uniform": {}}}},
        r"has 2 kinds, gauss and uniform; expected one",
    ),
    "no prior": ({**PL, "index": {"prior": 3}}, r"s.spectral.index.prior: is not a prior"),
    "prior sigma": ({**PL, "index": {"prior": {"gauss": {"mean": 1, "sigma": 0}}}}, r"GaussianPrior: sigma 0 is not"),
    "prior order": ({**PL, "index": {"prior": {"uniform": {"min": 3, "max": 3}}}}, r"min 3 is not below max 3"),
    "prior logarithm": ({**PL, "index": {"prior": {"log_uniform": {"min": 0, "max": 3}}}}, r"min 0 is not positive"),
    "prior unit": (
        {**PL, "amplitude": {"prior": {"uniform": {"min": "0 TeV", "max": "1 TeV"}}}},
        r"s.spectral.amplitude.prior.uniform.min: '0 TeV' has unit TeV",
    ),
    "prior without unit": (
        {**PL, "reference": {"prior": {"gauss": {"mean": "1 TeV", "sigma": 0.1}}}},
        r"prior.gauss.sigma: 0.1 has no unit; write e.g. '0.1 TeV'",
    ),
    "value outside of prior": (
        {**PL, "index": {"value": 5, "prior": {"uniform": {"min": 1, "max": 3}}}},
        r"value 5 lies outside of its prior, 1 to 3",
    ),
    "prior of gammapy": (
        {**PL, "index": {"prior": {"type": "GausianPrior", "parameters": []}}},
        r"unknown prior 'GausianPrior'. Did you mean 'GaussianPrior'",
    ),
    "number of a prior of gammapy": (
        {**PL, "index": {"prior": {"type": "GaussianPrior", "parameters": [{"name": "mean", "value": 1}]}}},
        r"a GaussianPrior has no 'mean'.*It has: mu and sigma",
    ),
    "missing number of gammapy": (
        {**PL, "index": {"prior": {"type": "GaussianPrior", "parameters": [{"name": "mu", "value": 1}]}}},
        r"GaussianPrior: has no sigma; expected mu and sigma",
    ),
    "option": (
        {"type": "compound", "model1": PL, "model2": PL, "operator": "ad"},
        r"'ad' is not allowed. Did you mean 'add'",
    ),
    "missing option": ({"type": "compound", "model1": PL, "operator": "add"}, r"needs 'model2'"),
    "two fluxes": ({"type": "compound", "model1": PL, "model2": PL, "operator": "mul"}, r"s.spectral: .*both fluxes"),
    "nodes": ({"type": "piecewise-norm", "energy": "1 TeV"}, r"expected a list such as \[0.1 TeV, 1 TeV\]"),
    "twice": ({**PL, "parameters": [{"name": "index"}, {"name": "index"}]}, r"parameter 'index' stands twice"),
    "nameless": ({**PL, "parameters": [{"value": 2}]}, r"the parameter has no name"),
    "no mapping": (3, r"s.spectral: got 3; expected a spectral model"),
}


@pytest.mark.parametrize(("spectral", "message"), BAD.values(), ids=BAD)
def test_mistakes_are_named_with_path_and_suggestion(spectral, message):
    with pytest.raises(ConfigError, match=message):
        parse_short({"s": {"spectral": spectral}})


def test_mistakes_in_a_file_come_all_at_once_with_their_lines(tmp_path):
    path = tmp_path / "models.yaml"
    path.write_text(
        "components:\n- name: a\n  type: SkyModl\n- name: b\n  spectrl: {type: pl}\n"
        "  type: SkyModel\n- type: SkyModel\n"
        "- name: c\n  type: SkyModel\n  spectral:\n    type: pl\n    parameters:\n    - name: indx\n      value: 2\n"
        "- {name: c, type: SkyModel, spectral: {type: pl}, spatial: {type: pont}}\n- {type: FoVBackgroundModel}\n"
        "covarance: x\n"
    )
    with pytest.raises(ConfigError) as caught:
        read_models(path)
    found = [(problem.line, problem.sentence) for problem in caught.value.problems]
    lines = [line for line, _ in found]
    assert lines == sorted(lines)
    assert {3, 5, 7, 13, 15, 16, 17} <= set(lines)
    text = str(caught.value)
    for words in (
        "Did you mean 'SkyModel'",
        "Did you mean 'spectral'",
        "'index'",
        "'point'",
        "'covariance'",
        "has no name",
    ):
        assert words in text


@pytest.mark.parametrize("text", ["", "x: 1", "[1, 2]"])
def test_a_file_without_models_is_refused(text):
    with pytest.raises(ConfigError, match=r"holds no models"):
        parse_models(text)
    with pytest.raises(ConfigError, match=r"expected '- name: ...'"):
        parse_models("components: 3")


def linked(**links):
    return {name: {"spectral": {"type": "pl", "index": {"link": f"{to}.spectral.index"}}} for name, to in links.items()}


def test_a_chain_of_links_ends_in_one_parameter():
    sources = linked(a="b", b="c") | {"c": {"spectral": {"type": "pl", "index": 2.7}}}
    models = parse_short(sources)
    assert [models[name].spectral.index.value for name in "abc"] == [2.7, 2.7, 2.7]
    assert sum("index" in name for name in models.free) == 1


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (linked(a="a"), r"a\.spectral\.index: link: 'a\.spectral\.index' is linked with itself"),
        (linked(a="b", b="a"), r"link: a\.spectral\.index -> b\.spectral\.index -> a\.spectral\.index is a circle"),
    ],
    ids=["itself", "circle"],
)
def test_links_that_lead_nowhere_are_refused(sources, message):
    with pytest.raises(ConfigError, match=message):
        parse_short(sources)


def test_a_template_without_a_table_says_what_it_needs():
    with pytest.raises(ConfigError, match="TemplateSpectralModel: no energy and no values; give filename, or energy"):
        parse_short({"a": {"spectral": {"type": "template"}}})


def test_numbers_of_a_prior_come_in_the_unit_of_the_parameter_and_in_the_form_of_gammapy():
    short = {"log_uniform": {"min": "1e-8 m-2 s-1 TeV-1", "max": "1e-9 cm-2 s-1 TeV-1"}}
    models = parse_short({"s": {"spectral": {**PL, "amplitude": {"value": "1e-11 cm-2 s-1 TeV-1", "prior": short}}}})
    prior = models.parameter("s.spectral.amplitude").prior
    assert prior.type == "LogUniformPrior"
    assert prior.parameters == pytest.approx({"min": 1e-12, "max": 1e-9})
    assert parse_models(models_text(models)).parameter("s.spectral.amplitude").prior == prior
    # gammapy writes the numbers of a prior without unit: they are in that of the parameter
    bare = models_text(models).replace(f"{20 * ' '}unit: TeV-1 s-1 cm-2\n", "")
    assert bare.count("unit: TeV-1 s-1 cm-2") == 1
    assert parse_models(bare).parameter("s.spectral.amplitude").prior == prior
