"""Precedence, origins, labels, choice groups, files that extend others, relative paths."""

import os
from pathlib import Path

import pytest


def test_command_line_beats_files_and_python_beats_all(tree):
    texts = ("fit: {tolerance: 1}", "fit: {tolerance: 2}")
    assert tree.from_text(*texts).value("fit.tolerance") == 2
    line = [("fit.tolerance", ["3"])]
    assert tree.from_text(*texts, command_line=line).value("fit.tolerance") == 3
    found = tree.from_text(*texts, command_line=line, python={"fit": {"tolerance": 4}})
    assert found.value("fit.tolerance") == 4
    assert [str(setting.origin) for setting in found.history("fit.tolerance")] == [
        "default",
        "crab.yaml:1:18",
        "file1.yaml:1:18",
        "command line (--fit.tolerance)",
        "Python",
    ]


def test_python_takes_dotted_keys_and_traitlets_config(tree):
    from traitlets.config import Config

    assert tree.from_text("", python={"reduction.energy.min": "1 TeV"}).value("reduction.energy.min") == "1 TeV"
    config = Config({"fit": {"tolerance": 0.5}})
    assert tree.from_text("", python=config).value("fit.tolerance") == 0.5


def test_slot_defaults_come_before_those_of_the_class(tree):
    found = tree.from_text("")
    assert found.value("reduction.energy.max") == "40 TeV"
    assert found.value("reduction.energy_true.per_decade") == 20
    assert str(found.origin("reduction.energy.max")) == "default"


def test_deeper_file_does_not_beat_the_command_line(tree):
    found = tree.from_text("reduction: {energy: {min: 1 TeV}}", command_line=[("reduction.energy.min", ["2 TeV"])])
    assert found.value("reduction.energy.min") == "2 TeV"


def test_leaf_values_are_replaced_whole(tree):
    found = tree.from_text("selection: {obs_ids: [1, 2]}", "selection: {obs_ids: [3]}")
    assert found.value("selection.obs_ids") == [3]


def test_named_items_merge_by_key(tree):
    found = tree.from_text(
        "model: {sources: {a: {spectral: {type: pl, index: 3}}}}",
        "model: {sources: {a: {spectral: {index: 4}}, b: {spectral: {type: ecpl}}}}",
    )
    assert found.problems == ()
    assert list(found.root.model.sources) == ["a", "b"]
    assert found.value("model.sources.a.spectral.index") == 4


def test_new_type_drops_the_parameters_of_the_old_one(tree):
    old = "model: {sources: {a: {spectral: {type: ecpl, index: 3, lambda_: 1 TeV-1}}}}"
    found = tree.from_text(old, "model: {sources: {a: {spectral: {type: pl}}}}")
    assert found.problems == ()
    assert found.value("model.sources.a.spectral.index") == 2
    assert "lambda_" not in found.value("model.sources.a.spectral")


def test_same_type_under_another_name_keeps_the_parameters(tree):
    old = "model: {sources: {a: {spectral: {type: pl, index: 3}}}}"
    found = tree.from_text(old, "model: {sources: {a: {spectral: {type: PowerLawSpectralModel}}}}")
    assert found.value("model.sources.a.spectral.index") == 3


def test_parameters_may_stand_in_a_weaker_file_than_the_type(tree):
    site = "model: {sources: {a: {spectral: {index: 3, lambda_: 1 TeV-1}}}}"
    found = tree.from_text(site, "model: {sources: {a: {spectral: {type: ecpl}}}}")
    assert found.problems == ()
    assert found.value("model.sources.a.spectral.lambda_") == "1 TeV-1"
    wrong = tree.from_text(site, "model: {sources: {a: {spectral: {type: pl}}}}")
    assert "unknown key 'model.sources.a.spectral.lambda_'" in str(wrong.problems[0])


def test_a_parameter_that_a_model_lacks_is_answered_with_those_it_has(tree):
    found = tree.from_text("model: {sources: {a: {spectral: {type: pl, per_decad: 3}}}}")
    assert found.problems[0].hint == "Known here: type, index, amplitude, reference"


def test_model_inside_a_model(tree):
    text = "model: {sources: {a: {spectral: {type: compound, model1: {type: pl, index: 3}, model2: ecpl}}}}"
    found = tree.from_text(text)
    assert found.problems == ()
    assert found.value("model.sources.a.spectral.model1.index") == 3


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ("nbins: 5", "per_decade: 7", (7, None, None)),
        ("per_decade: 7", "nbins: 5", (None, 5, None)),
        ("nbins: 5", "edges: [1 TeV, 2 TeV]", (None, None, ["1 TeV", "2 TeV"])),
        ("nbins: 5", "nbins: null", (None, None, None)),
        ("nbins: 5", "min: 1 TeV", (None, 5, None)),
    ],
)
def test_strongest_setter_of_a_choice_group_clears_the_others(tree, low, high, expected):
    found = tree.from_text(f"reduction: {{energy: {{{low}}}}}", f"reduction: {{energy: {{{high}}}}}")
    energy = found.root.reduction.energy
    assert tuple(energy.stored(name) for name in ("per_decade", "nbins", "edges")) == expected


def test_label_falls_back_to_the_section_without_label(tree):
    text = "fit: {tolerance: 0.5, stack: true}\nfit@x: {stack: false}\nsteps: [selection, reduction, model, fit@x]\n"
    found = tree.from_text(text)
    assert found.value("fit@x.tolerance") == 0.5
    assert found.value("fit@x.stack") is False
    assert found.value("fit.stack") is True
    assert found.warnings == ()


def test_unlabelled_value_of_the_command_line_does_not_beat_the_label_in_a_file(tree):
    text = "fit@x: {tolerance: 0.3}\nsteps: [selection, reduction, model, fit@x]\n"
    found = tree.from_text(text, command_line=[("fit.tolerance", ["0.9"]), ("fit.stack", ["true"])])
    assert found.value("fit@x.tolerance") == 0.3
    assert found.value("fit@x.stack") is True


def test_label_in_a_choice_group_clears_what_it_would_inherit(tree):
    text = "flux_points: {energy: {nbins: 5, min: 1 TeV}}\nflux_points@x: {energy: {per_decade: 3}}\n"
    energy = tree.from_text(text).root["flux_points@x"].energy
    assert (energy.per_decade, energy.nbins, energy.stored("min")) == (3, None, "1 TeV")


def test_label_may_have_no_section(tree):
    found = tree.from_text("steps: [selection, reduction, model, fit, fit@again]\nfit: {tolerance: 0.5}")
    assert found.value("fit@again.tolerance") == 0.5


def test_optional_section_null_and_back(tree):
    on, off = "flux_points: {energy: {nbins: 5}}", "flux_points: {energy: null}"
    assert tree.from_text(on, off).value("flux_points.energy") is None
    assert tree.from_text(on, off, on).value("flux_points.energy.nbins") == 5
    assert tree.from_text(on, off, "flux_points: {energy: {min: 1 TeV}}").root.flux_points.energy.nbins is None


def test_other_names_of_a_section(tree):
    found = tree.from_text("data-reduction: {type: map}\noptimise@x: {stack: true}\n")
    assert found.problems == ()
    assert found.value("reduction.type") == "map"
    assert found.value("fit@x.stack") is True


def test_dash_and_underscore_are_alike_in_option_names(tree):
    found = tree.from_text("reduction: {background: {method: off-runs, off-runs: {obs-ids: [1]}}}")
    assert found.problems == found.warnings == ()
    assert found.value("reduction.background.off_runs.obs_ids") == [1]


def test_extends_is_merged_before_the_file_that_names_it(tree, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/base.yaml").write_text("fit: {tolerance: 1, stack: true}\nselection: {datastore: data}\n")
    (tmp_path / "crab.yaml").write_text("extends: [site/base.yaml]\nfit: {tolerance: 2}\n")
    found = tree.from_files(tmp_path / "crab.yaml")
    assert (found.value("fit.tolerance"), found.value("fit.stack")) == (2, True)
    assert found.root.selection.datastore == tmp_path / "site/data"


def test_file_that_extends_itself_is_an_error(tree, tmp_path):
    (tmp_path / "a.yaml").write_text("extends: [b.yaml]\n")
    (tmp_path / "b.yaml").write_text("extends: [a.yaml]\n")
    assert "'a.yaml' extends itself" in str(tree.from_files(tmp_path / "a.yaml").problems[0])


def test_input_is_relative_to_its_file_and_output_to_the_working_directory(tree, tmp_path):
    (tmp_path / "crab.yaml").write_text("selection: {datastore: data}\ngeneral: {outdir: out}\n")
    root = tree.from_files(tmp_path / "crab.yaml").build()
    assert root.selection.datastore == tmp_path / "data"
    assert root.general.outdir == Path("out")
    line = tree.from_text("", command_line=[("selection.datastore", ["data"])]).build()
    assert line.selection.datastore == Path("data")


def test_written_configuration_gives_the_same_values_and_paths(tree, tmp_path):
    from gammapy_hli.core.effective import effective_yaml

    (tmp_path / "in").mkdir()
    text = tree.JOINT.replace("datastore: hess", "datastore: hess/dl3").replace(
        "{energy:", "{on_region: on.reg, energy:"
    )
    (tmp_path / "in/crab.yaml").write_text(text)
    first = tree.from_files(tmp_path / "in/crab.yaml")
    out = tmp_path / "a/b"
    out.mkdir(parents=True)
    (out / "config.yaml").write_text(effective_yaml(first.build(), out))
    second = tree.from_files(out / "config.yaml")
    assert second.problems == second.warnings == ()
    before, after = first.root, second.root
    assert os.path.realpath(after["selection@hess"].datastore) == os.path.realpath(before["selection@hess"].datastore)
    region = after["reduction@hess"].on_region
    assert os.path.realpath(region.base_dir / region.spec) == os.path.realpath(tmp_path / "in/on.reg")
    plain, again = first.as_dict(), second.as_dict()
    for name in ("model", "fit", "reduction@magic"):
        plain[name].pop("on_region", None), again[name].pop("on_region", None)
        assert again[name] == plain[name]
    assert effective_yaml(after, out, comments=False) == effective_yaml(before, out, comments=False)


def test_written_configuration_tells_the_origin_of_every_option(tree):
    from gammapy_hli.core.effective import effective_yaml

    text = effective_yaml(tree.from_text(tree.CRAB, command_line=[("fit.stack", ["true"])]).build())
    assert "    max: 40 TeV  # crab.yaml:10:31\n" in text
    assert "  stack: true  # command line (--fit.stack)\n" in text
    assert "  livetime_min: 0 s  # default\n" in text


def test_changed_names_what_differs_from_the_default(tree):
    found = tree.from_text("fit: {stack: true, tolerance: 0.1}\nreduction: {energy: {min: 100 GeV}}")
    assert found.changed() == ("fit.stack",)


def test_type_of_a_model_is_no_default(tree):
    found = tree.from_text("model: {sources: {crab: {spectral: {type: pl, index: 2}}}}")
    assert "model.sources.crab.spectral.type" in found.changed()


def test_path_of_an_option_that_is_not_there(tree):
    found = tree.from_text("")
    with pytest.raises(KeyError, match="Did you mean 'tolerance'"):
        found.value("fit.tolerence")
    with pytest.raises(KeyError, match="is a section"):
        found.origin("fit")


def test_whole_files_of_the_specification_load(tree):
    for text in (tree.CRAB, tree.JOINT):
        found = tree.from_text(text, complete=True)
        assert [str(problem) for problem in (*found.problems, *found.warnings)] == []
