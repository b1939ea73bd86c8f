"""Excess and significance run after run: what the data say when they are added up in order."""

from collections.abc import Iterable
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.stats.significance import significance_cash, significance_wstat

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cumulative:
    """Sums over the first 1, 2, ... n datasets, inside their safe ranges.

    Attributes
    ----------
    livetime : Quantity, shape (n,) [h]
    n_on, background, excess : ndarray, shape (n,)
    excess_error : ndarray, shape (n,)
        sqrt(n_on + sum alpha² n_off); the second term is absent where the background is known.
    sqrt_ts : ndarray, shape (n,)
        Significance of the sums (Li & Ma 1983, eq. 17, with the mean alpha; likelihood ratio for a known background);
        nan where there is no background to compare with.
    """

    livetime: u.Quantity
    n_on: Array
    background: Array
    excess: Array
    excess_error: Array
    sqrt_ts: Array


def estimate_cumulative(datasets: Iterable[SpectrumDataset]) -> Cumulative:
    """Add datasets up in order.

    Parameters
    ----------
    datasets : iterable of SpectrumDataset
        All of one statistic.
    """
    infos = [dataset.info() for dataset in datasets]
    n_on, background = (_running(infos, key) for key in ("n_on_safe", "background"))
    hours = np.cumsum([info["livetime"].to_value("h") for info in infos])
    if all(info["n_off_safe"] is not None for info in infos):
        n_off = _running(infos, "n_off_safe")
        variance = np.cumsum([(info["alpha"] or 0.0) ** 2 * info["n_off_safe"] for info in infos])
        mean_alpha = np.divide(background, n_off, out=_mean_alpha(infos), where=n_off > 0)
        sqrt_ts = significance_wstat(n_on, n_off, mean_alpha)
    else:
        variance = np.zeros(len(infos))
        sqrt_ts = np.full(len(infos), np.nan)
        known = background > 0
        sqrt_ts[known] = significance_cash(n_on[known], background[known])
    return Cumulative(u.Quantity(hours, "h"), n_on, background, n_on - background, np.sqrt(n_on + variance), sqrt_ts)


def _running(infos: list[dict], key: str) -> Array:
    return np.cumsum([float(info[key] or 0.0) for info in infos])


def _mean_alpha(infos: list[dict]) -> Array:
    """Where nothing was counted off: the plain mean of the alphas so far."""
    alphas = np.nan_to_num([info["alpha"] for info in infos])
    return np.cumsum(alphas) / np.arange(1, len(infos) + 1)
