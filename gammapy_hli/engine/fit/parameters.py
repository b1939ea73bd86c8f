"""How the free parameters of a fit stand in the models: links, frozen values, bounds and priors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.fit.prior import prior_bounds, require_usable
from gammapy_hli.engine.models.parameter import Parameter

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ParameterMap:
    """All parameters of the models, each once, and which of them are free.

    A parameter that several models share is one entry, under the name it has in the first of them.

    Attributes
    ----------
    names : tuple of str
        ``crab.spectral.index``, ... for every distinct parameter (n_all).
    parameters : tuple of Parameter
    free : int array (n_free,)
        Places of the free ones.
    values : array (n_all,)
        At the start.
    lower, upper : arrays (n_free,)
        Bounds, those of priors included; infinite where there is none.
    """

    names: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    free: NDArray[np.intp]
    values: Array
    lower: Array
    upper: Array

    @property
    def free_names(self) -> tuple[str, ...]:
        """Names of the free parameters."""
        return tuple(self.names[k] for k in self.free)

    def place(self, parameter: Parameter) -> int:
        """Where a parameter object stands."""
        return next(k for k, known in enumerate(self.parameters) if known is parameter)

    def fill(self, theta: Array) -> Array:
        """Values of all parameters for values of the free ones, (n_all,)."""
        values = self.values.copy()
        values[self.free] = theta
        return values

    def spread(self, matrix: Array) -> Array:
        """A covariance of the free parameters as one of all, with zeros for those that are frozen."""
        full = np.zeros((len(self.names), len(self.names)))
        full[np.ix_(self.free, self.free)] = matrix
        return full


def map_parameters(named: Sequence[tuple[str, Parameter]]) -> ParameterMap:
    """Collect parameters in order, each object once.

    Raises
    ------
    InputError
        A free parameter has no finite value, or bounds that exclude each other; a prior that is none.
    """
    names: list[str] = []
    parameters: list[Parameter] = []
    for name, parameter in named:
        if not any(parameter is known for known in parameters):
            require_usable(name, parameter.prior)
            names.append(name)
            parameters.append(parameter)
    free = [k for k, parameter in enumerate(parameters) if not parameter.frozen]
    lower = np.array([parameters[k].min for k in free], dtype=float)
    upper = np.array([parameters[k].max for k in free], dtype=float)
    lower, upper = np.where(np.isnan(lower), -np.inf, lower), np.where(np.isnan(upper), np.inf, upper)
    allowed = np.array([prior_bounds(parameters[k].prior) for k in free]).reshape(-1, 2)
    lower, upper = np.maximum(lower, allowed[:, 0]), np.minimum(upper, allowed[:, 1])
    for k, low, high in zip(free, lower, upper, strict=True):
        if not np.isfinite(parameters[k].value):
            raise InputError(
                f"parameter {names[k]} starts at {parameters[k].value}; give it a finite value or freeze it"
            )
        if low >= high:
            raise InputError(
                f"parameter {names[k]} has min {low:g} and max {high:g}{_with_prior(parameters[k])}; min must be "
                "smaller, or freeze it"
            )
    return ParameterMap(
        names=tuple(names),
        parameters=tuple(parameters),
        free=np.array(free, dtype=np.intp),
        values=np.array([parameter.value for parameter in parameters], dtype=float),
        lower=lower,
        upper=upper,
    )


def _with_prior(parameter: Parameter) -> str:
    """Words where a prior has its part in the bounds."""
    return "" if prior_bounds(parameter.prior) == (-np.inf, np.inf) else " together with its prior"
