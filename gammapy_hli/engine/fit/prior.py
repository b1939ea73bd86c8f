"""Prior knowledge of parameters as a term of the statistic, -2 ln P, without constants that no fit depends on.

| prior | term | what gammapy 2.1 adds to it |
|---|---|---|
| Gaussian | ((v - mu) / sigma)^2 | ln(2 pi sigma^2) |
| uniform | 0 from min to max, infinite elsewhere | 2 ln(max - min) |
| log-uniform | 2 ln(v / min) from min to max, infinite elsewhere | 2 ln(min ln(max / min)) |

Each times the weight of the prior. Our terms do not depend on the unit of the parameter.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.prior import Prior

Array = NDArray[np.float64]
Numbers = Mapping[str, float]


@dataclass(frozen=True)
class _Kind:
    """One type of prior: functions of the value and of its own numbers."""

    stat: Callable[[float, Numbers], float]
    slope: Callable[[float, Numbers], float]
    curvature: Callable[[float, Numbers], float]
    constant: Callable[[Numbers], float]
    is_bounded: bool


def _inside(value: float, numbers: Numbers) -> bool:
    return numbers["min"] <= value <= numbers["max"]


_KINDS = {
    "GaussianPrior": _Kind(
        stat=lambda v, n: ((v - n["mu"]) / n["sigma"]) ** 2,
        slope=lambda v, n: 2.0 * (v - n["mu"]) / n["sigma"] ** 2,
        curvature=lambda v, n: 2.0 / n["sigma"] ** 2,
        constant=lambda n: math.log(2.0 * math.pi) + 2.0 * math.log(n["sigma"]),
        is_bounded=False,
    ),
    "UniformPrior": _Kind(
        stat=lambda v, n: 0.0 if _inside(v, n) else math.inf,
        slope=lambda v, n: 0.0,
        curvature=lambda v, n: 0.0,
        constant=lambda n: 2.0 * math.log(n["max"] - n["min"]),
        is_bounded=True,
    ),
    "LogUniformPrior": _Kind(
        stat=lambda v, n: 2.0 * math.log(v / n["min"]) if _inside(v, n) else math.inf,
        slope=lambda v, n: 2.0 / v if _inside(v, n) else 0.0,
        curvature=lambda v, n: -2.0 / v**2 if _inside(v, n) else 0.0,
        constant=lambda n: 2.0 * math.log(n["min"]) + 2.0 * math.log(math.log(n["max"] / n["min"])),
        is_bounded=True,
    ),
}


@dataclass(frozen=True, eq=False)
class PriorTerms:
    """The priors of some parameters.

    Attributes
    ----------
    n_all : int
        Number of parameters.
    terms : tuple of (int, Prior)
        Place of the parameter, and its prior.
    """

    n_all: int
    terms: tuple[tuple[int, Prior], ...]

    def stat(self, values: Array) -> float:
        """Sum over the priors; infinite where a value lies outside of its prior."""
        return float(sum(p.weight * _KINDS[p.type].stat(float(values[k]), p.parameters) for k, p in self.terms))

    def stat_and_gradient(self, values: Array) -> tuple[float, Array]:
        """Sum over the priors and its derivative to each parameter, (n_all,)."""
        gradient = np.zeros(self.n_all)
        for place, prior in self.terms:
            gradient[place] += prior.weight * _KINDS[prior.type].slope(float(values[place]), prior.parameters)
        return self.stat(values), gradient

    def curvature(self, values: Array) -> Array:
        """Second derivative to each parameter, (n_all,)."""
        curvature = np.zeros(self.n_all)
        for place, prior in self.terms:
            curvature[place] += prior.weight * _KINDS[prior.type].curvature(float(values[place]), prior.parameters)
        return curvature

    @property
    def constant(self) -> float:
        """What -2 ln of the normalized densities has besides `stat`, in the units of the parameters; as gammapy."""
        return float(sum(prior.weight * _KINDS[prior.type].constant(prior.parameters) for _, prior in self.terms))

    def measured(self, places: Sequence[int] | NDArray[np.intp], values: Array) -> tuple[int, float]:
        """Number of the parameters among some that a Gaussian prior measures, and the statistic of those priors."""
        own = [(k, prior) for k, prior in self.terms if prior.type == "GaussianPrior" and k in places]
        return len(own), PriorTerms(self.n_all, tuple(own)).stat(values)


def prior_bounds(prior: Prior | None) -> tuple[float, float]:
    """Lowest and highest value that a prior allows; infinite where it has no such bound."""
    if prior is None or not _KINDS[prior.type].is_bounded:
        return -np.inf, np.inf
    return prior.parameters["min"], prior.parameters["max"]


def collect_priors(names: Sequence[str], parameters: Sequence[Parameter]) -> PriorTerms:
    """The priors of some parameters, which `require_usable` has seen.

    Raises
    ------
    InputError
        A frozen parameter lies outside of its prior.
    """
    found: list[tuple[int, Prior]] = []
    for place, (name, parameter) in enumerate(zip(names, parameters, strict=True)):
        if parameter.prior is None:
            continue
        low, high = prior_bounds(parameter.prior)
        if parameter.frozen and not low <= parameter.value <= high:
            raise InputError(
                f"parameter {name} is frozen at {parameter.value:g}, outside of its prior from {low:g} to {high:g}; "
                "give it a value inside, or take the prior away"
            )
        found.append((place, parameter.prior))
    return PriorTerms(len(parameters), tuple(found))


def require_usable(name: str, prior: Prior | None) -> None:
    """Raise InputError where a prior is of a type that no fit knows, or has numbers that make none."""
    if prior is None:
        return
    if prior.type not in _KINDS:
        raise InputError(
            f"parameter {name} has a prior of type {prior.type!r}.{did_you_mean(prior.type, _KINDS)} "
            f"Priors that a fit knows: {', '.join(_KINDS)}."
        )
    problem = prior.problem()
    if problem is not None:
        raise InputError(f"parameter {name}: {prior.type}: {problem}")
