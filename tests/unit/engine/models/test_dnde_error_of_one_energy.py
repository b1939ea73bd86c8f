"""The error of the flux at one energy is a single number, for every spectral model."""

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.engine.models.models_yaml import parse_short


@pytest.mark.parametrize("tag", ["pl", "pl-2", "ecpl", "lp", "bpl", "sbpl", "ecpl-3fgl"])
def test_error_at_one_energy_is_that_of_an_array_of_one(tag):
    spectral = parse_short({"source": {"spectral": {"type": tag}}})["source"].spectral
    covariance = np.diag((0.1 * spectral.values) ** 2)
    one = spectral.dnde_error(2 * u.TeV, covariance)
    assert one.shape == ()
    assert one == spectral.dnde_error([2] * u.TeV, covariance)[0]
