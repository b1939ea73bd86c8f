"""Off counts from a ring around every pixel, weighted by the background of the response files (NUMERICS B.12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
from astropy.units import Quantity

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.geom.convolve import Kernel, fft_convolve_same, ring_kernel
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

if TYPE_CHECKING:
    from gammapy_hli.engine.dl3.observation import Observation
    from gammapy_hli.engine.reduce.map import MapPlan

_NOISE = 1e-12  # of the largest acceptance: what a Fourier transform gives where there is none


@dataclass(frozen=True)
class RingBackground:
    """Background method: counts of a ring, for an image or for each energy bin.

    counts_off = ring ⊛ (counts · allowed), acceptance = background, acceptance_off = ring ⊛ (background · allowed),
    with a ring of ones that holds the pixels with inner <= r <= inner + width. The safe mask does not enter the
    convolution. Bins whose ring has no acceptance are not safe.

    Parameters
    ----------
    inner_radius, width : Quantity [deg]
        Of the ring.
    """

    inner_radius: Quantity = 0.5 * u.deg
    width: Quantity = 0.3 * u.deg

    def __post_init__(self) -> None:
        if self.inner_radius < 0 * u.deg or not self.width > 0 * u.deg:
            raise ValueError(
                f"ring of inner radius {self.inner_radius} and width {self.width}; expected positive angles"
            )

    def __call__(self, dataset: MapDataset, observation: Observation | None, plan: MapPlan) -> MapDatasetOnOff:
        """The dataset with off counts.

        Raises
        ------
        ItemError
            The run has no background or no counts.
        """
        inner, width = in_pixels(self.inner_radius, dataset.geometry), in_pixels(self.width, dataset.geometry)
        counts, background, allowed = ring_inputs(dataset, plan)
        counts_off, acceptance_off = ring_sums(Kernel(ring_kernel(inner, inner + width)), counts, background, allowed)
        return to_on_off(dataset, counts_off, background, acceptance_off)


def in_pixels(angle: Quantity, geometry: WcsGeometry) -> float:
    """Length of an angle in pixels, free of rounding errors: whole numbers decide about whole circles of pixels."""
    return round(float(angle.to_value("deg") / geometry.pixel_size.to_value("deg")[0]), 9)


def ring_inputs(dataset: MapDataset, plan: MapPlan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts, background, and pixels that are allowed, (ny, nx); ItemError where one is missing."""
    if dataset.counts is None or dataset.background is None:
        raise ItemError("ring background: the run has no counts or no background to weight them with")
    return dataset.counts, np.nan_to_num(dataset.background), plan.allowed_on(dataset.geometry)


def ring_sums(
    kernel: Kernel, counts: np.ndarray, background: np.ndarray, allowed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Off counts, whole numbers again, and off acceptance, 0 where it is rounding noise; float64, (ne, ny, nx)."""
    counts_off = np.rint(fft_convolve_same(counts * allowed, kernel))
    acceptance_off = fft_convolve_same(background * allowed, kernel)
    acceptance_off[acceptance_off <= _NOISE * acceptance_off.max(initial=0.0)] = 0.0
    return np.clip(counts_off, 0.0, None), acceptance_off


def to_on_off(
    dataset: MapDataset, counts_off: np.ndarray, acceptance: np.ndarray, acceptance_off: np.ndarray
) -> MapDatasetOnOff:
    """The dataset with off counts, float32; bins without off acceptance are not safe.

    Raises
    ------
    ItemError
        No bin that was safe has off acceptance.
    """
    mask_safe = dataset.safe & (acceptance_off > 0)
    if not mask_safe.any():
        raise ItemError(
            "ring background: no pixel inside the safe range has a ring with enough allowed sky; exclude less, or take "
            "wider rings or a wider map"
        )
    return MapDatasetOnOff(
        name=dataset.name,
        geometry=dataset.geometry,
        energy=dataset.energy,
        energy_true=dataset.energy_true,
        counts=dataset.counts,
        exposure=dataset.exposure,
        psf=dataset.psf,
        edisp=dataset.edisp,
        mask_safe=mask_safe,
        mask_fit=dataset.mask_fit,
        gti=dataset.gti,
        livetime=dataset.livetime,
        meta=dataset.meta,
        counts_off=counts_off.astype(np.float32),
        acceptance=acceptance.astype(np.float32),
        acceptance_off=acceptance_off.astype(np.float32),
    )
