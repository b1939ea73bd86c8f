"""How two columns of numbers go together: correlation coefficients with their chances."""

from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

EXACT_PAIRS = 7


class Correlation(NamedTuple):
    """Coefficients and the chance of one so large, of either sign, without any correlation; nan for under 3 pairs."""

    pearson: float
    pearson_p: float
    spearman: float
    spearman_p: float


def correlate(x: Array, y: Array) -> Correlation:
    """Correlation of the pairs (x, y) that are both finite: linear (Pearson), and of their ranks (Spearman).

    The chances come from Student's t with n - 2 degrees of freedom; of ranks of up to 7 pairs from all their orders.

    Examples
    --------
    >>> found = correlate(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 3.0, 2.0, 4.0]))
    >>> round(found.pearson, 3), round(found.spearman_p, 3)
    (0.8, 0.333)
    """
    good = np.isfinite(x) & np.isfinite(y)
    first, second = x[good], y[good]
    by_rank = _with_chance(_ranks(first), _ranks(second))
    if np.isfinite(by_rank[0]) and len(first) <= EXACT_PAIRS:
        by_rank = (by_rank[0], _exact_chance(_ranks(first), _ranks(second)))
    return Correlation(*_with_chance(first, second), *by_rank)


def _with_chance(x: Array, y: Array) -> tuple[float, float]:
    from scipy.special import stdtr  # late: scipy.special is needed here only

    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan, np.nan
    first, second = x - x.mean(), y - y.mean()
    r = float(np.clip(first @ second / np.sqrt((first @ first) * (second @ second)), -1.0, 1.0))
    dof = len(x) - 2
    if abs(r) == 1.0:
        return r, 0.0
    return r, float(2.0 * stdtr(dof, -abs(r) * np.sqrt(dof / (1.0 - r * r))))


def _exact_chance(x: Array, y: Array) -> float:
    """Part of all orders of y in which it goes with x as closely, up or down."""
    orders = np.array(list(permutations((y - y.mean()).tolist())))
    strength = np.abs(orders @ (x - x.mean()))
    return float(np.mean(strength >= strength[0] * (1 - 1e-12)))


def _ranks(values: Array) -> Array:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    mean: Array = (last - 0.5 * (count - 1))[place]
    return mean
