"""Integrals of curves that are nearly power laws: the trapezoidal rule in log-log coordinates, with its derivative."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["LogLogGrid", "expm1_ratio", "expm1_ratio_and_slope", "trapz_loglog"]

FloatArray = NDArray[np.float64]

_NODES_PER_DECADE = 100  # gammapy's density of nodes, which its integrals of curved models depend on
_SMALL = 1e-4  # below this the series is better than the quotient
_LARGE = 600.0  # above this exp comes near overflow


def expm1_ratio(z: FloatArray) -> FloatArray:
    """φ(z) = (exp(z) - 1) / z, which is 1 at z = 0."""
    if np.abs(z).min(initial=1.0) > 0:
        return np.expm1(z) / z
    safe = np.where(z == 0, 1.0, z)
    return np.where(z == 0, 1.0, np.expm1(safe) / safe)


def expm1_ratio_and_slope(z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """φ(z) = (exp(z) - 1) / z and its derivative φ'(z) = (exp(z) - φ) / z, which is 1/2 at z = 0."""
    ratio = expm1_ratio(z)
    if np.abs(z).min(initial=1.0) > _SMALL:
        return ratio, (np.exp(z) - ratio) / z
    safe = np.where(np.abs(z) > _SMALL, z, 1.0)
    series = 0.5 + z / 3 + z * z / 8
    return ratio, np.where(np.abs(z) > _SMALL, (np.exp(safe) - ratio) / safe, series)


def trapz_loglog(y: FloatArray, x: FloatArray) -> FloatArray:
    """Integral of y over x along the last axis, each interval taken as a power law between its two ends.

    With q = x y the interval from 0 to 1 gives ln(x1/x0) (q1 - q0) / ln(q1/q0). Where an end is zero the interval gives
    zero, as in gammapy; where the sign changes, for which there is no power law, it gives the linear trapezoid.

    Parameters
    ----------
    y : array (..., n)
    x : array (..., n)
        Positive, rising along the last axis.

    Returns
    -------
    array (...)
        In the unit of x times that of y.

    Examples
    --------
    >>> x = np.array([1.0, 10.0])
    >>> round(float(trapz_loglog(x**-2, x)), 12)  # 1/1 - 1/10
    0.9
    """
    x = np.asarray(x, dtype=float)
    width = np.diff(np.log(x), axis=-1)
    pieces, _, _ = _intervals(np.asarray(y, dtype=float), x, width, with_slopes=False)
    return pieces.sum(axis=-1)


class LogLogGrid:
    """Nodes for the integrals of a curve over many bins, laid once and used often (gammapy's integrate_spectrum rule).

    Every bin has the same number of nodes, max(int(100 max log10(hi/lo)), 2), spread evenly in the logarithm.

    Parameters
    ----------
    low, high : array (n_bin,)
        Ends of the bins, positive.

    Attributes
    ----------
    energy : array (n_bin, n_node)
    """

    __slots__ = ("_left", "_right", "_width", "energy")

    def __init__(self, low: FloatArray, high: FloatArray):
        low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
        decades = np.max(_NODES_PER_DECADE * np.log10(high / low), initial=0.0)
        n_node = int(np.maximum(decades, 2))
        self.energy: FloatArray = np.geomspace(low, high, num=n_node, axis=-1)
        self._width = np.diff(np.log(self.energy), axis=-1)
        self._left = self._width * self.energy[:, :-1]
        self._right = self._width * self.energy[:, 1:]

    def integrate(self, y: FloatArray) -> FloatArray:
        """Integral per bin, shape (n_bin,), of the values y at the nodes, shape (n_bin, n_node)."""
        y0, y1 = y[:, :-1], y[:, 1:]
        if _is_regular(y):
            z = np.log(y1 / y0) + self._width
            if _is_plain(z):
                return (np.expm1(z) / z * y0 * self._left).sum(axis=-1)
        return _intervals(y, self.energy, self._width, with_slopes=False)[0].sum(axis=-1)

    def integrate_with_weights(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Integral per bin, and its derivative with respect to each value y, shape (n_bin, n_node)."""
        y0, y1 = y[:, :-1], y[:, 1:]
        weights = np.zeros_like(y)
        if _is_regular(y):
            ratio = y1 / y0
            z = np.log(ratio) + self._width
            if _is_plain(z):
                phi = np.expm1(z) / z
                left = phi * self._left
                weights[:, :-1] = (left - self._left) / z
                weights[:, 1:] += (self._right - left / ratio) / z
                return (left * y0).sum(axis=-1), weights
        pieces, slope0, slope1 = _intervals(y, self.energy, self._width, with_slopes=True)
        weights[:, :-1] = slope0
        weights[:, 1:] += slope1
        return pieces.sum(axis=-1), weights


def _is_regular(y: FloatArray) -> bool:
    """All values positive and far from the smallest number."""
    return bool(y.min(initial=1.0) > 1e-290)


def _is_plain(z: FloatArray) -> bool:
    """All slopes such that the quotient is exact and does not overflow; false for nan."""
    size = np.abs(z)
    return bool(size.min(initial=1.0) > _SMALL and size.max(initial=1.0) < _LARGE)


def _log_ratio(q0: FloatArray, q1: FloatArray, is_power: NDArray[np.bool_]) -> FloatArray:
    """ln(q1/q0) where both have one sign, else 0; also where the quotient itself would overflow."""
    one, two = np.where(is_power, np.abs(q0), 1.0), np.where(is_power, np.abs(q1), 1.0)
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        ratio = two / one
    is_usable = (ratio > 1e-300) & (ratio < 1e300)
    return np.where(is_usable, np.log(np.where(is_usable, ratio, 1.0)), np.log(two) - np.log(one))


def _intervals(
    y: FloatArray, x: FloatArray, width: FloatArray, with_slopes: bool
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Integral of each interval, and its derivatives to the values at its ends, all special cases included."""
    y0, y1 = np.broadcast_arrays(y[..., :-1], y[..., 1:])
    x0, x1 = x[..., :-1], x[..., 1:]
    q0, q1 = x0 * y0, x1 * y1
    is_power = np.sign(q0) * np.sign(q1) > 0
    z = _log_ratio(q0, q1, is_power)
    is_flat = np.abs(z) < _SMALL
    is_small = np.abs(z) < 1.0
    safe = np.where(is_flat, 1.0, z)
    mean = np.where(is_small, q0 * expm1_ratio(np.where(is_small, z, 0.0)), (q1 - q0) / safe)
    changes_sign = np.sign(q0) * np.sign(q1) < 0
    linear = 0.5 * (x1 - x0) * (y0 + y1)
    pieces = np.where(is_power, width * mean, np.where(changes_sign, linear, 0.0))
    pieces = np.where(np.isnan(q0 + q1), np.nan, pieces)
    if not with_slopes:
        return pieces, pieces, pieces
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        slope0 = np.where(is_flat, 0.5 + z / 6, (mean / np.where(q0 == 0, 1.0, q0) - 1) / safe)
        slope1 = np.where(is_flat, 0.5 - z / 6, (1 - mean / np.where(q1 == 0, 1.0, q1)) / safe)
    half = np.where(changes_sign, 0.5 * (x1 - x0), 0.0)
    slope0 = np.where(is_power, width * x0 * slope0, half)
    slope1 = np.where(is_power, width * x1 * slope1, half)
    return pieces, slope0, slope1
