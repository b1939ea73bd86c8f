"""Headline numbers of a spectrum inside its safe range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
        sqrt_ts = np.nan if background is None else poisson_significance(n_on, expected)
        return SafeNumbers(int(n_on), 0, np.nan, expected, n_on - expected, sqrt_ts)
    n_off = float(counts_off[mask_safe].sum())
    if n_off > 0:
        mean_alpha = float((alpha * counts_off)[mask_safe].sum()) / n_off
    else:
        mean_alpha = float(alpha[mask_safe].mean()) if mask_safe.any() else np.nan
    sqrt_ts = li_ma_significance(n_on, n_off, mean_alpha)
    return SafeNumbers(int(n_on), int(n_off), mean_alpha, expected, n_on - expected, sqrt_ts)


def li_ma_significance(n_on: float, n_off: float, alpha: float) -> float:
    """Significance of an excess with measured background, Li & Ma eq. 17, with the sign of the excess."""
    total = n_on + n_off
    if not (alpha > 0) or total == 0:
        return float("nan")
    null_on, null_off = alpha * total / (1 + alpha), total / (1 + alpha)
    ts = 2 * (_times_log_ratio(n_on, null_on) + _times_log_ratio(n_off, null_off))
    return float(np.sign(n_on - alpha * n_off) * np.sqrt(max(ts, 0.0)))


def poisson_significance(n_on: float, background: float) -> float:
    """Significance of an excess over a known background, with the sign of the excess."""
    if not background > 0:
        return float("nan")
    ts = 2 * (_times_log_ratio(n_on, background) - (n_on - background))
    return float(np.sign(n_on - background) * np.sqrt(max(ts, 0.0)))


def _times_log_ratio(n: float, mu: float) -> float:
    return n * float(np.log(n / mu)) if n > 0 else 0.0
