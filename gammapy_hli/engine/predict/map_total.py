"""Predicted counts of all models of a map dataset, as they are now: for maps of excess and residuals, and for tests.

A fit, which predicts the same thousands of times, keeps the parts of this: `map.py`, `map_background.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.nuisance import Nuisance, nuisance_of
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.template_background import TemplateNPredModel
from gammapy_hli.engine.predict.calibration import calibrated_flux
from gammapy_hli.engine.predict.map import MapEvaluator
from gammapy_hli.engine.predict.map_background import BackgroundFactor, template_counts
from gammapy_hli.engine.stats.wstat import WstatBins

__all__ = ["MapPrediction", "predict_map"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MapPrediction:
    """Predicted counts in every bin of a map dataset, used or not, float64 (ne, ny, nx).

    Attributes
    ----------
    sources : mapping of str to array
        By source; only those that reach a used pixel. Templates of counts are part of the background.
    signal : array
        Sum of the sources.
    background : array
        Background of the dataset times its model, and templates; for on-off data the most likely one for the signal.
    """

    sources: Mapping[str, Array]
    signal: Array
    background: Array

    @property
    def npred(self) -> Array:
        """Signal and background, not below zero."""
        return np.clip(self.signal + self.background, 0.0, None)


def predict_map(
    dataset: MapDataset, models: Models | Iterable[SkyModel], nuisances: Iterable[Nuisance] = ()
) -> MapPrediction:
    """Predicted counts of the models of a dataset at the parameters that they have now.

    Responses are looked up at the position of each source. Models with `datasets_names` count only if the dataset is
    named; a source outside of the map predicts nothing. Of the nuisances that of the dataset counts, at its values.

    Raises
    ------
    InputError
        A source without a spatial model, a dataset without exposure, a template with other bins.
    """
    own = nuisance_of(nuisances, dataset.name)
    norm, scale = (1.0, 0.0) if own is None else (own.factor, own.scale)
    chosen = (models if isinstance(models, Models) else Models(models)).for_dataset(dataset.name)
    sources: dict[str, Array] = {}
    for model in chosen:
        if isinstance(model, SkyModel):
            evaluator = MapEvaluator(model, dataset)
            if evaluator.is_inside:
                values = model.spectral.values
                flux = calibrated_flux(model.spectral, evaluator.edges, values, norm, scale)
                sources[model.name] = evaluator.npred_map(flux)
    signal = np.sum(list(sources.values()), axis=0) if sources else np.zeros(dataset.shape)
    return MapPrediction(sources, signal, _background(dataset, chosen, signal))


def _background(dataset: MapDataset, models: Models, signal: Array) -> Array:
    if isinstance(dataset, MapDatasetOnOff):
        if dataset.counts is None or dataset.counts_off is None:
            return np.zeros(dataset.shape)
        alpha = dataset.alpha.astype(np.float64)
        bins = WstatBins(dataset.counts.astype(np.float64), dataset.counts_off.astype(np.float64), alpha)
        return np.nan_to_num(alpha * bins.background(signal))
    given = dataset.background
    total = np.zeros(dataset.shape) if given is None else np.nan_to_num(given.astype(np.float64))
    for model in models:
        if isinstance(model, FoVBackgroundModel):
            total *= BackgroundFactor(model, dataset.energy).factor()[:, None, None]
    for model in models:
        if isinstance(model, TemplateNPredModel):
            factor = BackgroundFactor(model, dataset.energy).factor()
            total += template_counts(model, dataset) * factor[:, None, None]
    return total
