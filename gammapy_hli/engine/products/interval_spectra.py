"""Spectra of the intervals of a light curve, frozen: the free spectral parameters with errors, one row an interval."""

from dataclasses import dataclass
from typing import Any, ClassVar

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.products.column_table import ColumnTable

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class IntervalSpectra(ColumnTable):
    """Free spectral parameters of a source, fitted in each interval of time.

    Attributes
    ----------
    interval : str array (n_time,)
    time_min, time_max : arrays (n_time,) [MJD, TT]
    value, error : arrays (n_time, n_parameter)
        nan where the fit failed.
    flux, flux_err : arrays (n_time,) [cm-2 s-1]
        Between e_min and e_max, the error with the whole covariance.
    flux_correlation : array (n_time, n_parameter)
        Correlation of the errors of each parameter and of the flux inside one fit.
    stat : array (n_time,)
    success : bool array (n_time,)
    status : str array (n_time,)
        Blank, or why there is no spectrum.
    parameters, units : tuples of str (n_parameter,)
    e_min, e_max : float [TeV]
        Range of `flux`.
    n_correlated : int
        Intervals that enter the correlations.
    pearson, pearson_p, spearman, spearman_p : arrays (n_parameter,)
        Correlation of each parameter with the flux over the intervals, and the chance of more without any.
    """

    hdu_name: ClassVar[str] = "SPECTRA"
    columns: ClassVar[dict[str, str | None]] = {
        "interval": None, "time_min": None, "time_max": None, "value": None, "error": None, "flux": "cm-2 s-1",
        "flux_err": "cm-2 s-1", "flux_correlation": None, "stat": None, "success": None, "status": None,
    }  # fmt: skip
    arrays: ClassVar[tuple[str, ...]] = ("pearson", "pearson_p", "spearman", "spearman_p")

    interval: NDArray[np.str_]
    time_min: Array
    time_max: Array
    value: Array
    error: Array
    flux: Array
    flux_err: Array
    flux_correlation: Array
    stat: Array
    success: NDArray[np.bool_]
    status: NDArray[np.str_]
    parameters: tuple[str, ...]
    units: tuple[str, ...]
    e_min: float
    e_max: float
    n_correlated: int
    pearson: Array
    pearson_p: Array
    spearman: Array
    spearman_p: Array

    def place(self, name: str) -> int:
        """Number of a parameter; InputError where it is not free."""
        if name not in self.parameters:
            free = ", ".join(self.parameters)
            raise InputError(f"no free parameter '{name}'.{did_you_mean(name, self.parameters)} Free: {free}")
        return self.parameters.index(name)

    def quantity(self, name: str) -> tuple[u.Quantity, u.Quantity]:
        """Values and errors of a parameter, (n_time,) each."""
        k = self.place(name)
        return u.Quantity(self.value[:, k], self.units[k]), u.Quantity(self.error[:, k], self.units[k])

    def summary(self) -> dict[str, Any]:
        rows = {
            name: f"correlation with the flux {r:.2f} (p {p:.2g}), by rank {s:.2f} (p {q:.2g})"
            for name, r, p, s, q in zip(
                self.parameters, self.pearson, self.pearson_p, self.spearman, self.spearman_p, strict=True
            )
        }
        return {"intervals": f"{len(self)}, {int(self.success.sum())} of them with a spectrum", **rows}
