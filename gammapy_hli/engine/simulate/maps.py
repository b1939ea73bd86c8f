"""Draw counts for map datasets that exist already: the short way of statistics work, no event is made.

Beside `spectra.py`, which does the same for spectra. The long way, through event lists, is `store.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.predict.map_total import predict_map

Array = NDArray[np.float64]


def simulate_map_datasets(
    datasets: Sequence[MapDataset], models: Models, n: int = 1, seed: int = 0
) -> Iterator[tuple[MapDataset, ...]]:
    """Give `n` random copies of map datasets: Poisson counts around the prediction of models.

    counts ~ Poisson(npred), the background of each dataset and its background model included; in bins outside of
    mask_safe too. Copy i depends on `seed` and i only, not on `n`.

    Parameters
    ----------
    datasets : sequence of MapDataset
        With a background; their counts do not matter.
    models : Models
        The truth.
    n : int
        Number of copies.
    seed : int

    Yields
    ------
    tuple of MapDataset
        With the same names, axes, responses and masks.

    Raises
    ------
    ValueError
        A dataset has no background, or its background is off counts.
    """
    datasets = tuple(datasets)
    expected = [_expected(dataset, models) for dataset in datasets]
    for index in range(n):
        streams = [
            np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, j))) for j in range(len(datasets))
        ]
        yield tuple(
            replace(dataset, counts=stream.poisson(npred).astype(np.float32))
            for dataset, npred, stream in zip(datasets, expected, streams, strict=True)
        )


def _expected(dataset: MapDataset, models: Models) -> Array:
    if isinstance(dataset, MapDatasetOnOff) or dataset.background is None:
        what = "off counts instead of a background" if isinstance(dataset, MapDatasetOnOff) else "no background"
        raise ValueError(
            f"dataset {dataset.name!r} has {what} to draw from; reduce with background method irf, fov or none and a "
            "background table."
        )
    return predict_map(dataset, models).npred
