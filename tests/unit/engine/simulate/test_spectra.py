"""Counts drawn for existing spectra follow the prediction."""

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.engine.datasets.spectrum import SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.simulate.spectra import simulate_spectrum_datasets

# an index of 2 and 1e-11 TeV-1 s-1 cm-2 at 1 TeV give 1e-11 (1/a - 1/b) between a and b TeV; exposure 1e13 cm2 s
MODELS = Models([SkyModel("source", PowerLawSpectralModel(index=2.0, amplitude=1e-11))])
SIGNAL = np.array([1 - 10**-0.5, 10**-0.5 - 0.1]) * 1e-11 * 1e13
BACKGROUND = np.array([40.0, 5.0])


def make_dataset(kind=SpectrumDatasetOnOff, name="run", **more):
    edges = np.geomspace(1, 10, 3) * u.TeV
    common = {
        "name": name,
        "energy": Axis.from_edges(edges),
        "energy_true": Axis.from_edges(edges, name="energy_true"),
        "counts": np.zeros(2),
        "exposure": np.full(2, 1e9) * u.Unit("m2 s"),
        "edisp": np.eye(2),
        "edisp_exposure": np.full(2, 1e9) * u.Unit("m2 s"),
        "mask_safe": np.ones(2, dtype=bool),
        "livetime": 1 * u.h,
    }
    if kind is SpectrumDatasetOnOff:
        common |= {"counts_off": np.zeros(2), "acceptance": np.ones(2), "acceptance_off": np.full(2, 4.0)}
    return kind(**common | more)


def drawn(dataset, n=2000, name="counts", **more):
    return np.array([getattr(sets[0], name) for sets in simulate_spectrum_datasets([dataset], MODELS, n, 3, **more)])


def test_mean_and_variance_of_on_and_off_counts_are_those_of_poisson():
    given = {"background": {"run": BACKGROUND}}
    for name, expected in (("counts", SIGNAL + BACKGROUND), ("counts_off", 4 * BACKGROUND)):
        values = drawn(make_dataset(), name=name, **given)
        np.testing.assert_allclose(values.mean(axis=0), expected, atol=4 * np.sqrt(expected / 2000).max())
        np.testing.assert_allclose(values.var(axis=0) / expected, 1.0, atol=0.15)


def test_cash_data_bring_their_own_background():
    values = drawn(make_dataset(SpectrumDataset, background=BACKGROUND))
    expected = SIGNAL + BACKGROUND
    np.testing.assert_allclose(values.mean(axis=0), expected, atol=4 * np.sqrt(expected / 2000).max())


def test_a_copy_does_not_depend_on_their_number():
    short, long = (drawn(make_dataset(SpectrumDataset, background=BACKGROUND), n=n) for n in (3, 5))
    np.testing.assert_array_equal(short, long[:3])


def test_a_source_of_other_datasets_does_not_shine():
    elsewhere = Models([SkyModel("source", PowerLawSpectralModel(index=2.0, amplitude=1e-9), datasets_names=["other"])])
    dataset = make_dataset(SpectrumDataset, background=np.zeros(2))
    assert next(simulate_spectrum_datasets([dataset], elsewhere))[0].counts.sum() == 0


def test_bins_without_off_acceptance_get_no_off_counts():
    dataset = make_dataset(acceptance_off=np.array([4.0, 0.0]))
    assert drawn(dataset, name="counts_off", background={"run": BACKGROUND})[:, 1].sum() == 0


def test_missing_background_is_an_error():
    with pytest.raises(ValueError, match="no entry for dataset 'run'; got other"):
        next(simulate_spectrum_datasets([make_dataset()], MODELS, background={"other": BACKGROUND}))
    with pytest.raises(ValueError, match="'run' has no background"):
        next(simulate_spectrum_datasets([make_dataset(SpectrumDataset)], MODELS))


@pytest.mark.parametrize("background", [np.ones(3), np.array([1.0, -1.0])], ids=["wrong-length", "negative"])
def test_impossible_background_is_an_error(background):
    with pytest.raises(ValueError, match="expected 2 numbers, none negative"):
        next(simulate_spectrum_datasets([make_dataset()], MODELS, background={"run": background}))
