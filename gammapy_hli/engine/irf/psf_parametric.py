"""Point spread functions with closed forms, whose parameters depend on true energy and offset: 3 Gaussians, King.

The parameters are interpolated, each on its own, and extrapolated beyond their axes.
"""

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
from gammapy_hli.engine.irf.interpolate import ResponseGrid

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Parametric(Summary):
    """What the closed forms share: parameters on a grid of true energy and offset.

    Parameters
    ----------
    energy_true, offset : Axis
        Axes of these names.
    """

    energy_true: Axis
    offset: Axis

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """Axes in the order of the arrays."""
        return self.energy_true, self.offset

    def _check(self, **units: str) -> None:
        check_axes({"energy_true": self.energy_true, "offset": self.offset}, "psf")
        for name, unit in units.items():
            value = as_array(getattr(self, name), self.axes, unit, f"psf parameter {name}")
            object.__setattr__(self, name, value)

    def _grid(self, name: str, unit: str) -> ResponseGrid:
        values = getattr(self, name).astype(np.float64).to_value(unit)
        if unit == "rad":  # widths of 0 stand for components that are not there: any width will do
            values = np.where(values == 0, np.deg2rad(1.0), values)
        return ResponseGrid(self.axes, values)

    def _coordinates(self, energy_true: u.Quantity, offset: u.Quantity) -> tuple[Array, Array]:
        return energy_true.to_value(self.energy_true.unit), offset.to_value(self.offset.unit)

    def summary(self) -> dict[str, Any]:
        """Ranges of the axes."""
        low, high = self.energy_true.edges[[0, -1]]
        return {
            "energy_true": f"{low:.4g} to {high:.4g}, {self.energy_true.nbin} bins",
            "offset": f"up to {self.offset.edges[-1]:.4g}, {self.offset.nbin} bins",
        }


@dataclass(frozen=True, eq=False)
class Psf3Gauss(_Parametric):
    """Sum of three Gaussians, GADF class PSF_3GAUSS.

    value(r) = sum_i w_i / (2 pi sigma_i^2) exp(-r^2 / (2 sigma_i^2)) with weights w_i proportional to
    ampl_i sigma_i^2 (ampl_1 = 1) that sum to 1. The overall scale of the file cancels, but where it is 0 there is no
    PSF.

    Parameters
    ----------
    energy_true, offset : Axis
        Axes of these names.
    sigma_1, sigma_2, sigma_3 : Quantity, shape (energy_true, offset)
        Widths [deg]. A width of 0 marks a component that is not there.
    ampl_2, ampl_3 : array
        Heights relative to the first component.
    scale : Quantity
        Height of the first component [sr-1].
    is_pointlike : bool
        As in the header.
    """

    sigma_1: u.Quantity
    sigma_2: u.Quantity
    sigma_3: u.Quantity
    ampl_2: u.Quantity
    ampl_3: u.Quantity
    scale: u.Quantity
    is_pointlike: bool = False

    def __post_init__(self) -> None:
        self._check(sigma_1="deg", sigma_2="deg", sigma_3="deg", ampl_2="", ampl_3="", scale="sr-1")

    @classmethod
    def from_sigma(cls, energy_true: Axis, offset: Axis, sigma: u.Quantity) -> Psf3Gauss:
        """One Gaussian of a width [deg] that is a number or an array of the axes."""
        sigma = as_array(sigma, (energy_true, offset), "deg", "psf parameter sigma")
        nothing = np.zeros(sigma.shape)
        scale = 1 / (2 * np.pi * sigma.to_value("rad") ** 2) * u.Unit("sr-1")
        return cls(
            energy_true, offset, sigma, nothing * u.deg, nothing * u.deg, nothing * u.one, nothing * u.one, scale
        )

    def evaluate(self, energy_true: u.Quantity, rad: u.Quantity, offset: u.Quantity) -> u.Quantity:
        """Probability per solid angle [sr-1] at broadcast coordinates."""
        weights, variances = self._components(energy_true, offset)
        square = rad.to_value("rad") ** 2
        total = np.zeros(np.broadcast_shapes(square.shape, weights[0].shape))
        for w, v in zip(weights, variances, strict=True):
            if w.any():  # most files have one Gaussian
                part = square * (-0.5 / v)
                np.exp(part, out=part)
                part *= w / (2 * np.pi * v)
                total += part
        return total << u.Unit("sr-1")

    def containment(self, rad: u.Quantity, energy_true: u.Quantity, offset: u.Quantity) -> Array:
        """Fraction of photons within `rad` of the source: sum_i w_i (1 - exp(-rad^2 / (2 sigma_i^2)))."""
        weights, variances = self._components(energy_true, offset)
        square = rad.to_value("rad") ** 2
        total = sum(w * -np.expm1(-0.5 * square / v) for w, v in zip(weights, variances, strict=True))
        return np.asarray(total)

    def _components(self, energy_true: u.Quantity, offset: u.Quantity) -> tuple[list[Array], list[Array]]:
        """Weights and variances [rad2] of the three components."""
        where = self._coordinates(energy_true, offset)
        sigma_1, sigma_2, sigma_3, ampl_2, ampl_3, scale = (grid.interpolate(*where) for grid in self._grids)
        variances = [sigma_1**2, sigma_2**2, sigma_3**2]
        norms = [variances[0], ampl_2 * variances[1], ampl_3 * variances[2]]
        norms = [np.nan_to_num(norm, nan=0.0, posinf=0.0) for norm in norms]
        total = norms[0] + norms[1] + norms[2]
        known = (total > 0) & (scale > 0)
        return [np.where(known, norm / np.where(total > 0, total, 1.0), 0.0) for norm in norms], variances

    @cached_property
    def _grids(self) -> tuple[ResponseGrid, ...]:
        widths = [self._grid(name, "rad") for name in ("sigma_1", "sigma_2", "sigma_3")]
        return (*widths, self._grid("ampl_2", ""), self._grid("ampl_3", ""), self._grid("scale", "sr-1"))

    def to_hdu(self) -> fits.BinTableHDU:
        """GADF table; reading it gives the same response bit by bit."""
        names = ("scale", "sigma_1", "ampl_2", "sigma_2", "ampl_3", "sigma_3")
        columns = {name.upper(): getattr(self, name) for name in names}
        return make_hdu(self.axes, columns, ("RPSF", containment_class(self.is_pointlike), "PSF_3GAUSS"), "PSF")


@dataclass(frozen=True, eq=False)
class PsfKing(_Parametric):
    """King profile, GADF class PSF_KING.

    value(r) = 1 / (2 pi sigma^2) (1 - 1/gamma) (1 + r^2 / (2 gamma sigma^2))^(-gamma)

    Parameters
    ----------
    energy_true, offset : Axis
        Axes of these names.
    gamma : array, shape (energy_true, offset)
        Shape, > 1; the larger, the nearer to a Gaussian.
    sigma : Quantity, shape (energy_true, offset)
        Width [deg].
    is_pointlike : bool
        As in the header.
    """

    gamma: u.Quantity
    sigma: u.Quantity
    is_pointlike: bool = False

    def __post_init__(self) -> None:
        self._check(gamma="", sigma="deg")

    def evaluate(self, energy_true: u.Quantity, rad: u.Quantity, offset: u.Quantity) -> u.Quantity:
        """Probability per solid angle [sr-1] at broadcast coordinates; 0 where gamma is not above 0."""
        gamma, variance, base = self._profile(energy_true, rad, offset)
        value = (1 - 1 / gamma) / (2 * np.pi * variance) * base**-gamma
        return np.where(np.isfinite(value), value, 0.0) << u.Unit("sr-1")

    def containment(self, rad: u.Quantity, energy_true: u.Quantity, offset: u.Quantity) -> Array:
        """Fraction of photons within `rad` of the source: 1 - (1 + rad^2 / (2 gamma sigma^2))^(1 - gamma)."""
        gamma, _, base = self._profile(energy_true, rad, offset)
        value = 1 - base ** (1 - gamma)
        return np.where(np.isfinite(value), value, 0.0)

    def _profile(self, energy_true: u.Quantity, rad: u.Quantity, offset: u.Quantity) -> tuple[Array, Array, Array]:
        where = self._coordinates(energy_true, offset)
        gamma, sigma = (grid.interpolate(*where) for grid in self._grids)
        gamma = np.where(gamma > 0, gamma, np.nan)
        variance = sigma**2
        return gamma, variance, 1 + rad.to_value("rad") ** 2 / (2 * gamma * variance)

    @cached_property
    def _grids(self) -> tuple[ResponseGrid, ...]:
        return self._grid("gamma", ""), self._grid("sigma", "rad")

    def to_hdu(self) -> fits.BinTableHDU:
        """GADF table; reading it gives the same response bit by bit."""
        classes = ("RPSF", containment_class(self.is_pointlike), "PSF_KING")
        return make_hdu(self.axes, {"GAMMA": self.gamma, "SIGMA": self.sigma}, classes, "PSF")


def read_psf_3gauss(table: IrfTable) -> Psf3Gauss:
    """Three Gaussians from an opened GADF table."""
    axes = table.axis("energy_true"), table.axis("offset")
    units = {"SIGMA_1": "deg", "SIGMA_2": "deg", "SIGMA_3": "deg", "AMPL_2": "", "AMPL_3": "", "SCALE": "sr-1"}
    parameters = {name.lower(): table.array((name,), axes, unit) for name, unit in units.items()}
    return Psf3Gauss(*axes, **parameters, is_pointlike=table.is_pointlike)


def read_psf_king(table: IrfTable) -> PsfKing:
    """King profile from an opened GADF table."""
    axes = table.axis("energy_true"), table.axis("offset")
    gamma, sigma = table.array(("GAMMA",), axes, ""), table.array(("SIGMA",), axes, "deg")
    return PsfKing(*axes, gamma, sigma, is_pointlike=table.is_pointlike)
