"""Flux points with the other sources refitted in each bin: one small fit a point, slower than flux_points.py."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.estimate.scaled_source import ScaledSource
from gammapy_hli.engine.fit.compile import compile_bins
from gammapy_hli.engine.fit.likelihood import AnyDataset, Likelihood
from gammapy_hli.engine.fit.minimum import NO_COVARIANCE, Minimum
from gammapy_hli.engine.fit.minuit import minimize
from gammapy_hli.engine.fit.scan import stat_profile
from gammapy_hli.engine.models.nuisance import Nuisance
from gammapy_hli.engine.products.flux_points import SQRT_TS_THRESHOLD

Array = NDArray[np.float64]
RunMap = Callable[[Callable[[int], Any], Iterable[int]], Iterable[Any]]

SCALARS = ("norm", "norm_err", "norm_errp", "norm_errn", "norm_ul", "ts", "sqrt_ts", "stat", "stat_null")
MAX_DOUBLINGS = 40


@dataclass(frozen=True, eq=False)
class PointFit:
    """Fits all free parameters of ``models`` in the bins of one flux point; works in any process.

    Parameters
    ----------
    datasets : tuple of datasets
    models : sequence
        Sky models, the source of interest replaced by a ScaledSource.
    numbers : sequence of int arrays (ne,)
        For each dataset the point of each reconstructed bin.
    masks : sequence of bool arrays (ne,) or (ne, ny, nx)
        Bins that may be used.
    norms : array
        At which the statistic is recorded.
    n_sigma, n_sigma_ul : float
        Confidence of errors and of upper limits.
    nuisances : sequence of Nuisance
        Of the datasets, frozen.
    """

    datasets: Sequence[AnyDataset]
    models: Sequence[Any]
    numbers: Sequence[NDArray[np.intp]]
    masks: Sequence[NDArray[np.bool_]]
    norms: Array
    n_sigma: float
    n_sigma_ul: float
    nuisances: Sequence[Nuisance] = ()

    def __call__(self, point: int) -> dict[str, Any] | None:
        """Columns of the point of this number; None where it has no usable bins or its fit fails."""
        chosen = [
            mask & (number == point).reshape(-1, *[1] * (mask.ndim - 1))
            for mask, number in zip(self.masks, self.numbers, strict=True)
        ]
        if not any(mask.any() for mask in chosen):
            return None
        likelihood = compile_bins(self.datasets, self.models, chosen, nuisances=self.nuisances)
        best = minimize(likelihood)
        if not (best.success or best.status == NO_COVARIANCE):
            return None
        name = next(each.name for each in self.models if isinstance(each, ScaledSource)) + ".spectral.norm"
        return _row(likelihood, best, name, self.norms, self.n_sigma, self.n_sigma_ul)


def refit_norms(fit: PointFit, n_points: int, run_map: RunMap = map) -> dict[str, Any]:
    """Columns of flux points, with all free parameters fitted in the bins of each point.

    Parameters
    ----------
    fit : PointFit
    n_points : int
    run_map : callable
        Calls the fit on the number of every point and gives its answers in order: `map`, or one that has others work.
    """
    columns: dict[str, Any] = {key: np.full(n_points, np.nan) for key in SCALARS}
    columns["success"] = np.zeros(n_points, dtype=bool)
    columns["stat_scan"] = np.full((n_points, len(fit.norms)), np.nan)
    for key in ("npred", "npred_excess"):
        columns[key] = np.full((n_points, len(fit.datasets)), np.nan)
    for point, row in enumerate(run_map(fit, range(n_points))):
        for key, value in (row or {}).items():
            columns[key][point] = value
    columns["is_ul"] = columns["success"] & (columns["sqrt_ts"] < SQRT_TS_THRESHOLD)
    return columns


def _row(
    likelihood: Likelihood, best: Minimum, name: str, norms: Array, n_sigma: float, n_sigma_ul: float
) -> dict[str, Any]:
    place = likelihood.free.index(name)
    norm = best.theta[place]
    error = float(np.sqrt(best.covariance[place, place])) or np.nan
    null = float(stat_profile(likelihood, best, name, np.zeros(1)).stat[0])
    ts = max(null - best.stat, 0.0)
    up, down = (_distance(likelihood, best, name, norm, error, n_sigma, side) for side in (1, -1))
    sources = likelihood.npred_per_source(best.theta)
    signal, background = likelihood.npred(best.theta), likelihood.background(best.theta)
    used = {dataset.name: mask for dataset, mask in zip(likelihood.datasets, likelihood.masks, strict=True)}
    own = sources[name.removesuffix(".spectral.norm")]
    return {
        "norm": norm,
        "norm_err": error * n_sigma,
        "norm_errp": up,
        "norm_errn": down,
        "norm_ul": norm + _distance(likelihood, best, name, norm, error, n_sigma_ul, 1),
        "ts": ts,
        "sqrt_ts": np.sign(norm) * np.sqrt(ts),
        "stat": best.stat,
        "stat_null": null,
        "stat_scan": stat_profile(likelihood, best, name, norms).stat,
        "success": True,
        "npred": [float((signal[each] + background[each])[mask].sum()) for each, mask in used.items()],
        "npred_excess": [float(own[each][mask].sum()) for each, mask in used.items()],
    }


def _distance(
    likelihood: Likelihood, best: Minimum, name: str, norm: float, error: float, n_sigma: float, side: int
) -> float:
    """How far the norm can move to one side until the profile has grown by n_sigma^2; nan where it never does."""

    from scipy.optimize import brentq  # late: it takes long to load and only this option needs it

    def height(distance: float) -> float:
        profile = stat_profile(likelihood, best, name, np.array([norm + side * distance]))
        return float(profile.stat[0]) - best.stat - n_sigma**2

    step = n_sigma * (error if np.isfinite(error) else max(abs(norm), 0.1))
    for _ in range(MAX_DOUBLINGS):
        value = height(step)
        if not np.isfinite(value):
            return np.nan
        if value > 0:
            return float(brentq(height, 0.0, step, rtol=1e-6))
        step *= 2.0
    return np.nan
