"""What the norm solver tells of many problems at once, as the columns that flux points and light curves share."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.products.flux_points import SQRT_TS_THRESHOLD
from gammapy_hli.engine.stats.norm_solver import NormFit, NormProblems, norm_at_delta


def norm_columns(problems: NormProblems, best: NormFit, n_sigma: float, n_sigma_ul: float) -> dict[str, NDArray[Any]]:
    """Norms with errors and limits, test statistics and flags, each of shape (n_problems,).

    Parameters
    ----------
    problems : NormProblems
    best : NormFit
        Their solution.
    n_sigma, n_sigma_ul : float
        Confidence of the errors and of the upper limits.
    """
    null = problems.stat(np.zeros(problems.n_problems)) * np.where(best.success, 1.0, np.nan)
    ts = np.maximum(null - best.stat, 0.0)
    sqrt_ts = np.sign(best.norm) * np.sqrt(ts)
    return {
        "norm": best.norm,
        "norm_err": best.err * n_sigma,
        "norm_errp": norm_at_delta(problems, best, n_sigma**2, 1) - best.norm,
        "norm_errn": best.norm - norm_at_delta(problems, best, n_sigma**2, -1),
        "norm_ul": norm_at_delta(problems, best, n_sigma_ul**2, 1),
        "ts": ts,
        "sqrt_ts": sqrt_ts,
        "is_ul": best.success & (sqrt_ts < SQRT_TS_THRESHOLD),
        "success": best.success,
        "stat": best.stat,
        "stat_null": null,
    }
