"""R7: the H.E.S.S. OGIP spectra of the joint Crab paper (Nigro et al. 2019, A&A 625, A10), fitted as published."""

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.engine.datasets.ogip import read_ogip
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.log_parabola import LogParabolaSpectralModel

RUNS = (23523, 23526, 23559, 23592)


@pytest.fixture(scope="module")
def result(gammapy_data):
    folder = gammapy_data / "joint-crab/spectra/hess"
    datasets = [read_ogip(folder / f"pha_obs{run}.fits") for run in RUNS]
    spectrum = LogParabolaSpectralModel(amplitude=3e-11, alpha=2.3, beta=0.1, reference=1.0)
    return fit(datasets, Models(SkyModel("crab", spectrum)), energy_range=(0.66 * u.TeV, 30 * u.TeV))


def test_fit_agrees_with_gammapy(result):
    assert result.success, result.message
    assert result.stat == pytest.approx(143.2222, abs=1e-4)  # rounding of the reference
    amplitude = result["crab.spectral.amplitude"]
    assert amplitude.value == pytest.approx(4.472915e-11, abs=0.01 * amplitude.error)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("amplitude", 44.744e-12, 2.870e-12),
        ("alpha", 2.39290, 0.18277),
        ("beta", 0.37193 / np.log(10), 0.22401 / np.log(10)),  # the paper's beta belongs to log10
    ],
)
def test_fit_agrees_with_the_paper(result, name, value, error):
    found = result[f"crab.spectral.{name}"]
    assert found.value == pytest.approx(value, abs=0.3 * error)
    assert found.error == pytest.approx(error, rel=0.05)
