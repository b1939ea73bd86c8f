"""Why runs of the store are not in the selection, counted by kind."""

from types import SimpleNamespace

from gammapy_hli.report.sections.runs import MOST_KINDS, _left_out


def text_for(reasons):
    table = [{"obs_id": number, "selected": False, "reason": reason} for number, reason in enumerate(reasons)]
    return _left_out(SimpleNamespace(table=table), False)[0].text


def test_kinds_that_are_not_named_are_counted_as_others():
    kinds = [f"reason {letter}" for letter in "abcdefgh"]
    assert f"others ({len(kinds) - MOST_KINDS})." in text_for(kinds)
