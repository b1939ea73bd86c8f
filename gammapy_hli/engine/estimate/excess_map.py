"""Excess and significance in a disk around every pixel, in bands of energy.

Counts and background are summed over the disk (correlation); the significance is that of Li & Ma for a measured
background, the Poisson likelihood ratio for a known one (NUMERICS B.17).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.estimate.energy_bands import map_bands
from gammapy_hli.engine.estimate.reco_exposure import FLUX_UNIT, counts_of_flux, disk_kernel, sum_in_bands
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.convolve import Kernel, fft_convolve_same
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.stats.significance import (
    excess_error_wstat,
    excess_interval_cash,
    excess_interval_wstat,
    significance_cash,
    significance_wstat,
)
from gammapy_hli.engine.stats.wstat import WstatBins

Array = NDArray[np.float64]
_NOISE = 1e-10  # of the largest sum; the smallest that means something is one off count


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
    signal : array
        Counts of known sources, which are no excess.
    n_off, alpha : arrays or None
        Off counts and their weight; None where the background is known.
    used : bool array
        Pixels that are safe.
    """

    geometry: WcsGeometry
    energy: Axis
    counts: Array
    background: Array
    signal: Array
    n_off: Array | None
    alpha: Array | None
    used: NDArray[np.bool_]

    @property
    def excess(self) -> Array:
        """Counts above the background and the known sources."""
        return self.counts - self.background - self.signal

    @property
    def sqrt_ts(self) -> Array:
        """Significance of the excess, with its sign; nan where a pixel is not used."""
        if self.n_off is None or self.alpha is None:
            values = significance_cash(self.counts, self.background + self.signal)
        elif self.signal.any():
            stat = WstatBins(self.counts, self.n_off, self.alpha).stat(self.signal)
            values = np.sign(self.excess) * np.sqrt(np.maximum(stat, 0.0))
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
        if self.n_off is None or self.alpha is None:  # does not depend on the background
            counts, which = np.unique(self.counts[use], return_inverse=True)
            low[use], high[use] = (side[which] for side in excess_interval_cash(counts, counts, n_sigma))
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
        Counts of known sources.

    Raises
    ------
    InputError
        The dataset has no counts or no background, or the radius does not fit the map.
    """
    if dataset.counts is None or (dataset.background is None and not isinstance(dataset, MapDatasetOnOff)):
        missing = "counts" if dataset.counts is None else "background"
        raise InputError(
            f"dataset {dataset.name!r} has no {missing}; an excess map needs counts and background. Choose a "
            "reduction.background.method."
        )
    if isinstance(dataset, MapDatasetOnOff) and dataset.counts_off is None:
        raise InputError(f"dataset {dataset.name!r} has no off counts; an excess map needs counts and background")
    edges = map_bands(dataset.energy, energy_edges)
    bands = dataset.resample_energy(edges)
    kernel = disk_kernel(dataset.geometry, radius)
    used = bands.mask
    known = np.zeros(bands.shape)
    if signal is not None:
        known = _in_disks(sum_in_bands(dataset, signal, edges), used, kernel)
    counts = np.rint(_in_disks(bands.counts, used, kernel))
    if not isinstance(bands, MapDatasetOnOff):
        background = np.maximum(_in_disks(bands.background, used, kernel), 0.0)
        return DiskCounts(bands.geometry, bands.energy, counts, background, known, None, None, used)
    n_off, alpha = _off_in_disks(bands, used, kernel, correlate_off)
    background = np.where(used, alpha * n_off, 0.0)
    return DiskCounts(bands.geometry, bands.energy, counts, background, known, n_off, alpha, used)


def estimate_excess_maps(
    dataset: MapDataset,
    radius: u.Quantity,
    *,
    energy_edges: u.Quantity | None = None,
    correlate_off: bool = True,
    n_sigma: float = 1.0,
    n_sigma_ul: float = 2.0,
    asymmetric: bool = False,
    signal: Array | None = None,
    spectral: Any = None,
) -> dict[str, SkyMap]:
    """Maps of counts, background, excess, error, significance and, on request, asymmetric errors, limits and flux.

    Parameters
    ----------
    dataset, radius, energy_edges, correlate_off, signal
        As in `count_in_disks`.
    n_sigma, n_sigma_ul : float
        Confidence of errors and of the limit.
    asymmetric : bool
        Whether ``excess_errn``, ``excess_errp`` and ``excess_ul`` are wanted.
    spectral : spectral model, optional
        Its shape turns counts into flux. Every excess map then has a flux map [cm-2 s-1] beside it: that in the disk,
        in the energies of the band; light that the psf takes out of the disk is not put back.

    Returns
    -------
    dict of str to SkyMap
        counts, background, excess, excess_err, significance [, excess_errn, excess_errp, excess_ul] [, flux, flux_err,
        ...]; each of shape (bands, ny, nx), nan in pixels that are not used.
    """
    disks = count_in_disks(dataset, radius, energy_edges=energy_edges, correlate_off=correlate_off, signal=signal)
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
    arrays = {name: np.where(disks.used, values, np.nan) for name, values in arrays.items()}
    maps = as_maps(arrays, disks.geometry, disks.energy)
    if spectral is not None:
        flux = flux_per_count(dataset, disks, radius, spectral)
        for name in [name for name in arrays if name.startswith("excess")]:
            values = arrays[name] * flux
            maps[name.replace("excess", "flux")] = SkyMap(disks.geometry, (disks.energy,), values, FLUX_UNIT)
    return maps


def estimate_off_significance(
    dataset: MapDataset,
    radius: u.Quantity,
    allowed: NDArray[np.bool_],
    *,
    energy_edges: u.Quantity | None = None,
    correlate_off: bool = True,
) -> SkyMap:
    """Significance of the sky outside of the sources alone: what is excluded adds nothing to the disks around it.

    Where the background is right its values are normal with mean 0 and width 1.

    Parameters
    ----------
    dataset, radius, energy_edges, correlate_off
        As in `count_in_disks`.
    allowed : bool array (ny, nx)
        Pixels outside of the excluded sky.

    Returns
    -------
    SkyMap
        (bands, ny, nx), nan in pixels that are excluded or not used.
    """
    mask = allowed if dataset.mask_fit is None else dataset.mask_fit & allowed
    outside = replace(dataset, mask_fit=np.broadcast_to(mask, dataset.shape))
    disks = count_in_disks(outside, radius, energy_edges=energy_edges, correlate_off=correlate_off)
    return as_maps({"significance": disks.sqrt_ts}, disks.geometry, disks.energy)["significance"]


def flux_per_count(dataset: MapDataset, disks: DiskCounts, radius: u.Quantity, spectral: Any) -> Array:
    """Flux in each band [cm-2 s-1] of a source that gives one count, from the mean exposure of each disk."""
    kernel = disk_kernel(disks.geometry, radius)
    counts = sum_in_bands(dataset, counts_of_flux(dataset, spectral), disks.energy.edges)
    area = np.rint(fft_convolve_same(disks.used.astype(np.float64), kernel))
    flux = [float(spectral.integral(low, high).to_value(FLUX_UNIT)) for low, high in pairwise(disks.energy.edges)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.reshape(flux, (-1, 1, 1)) * area / fft_convolve_same(counts, kernel)


def as_maps(arrays: Mapping[str, Any], geometry: WcsGeometry, energy: Axis) -> dict[str, SkyMap]:
    """Arrays (bands, ny, nx) as maps without unit."""
    return {name: SkyMap(geometry, (energy,), values) for name, values in arrays.items()}


def _in_disks(values: Any, used: NDArray[np.bool_], kernel: Kernel) -> Array:
    """Sum over the disk of what is safe and finite."""
    clean = np.where(used & np.isfinite(values), values, 0.0).astype(np.float64)
    return fft_convolve_same(clean, kernel)


def _without_noise(values: Array) -> Array:
    """Sums that are not negative, 0 where they are the rounding noise of a Fourier transform."""
    return np.where(values > _NOISE * values.max(initial=0.0), values, 0.0)


def _off_in_disks(
    bands: MapDatasetOnOff, used: NDArray[np.bool_], kernel: Kernel, correlate_off: bool
) -> tuple[Array, Array]:
    """Off counts and their weight for the disk around every pixel."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if correlate_off:
            n_off = _without_noise(_in_disks(bands.counts_off, used, kernel))
            alpha = _without_noise(_in_disks(bands.background, used, kernel)) / n_off
        else:
            n_off = np.where(used, np.asarray(bands.counts_off), 0.0).astype(np.float64)
            alpha = _in_disks(bands.acceptance, used, kernel) / np.where(used, np.asarray(bands.acceptance_off), 0.0)
    return n_off, np.where(np.isfinite(alpha), alpha, 0.0)
