"""Effective area by true energy and offset."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from astropy import units as u
from astropy.io import fits

from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.irf.gadf import IrfTable, as_array, check_axes, containment_class, file_label, make_hdu
from gammapy_hli.engine.irf.interpolate import ResponseGrid


@dataclass(frozen=True, eq=False)
class EffectiveArea(Summary):
    """Effective area of one run, GADF class AEFF_2D.

    Parameters
    ----------
    energy_true, offset : Axis
        Axes of these names.
    data : Quantity, shape (energy_true, offset)
        Effective area [m2].
    is_pointlike : bool
        Whether a cut on the distance from the source is included.
    energy_min, energy_max : Quantity, optional
        Range in which the maker of the file trusts it (LO_THRES, HI_THRES).
    rad_max : Quantity, optional
        Radius [deg] of the cut of a point-like response, where it is one number (RAD_MAX).

    Examples
    --------
    >>> energy = Axis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=4, name="energy_true")
    >>> offset = Axis.from_edges([0, 1, 2] * u.deg, name="offset", interp="lin")
    >>> aeff = EffectiveArea(energy, offset, 1e5 * u.m**2)
    >>> aeff.evaluate(1 * u.TeV, 0.5 * u.deg)
    <Quantity 100000. m2>
    """

    energy_true: Axis
    offset: Axis
    data: u.Quantity
    is_pointlike: bool = False
    energy_min: u.Quantity | None = None
    energy_max: u.Quantity | None = None
    rad_max: u.Quantity | None = None

    def __post_init__(self) -> None:
        check_axes({"energy_true": self.energy_true, "offset": self.offset}, "effective area")
        object.__setattr__(self, "data", as_array(self.data, self.axes, "m2", "effective area"))

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """Axes in the order of the array."""
        return self.energy_true, self.offset

    @property
    def thresholds(self) -> tuple[u.Quantity | None, u.Quantity | None]:
        """Lowest and highest energy that the file declares safe (LO_THRES, HI_THRES), None where it is silent."""
        return self.energy_min, self.energy_max

    def evaluate(self, energy_true: u.Quantity, offset: u.Quantity) -> u.Quantity:
        """Effective area [m2] at broadcast energies and offsets; 0 outside of the axes."""
        values = self._grid.evaluate(energy_true.to_value(self.energy_true.unit), offset.to_value(self.offset.unit))
        return values << u.m**2

    def to_hdu(self) -> fits.BinTableHDU:
        """GADF table; reading it gives the same response bit by bit."""
        return make_hdu(
            self.axes,
            {"EFFAREA": self.data},
            ("EFF_AREA", containment_class(self.is_pointlike), "AEFF_2D"),
            "EFFECTIVE AREA",
            LO_THRES=None if self.energy_min is None else float(self.energy_min.to_value("TeV")),
            HI_THRES=None if self.energy_max is None else float(self.energy_max.to_value("TeV")),
            RAD_MAX=None if self.rad_max is None else float(self.rad_max.to_value("deg")),
        )

    def summary(self) -> dict[str, Any]:
        """Ranges of the axes and largest value."""
        low, high = self.energy_true.edges[[0, -1]]
        return {
            "energy_true": f"{low:.4g} to {high:.4g}, {self.energy_true.nbin} bins",
            "offset": f"up to {self.offset.edges[-1]:.4g}, {self.offset.nbin} bins",
            "largest": f"{self.data.max().to('m2'):.4g}",
            "point-like": self.is_pointlike,
        }

    @cached_property
    def _grid(self) -> ResponseGrid:
        return ResponseGrid(self.axes, self.data.to_value("m2"))


def read_aeff(hdu: Any, file: str | Path | None = None) -> EffectiveArea:
    """Effective area from an astropy HDU; raises InputError where it is not one."""
    table = IrfTable(hdu, "aeff", file_label(file))
    axes = table.axis("energy_true"), table.axis("offset")
    return EffectiveArea(
        *axes,
        table.array(("EFFAREA", "EFFECTIVE_AREA"), axes, "m2"),
        is_pointlike=table.is_pointlike,
        energy_min=table.keyword("LO_THRES", unit="TeV"),
        energy_max=table.keyword("HI_THRES", unit="TeV"),
        rad_max=table.keyword("RAD_MAX", unit="deg"),
    )
