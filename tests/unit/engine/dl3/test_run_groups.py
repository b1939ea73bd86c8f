"""Groups of runs: by value, by interval, with what cannot be grouped told."""

from types import SimpleNamespace

import pytest
from astropy.table import Table

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.run_groups import check_column, group_runs

INDEX = Table(
    {
        "OBS_ID": [7, 3, 5, 9],
        "TELLIST": ["1,2,3,4 ", "1,2,3", "1,2,3,4", "1,2,3"],
        "MUONEFF": [0.1, 0.25, 0.3, 0.5],
        "PERIOD": [2, 1, 2, 10],
        "GOOD": [[1, 2]] * 4,
    }
)


def observations(parts=None, zenith=(10.0, 20.0, 30.0, float("nan"))):
    own = Table({"obs_id": [7, 3, 5, 9], "zenith": zenith, "telescope": ["HESS", "HESS", "MAGIC", ""]})
    names = list(parts) if parts else ["7", "3", "5"]
    store = SimpleNamespace(obs_table=INDEX)
    return SimpleNamespace(store=store, table=SimpleNamespace(table=own), parts=parts or {}, names=names)


def test_each_value_is_a_group_in_the_order_of_the_values():
    groups = group_runs(observations(), "PERIOD")
    assert groups == {"3": "1", "7": "2", "5": "2"}
    assert list(dict.fromkeys(groups.values())) == ["1", "2"]


def test_text_is_made_a_name_and_blanks_do_not_count():
    assert group_runs(observations(), "tellist") == {"3": "1_2_3", "7": "1_2_3_4", "5": "1_2_3_4"}


def test_edges_make_intervals_the_last_with_its_end():
    assert group_runs(observations(), "MUONEFF", [0.1, 0.25, 0.3]) == {
        "7": "0p1-0p25",
        "3": "0p25-0p3",
        "5": "0p25-0p3",
    }


def test_the_table_of_the_selection_comes_first():
    assert group_runs(observations(), "zenith", [0, 15, 60]) == {"7": "0-15", "3": "15-60", "5": "15-60"}


def test_parts_of_runs_have_the_group_of_their_run():
    parts = {"7_0": (7, 0), "7_1": (7, 1), "3_1": (3, 1)}
    assert group_runs(observations(parts), "PERIOD") == {"3_1": "1", "7_0": "2", "7_1": "2"}


@pytest.mark.parametrize(
    ("column", "edges", "words"),
    [
        ("PERIODE", None, r"no column 'PERIODE' to group runs by\. Did you mean 'PERIOD'\?"),
        ("TELLIST", [1, 2], "holds text .*edges can cut numbers only"),
        ("zenith", [15, 60], "run 7: zenith is 10, outside of the edges 15 to 60"),
        ("zenith", [0, 25], "run 5: zenith is 30, outside of the edges 0 to 25"),
        ("GOOD", None, "has several values a run"),
    ],
    ids=["misspelt", "text", "below", "above", "vector"],
)
def test_what_cannot_be_grouped_is_told(column, edges, words):
    with pytest.raises(InputError, match=words):
        group_runs(observations(), column, edges)


def test_runs_without_a_value_are_told():
    given = observations(zenith=(10.0, float("nan"), 30.0, 1.0))
    with pytest.raises(InputError, match="runs 3 have no zenith"):
        group_runs(given, "zenith", [0, 60])


def test_column_of_either_table_is_found():
    store = observations().store
    check_column(store, "Zenith")
    check_column(store, "muoneff")
