"""Summaries of objects, suggestions, names."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gammapy_hli.base.names import check_name, is_name, slug, unique_slugs
from gammapy_hli.base.suggest import did_you_mean, edit_distance, suggest
from gammapy_hli.base.summary import Summary, summary_html, summary_text


@dataclass(frozen=True, eq=False)
class Run(Summary):
    obs_id: int = 23523

    def summary(self):
        return {"obs_id": self.obs_id, "livetime": 1581.73645, "ok": True, "counts": {"on": 172, "off": None}}


@dataclass(frozen=True)
class LongRun(Run):
    pass


@pytest.mark.parametrize("cls", [Run, LongRun])
def test_repr_is_aligned_also_for_dataclasses(cls):
    lines = [cls.__name__, "  obs_id   : 23523", "  livetime : 1581.74", "  ok       : true", "  counts"]
    assert repr(cls()).splitlines() == [*lines, "    on  : 172", "    off : -"]


def test_html_is_escaped_and_nested():
    page = summary_html("A<B", {"a": "<i>", "b": {"c": [1, 2]}})
    assert "&lt;i&gt;" in page
    assert page.count("<table") == 2
    assert "1, 2" in page


def test_long_lists_are_shortened():
    assert "... 99 (100 values)" in summary_text("x", {"a": list(range(100))})


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("metod", "method"),
        ("Method", "method"),
        ("flux-points", "flux_points"),
        ("flux_point", "flux_points"),
        ("reducton", "reduction"),
        ("mni", "min"),
        ("tolerance_value", "tolerance"),
        ("qqqqqq", None),
        ("", None),
    ],
)
def test_suggest(word, found):
    names = ["method", "min", "max", "flux_points", "reduction", "tolerance", "n_jobs"]
    assert suggest(word, names) == found


def test_did_you_mean_is_a_sentence_or_nothing():
    assert did_you_mean("rng", ["ring", "fov"]) == " Did you mean 'ring'?"
    assert did_you_mean("zzz", ["ring", "fov"]) == ""


@pytest.mark.parametrize(("a", "b", "distance"), [("", "abc", 3), ("abc", "acb", 1), ("kitten", "sitting", 3)])
def test_edit_distance(a, b, distance):
    assert edit_distance(a, b) == edit_distance(b, a) == distance


@pytest.mark.parametrize("name", ["a b", "", "a/b", "../x", "é", "a.b", "a\n"])
def test_bad_names_are_refused(name):
    with pytest.raises(ValueError, match="source"):
        check_name(name, "source")


def test_name_of_another_type_is_refused():
    with pytest.raises(ValueError, match="is a int"):
        check_name(5)


@given(st.text())
def test_slug_is_a_name_and_its_own_slug(name):
    assert is_name(slug(name))
    assert slug(slug(name)) == slug(name)


@given(st.lists(st.text(max_size=5)))
def test_unique_slugs_differ_also_without_case(names):
    slugs = unique_slugs(names)
    assert set(slugs) == set(names)
    invalid = [value.lower() for name, value in slugs.items() if not is_name(name)]
    assert len(set(invalid)) == len(invalid)
    assert len(set(slugs.values())) == len(slugs)
