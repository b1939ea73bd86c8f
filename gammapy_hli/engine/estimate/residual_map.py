"""What the model leaves over: counts minus prediction, smoothed over a disk, in three measures."""

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.estimate.energy_bands import map_bands
from gammapy_hli.engine.estimate.excess_map import as_maps
from gammapy_hli.engine.estimate.reco_exposure import disk_kernel, sum_in_bands
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.convolve import fft_convolve_same
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.stats.significance import significance_cash

Array = NDArray[np.float64]


def estimate_residual_maps(
    dataset: MapDataset, npred: Array, radius: u.Quantity, *, energy_edges: u.Quantity | None = None
) -> dict[str, SkyMap]:
    """Residuals of a model in a disk around every pixel.

    Parameters
    ----------
    dataset : MapDataset
    npred : array (ne, ny, nx)
        All predicted counts, background included.
    radius : Quantity [deg]
    energy_edges : Quantity, optional
        Bands; one over all energies where not given.

    Returns
    -------
    dict of str to SkyMap
        residual (counts - npred), residual_sqrt ((counts - npred) / sqrt(npred)) and residual_significance (signed root
        of the likelihood ratio), each of shape (bands, ny, nx); nan in pixels that do not count.

    Raises
    ------
    InputError
        No counts, a prediction of another shape, or a radius that does not fit the map.
    """
    if dataset.counts is None:
        raise InputError(f"dataset {dataset.name!r} has no counts; residuals need counts and a prediction")
    if np.shape(npred) != dataset.shape:
        raise InputError(
            f"dataset {dataset.name!r}: npred has shape {np.shape(npred)}; expected {dataset.shape}, that of the counts"
        )
    kernel = disk_kernel(dataset.geometry, radius)
    edges = map_bands(dataset.energy, energy_edges)
    used = sum_in_bands(dataset, dataset.mask, edges) > 0

    def sums(values: Array) -> Array:
        bands = sum_in_bands(dataset, np.where(dataset.mask, np.nan_to_num(values), 0.0), edges)
        return np.asarray(fft_convolve_same(bands.astype(np.float64), kernel))

    counts, expected = np.rint(sums(dataset.counts)), np.maximum(sums(npred), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        arrays = {
            "residual": counts - expected,
            "residual_sqrt": (counts - expected) / np.sqrt(expected),
            "residual_significance": significance_cash(counts, expected),
        }
    axis = Axis.from_edges(edges, name="energy", interp=dataset.energy.interp)
    return as_maps({name: np.where(used, values, np.nan) for name, values in arrays.items()}, dataset.geometry, axis)
