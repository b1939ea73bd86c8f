"""Poisson likelihood of on and off counts with the background profiled out. Beside it: cash (known background)."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

NO_BACKGROUND = 1e-100
"""Stands for alpha where there is no off exposure: the formulae then go over into Cash without background."""
TINY = 1e-150


@dataclass(frozen=True, eq=False)
class WstatBins:
    """Bins with on and off counts, ready to be evaluated many times.

    With ``C = alpha (n + m) - (1 + alpha) mu``, ``D = sqrt(C^2 + 4 alpha (1 + alpha) m mu)`` the most likely off
    background is ``b = (C + D) / (2 alpha (1 + alpha))`` and

    ``W = 2 [mu + (1 + alpha) b - n ln(mu + alpha b) - m ln b - n (1 - ln n) - m (1 - ln m)]``.

    W is the minimum over b >= 0, mu + alpha b >= 0 of a function convex in (mu, b): it is convex in mu on the whole
    real line, negative signals included, with a kink where b or the on expectation reaches zero.

    Parameters
    ----------
    n_on, n_off : arrays
        Counts in the on and off region.
    alpha : array
        On exposure divided by off exposure. Where it is not positive the bin has no background, and a negative signal
        counts as none.

    References
    ----------
    NUMERICS.md B.14; W statistic of the XSPEC manual, appendix B, without its special cases.
    """

    n_on: Array
    n_off: Array
    alpha: Array
    _one_plus: Array = field(init=False, repr=False)
    _total: Array = field(init=False, repr=False)
    _mix: Array = field(init=False, repr=False)
    _constant: Array = field(init=False, repr=False)
    _empty_on: NDArray[np.bool_] = field(init=False, repr=False)
    has_no_background: NDArray[np.bool_] = field(init=False, repr=False)
    _any_lone: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n_on, n_off = np.asarray(self.n_on, dtype=float), np.asarray(self.n_off, dtype=float)
        alpha = np.asarray(self.alpha, dtype=float)
        alpha = np.where(np.isfinite(alpha) & (alpha > 0), alpha, NO_BACKGROUND)
        values = {
            "n_on": n_on,
            "n_off": n_off,
            "alpha": alpha,
            "_one_plus": 1.0 + alpha,
            "_total": alpha * (n_on + n_off),
            "_mix": 4.0 * alpha * (1.0 + alpha),
            "_constant": -_n_minus_n_log_n(n_on) - _n_minus_n_log_n(n_off),
            "_empty_on": n_on == 0,
            "has_no_background": alpha == NO_BACKGROUND,
            "_any_lone": bool(np.any(alpha == NO_BACKGROUND)),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def repeat(self, times: int) -> "WstatBins":
        """The same bins ``times`` times, one copy after the other."""
        return WstatBins(np.tile(self.n_on, times), np.tile(self.n_off, times), np.tile(self.alpha, times))

    def take(self, index: NDArray) -> "WstatBins":
        """A choice of bins."""
        return WstatBins(self.n_on[index], self.n_off[index], self.alpha[index])

    def _allowed(self, mu_sig: Array) -> Array:
        """The signal, not below zero where there is no background that could make up for it."""
        if not self._any_lone:
            return mu_sig
        return np.where(self.has_no_background, np.maximum(mu_sig, 0.0), mu_sig)

    def _roots(self, mu_sig: Array) -> tuple[Array, Array, Array, Array]:
        """D, C, the on expectation and the off background, each without cancellation."""
        shift = self._one_plus * mu_sig
        c = self._total - shift
        e = self._total + shift
        product = self._mix * mu_sig
        d = np.sqrt(np.maximum(c * c + product * self.n_off, 0.0))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            off = np.where(c >= 0, c + d, product * self.n_off / (d - c)) / (0.5 * self._mix)
            on = np.where(e >= 0, e + d, -product * self.n_on / (d - e)) / (2.0 * self._one_plus)
        return d, c, on, off

    def background(self, mu_sig: ArrayLike) -> Array:
        """Most likely counts of background in the off region for a given signal, same shape as ``mu_sig``."""
        return self._roots(self._allowed(np.asarray(mu_sig, dtype=float)))[3]

    def stat(self, mu_sig: Array) -> Array:
        """W of each bin."""
        mu_sig = self._allowed(mu_sig)
        _, _, on, off = self._roots(mu_sig)
        return self._value(mu_sig, on, off)

    def stat_and_slope(self, mu_sig: Array) -> tuple[Array, Array]:
        """W of each bin and dW/dmu."""
        mu_sig = self._allowed(mu_sig)
        _, _, on, off = self._roots(mu_sig)
        return self._value(mu_sig, on, off), self._slope(mu_sig, on)

    def terms(self, mu_sig: Array) -> tuple[Array, Array, Array]:
        """W of each bin, dW/dmu and d2W/dmu2."""
        mu_sig = self._allowed(mu_sig)
        d, c, on, off = self._roots(mu_sig)
        return self._value(mu_sig, on, off), self._slope(mu_sig, on), self._curvature(mu_sig, d, c, on)

    def _value(self, mu_sig: Array, on: Array, off: Array) -> Array:
        logs = self.n_on * np.log(np.maximum(on, TINY)) + self.n_off * np.log(np.maximum(off, TINY))
        return 2.0 * (mu_sig + self._one_plus * off - logs + self._constant)

    def _slope(self, mu_sig: Array, on: Array) -> Array:
        slope = 2.0 - 2.0 * self.n_on / np.maximum(on, TINY)
        outside = self._at_on_limit(mu_sig)
        if outside is None:
            return slope
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.where(outside, -2.0 / self.alpha - 2.0 * self.n_off / mu_sig, slope)

    def _curvature(self, mu_sig: Array, d: Array, c: Array, on: Array) -> Array:
        gap = c - 2.0 * self.alpha * self.n_off
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            stable = 4.0 * self.alpha**2 * self.n_on * self.n_off / (d + gap)
            share = np.where(gap > 0, stable, d - gap) / (2.0 * d)
        share = np.where(d > 0, share, 1.0)
        curvature = 2.0 * self.n_on / np.maximum(on, TINY) ** 2 * share
        outside = self._at_on_limit(mu_sig)
        if outside is None:
            return curvature
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.where(outside, 2.0 * self.n_off / mu_sig**2, curvature)

    def _at_on_limit(self, mu_sig: Array) -> NDArray[np.bool_] | None:
        """Bins without on counts whose signal is so negative that the on expectation is zero; None for none."""
        outside = self._empty_on & (mu_sig < 0)
        if not outside.any():
            return None
        return outside & (self._one_plus * mu_sig < -self.alpha * self.n_off)


def _n_minus_n_log_n(n: Array) -> Array:
    return n * (1.0 - np.log(np.where(n > 0, n, 1.0)))


def _broadcast(*values: ArrayLike) -> tuple[Array, ...]:
    return np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in values))


def wstat_terms(n_on: ArrayLike, n_off: ArrayLike, alpha: ArrayLike, mu_sig: ArrayLike) -> tuple[Array, Array, Array]:
    """W statistic of each bin with its first two derivatives with respect to the signal, see `WstatBins`.

    Examples
    --------
    >>> stat, first, second = wstat_terms(10.0, 20.0, 0.1, 8.0)
    >>> abs(round(float(stat), 12)), round(float(first), 12), round(1 / float(second / 2), 3)
    (0.0, 0.0, 10.2)
    """
    n_on, n_off, alpha, mu_sig = _broadcast(n_on, n_off, alpha, mu_sig)
    return WstatBins(n_on, n_off, alpha).terms(mu_sig)


def wstat(n_on: ArrayLike, n_off: ArrayLike, alpha: ArrayLike, mu_sig: ArrayLike) -> tuple[Array, Array]:
    """W statistic of each bin and its derivative with respect to the signal, see `WstatBins`.

    Examples
    --------
    >>> float(wstat(0.0, 0.0, 0.5, 3.0)[0])  # no counts at all: twice the signal
    6.0
    """
    return wstat_terms(n_on, n_off, alpha, mu_sig)[:2]


def wstat_background(n_on: ArrayLike, n_off: ArrayLike, alpha: ArrayLike, mu_sig: ArrayLike) -> Array:
    """Most likely off background for a given signal; times alpha it is the background in the on region.

    Examples
    --------
    >>> float(wstat_background(10.0, 20.0, 0.1, 8.0))
    20.0
    """
    n_on, n_off, alpha, mu_sig = _broadcast(n_on, n_off, alpha, mu_sig)
    return WstatBins(n_on, n_off, alpha).background(mu_sig)
