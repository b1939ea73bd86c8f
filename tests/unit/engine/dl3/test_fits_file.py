"""Columns equal astropy's, and every kind of damage has its message."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.fits_file import FitsFile, FitsTable, parse_unit, read_header

RNG = np.random.default_rng(1)
COLUMNS = {
    "byte": ("B", np.array([1, 255, 0], "u1")),
    "short": ("I", np.array([-5, 7, 9], "i2")),
    "long": ("K", np.array([2**60, -1, 0])),
    "double": ("D", RNG.normal(size=3)),
    "vector": ("4E", RNG.normal(size=(3, 4)).astype("f4")),
    "text": ("6A", np.array(["abc", "", "de f"])),
    "logical": ("L", np.array([True, False, True])),
    "scaled": ("J", np.array([2**31 + 5, 0, 1], "u4")),
    "one": ("1D", np.array([1.0, 2.0, 3.0])),
}


@pytest.fixture
def all_columns(tmp_path):
    path = tmp_path / "all.fits"
    cells = [fits.Column(n, f, array=v, bzero=2**31 if n == "scaled" else None) for n, (f, v) in COLUMNS.items()]
    cells.append(fits.Column("cube", "6E", dim="(3,2)", array=np.arange(18, dtype="f4").reshape(3, 2, 3)))
    cells.append(fits.Column("ragged", "PE()", array=np.array([np.ones(2), np.ones(3), np.ones(1)], dtype=object)))
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(cells, name="all")]).writeto(path)
    return path


@pytest.mark.parametrize("name", [*COLUMNS, "cube"])
def test_columns_equal_those_of_astropy(all_columns, name):
    ours = FitsFile(all_columns).table("ALL").raw(name.upper())
    with fits.open(all_columns) as hdus:
        theirs = np.array(hdus[1].data[name])
    assert ours.shape == theirs.shape
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("form", "kind", "bits"), [("K", "u8", 64), ("J", "u4", 32), ("I", "u2", 16)])
def test_unsigned_numbers_are_kept_to_the_last_digit(tmp_path, form, kind, bits):
    numbers = np.array([2 ** (bits - 1) + k for k in range(-2, 3)], dtype=kind)
    column = fits.Column("EVENT_ID", form, bzero=2 ** (bits - 1), array=numbers)
    fits.BinTableHDU.from_columns([column], name="T").writeto(tmp_path / "t.fits")
    read = FitsFile(tmp_path / "t.fits").table("T").raw("EVENT_ID")
    np.testing.assert_array_equal(read.astype(kind), numbers)


def test_variable_length_columns_are_left_to_astropy(all_columns):
    ragged = FitsFile(all_columns).table("ALL").raw("RAGGED")
    assert [len(values) for values in ragged] == [2, 3, 1]


def test_a_table_made_in_code_is_read_alike():
    hdu = fits.BinTableHDU.from_columns([fits.Column("A", "D", unit="GeV", array=[1000.0])], name="X")
    assert FitsTable.from_hdu(hdu).floats("a", "TeV") == pytest.approx([1.0])


def test_zipped_content_is_known_by_its_bytes_not_its_name(all_columns, tmp_path):
    misnamed = tmp_path / "plain.fits.gz"
    misnamed.write_bytes(all_columns.read_bytes())
    zipped = tmp_path / "zipped.fits"
    zipped.write_bytes(gzip.compress(all_columns.read_bytes()))
    assert FitsFile(misnamed).names() == FitsFile(zipped).names() == ["PRIMARY", "ALL"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"the file is empty \(0 bytes\)"),
        (b"hello world", r"not a FITS file; it starts with b'hello wo'"),
        (b"\x1f\x8bnot really", r"broken gzip file"),
        (gzip.compress(b"x" * 9000)[:40], r"broken gzip file"),
        (b"SIMPLE  =                    T", r"the header of HDU 0 at byte 0 has no END within the 30 bytes"),
        (b"SIMPLE  = T".ljust(80) + b"END".ljust(2800), r"header of HDU 0: no keyword NAXIS"),
    ],
    ids=["empty", "text", "no-gzip", "cut-gzip", "cut-header", "no-naxis"],
)
def test_damaged_files(tmp_path, content, message):
    path = tmp_path / "bad.fits.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.fits\.gz: .*" + message):
        FitsFile(path)


def test_missing_file_says_where_to_look(tmp_path):
    with pytest.raises(InputError, match=r"gone\.fits: no such file.*FILE_DIR"):
        FitsFile(tmp_path / "gone.fits")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        FitsFile(tmp_path)


def test_truncated_data_name_the_hdu_and_the_bytes(all_columns):
    content = all_columns.read_bytes()
    all_columns.write_bytes(content[:-2880])
    with pytest.raises(InputError, match=r"all\.fits, HDU ALL: truncated; its data need \d+ bytes, 0 are there"):
        FitsFile(all_columns).table("ALL")


def test_missing_hdu_lists_those_there_and_suggests(all_columns):
    with pytest.raises(InputError, match=r"no HDU 'AL'; found PRIMARY, ALL\. Did you mean 'ALL'\?"):
        FitsFile(all_columns).table("AL")


def test_missing_hdu_of_a_truncated_file_says_so(all_columns):
    all_columns.write_bytes(all_columns.read_bytes()[:4000])
    with pytest.raises(InputError, match=r"no HDU 'ALL'.*damaged: the header of HDU 1 at byte 2880 has no END"):
        FitsFile(all_columns).table("ALL")


def test_an_image_is_no_table(tmp_path):
    path = tmp_path / "image.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((2, 2)), name="IMG")]).writeto(path)
    with pytest.raises(InputError, match="HDU IMG: expected a table, got IMAGE"):
        FitsFile(path).table("IMG")
    with pytest.raises(InputError, match="no table HDU; found PRIMARY, IMG"):
        FitsFile(path).first_table()


def test_missing_column_lists_those_there(all_columns):
    with pytest.raises(InputError, match=r"HDU ALL: no column 'DOUBEL'; found byte, .* Did you mean 'double'\?"):
        FitsFile(all_columns).table("ALL").raw("DOUBEL")


def test_text_where_numbers_are_due(all_columns):
    with pytest.raises(InputError, match="HDU ALL, column TEXT: expected numbers in TeV"):
        FitsFile(all_columns).table("ALL").floats("TEXT", "TeV")


@pytest.mark.parametrize("unit", ["m", "nonsense"])
def test_unit_that_does_not_convert(unit):
    hdu = fits.BinTableHDU.from_columns([fits.Column("E", "D", array=[1.0])], name="X")
    hdu.header["TUNIT1"] = unit
    content = fits.HDUList([fits.PrimaryHDU(), hdu])
    table = FitsTable(path="f", name="X", header=content[1].header, hdu=content[1])
    with pytest.raises(InputError, match=f"f, HDU X, column E: unit '{unit}' does not convert to TeV"):
        table.floats("E", "TeV")


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("m^2", "m2"),
        ("m**2", "m2"),
        ("1/s/MeV/sr", "s-1 MeV-1 sr-1"),
        ("1/TeV/s/cm2", "TeV-1 s-1 cm-2"),
        ("Degree", "deg"),
        (None, "s"),
    ],
)
def test_unit_spellings(text, unit):
    assert parse_unit(text, "s") == parse_unit(unit, "")


def test_damaged_row_layout(all_columns):
    content = all_columns.read_bytes().replace(b"TFORM4  = 'D ", b"TFORM4  = 'E ")
    all_columns.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged table; columns of \d+ bytes a row, NAXIS1 is \d+"):
        FitsFile(all_columns).table("ALL").raw("ONE")


def test_unknown_column_format(all_columns):
    all_columns.write_bytes(all_columns.read_bytes().replace(b"TFORM4  = 'D ", b"TFORM4  = 'Z "))
    with pytest.raises(InputError, match="keyword TFORM4 is 'Z'"):
        FitsFile(all_columns).table("ALL").raw("ONE")


@pytest.mark.parametrize("zipped", [True, False])
def test_header_alone_equals_that_of_the_whole_file(all_columns, zipped):
    if zipped:
        all_columns.write_bytes(gzip.compress(all_columns.read_bytes()))
    assert dict(read_header(all_columns, "all")) == dict(FitsFile(all_columns).header("ALL"))


def test_header_far_into_the_file_is_found(tmp_path):
    path = tmp_path / "far.fits"
    big = fits.ImageHDU(np.zeros(50_000), name="BIG")
    far = fits.BinTableHDU.from_columns([fits.Column("A", "D", array=[1.0])], name="FAR")
    fits.HDUList([fits.PrimaryHDU(), big, far]).writeto(path)
    assert read_header(path, "FAR")["TTYPE1"] == "A"
