"""Poisson likelihood of counts with a known expectation. Beside it: wstat (measured background)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

TRUNCATION = 1e-25
"""Smallest expectation that enters a logarithm; the value gammapy uses, so that empty predictions cost the same."""


def cash_terms(n_on: ArrayLike, mu: ArrayLike) -> tuple[Array, Array, Array]:
    """Cash statistic of each bin with its first two derivatives.

    ``C = 2 (mu - n ln mu)`` with mu not below 1e-25 and without the constant ``ln n!``.

    Parameters
    ----------
    n_on : array
        Counts.
    mu : array
        Expected counts (signal and background), any shape that broadcasts with ``n_on``.

    Returns
    -------
    stat, first, second : arrays
        C, dC/dmu and d2C/dmu2. Below the truncation the statistic is constant and both derivatives are zero.

    References
    ----------
    Cash 1979, ApJ 228, 939, equation 5.

    Examples
    --------
    >>> stat, first, second = cash_terms(4.0, 2.0)
    >>> float(first), float(second)
    (-2.0, 2.0)
    """
    n_on = np.asarray(n_on, dtype=float)
    mu = np.asarray(mu, dtype=float)
    kept = np.maximum(mu, TRUNCATION)
    inside = mu > TRUNCATION
    ratio = n_on / kept
    return 2.0 * (kept - n_on * np.log(kept)), 2.0 * (1.0 - ratio) * inside, 2.0 * ratio / kept * inside


def cash(n_on: ArrayLike, mu: ArrayLike) -> tuple[Array, Array]:
    """Cash statistic of each bin and its derivative with respect to the expected counts, see `cash_terms`.

    Examples
    --------
    >>> stat, slope = cash([3.0, 0.0], [3.0, 2.0])
    >>> slope.tolist()
    [0.0, 2.0]
    """
    return cash_terms(n_on, mu)[:2]


def cash_saturated(n_on: ArrayLike) -> Array:
    """Cash statistic of a model that predicts each count exactly, ``2 (n - n ln n)``: the smallest value it can have.

    Examples
    --------
    >>> float(cash_saturated(0.0)), float(cash_saturated(1.0))
    (0.0, 2.0)
    """
    n_on = np.asarray(n_on, dtype=float)
    return 2.0 * n_on * (1.0 - np.log(np.where(n_on > 0, n_on, 1.0)))


def cash_deviance(n_on: ArrayLike, mu: ArrayLike) -> Array:
    """Cash statistic above the saturated model: zero at mu = n, distributed like chi2 for large counts.

    Examples
    --------
    >>> float(cash_deviance(5.0, 5.0))
    0.0
    """
    return np.maximum(cash_terms(n_on, mu)[0] - cash_saturated(n_on), 0.0)
