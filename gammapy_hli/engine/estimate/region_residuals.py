"""Residuals of a model in a region as a spectrum: counts and prediction summed over its pixels, energy by energy."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.region_image import region_mask_on
from gammapy_hli.engine.stats.significance import significance_cash

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RegionResiduals:
    """Counts and prediction of a region; arrays (ne,).

    Attributes
    ----------
    energy : Axis
    counts, npred : arrays
        Sums over the pixels that count.
    used : bool array
        Energies with any such pixel.
    """

    energy: Axis
    counts: Array
    npred: Array
    used: NDArray[np.bool_]

    @property
    def residual(self) -> Array:
        """counts - npred; nan where no pixel counts."""
        return np.where(self.used, self.counts - self.npred, np.nan)

    @property
    def residual_sqrt(self) -> Array:
        """(counts - npred) / sqrt(npred)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.residual / np.sqrt(self.npred)

    @property
    def significance(self) -> Array:
        """Signed root of the likelihood ratio."""
        return np.where(self.used, significance_cash(self.counts, self.npred), np.nan)

    @property
    def total(self) -> float:
        """Significance of the residual of all energies together."""
        return float(significance_cash(self.counts.sum(), self.npred.sum()))


def estimate_region_residuals(dataset: MapDataset, npred: Array, region: Any = None) -> RegionResiduals:
    """Sum counts and prediction over a region.

    Parameters
    ----------
    dataset : MapDataset
    npred : array (ne, ny, nx)
        All predicted counts, background included.
    region : SkyRegion, or sequence of them, optional
        The whole map where not given.

    Raises
    ------
    InputError
        No counts, a prediction of another shape, or a region without pixels of the map.
    """
    if dataset.counts is None:
        raise InputError(f"dataset {dataset.name!r} has no counts; residuals need counts and a prediction")
    if np.shape(npred) != dataset.shape:
        raise InputError(
            f"dataset {dataset.name!r}: npred has shape {np.shape(npred)}; expected {dataset.shape}, that of the counts"
        )
    inside = np.ones(dataset.geometry.shape, dtype=bool)
    if region is not None:
        inside = region_mask_on(dataset.geometry, [region] if hasattr(region, "contains") else list(region))
    if not inside.any():
        raise InputError(
            f"dataset {dataset.name!r}: no pixel of the map lies in the region; check its position and frame"
        )
    mask = dataset.mask & inside
    return RegionResiduals(
        energy=dataset.energy,
        counts=np.where(mask, dataset.counts, 0.0).sum(axis=(1, 2), dtype=np.float64),
        npred=np.where(mask, np.nan_to_num(npred), 0.0).sum(axis=(1, 2), dtype=np.float64),
        used=np.asarray(mask.any(axis=(1, 2))),
    )
