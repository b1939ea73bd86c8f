"""A source behind the extragalactic background light, run from the command line: points, page, mistakes."""

import json

import numpy as np
import pytest
from astropy.io import fits

from gammapy_hli.engine.products.flux_points import FluxPoints
from gammapy_hli.engine.products.light_curve import LightCurve

TABLE = """
model:
  sources:
    crab:
      spectral: {type: pl, amplitude: 3e-11 cm-2 s-1 TeV-1, index: 2.4, ebl: {filename: ebl.fits, redshift: 0.1}}
flux_points: {source: crab, energy: {min: 0.1 TeV, max: 40 TeV, per_decade: 2}, deabsorb: true}
"""


@pytest.fixture
def absorbed(place):
    """``sim.yaml`` with an EBL table of its own; fractions exp(-10 z E)."""
    redshift, edges = np.array([0.05, 0.1, 0.2], dtype="f4"), np.geomspace(1e7, 1e11, 2001)
    energy = np.sqrt(edges[1:] * edges[:-1]) / 1e9
    columns = {
        "ENERGIES": [("ENERG_LO", "E", edges[:-1]), ("ENERG_HI", "E", edges[1:])],
        "SPECTRA": [("PARAMVAL", "E", redshift), ("INTPSPEC", "2000E", np.exp(-10 * np.outer(redshift, energy)))],
    }
    hdus = [
        fits.BinTableHDU.from_columns([fits.Column(n, f, array=a) for n, f, a in parts], name=name)
        for name, parts in columns.items()
    ]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(place / "ebl.fits")
    text = (place / "sim.yaml").read_text()
    (place / "sim.yaml").write_text(text[: text.index("model:")] + TABLE.lstrip())
    return place


def test_intrinsic_points_stand_beside_the_observed_ones(absorbed, hli):
    outcome = hli("run", "-c", "sim.yaml", "--no-progress", "--steps", "selection", "reduction", "model", "fit",
                  "flux_points", "report")  # fmt: skip
    assert outcome.code == 0, outcome.err
    observed = FluxPoints.read("out/flux_points/crab.fits")
    intrinsic = FluxPoints.read("out/flux_points/crab-intrinsic.fits")
    assert intrinsic.is_intrinsic
    good = observed.success
    ratio = (observed.dnde / intrinsic.dnde).value
    np.testing.assert_allclose(ratio[good], np.exp(-observed.e_ref[good]), rtol=2e-3)
    page = (absorbed / "out" / "report" / "index.html").read_text()
    assert "Intrinsic flux points of crab" in page
    for config in ("sim.yaml", "out/config.yaml"):
        again = hli("run", "-c", config, "--no-progress")
        assert again.out.count("up to date") >= 5, again.err


def test_shape_is_refitted_in_every_interval(absorbed, hli):
    outcome = hli("run", "-c", "sim.yaml", "--no-progress", "--light_curve.spectral_shape", "refit", "--steps",
                  "selection", "reduction", "model", "fit", "light_curve", "report")  # fmt: skip
    assert outcome.code == 0, outcome.err
    spectra = LightCurve.read("out/light_curve/crab.fits").spectra
    assert spectra.parameters == ("model1.index", "model1.amplitude")
    assert spectra.success.all()
    fitted = json.loads((absorbed / "out" / "summary.json").read_text())["fit"]["parameters"]
    for k, name in enumerate(spectra.parameters):
        pull = (spectra.value[:, k] - fitted[f"crab.spectral.{name}"]["value"]) / spectra.error[:, k]
        assert (np.abs(pull) < 4).all()
    assert "model1.index" in (absorbed / "out" / "report" / "index.html").read_text()


def test_another_table_in_the_file_makes_the_fit_run_again(absorbed, hli):
    assert hli("run", "-c", "sim.yaml", "--until", "fit", "--no-progress").code == 0
    with fits.open("ebl.fits") as hdus:
        hdus["SPECTRA"].data["INTPSPEC"] = np.sqrt(hdus["SPECTRA"].data["INTPSPEC"])
        hdus.writeto("ebl.fits", overwrite=True)
    again = hli("run", "-c", "sim.yaml", "--until", "fit", "--no-progress")
    lines = {line.split()[0]: line for line in again.out.splitlines() if line}
    assert "up to date" in lines["reduction"]
    assert " done" in lines["fit"]


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("model.sources.crab.spectral.ebl", "null", "source 'crab' has no absorption to take out"),
        ("model.sources.crab.spectral.ebl.redshift", "3", "redshift 3 is outside of the table"),
        ("model.sources.crab.spectral.ebl.reference", "dominges", "did you mean 'dominguez'"),
    ],
)
def test_mistakes_are_found_before_any_work(absorbed, hli, option, value, words):
    outcome = hli("run", "-c", "sim.yaml", f"--{option}", value)
    assert outcome.code == 2
    assert words in outcome.err
    assert not (absorbed / "out" / "selection").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (", redshift: 0.1", ["sim.yaml:15:", "spectral.ebl.redshift: the redshift of the source is needed",
                             "write e.g. redshift: 0.116"]),
        (("redshift: 0.1", "redshift: {frozen: false}"), ["spectral.ebl.redshift: the redshift of the source is need"]),
        (("redshift: 0.1", "redshift: -0.1"), ["sim.yaml:15:", "spectral.ebl.redshift: -0.1 is below 0"]),
        (("redshift: 0.1", "redshift: {value: -0.1}"), ["sim.yaml:15:", "redshift: -0.1 is below 0"]),
        (("redshift: 0.1", "redshift: 0.1, alpha_norm: -1"), ["spectral.ebl.alpha_norm: -1 is below 0"]),
        (("pl, amplitude: 3e-11 cm-2 s-1 TeV-1, index: 2.4, ebl: {filename: ebl.fits, redshift: 0.1}",
          "ebl-norm, filename: ebl.fits"), ["spectral.redshift", "required"]),
    ],
)  # fmt: skip
def test_a_redshift_that_is_missing_or_impossible_is_found_by_a_check(absorbed, hli, change, words):
    old, new = (change, "") if isinstance(change, str) else change
    text = (absorbed / "sim.yaml").read_text()
    assert old in text
    (absorbed / "sim.yaml").write_text(text.replace(old, new))
    outcome = hli("config", "check", "sim.yaml")
    assert outcome.code == 2
    for word in words:
        assert word in outcome.err
