"""Components in Python: assignment, unknown names, choice groups, freezing, history, what a class must declare."""

import pytest

from gammapy_hli.base.errors import ConfigError
from gammapy_hli.core.component import Alternatives, Component, Slot
from gammapy_hli.core.traits import Float, Int, OptionError, Str, UnknownOptionError


@pytest.fixture
def analysis(tree):
    return tree.Analysis()


def test_option_without_help_is_refused_when_the_class_is_made():
    with pytest.raises(TypeError, match=r"A\.x has no help"):
        type("A", (Component,), {"x": Int(1)})


def test_name_of_a_method_is_refused_as_option():
    with pytest.raises(TypeError, match=r"A\.update: the name is taken"):
        type("A", (Component,), {"update": Int(1, help="x")})


def test_member_of_a_choice_group_must_allow_null():
    with pytest.raises(TypeError, match="allow_none=True"):
        type("A", (Component,), {"x": Int(1, help="x", group="g")})


def test_unknown_attribute_raises_with_a_suggestion(analysis):
    with pytest.raises(UnknownOptionError, match=r"unknown key 'fit.tolerence'. Did you mean 'tolerance'"):
        analysis.fit.tolerence = 1
    with pytest.raises(AttributeError, match="Did you mean 'tolerance'"):
        _ = analysis.fit.tolerence
    with pytest.raises(AttributeError, match="Did you mean 'update'"):
        _ = analysis.fit.updat


def test_bad_value_raises_and_changes_nothing(analysis):
    with pytest.raises(OptionError, match=r"reduction.energy.min: '1 m' has unit m \(length\)"):
        analysis.reduction.energy.min = "1 m"
    assert analysis.reduction.energy.stored("min") == "0.1 TeV"
    assert not analysis.has_bad_values


def test_mapping_with_a_mistake_changes_nothing(analysis):
    analysis.model.sources = {"crab": {"spectral": {"type": "pl", "index": 3}}}
    with pytest.raises(OptionError, match="lambda"):
        analysis.model.sources = {"crab": {"spectral": {"index": 4, "lambda_": 5}}, "vela": {"spectral": "plx"}}
    assert list(analysis.model.sources) == ["crab"]
    assert analysis.model.sources.crab.spectral.index.value == 3


def test_old_name_in_python_warns(analysis):
    with pytest.warns(DeprecationWarning, match=r"'fit.tol' is now called 'fit.tolerance'"):
        analysis.fit.tol = 0.4
    assert analysis.fit.tolerance == 0.4


def test_trait_error_of_traitlets_catches_it_too(analysis):
    from traitlets import TraitError

    with pytest.raises(TraitError):
        analysis.fit.tolerance = "x"


def test_assignment_has_the_origin_python_and_keeps_the_history(analysis):
    analysis.fit.tolerance = 0.5
    analysis.fit.tolerance = 0.7
    assert str(analysis.fit.origin_of("tolerance")) == "Python"
    assert [setting.value for setting in analysis.fit.history_of("tolerance")] == [0.1, 0.5, 0.7]


def test_same_dotted_names_in_brackets(analysis):
    analysis["reduction.energy.nbins"] = 5
    assert analysis["reduction.energy.nbins"] == 5
    assert analysis["reduction.energy"].per_decade is None


def test_section_is_set_by_a_mapping_and_merges(analysis):
    analysis.reduction.energy = {"min": "1 TeV"}
    analysis.reduction.energy = {"nbins": 3}
    assert (analysis.reduction.energy.stored("min"), analysis.reduction.energy.nbins) == ("1 TeV", 3)


def test_optional_section_is_none_until_set(analysis):
    assert analysis.flux_points.energy is None
    analysis.flux_points.energy = {"nbins": 3}
    assert analysis.flux_points.energy.nbins == 3
    analysis.flux_points.energy = None
    assert analysis.flux_points.energy is None


def test_named_items_by_key_and_by_attribute(analysis):
    analysis.model.sources["crab"] = {"spectral": "pl"}
    analysis.model.sources.crab.spectral.index = 2.5
    assert analysis.model.sources["crab"].spectral.index.value == 2.5
    del analysis.model.sources["crab"]
    assert len(analysis.model.sources) == 0
    with pytest.raises(AttributeError, match="has no item 'vela'"):
        _ = analysis.model.sources.vela


def test_type_of_a_model_is_set_first_and_switches_its_parameters(analysis):
    analysis.model.sources = {"crab": {"spectral": {"lambda_": "1 TeV-1", "type": "ecpl"}}}
    spectral = analysis.model.sources.crab.spectral
    assert spectral.lambda_.value == 1.0
    assert spectral.model_type.tag == "ExpCutoffPowerLawSpectralModel"
    spectral.type = "pl"
    with pytest.raises(UnknownOptionError, match="lambda_"):
        spectral.lambda_ = "1 TeV-1"


def test_lists_are_tuples_so_that_changes_are_assignments(analysis):
    analysis.selection.obs_ids = [1, 2]
    assert analysis.selection.obs_ids == (1, 2)


def test_slots_of_one_class_live_side_by_side(analysis):
    analysis.reduction.energy.min = "1 TeV"
    assert analysis.reduction.energy_true.stored("min") == "0.05 TeV"


def test_chosen_alternative(analysis):
    background = analysis.reduction.background
    assert background.chosen("method") is None
    background.method = "off-runs"
    background.off_runs.obs_ids = [1]
    assert background.chosen("method") is background.off_runs


def test_alternative_may_be_an_import_path_that_is_loaded_when_looked_at():
    class Maker(Component):
        """Makes."""

        method = Alternatives({"a": "no_such_module:Class", "b": None}, "b", help="Method.")

    assert Maker.__dict__["method"]._components["a"] == "no_such_module:Class"
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        Maker().a  # noqa: B018


def test_frozen_options_cannot_change(analysis):
    with (
        analysis.fit.freeze(),
        pytest.raises(OptionError, match=r"fit.tolerance: options cannot change while 'fit' runs"),
    ):
        analysis.fit.tolerance = 1
    analysis.fit.tolerance = 1


def test_labelled_instance_follows_the_unlabelled_in_what_it_does_not_set(tree):
    text = "steps: [selection, reduction, model, fit, fit@x]\nfit@x: {tolerance: 0.2}\n"
    root = tree.from_text(text).build()
    root.fit.tolerance = 0.9
    root.fit.stack = True
    assert root["fit@x"].tolerance == 0.2
    assert root["fit@x"].stack is True


def test_labelled_instance_is_made_when_asked_for(analysis):
    analysis.fit.tolerance = 0.9
    assert analysis["fit@other"].tolerance == 0.9
    assert analysis["fit@other"].dotted_path == "fit@other"


def test_problems_of_a_constructor_come_together(tree):
    with pytest.raises(ConfigError) as caught:
        tree.Analysis({"fit": {"tolerance": "x"}, "reduction": {"energy": {"mni": 3}}})
    assert len(caught.value.problems) == 2


def test_observers_are_told(analysis):
    seen = []
    analysis.fit.observe(lambda change: seen.append((change.old, change.new)), "tolerance")
    analysis.fit.tolerance = 0.4
    assert seen == [(0.1, 0.4)]


def test_components_show_their_options(analysis):
    analysis.reduction.energy.min = "1 TeV"
    assert "min        : 1 TeV" in repr(analysis.reduction.energy)
    assert "<table" in analysis.reduction._repr_html_()


def test_other_attributes_must_be_declared():
    class Worker(Component):
        """Works."""

        done: int
        size = Float(1, help="Size.")
        name_ = Slot("gammapy_hli.core.tool:Tool", optional=True)
        word = Str(None, help="Word.")

    worker = Worker(size=2)
    worker.done = 3
    assert (worker.done, worker.size) == (3, 2.0)
    with pytest.raises(UnknownOptionError):
        worker.sise = 3


def test_internal_option_is_for_code_not_for_files(tree, analysis):
    analysis.secret = 5
    assert analysis.secret == 5
    assert "secret" not in analysis.to_plain()


def test_plugins_add_alternatives_by_entry_points(monkeypatch):
    from importlib import metadata

    point = metadata.EntryPoint("extra", "gammapy_hli.core.tool:Tool", "hli.test")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point] if group == "hli.test" else [])

    class Maker(Component):
        """Makes."""

        method = Alternatives({"b": None}, "b", entry_points="hli.test", help="Method.")

    maker = Maker(method="extra", extra={"inputs": {"a": "b"}})
    assert dict(maker.chosen("method").inputs) == {"a": ("b",)}


def test_position_is_usable_without_astropy(analysis):
    analysis.selection.cone = {"center": "83.63 deg, 22.01 deg", "radius": "1 deg"}
    assert analysis.selection.cone.center.lon == "83.63 deg"
    assert analysis.selection.cone.number_of("radius", "arcmin") == 60.0
