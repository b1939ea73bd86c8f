"""GADF tables: bitwise round trips, forgiving reading, clear refusals."""

import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.irf.aeff import EffectiveArea
from gammapy_hli.engine.irf.background import Background2D, Background3D
from gammapy_hli.engine.irf.edisp import EnergyDispersion
from gammapy_hli.engine.irf.gadf import parse_unit
from gammapy_hli.engine.irf.psf_parametric import Psf3Gauss, PsfKing
from gammapy_hli.engine.irf.psf_table import PsfTable
from gammapy_hli.engine.irf.rad_max import RadMax
from gammapy_hli.engine.irf.reader import irf_kind, read_irf, read_irfs

RNG = np.random.default_rng(3)
TRUE = Axis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=5, name="energy_true")
RECO = TRUE.renamed("energy")
OFFSET = Axis.from_nodes([0, 0.5, 2] * u.deg, name="offset", interp="lin")
MIGRA = Axis.from_edges(np.linspace(0.2, 5, 9) * u.one, name="migra", interp="lin")
RAD = Axis.from_edges(np.linspace(0, 0.7, 8) * u.deg, name="rad", interp="lin")
LON, LAT = (
    Axis.from_edges(np.linspace(-n, n, 2 * n + 1) * u.deg, f"fov_{name}", "lin") for n, name in ((2, "lon"), (3, "lat"))
)
RATE = u.Unit("s-1 MeV-1 sr-1")


def table(*shape, dtype="float64"):
    return RNG.uniform(0.1, 1, shape).astype(dtype)


WIDTH = table(5, 3) * u.deg
RESPONSES = {
    "aeff": EffectiveArea(TRUE, OFFSET, table(5, 3, dtype="float32") * u.m**2, energy_min=0.3 * u.TeV),
    "edisp": EnergyDispersion(TRUE, MIGRA, OFFSET, table(5, 8, 3), is_pointlike=True, rad_max=0.1 * u.deg),
    "psf": PsfTable(TRUE, OFFSET, RAD, table(5, 3, 7) * u.Unit("sr-1")),
    "psf-3gauss": Psf3Gauss(
        TRUE, OFFSET, WIDTH, WIDTH, 0 * WIDTH, table(5, 3), table(5, 3), table(5, 3) * u.Unit("sr-1")
    ),
    "psf-king": PsfKing(TRUE, OFFSET, table(5, 3), WIDTH),
    "bkg-2d": Background2D(RECO, OFFSET, table(5, 3, dtype="float32") * RATE),
    "bkg": Background3D(RECO, LON, LAT, table(5, 4, 6) * RATE, fov_alignment="ALTAZ"),
    "rad_max": RadMax(RECO, OFFSET, table(5, 3) * u.deg),
}


def through_a_file(hdu, path):
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    return fits.open(path, memmap=False)


def assert_equal(one, other):
    assert type(one) is type(other)
    for name, value in vars(one).items():
        if name.startswith("_"):
            continue
        again = getattr(other, name)
        if isinstance(value, Axis):
            np.testing.assert_array_equal(value.center.value, again.center.value)
            if value.nodes is None:
                np.testing.assert_array_equal(value.edges.value, again.edges.value)
        elif isinstance(value, u.Quantity):
            assert value.unit == again.unit
            assert value.dtype == again.dtype
            np.testing.assert_array_equal(value.value, again.value)
        else:
            assert value == again


@pytest.mark.parametrize("name", RESPONSES)
def test_what_was_written_is_read_bit_by_bit(name, tmp_path):
    response = RESPONSES[name]
    with through_a_file(response.to_hdu(), tmp_path / "irf.fits") as hdus:
        kind = name.split("-")[0]
        assert irf_kind(hdus[1]) == kind
        assert_equal(response, read_irf(kind, hdus[1]))


def test_all_responses_of_a_file_are_found(tmp_path):
    names = ("aeff", "edisp", "psf", "bkg", "rad_max")
    fits.HDUList([fits.PrimaryHDU(), *(RESPONSES[_].to_hdu() for _ in names)]).writeto(tmp_path / "irfs.fits")
    assert tuple(read_irfs(tmp_path / "irfs.fits")) == names


# -- forgiving -------------------------------------------------------------------------------------------------------


def renamed(hdu, **names):
    for old, new in names.items():
        hdu.columns.change_name(old, new)
    return hdu


def without_units(hdu):
    for number in range(1, len(hdu.columns) + 1):
        hdu.header.remove(f"TUNIT{number}", ignore_missing=True)
    return fits.BinTableHDU(hdu.data, header=hdu.header)


@pytest.mark.parametrize("name", RESPONSES)
def test_missing_units_are_those_of_the_format(name, tmp_path):
    response = RESPONSES[name]
    hdu = response.to_hdu()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        bare = [fits.Column(c.name, c.format, dim=c.dim, array=hdus[1].data[c.name]) for c in hdus[1].columns]
        again = read_irf(name.split("-")[0], fits.BinTableHDU.from_columns(bare))
    first = next(iter(getattr(response, _) for _ in ("data", "sigma_1", "sigma") if hasattr(response, _)))
    second = next(iter(getattr(again, _) for _ in ("data", "sigma_1", "sigma") if hasattr(again, _)))
    np.testing.assert_array_equal(first.value, second.value)
    assert first.unit == second.unit


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("m^2", "m2"),
        ("m**2", "m2"),
        ("M2", "m2"),
        ("sr^(-1)", "sr-1"),
        ("1/s/MeV/sr", "s-1 MeV-1 sr-1"),
        ("/s/TeV/sr", "s-1 TeV-1 sr-1"),
        ("TEV", "TeV"),
        ("Deg", "deg"),
        ("degrees", "deg"),
        ("MeV-1 s-1 sr-1", "s-1 MeV-1 sr-1"),
    ],
)
def test_units_are_read_in_all_known_spellings(text, unit):
    assert parse_unit(text) == u.Unit(unit)


@pytest.mark.parametrize("text", [None, "", "  ", "bananas"])
def test_units_that_mean_nothing_are_none(text):
    assert parse_unit(text) is None


def test_other_names_of_columns():
    aeff = read_irf("aeff", renamed(RESPONSES["aeff"].to_hdu(), ENERG_LO="ETRUE_LO", ENERG_HI="ETRUE_HI"))
    np.testing.assert_array_equal(aeff.energy_true.edges.value, TRUE.edges.value)
    bkg = read_irf("bkg", renamed(RESPONSES["bkg"].to_hdu(), BKG="BGD"))
    np.testing.assert_array_equal(bkg.data.value, RESPONSES["bkg"].data.value)


@pytest.mark.parametrize("name", ["psf", "psf-3gauss", "psf-king", "bkg", "bkg-2d"])
def test_kind_is_told_by_columns_where_the_class_is_missing(name):
    hdu = RESPONSES[name].to_hdu()
    for number in (1, 2, 3, 4):
        del hdu.header[f"HDUCLAS{number}"]
    hdu.header.remove("FOVALIGN", ignore_missing=True)
    kind = name.split("-")[0]
    assert irf_kind(hdu) == kind
    assert type(read_irf(kind, hdu)) is type(RESPONSES[name])


def hdu_of(axes, name, array, **dims):
    columns = []
    for prefix, axis in axes.items():
        for suffix, values in (("LO", axis.edges[:-1]), ("HI", axis.edges[1:])):
            columns.append(fits.Column(f"{prefix}_{suffix}", f"{axis.nbin}E", array=values.value[None]))
    columns.append(fits.Column(name, f"{array.size}E", array=array[None], **dims))
    return fits.BinTableHDU.from_columns(columns)


def test_background_cube_that_is_the_other_way_round_is_taken_as_it_stands():
    cube = table(5, 4, 6)
    axes = {"DETX": LON, "DETY": LAT, "ENERG": RECO}
    bkg = read_irf("bkg", hdu_of(axes, "BKG", cube, dim="(6,4,5)"))
    np.testing.assert_array_equal(bkg.data.value, cube.astype("float32"))
    bkg = read_irf("bkg", hdu_of(axes, "BKG", cube.T, dim="(5,4,6)"))
    np.testing.assert_array_equal(bkg.data.value, cube.astype("float32"))


def test_array_without_dimensions_is_in_the_order_of_the_format():
    values = table(5, 3)
    wide = Axis.from_edges([0, 1, 2, 3] * u.deg, name="offset", interp="lin")
    aeff = read_irf("aeff", hdu_of({"ENERG": TRUE, "THETA": wide}, "EFFAREA", values.T.ravel()))
    np.testing.assert_array_equal(aeff.data.value, values.astype("float32"))


def test_axis_of_one_bin_stored_as_a_number():
    one = Axis.from_edges([0.39, 0.41] * u.deg, name="offset", interp="lin")
    aeff = read_irf("aeff", hdu_of({"ENERG": TRUE, "THETA": one}, "EFFAREA", np.ones(5), dim="(5,1)"))
    assert aeff.offset.nbin == 1
    assert aeff.evaluate(1 * u.TeV, [0.3, 0.4, 0.5] * u.deg).value.tolist() == [0, 1, 0]


def test_single_offset_without_width_holds_for_every_offset():
    one = Axis.from_nodes([0.4] * u.deg, name="offset", interp="lin")
    aeff = read_irf("aeff", EffectiveArea(TRUE, one, 2 * u.m**2).to_hdu())
    assert aeff.evaluate(1 * u.TeV, [0, 0.4, 3] * u.deg).value.tolist() == [2, 2, 2]


def test_width_of_zero_is_no_nan():
    psf = read_irf("psf", RESPONSES["psf-3gauss"].to_hdu())
    assert np.isfinite(psf.evaluate(1 * u.TeV, [0, 0.1] * u.deg, 0.5 * u.deg)).all()


def test_unknown_alignment_of_the_header_means_radec():
    hdu = RESPONSES["bkg"].to_hdu()
    hdu.header["FOVALIGN"] = ""
    assert read_irf("bkg", hdu).fov_alignment == "RADEC"


# -- refusing --------------------------------------------------------------------------------------------------------


def test_missing_columns_are_named_with_those_that_are_there():
    with pytest.raises(
        InputError, match=r"run\.fits: HDU 'PSF': no column 'EFFAREA' or .* has .*RPSF.* 'aeff' response"
    ):
        read_irf("aeff", RESPONSES["psf"].to_hdu(), "run.fits")
    with pytest.raises(InputError, match="no column 'RPSF'"):
        read_irf("psf", RESPONSES["aeff"].to_hdu())
    with pytest.raises(InputError, match="no column 'ENERG_LO' with 'ENERG_HI' or 'ETRUE_LO'"):
        read_irf("aeff", renamed(RESPONSES["aeff"].to_hdu(), ENERG_LO="E_LO"))


def test_units_of_another_kind_are_named():
    hdu = RESPONSES["aeff"].to_hdu()
    hdu.columns["EFFAREA"].unit = "s"
    with pytest.raises(InputError, match="column 'EFFAREA': got unit 's', expected one convertible to 'm2'"):
        read_irf("aeff", hdu)


def test_arrays_of_another_size_are_named():
    hdu = hdu_of({"ENERG": TRUE, "THETA": Axis.from_edges([0, 1] * u.deg, "offset", "lin")}, "EFFAREA", np.ones(4))
    with pytest.raises(InputError, match=r"got 4 values .* expected 5 \(energy_true\) x 1 \(offset\)"):
        read_irf("aeff", hdu)


def test_axes_that_fall_are_named():
    hdu = RESPONSES["aeff"].to_hdu()
    hdu.data["ENERG_LO"] = hdu.data["ENERG_LO"][:, ::-1]
    with pytest.raises(InputError, match="'ENERG_LO', 'ENERG_HI': axis 'energy_true': edges must increase"):
        read_irf("aeff", hdu)


def test_text_in_place_of_numbers_is_named():
    columns = [fits.Column(c.name, c.format, array=c.array) for c in RESPONSES["aeff"].to_hdu().columns[:4]]
    hdu = fits.BinTableHDU.from_columns([*columns, fits.Column("EFFAREA", "5A", array=["hello"])])
    with pytest.raises(InputError, match=r"column 'EFFAREA': got values of type .*, expected numbers"):
        read_irf("aeff", hdu)


def test_images_and_empty_tables_are_no_responses():
    with pytest.raises(InputError, match="got a ImageHDU, expected a table"):
        read_irf("aeff", fits.ImageHDU(np.ones((2, 2))))
    empty = fits.BinTableHDU.from_columns([fits.Column("ENERG_LO", "5E"), fits.Column("ENERG_HI", "5E")])
    with pytest.raises(InputError, match="the table is empty"):
        read_irf("aeff", empty)


def test_unknown_kind_is_suggested():
    with pytest.raises(ValueError, match=r"no response of kind 'aef'\. Did you mean 'aeff'"):
        read_irf("aef", RESPONSES["aeff"].to_hdu())


def test_truncated_file_is_an_input_error(tmp_path):
    path = tmp_path / "irf.fits"
    fits.HDUList([fits.PrimaryHDU(), RESPONSES["edisp"].to_hdu()]).writeto(path)
    path.write_bytes(path.read_bytes()[:-2500])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy says so too, in several ways
        with pytest.raises(InputError, match=r"irf\.fits.*whole"):
            read_irfs(path)


def test_files_without_responses_say_so(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_irfs(tmp_path / "nope.fits")
    fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
    with pytest.raises(InputError, match="no response in it"):
        read_irfs(tmp_path / "empty.fits")
    (tmp_path / "text.fits").write_text("hello")
    with pytest.raises(InputError, match="cannot be read as FITS"):
        read_irfs(tmp_path / "text.fits")
