"""Looks for lower points around a minimum where the statistic has kinks, and finds minima that lie on a kink.

A point source is interpolated between pixel centers, so that -2 ln L has a kink wherever the source crosses a line of
centers: two shallow minima on both sides of it, or one minimum on the line, where no gradient is zero. Newton steps and
Minuit end at whichever is near; this search compares values only.
"""

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.fit.likelihood import Likelihood

Array = NDArray[np.float64]

WIDE = (0.8, 0.4, 0.2)
"""Steps [errors] that look into the pixels next to a smooth minimum."""
FINE = (0.4, 0.2, 0.1, 0.05, 0.025)
"""Steps that close in on a minimum with a kink; the last one costs 0.0006 of the statistic."""
GAIN = 1e-4
"""A point counts as lower only by this much [units of the statistic]."""


def search_lower(
    likelihood: Likelihood, theta: Array, covariance: Array, steps: tuple[float, ...], only: NDArray[np.bool_]
) -> tuple[Array, float]:
    """The lowest point found by steps along the directions in which one parameter changes and the others follow.

    Parameters
    ----------
    theta : array (n_free,)
        Where to start.
    covariance : array (n_free, n_free)
        Column k gives direction k; those of parameters without error are left out.
    steps : tuple of float
        Lengths in units of the error of the parameter, tried one after the other.
    only : bool array (n_free,)
        Parameters to move along.

    Returns
    -------
    theta : array (n_free,)
    stat : float
    """
    lower, upper = likelihood.bounds
    error = np.sqrt(np.diag(covariance))
    best, stat = theta, likelihood.stat(theta)
    for length in steps:
        for number in np.flatnonzero(only & (error > 0)):
            direction = covariance[:, number] / error[number]
            for sign in (1.0, -1.0):
                trial = np.clip(best + sign * length * direction, lower, upper)
                value = likelihood.stat(trial)
                if value < stat - GAIN:
                    best, stat = trial, value
                    break
    return best, stat
