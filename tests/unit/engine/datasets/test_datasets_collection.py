"""The ordered collection of datasets."""

import numpy as np
import pytest

from gammapy_hli.engine.datasets.datasets import Datasets


@pytest.fixture
def datasets(make_on_off):
    return Datasets(make_on_off(name=name) for name in ("23523", "23526"))


def test_found_by_name_and_position_in_order(datasets):
    assert datasets["23526"] is datasets[1]
    assert datasets.names == ("23523", "23526")
    assert [dataset.name for dataset in datasets] == list(datasets.names)
    assert "23523" in datasets
    assert datasets[1:].names == ("23526",)


def test_unknown_name_suggests(datasets):
    with pytest.raises(KeyError, match=r"no dataset is named '2352'\. Did you mean '2352"):
        datasets["2352"]


def test_a_run_number_that_is_no_text_is_told_so(datasets):
    with pytest.raises(IndexError, match=r"no dataset number 23523 of \d+; the name of a run is text"):
        datasets[23523]


def test_equal_names_are_refused(make_cash):
    with pytest.raises(ValueError, match="two datasets are named '1'"):
        Datasets([make_cash(), make_cash()])


def test_info_table_has_a_row_a_dataset(datasets):
    table = datasets.info_table()
    assert list(table["name"]) == ["23523", "23526"]
    assert list(table["n_on_safe"]) == [8, 8]
    assert table["livetime"].unit == "s"
    assert table["energy_threshold"].unit == "TeV"


def test_info_table_of_cash_marks_off_numbers_as_unknown(make_cash):
    assert np.isnan(Datasets([make_cash()]).info_table()["n_off"][0])


def test_stack_gives_one_dataset(datasets):
    assert datasets.stack("all").counts.sum() == 16
    assert "23523, 23526" in repr(datasets)
