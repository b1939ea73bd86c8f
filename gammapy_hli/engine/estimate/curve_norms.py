"""The norms of a light curve, for intervals and for phases: all points at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.estimate.norm_bins import NormBins
from gammapy_hli.engine.estimate.norm_columns import norm_columns
from gammapy_hli.engine.stats.norm_solver import NormFit, solve_norms

Array = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]


def solve_curve(flat: NormBins, n_points: int, n_sigma: float, n_sigma_ul: float) -> tuple[NormFit, Columns]:
    """Best norm of each point, and all columns that the norm solver gives, (n_points,) each.

    The column ``exposure`` is the predicted counts at norm 1, still to be divided by the reference flux.
    """
    problems = flat.problems(n_points)
    best = solve_norms(problems)
    blank = np.where(best.success, 1.0, np.nan)
    excess = best.norm[flat.point] * flat.signal
    total = excess + flat.other
    return best, {
        **norm_columns(problems, best, n_sigma, n_sigma_ul),
        "exposure": flat.sum(flat.signal, n_points),
        "counts": np.rint(flat.sum(flat.counts, n_points)).astype(np.int64),
        "npred": flat.sum(total + flat.background(total), n_points) * blank,
        "npred_excess": flat.sum(excess, n_points) * blank,
    }


def constant_statistic(flat: NormBins, best: NormFit, n_energy: int) -> Array:
    """Statistic of one norm for all points of a band above that of a norm each, (n_energy,)."""
    used = best.success[flat.point]
    common = solve_norms(flat.take(flat.point % n_energy, used).problems(n_energy))
    single = np.where(best.success, best.stat, 0.0).reshape(-1, n_energy).sum(axis=0)
    return np.maximum(common.stat - single, 0.0)
