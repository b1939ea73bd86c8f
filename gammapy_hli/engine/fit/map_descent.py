"""Damped Newton steps with the curvature to first order: the way to a minimum where each evaluation is a fold of a map.

Gauss-Newton in the form of Levenberg and Marquardt. For a Poisson likelihood near its minimum that curvature is nearly
the full one, so that some ten evaluations are enough where Minuit, which has to learn it, takes more than a hundred.
"""

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.fit.covariance import covariance_of_hessian
from gammapy_hli.engine.fit.likelihood import Likelihood

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

MAX_STEPS = 40
"""Evaluations after which something else must be tried: where the way is short it takes about ten."""
CLOSE = 1e-9
"""Estimated distance to the minimum [units of the statistic] at which it ends."""
FIRST_DAMPING = 1e-2
SMALLEST_DAMPING = 1e-4
LARGEST_DAMPING = 1e5
NEAR_BOUND = 1e-9  # of a bound, relative


def descend(likelihood: Likelihood, theta: Array, flat: Mask) -> tuple[Array, float, int]:
    """The end of the steps from some values.

    Parameters
    ----------
    theta : array (n_free,)
        Inside the bounds.
    flat : bool array (n_free,)
        Parameters to hold.

    Returns
    -------
    theta : array (n_free,)
    edm : float
        Estimated distance to the minimum; infinite where the curvature is of no use, large where a kink stops it.
    n_evaluations : int
    """
    lower, upper = likelihood.bounds
    stat, gradient = likelihood.stat_and_gradient(theta)
    damping, edm, n = 0.0, np.inf, 1
    while n < MAX_STEPS and np.isfinite(stat):
        held = flat | _pushed(theta, gradient, lower, upper)
        curvature = likelihood.gauss_newton(theta)
        plain, is_positive = covariance_of_hessian(curvature, held)
        if not is_positive:
            return theta, np.inf, n
        edm = float(0.25 * gradient @ plain @ gradient)
        if edm < CLOSE:
            break
        while n < MAX_STEPS:
            damped = covariance_of_hessian(curvature + damping * np.diag(np.diag(curvature)), held)[0]
            trial = np.clip(theta - 0.5 * damped @ gradient, lower, upper)
            value = likelihood.stat(trial)
            n += 1
            if value < stat:
                damping = 0.1 * damping if damping > SMALLEST_DAMPING else 0.0
                break
            damping = max(10.0 * damping, FIRST_DAMPING)
            if damping > LARGEST_DAMPING:
                return theta, edm, n
        else:
            break
        theta = trial
        stat, gradient = likelihood.stat_and_gradient(theta)
    return theta, edm, n


def _pushed(theta: Array, gradient: Array, lower: Array, upper: Array) -> Mask:
    """Parameters at a bound beyond which the statistic still falls."""
    size = NEAR_BOUND * np.maximum(np.abs(theta), 1e-300)
    with np.errstate(invalid="ignore"):
        return ((theta - lower <= size) & (gradient > 0)) | ((upper - theta <= size) & (gradient < 0))
