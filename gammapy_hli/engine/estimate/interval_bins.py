"""From datasets in intervals to the flat bins that the norm solver works on: bands, models, spectra of intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.estimate.energy_bands import band_of_bin, rounded_edges
from gammapy_hli.engine.estimate.interval_datasets import (
    PerInterval,
    interval_datasets,
    interval_nuisances,
    models_for,
)
from gammapy_hli.engine.estimate.interval_spectra import IntervalFit, interval_models
from gammapy_hli.engine.estimate.norm_bins import NormBins, collect_bins, join_bins
from gammapy_hli.engine.estimate.reference_spectrum import reference_spectrum
from gammapy_hli.engine.estimate.time_bins import TimeBins
from gammapy_hli.engine.fit.compile import EnergyRange, compile
from gammapy_hli.engine.fit.likelihood import AnyDataset
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.models.nuisance import Nuisance
from gammapy_hli.engine.models.sky_model import Models

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class CurveSetting:
    """What is the same for all intervals."""

    models: Models
    source: str
    edges: u.Quantity
    per_interval: PerInterval
    energy_range: EnergyRange | None
    nuisances: tuple[Nuisance, ...]

    @property
    def n_energy(self) -> int:
        return len(self.edges) - 1

    def ref_flux(self, models: Models) -> Array:
        """Flux of the source in the bands by some models."""
        return reference_spectrum(models[self.source].spectral, self.edges)["ref_flux"]


def interval_bins(
    datasets: Sequence[AnyDataset], bins: TimeBins, setting: CurveSetting, fits: Sequence[IntervalFit] | None
) -> NormBins:
    """The bins of all intervals; with fits each interval has its own spectrum, as a factor on the common one."""
    groups = {k: interval_datasets(datasets, bins, k, setting.per_interval, setting.models) for k in range(len(bins))}

    def collected(chosen: Sequence[int], own: Models) -> NormBins:
        used = tuple(dataset for k in chosen for dataset in groups[k])
        held = interval_nuisances(setting.nuisances, datasets, bins, {k: groups[k] for k in chosen})
        here = models_for(own, used, setting.per_interval)
        likelihood = compile(used, here, energy_range=setting.energy_range, nuisances=held)
        intervals = [k for k in chosen for _ in groups[k]]
        bands = [band_of_bin(dataset.energy, setting.edges) for dataset in used]
        points = [
            np.where(band >= 0, k * setting.n_energy + band, -1) for k, band in zip(intervals, bands, strict=True)
        ]
        return collect_bins(likelihood, setting.source, points)

    if fits is None:
        return collected(range(len(bins)), setting.models)
    common = setting.ref_flux(setting.models)
    parts = []
    for k, own in enumerate(interval_models(setting.models, setting.source, fits)):
        if groups[k] and setting.source in models_for(own, groups[k], setting.per_interval):
            factor = common / setting.ref_flux(own)
            parts.append(collected([k], own).scaled(np.tile(factor, len(bins))))
    return join_bins(parts) if parts else collected([], setting.models)


def band_edges(axis: Axis, wanted: u.Quantity | None) -> u.Quantity:
    """Edges of the bands of a light curve, moved to those of the axis; one band over all energies by default."""
    return axis.edges[[0, -1]] if wanted is None else rounded_edges(axis, wanted, "band of the light curve")
