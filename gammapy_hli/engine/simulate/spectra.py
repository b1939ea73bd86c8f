"""Draw counts for spectra that exist already: the short way of statistics work, no event is made.

Stands for gammapy's ``fake``. The long way, through event lists, is `store.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gammapy_hli.engine.datasets.datasets import Datasets
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.models.nuisance import Nuisance, nuisance_of
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.predict.calibration import calibrated_flux
from gammapy_hli.engine.predict.spectrum import response_matrix

Array = NDArray[np.float64]


def simulate_spectrum_datasets(
    datasets: Sequence[SpectrumDataset] | Datasets,
    models: Models,
    n: int = 1,
    seed: int = 0,
    background: Mapping[str, ArrayLike] | None = None,
    nuisances: Sequence[Nuisance] = (),
) -> Iterator[Datasets]:
    """Give `n` random copies of datasets: Poisson counts around the prediction of models.

    counts ~ Poisson(npred + b), and for on/off data counts_off ~ Poisson(b / alpha), where b is the expected
    background in the on region. Copy i depends on `seed` and i only, not on `n`.

    Parameters
    ----------
    datasets : sequence of SpectrumDataset
    models : Models
        The truth.
    n : int
        Number of copies.
    seed : int
    background : mapping of str to array, shape (ne,), optional
        Expected background counts b in the on region by name of the dataset. Without it the datasets' own: the
        background of cash data, alpha counts_off of on/off data (itself a draw, with empty bins: for on/off
        data give a smooth one).
    nuisances : sequence of Nuisance
        Norms and energy scales that the instruments have in truth.

    Yields
    ------
    Datasets
        With the same names, axes, responses and masks.

    Raises
    ------
    ValueError
        A dataset has no background given, or one of the wrong length or with negative numbers.
    """
    datasets = list(datasets)
    expected = [_expected_background(dataset, background) for dataset in datasets]
    signal = [_signal(dataset, models, nuisance_of(nuisances, dataset.name)) for dataset in datasets]
    for index in range(n):
        streams = [
            np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, j))) for j in range(len(datasets))
        ]
        yield Datasets([_draw(*parts) for parts in zip(streams, datasets, signal, expected, strict=True)])


def _signal(dataset: SpectrumDataset, models: Models, nuisance: Nuisance | None = None) -> Array:
    """Predicted gamma rays per reconstructed bin, in all bins, safe or not."""
    norm, scale = (1.0, 0.0) if nuisance is None else (nuisance.factor, nuisance.scale)
    edges = dataset.energy_true.edges_value("TeV")
    flux = np.zeros(dataset.energy_true.nbin)
    for model in models.for_dataset(dataset.name):
        if isinstance(model, SkyModel):
            flux += calibrated_flux(model.spectral, edges, model.spectral.values, norm, scale)
    return flux @ response_matrix(dataset)


def _draw(rng: np.random.Generator, dataset: SpectrumDataset, signal: Array, background: Array) -> SpectrumDataset:
    drawn: dict[str, Any] = {"counts": rng.poisson(signal + background).astype(float)}
    if isinstance(dataset, SpectrumDatasetOnOff):
        off = np.divide(background, dataset.alpha, out=np.zeros_like(background), where=dataset.alpha > 0)
        drawn["counts_off"] = rng.poisson(off).astype(float)
    return replace(dataset, **drawn)


def _expected_background(dataset: SpectrumDataset, background: Mapping[str, ArrayLike] | None) -> Array:
    if background is not None and dataset.name not in background:
        raise ValueError(
            f"background: no entry for dataset {dataset.name!r}; got {', '.join(background) or 'none'}. "
            f"Give one array of {dataset.energy.nbin} expected counts per dataset."
        )
    given = dataset.background if background is None else background[dataset.name]
    if given is None:
        raise ValueError(f"dataset {dataset.name!r} has no background to draw from; pass `background`.")
    values = np.asarray(given, dtype=float)
    if values.shape != (dataset.energy.nbin,) or not np.all(values >= 0):
        raise ValueError(
            f"background of dataset {dataset.name!r}: got shape {values.shape} with minimum {values.min():.3g}; "
            f"expected {dataset.energy.nbin} numbers, none negative."
        )
    return values
