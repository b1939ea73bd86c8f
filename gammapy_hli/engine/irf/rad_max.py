"""Radius of the directional cut of point-like responses, by reconstructed energy and offset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits

from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.irf.aeff import EffectiveArea
from gammapy_hli.engine.irf.edisp import EnergyDispersion
from gammapy_hli.engine.irf.gadf import IrfTable, as_array, check_axes, file_label, make_hdu
from gammapy_hli.engine.irf.interpolate import inside, nearest_nodes


@dataclass(frozen=True, eq=False)
class RadMax(Summary):
    """Directional cut of one run, GADF class RAD_MAX_2D.

    Parameters
    ----------
    energy, offset : Axis
        Axes of these names.
    data : Quantity, shape (energy, offset)
        Radius of the cut [deg].
    """

    energy: Axis
    offset: Axis
    data: u.Quantity

    def __post_init__(self) -> None:
        check_axes({"energy": self.energy, "offset": self.offset}, "rad_max")
        object.__setattr__(self, "data", as_array(self.data, self.axes, "deg", "rad_max"))

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """Axes in the order of the array."""
        return self.energy, self.offset

    @property
    def is_fixed(self) -> bool:
        """Whether the cut is one number."""
        return bool(np.ptp(self.data.value) == 0)

    @classmethod
    def from_keyword(cls, irf: EffectiveArea | EnergyDispersion) -> RadMax | None:
        """Cut from the RAD_MAX keyword of a point-like response, None where it has none."""
        if not irf.is_pointlike or irf.rad_max is None:
            return None
        return cls(irf.energy_true.squash().renamed("energy"), irf.offset.squash(), irf.rad_max)

    def evaluate(self, energy: u.Quantity, offset: u.Quantity) -> u.Quantity:
        """Radius [deg] of the nearest bin at broadcast energies and offsets; 0 (nothing passes) outside of the axes.

        A cut that is one number holds everywhere.
        """
        e, theta = energy.to_value(self.energy.unit), offset.to_value(self.offset.unit)
        values = self.data.to_value("deg").astype(np.float64)
        radius = values[nearest_nodes(self.energy, e), nearest_nodes(self.offset, theta)]
        if self.data.size > 1:
            radius = np.where(inside(self.energy, e) & inside(self.offset, theta), radius, 0.0)
        return radius << u.deg

    def to_hdu(self) -> fits.BinTableHDU:
        """GADF table; reading it gives the same cut bit by bit."""
        return make_hdu(self.axes, {"RAD_MAX": self.data}, ("RAD_MAX", "POINT-LIKE", "RAD_MAX_2D"), "RAD_MAX")

    def summary(self) -> dict[str, Any]:
        """Smallest and largest radius."""
        low, high = self.energy.edges[[0, -1]]
        return {
            "energy": f"{low:.4g} to {high:.4g}, {self.energy.nbin} bins",
            "radius": f"{self.data.min():.4g} to {self.data.max():.4g}",
        }


def read_rad_max(hdu: Any, file: str | Path | None = None) -> RadMax:
    """Directional cut from an astropy HDU; raises InputError where it is not one."""
    table = IrfTable(hdu, "rad_max", file_label(file))
    axes = table.axis("energy"), table.axis("offset")
    return RadMax(*axes, table.array(("RAD_MAX",), axes, "deg"))
