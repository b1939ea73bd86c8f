"""Profiles and contours of the statistic around its minimum, other parameters refitted. On demand: costs many fits."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.fit.likelihood import Likelihood
from gammapy_hli.engine.fit.minimum import Minimum
from gammapy_hli.engine.fit.minuit import MinuitOptions, ScaledStatistic, prepare_minuit

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Profile(Summary):
    """The statistic along one parameter.

    Attributes
    ----------
    name : str
    values : array (n,)
        In the unit of the parameter.
    stat : array (n,)
    theta : array (n, n_free)
        Values of all free parameters at each point.
    """

    name: str
    values: Array
    stat: Array
    theta: Array

    def summary(self) -> dict[str, Any]:
        """The range and the lowest point."""
        if not len(self.stat) or np.isnan(self.stat).all():
            return {"parameter": self.name, "values": len(self.values)}
        lowest = int(np.nanargmin(self.stat))
        return {
            "parameter": self.name,
            "values": f"{len(self.values)}, {self.values.min():.6g} to {self.values.max():.6g}",
            "lowest": f"stat {self.stat[lowest]:.4f} at {self.values[lowest]:.6g}",
        }


@dataclass(frozen=True, eq=False)
class Contour(Summary):
    """Pairs of values of two parameters on a closed line of constant statistic.

    Attributes
    ----------
    x_name, y_name : str
    n_sigma : float
        The region holds the same probability as ``n_sigma`` of a normal distribution in one dimension.
    x, y : arrays (n,)
        Empty where no closed line was found.
    message : str
        Why there is none, and what to try; '' where there is one.
    """

    x_name: str
    y_name: str
    n_sigma: float
    x: Array
    y: Array
    message: str = ""

    def summary(self) -> dict[str, Any]:
        """What it spans; or why there is none."""
        shown: dict[str, Any] = {"parameters": f"{self.x_name}, {self.y_name}", "n_sigma": self.n_sigma}
        if self.message or not len(self.x):
            return {**shown, "message": self.message or "no closed line"}
        spans = {name: f"{v.min():.6g} to {v.max():.6g}" for name, v in ((self.x_name, self.x), (self.y_name, self.y))}
        return {**shown, "points": len(self.x), **spans}


def stat_profile(
    likelihood: Likelihood,
    minimum: Minimum,
    name: str,
    values: Array | None = None,
    *,
    n_sigma: float = 3.0,
    n_values: int = 21,
    reoptimize: bool = True,
) -> Profile:
    """The statistic at values of one parameter.

    Parameters
    ----------
    values : array, optional
        By default ``n_values`` from ``n_sigma`` errors below the best value to as many above.
    reoptimize : bool
        Refit the other free parameters at each value.

    Raises
    ------
    InputError
        The parameter is not free.
    """
    place = _place(likelihood, name)
    if values is None:
        error = _error(minimum, place)
        lower, upper = (bound[place] for bound in likelihood.bounds)
        ends = np.clip(minimum.theta[place] + np.array([-1, 1]) * n_sigma * error, lower, upper)
        values = np.linspace(ends[0], ends[1], n_values)
    values = np.asarray(values, dtype=float)
    thetas = np.tile(minimum.theta, (len(values), 1))
    thetas[:, place] = values
    if reoptimize and len(likelihood.free) > 1:
        function = ScaledStatistic(likelihood, _steps(minimum))
        # outwards from the best value on each side, so that every refit starts beside its solution
        for side in (1, -1):
            last = minimum.theta
            inside = [k for k in np.argsort(values * side) if (values[k] - minimum.theta[place]) * side >= 0]
            for k in inside:
                thetas[k] = last = _refit(function, last, place, values[k])
    stat = np.array([likelihood.stat(theta) for theta in thetas])
    return Profile(name, values, stat, thetas)


def stat_contour(
    likelihood: Likelihood, minimum: Minimum, x_name: str, y_name: str, *, n_sigma: float = 1.0, n_points: int = 40
) -> Contour:
    """The line around the best values of two parameters that encloses a joint probability.

    Raises
    ------
    InputError
        A parameter is not free, or one is named twice.
    """
    x_place, y_place = _place(likelihood, x_name), _place(likelihood, y_name)
    if x_place == y_place:
        raise InputError(f"a contour needs two parameters; got {x_name} twice")
    if not minimum.success:
        reason = f"there is no contour around a minimum that cannot be used ({minimum.status}): {minimum.message}"
        return Contour(x_name, y_name, n_sigma, np.zeros(0), np.zeros(0), reason)
    function = ScaledStatistic(likelihood, _steps(minimum))
    minuit = prepare_minuit(function, minimum.theta, MinuitOptions())
    minuit.migrad()
    try:
        points = np.asarray(
            minuit.mncontour(x_name, y_name, cl=float(n_sigma) if n_sigma >= 1 else _content(n_sigma), size=n_points)
        )
        message = "" if len(points) else "Minuit found no closed line"
    except (RuntimeError, ValueError) as error:
        points, message = np.zeros((0, 2)), f"Minuit found no closed line ({error})"
    points = points.reshape(-1, 2)
    if message:
        message = (
            f"{message} at {n_sigma:g} sigma around {x_name} and {y_name}: they may run into bounds or be correlated "
            "too strongly. Try a smaller n_sigma, or stat_profile of each."
        )
    x, y = points[:, 0] * function.scale[x_place], points[:, 1] * function.scale[y_place]
    return Contour(x_name, y_name, n_sigma, x, y, message)


def _content(n_sigma: float) -> float:
    """Probability within ``n_sigma`` of a normal distribution."""
    return math.erf(n_sigma / math.sqrt(2.0))


def _place(likelihood: Likelihood, name: str) -> int:
    if name not in likelihood.free:
        raise InputError(
            f"{name!r} is not a free parameter of this fit.{did_you_mean(name, likelihood.free)} "
            f"Free are: {', '.join(likelihood.free) or 'none'}."
        )
    return likelihood.free.index(name)


def _error(minimum: Minimum, place: int) -> float:
    error = float(np.sqrt(minimum.covariance[place, place]))
    return error if error > 0 else 0.1 * (abs(minimum.theta[place]) or 1.0)


def _steps(minimum: Minimum) -> Array:
    return np.array([_error(minimum, place) for place in range(len(minimum.theta))])


def _refit(function: ScaledStatistic, start: Array, place: int, value: float) -> Array:
    """Best values with one parameter held."""
    theta = start.copy()
    theta[place] = value
    minuit = prepare_minuit(function, theta, MinuitOptions(), fixed=(function.likelihood.free[place],))
    minuit.migrad()
    found = np.asarray(minuit.values) * function.scale
    found[place] = value
    return found if function.likelihood.stat(found) <= function.likelihood.stat(theta) else theta
