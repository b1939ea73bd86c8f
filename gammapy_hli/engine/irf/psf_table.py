"""Point spread function as a table of true energy, offset and distance from the source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from numpy.typing import NDArray

from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.irf.gadf import IrfTable, as_array, check_axes, containment_class, make_hdu
from gammapy_hli.engine.irf.interpolate import ResponseGrid, inside, interpolate_linear

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PsfTable(Summary):
    """PSF of one run, GADF class PSF_TABLE.

    Parameters
    ----------
    energy_true, offset, rad : Axis
        Axes of these names; rad is the distance from the source.
    data : Quantity, shape (energy_true, offset, rad)
        Probability per solid angle [sr-1].
    is_pointlike : bool
        As in the header.
    """

    energy_true: Axis
    offset: Axis
    rad: Axis
    data: u.Quantity
    is_pointlike: bool = False

    def __post_init__(self) -> None:
        check_axes({"energy_true": self.energy_true, "offset": self.offset, "rad": self.rad}, "psf")
        object.__setattr__(self, "data", as_array(self.data, self.axes, "sr-1", "psf"))

    @property
    def axes(self) -> tuple[Axis, Axis, Axis]:
        """Axes in the order of the array."""
        return self.energy_true, self.offset, self.rad

    def evaluate(self, energy_true: u.Quantity, rad: u.Quantity, offset: u.Quantity) -> u.Quantity:
        """Probability per solid angle [sr-1] at broadcast coordinates; 0 outside of the axes."""
        coordinates = (
            energy_true.to_value(self.energy_true.unit),
            offset.to_value(self.offset.unit),
            rad.to_value(self.rad.unit),
        )
        return self._grid.evaluate(*coordinates) << u.Unit("sr-1")

    def containment(self, rad: u.Quantity, energy_true: u.Quantity, offset: u.Quantity) -> Array:
        """Fraction of photons within `rad` of the source, at broadcast coordinates (NUMERICS B.8).

        The sum over the file's own bins of rad, 2 pi r_center dr times the density, linear between the edges of the
        bins and constant beyond the last one. 0 where energy or offset are outside of the axes.
        """
        energy, theta = energy_true.to_value(self.energy_true.unit), offset.to_value(self.offset.unit)
        edges = self.rad.edges.value
        radius = np.clip(rad.to_value(self.rad.unit), edges[0], edges[-1])
        energy_nodes, offset_nodes = self._grid._nodes[:2]
        scaled = np.log(np.clip(energy, np.finfo(np.float32).tiny, None))
        values = interpolate_linear((energy_nodes, offset_nodes, edges), self._cumulative, (scaled, theta, radius))
        known = inside(self.energy_true, energy) & inside(self.offset, theta) & np.isfinite(values)
        return np.where(known, np.clip(values, 0.0, None), 0.0)

    def to_hdu(self) -> fits.BinTableHDU:
        """GADF table; reading it gives the same response bit by bit."""
        classes = ("RPSF", containment_class(self.is_pointlike), "PSF_TABLE")
        return make_hdu(self.axes, {"RPSF": self.data}, classes, "PSF")

    def summary(self) -> dict[str, Any]:
        """Ranges of the axes."""
        low, high = self.energy_true.edges[[0, -1]]
        return {
            "energy_true": f"{low:.4g} to {high:.4g}, {self.energy_true.nbin} bins",
            "offset": f"up to {self.offset.edges[-1]:.4g}, {self.offset.nbin} bins",
            "rad": f"up to {self.rad.edges[-1]:.4g}, {self.rad.nbin} bins",
        }

    @cached_property
    def _grid(self) -> ResponseGrid:
        return ResponseGrid(self.axes, self.data.to_value("sr-1"))

    @cached_property
    def _cumulative(self) -> Array:
        """Containment at the edges of rad, shape (energy_true, offset, rad + 1)."""
        rings = 2 * np.pi * self.rad.center_value("rad") * self.rad.width.to_value("rad")
        values = np.zeros((*self.data.shape[:2], self.rad.nbin + 1))
        np.cumsum(self.data.to_value("sr-1") * rings, axis=-1, out=values[..., 1:])
        return values


def read_psf_table(table: IrfTable) -> PsfTable:
    """PSF table from an opened GADF table."""
    axes = table.axis("energy_true"), table.axis("offset"), table.axis("rad")
    return PsfTable(*axes, table.array(("RPSF",), axes, "sr-1"), is_pointlike=table.is_pointlike)
