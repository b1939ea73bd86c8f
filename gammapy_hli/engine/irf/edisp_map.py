"""Energy dispersion kernels on the pixels of a coarse map.

They come from the response of one run (`make_edisp_map`) or from a sum of runs (engine/datasets/map_stack.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.irf.edisp import EnergyDispersion
from gammapy_hli.engine.irf.psf_map import frozen_array, frozen_exposure, nearest_valid


@dataclass(frozen=True, eq=False, repr=False)
class EdispKernelMap(Summary):
    """Energy dispersion in every pixel of a coarse map.

    Parameters
    ----------
    geometry : WcsGeometry
        Pixels of the response, (ny, nx).
    energy_true, energy : Axis
        nt bins of true and ne bins of reconstructed energy.
    data : ndarray, shape (nt, ne, ny, nx)
        Probability that true energy bin i is found in reconstructed bin j. Read-only view, float32 or float64.
    exposure : Quantity, shape (nt, ny, nx) [m2 s], or None
        Weight of the response when maps are stacked.
    """

    geometry: WcsGeometry
    energy_true: Axis
    energy: Axis
    data: np.ndarray
    exposure: u.Quantity | None = None

    def __post_init__(self) -> None:
        shape = (self.energy_true.nbin, self.energy.nbin, *self.geometry.shape)
        object.__setattr__(self, "data", frozen_array("edisp", self.data, shape))
        object.__setattr__(self, "exposure", frozen_exposure("edisp", self.exposure, (shape[0], *shape[2:])))

    def at(self, position: SkyCoord) -> np.ndarray:
        """Kernel of the pixel nearest to a position that has any response, shape (nt, ne)."""
        x, y = (float(_) for _ in self.geometry.position_to_pixel(position))
        row, column = (int(_) for _ in self.geometry.pixel_index(x, y))
        valid = self._valid
        if row < 0 or not valid[row, column]:
            if valid.any():
                row, column = (int(_) for _ in nearest_valid(valid, x, y))
            else:
                row, column = (int(np.clip(np.rint(_), 0, n - 1)) for _, n in zip((y, x), valid.shape, strict=True))
        return self.data[:, :, row, column].astype(np.float64)

    @cached_property
    def _valid(self) -> np.ndarray:
        """Pixels with any response, shape (ny, nx)."""
        return np.asarray((self.data > 0).any(axis=(0, 1)))

    def summary(self) -> dict[str, Any]:
        """Size and ranges."""
        return {
            "pixels (ny, nx)": self.geometry.shape,
            "energy_true": f"{self.energy_true.edges[0]:.4g} to {self.energy_true.edges[-1]:.4g}",
            "energy": f"{self.energy.edges[0]:.4g} to {self.energy.edges[-1]:.4g}",
        }


def make_edisp_map(
    edisp: EnergyDispersion,
    position: SkyCoord,
    geometry: WcsGeometry,
    energy_true: Axis,
    energy: Axis,
    exposure: Any = None,
) -> EdispKernelMap:
    """The energy dispersion of one run on the pixels of a map: the kernel at the offset of each pixel (NUMERICS B.7).

    Parameters
    ----------
    edisp : EnergyDispersion
    position : SkyCoord
        Where the telescopes pointed.
    geometry : WcsGeometry
        Pixels of the response.
    energy_true, energy : Axis
        Axes of the map.
    exposure : Quantity, shape (nt, ny, nx) [m2 s], optional
        Weight when maps are stacked; without containment.
    """
    offset = np.rad2deg(geometry.separation_from(position))
    kernels = edisp.kernel(energy_true, energy, offset.ravel() * u.deg).astype(np.float32)
    data = np.ascontiguousarray(np.moveaxis(kernels, 0, -1)).reshape(*kernels.shape[1:], *geometry.shape)
    return EdispKernelMap(geometry, energy_true, energy, data, exposure)
