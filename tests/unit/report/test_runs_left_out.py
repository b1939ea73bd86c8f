"""Why runs of the store are not in the selection, counted by kind."""

from types import SimpleNamespace

from gammapy_hli.report.sections.runs import MOST_KINDS, _left_out


def text_for(reasons):
    table = [{"obs_id": number, "selected": False, "reason": reason} for number, reason in enumerate(reasons)]
    return _left_out(SimpleNamespace(table=table), "The store", False)[0].text


def test_kinds_that_are_not_named_are_counted_as_others():
    kinds = [f"reason {letter}" for letter in "abcdefgh"]
    assert f"others ({len(kinds) - MOST_KINDS})." in text_for(kinds)


def test_runs_outside_of_the_intervals_are_one_kind():
    starts = ["2006-07-30T02:37:55.000 + 1689 s", "2008-08-27T19:31:30.000 + 1688 s"]
    text = text_for([f"{start} is outside all intervals" for start in starts])
    assert text == "The store holds 2 runs; 2 of them are not in the selection: outside all intervals (2)."


def test_one_run_is_told_in_the_singular():
    assert text_for(["not in obs_ids"]) == "The store holds 1 run; 1 of them was not asked for."
