"""Minimizes a Likelihood with Minuit, on scaled parameters and with the analytic gradient, and says how it went."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.fit.covariance import (
    covariance_of_hessian,
    newton_step,
)
from gammapy_hli.engine.fit.likelihood import Likelihood
from gammapy_hli.engine.fit.map_descent import descend
from gammapy_hli.engine.fit.map_search import FINE, GAIN, WIDE, search_lower
from gammapy_hli.engine.fit.minimum import (
    NO_DATA,
    NOTHING_FREE,
    Minimum,
)
from gammapy_hli.engine.fit.start import nearer_start
from gammapy_hli.engine.fit.verdict import judge, pushed_to_limit

Array = NDArray[np.float64]

NOT_FINITE = 1e30
"""Statistic handed to Minuit where a model cannot be evaluated: it turns back."""
POLISH_STEPS = 20
SEARCHES = 8
"""Times that a search around a minimum may find a lower one."""
POLISHED = 1e-10
"""Estimated distance to the minimum [units of the statistic] at which polishing ends."""
NEAR_ENOUGH = 1e-5
"""Estimated distance to a minimum of maps at which it counts as found."""


@dataclass(frozen=True)
class MinuitOptions:
    """How to minimize.

    Parameters
    ----------
    tolerance : float
        Minuit stops at an estimated distance to the minimum of 0.002 tolerance; the result is polished further.
    strategy : int
        0, 1 or 2: how much care Minuit takes with second derivatives.
    max_calls : int
        Calls for one attempt.
    retries : int
        Attempts after the first: with strategy 2, then after a simplex search, then from other starting values.
    """

    tolerance: float = 0.1
    strategy: int = 1
    max_calls: int = 5000
    retries: int = 3


class ScaledStatistic:
    """The statistic for Minuit: parameters divided by a scale.

    One evaluation is shared by value and gradient, but for shapes on maps, whose derivatives cost much more than the
    value and are made only when Minuit asks for them.
    """

    def __init__(self, likelihood: Likelihood, scale: Array):
        self.likelihood = likelihood
        self.scale = scale
        self.n_evaluations = 0
        self._is_lazy = bool(likelihood.rough.any())
        self._last: tuple[bytes, float, Array | None] | None = None

    def stat(self, x: Any) -> float:
        """Value at x = theta / scale."""
        return self._evaluate(x, not self._is_lazy)[0]

    def gradient(self, x: Any) -> Array:
        """Derivatives to x."""
        gradient = self._evaluate(x, True)[1]
        assert gradient is not None  # it was asked for
        return gradient

    def _evaluate(self, x: Any, with_gradient: bool) -> tuple[float, Array | None]:
        x = np.asarray(x, dtype=float)
        key = x.tobytes()
        known = self._last is not None and self._last[0] == key
        if self._last is None or not known or (with_gradient and self._last[2] is None):
            self.n_evaluations += not known
            gradient: Array | None = None
            if with_gradient:
                stat, slope = self.likelihood.stat_and_gradient(x * self.scale)
                with np.errstate(over="ignore"):  # far off Minuit is told to turn back
                    gradient = np.where(np.isfinite(slope), slope, 0.0) * self.scale
            else:
                stat = self.likelihood.stat(x * self.scale)
            self._last = (key, stat if np.isfinite(stat) else NOT_FINITE, gradient)
        return self._last[1:]


def minimize(
    likelihood: Likelihood, options: MinuitOptions | None = None, *, minos: Sequence[str] = (), is_last: bool = True
) -> Minimum:
    """Best values of the free parameters, starting from those of the models.

    Never raises because a fit went wrong: see ``status`` and ``message`` of the result.

    Parameters
    ----------
    likelihood : Likelihood
    options : MinuitOptions, optional
    minos : sequence of str
        Names of free parameters for which asymmetric errors are wanted; ``["all"]`` for every one.
    is_last : bool
        Whether the covariance is wanted as exactly as it can be had; not where another fit follows from here.

    Raises
    ------
    InputError
        ``minos`` names a parameter that is not free.
    """
    options = options or MinuitOptions()
    wanted = _minos_names(likelihood, minos)
    trivial = _trivial_end(likelihood)
    if trivial is not None:
        return trivial
    theta = nearer_start(likelihood, _inside(likelihood, likelihood.theta0))
    scale, flat = _scales(likelihood, theta)
    function = ScaledStatistic(likelihood, scale)
    near, n_steps = _descended(likelihood, theta, flat)
    attempts: tuple[str, ...] = ()
    if near is None:
        minuit, attempts = _search(function, theta, flat, options)
        near = np.asarray(minuit.values) * scale
        is_valid = bool(minuit.valid)
    else:
        is_valid = True
    theta, edm, is_sure = _finish(likelihood, near, flat)
    found = judge(likelihood, is_valid or is_sure, theta, edm, flat, attempts, is_last)
    n_evaluations = function.n_evaluations + n_steps
    if wanted and found.success:
        found = replace(found, minos=_minos(function, found, wanted, options))
        n_evaluations = function.n_evaluations + n_steps
    return replace(found, n_evaluations=n_evaluations)


def with_minos(likelihood: Likelihood, found: Minimum, options: MinuitOptions, minos: Sequence[str]) -> Minimum:
    """The same minimum with asymmetric errors of some free parameters; see `minimize`."""
    wanted = _minos_names(likelihood, minos)
    if not wanted or not found.success:
        return found
    function = ScaledStatistic(likelihood, _scales(likelihood, found.theta)[0])
    errors = _minos(function, found, wanted, options)
    return replace(found, minos=errors, n_evaluations=found.n_evaluations + function.n_evaluations)


def refine(likelihood: Likelihood, options: MinuitOptions | None = None) -> Minimum:
    """As `minimize`, from starting values that are near the minimum: Newton steps, Minuit only where they fail."""
    theta = _inside(likelihood, likelihood.theta0)
    _, flat = _scales(likelihood, theta)
    if _trivial_end(likelihood) is None and not flat.any():
        near, n_steps = _descended(likelihood, theta, flat)
        theta, edm, is_sure = _finish(likelihood, theta if near is None else near, flat)
        found = judge(likelihood, is_sure or near is not None, theta, edm, flat, ())
        if found.success:
            return replace(found, n_evaluations=n_steps)
    return minimize(likelihood, options)


def _descended(likelihood: Likelihood, theta: Array, flat: NDArray[np.bool_]) -> tuple[Array | None, int]:
    """A minimum found without Minuit, None where that did not work; for maps with free shapes only."""
    if not likelihood.rough.any():
        return None, 0
    found, edm, n_steps = descend(likelihood, theta, flat)
    return (found if edm < NEAR_ENOUGH else None), n_steps


def prepare_minuit(function: ScaledStatistic, theta: Array, options: MinuitOptions, fixed: Sequence[str] = ()) -> Any:
    """A Minuit object at ``theta``, its steps one scale each, some parameters fixed."""
    from iminuit import Minuit  # late: only fits need it, and it takes a while to load

    likelihood = function.likelihood
    minuit = Minuit(function.stat, theta / function.scale, grad=function.gradient, name=likelihood.free)
    minuit.errordef = Minuit.LEAST_SQUARES
    minuit.tol = options.tolerance
    minuit.strategy = options.strategy
    minuit.print_level = 0
    minuit.errors = np.full(len(theta), 1.0)
    lower, upper = likelihood.bounds
    minuit.limits = list(zip(lower / function.scale, upper / function.scale, strict=True))
    for name in fixed:
        minuit.fixed[name] = True
    return minuit


def _trivial_end(likelihood: Likelihood) -> Minimum | None:
    """The result where there is nothing to minimize."""
    theta = likelihood.theta0
    none = np.zeros((len(theta), len(theta)))
    if not likelihood.n_bins:
        names = ", ".join(dataset.name for dataset in likelihood.datasets) or "there are none"
        message = (
            f"No energy bin can be fitted (datasets: {names}): look at the safe masks and the energy range of the fit."
        )
        return Minimum(theta, none, likelihood.stat(theta), NO_DATA, message, 1)
    if not len(theta):
        return Minimum(
            theta, none, likelihood.stat(theta), NOTHING_FREE, "No parameter is free; nothing was fitted.", 1
        )
    return None


def _inside(likelihood: Likelihood, theta: Array) -> Array:
    lower, upper = likelihood.bounds
    return np.clip(theta, lower, upper)


def _scales(likelihood: Likelihood, theta: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Size of a step in each parameter, and which parameters have no influence at the start."""
    diagonal = np.diag(likelihood.gauss_newton(theta))
    own = likelihood.sizes(theta)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(2.0 / diagonal)
    usable = np.isfinite(error) & (error > 1e-6 * own) & (error < 1e2 * own)
    flat = ~(diagonal > 0) & (np.abs(likelihood.stat_and_gradient(theta)[1]) * own < 1e-9)
    return np.where(usable, error, np.where(likelihood.rough, 0.01, 0.1) * own), flat


def _search(
    function: ScaledStatistic, theta: Array, flat: NDArray[np.bool_], options: MinuitOptions
) -> tuple[Any, tuple[str, ...]]:
    """Run Minuit until it is content or the attempts are used up; the best end of all attempts."""
    fixed = [name for name, is_flat in zip(function.likelihood.free, flat, strict=True) if is_flat]
    attempts: list[str] = []
    best: Any = None
    for number in range(options.retries + 1):
        start, careful = theta, replace(options, strategy=2 if number else options.strategy)
        if number >= 2 and best is not None:
            start = np.asarray(best.values) * function.scale
        if number >= 3:
            start = _shifted(function, theta)
        minuit = prepare_minuit(function, start, careful, fixed)
        if number == 2:
            minuit.simplex(ncall=options.max_calls)
        minuit.migrad(ncall=options.max_calls)
        if best is None or minuit.valid or minuit.fval < best.fval:
            best = minuit
        if minuit.valid or _is_good_enough(function, minuit, flat):
            break
        names = ("first attempt", "strategy 2", "simplex, then migrad", "other starting values")
        attempts.append(f"{names[min(number, 3)]}: {_why_not(minuit)}")
    return best, tuple(attempts)


def _is_good_enough(function: ScaledStatistic, minuit: Any, flat: NDArray[np.bool_]) -> bool:
    """Whether Minuit only stumbled over a kink of a spatial parameter: from there the search without it goes on."""
    if not function.likelihood.rough.any() or not np.isfinite(minuit.fval):
        return False
    return _finish(function.likelihood, np.asarray(minuit.values) * function.scale, flat)[2]


def _finish(likelihood: Likelihood, theta: Array, flat: NDArray[np.bool_]) -> tuple[Array, float, bool]:
    """Polish; with kinks in spatial parameters also look for lower points around, which Newton steps do not see.

    Returns the values, the estimated distance to the minimum, and whether nothing lower was found near a point that
    may lie on a kink.
    """
    theta, edm = _polish(likelihood, theta, flat)
    if not likelihood.rough.any():
        return theta, edm, False
    for _ in range(SEARCHES):
        is_smooth = edm < NEAR_ENOUGH
        only = likelihood.kinked if is_smooth else np.ones(len(theta), dtype=bool)
        if not only.any():
            return theta, edm, True
        stat, gradient = likelihood.stat_and_gradient(theta)
        held = flat | pushed_to_limit(likelihood, theta, gradient)
        covariance, is_positive = covariance_of_hessian(likelihood.gauss_newton(theta), held)
        if not is_positive:
            return theta, edm, False
        lower, value = search_lower(likelihood, theta, covariance, WIDE if is_smooth else FINE, only)
        if not value < stat - GAIN:
            return theta, edm, True
        theta, edm = _polish(likelihood, lower, flat)
    return theta, edm, False


def _shifted(function: ScaledStatistic, theta: Array) -> Array:
    """Starting values moved by one step against the gradient."""
    slope = function.gradient(theta / function.scale)
    return _inside(function.likelihood, theta - np.sign(slope) * function.scale)


def _why_not(minuit: Any) -> str:
    """Minuit's own complaint in words."""
    minimum = minuit.fmin
    if minimum.has_reached_call_limit:
        return f"the limit of {minimum.nfcn} calls was reached"
    if minimum.is_above_max_edm:
        return f"the estimated distance to the minimum is still {minimum.edm:.2g}"
    if not minimum.has_covariance or not minimum.has_posdef_covar:
        return "the curvature is not positive definite"
    return "Minuit did not find a valid minimum"


def _polish(likelihood: Likelihood, theta: Array, flat: NDArray[np.bool_]) -> tuple[Array, float]:
    """Newton steps with our own second derivatives down to rounding error; steps that go up are not taken.

    Returns the values and the estimated distance to the minimum that is left.
    """
    theta = _inside(likelihood, theta)
    if likelihood.rough.any():
        return descend(likelihood, theta, flat)[:2]
    stat, gradient = likelihood.stat_and_gradient(theta)
    lower, upper = likelihood.bounds
    edm = np.inf
    for _ in range(POLISH_STEPS):
        held = flat | pushed_to_limit(likelihood, theta, gradient)
        hessian = likelihood.hessian(theta)
        if not covariance_of_hessian(hessian, held)[1]:
            return theta, np.inf
        step = newton_step(hessian, gradient, held, lower - theta, upper - theta)
        edm = float(-0.5 * gradient @ step)
        if edm < POLISHED:
            break
        trial = _inside(likelihood, theta + step)
        new_stat, new_gradient = likelihood.stat_and_gradient(trial)
        if not new_stat <= stat + 1e-12 * abs(stat):
            break
        theta, stat, gradient = trial, new_stat, new_gradient
    return theta, edm


def _minos_names(likelihood: Likelihood, wanted: Sequence[str]) -> tuple[str, ...]:
    names = likelihood.free if tuple(wanted) == ("all",) else tuple(wanted)
    for name in names:
        if name not in likelihood.free:
            raise InputError(
                f"minos errors are wanted for {name!r}, which is not a free parameter."
                f"{did_you_mean(name, likelihood.free)} Free are: {', '.join(likelihood.free) or 'none'}."
            )
    return names


def _minos(
    function: ScaledStatistic, found: Minimum, names: Sequence[str], options: MinuitOptions
) -> dict[str, tuple[float, float]]:
    """Asymmetric errors by Minuit's MINOS; nan where the statistic does not rise by 1 inside the bounds."""
    minuit = prepare_minuit(function, found.theta, options)
    error = np.sqrt(np.diag(found.covariance)) / function.scale
    minuit.errors = np.where(error > 0, error, 1.0)
    minuit.migrad(ncall=options.max_calls)
    errors = {}
    for name in names:
        try:
            minuit.minos(name)
            result = minuit.merrors[name]
        except (RuntimeError, ValueError):
            errors[name] = (np.nan, np.nan)
            continue
        scale = function.scale[function.likelihood.free.index(name)]
        errors[name] = (
            float(-result.lower * scale) if result.lower_valid else np.nan,
            float(result.upper * scale) if result.upper_valid else np.nan,
        )
    return errors
