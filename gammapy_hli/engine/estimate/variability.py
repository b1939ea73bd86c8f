"""How much a light curve varies: excess variance, Fvar, Fpp, doubling and halving times, test against a constant.

Plain arrays in, plain arrays out; axis 0 is time, further axes (energy bands) are kept. Points that are nan count as
not there. The product is `gammapy_hli.engine.products.variability.Variability`.
"""

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.fit.goodness import chi2_probability
from gammapy_hli.engine.products.variability import Variability

Array = NDArray[np.float64]

DOUBLING_SIGNIFICANCE = 3.0
"""Least significance of the change between two points that may give a doubling or halving time."""


def excess_variance(flux: Array, err: Array) -> tuple[Array, Array]:
    """Normalized excess variance ``(S^2 - <err^2>) / mean^2`` and its error; negative where there is only noise.

    S^2 is the variance of the sample; Vaughan et al. 2003, MNRAS 345, 1271, eqs 8 and 11.

    Parameters
    ----------
    flux, err : arrays (n_time, ...)

    Returns
    -------
    value, error : arrays (...)
        nan for fewer than two points.

    Examples
    --------
    >>> value, _ = excess_variance(np.array([1.0, 3.0]), np.array([0.5, 0.5]))
    >>> float(value)
    0.4375
    """
    mean, variance, noise, n = _moments(flux, err)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = (variance - noise) / mean**2
        return value, _error_of_excess(noise, mean, np.sqrt(np.abs(value)), n)


def fractional_variability(flux: Array, err: Array) -> tuple[Array, Array]:
    """Fvar, ``sqrt(|S^2 - <err^2>|) / mean``, and its error (Vaughan et al. 2003, eqs 10 and B2).

    Parameters
    ----------
    flux, err : arrays (n_time, ...)

    Returns
    -------
    value, error : arrays (...)
    """
    mean, variance, noise, n = _moments(flux, err)
    return _root_of_excess(variance, noise, mean, n)


def point_to_point_variability(flux: Array, err: Array) -> tuple[Array, Array]:
    """Fpp: as Fvar, with the mean square of the steps from one point to the next in place of the variance.

    The steps are those between neighbors that are there; their squares are not halved (Edelson et al. 2002, ApJ 568,
    610, eq 3, as gammapy 2.1 computes it).
    """
    mean, _, noise, n = _moments(flux, err)
    steps = _steps(flux)
    with np.errstate(divide="ignore", invalid="ignore"):
        square = np.nansum(steps**2, axis=0) / (n - 1)
    return _root_of_excess(square, noise, mean, n)


def doubling_times(
    flux: Array, err: Array, time: Array, min_significance: float = DOUBLING_SIGNIFICANCE
) -> tuple[Array, Array, Array, Array]:
    """Shortest times in which the flux doubles and halves, from neighboring points: ``dt / log2(f2 / f1)``.

    Where several pairs rise alike noise decides which is the shortest: with four pairs of neighbors in one exponential
    rise it is too short by 1.7 errors on average (tests/bench/check_light_curves.py), with one it is not.

    Parameters
    ----------
    flux, err : arrays (n_time, ...)
    time : array (n_time,)
        Middle of each point.
    min_significance : float
        Only pairs whose fluxes differ by this many errors count; with 0 noise decides, as in gammapy 2.1.

    Returns
    -------
    doubling, doubling_err, halving, halving_err : arrays (...)
        In the unit of ``time``; nan where no pair counts.
    """
    flux, err = np.atleast_1d(flux), np.atleast_1d(err)
    shape = flux.shape[1:]
    found = np.full((4, *shape), np.nan)
    for place in np.ndindex(*shape):
        column, error = flux[(slice(None), *place)], err[(slice(None), *place)]
        good = np.isfinite(column) & np.isfinite(error) & (column > 0)
        found[(slice(None), *place)] = _doubling_of_one(column[good], error[good], time[good], min_significance)
    return found[0], found[1], found[2], found[3]


def measure_variability(flux: Array, err: Array, time: Array, chi2: Array) -> Variability:
    """All numbers of a light curve, one of each a band.

    Parameters
    ----------
    flux, err : arrays (n_time, n_energy)
    time : array (n_time,) [s]
    chi2 : array (n_energy,)
        Statistic of a constant flux above that of the points: the estimator knows it from the likelihood.
    """
    n = np.isfinite(flux).sum(axis=0)
    chi2, dof, p_value = chance_of_more(chi2, n)
    mean = _moments(flux, err)[0]
    fvar, fvar_err = fractional_variability(flux, err)
    fpp, fpp_err = point_to_point_variability(flux, err)
    excess, excess_err = excess_variance(flux, err)
    doubling, doubling_err, halving, halving_err = doubling_times(flux, err, time)
    return Variability(
        n_points=n,
        mean_flux=mean,
        chi2=chi2,
        dof=dof,
        p_value=p_value,
        fvar=fvar,
        fvar_err=fvar_err,
        fpp=fpp,
        fpp_err=fpp_err,
        excess_variance=excess,
        excess_variance_err=excess_err,
        doubling_time=doubling,
        doubling_time_err=doubling_err,
        halving_time=halving,
        halving_time_err=halving_err,
    )


def chance_of_more(chi2: Array, n_points: NDArray[np.intp]) -> tuple[Array, NDArray[np.intp], Array]:
    """For a statistic against one constant: itself, degrees of freedom, and the chance of more from a constant.

    Statistic and chance are nan where there are fewer than two points.

    Examples
    --------
    >>> chi2, dof, p_value = chance_of_more(np.array([3.841]), np.array([2]))
    >>> dof.tolist(), p_value.round(3).tolist()
    ([1], [0.05])
    """
    dof = np.maximum(n_points - 1, 0)
    p_value = [chi2_probability(value, n) for value, n in zip(chi2.tolist(), dof.tolist(), strict=True)]
    return np.where(dof > 0, chi2, np.nan), dof, np.array(p_value)


def _moments(flux: Array, err: Array) -> tuple[Array, Array, Array, Array]:
    """Mean, variance of the sample, mean square error, number of points."""
    good = np.isfinite(flux) & np.isfinite(err)
    n = good.sum(axis=0).astype(float)
    values, errors = np.where(good, flux, 0.0), np.where(good, err, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = values.sum(axis=0) / n
        square = (np.where(good, flux - mean, 0.0) ** 2).sum(axis=0)
        return mean, square / (n - 1), (errors**2).sum(axis=0) / n, n


def _root_of_excess(square: Array, noise: Array, mean: Array, n: Array) -> tuple[Array, Array]:
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.sqrt(np.abs(square - noise)) / mean
        return value, _error_of_excess(noise, mean, value, n) / (2 * value)


def _error_of_excess(noise: Array, mean: Array, root: Array, n: Array) -> Array:
    """Error of the normalized excess variance, whose root is ``root``."""
    error: Array = np.hypot(np.sqrt(2 / n) * noise / mean**2, np.sqrt(noise / n) * 2 * root / mean)
    return error


def _steps(flux: Array) -> Array:
    """Differences of neighbors that are there, (n_time, ...), nan where there is no earlier one."""
    steps = np.full(flux.shape, np.nan)
    for place in np.ndindex(*flux.shape[1:]):
        column = flux[(slice(None), *place)]
        good = np.flatnonzero(np.isfinite(column))
        steps[(good[1:], *place)] = np.diff(column[good])
    return steps


def _doubling_of_one(flux: Array, err: Array, time: Array, min_significance: float) -> Array:
    first, second, e1, e2 = flux[:-1], flux[1:], err[:-1], err[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log2(second / first)
        needed = np.diff(time) / ratio
        error = np.abs(needed / ratio) / np.log(2) * np.hypot(e1 / first, e2 / second)
        is_real = np.isfinite(needed) & (np.abs(second - first) >= min_significance * np.hypot(e1, e2))
    found = np.full(4, np.nan)
    for k, sign in enumerate((1, -1)):
        times = np.where(is_real & (sign * needed > 0), sign * needed, np.inf)
        if len(times) and np.isfinite(times.min()):
            best = int(np.argmin(times))
            found[2 * k], found[2 * k + 1] = times[best], error[best]
    return found
