"""Headline numbers of a spectrum inside its safe range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gammapy_hli.engine.stats.significance import significance_cash, significance_wstat


@dataclass(frozen=True)
class SafeNumbers:
    """Sums over the safe bins; sqrt_ts is nan where there is nothing to compare the counts with."""

    n_on: int
    n_off: int
    alpha: float
    background: float
    excess: float
    sqrt_ts: float


def safe_numbers(
    counts: np.ndarray,
    mask_safe: np.ndarray,
    background: np.ndarray | None,
    counts_off: np.ndarray | None = None,
    alpha: np.ndarray | None = None,
) -> SafeNumbers:
    """Sum a spectrum over its safe bins.

    alpha = sum(alpha_i n_off_i) / sum(n_off_i), the mean alpha where there are no off counts; significance after
    Li & Ma 1983, ApJ 272, 317, eq. 17 with off counts, else the Poisson likelihood ratio of a known background.

    Parameters
    ----------
    counts, background, counts_off, alpha : ndarray, shape (ne,), or None
    mask_safe : ndarray of bool, shape (ne,)
    """
    n_on = float(counts[mask_safe].sum())
    expected = 0.0 if background is None else float(background[mask_safe].sum())
    if counts_off is None or alpha is None:
        sqrt_ts = float(significance_cash(n_on, expected)) if expected > 0 else np.nan
        return SafeNumbers(int(n_on), 0, np.nan, expected, n_on - expected, sqrt_ts)
    n_off = float(counts_off[mask_safe].sum())
    if n_off > 0:
        mean_alpha = float((alpha * counts_off)[mask_safe].sum()) / n_off
    else:
        mean_alpha = float(alpha[mask_safe].mean()) if mask_safe.any() else np.nan
    sqrt_ts = float(significance_wstat(n_on, n_off, mean_alpha)) if mean_alpha > 0 else np.nan
    return SafeNumbers(int(n_on), int(n_off), mean_alpha, expected, n_on - expected, sqrt_ts)
