"""A prior of a parameter as it stands in gammapy's files. Plain data, no numpy; fit/prior.py makes statistics of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["PRIOR_NUMBERS", "Prior"]


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known of a parameter beforehand, kept as it stands in gammapy's files.

    Attributes
    ----------
    type : str
        gammapy's name: 'GaussianPrior' (mu, sigma), 'UniformPrior' (min, max), 'LogUniformPrior' (min, max), ...
    parameters : mapping of str to float
        In the unit of the parameter.
    weight : float
        Factor on its statistic.
    """

    type: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    weight: float = 1.0

    def problem(self) -> str | None:
        """What keeps its numbers from making a prior, in words; None where nothing does."""
        numbers = self.parameters
        missing = [name for name in PRIOR_NUMBERS.get(self.type, ()) if name not in numbers]
        if missing:
            return f"has no {' and no '.join(missing)}; expected {' and '.join(PRIOR_NUMBERS[self.type])}"
        for name, value in (*numbers.items(), ("weight", self.weight)):
            if not math.isfinite(value):
                return f"{name} is {value}; expected a finite number"
        if self.weight <= 0:
            return f"weight {self.weight:g} is not positive; take the prior away to do without"
        if "sigma" in numbers and numbers["sigma"] <= 0:
            return f"sigma {numbers['sigma']:g} is not positive"
        if self.type in ("UniformPrior", "LogUniformPrior") and numbers["min"] >= numbers["max"]:
            return f"min {numbers['min']:g} is not below max {numbers['max']:g}"
        if self.type == "LogUniformPrior" and numbers["min"] <= 0:
            return f"min {numbers['min']:g} is not positive, which the logarithm needs"
        return None


PRIOR_NUMBERS = {
    "GaussianPrior": ("mu", "sigma"),
    "UniformPrior": ("min", "max"),
    "LogUniformPrior": ("min", "max"),
    "GeneralizedGaussianPrior": ("mu", "sigma", "eta"),
}
"""gammapy's types of priors and their numbers; the last one is read and written, no fit knows it."""
