"""Energy dispersion by migration on the pixels of a coarse map: what gammapy writes where a migra axis is asked for.

Our own reductions make kernels (edisp_map.py); this form is read, used and written so that no file has to be converted.
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
from gammapy_hli.engine.irf.edisp import SMALLEST, cumulative_at, cumulative_density
from gammapy_hli.engine.irf.response_map import ResponseMap


@dataclass(frozen=True, eq=False, repr=False)
class EdispMigraMap(ResponseMap):
    """Probability density of migra (reconstructed over true energy) in every pixel of a coarse map.

    Parameters
    ----------
    geometry : WcsGeometry
        Pixels of the response, (ny, nx).
    energy_true, migra : Axis
        nt bins of true energy and nm bins of migra.
    energy : Axis
        The ne bins of reconstructed energy that kernels are made for.
    data : ndarray, shape (nt, nm, ny, nx)
        Density of migra. Read-only view, float32 or float64.
    exposure : Quantity, shape (nt, ny, nx) [m2 s], or None
        Weight of the response when maps are stacked.
    """

    kind = "edisp"
    geometry: WcsGeometry
    energy_true: Axis
    migra: Axis
    energy: Axis
    data: np.ndarray
    exposure: u.Quantity | None = None

    @property
    def second_axis(self) -> Axis:
        """The migra axis."""
        return self.migra

    def sliced(self, start: int, stop: int) -> EdispMigraMap:
        """For the reconstructed energy bins start..stop - 1; the density stays."""
        return replace(self, energy=self.energy.slice(start, stop))

    def summed(self, energy: Axis, groups: Sequence[slice], used: np.ndarray | None) -> EdispMigraMap:
        """For other bins of reconstructed energy; the density stays, whatever bins were used, as in gammapy."""
        return replace(self, energy=energy)

    def at(self, position: SkyCoord) -> np.ndarray:
        """Kernel of the pixel nearest to a position that has any response, shape (nt, ne).

        The density is summed over migra and differenced at the edges of the energy bins; it is not normalized anew.
        """
        row, column = self.pixel_of(position)
        places = self.energy.edges_value("TeV") / self.energy_true.center_value("TeV")[:, None]
        cumulative = cumulative_density(self.data[:, :, row, column].astype(np.float64), self.migra)
        kernel = np.clip(np.diff(cumulative_at(cumulative, places, self.migra), axis=-1), 0.0, None)
        kernel[kernel < SMALLEST] = 0.0
        return np.asarray(kernel)

    def summary(self) -> dict[str, Any]:
        """Size and ranges."""
        migra = self.migra.edges_value("")
        return {**super().summary(), "migra": f"{migra[0]:.4g} to {migra[-1]:.4g}, {self.migra.nbin} bins"}
