"""How much each band of a light curve varies: the numbers, frozen, and their places in files."""

import math
from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from gammapy_hli.engine.products.frozen_arrays import frozen, same

Array = NDArray[np.float64]

VARIABILITY_HDU = "VARIABILITY"
#: Field of Variability -> (keyword before the number of the band, unit, words).
NUMBERS: dict[str, tuple[str, str | None, str]] = {
    "n_points": ("NPTS", None, "points that have a flux"),
    "mean_flux": ("FMEAN", "cm-2 s-1", "mean flux"),
    "chi2": ("CHI2", None, "against a constant"),
    "dof": ("NDOF", None, "degrees of freedom"),
    "p_value": ("PVAL", None, "of a constant"),
    "fvar": ("FVAR", None, "fractional variability"),
    "fvar_err": ("FVARE", None, "its error"),
    "fpp": ("FPP", None, "point-to-point variability"),
    "fpp_err": ("FPPE", None, "its error"),
    "excess_variance": ("XVAR", None, "normalized excess variance"),
    "excess_variance_err": ("XVARE", None, "its error"),
    "doubling_time": ("TDBL", "s", "shortest doubling time"),
    "doubling_time_err": ("TDBLE", "s", "its error"),
    "halving_time": ("THLV", "s", "shortest halving time"),
    "halving_time_err": ("THLVE", "s", "its error"),
}


@dataclass(frozen=True, eq=False)
class Variability:
    """How much each band varies; arrays (n_energy,), nan where a number is not defined.

    Attributes
    ----------
    n_points : int array
        Intervals with a flux.
    mean_flux : array [cm-2 s-1]
        Mean without weights.
    chi2, p_value : arrays
        Statistic of one constant flux in all intervals above that of the fluxes one by one (a likelihood ratio, which
        follows chi2 down to some ten counts), and the chance of more from a constant source.
    dof : int array
        n_points - 1.
    fvar, fpp, excess_variance and their errors : arrays
        See `gammapy_hli.engine.estimate.variability`.
    doubling_time, halving_time and their errors : arrays [s]
        Shortest ones between neighbors that differ significantly.
    """

    n_points: NDArray[np.int64]
    mean_flux: Array
    chi2: Array
    dof: NDArray[np.int64]
    p_value: Array
    fvar: Array
    fvar_err: Array
    fpp: Array
    fpp_err: Array
    excess_variance: Array
    excess_variance_err: Array
    doubling_time: Array
    doubling_time_err: Array
    halving_time: Array
    halving_time_err: Array

    def __post_init__(self) -> None:
        for name in NUMBERS:
            values = frozen(getattr(self, name), np.int64 if name in ("n_points", "dof") else np.float64)
            object.__setattr__(self, name, values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Variability):
            return NotImplemented
        return all(same(getattr(self, name), getattr(other, name)) for name in NUMBERS)

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, list[float]]:
        """Plain lists, one entry a band."""
        return {name: getattr(self, name).tolist() for name in NUMBERS}

    def cards(self) -> dict[str, Any]:
        """The numbers of each band for the header of the table, for readers; all digits are in an HDU of their own."""
        cards: dict[str, Any] = {}
        for name, (keyword, _, words) in NUMBERS.items():
            for band, value in enumerate(getattr(self, name).tolist(), start=1):
                card = f"{keyword}{band}"
                if math.isfinite(value) and len(card) <= 8:
                    cards[card] = (value, words)
        return cards

    def to_hdu(self, e_min: Array, e_max: Array) -> fits.BinTableHDU:
        """One row a band with its edges [TeV]."""
        table = Table({"e_min": u.Quantity(e_min, "TeV"), "e_max": u.Quantity(e_max, "TeV")})
        for name, (_, unit, _) in NUMBERS.items():
            values = getattr(self, name)
            table[name] = values if unit is None else u.Quantity(values, unit)
        return fits.BinTableHDU(table, name=VARIABILITY_HDU)
