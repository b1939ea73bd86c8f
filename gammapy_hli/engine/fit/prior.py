"""Prior knowledge of parameters as a term of the statistic, -2 ln P."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.models.parameter import Parameter, Prior

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PriorTerms:
    """Gaussian priors, ``weight ((v - mu) / sigma)^2`` each; the constant of the logarithm is left out.

    Attributes
    ----------
    n_all : int
        Number of parameters.
    places : int array (n_priors,)
    mu, sigma, weight : arrays (n_priors,)
    """

    n_all: int
    places: NDArray[np.intp]
    mu: Array
    sigma: Array
    weight: Array

    def stat(self, values: Array) -> float:
        """Sum over the priors."""
        if not len(self.places):
            return 0.0
        return float(np.sum(self.weight * ((values[self.places] - self.mu) / self.sigma) ** 2))

    def stat_and_gradient(self, values: Array) -> tuple[float, Array]:
        """Sum over the priors and its derivative to each parameter, (n_all,)."""
        gradient = np.zeros(self.n_all)
        if not len(self.places):
            return 0.0, gradient
        np.add.at(gradient, self.places, 2.0 * self.weight * (values[self.places] - self.mu) / self.sigma**2)
        return self.stat(values), gradient

    def curvature(self, values: Array) -> Array:
        """Second derivative to each parameter, (n_all,)."""
        curvature = np.zeros(self.n_all)
        np.add.at(curvature, self.places, 2.0 * self.weight / self.sigma**2)
        return curvature


def collect_priors(names: Sequence[str], parameters: Sequence[Parameter]) -> PriorTerms:
    """The priors of some parameters.

    Raises
    ------
    InputError
        A prior that is not Gaussian.
    """
    found: list[tuple[int, Prior]] = []
    for place, (name, parameter) in enumerate(zip(names, parameters, strict=True)):
        if parameter.prior is None:
            continue
        if parameter.prior.type != "GaussianPrior":
            raise InputError(
                f"parameter {name} has a prior of type {parameter.prior.type!r}; expected 'GaussianPrior' "
                "(for a uniform prior give min and max)"
            )
        found.append((place, parameter.prior))
    return PriorTerms(
        n_all=len(parameters),
        places=np.array([place for place, _ in found], dtype=np.intp),
        mu=np.array([prior.parameters.get("mu", 0.0) for _, prior in found]),
        sigma=np.array([prior.parameters.get("sigma", 1.0) for _, prior in found]),
        weight=np.array([prior.weight for _, prior in found]),
    )
