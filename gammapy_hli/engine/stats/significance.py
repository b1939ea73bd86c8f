"""Significance and errors of an excess of counts, without a source model; built on cash, wstat and norm_solver."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gammapy_hli.engine.stats.cash import cash_deviance
from gammapy_hli.engine.stats.norm_solver import NormProblems, norm_at_delta, solve_norms
from gammapy_hli.engine.stats.wstat import WstatBins

Array = NDArray[np.float64]


def significance_wstat(n_on: ArrayLike, n_off: ArrayLike, alpha: ArrayLike) -> Array:
    """Li & Ma significance of an excess over a measured background, negative for a deficit.

    ``S^2 = 2 [n ln(n (1 + a) / (a (n + m))) + m ln(m (1 + a) / (n + m))]``, the W statistic without signal.
    Zero where alpha is not positive or nothing was counted.

    References
    ----------
    Li & Ma 1983, ApJ 272, 317, equation 17.

    Examples
    --------
    >>> round(float(significance_wstat(18, 97, 0.5)), 6)
    -4.292225
    """
    n_on, n_off, alpha = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (n_on, n_off, alpha)))
    is_defined = np.isfinite(alpha) & (alpha > 0)
    alpha = np.where(is_defined, alpha, 1.0)
    stat = WstatBins(n_on, n_off, alpha).stat(np.zeros(n_on.shape))
    root = np.sign(n_on - alpha * n_off) * np.sqrt(np.maximum(stat, 0.0))
    return np.where(is_defined, root, 0.0)


def significance_cash(n_on: ArrayLike, mu_bkg: ArrayLike) -> Array:
    """Significance of an excess over a known background, ``sign(n - b) sqrt(2 [b - n + n ln(n / b)])``.

    References
    ----------
    Cash 1979, ApJ 228, 939; Cowan et al. 2011, EPJC 71, 1554, equation 97.

    Examples
    --------
    >>> round(float(significance_cash(25, 16)), 4)
    2.0771
    """
    n_on, mu_bkg = np.asarray(n_on, dtype=float), np.asarray(mu_bkg, dtype=float)
    return np.sign(n_on - mu_bkg) * np.sqrt(cash_deviance(n_on, mu_bkg))


def excess_error_wstat(n_on: ArrayLike, n_off: ArrayLike, alpha: ArrayLike) -> Array:
    """Symmetric error of the excess ``n - alpha m``, ``sqrt(n + alpha^2 m)``.

    Examples
    --------
    >>> float(excess_error_wstat(9, 100, 0.4))
    5.0
    """
    return np.sqrt(np.asarray(n_on, dtype=float) + np.asarray(alpha, dtype=float) ** 2 * np.asarray(n_off, dtype=float))


def excess_interval_wstat(
    n_on: ArrayLike, n_off: ArrayLike, alpha: ArrayLike, n_sigma: float = 1.0
) -> tuple[Array, Array]:
    """Distances down and up from the excess to where the W statistic has grown by ``n_sigma**2``.

    Returns
    -------
    errn, errp : arrays
        Positive distances; nan where the statistic never grows that far. ``excess + errp`` at 2 sigma is the usual
        upper limit.

    Examples
    --------
    >>> down, up = excess_interval_wstat(0, 0, 0.5, n_sigma=2)
    >>> round(float(up), 6)  # W = 2 mu reaches 4
    2.0
    """
    n_on, n_off, alpha = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (n_on, n_off, alpha)))
    flat = WstatBins(n_on.ravel(), n_off.ravel(), alpha.ravel())
    problems = NormProblems.from_wstat(n_on.size, np.arange(n_on.size), np.ones(n_on.size), flat)
    return _interval(problems, n_sigma, n_on.shape)


def excess_interval_cash(n_on: ArrayLike, mu_bkg: ArrayLike, n_sigma: float = 1.0) -> tuple[Array, Array]:
    """Distances down and up from the excess ``n - b`` to where the Cash statistic has grown by ``n_sigma**2``.

    Examples
    --------
    >>> down, up = excess_interval_cash(0, 0.0, n_sigma=2)
    >>> round(float(up), 6)
    2.0
    """
    n_on, mu_bkg = np.broadcast_arrays(np.asarray(n_on, dtype=float), np.asarray(mu_bkg, dtype=float))
    ones = np.ones(n_on.size)
    problems = NormProblems.from_cash(n_on.size, np.arange(n_on.size), ones, n_on.ravel(), mu_bkg.ravel())
    return _interval(problems, n_sigma, n_on.shape)


def _interval(problems: NormProblems, n_sigma: float, shape: tuple[int, ...]) -> tuple[Array, Array]:
    best = solve_norms(problems)
    low = norm_at_delta(problems, best, n_sigma**2, side=-1)
    high = norm_at_delta(problems, best, n_sigma**2, side=1)
    return (best.norm - low).reshape(shape), (high - best.norm).reshape(shape)
