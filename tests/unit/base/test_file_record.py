"""The record of provenance in files: found again, replaced, and nothing else in the file is touched."""

import gzip
import io

import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table

from gammapy_hli.base.file_record import KEYS, mark_file, mark_files, read_record, without_record

RECORD = {"CREATOR": "gammapy_hli 1.2.3", "HLISTEP": "fit@it's", "HLICONF": "0" * 32, "HLIKEY": "12345678" * 4}
OTHER = {**RECORD, "HLISTEP": "reduction", "HLIKEY": "f" * 32}


def fits_bytes(n_cards=3, **cards):
    """A file of two images with so many further cards in the first header."""
    header = fits.Header({f"KEY{number}": number / 3 for number in range(n_cards)} | cards)
    header["LONG"] = "long text " * 20
    stream = io.BytesIO()
    image = np.arange(12.0).reshape(3, 4)
    fits.HDUList([fits.PrimaryHDU(image, header), fits.ImageHDU(2 * image, name="SECOND")]).writeto(stream)
    return stream.getvalue()


def table_bytes(meta):
    stream = io.StringIO()
    Table({"a": [1.0, 0.1], "b": ["x", ""]}, meta=meta).write(stream, format="ascii.ecsv")
    return stream.getvalue().encode()


FILES = {
    "header with room": ("a.fits", fits_bytes(3)),
    "header without room": ("a.fits", fits_bytes(22)),
    "packed": ("a.fits.gz", gzip.compress(fits_bytes(3))),
    "with a creator": ("a.fits", fits_bytes(3, CREATOR="someone else")),
    "ECSV": ("a.ecsv", table_bytes({})),
    "ECSV with meta": ("a.ecsv", table_bytes({"x": {"y": [1, 2]}, "CREATOR": "someone else"})),
    "YAML": ("a.yaml", b"# a comment\na: 1\n"),
}


@pytest.mark.parametrize(("name", "content"), FILES.values(), ids=FILES)
def test_record_is_read_back_and_replaced(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert mark_file(path, RECORD)
    once = path.read_bytes()
    assert read_record(path) == RECORD
    mark_file(path, OTHER)
    assert read_record(path) == OTHER
    mark_file(path, RECORD)
    assert path.read_bytes() == once


@pytest.mark.parametrize("n_cards", range(16, 31))
def test_header_around_a_block_stays_a_header(tmp_path, n_cards):
    """Whether or not the record needs a further block, all that was in the file is still there, bit by bit."""
    path = tmp_path / "a.fits"
    path.write_bytes(fits_bytes(n_cards))
    with fits.open(path) as before:
        headers, images = [hdu.header.copy() for hdu in before], [hdu.data.copy() for hdu in before]
    mark_file(path, RECORD)
    assert path.stat().st_size % 2880 == 0
    with fits.open(path) as after:
        after.verify("exception")
        assert {key: after[0].header[key] for key in KEYS} == RECORD
        for key in KEYS:
            del after[0].header[key]
        assert [hdu.header.tostring() for hdu in after] == [header.tostring() for header in headers]
        assert all(np.array_equal(hdu.data, image) for hdu, image in zip(after, images, strict=True))


@pytest.mark.parametrize("meta", [{}, {"x": {"y": [1, 2]}, "n": "12"}], ids=["without meta", "with meta"])
def test_table_has_its_meta_and_the_record(tmp_path, meta):
    path = tmp_path / "a.ecsv"
    path.write_bytes(table_bytes(meta))
    mark_file(path, RECORD)
    table = Table.read(path, format="ascii.ecsv")
    assert {key: table.meta[key] for key in KEYS} == RECORD
    assert without_record(table.meta) == meta
    assert table["a"].tolist() == [1.0, 0.1]


def test_a_file_that_somebody_else_holds_keeps_its_content(tmp_path):
    kept, path = tmp_path / "kept.fits", tmp_path / "a.fits"
    kept.write_bytes(fits_bytes())
    path.hardlink_to(kept)
    mark_file(path, RECORD)
    assert kept.read_bytes() == fits_bytes()
    assert read_record(path) == RECORD


def test_other_formats_are_left_alone(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.yaml").write_bytes(b"a: 1\n")
    (tmp_path / "covariance.dat").write_bytes(b"1 2\n")
    mark_files(tmp_path, RECORD)
    assert (tmp_path / "covariance.dat").read_bytes() == b"1 2\n"
    assert read_record(tmp_path / "covariance.dat") == {}
    assert read_record(tmp_path / "below" / "a.yaml") == RECORD
    assert yaml.safe_load((tmp_path / "below" / "a.yaml").read_text()) == {"a": 1}


def test_what_is_no_fits_file_is_told(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(b"no FITS file")
    with pytest.raises(ValueError, match="no whole FITS header in the first 12 bytes"):
        mark_file(path, RECORD)
    assert read_record(path) == {}


def test_a_value_that_is_too_long_for_a_card_is_told(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(fits_bytes())
    with pytest.raises(ValueError, match="HLISTEP 'fit@x"):
        mark_file(path, {"HLISTEP": "fit@" + "x" * 80})
    assert path.read_bytes() == fits_bytes()
