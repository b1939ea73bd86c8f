"""A light curve folded with an ephemeris, frozen."""

from dataclasses import dataclass
from typing import Any, ClassVar

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.products.column_table import ColumnTable

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class FoldedCurve(ColumnTable):
    """Flux of a source in bins of phase and bands of energy, as factors on a reference spectrum.

    Attributes
    ----------
    phase_min, phase_max : arrays (n_phase,)
        Edges of the bins; those beyond 1 (or below 0) belong to the turn after (or before).
    n_intervals : int array (n_phase,)
        Intervals of the light curve in each bin.
    livetime : array (n_phase,) [s]
    norm, norm_err, norm_errp, norm_errn, norm_ul, ts, sqrt_ts, stat, stat_null, is_ul, success, exposure, counts, \
npred, npred_excess
        Arrays (n_phase, n_energy), see `LightCurve`.
    e_min, e_max, ref_flux : arrays (n_energy,) [TeV, TeV, cm-2 s-1]
    chi2, dof, p_value : arrays (n_energy,)
        Likelihood ratio of one constant flux in all phases, and the chance of more.
    epoch_mjd, epoch_scale, frequency, f1, f2, phase0, barycenter
        The ephemeris [MJD, scale, Hz, Hz s-1, Hz s-2, 1], and whether times were corrected to the barycenter.
    """

    hdu_name: ClassVar[str] = "FOLDED"
    columns: ClassVar[dict[str, str | None]] = {
        "phase_min": None, "phase_max": None, "n_intervals": None, "livetime": "s", "norm": None, "norm_err": None,
        "norm_errp": None, "norm_errn": None, "norm_ul": None, "ts": None, "sqrt_ts": None, "stat": None,
        "stat_null": None, "is_ul": None, "success": None, "exposure": "m2 s", "counts": None, "npred": None,
        "npred_excess": None,
    }  # fmt: skip
    arrays: ClassVar[tuple[str, ...]] = ("e_min", "e_max", "ref_flux", "chi2", "dof", "p_value")

    phase_min: Array
    phase_max: Array
    n_intervals: NDArray[np.int64]
    livetime: Array
    norm: Array
    norm_err: Array
    norm_errp: Array
    norm_errn: Array
    norm_ul: Array
    ts: Array
    sqrt_ts: Array
    stat: Array
    stat_null: Array
    is_ul: NDArray[np.bool_]
    success: NDArray[np.bool_]
    exposure: Array
    counts: NDArray[np.int64]
    npred: Array
    npred_excess: Array
    e_min: Array
    e_max: Array
    ref_flux: Array
    chi2: Array
    dof: NDArray[np.int64]
    p_value: Array
    epoch_mjd: float
    epoch_scale: str
    frequency: float
    f1: float
    f2: float
    phase0: float
    barycenter: bool

    def quantity(self, what: str = "") -> u.Quantity:
        """Flux of the bands, (n_phase, n_energy), or with "_err", "_errp", "_errn", "_ul" what belongs to it."""
        return u.Quantity(getattr(self, f"norm{what}") * self.ref_flux, "cm-2 s-1")

    @property
    def flux(self) -> u.Quantity:
        """Flux of the bands, (n_phase, n_energy)."""
        return self.quantity()

    @property
    def flux_err(self) -> u.Quantity:
        """Symmetric error of `flux`."""
        return self.quantity("_err")

    @property
    def flux_ul(self) -> u.Quantity:
        """Upper limit of `flux`."""
        return self.quantity("_ul")

    def summary(self) -> dict[str, Any]:
        bands = {
            f"{low:.3g} to {high:.3g} TeV": f"chi2 {chi2:.1f} for {dof:.0f} d.o.f., p {p:.2g}"
            for low, high, chi2, dof, p in zip(self.e_min, self.e_max, self.chi2, self.dof, self.p_value, strict=True)
        }
        turn = f"{1 / self.frequency:.9g} s at MJD {self.epoch_mjd:.6f} ({self.epoch_scale})"
        return {"phase bins": len(self), "period": turn, "intervals": int(self.n_intervals.sum()), **bands}
