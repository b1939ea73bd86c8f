"""Excess and significance in a disk around every pixel, in bands of energy.

Counts and background are summed over the disk (correlation); the significance is that of Li & Ma for a measured
background, the Poisson likelihood ratio for a known one (NUMERICS B.17).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.convolve import Kernel, fft_convolve_same, tophat_kernel
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.stats.significance import (
    excess_error_wstat,
    excess_interval_cash,
    excess_interval_wstat,
    significance_cash,
    significance_wstat,
)

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DiskCounts:
    """What is found in the disk around every pixel; arrays of shape (bands, ny, nx).

    Attributes
    ----------
    geometry : WcsGeometry
    energy : Axis
        The bands.
    counts, background : arrays
        Counts, and the background expected among them.
    n_off, alpha : arrays or None
        Off counts and their weight; None where the background is known.
    used : bool array
        Pixels that are safe.
    """

    geometry: WcsGeometry
    energy: Axis
    counts: Array
    background: Array
    n_off: Array | None
    alpha: Array | None
    used: NDArray[np.bool_]

    @property
    def excess(self) -> Array:
        """Counts above the background."""
        return self.counts - self.background

    @property
    def sqrt_ts(self) -> Array:
        """Significance of the excess, with its sign; nan where a pixel is not used."""
        if self.n_off is None or self.alpha is None:
            values = significance_cash(self.counts, self.background)
        else:
            values = significance_wstat(self.counts, self.n_off, self.alpha)
        return np.where(self.used, values, np.nan)

    @property
    def error(self) -> Array:
        """Symmetric error of the excess."""
        if self.n_off is None or self.alpha is None:
            return np.sqrt(self.counts)
        return excess_error_wstat(self.counts, self.n_off, self.alpha)

    def interval(self, n_sigma: float) -> tuple[Array, Array]:
        """Distances down and up from the excess to where the statistic has grown by ``n_sigma**2``."""
        low, high = np.full(self.counts.shape, np.nan), np.full(self.counts.shape, np.nan)
        use = self.used
        if self.n_off is None or self.alpha is None:
            low[use], high[use] = excess_interval_cash(self.counts[use], self.background[use], n_sigma)
        else:
            low[use], high[use] = excess_interval_wstat(self.counts[use], self.n_off[use], self.alpha[use], n_sigma)
        return low, high


def count_in_disks(
    dataset: MapDataset,
    radius: u.Quantity,
    *,
    energy_edges: u.Quantity | None = None,
    correlate_off: bool = True,
    signal: Array | None = None,
) -> DiskCounts:
    """Sum counts and background over a disk around every pixel.

    Parameters
    ----------
    dataset : MapDataset or MapDatasetOnOff
    radius : Quantity [deg]
        Pixels whose centers are at most this far away belong to the disk.
    energy_edges : Quantity, shape (n + 1,), optional
        Bands, moved to edges of the dataset; one band over all energies where not given.
    correlate_off : bool
        On/off data: sum the off counts over the disk too. False takes those of the pixel itself, which already come
        from a large region (a ring).
    signal : array (ne, ny, nx), optional
        Counts of known sources; they are taken as part of the background.

    Raises
    ------
    ValueError
        The dataset has no counts or no background.
    """
    if dataset.counts is None or (dataset.background is None and not isinstance(dataset, MapDatasetOnOff)):
        raise ValueError(f"dataset {dataset.name}: an excess map needs counts and background")
    edges = dataset.energy.edges[[0, -1]] if energy_edges is None else energy_edges
    bands = dataset.resample_energy(edges)
    kernel = Kernel(tophat_kernel(float(radius.to_value(u.deg) / dataset.geometry.pixel_size.to_value(u.deg).mean())))
    used = bands.safe
    extra = 0.0 if signal is None else _in_disks(_in_bands(dataset, signal, edges), used, kernel)
    counts = np.rint(_in_disks(bands.counts, used, kernel))
    if not isinstance(bands, MapDatasetOnOff):
        background = np.maximum(_in_disks(bands.background, used, kernel), 0.0)
        return DiskCounts(bands.geometry, bands.energy, counts, background + extra, None, None, used)
    n_off, alpha = _off_in_disks(bands, used, kernel, correlate_off)
    background = np.where(used, alpha * n_off, 0.0)
    return DiskCounts(bands.geometry, bands.energy, counts, background + extra, n_off, alpha, used)


def estimate_excess_maps(
    dataset: MapDataset,
    radius: u.Quantity,
    *,
    energy_edges: u.Quantity | None = None,
    correlate_off: bool = True,
    n_sigma: float = 1.0,
    n_sigma_ul: float = 2.0,
    asymmetric: bool = False,
) -> dict[str, SkyMap]:
    """Maps of counts, background, excess, error, significance and, on request, asymmetric errors and upper limits.

    Parameters
    ----------
    dataset, radius, energy_edges, correlate_off
        As in `count_in_disks`.
    n_sigma, n_sigma_ul : float
        Confidence of errors and of the limit.
    asymmetric : bool
        Whether ``excess_errn``, ``excess_errp`` and ``excess_ul`` are wanted.

    Returns
    -------
    dict of str to SkyMap
        counts, background, excess, excess_err, significance [, excess_errn, excess_errp, excess_ul]; each of shape
        (bands, ny, nx).
    """
    disks = count_in_disks(dataset, radius, energy_edges=energy_edges, correlate_off=correlate_off)
    arrays: dict[str, Array] = {
        "counts": disks.counts,
        "background": disks.background,
        "excess": disks.excess,
        "excess_err": n_sigma * disks.error,
        "significance": disks.sqrt_ts,
    }
    if asymmetric:
        arrays["excess_errn"], arrays["excess_errp"] = disks.interval(n_sigma)
        arrays["excess_ul"] = disks.excess + disks.interval(n_sigma_ul)[1]
    return as_maps(arrays, disks.geometry, disks.energy)


def as_maps(arrays: Mapping[str, Any], geometry: WcsGeometry, energy: Axis) -> dict[str, SkyMap]:
    """Arrays (bands, ny, nx) as maps without unit."""
    return {name: SkyMap(geometry, (energy,), values) for name, values in arrays.items()}


def _in_disks(values: Any, used: NDArray[np.bool_], kernel: Kernel) -> Array:
    """Sum over the disk of what is safe and finite."""
    clean = np.where(used & np.isfinite(values), values, 0.0).astype(np.float64)
    return fft_convolve_same(clean, kernel)


def _in_bands(dataset: MapDataset, values: Array, edges: u.Quantity) -> Array:
    """Counts per bin of the dataset summed over its safe bins into bands."""
    _, index = dataset.energy.group(edges)
    masked = np.where(dataset.safe, values, 0.0)
    return np.stack([masked[start:stop].sum(axis=0) for start, stop in pairwise(index)])


def _off_in_disks(
    bands: MapDatasetOnOff, used: NDArray[np.bool_], kernel: Kernel, correlate_off: bool
) -> tuple[Array, Array]:
    """Off counts and their weight for the disk around every pixel."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if correlate_off:
            n_off = _in_disks(bands.counts_off, used, kernel)
            alpha = _in_disks(bands.background, used, kernel) / n_off
        else:
            n_off = np.where(used, bands.counts_off, 0.0).astype(np.float64)
            alpha = _in_disks(bands.acceptance, used, kernel) / np.where(used, bands.acceptance_off, 0.0)
    return n_off, np.where(np.isfinite(alpha), alpha, 0.0)
