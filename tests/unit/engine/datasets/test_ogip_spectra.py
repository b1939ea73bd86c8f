"""OGIP files: rules of the standard, round trip to the precision of the format, located errors."""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.ogip import read_ogip, write_ogip
from gammapy_hli.engine.datasets.rmf import matrix_columns
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.predict.spectrum import response_matrix


def test_round_trip(tmp_path, make_on_off):
    dataset = make_on_off()
    found = read_ogip(write_ogip(dataset, tmp_path))
    assert (found.name, found.obs_ids) == ("1", (1,))
    for name in ("counts", "counts_off", "acceptance", "acceptance_off", "mask_safe", "livetime"):
        assert_array_equal(getattr(found, name), getattr(dataset, name), err_msg=name)
    assert_allclose(found.energy.edges.to_value("TeV"), dataset.energy.edges.to_value("TeV"), rtol=1e-14)
    assert_allclose(found.exposure.value, dataset.exposure.value, rtol=1e-14)
    assert_allclose(found.edisp, dataset.edisp, rtol=1e-7)  # float32 by the standard
    assert found.gti.ontime == dataset.gti.ontime
    assert found.region.radius.to_value("deg") == pytest.approx(0.11, rel=1e-9)
    assert len(found.regions_off) == 2


def test_nominal_edges_stay_nominal(tmp_path, make_on_off):
    found = read_ogip(write_ogip(make_on_off(), tmp_path))
    assert list(found.energy.edges.to_value("TeV")[[0, -1]]) == [0.3, 17.0]


def test_keywords_of_the_standard(tmp_path, make_on_off):
    path = write_ogip(make_on_off(), tmp_path)
    assert path.name == "ogip_obs1.fits"
    with fits.open(path) as hdus:
        hdus.verify("exception")
        header = hdus["SPECTRUM"].header
        assert (header["HDUCLAS2"], header["DETCHANS"], header["POISSERR"]) == ("TOTAL", 4, True)
        for keyword in ("ANCRFILE", "RESPFILE", "BACKFILE"):
            assert (tmp_path / header[keyword]).is_file()
        assert {"TELESCOP", "INSTRUME", "FILTER", "CORRFILE", "CORRSCAL", "AREASCAL", "CHANTYPE"} <= set(header)
        assert_array_equal(hdus["SPECTRUM"].data["QUALITY"], [1, 0, 0, 0])
        assert hdus["SPECTRUM"].columns["COUNTS"].format == "J"
        assert hdus["EBOUNDS"].columns["E_MIN"].unit == "keV"
    with fits.open(tmp_path / "ogip_obs1_arf.fits") as hdus:
        assert hdus["SPECRESP"].columns["SPECRESP"].unit == "cm2"
        area = make_on_off().exposure / make_on_off().livetime
        assert_allclose(hdus["SPECRESP"].data["SPECRESP"], area.to_value("cm2"), rtol=1e-14)


def test_stacked_acceptance_is_no_whole_number_and_kept(tmp_path, make_on_off):
    acceptance = np.array([0, 12.345678901, 1 / 3, 9])
    found = read_ogip(write_ogip(make_on_off(acceptance_off=acceptance), tmp_path))
    assert_array_equal(found.acceptance_off, acceptance)


def test_counts_that_are_not_whole_are_kept(tmp_path, make_on_off):
    counts = np.array([0.5, 1 / 3, 2, 3])
    assert_array_equal(read_ogip(write_ogip(make_on_off(counts=counts), tmp_path)).counts, counts)


def test_without_background_file_the_statistic_is_cash(tmp_path, make_cash):
    found = read_ogip(write_ogip(make_cash(background=None), tmp_path))
    assert type(found) is SpectrumDataset
    assert found.background is None


def test_modelled_background_has_no_place(tmp_path, make_cash):
    with pytest.raises(ValueError, match="OGIP holds no modelled background"):
        write_ogip(make_cash(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unknown_livetime_cannot_be_written(tmp_path, make_on_off):
    with pytest.raises(ValueError, match="livetime is nan s"):
        write_ogip(make_on_off(livetime=np.nan * u.s), tmp_path)


def test_files_that_are_there_stay_unless_overwritten(tmp_path, make_on_off):
    write_ogip(make_on_off(), tmp_path)
    with pytest.raises(FileExistsError, match=r"ogip_obs1.*overwrite=True"):
        write_ogip(make_on_off(), tmp_path)
    write_ogip(make_on_off(), tmp_path, overwrite=True)


def edit(path, hdu, change):
    with fits.open(path) as hdus:
        change(hdus[hdu])
        hdus.writeto(path, overwrite=True)


def test_keywords_may_stand_for_columns(tmp_path, make_on_off):
    path = write_ogip(make_on_off(), tmp_path)
    with fits.open(path) as hdus:
        columns = [column for column in hdus["SPECTRUM"].columns if column.name in ("CHANNEL", "COUNTS")]
        header = hdus["SPECTRUM"].header
        table = fits.BinTableHDU.from_columns(columns, name="SPECTRUM")
        for keyword in ("EXPOSURE", "ANCRFILE", "RESPFILE", "BACKFILE", "OBS_ID"):
            table.header[keyword] = header[keyword]
        table.header["BACKSCAL"], table.header["QUALITY"] = 3.0, 0
        fits.HDUList([fits.PrimaryHDU(), table, hdus["EBOUNDS"]]).writeto(path, overwrite=True)
    found = read_ogip(path)
    assert_array_equal(found.acceptance, 3.0)
    assert found.mask_safe.all()


def test_area_scale_is_part_of_the_area_of_source_and_background(tmp_path, make_on_off):
    path = write_ogip(make_on_off(), tmp_path)
    plain = read_ogip(path)
    edit(path, "SPECTRUM", lambda hdu: hdu.header.set("AREASCAL", 0.5))
    half = read_ogip(path)  # counts = rate x EXPOSURE x AREASCAL, XSPEC manual, appendix B
    assert_array_equal(response_matrix(half), 0.5 * response_matrix(plain))
    assert_array_equal(half.alpha, 0.5 * plain.alpha)


def test_other_off_time_scales_alpha(tmp_path, make_on_off):
    path = write_ogip(make_on_off(), tmp_path)
    edit(tmp_path / "ogip_obs1_bkg.fits", "SPECTRUM", lambda hdu: hdu.header.set("EXPOSURE", 2 * 1581.7367584109312))
    assert_allclose(read_ogip(path).acceptance_off, 8.0)


def test_matrix_with_groups_and_channels_from_one(tmp_path, make_on_off):
    path = write_ogip(make_on_off(), tmp_path)
    n_true = make_on_off().energy_true.nbin
    groups = [np.array([1, 4], np.int16)] * n_true
    lengths = [np.array([2, 1], np.int16)] * n_true
    values = [np.array([0.1, 0.2, 0.7], np.float32)] * n_true
    rmf = tmp_path / "ogip_obs1_rmf.fits"
    with fits.open(rmf) as hdus:
        low, high = hdus["MATRIX"].data["ENERG_LO"], hdus["MATRIX"].data["ENERG_HI"]
        columns = [
            fits.Column("ENERG_LO", "E", array=low),
            fits.Column("ENERG_HI", "E", array=high),
            fits.Column("N_GRP", "I", array=np.full(n_true, 2)),
            fits.Column("F_CHAN", "PI()", array=np.array([*groups, None], dtype=object)[:-1]),
            fits.Column("N_CHAN", "PI()", array=np.array([*lengths, None], dtype=object)[:-1]),
            fits.Column("MATRIX", "PE()", array=np.array([*values, None], dtype=object)[:-1]),
        ]
        table = fits.BinTableHDU.from_columns(columns, name="MATRIX")
        table.header["DETCHANS"], table.header["TLMIN4"] = 4, 1
        fits.HDUList([hdus[0], table, hdus["EBOUNDS"]]).writeto(rmf, overwrite=True)
    assert_allclose(read_ogip(path).edisp, [[0.1, 0.2, 0, 0.7]] * n_true, rtol=1e-7)


def test_empty_rows_of_the_matrix_have_no_group():
    matrix = np.array([[0, 0, 0], [0, 0.5, 0], [0.2, 0, 0.3]])
    columns, cards = matrix_columns(matrix, np.array([1.0, 2, 3, 4]), "keV")
    assert list(columns[2].values) == [0, 1, 1]
    assert [len(row) for row in columns[5].values] == [0, 1, 3]
    assert (cards["NUMGRP"], cards["NUMELT"]) == (2, 4)


@pytest.mark.parametrize("keyword", ["ANCRFILE", "RESPFILE", "BACKFILE"])
def test_missing_file_is_named_with_its_keyword(tmp_path, make_on_off, keyword):
    path = write_ogip(make_on_off(), tmp_path)
    edit(path, "SPECTRUM", lambda hdu: hdu.header.set(keyword, "gone.fits"))
    with pytest.raises(InputError, match=rf"{keyword} names gone\.fits"):
        read_ogip(path)


def test_missing_ancrfile_keyword_is_an_error(tmp_path, make_on_off):
    path = write_ogip(make_on_off(), tmp_path)
    edit(path, "SPECTRUM", lambda hdu: hdu.header.remove("ANCRFILE"))
    with pytest.raises(InputError, match="no ANCRFILE"):
        read_ogip(path)


def test_exposure_must_be_positive(tmp_path, make_on_off):
    path = write_ogip(make_on_off(), tmp_path)
    edit(path, "SPECTRUM", lambda hdu: hdu.header.set("EXPOSURE", 0.0))
    with pytest.raises(InputError, match=r"EXPOSURE is 0\.0"):
        read_ogip(path)


def test_file_cut_short_anywhere_is_an_error(tmp_path, make_on_off):
    path = write_ogip(make_on_off(), tmp_path)
    content = path.read_bytes()
    for size in range(2880, len(content), 2880):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match=r"ogip_obs1\.fits"):
            read_ogip(path)


def test_sizes_must_agree(tmp_path, make_on_off, make_cash):
    path = write_ogip(make_on_off(), tmp_path)
    edit(tmp_path / "ogip_obs1_rmf.fits", "MATRIX", lambda hdu: hdu.header.set("DETCHANS", 5))
    with pytest.raises(InputError, match="5 channels; expected 6"):
        read_ogip(path)


def test_group_beyond_the_detector_is_located(tmp_path, make_on_off):
    path = write_ogip(make_on_off(), tmp_path)
    edit(tmp_path / "ogip_obs1_rmf.fits", "MATRIX", lambda hdu: hdu.header.set("TLMIN4", 2))
    with pytest.raises(InputError, match="row 0: channels 0 to 3; expected them between 2 and 5"):
        read_ogip(path)
