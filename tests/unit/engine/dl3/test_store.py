"""Stores: index files with every quirk of NUMERICS.md A.2, unknown runs, damaged files."""

import logging

import numpy as np
import pytest
from astropy.io import fits

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.index import normal_kind, read_hdu_index
from gammapy_hli.engine.dl3.obs_index import read_obs_index
from gammapy_hli.engine.dl3.store import DataStore, expand_irfs


@pytest.mark.parametrize("zipped", [True, False])
def test_a_store_opens_with_zipped_or_plain_index(builder, zipped):
    builder.add(1)
    store = DataStore.open(builder.write(zipped=zipped))
    assert store.obs_ids == [1]
    assert len(store.observation(1).events) == 10


def test_a_store_without_observation_index(builder):
    builder.add(7)
    store = DataStore.open(builder.write(with_obs_index=False))
    assert store.obs_table["OBS_ID"].tolist() == [7]


def test_index_files_of_other_names(builder):
    builder.add(1)
    folder = builder.write()
    for kind in ("hdu", "obs"):
        (folder / f"{kind}-index.fits.gz").rename(folder / f"my-{kind}.fits.gz")
    store = DataStore.open(folder, hdu_index="my-hdu.fits.gz", obs_index="my-obs.fits.gz")
    assert store.obs_table["RA_PNT"][0] == 83.0
    with pytest.raises(InputError, match=r"my-gone\.fits: no such file, given as hdu_index"):
        DataStore.open(folder, hdu_index="my-gone.fits")


def test_a_store_from_files_without_index(builder):
    paths = [builder.add(obs_id) for obs_id in (3, 4)]
    store = DataStore.from_files(paths)
    assert store.obs_ids == [3, 4]
    assert store.observation(4).livetime.value == pytest.approx(900)


def test_from_files_needs_a_run_number(builder, make_events):
    path = builder.add(1, [make_events("none")])
    with pytest.raises(InputError, match="HDU EVENTS: keyword OBS_ID is 'none'"):
        DataStore.from_files([path])


def test_missing_folder_and_missing_index(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        DataStore.open(tmp_path / "gone")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"no hdu-index\.fits\.gz or hdu-index\.fits; found notes\.txt"):
        DataStore.open(tmp_path)


def test_types_and_names_of_any_case(builder):
    builder.add(1)
    for row in builder.rows:
        row["HDU_TYPE"] = row["HDU_TYPE"].upper()
        row["HDU_CLASS"] = row["HDU_CLASS"].upper() + "  "
        row["HDU_NAME"] = row["HDU_NAME"].lower()
    store = DataStore.open(builder.write())
    assert store.index.kinds(1) == ("events", "gti", "aeff", "edisp")
    assert len(store.observation(1).events) == 10


@pytest.mark.parametrize("folder", ["", "./", ".", " "])
def test_blank_and_dot_folders(builder, folder):
    builder.add(1, folder="")
    for row in builder.rows:
        row["FILE_DIR"] = folder
    assert len(DataStore.open(builder.write()).observation(1).events) == 10


def test_a_masked_folder_column(builder):
    """A masked text cell of a FITS table is a cell of NUL bytes."""
    builder.add(1, folder="")
    path = builder.write() / "hdu-index.fits.gz"
    for row in builder.rows:
        row["FILE_DIR"] = "\0\0"
    path.unlink()
    builder.write(with_obs_index=False)
    assert len(DataStore.open(path.parent).observation(1).events) == 10


@pytest.mark.parametrize("column", ["FILE_DIR", "HDU_CLASS", "HDU_TYPE", "HDU_NAME"])
def test_columns_that_an_index_can_do_without(builder, column):
    builder.add(1, folder="" if column == "FILE_DIR" else "data")
    store = DataStore.open(builder.write(with_obs_index=False, without=(column,)))
    assert len(store.observation(1).events) == 10


@pytest.mark.parametrize("column", ["OBS_ID", "FILE_NAME"])
def test_columns_that_an_index_needs(builder, column):
    builder.add(1)
    builder.write(with_obs_index=False, without=(column,))
    with pytest.raises(InputError, match=rf"hdu-index\.fits\.gz, HDU HDU_INDEX: no column '{column}'"):
        DataStore.open(builder.folder)


def test_run_numbers_as_text(builder):
    builder.add("0012")
    store = DataStore.open(builder.write())
    assert store.obs_ids == [12]
    assert store.observation(12).obs_id == 12


@pytest.mark.parametrize("value", ["run 7", ""])
def test_run_numbers_that_are_none(builder, value):
    builder.add("12")
    builder.rows[2]["OBS_ID"] = value
    builder.write()
    with pytest.raises(InputError, match=rf"HDU_INDEX, column OBS_ID, row 2: '{value}' is no run number"):
        DataStore.open(builder.folder)


def test_fractional_run_numbers(builder):
    builder.add(12.5, name="run.fits")
    with pytest.raises(InputError, match=r"row 0: '12\.5' is no run number"):
        DataStore.open(builder.write())


def test_repeated_rows_count_once_and_contradictions_warn(builder, caplog):
    builder.add(1)
    builder.rows.append(dict(builder.rows[0]))
    builder.row(1, "psf", "psf_table", "data", "run_1.fits.gz", "PSF")
    builder.row(1, "psf", "psf_king", "data", "run_1.fits.gz", "PSF2")
    builder.facts.append(dict(builder.facts[0]))
    with caplog.at_level(logging.WARNING):
        store = DataStore.open(builder.write())
    assert store.obs_ids == [1]
    assert len(store.obs_table) == 1
    assert store.index.locations(1)["psf"].hdu_class == "psf_table"
    assert len(caplog.records) == 1
    assert "several 'psf' HDUs; PSF in" in caplog.text


def test_rows_of_unknown_types_are_left_out(builder):
    builder.add(1)
    builder.row(1, "image", "counts", "data", "x.fits", "X")
    assert "image" not in DataStore.open(builder.write()).index.kinds(1)


@pytest.mark.parametrize(
    ("hdu_type", "hdu_class", "kind"),
    [("BGD", "", "bkg"), ("", "bgd_2d", "bkg"), ("pnt", "", "pointing"), ("", "rad_max_2d", "rad_max"), ("x", "y", "")],
)
def test_spellings_of_types(hdu_type, hdu_class, kind):
    assert normal_kind(hdu_type, hdu_class) == kind


def test_an_empty_index(builder):
    builder.add(1)
    builder.write()
    path = builder.folder / "hdu-index.fits.gz"
    with fits.open(path) as hdus:
        empty = fits.BinTableHDU(hdus[1].data[:0], header=hdus[1].header)
        fits.HDUList([fits.PrimaryHDU(), empty]).writeto(builder.folder / "empty.fits")
    with pytest.raises(InputError, match=r"empty\.fits, HDU HDU_INDEX: no rows, so no runs"):
        read_hdu_index(builder.folder / "empty.fits")


def test_unknown_runs_are_named_with_the_nearest(builder):
    for obs_id in (10, 20, 30, 40, 50):
        builder.add(obs_id)
    store = DataStore.open(builder.write())
    with pytest.raises(InputError, match=r"no run 33; nearest are 20, 30, 40\. The store holds 5 runs"):
        store.observation(33)


def test_many_unknown_runs_are_counted(builder):
    builder.add(1)
    store = DataStore.open(builder.write())
    with pytest.raises(InputError, match=r"no run 106; nearest are 1 \(3 more are unknown\)"):
        store.check_obs_ids(range(102, 110))


def test_a_required_response_that_is_not_there(builder):
    builder.add(1)
    store = DataStore.open(builder.write())
    with pytest.raises(
        InputError, match=r"obs 1: no 'psf', 'bkg' HDU in .*hdu-index\.fits\.gz\. Take 'psf', 'bkg' out"
    ):
        store.observation(1, "full-enclosure")
    assert store.observation(1, "point-like").kinds == ("events", "gti", "aeff", "edisp")


def test_a_run_without_events_cannot_be_analysed(builder):
    builder.add(1)
    builder.row(2, "aeff", "aeff_2d", "data", "x.fits", "AEFF")
    store = DataStore.open(builder.write())
    assert store.obs_ids == [1, 2]
    with pytest.raises(InputError, match=r"obs 2: no 'events' HDU in .* The run cannot be analysed"):
        store.observation(2)


def test_unknown_names_of_responses():
    assert expand_irfs(["point-like", "psf"]) == ("aeff", "edisp", "psf")
    with pytest.raises(InputError, match=r"required_irfs: 'pfs' is not allowed\. Did you mean 'psf'\?"):
        expand_irfs("pfs")


def test_a_file_that_was_zipped_after_the_index_was_made(builder):
    path = builder.add(1)
    for row in builder.rows:
        row["FILE_NAME"] = path.with_suffix("").name
    assert len(DataStore.open(builder.write()).observation(1).events) == 10


def test_environment_variables_in_folders(builder, monkeypatch):
    monkeypatch.setenv("TOY_DATA", "data")
    builder.add(1)
    for row in builder.rows:
        row["FILE_DIR"] = "$TOY_DATA"
    assert len(DataStore.open(builder.write()).observation(1).events) == 10


def test_a_missing_hdu_name_in_the_file(builder):
    builder.add(1)
    builder.rows[1]["HDU_NAME"] = "GTI2"
    run = DataStore.open(builder.write()).observation(1)
    with pytest.raises(InputError, match=r"run_1\.fits\.gz: no HDU 'GTI2'; found PRIMARY, EVENTS, GTI\. Did you mean"):
        _ = run.gti


def test_check_files_finds_every_fault_and_only_faults(builder, make_events, cut_file):
    builder.add(1, kinds=())
    builder.add(2, kinds=()).unlink()
    cut_file(builder.add(3, kinds=()), 0.55)
    builder.add(4, [make_events(4, without=("RA",))], kinds=())
    builder.add(5, kinds=()).write_bytes(b"\x1f\x8b broken")
    builder.row(6, "gti", "gti", "data", "run_1.fits.gz", "GTI")
    wrong = DataStore.open(builder.write()).check_files()
    assert list(wrong) == [2, 3, 4, 5, 6]
    words = {2: "no such file", 3: "damaged", 4: "no column 'RA'", 5: "broken gzip", 6: "no 'events' HDU"}
    assert [obs_id for obs_id, word in words.items() if word not in wrong[obs_id]] == []


def test_observation_index_as_found(builder):
    builder.add(1, facts={"COMMENTS": "fine", "TSTART": 5})
    table = DataStore.open(builder.write()).obs_table
    assert str(table["TSTART"].unit) == "s"
    assert table["COMMENTS"][0] == "fine"
    assert table["TSTART"].dtype == np.dtype(np.int64)


def test_an_observation_index_must_have_run_numbers(builder):
    builder.add(1)
    folder = builder.write()
    del builder.facts[0]["OBS_ID"]
    (folder / "obs-index.fits.gz").unlink()
    (folder / "hdu-index.fits.gz").unlink()
    builder.write()
    with pytest.raises(InputError, match=r"obs-index\.fits\.gz, HDU OBS_INDEX: no column 'OBS_ID'"):
        read_obs_index(folder / "obs-index.fits.gz")


def test_summary_counts_what_runs_have(builder):
    builder.add(1)
    builder.add(2, kinds=())
    text = repr(DataStore.open(builder.write()))
    assert "runs   : 2" in text
    assert "aeff   : 1" in text
