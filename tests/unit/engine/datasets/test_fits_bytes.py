"""The small FITS writer, read back by astropy."""

import io

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from gammapy_hli.engine.datasets.fits_bytes import Column, primary_bytes, table_bytes
from gammapy_hli.engine.dl3.fits_header import parse_header


def read(*columns, **cards):
    content = primary_bytes({"NAME": "x"}) + table_bytes("T", columns, cards)
    assert len(content) % 2880 == 0
    hdus = fits.open(io.BytesIO(content), memmap=False)
    hdus.verify("exception")
    return hdus["T"]


@pytest.mark.parametrize("dtype", ["bool", "u1", "i2", "i4", "i8", "f4", "f8"])
def test_columns_of_every_type(dtype):
    values = np.array([0, 1, 5]).astype(dtype)
    assert_array_equal(read(Column("A", values)).data["A"], values)


def test_arrays_keep_their_shape():
    values = np.arange(24.0).reshape(2, 3, 4)
    hdu = read(Column("A", values, "m2 s"))
    assert hdu.header["TDIM1"] == "(4,3)"
    assert hdu.columns["A"].unit == "m2 s"
    assert_array_equal(hdu.data["A"], values)


def test_texts_and_vectors_of_texts():
    hdu = read(Column("A", np.array(["circle", "box"])), Column("B", np.array([["ab", "c"], ["d", "efg"]])))
    assert list(hdu.data["A"]) == ["circle", "box"]
    assert hdu.data["B"].tolist() == [["ab", "c"], ["d", "efg"]]


def test_variable_length_columns_share_the_heap():
    rows = [np.array([1.5], np.float32), np.array([], np.float32), np.array([2, 3], np.float32)]
    more = [np.array([7, 8], np.int16), np.array([9], np.int16), np.array([], np.int16)]
    data = read(Column("A", rows), Column("B", more)).data
    for i in range(3):
        assert_array_equal(data["A"][i], rows[i])
        assert_array_equal(data["B"][i], more[i])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_in_headers_are_bitwise(value):
    found = read(Column("A", np.zeros(1)), VALUE=value).header["VALUE"]
    assert np.float64(found).tobytes() == np.float64(value).tobytes() or found == value == 0


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=34))
@example(value="'/")
def test_texts_in_headers_keep_quotes(value):
    content = table_bytes("T", [Column("A", np.zeros(1))], {"VALUE": value})
    header, _ = parse_header(content, 0)
    assert header["VALUE"] == value.rstrip()
    theirs = fits.Header({"VALUE": value}).tostring()  # astropy takes a slash behind a quote for a comment, here too
    assert fits.Header.fromstring(content.decode()[:2880])["VALUE"] == fits.Header.fromstring(theirs)["VALUE"]


def test_text_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="FITS keyword LONG: 'xxx"):
        table_bytes("T", [Column("A", np.zeros(1))], {"LONG": "x" * 69})


def test_number_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="FITS keyword BAD: nan"):
        table_bytes("T", [Column("A", np.zeros(1))], {"BAD": float("nan")})
