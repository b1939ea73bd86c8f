"""Headers are read as astropy reads them."""

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from gammapy_hli.engine.dl3.fits_header import FitsHeader, data_size, parse_header, parse_value

KEYS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", min_size=1, max_size=8).filter(
    lambda key: (
        key not in ("END", "CONTINUE", "COMMENT", "HISTORY", "SIMPLE", "XTENSION", "HIERARCH")
        and not key.startswith(("NAXIS", "BITPIX", "EXTEND", "BLANK"))
    )
)
# astropy 8.0 misreads texts with a quote before a slash: "'/" comes back as "'"
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=150).filter(
    lambda text: not ("'" in text and "/" in text)
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)
VALUES = st.one_of(st.booleans(), st.integers(-(10**15), 10**15), FLOATS, TEXTS)


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_values_equal_those_of_astropy(values):
    written = fits.Header()
    for key, value in values.items():
        written[key] = (value, "a / comment")
    content = written.tostring().encode("latin-1")
    expected = fits.Header.fromstring(content)
    header, end = parse_header(content, 0)
    assert end == len(content)
    assert dict(header) == {key: expected[key] for key in header}
    assert set(header) == set(expected)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("'O''Hara  ' / who", "O'Hara"),
        ("''", ""),
        ("'''/'", "'/"),
        ("'a/b'", "a/b"),
        ("'not closed", "not closed"),
        ("   T", True),
        ("F / no", False),
        ("1.5D3", 1500.0),
        ("-7 / minus", -7),
        ("odd", "odd"),
    ],
)
def test_value_field(field, value):
    assert parse_value(field) == value


def test_a_header_without_end_is_not_a_header():
    assert parse_header(b"SIMPLE  =                    T".ljust(2880), 0) is None


def test_keywords_are_found_in_any_case_and_undefined_ones_are_absent():
    content = b"OBS_ID  = 5".ljust(80) + b"EQUINOX =".ljust(80) + b"END".ljust(80)
    header, _ = parse_header(content.ljust(2880), 0)
    assert header["obs_id"] == 5
    assert "EQUINOX" not in header


def test_data_size_is_that_of_astropy():
    hdu = fits.BinTableHDU.from_columns([fits.Column("A", "3E", array=np.zeros((7, 3)))])
    header, _ = parse_header(hdu.header.tostring().encode(), 0)
    assert data_size(header) == hdu.size == 84


@pytest.mark.parametrize(
    ("cards", "message"),
    [({"BITPIX": "8", "NAXIS": "1"}, "no keyword NAXIS1"), ({"NAXIS": "1", "NAXIS1": "'x'"}, "NAXIS1 is 'x'")],
    ids=["missing", "text"],
)
def test_data_size_of_a_broken_header(cards, message):
    with pytest.raises(ValueError, match=message):
        data_size(FitsHeader(cards))
