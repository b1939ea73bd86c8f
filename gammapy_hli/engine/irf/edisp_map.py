"""Energy dispersion kernels on the pixels of a coarse map.

They come from the response of one run (`make_edisp_map`) or from a sum of runs (engine/datasets/map_stack.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.irf.edisp import EnergyDispersion
from gammapy_hli.engine.irf.response_map import ResponseMap


@dataclass(frozen=True, eq=False, repr=False)
class EdispKernelMap(ResponseMap):
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

    kind = "edisp"
    geometry: WcsGeometry
    energy_true: Axis
    energy: Axis
    data: np.ndarray
    exposure: u.Quantity | None = None

    @property
    def second_axis(self) -> Axis:
        """The axis of reconstructed energy."""
        return self.energy

    def sliced(self, start: int, stop: int) -> EdispKernelMap:
        """The reconstructed energy bins start..stop - 1."""
        return replace(self, energy=self.energy.slice(start, stop), data=self.data[:, start:stop])

    def summed(self, energy: Axis, groups: Sequence[slice], used: np.ndarray | None) -> EdispKernelMap:
        """Reconstructed energy bins added in groups, which make the bins of a new axis.

        Parameters
        ----------
        energy : Axis
        groups : sequence of slice
        used : ndarray of bool, shape (ne, ny, nx), or None
            Where a bin counts; None for everywhere.
        """
        data = self.data if used is None else self.data * used
        return replace(self, energy=energy, data=np.stack([data[:, group].sum(axis=1) for group in groups], axis=1))

    def at(self, position: SkyCoord) -> np.ndarray:
        """Kernel of the pixel nearest to a position that has any response, shape (nt, ne)."""
        row, column = self.pixel_of(position)
        return self.data[:, :, row, column].astype(np.float64)

    def summary(self) -> dict[str, Any]:
        """Size and ranges."""
        return {**super().summary(), "energy": f"{self.energy.edges[0]:.4g} to {self.energy.edges[-1]:.4g}"}


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
