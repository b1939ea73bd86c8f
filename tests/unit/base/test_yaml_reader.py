"""Strict YAML: the table of scalars, the marks, and every kind of mistake."""

import json
import math
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gammapy_hli.base.errors import ConfigError
from gammapy_hli.base.yaml_reader import MAX_BYTES, parse_yaml, read_yaml, scalar_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("023523", 23523),
        ("-7", -7),
        ("1e-12", 1e-12),
        ("1E5", 1e5),
        ("+.5", 0.5),
        ("10.", 10.0),
        ("22:00:52", "22:00:52"),
        ("2020-01-01", "2020-01-01"),
        ("yes", "yes"),
        ("Off", "Off"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("tRue", "tRue"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("", None),
        (".inf", math.inf),
        ("0.3 TeV", "0.3 TeV"),
        ("١٢", "١٢"),
    ],
)
def test_scalar_table(text, value):
    found = scalar_value(text)
    assert found == value
    assert type(found) is type(value)


def test_quoted_scalars_are_text():
    node = parse_yaml("a: '1'\nb: \"true\"\nc: |\n  10\n")
    assert node.plain() == {"a": "1", "b": "true", "c": "10\n"}


def test_marks_count_from_one_and_carry_the_source_line():
    node = parse_yaml("general:\n  n_jobs: 4   # jobs\n", "crab.yaml")
    value = node.value["general"].value["n_jobs"]
    key = node.value["general"].key_nodes["n_jobs"]
    assert (value.file, value.line, value.column, value.raw) == ("crab.yaml", 2, 11, "4")
    assert (key.line, key.column, key.length) == (2, 3, 6)
    assert value.text == "  n_jobs: 4   # jobs"


def test_marks_count_characters_not_bytes():
    node = parse_yaml("\ufeffγ: [β, 1]\n")
    assert [(item.line, item.column) for item in node.value["γ"].value] == [(1, 5), (1, 8)]


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "\ufeff"], ids=repr)
def test_empty_text_is_none(text):
    assert parse_yaml(text).plain() is None


def test_empty_section_is_none():
    assert parse_yaml("fit:\nmodel: ~\n").plain() == {"fit": None, "model": None}


def test_aliases_are_followed():
    assert parse_yaml("a: &x {b: 1}\nc: [*x, *x]").plain() == {"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]}


BOMB = "\n".join(["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)])
CHAIN = "\n".join(["a0: &a0 [x]"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 3000)])


@pytest.mark.parametrize(
    ("text", "code", "place", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "duplicate-key", (3, 1), "'a' stands twice; first at line 1"),
        ("a:\n\tb: 1\n", "yaml-syntax", (2, 1), "a tab is used"),
        ("a: !!python/object:os.system x\n", "tag", (1, 4), "python/object"),
        ("a: !unit 1 TeV\n", "tag", (1, 4), "!unit"),
        ("23523: x\n", "key-not-text", (1, 1), 'key 23523 is not text. Put it in quotes: "23523": ...'),
        ("true: x\n", "key-not-text", (1, 1), "key true is not text"),
        ("? [a, b]\n: 1\n", "key-not-text", (1, 3), "cannot be a key"),
        ("?\n: 1\n", "key-not-text", (1, 2), "a key is empty"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "merge-key", (3, 3), "not supported"),
        (BOMB, "alias-bomb", None, "more than 10000 values"),
        (CHAIN, "too-deep", None, "levels of nesting"),
        ("[" * 50_000, "too-deep", (1, 101), "more than 100 levels"),
        ("a: *b\n", "unknown-alias", (1, 4), r"'\*b' has no anchor"),
        ("a: &x [*x]\n", "alias-loop", (1, 8), "inside its own anchor"),
        ("a: 1\n---\nb: 2\n", "several-documents", (2, 1), "second document"),
        ("a: b: c\n", "yaml-syntax", (1, 5), "in quotes"),
        ("a: @b\n", "yaml-syntax", (1, 4), "begins with '@'"),
        ("a: [1, 2\n", "yaml-syntax", None, "opened at line 1, column 4"),
        ("a: \x07\n", "control-character", (1, 4), r"U\+0007"),
        ("a: '" + "\ud800" + "'", "control-character", (1, 5), r"U\+D800"),
        ("a: " + "9" * 5000, "number-too-long", (1, 4), "5000 digits"),
    ],
    ids=lambda value: value if isinstance(value, str) and "-" in value and len(value) < 20 else "",
)
def test_mistakes_are_located(text, code, place, words):
    with pytest.raises(ConfigError, match=words) as caught:
        parse_yaml(text, "bad.yaml")
    problem = caught.value.problems[0]
    assert problem.code == code
    assert problem.file == "bad.yaml"
    assert problem.line is not None
    if place is not None:
        assert (problem.line, problem.column) == place


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        parse_yaml("a: 1\na: 2\nb: !x 1\nc: [1\n", "bad.yaml")
    assert [problem.code for problem in caught.value.problems] == ["duplicate-key", "tag", "yaml-syntax"]


def test_problems_can_be_collected_instead_of_raised():
    problems = []
    node = parse_yaml("a: 1\na: 2\nb: 3\n", problems=problems)
    assert [problem.code for problem in problems] == ["duplicate-key"]
    assert node.plain() == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a: 1\x00\x01", "binary file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "binary file"),
        (b"a: 1\nb: \xe9t\xe9\n", r"bad\.yaml:2:4: byte 0xe9 is not UTF-8"),
        ("a: 1".encode("utf-16"), "is not UTF-8|binary file"),
    ],
    ids=["nul", "png", "latin-1", "utf-16"],
)
def test_files_that_are_no_text(tmp_path, data, words):
    path = tmp_path / "bad.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=words):
        read_yaml(path)


def test_missing_file_is_named_with_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=rf"crap\.yaml \(in {tmp_path}\)") as caught:
        read_yaml("crap.yaml")
    assert caught.value.problems[0].code == "file-missing"


def test_folder_instead_of_a_file(tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        read_yaml(tmp_path)


def test_large_file_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "large.yaml"
    with path.open("wb") as stream:
        stream.truncate(100 * MAX_BYTES)  # sparse
    with pytest.raises(ConfigError, match="larger than 10 MB"):
        read_yaml(path)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no endless file here")
def test_endless_file_ends():
    with pytest.raises(ConfigError, match="larger than"):
        read_yaml("/dev/zero")


# json escapes characters beyond U+FFFF as pairs of surrogates, which YAML does not know; a key of YAML has at most 1024
# characters, escapes included
words = st.text(alphabet=st.characters(max_codepoint=0xD7FF), max_size=150).filter(lambda text: text != "<<")
plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(words, children, max_size=4),
    max_leaves=12,
)


@given(plain_values)
def test_json_means_the_same(value):
    """JSON is YAML, and numbers keep their type."""
    assert parse_yaml(json.dumps(value, ensure_ascii=True)).plain() == value


@given(plain_values)
def test_json_with_tabs_means_the_same(value):
    assert parse_yaml(json.dumps(value, indent="\t")).plain() == value


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@` \n\t0.~<?,é\x01"))
def test_any_text_gives_a_node_or_a_config_error(text):
    problems = []
    parse_yaml(text, problems=problems).plain()
    assert all(problem.line >= 1 for problem in problems)
    assert str(ConfigError(problems)).startswith("gammapy-hli: ")


@given(st.binary(max_size=60))
def test_any_bytes_give_a_node_or_a_config_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    problems = []
    read_yaml(path, problems).plain()
    assert all(problem.file == str(path) for problem in problems)


def test_reader_needs_neither_numpy_nor_astropy():
    import subprocess
    import sys

    code = (
        "import sys, gammapy_hli.base.yaml_reader, gammapy_hli.base.summary, gammapy_hli.base.atomic_write; "
        "print([m for m in ('numpy', 'astropy', 'traitlets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
