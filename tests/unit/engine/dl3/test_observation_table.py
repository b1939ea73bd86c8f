"""The product of the selection: bitwise round trip, no clock times, clear errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.products.observations import COLUMNS, ObservationTable

ANY_FLOAT = st.floats(allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


def make(n=3, **columns):
    numbers = {name: np.linspace(0, 1, n) / 3 for name in ("ra_pnt", "dec_pnt", "offset", "zenith", "livetime")}
    texts = {"tstart": ["2004-12-04T22:07:06.000"] * n, "telescope": ["HESS"] * n, "reason": ["", "zenith > 3", ""][:n]}
    rest = {"obs_id": np.arange(n), "selected": np.array([True, False, True][:n], dtype=bool)}
    return ObservationTable.from_columns(numbers | texts | rest | columns, {"target_ra_deg": 83.63})


def same_bits(one, other):
    for name in COLUMNS:
        left, right = np.asarray(one.table[name]), np.asarray(other.table[name])
        assert left.dtype == right.dtype, name
        assert left.tobytes() == right.tobytes(), name


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(ANY_FLOAT, TEXT, st.booleans(), st.integers(0, 2**62)), max_size=4))
def test_read_gives_every_bit_back(tmp_path_factory, rows):
    floats, texts, flags, ids = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [], [])
    by_kind = {"f": floats, "U": texts, "b": flags, "i": ids}
    table = ObservationTable.from_columns({name: by_kind[kind] for name, (kind, _, _) in COLUMNS.items()})
    path = tmp_path_factory.mktemp("table") / "observations.ecsv"
    table.write(path)
    same_bits(ObservationTable.read(path), table)


def test_equal_tables_give_equal_bytes(tmp_path):
    for name in ("a", "b"):
        make().write(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    back = ObservationTable.read(tmp_path / "a")
    back.write(tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == (tmp_path / "a").read_bytes()
    assert back.table.meta["target_ra_deg"] == 83.63


def test_an_empty_table_can_be_written(tmp_path):
    table = ObservationTable.from_columns({name: [] for name in COLUMNS})
    table.write(tmp_path / "empty.ecsv")
    assert len(ObservationTable.read(tmp_path / "empty.ecsv")) == 0


def test_selected_runs_and_their_livetime():
    table = make(livetime=[100.0, 200.0, np.nan])
    assert table.selected_ids == [0, 2]
    assert table.livetime.value == 100.0
    assert table.tstart(0).isot == "2004-12-04T22:07:06.000"
    assert table.tstart(99) is None
    assert "selected" in repr(table)


def test_leaving_runs_out_later_keeps_the_first_reason():
    later = make().without({0: "no off region", 1: "other"})
    assert later.selected_ids == [2]
    assert later.table["reason"].tolist() == ["no off region", "zenith > 3", ""]


def test_missing_file_and_foreign_files(tmp_path):
    with pytest.raises(InputError, match=r"gone\.ecsv: no such file\. Run the selection first"):
        ObservationTable.read(tmp_path / "gone.ecsv")
    (tmp_path / "bad.ecsv").write_text("hello")
    with pytest.raises(InputError, match=r"bad\.ecsv: no observation table in ECSV"):
        ObservationTable.read(tmp_path / "bad.ecsv")
    (tmp_path / "other.ecsv").write_text("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: a, datatype: int64}\na\n1\n")
    with pytest.raises(InputError, match=r"other\.ecsv: observation table: no column 'obs_id'; found a"):
        ObservationTable.read(tmp_path / "other.ecsv")
