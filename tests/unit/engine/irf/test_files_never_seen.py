"""Response files of instruments never seen: they work, or the message names HDU, column and unit.

Each response is written, changed in one way or in several at random, and read. What is read must equal what was written
(in any unit), else there must be an InputError that names the HDU and the column that was changed.
"""

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.irf.aeff import EffectiveArea
from gammapy_hli.engine.irf.background import Background2D, Background3D
from gammapy_hli.engine.irf.edisp import EnergyDispersion
from gammapy_hli.engine.irf.psf_parametric import Psf3Gauss, PsfKing
from gammapy_hli.engine.irf.psf_table import PsfTable
from gammapy_hli.engine.irf.rad_max import RadMax
from gammapy_hli.engine.irf.reader import irf_kind, read_irf

RNG = np.random.default_rng(8)
TRUE = Axis.from_energy_bounds("0.05 TeV", "100 TeV", nbin=5, name="energy_true")
RECO = TRUE.renamed("energy")
OFFSET = Axis.from_edges([0, 0.5, 2, 3] * u.deg, name="offset", interp="lin")
MIGRA = Axis.from_edges(np.linspace(0.2, 5, 9) * u.one, name="migra", interp="lin")
RAD = Axis.from_edges(np.linspace(0, 0.7, 8) * u.deg, name="rad", interp="lin")
LON, LAT = (
    Axis.from_edges(np.linspace(-n, n, 2 * n + 1) * u.deg, f"fov_{name}", "lin") for n, name in ((2, "lon"), (3, "lat"))
)
RATE = u.Unit("s-1 MeV-1 sr-1")
NUMBER = ("MATRIX", "GAMMA", "MIGRA_LO", "MIGRA_HI", "AMPL_2", "AMPL_3")
OTHER_UNITS = {"TeV": "erg", "deg": "arcmin", "m2": "cm2", "s-1 MeV-1 sr-1": "GeV-1 s-1 sr-1", "sr-1": "deg-2"}


def table(*shape):
    return RNG.uniform(0.1, 1, shape)


WIDTH = table(5, 3) * u.deg
RESPONSES = {
    "aeff": EffectiveArea(TRUE, OFFSET, table(5, 3) * u.m**2),
    "edisp": EnergyDispersion(TRUE, MIGRA, OFFSET, table(5, 8, 3)),
    "psf": PsfTable(TRUE, OFFSET, RAD, table(5, 3, 7) * u.Unit("sr-1")),
    "psf-3gauss": Psf3Gauss(TRUE, OFFSET, WIDTH, WIDTH, WIDTH, table(5, 3), table(5, 3), table(5, 3) * u.Unit("sr-1")),
    "psf-king": PsfKing(TRUE, OFFSET, 1 + table(5, 3), WIDTH),
    "bkg-2d": Background2D(RECO, OFFSET, table(5, 3) * RATE),
    "bkg": Background3D(RECO, LON, LAT, table(5, 4, 6) * RATE),
    "rad_max": RadMax(RECO, OFFSET, table(5, 3) * u.deg),
}
COLUMNS = [  # one of each axis is enough
    (name, column)
    for name in RESPONSES
    for column in RESPONSES[name].to_hdu().columns.names
    if not column.endswith("_HI") or column == "ENERG_HI"
]


def probe(name, response):
    """Values of a response at fixed places, in fixed units."""
    energy, offset = [0.2, 3, 40] * u.TeV, [0.3, 1, 2.2] * u.deg
    if name == "edisp":
        return response.evaluate(energy, [0.7, 1.1, 3] * u.one, offset)
    if name.startswith("psf"):
        return response.evaluate(energy, [0.05, 0.2, 0.4] * u.deg, offset).to_value("sr-1")
    if name == "bkg":
        return response.evaluate(energy, [0.3, -1, 1.5] * u.deg, offset).to_value(RATE)
    unit = {"aeff": "m2", "bkg-2d": RATE, "rad_max": "deg"}[name]
    return response.evaluate(energy, offset).to_value(unit)


def rebuilt(hdu, **changed):
    """The HDU with some of its columns replaced, by name."""
    columns = [changed.get(column.name, column) for column in hdu.columns]
    return fits.BinTableHDU.from_columns([column for column in columns if column is not None], header=hdu.header)


def with_unit(hdu, name, unit, factor=1.0):
    """The HDU with a column in another unit; None takes the unit away."""
    old = hdu.columns[name]
    column = fits.Column(name, old.format, unit=unit, dim=old.dim, array=hdu.data[name] * factor)
    hdu.header.pop(f"TUNIT{hdu.columns.names.index(name) + 1}", None)
    return rebuilt(hdu, **{name: column})


def same(name, hdu):
    """Whether what is read equals what was written."""
    found = probe(name, read_irf(name.split("-")[0], hdu, "run.fits"))
    np.testing.assert_allclose(found, probe(name, RESPONSES[name]), rtol=1e-6)


@pytest.mark.parametrize(("name", "column"), COLUMNS)
def test_a_renamed_column_is_named_beside_those_that_are_there(name, column):
    hdu = RESPONSES[name].to_hdu()
    hdu.columns.change_name(column, f"X_{column}")
    with pytest.raises(InputError) as caught:
        read_irf(name.split("-")[0], hdu, "run.fits")
    for word in ("run.fits", f"'{hdu.name}'", column.removesuffix("_HI").removesuffix("_LO"), f"X_{column}"):
        assert word in str(caught.value)


@pytest.mark.parametrize(("name", "column"), COLUMNS)
def test_a_unit_that_does_not_fit_or_is_none_is_named_with_its_column(name, column):
    unit = "kg" if column.endswith(("_HI", "_1", "_3", "X")) else "bananas"
    hdu = with_unit(RESPONSES[name].to_hdu(), column, unit)
    with pytest.raises(InputError) as caught:
        read_irf(name.split("-")[0], hdu, "run.fits")
    for word in ("run.fits", f"HDU '{hdu.name}'", f"column '{column}'", f"'{unit}'", "expected", "TUNIT"):
        assert word in str(caught.value)


@pytest.mark.parametrize(("name", "column"), [(name, column) for name, column in COLUMNS if column not in NUMBER])
def test_another_unit_of_the_same_kind_is_converted(name, column):
    hdu = RESPONSES[name].to_hdu()
    old = u.Unit(hdu.columns[column].unit)
    new = next(u.Unit(other) for unit, other in OTHER_UNITS.items() if old == u.Unit(unit))
    same(name, with_unit(hdu, column, new.to_string("fits"), (1 * old).to_value(new)))


@pytest.mark.parametrize(("name", "column"), COLUMNS)
def test_a_column_without_unit_has_that_of_the_format(name, column):
    same(name, with_unit(RESPONSES[name].to_hdu(), column, None if column.endswith("_LO") else "unitless"))


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("lost", [(2,), (4,), (1, 2, 3, 4)])
def test_classes_are_not_needed(name, lost):
    hdu = RESPONSES[name].to_hdu()
    for number in lost:
        del hdu.header[f"HDUCLAS{number}"]
    del hdu.header["HDUCLASS"]
    assert irf_kind(hdu) == name.split("-")[0]
    same(name, hdu)


@pytest.mark.parametrize("name", RESPONSES)
def test_columns_in_another_order_beside_others_and_in_lower_case(name):
    hdu = RESPONSES[name].to_hdu()
    columns = [fits.Column("COMMENTS", "8A", array=["something"]), *list(hdu.columns)[::-1]]
    header = fits.Header({key: hdu.header[key] for key in ("EXTNAME", "HDUCLAS2", "HDUCLAS4")})
    same(name, fits.BinTableHDU.from_columns(columns, header=header))
    for column in hdu.columns.names:
        hdu.columns.change_name(column, column.lower())
    same(name, hdu)


@pytest.mark.parametrize("name", ["edisp", "psf", "bkg"])
def test_axes_in_an_order_that_nobody_can_tell_are_refused(name):
    hdu = RESPONSES[name].to_hdu()
    column = {"edisp": "MATRIX", "psf": "RPSF", "bkg": "BKG"}[name]
    values = np.moveaxis(hdu.data[column][0], 0, 1)
    dim = "(" + ",".join(str(n) for n in values.shape[::-1]) + ")"
    old = hdu.columns[column]
    for key in ("TDIM", "TUNIT"):
        hdu.header.pop(f"{key}{hdu.columns.names.index(column) + 1}", None)
    changed = rebuilt(hdu, **{column: fits.Column(column, old.format, unit=old.unit, dim=dim, array=values[None])})
    with pytest.raises(
        InputError, match=rf"run\.fits: HDU '.*', column '{column}': got dimensions .*TDIM.*in this order"
    ):
        read_irf(name, changed, "run.fits")


def test_axes_of_one_length_are_taken_in_the_order_of_the_format_with_a_warning(caplog):
    energy = Axis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=4, name="energy")
    lon, lat = (Axis.from_edges(np.linspace(-2, 2, 5) * u.deg, f"fov_{name}", "lin") for name in ("lon", "lat"))
    background = Background3D(energy, lon, lat, table(4, 4, 4) * RATE)
    again = read_irf("bkg", background.to_hdu(), "run.fits")
    np.testing.assert_array_equal(again.data.value, background.data.value)
    assert "column 'BKG': first and last axis have 4 bins each" in caplog.text
    caplog.clear()
    read_irf("bkg", RESPONSES["bkg"].to_hdu(), "run.fits")
    assert not caplog.text


@pytest.mark.parametrize("name", RESPONSES)
def test_any_mixture_of_changes_works_or_is_told(name):
    rng = np.random.default_rng(len(name))
    for _ in range(6):
        hdu = RESPONSES[name].to_hdu()
        told = []
        for column in rng.choice(hdu.columns.names, 2, replace=False):
            kind = rng.integers(4)
            if kind == 0:
                hdu = with_unit(hdu, column, None)
            elif kind == 1:
                hdu = with_unit(hdu, column, "parsec" if column in NUMBER else "cd")
                told.append(column)
            elif kind == 2:
                hdu.header.pop("HDUCLAS2", None)
            elif not column.endswith(("_LO", "_HI")):
                hdu = rebuilt(hdu, **{column: None})
                told.append(column)
        if told:
            with pytest.raises(InputError, match=r"run\.fits: HDU .*column.*('" + "'|'".join(told) + "')"):
                read_irf(name.split("-")[0], hdu, "run.fits")
        else:
            same(name, hdu)
