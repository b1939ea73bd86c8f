"""The flux points product: SED types, files, errors."""

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.estimate.flux_points import estimate_flux_points
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.products.flux_points import FluxPoints


@pytest.fixture(params=[False, True], ids=["plain", "sensitivity"])
def points(toy_counts, request):
    """Points of two datasets, one bin undefined."""
    from dataclasses import replace

    models = Models(SkyModel("crab", PowerLawSpectralModel(index=2.3, amplitude=3e-12)))
    rng = np.random.default_rng(1)
    mask = np.arange(8) > 0
    datasets = [replace(toy_counts(models, rng, name), mask_safe=mask) for name in ("one", "a name of its own")]
    return estimate_flux_points(datasets, models, "crab", sensitivity=request.param)


@pytest.mark.parametrize("name", ["crab.fits", "crab.ecsv"])
def test_files_come_back_bit_by_bit(points, name, tmp_path):
    path = points.write(tmp_path / name)
    assert FluxPoints.read(path) == points


@pytest.mark.parametrize("source", ["η Car", "Ünterwegs \\u03b7", "a \\ b", "LS I +61°303"])
@pytest.mark.parametrize("name", ["crab.fits", "crab.ecsv"])
def test_a_name_beyond_ascii_comes_back(points, name, source, tmp_path):
    from dataclasses import replace

    renamed = replace(points, source=source)
    assert FluxPoints.read(renamed.write(tmp_path / name)) == renamed


@pytest.mark.parametrize("name", ["crab.fits", "crab.ecsv"])
def test_the_same_points_make_the_same_bytes(points, name, tmp_path):
    first = points.write(tmp_path / name).read_bytes()
    assert points.write(tmp_path / name).read_bytes() == first
    assert b"DATE" not in first


def test_an_object_that_differs_in_one_number_is_not_equal(points):
    from dataclasses import replace

    assert replace(points, norm=points.norm + 1e-16 + 1e-16 * points.norm_err) != points or np.isnan(points.norm).all()
    assert points != "points"


def test_fits_file_has_the_keywords_of_gadf(points, tmp_path):
    header = fits.getheader(points.write(tmp_path / "crab.fits"), "FLUXPOINTS")
    assert header["SED_TYPE"] == "likelihood"
    assert header["UL_CONF"] == pytest.approx(0.9545, abs=1e-4)


@pytest.mark.parametrize("sed_type", ["dnde", "e2dnde", "flux", "eflux"])
def test_tables_of_all_types_hold_the_same_norms(points, sed_type):
    table = points.to_table(sed_type)
    ratio = table[sed_type] / points.quantity(sed_type)
    np.testing.assert_allclose(u.Quantity(ratio)[points.success].value, 1)
    assert {f"{sed_type}{suffix}" for suffix in ("_err", "_errp", "_errn", "_ul")} <= set(table.colnames)
    assert table.meta["SED_TYPE"] == sed_type


def test_energy_flux_is_flux_times_an_energy_inside_the_bin(points):
    mean = (points.eflux / points.flux).to_value("TeV")[points.success]
    assert np.all((mean > points.e_min[points.success]) & (mean < points.e_max[points.success]))


def test_e2dnde_is_dnde_times_energy_squared(points):
    np.testing.assert_allclose(points.e2dnde, points.dnde * (points.e_ref * u.TeV) ** 2)


def test_an_unknown_type_is_an_error_with_a_suggestion(points):
    with pytest.raises(InputError, match=r"'dnd'.*dnde"):
        points.quantity("dnd")


def test_another_ending_is_an_error(points, tmp_path):
    with pytest.raises(InputError, match=r"\.txt"):
        points.write(tmp_path / "crab.txt")


@pytest.mark.parametrize("name", ["missing.fits", "missing.ecsv"])
def test_a_missing_file_is_an_error(name, tmp_path):
    with pytest.raises(InputError, match="cannot be read as flux points"):
        FluxPoints.read(tmp_path / name)


def test_a_file_without_norms_is_an_error(tmp_path):
    Table({"e_ref": [1.0], "dnde": [1e-11]}).write(tmp_path / "other.ecsv", format="ascii.ecsv")
    with pytest.raises(InputError, match=r"columns .*norm_ul.* are missing"):
        FluxPoints.read(tmp_path / "other.ecsv")


def test_a_fits_file_without_the_table_is_an_error(tmp_path):
    fits.PrimaryHDU().writeto(tmp_path / "other.fits")
    with pytest.raises(InputError, match="no HDU FLUXPOINTS"):
        FluxPoints.read(tmp_path / "other.fits")


def test_columns_of_unequal_length_are_refused(points):
    from dataclasses import replace

    with pytest.raises(ValueError, match="norm_ul has 2 rows; expected 8"):
        replace(points, norm_ul=np.zeros(2))


def test_summary_counts_points_and_limits(points):
    assert points.summary()["points"].startswith("7 of 8")
    assert "FluxPoints" in repr(points)
