"""Exposure of each pixel as counts of a spectrum in reconstructed energy: turns excess into flux (NUMERICS B.17)."""

from itertools import pairwise
from typing import Any

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.geom.convolve import Kernel, tophat_kernel
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.predict.map_response import diagonal_edisp

FLUX_UNIT = "cm-2 s-1"


def counts_of_flux(dataset: MapDataset, spectral: Any) -> NDArray[np.float64]:
    """Counts that the flux of a spectral model gives with the exposure of each pixel, (ne, ny, nx).

    Neither psf nor shape matter: it is what would be seen if the whole flux fell into the pixel. The energy dispersion
    is that at the middle of the map.
    """
    if dataset.exposure is None:
        raise InputError(f"dataset {dataset.name!r} has no exposure; there is no flux without it")
    flux = spectral.bin_flux(dataset.energy_true.edges_value("TeV"), spectral.values)
    if dataset.edisp is None:
        edisp = diagonal_edisp(dataset.energy_true, dataset.energy)
    else:
        edisp = np.nan_to_num(dataset.edisp.at(dataset.edisp.geometry.center))
    exposure = np.nan_to_num(dataset.exposure.to_value("cm2 s").astype(np.float64), posinf=0.0, neginf=0.0)
    return np.tensordot(edisp.T * flux, exposure, axes=1)


def sum_in_bands(dataset: MapDataset, values: NDArray[Any], edges: u.Quantity) -> NDArray[np.float64]:
    """Values per bin of the dataset, (ne, ny, nx), summed over its safe bins into bands of energy."""
    index = dataset.energy.group(edges)[1]
    return np.stack([np.where(dataset.safe[a:b], values[a:b], 0.0).sum(axis=0) for a, b in pairwise(index)])


def disk_kernel(geometry: WcsGeometry, radius: u.Quantity) -> Kernel:
    """Disk of ones for sums around every pixel.

    Raises
    ------
    InputError
        The disk is smaller than a pixel or does not fit into the map.
    """
    pixel, width = geometry.pixel_size.to(u.deg).mean(), geometry.width.to(u.deg).min()
    if not radius.to(u.deg) >= pixel:
        raise InputError(f"correlation radius is {radius:.4g}; expected at least one pixel, {pixel:.4g}")
    if radius.to(u.deg) > 0.5 * width:
        raise InputError(f"correlation radius is {radius:.4g}; expected at most half of the map, {0.5 * width:.4g}")
    return Kernel(tophat_kernel(float(radius.to_value(u.deg) / pixel.value)))
