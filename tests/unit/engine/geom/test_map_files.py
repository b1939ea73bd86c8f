"""Map files: bitwise round trips, equal bytes, the forms that gammapy and Fermi tools write, damaged files."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.map_files import write_hdus
from gammapy_hli.engine.geom.sky_map import SkyMap, read_maps, write_maps
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

GEOMETRY = WcsGeometry.create(SkyCoord(184.557, -5.784, unit="deg", frame="galactic"), (0.8, 0.5) * u.deg, 0.1 * u.deg)
IRREGULAR = Axis.from_edges(np.array([0.1, 0.3, 1 / 3, 7, 99.9]) * u.TeV, "energy_true")
RAD = Axis.from_edges(np.linspace(0, 0.66, 7) * u.deg, "rad", "lin")
ENERGY = Axis.from_energy_bounds(0.3 * u.TeV, 33 * u.TeV, nbin=3)


def random_map(axes, dtype=np.float32, unit="", geometry=GEOMETRY, meta=None):
    shape = (*(axis.nbin for axis in axes), *geometry.shape)
    data = (np.random.default_rng(3).random(shape) * 3).astype(dtype)
    return SkyMap(geometry, axes, data, unit, meta or {})


def assert_equal(one, other):
    assert one.data.dtype == other.data.dtype
    np.testing.assert_array_equal(one.data, other.data)
    assert one.geometry.__reduce__() == other.geometry.__reduce__()
    assert one.unit == other.unit
    assert dict(one.meta) == dict(other.meta)
    for a, b in zip(one.axes, other.axes, strict=True):
        np.testing.assert_array_equal(a.edges, b.edges)
        assert (a.name, a.interp, a.unit) == (b.name, b.interp, b.unit)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8, np.int16, bool])
@pytest.mark.parametrize(
    "axes", [(), (ENERGY,), (IRREGULAR, RAD), (IRREGULAR, ENERGY)], ids=["image", "energy", "psf", "edisp"]
)
def test_round_trip_is_bitwise(tmp_path, axes, dtype):
    one = random_map(axes, dtype, "m2 s", meta={"livetime": "6313.811 s"})
    one.write(tmp_path / "map.fits", "exposure")
    assert_equal(SkyMap.read(tmp_path / "map.fits"), one)


@settings(max_examples=30)
@given(
    lon=st.floats(0, 359.99),
    lat=st.floats(-89, 89),
    pixel=st.floats(0.001, 1),
    edges=st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=6, unique=True).map(sorted),
)
def test_any_geometry_and_axis_come_back_bitwise(tmp_path_factory, lon, lat, pixel, edges):
    geometry = WcsGeometry.create(SkyCoord(lon, lat, unit="deg"), 3 * pixel * u.deg, pixel * u.deg, "TAN")
    one = random_map((Axis.from_edges(edges * u.TeV),), geometry=geometry)
    path = tmp_path_factory.mktemp("maps") / "map.fits"
    one.write(path)
    again = SkyMap.read(path)
    np.testing.assert_array_equal(again.axes[0].edges, one.axes[0].edges)
    assert again.geometry.__reduce__() == geometry.__reduce__()


@pytest.mark.parametrize("name", ["maps.fits", "maps.fits.gz"])
def test_several_maps_in_one_file_always_the_same_bytes(tmp_path, name):
    maps = {"COUNTS": random_map((ENERGY,)), "PSF": random_map((IRREGULAR, RAD), unit="sr-1"), "IMAGE": random_map(())}
    path = write_maps(tmp_path / name, maps)
    first = path.read_bytes()
    assert write_maps(path, maps, overwrite=True).read_bytes() == first
    assert b"DATE" not in first
    again = read_maps(path)
    assert list(again) == list(maps)
    for key, one in maps.items():
        assert_equal(again[key], one)


def test_header_and_table_are_those_of_the_format(tmp_path):
    random_map((IRREGULAR, RAD), unit="sr-1").write(tmp_path / "psf.fits", "psf")
    with fits.open(tmp_path / "psf.fits") as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "PSF", "PSF_BANDS"]
        header, table = hdus["PSF"].header, hdus["PSF_BANDS"]
        assert header["AXCOLS1"] == "RAD_MIN,RAD_MAX"
        assert header["AXCOLS2"] == "ENERGY_TRUE_MIN,ENERGY_TRUE_MAX"
        assert (header["INTERP1"], header["INTERP2"]) == ("lin", "log")
        assert (header["WCSSHAPE"], header["BANDSHDU"], header["BUNIT"]) == ("(8,5,6,4)", "PSF_BANDS", "sr-1")
        assert (header["CTYPE1"], header["WCSAXES"], header["META"]) == ("GLON-CAR", 2, "{}")
        names = ["CHANNEL", "RAD", "RAD_MIN", "RAD_MAX", "ENERGY_TRUE", "ENERGY_TRUE_MIN", "ENERGY_TRUE_MAX"]
        assert table.columns.names == names
        assert table.columns["RAD"].unit == "deg"
        np.testing.assert_array_equal(table.data["RAD_MIN"][:6], RAD.edges.value[:6])
        assert table.header["AXCOLS1"] == "RAD_MIN,RAD_MAX"


def test_energy_columns_have_their_short_names(tmp_path):
    random_map((ENERGY,)).write(tmp_path / "counts.fits")
    with fits.open(tmp_path / "counts.fits") as hdus:
        assert hdus[0].header["AXCOLS1"] == "E_MIN,E_MAX"
        assert hdus["PRIMARY_BANDS"].columns.names == ["CHANNEL", "ENERGY", "E_MIN", "E_MAX"]


def test_minimum_of_keywords_is_enough(tmp_path):
    one = random_map((IRREGULAR,), unit="m2 s", meta={"livetime": "1 s"})
    image, table = one.to_hdus("exposure")
    for key in ("META", "WCSSHAPE", "WCSAXES"):
        del image.header[key]
    columns = [_ for _ in table.columns if _.name not in ("CHANNEL", "ENERGY_TRUE")]
    bare = fits.BinTableHDU.from_columns(fits.ColDefs(columns), name=table.name)
    bare.header.update({"AXCOLS1": table.header["AXCOLS1"], "INTERP1": "log"})
    fits.HDUList([fits.PrimaryHDU(), image, bare]).writeto(tmp_path / "bare.fits")
    again = SkyMap.read(tmp_path / "bare.fits", "exposure")
    assert_equal(again, one.with_data(one.data) if not one.meta else SkyMap(one.geometry, one.axes, one.data, one.unit))


def test_axes_given_by_their_centers_get_edges_between_them(tmp_path):
    nodes = Axis.from_nodes([1.0, 2.0, 4.0] * u.GeV, "energy_true", "log")
    one = random_map((nodes,))
    one.write(tmp_path / "template.fits")
    axis = SkyMap.read(tmp_path / "template.fits").axes[0]
    np.testing.assert_array_equal(axis.center, nodes.center)
    np.testing.assert_allclose(axis.edges, nodes.edges)


def test_fermi_cubes_are_read(tmp_path):
    cards = GEOMETRY.header_cards()
    data = np.ones((3, *GEOMETRY.shape), np.float32)
    energies = fits.BinTableHDU.from_columns([fits.Column("Energy", "D", array=[50.0, 100, 200])], name="ENERGIES")
    fits.HDUList([fits.PrimaryHDU(data, fits.Header(cards)), energies]).writeto(tmp_path / "diffuse.fits")
    diffuse = SkyMap.read(tmp_path / "diffuse.fits")
    assert diffuse.axes[0].name == "energy_true"
    np.testing.assert_allclose(diffuse.axes[0].center.to_value("MeV"), [50, 100, 200])
    assert diffuse.unit == u.Unit("cm-2 s-1 MeV-1 sr-1")
    columns = [fits.Column("E_MIN", "D", array=[1.0, 2, 3]), fits.Column("E_MAX", "D", array=[2.0, 3, 4])]
    bounds = fits.BinTableHDU.from_columns(columns, name="EBOUNDS")
    fits.HDUList([fits.PrimaryHDU(data, fits.Header(cards)), bounds]).writeto(tmp_path / "counts.fits")
    assert SkyMap.read(tmp_path / "counts.fits").axes[0].edges.unit == u.keV


def test_axes_of_length_one_without_a_table_are_dropped(tmp_path):
    fits.PrimaryHDU(np.ones((1, *GEOMETRY.shape)), fits.Header(GEOMETRY.header_cards())).writeto(tmp_path / "one.fits")
    assert SkyMap.read(tmp_path / "one.fits").shape == GEOMETRY.shape


# -- damaged and missing ---------------------------------------------------------------------------------------------


def test_a_file_that_is_there_is_not_replaced_unless_asked(tmp_path):
    one = random_map(())
    one.write(tmp_path / "map.fits")
    with pytest.raises(InputError, match=r"map\.fits: file exists"):
        one.write(tmp_path / "map.fits")


def test_only_the_first_map_can_be_the_primary_one(tmp_path):
    with pytest.raises(ValueError, match="HDU 1 of the file is a primary one"):
        write_maps(tmp_path / "map.fits", {"A": random_map(()), "PRIMARY": random_map(())})


def test_a_file_that_fails_half_way_is_not_there(tmp_path):
    def hdus():
        yield random_map(()).to_hdus("A")[0]
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_hdus(tmp_path / "map.fits", hdus())
    assert list(tmp_path.iterdir()) == []


def test_missing_and_damaged_files_say_so(tmp_path):
    with pytest.raises(InputError, match=r"nope\.fits: no such file"):
        SkyMap.read(tmp_path / "nope.fits")
    (tmp_path / "text.fits").write_text("hello")
    with pytest.raises(InputError, match=r"text\.fits: cannot be read as FITS"):
        SkyMap.read(tmp_path / "text.fits")
    path = random_map((ENERGY,)).write(tmp_path / "map.fits", "counts")
    (tmp_path / "short.fits").write_bytes(path.read_bytes()[:7000])
    with pytest.raises(InputError, match=r"short\.fits"):
        SkyMap.read(tmp_path / "short.fits")
    with pytest.raises(InputError, match=r"HDU COUNT: not there; images are COUNTS\. Did you mean 'COUNTS'"):
        SkyMap.read(path, "count")


def changed(tmp_path, change):
    image, table = random_map((ENERGY,)).to_hdus("counts")
    hdus = change(image, table)
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "bad.fits")
    return tmp_path / "bad.fits"


def test_axes_that_do_not_fit_say_so(tmp_path):
    with pytest.raises(InputError, match=r"'COUNTS_BANDS' \(keyword BANDSHDU\) is missing"):
        SkyMap.read(changed(tmp_path, lambda image, table: [image]))
    (tmp_path / "bad.fits").unlink()

    def without_keyword(image, table):
        del image.header["BANDSHDU"]
        return [image, table]

    with pytest.raises(InputError, match=r"image of shape \(3, 5, 8\) without BANDSHDU"):
        SkyMap.read(changed(tmp_path, without_keyword))
    (tmp_path / "bad.fits").unlink()

    def shorter(image, table):
        return [image, fits.BinTableHDU(table.data[:2], table.header, name=table.name)]

    with pytest.raises(InputError, match=r"shape \(3, 5, 8\), but its axes \(energy, lat, lon\) have \(2, 5, 8\)"):
        SkyMap.read(changed(tmp_path, shorter))
    (tmp_path / "bad.fits").unlink()

    def renamed(image, table):
        table.header["AXCOLS1"] = "E_LOW,E_MAX"
        return [image, table]

    with pytest.raises(InputError, match="no column E_LOW"):
        SkyMap.read(changed(tmp_path, renamed))


def test_an_unknown_unit_says_so(tmp_path):
    def bad_unit(image, table):
        image.header["BUNIT"] = "furlongs"
        return [image, table]

    with pytest.raises(InputError, match=r"bad\.fits, HDU COUNTS: .*furlongs"):
        SkyMap.read(changed(tmp_path, bad_unit))


# -- real files ------------------------------------------------------------------------------------------------------


def test_files_of_gammapy_are_read(gammapy_data):
    maps = read_maps(gammapy_data / "fermi-3fhl-crab" / "Fermi-LAT-3FHL_data_Fermi-LAT.fits")
    assert maps["COUNTS"].shape == (5, 40, 50)
    assert maps["EXPOSURE"].unit == u.Unit("cm2 s")
    assert [axis.name for axis in maps["PSF"].axes] == ["energy_true", "rad"]
    assert maps["PSF"].unit == u.Unit("sr-1")
    assert [axis.interp for axis in maps["EDISP"].axes] == ["log", "log"]
    assert maps["MASK_SAFE"].as_mask().is_mask
