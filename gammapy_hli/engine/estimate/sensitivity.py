"""The norm that would just be detected, from the expectation of the data (Asimov data), for many bins at once."""

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.stats.norm_solver import NormProblems
from gammapy_hli.engine.stats.significance import significance_cash
from gammapy_hli.engine.stats.wstat import WstatBins

Array = NDArray[np.float64]

MAX_ITERATIONS = 200
TOLERANCE = 1e-10


def norm_sensitivity(problems: NormProblems, n_sigma: float) -> Array:
    """Norm for which data equal to their expectation would have ``sqrt(TS) = n_sigma``.

    The expectation of a bin is the other signal, plus the background (cash), or alpha times the off counts (wstat).
    TS is the statistic at norm 0 of that expectation; it grows with the norm, and its root is found for all problems at
    once by doubling and then halving an interval.

    Returns
    -------
    norm : array (n_problems,)
        nan where no bin has a signal.

    References
    ----------
    Cowan et al. 2011, EPJC 71, 1554, section 3.
    """
    possible = problems.signal_sum() > 0
    low, high = np.zeros(problems.n_problems), np.ones(problems.n_problems)
    target = n_sigma**2
    for _ in range(MAX_ITERATIONS):
        short = possible & ~(_asimov_ts(problems, high) >= target)
        if not short.any():
            break
        low, high = np.where(short, high, low), np.where(short, 2.0 * high, high)
    found = possible & (_asimov_ts(problems, high) >= target)
    for _ in range(MAX_ITERATIONS):
        middle = 0.5 * (low + high)
        enough = _asimov_ts(problems, middle) >= target
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        if np.all(high - low <= TOLERANCE * high):
            break
    return np.where(found, high, np.nan)


def _asimov_ts(problems: NormProblems, norm: Array) -> Array:
    """TS against norm 0 of data equal to their expectation at ``norm``, (n_problems,)."""
    total = np.zeros(problems.n_problems)
    if len(problems.wstat_group):
        bins, other = problems.wstat, np.maximum(problems.wstat_offset, 0.0)
        on = bins.alpha * bins.n_off + other + norm[problems.wstat_group] * problems.wstat_signal
        ts = WstatBins(np.maximum(on, 0.0), bins.n_off, bins.alpha).stat(other)
        total += np.bincount(problems.wstat_group, ts, problems.n_problems)
    if len(problems.cash_group):
        null = np.maximum(problems.cash_offset, 1e-12)
        ts = significance_cash(null + norm[problems.cash_group] * problems.cash_signal, null) ** 2
        total += np.bincount(problems.cash_group, ts, problems.n_problems)
    return total
