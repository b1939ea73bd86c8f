"""GADF files of spectra: everything reads back to the last bit; broken files are located errors."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time
from regions import EllipsePixelRegion, EllipseSkyRegion, PixCoord, PolygonPixelRegion, PolygonSkyRegion

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.gadf import diagonal_edisp, gadf_bytes, read_gadf, write_gadf
from gammapy_hli.engine.datasets.region_set import RegionSet
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.geom.axes import Axis

CENTER = SkyCoord(183.604 / 7, -8.708, unit="deg", frame="galactic")
ELLIPSE = EllipseSkyRegion(CENTER, 0.3 * u.deg, 0.1 * u.deg, angle=33.3 * u.deg)
POLYGON = PolygonSkyRegion(SkyCoord([10.1, 10.2, 10.3], [1.1, 1.3, 1.0], unit="deg"))
ODD_TIME = Gti(np.array([1 / 3]), np.array([1e5 / 7]), Time(51910, 0.000742870368412695, format="mjd", scale="tt"))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"gti": None},
        {"gti": ODD_TIME},
        {"region": None, "regions_off": ()},
        {"region": ELLIPSE},
        {"region": POLYGON},
        {"regions_off": (ELLIPSE, ELLIPSE)},
        {"counts_off": None},
        {"meta": {}},
        {"meta": {"OBS_ID": [1, 2], "TELESCOP": ["HESS", "MAGIC"], "ZENITH": [None, 20.5], "FLAG": [True, False]}},
        {"energy": Axis.from_energy_bounds("300 GeV", "17000 GeV", nbin=4)},
        {"name": "hess-1_2"},
    ],
    ids=lambda changes: "-".join(changes) or "plain",
)
def test_on_off_reads_back_bitwise(tmp_path, make_on_off, assert_bitwise, changes):
    dataset = make_on_off(**changes)
    assert_bitwise(read_gadf(write_gadf(dataset, tmp_path / "x.fits")), dataset)


def test_another_hdu_of_the_user_does_no_harm(make_on_off, tmp_path):
    path = write_gadf(make_on_off(), tmp_path / "x.fits")
    with fits.open(path) as hdus:
        fits.HDUList([*hdus, fits.ImageHDU(np.zeros(3), name="MINE")]).writeto(tmp_path / "y.fits")
    np.testing.assert_array_equal(read_gadf(tmp_path / "y.fits").counts, make_on_off().counts)


def test_cash_reads_back_bitwise(tmp_path, make_cash, assert_bitwise):
    for dataset in (make_cash(), make_cash(background=None), make_cash(counts=np.array([0.1, 1 / 3, 2, 7]))):
        assert_bitwise(read_gadf(write_gadf(dataset, tmp_path / "x.fits")), dataset)


def test_turned_shapes_read_back_bitwise(tmp_path, make_on_off, assert_bitwise):
    plane = make_on_off().regions_off.plane
    ellipse = EllipsePixelRegion(PixCoord(1 / 3, 2.7), 10 / 3, 5.5, angle=100 / 3 * u.deg)
    polygon = PolygonPixelRegion(PixCoord(np.array([1 / 3, 4.0, 5.0]), np.array([2.0, 3.0, 2.1])))
    dataset = make_on_off(regions_off=RegionSet(plane, "galactic", np.empty((0, 3)), (ellipse,)))
    assert_bitwise(read_gadf(write_gadf(dataset, tmp_path / "x.fits")), dataset)
    with_polygon = make_on_off(regions_off=RegionSet(plane, "icrs", np.empty((0, 3)), (polygon,)))
    found = read_gadf(write_gadf(with_polygon, tmp_path / "y.fits")).regions_off.shapes[0]
    assert list(found.vertices.x) == list(polygon.vertices.x)


def test_same_dataset_gives_the_same_bytes(make_on_off):
    assert gadf_bytes(make_on_off()) == gadf_bytes(make_on_off())


def test_file_is_valid_fits_with_the_tables_of_gammapy(tmp_path, make_on_off):
    with fits.open(write_gadf(make_on_off(), tmp_path / "x.fits")) as hdus:
        hdus.verify("exception")
        names = {hdu.name for hdu in hdus}
        assert hdus["EDISP"].header["TDIM2"] == "(1,1,4)"
        assert hdus["COUNTS_REGION"].header["CTYPE1"] == "RA---TAN"
        assert list(hdus["COUNTS_OFF_REGION"].data["SHAPE"]) == ["circle", "circle"]
    quantities = (
        "COUNTS",
        "EXPOSURE",
        "EDISP",
        "EDISP_EXPOSURE",
        "MASK_SAFE",
        "COUNTS_OFF",
        "ACCEPTANCE",
        "ACCEPTANCE_OFF",
    )
    assert names >= {f"{name}{end}" for name in quantities for end in ("", "_BANDS", "_REGION")} | {"GTI", "META_TABLE"}


def test_name_may_be_given(tmp_path, make_cash):
    assert read_gadf(write_gadf(make_cash(), tmp_path / "x.fits"), name="other").name == "other"


def test_foreign_file_without_our_table(tmp_path, make_on_off):
    path = write_gadf(make_on_off(), tmp_path / "x.fits")
    with fits.open(path) as hdus:
        del hdus["HLI_DATASET"], hdus[0].header["HLI_NHDU"]
        hdus.writeto(tmp_path / "y.fits")
    dataset = read_gadf(tmp_path / "y.fits")
    assert dataset.meta == make_on_off().meta
    assert dataset.livetime == dataset.gti.ontime
    assert dataset.region.radius.to_value("deg") == pytest.approx(0.11, rel=1e-9)
    assert len(dataset.regions_off) == 2
    assert dataset.regions_off.circles == pytest.approx(make_on_off().regions_off.circles, rel=1e-14)


def test_mask_fit_of_gammapy_joins_the_safe_mask(tmp_path, make_on_off):
    content = gadf_bytes(make_on_off(mask_safe=np.array([False, True, False, True])))
    (tmp_path / "x.fits").write_bytes(content.replace(b"'MASK_SAFE'", b"'MASK_FIT' "))
    assert list(read_gadf(tmp_path / "x.fits").mask_safe) == [False, True, False, True]


def test_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nope\.fits: no such dataset file"):
        read_gadf(tmp_path / "nope.fits")


def test_file_cut_short_anywhere_is_an_error(tmp_path, make_on_off):
    """Tables that a dataset may lack (off counts, GTI) must not be lost in silence."""
    content = gadf_bytes(make_on_off())
    for size in range(2880, len(content), 2880):
        (tmp_path / "x.fits").write_bytes(content[:size])
        with pytest.raises(InputError, match=r"x\.fits"):
            read_gadf(tmp_path / "x.fits")


def test_missing_table_is_named(tmp_path, make_cash):
    (tmp_path / "x.fits").write_bytes(gadf_bytes(make_cash()).replace(b"'EXPOSURE_BANDS'", b"'EXPOSURE_BLAHS'"))
    with pytest.raises(InputError, match="EXPOSURE_BANDS"):
        read_gadf(tmp_path / "x.fits")


def test_failed_write_leaves_nothing(tmp_path, make_cash, monkeypatch):
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_gadf(make_cash(), tmp_path / "x.fits")
    assert list(tmp_path.iterdir()) == []


def test_diagonal_edisp_is_unity_for_equal_axes():
    axis = Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    assert diagonal_edisp(axis, axis) == pytest.approx(np.eye(3), abs=1e-14)
