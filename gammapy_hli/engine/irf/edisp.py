"""Energy dispersion by true energy, migration (reconstructed over true energy) and offset."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from numpy.typing import NDArray

from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.irf.gadf import IrfTable, as_array, check_axes, containment_class, file_label, make_hdu
from gammapy_hli.engine.irf.interpolate import ResponseGrid, inside
from gammapy_hli.engine.irf.pixel_weights import PixelWeights

Array = NDArray[np.float64]
SMALLEST = 1e-8  # entries of a kernel below this are 0


@dataclass(frozen=True, eq=False)
class EnergyDispersion(Summary):
    """Energy dispersion of one run, GADF class EDISP_2D.

    Parameters
    ----------
    energy_true, migra, offset : Axis
        Axes of these names.
    data : array, shape (energy_true, migra, offset)
        Probability density of migra.
    is_pointlike : bool
        Whether a cut on the distance from the source is included.
    rad_max : Quantity, optional
        Radius [deg] of that cut, where it is one number (RAD_MAX).
    """

    energy_true: Axis
    migra: Axis
    offset: Axis
    data: u.Quantity
    is_pointlike: bool = False
    rad_max: u.Quantity | None = None

    def __post_init__(self) -> None:
        named = {"energy_true": self.energy_true, "migra": self.migra, "offset": self.offset}
        check_axes(named, "energy dispersion")
        object.__setattr__(self, "data", as_array(self.data, self.axes, "", "energy dispersion"))

    @property
    def axes(self) -> tuple[Axis, Axis, Axis]:
        """Axes in the order of the array."""
        return self.energy_true, self.migra, self.offset

    def evaluate(self, energy_true: u.Quantity, migra: Any, offset: u.Quantity) -> Array:
        """Probability density of migra at broadcast coordinates.

        0 outside of the offsets, and where both energy and migra are outside; where only one of them is, the grid is
        extrapolated (as gammapy does, so that the edges of the energy range keep a response).
        """
        energy, theta = energy_true.to_value(self.energy_true.unit), offset.to_value(self.offset.unit)
        ratio = u.Quantity(migra).to_value("")
        values = self._grid.interpolate(energy, ratio, theta)
        known = (inside(self.energy_true, energy) | inside(self.migra, ratio)) & inside(self.offset, theta)
        return np.where(known & np.isfinite(values), values, 0.0)

    def kernel(self, energy_true: Axis, energy: Axis, offset: u.Quantity) -> Array:
        """Probability that a photon of a true energy bin is reconstructed in each energy bin.

        The density at the center of each true bin is normalized over migra, summed up to a cumulative distribution
        that is linear between the edges of migra, and differenced at the edges of the energy bins (NUMERICS B.7).

        Parameters
        ----------
        energy_true, energy : Axis
            Axes of the kernel.
        offset : Quantity, scalar or shape (...)
            Offset of the source.

        Returns
        -------
        array, shape (..., energy_true, energy)
            Rows sum to at most 1; entries below 1e-8 are 0.
        """
        theta = np.asarray(offset.to_value(self.offset.unit))
        weights = PixelWeights.at((self.offset,), theta)
        table = self._grid.tabulate(energy_true.center_value(self.energy_true.unit), None, None)
        migra = energy.edges_value("TeV") / energy_true.center_value("TeV")[:, None]
        kernel = np.zeros((theta.size, energy_true.nbin, energy.nbin))
        # sums over migra are linear in the density, so those of the nodes will do where nothing has to be clipped
        is_linear = weights.inside & weights.is_mean & bool((table >= 0).all())
        kernel[is_linear] = self._kernel_of_sums(table, weights.only(is_linear), migra)
        others = weights.inside & ~is_linear
        if others.any():
            kernel[others] = self._kernel_of_densities(table, weights.only(others), migra)
        kernel[kernel < SMALLEST] = 0.0
        return kernel.reshape(*theta.shape, *kernel.shape[1:])

    def _kernel_of_sums(self, table: Array, weights: PixelWeights, migra: Array) -> Array:
        """Kernels (n, nt, ne) from densities at nodes of offset, table (nt, nm, noff), at edges migra (nt, ne + 1)."""
        cumulative = cumulative_density(np.moveaxis(table, -1, 0), self.migra)
        steps = np.diff(cumulative_at(cumulative, migra, self.migra), axis=-1)
        sums = weights.places_first(np.moveaxis(steps, 0, -1))
        total = weights.places_first(np.moveaxis(cumulative[..., -1], 0, -1))[..., np.newaxis]
        return np.divide(sums, total, out=sums, where=total > 0)

    def _kernel_of_densities(self, table: Array, weights: PixelWeights, migra: Array) -> Array:
        """As `_kernel_of_sums`, with densities below zero, as from extrapolation, set to 0."""
        density = np.clip(weights.places_first(table), 0.0, None)
        density[~np.isfinite(density)] = 0.0
        cumulative = cumulative_density(density, self.migra)
        total = cumulative[..., -1:]
        sums = np.clip(np.diff(cumulative_at(cumulative, migra, self.migra), axis=-1), 0.0, None)
        return np.divide(sums, total, out=sums, where=total > 0)

    def to_hdu(self) -> fits.BinTableHDU:
        """GADF table; reading it gives the same response bit by bit."""
        return make_hdu(
            self.axes,
            {"MATRIX": self.data},
            ("EDISP", containment_class(self.is_pointlike), "EDISP_2D"),
            "ENERGY DISPERSION",
            RAD_MAX=None if self.rad_max is None else float(self.rad_max.to_value("deg")),
        )

    def summary(self) -> dict[str, Any]:
        """Ranges of the axes."""
        low, high = self.energy_true.edges[[0, -1]]
        return {
            "energy_true": f"{low:.4g} to {high:.4g}, {self.energy_true.nbin} bins",
            "migra": f"{self.migra.edges.value[0]:.4g} to {self.migra.edges.value[-1]:.4g}, {self.migra.nbin} bins",
            "offset": f"up to {self.offset.edges[-1]:.4g}, {self.offset.nbin} bins",
            "point-like": self.is_pointlike,
        }

    @cached_property
    def _grid(self) -> ResponseGrid:
        return ResponseGrid(self.axes, self.data.to_value(""))


def cumulative_density(density: Array, migra: Axis) -> Array:
    """Sums of a density (..., nt, nm) times step up to each edge of migra, shape (..., nt, nm + 1)."""
    cumulative = np.zeros((*density.shape[:-1], migra.nbin + 1))
    np.cumsum(density * migra.width.to_value(""), axis=-1, out=cumulative[..., 1:])
    return cumulative


def cumulative_at(cumulative: Array, places: Array, migra: Axis) -> Array:
    """Cumulative (..., nt, nm + 1) at places in migra (nt, ne), linear between edges, constant beyond them."""
    edges = migra.edges_value("")
    x = np.clip(places, edges[0], edges[-1])
    low = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(edges) - 2)
    fraction = (x - edges[low]) / (edges[low + 1] - edges[low])
    rows = np.arange(len(places))[:, None]
    below, above = cumulative[..., rows, low], cumulative[..., rows, low + 1]
    return below + fraction * (above - below)


def read_edisp(hdu: Any, file: str | Path | None = None) -> EnergyDispersion:
    """Energy dispersion from an astropy HDU; raises InputError where it is not one."""
    table = IrfTable(hdu, "edisp", file_label(file))
    axes = table.axis("energy_true"), table.axis("migra"), table.axis("offset")
    return EnergyDispersion(
        *axes,
        table.array(("MATRIX",), axes, ""),
        is_pointlike=table.is_pointlike,
        rad_max=table.keyword("RAD_MAX", unit="deg"),
    )
