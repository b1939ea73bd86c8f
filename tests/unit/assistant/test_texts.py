"""What the assistant writes reads back as what was meant: Python literals, and commented configurations."""

import ast
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gammapy_hli.analysis import Analysis
from gammapy_hli.assistant.commented_yaml import Notes, commented_yaml
from gammapy_hli.assistant.python_text import WIDTH, literal
from gammapy_hli.cli.config import EXAMPLES
from gammapy_hli.core.resolve import resolve
from gammapy_hli.core.sources import TextSource
from gammapy_hli.core.template import uncomment

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inside: st.lists(inside, max_size=5) | st.dictionaries(st.text(max_size=10), inside, max_size=5),
    max_leaves=20,
)


@given(PLAIN, st.integers(0, WIDTH), st.integers(0, 4))
def test_literal_evaluates_to_the_value(value, room, depth):
    assert ast.literal_eval(literal(value, room, depth)) == value


def test_long_literals_are_broken_one_item_a_line():
    value = {"circle": {"center": "83.63 deg, 22.01 deg", "radius": "0.11 deg"}, "numbers": list(range(40))}
    lines = literal(value).splitlines()
    assert lines[0] == "{"
    assert lines[1] == '    "circle": {"center": "83.63 deg, 22.01 deg", "radius": "0.11 deg"},'
    assert max(map(len, lines)) <= WIDTH + 1


def read_back(text):
    return resolve(Analysis, [TextSource(text, "made.yaml")], strict=False).build()


@pytest.fixture(params=EXAMPLES)
def example(request, monkeypatch):
    monkeypatch.setenv("GAMMAPY_DATA", "/data")
    text = files("gammapy_hli.cli").joinpath("examples", f"{request.param}.yaml").read_text(encoding="utf-8")
    return read_back(text)


@pytest.mark.parametrize("helps", ["short", "full"])
@pytest.mark.parametrize("shown", ["given", "basic", "all"])
def test_commented_configuration_reads_back_as_what_was_set(example, shown, helps):
    text = commented_yaml(example, Path(), shown=shown, helps=helps)
    assert read_back(text).to_plain(only_set=True) == example.to_plain(only_set=True)
    active = read_back(uncomment(text))  # what is commented out is the value in force
    assert active.to_plain() == example.to_plain()


def test_options_that_nobody_set_are_commented_out_or_left_out(example):
    count = {shown: commented_yaml(example, Path(), shown=shown).count("\n#") for shown in ("given", "basic", "all")}
    assert count["given"] < count["basic"] < count["all"]


def test_notes_stand_above_their_sections():
    analysis = Analysis({"selection.datastore": "store", "reduction.energy.min": "1 TeV"})
    notes = Notes(["Heading.", ""], {"reduction.energy": ["Why."]}, {"fit": ["energy_range: [1 TeV, 9 TeV]"]})
    text = commented_yaml(analysis, Path(), shown="given", notes=notes, helps="short")
    assert text.startswith("## Heading.\n\nconfig_version: 1\n")
    assert "##   Why.\n  energy:\n    min: 1 TeV" in text
    assert "#fit:\n#  energy_range: [1 TeV, 9 TeV]" in text
    assert read_back(uncomment(text)).stored("steps") is None
    assert [edge.value for edge in read_back(uncomment(text)).fit.energy_range] == [1, 9]


def test_relative_inputs_are_written_for_the_folder_of_the_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    analysis = Analysis({"selection.datastore": "store"})
    assert "datastore: ../store" in commented_yaml(analysis, Path("configs"), shown="given")
