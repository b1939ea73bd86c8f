"""Absorption by the extragalactic background light: tables, formula, gradients, files, short form, messages."""

import copy

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits

from gammapy_hli.base.errors import ConfigError, InputError
from gammapy_hli.engine.models.models_yaml import models_text, parse_models, parse_short, read_models, write_models
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.ebl import EBLAbsorptionNormSpectralModel, without_absorption
from gammapy_hli.engine.models.spectral.ebl_table import EblTable
from gammapy_hli.engine.models.spectral.power_law import PowerLawNormSpectralModel, PowerLawSpectralModel

REDSHIFT = np.array([0.1, 0.2, 0.4, 0.8])
ENERGY = np.geomspace(0.01, 50, 40) * u.TeV
EDGES = np.geomspace(0.05, 20, 24)


def depth(redshift, energy):
    """An opacity that is linear in redshift and a power law in energy."""
    return 8.0 * np.multiply.outer(redshift, energy**0.7)


@pytest.fixture
def table():
    return EblTable(REDSHIFT, ENERGY, np.exp(-depth(REDSHIFT, ENERGY.value)))


def xspec_hdus(survival=None, energy=ENERGY, redshift=REDSHIFT):
    """A table model as XSPEC wants it, single precision, keV."""
    survival = np.exp(-depth(redshift, energy.to_value("TeV"))) if survival is None else survival
    edges = np.geomspace(energy[0] ** 1.5 / energy[1] ** 0.5, energy[-1] ** 1.5 / energy[-2] ** 0.5, len(energy) + 1)
    low, high = (side.to_value("keV") for side in (edges[:-1], edges[1:]))
    column = fits.Column
    parts = {
        "PARAMETERS": [column("NAME", "12A", array=["REDSHIFT"])],
        "ENERGIES": [column("ENERG_LO", "E", array=low), column("ENERG_HI", "E", array=high)],
        "SPECTRA": [
            column("PARAMVAL", "E", array=redshift),
            column("INTPSPEC", f"{len(energy)}E", array=survival),
        ],
    }
    tables = [fits.BinTableHDU.from_columns(columns, name=name) for name, columns in parts.items()]
    return fits.HDUList([fits.PrimaryHDU(), *tables])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.fits"
    xspec_hdus().writeto(path)
    return path


def test_fraction_is_that_of_the_table_at_its_nodes_and_between_redshifts(table):
    for redshift in (0.1, 0.15, 0.2, 0.7, 0.8):
        found = EBLAbsorptionNormSpectralModel(table, redshift=redshift)(ENERGY[::3]).value
        np.testing.assert_allclose(found, np.exp(-depth(redshift, ENERGY[::3].value)), rtol=1e-12, atol=1e-30)


def test_alpha_norm_scales_the_opacity(table):
    model = EBLAbsorptionNormSpectralModel(table, redshift=0.3, alpha_norm=0.5)
    np.testing.assert_allclose(model(ENERGY).value, np.exp(-0.5 * depth(0.3, ENERGY.value)), rtol=1e-12)


def test_fractions_stay_between_0_and_1_beyond_the_energies_of_the_table(table):
    found = EBLAbsorptionNormSpectralModel(table, redshift=0.3)([1e-6, 1e-4, 80, 1e4] * u.TeV).value
    assert (found >= 0).all()
    assert (found <= 1).all()
    assert (np.diff(found) <= 0).all()


def test_gradient_of_bin_integrals_is_the_difference_quotient(table):
    model = PowerLawSpectralModel(index=2.3, amplitude=3e-12) * EBLAbsorptionNormSpectralModel(
        table, redshift=0.3, alpha_norm=0.8
    )
    compiled, values = model.compile(EDGES), model.values
    _, jacobian = compiled.flux_and_jacobian(values)
    assert model.parameters.names[-2:] == ("model2.redshift", "model2.alpha_norm")
    for place in range(len(values)):
        step = 1e-5 * abs(values[place])
        up, down = values.copy(), values.copy()
        up[place] += step
        down[place] -= step
        slope = (compiled.flux(up) - compiled.flux(down)) / (2 * step)
        np.testing.assert_allclose(jacobian[place], slope, rtol=1e-6, atol=1e-9 * np.abs(slope).max())


def test_a_file_gives_what_was_written_to_it(file, table):
    model = EBLAbsorptionNormSpectralModel(EblTable.read(file), redshift=0.3)
    mine = EBLAbsorptionNormSpectralModel(table, redshift=0.3)
    np.testing.assert_allclose(model(ENERGY).value, mine(ENERGY).value, rtol=1e-4)
    assert EblTable.read(file) is EblTable.read(file)
    assert copy.deepcopy(model).table is model.table


def test_short_form_is_the_product_of_gammapy(file):
    short = {"type": "pl", "index": 2.3, "ebl": {"filename": str(file), "redshift": 0.3}}
    long = {
        "type": "compound",
        "operator": "mul",
        "model1": {"type": "pl", "index": 2.3},
        "model2": {"type": "ebl-norm", "filename": str(file), "redshift": 0.3},
    }
    models = parse_short({"agn": {"spectral": short}})
    assert models == parse_short({"agn": {"spectral": long}})
    names = [name.removeprefix("agn.spectral.") for name in models.parameters]
    assert names == ["model1.index", "model1.amplitude", "model1.reference", "model2.redshift", "model2.alpha_norm"]
    assert models.free == ("agn.spectral.model1.index", "agn.spectral.model1.amplitude")


def test_files_come_back(file, table, tmp_path):
    spectra = {"file": EBLAbsorptionNormSpectralModel(EblTable.read(file), redshift=0.3)}
    spectra["code"] = EBLAbsorptionNormSpectralModel(table, redshift=0.7)
    models = Models(SkyModel(name, PowerLawSpectralModel() * factor) for name, factor in spectra.items())
    write_models(models, tmp_path / "models.yaml")
    again = read_models(tmp_path / "models.yaml")
    assert models_text(again) == models_text(models)
    for name in spectra:
        np.testing.assert_allclose(again[name].spectral(ENERGY).value, models[name].spectral(ENERGY).value, rtol=1e-13)


def test_a_reference_is_written_so_that_other_machines_find_it(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "ebl"
    folder.mkdir(parents=True)
    xspec_hdus().writeto(folder / "ebl_dominguez11.fits")
    (folder / "ebl_dominguez11.fits").rename(folder / "ebl_dominguez11.fits.gz")  # astropy looks at the content
    monkeypatch.setenv("GAMMAPY_DATA", str(tmp_path / "data"))
    text = models_text(
        parse_short({"agn": {"spectral": {"type": "pl", "ebl": {"reference": "dominguez", "redshift": 0.3}}}})
    )
    assert "filename: $GAMMAPY_DATA/ebl/ebl_dominguez11.fits.gz" in text
    assert models_text(parse_models(text)) == text
    elsewhere = text.replace("$GAMMAPY_DATA/ebl", "/home/somebody/data/ebl")
    assert models_text(parse_models(elsewhere)) == text


def absorbed(**ebl):
    return {"agn": {"spectral": {"type": "pl", "ebl": ebl}}}


@pytest.mark.parametrize(
    ("ebl", "words"),
    [
        (
            {"reference": "domingez", "redshift": 0.3},
            ["domingez", "did you mean 'dominguez'", "spectral.ebl.reference"],
        ),
        ({"reference": "finke", "redshift": 0.3}, ["$GAMMAPY_DATA/ebl/frd_abs.fits.gz", "not there", "filename"]),
        ({"redshift": 0.1}, ["no table", "reference or filename", "spectral.ebl"]),
        ({"reference": "finke", "filename": "x", "redshift": 0.3}, ["both reference and filename"]),
        ({"filename": "no-such.fits", "redshift": 0.3}, ["no-such.fits", "no such file"]),
        ({"filename": "FILE", "redshift": 5}, ["redshift 5", "0.1 to 0.8", "spectral.ebl"]),
        ({"filename": "FILE", "redshift": 0.0}, ["redshift 0 ", "0.1 to 0.8"]),
        ({"filename": "FILE", "redshift": 0.3, "alpha_nrm": 0.3}, ["alpha_nrm", "did you mean 'alpha_norm'"]),
        ({"filename": "FILE"}, ["redshift is missing", "spectral.ebl.redshift", "write e.g. redshift: 0.1"]),
        ({"filename": "FILE", "redshift": {"frozen": False}}, ["redshift is missing", "spectral.ebl.redshift"]),
        ({"filename": "FILE", "redshift": -0.1}, ["-0.1 is below 0", "spectral.ebl.redshift"]),
        ({"filename": "FILE", "redshift": 0.3, "alpha_norm": -1}, ["-1 is below 0", "spectral.ebl.alpha_norm"]),
        ({"filename": "FILE", "redshift": "text"}, ["redshift", "text"]),
    ],
)
def test_mistakes_are_told_with_their_place(ebl, words, file, tmp_path, monkeypatch):
    (tmp_path / "ebl").mkdir()
    monkeypatch.setenv("GAMMAPY_DATA", str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        parse_short(absorbed(**{key: str(file) if value == "FILE" else value for key, value in ebl.items()}))
    text = str(caught.value).lower()
    assert len(caught.value.problems) == 1
    for word in words:
        assert word.lower() in text


def test_a_models_file_must_tell_the_redshift_and_may_hold_any_fitted_norm(file):
    model = parse_short({"agn": {"spectral": {"type": "pl", "ebl": {"filename": str(file), "redshift": 0.3}}}})
    model["agn"].spectral.model2.parameters["alpha_norm"].value = -0.2
    text = models_text(model)
    assert parse_models(text)["agn"].spectral.model2.parameters["alpha_norm"].value == -0.2
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if "name: redshift" in line)
    stop = next(number for number, line in enumerate(lines) if "name: alpha_norm" in line)
    with pytest.raises(ConfigError, match=r"the redshift is missing, which EBLAbsorptionNormSpectralModel needs"):
        parse_models("\n".join(lines[:start] + lines[stop:]))


def test_the_norm_of_the_opacity_has_no_bound_in_a_fit(table):
    parameter = EBLAbsorptionNormSpectralModel(table, redshift=0.3).parameters["alpha_norm"]
    assert np.isnan(parameter.min)
    assert np.isnan(parameter.max)


def test_without_the_data_folder_the_variable_is_named(monkeypatch):
    monkeypatch.delenv("GAMMAPY_DATA", raising=False)
    with pytest.raises(InputError, match=r"GAMMAPY_DATA is not defined"):
        EblTable.builtin("dominguez")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda hdus: hdus.pop("SPECTRA"), "no HDU SPECTRA; it has PRIMARY, PARAMETERS, ENERGIES"),
        (lambda hdus: hdus["ENERGIES"].columns.change_name("ENERG_LO", "E_LOW"), "HDU ENERGIES: no column ENERG_LO"),
        (lambda hdus: hdus["SPECTRA"].data["INTPSPEC"].__imul__(3), "expected the fraction of photons"),
        (lambda hdus: hdus["ENERGIES"].data["ENERG_HI"].__imul__(0), "energies are not two or more positive"),
    ],
)
def test_a_file_that_is_no_table_is_told_with_hdu_and_column(change, words, tmp_path):
    hdus = xspec_hdus()
    change(hdus)
    hdus.writeto(tmp_path / "bad.fits")
    with pytest.raises(InputError, match=words) as caught:
        EblTable.read(tmp_path / "bad.fits")
    assert "bad.fits" in str(caught.value)


def test_a_file_of_something_else_is_told(tmp_path):
    (tmp_path / "text.fits").write_text("no table")
    with pytest.raises(InputError, match=r"text.fits: cannot be read as an EBL table"):
        EblTable.read(tmp_path / "text.fits")


def test_the_intrinsic_spectrum_is_found_through_products(table):
    power_law, ebl = PowerLawSpectralModel(), EBLAbsorptionNormSpectralModel(table)
    tilted = PowerLawNormSpectralModel(tilt=0.2)
    assert without_absorption(power_law) is None
    assert without_absorption(power_law + power_law * ebl) is None
    assert without_absorption(power_law * ebl) is power_law
    assert without_absorption(ebl * power_law) is power_law
    found = without_absorption(power_law * (tilted * ebl))
    np.testing.assert_allclose(found(ENERGY).value, (power_law * tilted)(ENERGY).value, rtol=1e-14)
