"""Headline numbers of a dataset, spectrum or maps, inside its safe range, and the words that describe it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.units import Quantity

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


def table_numbers(dataset: Any, n_on: float, safe: SafeNumbers) -> dict[str, Any]:
    """The numbers of a dataset for the table of runs; those of off counts are None."""
    return {
        "livetime": dataset.livetime,
        "n_on": int(n_on),
        "n_off": None,
        "n_on_safe": safe.n_on,
        "n_off_safe": None,
        "alpha": None,
        "excess": safe.excess,
        "sqrt_ts": safe.sqrt_ts,
        "energy_threshold": dataset.energy_threshold,
        "background": safe.background,
        "statistic": dataset.statistic,
    }


def off_numbers(counts_off: np.ndarray | None, safe: SafeNumbers) -> dict[str, Any]:
    """Those of the numbers that off counts give."""
    return {
        "n_off": 0 if counts_off is None else int(counts_off.sum(dtype=np.float64)),
        "n_off_safe": safe.n_off,
        "alpha": safe.alpha,
        "excess": safe.excess,
        "sqrt_ts": safe.sqrt_ts,
    }


def described(dataset: Any, mask_safe: np.ndarray) -> dict[str, str]:
    """Runs, axes and safe bins in words."""
    return {
        "observations": ", ".join(map(str, dataset.obs_ids)) or "unknown",
        **{name: _axis_words(getattr(dataset, name)) for name in ("energy", "energy_true")},
        "safe_bins": f"{int(mask_safe.sum())} of {mask_safe.size}",
    }


def number_words(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the numbers that are known, with six digits."""
    known = {name: value for name, value in numbers.items() if value is not None}
    return {name: f"{value:.6g}" if isinstance(value, float | Quantity) else value for name, value in known.items()}


def _axis_words(axis: Any) -> str:
    return f"{axis.edges[0]:.4g} to {axis.edges[-1]:.4g}, {axis.nbin} bins"
