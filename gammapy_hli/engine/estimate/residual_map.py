"""What the model leaves over: counts minus prediction, smoothed over a disk, in three measures."""

from itertools import pairwise

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.estimate.excess_map import as_maps
from gammapy_hli.engine.geom.convolve import Kernel, fft_convolve_same, tophat_kernel
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.stats.significance import significance_cash


def estimate_residual_maps(
    dataset: MapDataset, npred: NDArray[np.float64], radius: u.Quantity, *, energy_edges: u.Quantity | None = None
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
        of the likelihood ratio), each of shape (bands, ny, nx); nan in pixels that are not safe.

    Raises
    ------
    ValueError
        The prediction has another shape than the counts.
    """
    if dataset.counts is None or np.shape(npred) != dataset.counts.shape:
        raise ValueError(f"dataset {dataset.name}: npred has shape {np.shape(npred)}; expected that of the counts")
    energy, index = _bands(dataset, energy_edges)
    kernel = Kernel(tophat_kernel(float(radius.to_value(u.deg) / dataset.geometry.pixel_size.to_value(u.deg).mean())))
    mask = dataset.safe
    groups = [slice(start, stop) for start, stop in pairwise(index)]
    used = np.stack([mask[group].any(axis=0) for group in groups])

    def sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
        bands = np.stack([np.where(mask[group], values[group], 0.0).sum(axis=0) for group in groups])
        return np.asarray(fft_convolve_same(bands.astype(np.float64), kernel))

    counts, expected = np.rint(sums(dataset.counts)), np.maximum(sums(npred), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        arrays = {
            "residual": counts - expected,
            "residual_sqrt": (counts - expected) / np.sqrt(expected),
            "residual_significance": significance_cash(counts, expected),
        }
    return as_maps({name: np.where(used, values, np.nan) for name, values in arrays.items()}, dataset.geometry, energy)


def _bands(dataset: MapDataset, energy_edges: u.Quantity | None):  # type: ignore[no-untyped-def]
    edges, index = dataset.energy.group(dataset.energy.edges[[0, -1]] if energy_edges is None else energy_edges)
    return type(dataset.energy).from_edges(edges, name="energy"), index
