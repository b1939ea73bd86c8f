"""A small spectrum dataset made in code, for the tests of predict, fit and estimate."""

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.engine.datasets.spectrum import SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.geom.axes import Axis

N_RECO, N_TRUE = 8, 16


@pytest.fixture(scope="session")
def toy_dataset():
    """Maker of datasets of 1 to 10 TeV, exposure 1e9 m2 s, 10 % energy resolution, given counts."""

    def make(
        name="toy", counts=None, counts_off=None, *, alpha=0.1, background=None, on_off=True, mask=None, scale=1.0
    ):
        energy = Axis.from_energy_bounds(1 * u.TeV, 10 * u.TeV, nbin=N_RECO, name="energy")
        true = Axis.from_energy_bounds(0.5 * u.TeV, 20 * u.TeV, nbin=N_TRUE, name="energy_true")
        exposure = scale * 1e9 * true.center_value("TeV") ** 0.5
        distance = np.log(true.center_value("TeV")[:, None] / energy.center_value("TeV")[None, :])
        edisp = np.exp(-0.5 * (distance / 0.1) ** 2)
        edisp /= np.maximum(edisp.sum(axis=1, keepdims=True), 1.0)
        common = {
            "name": name,
            "energy": energy,
            "energy_true": true,
            "counts": np.zeros(N_RECO) if counts is None else counts,
            "exposure": exposure * u.Unit("m2 s"),
            "edisp": edisp,
            "edisp_exposure": exposure * u.Unit("m2 s"),
            "mask_safe": np.ones(N_RECO, dtype=bool) if mask is None else mask,
            "livetime": 1800 * u.s,
        }
        if not on_off:
            return SpectrumDataset(**common, background=background)
        return SpectrumDatasetOnOff(
            **common,
            counts_off=np.zeros(N_RECO) if counts_off is None else counts_off,
            acceptance=np.ones(N_RECO),
            acceptance_off=np.full(N_RECO, 1 / alpha),
        )

    return make


@pytest.fixture(scope="session")
def toy_counts(toy_dataset):
    """Maker of datasets whose counts are drawn from a model: ``toy_counts(models, rng, name)``."""
    from dataclasses import replace

    from gammapy_hli.engine.fit.compile import compile

    def make(models, rng=None, name="toy", *, background=4.0, on_off=True, alpha=0.1, scale=1.0):
        empty = toy_dataset(name, on_off=on_off, alpha=alpha, scale=scale, background=np.full(N_RECO, background))
        likelihood = compile([empty], models)
        expected = likelihood.npred(likelihood.theta0)[name]
        draw = (lambda mean: mean) if rng is None else rng.poisson
        values = {"counts": draw(expected + background)}
        if on_off:
            values["counts_off"] = draw(np.full(N_RECO, background / alpha))
        return replace(empty, **values)

    return make
