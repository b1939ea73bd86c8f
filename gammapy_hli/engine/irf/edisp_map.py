"""Energy dispersion kernels on the pixels of a coarse map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.irf.psf_map import frozen_array, frozen_exposure


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
        """Kernel of the nearest pixel that has exposure, shape (nt, ne)."""
        x, y = self.geometry.position_to_pixel(position)
        ny, nx = self.geometry.shape
        row, column = int(np.clip(np.rint(y), 0, ny - 1)), int(np.clip(np.rint(x), 0, nx - 1))
        if self.exposure is not None:
            valid = (self.exposure.value > 0).any(axis=0)
            if valid.any() and not valid[row, column]:
                rows, columns = np.nonzero(valid)
                nearest = np.argmin(np.hypot(rows - y, columns - x))
                row, column = int(rows[nearest]), int(columns[nearest])
        return self.data[:, :, row, column].astype(np.float64)

    def summary(self) -> dict[str, Any]:
        """Size and ranges."""
        return {
            "pixels (ny, nx)": self.geometry.shape,
            "energy_true": f"{self.energy_true.edges[0]:.4g} to {self.energy_true.edges[-1]:.4g}",
            "energy": f"{self.energy.edges[0]:.4g} to {self.energy.edges[-1]:.4g}",
        }
