"""Fits of absorbed spectra: with the opacity or the redshift free they come back to what the counts were made of."""

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.ebl import EBLAbsorptionNormSpectralModel
from gammapy_hli.engine.models.spectral.ebl_table import EblTable
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel

ENERGY = np.geomspace(0.05, 60, 60)
REDSHIFT = np.array([0.05, 0.1, 0.2, 0.4])


@pytest.fixture
def models():
    table = EblTable(REDSHIFT, ENERGY * u.TeV, np.exp(-4 * np.outer(REDSHIFT, ENERGY**0.9)))
    spectrum = PowerLawSpectralModel(index=2.2, amplitude=5e-9) * EBLAbsorptionNormSpectralModel(table, redshift=0.15)
    return Models(SkyModel("agn", spectrum))


@pytest.mark.parametrize("name", ["redshift", "alpha_norm"])
def test_what_is_freed_comes_back(models, toy_counts, name):
    dataset = toy_counts(models)
    start = models.with_values({f"agn.spectral.model2.{name}": {"redshift": 0.3, "alpha_norm": 0.5}[name]})
    start.parameter(f"agn.spectral.model2.{name}").frozen = False
    result = fit([dataset], start)
    assert result.success, result.message
    for path, truth in models.parameters.items():
        found = result.models.parameter(path)
        assert found.value == pytest.approx(truth.value, rel=1e-3, abs=0.02 * found.error), path


def test_a_free_redshift_stays_inside_of_its_table(models, toy_counts):
    dataset = toy_counts(models.with_values({"agn.spectral.model2.redshift": 0.4}))
    start = models.copy()
    start.parameter("agn.spectral.model2.redshift").frozen = False
    start.parameter("agn.spectral.model2.alpha_norm").value = 0.6  # so that more redshift is wanted than there is
    result = fit([dataset], start)
    assert result.models.parameter("agn.spectral.model2.redshift").value == pytest.approx(0.4, abs=1e-3)
