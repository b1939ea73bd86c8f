"""Two spectral models joined by an operator."""

from typing import Any, Self

import numpy as np

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.models.catalogue import SPECTRAL
from gammapy_hli.engine.models.parameter import Parameter, Parameters
from gammapy_hli.engine.models.spectral.base import FloatArray, SpectralModel

__all__ = ["CompoundSpectralModel"]

_OPERATORS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide}


class CompoundSpectralModel(SpectralModel):
    """model1 (operator) model2.

    Bin integrals follow the trapezoidal rule even where both parts have closed forms, as in gammapy; a difference that
    changes sign within an interval is integrated there by the linear rule (gammapy has no sensible value for it).

    Parameters
    ----------
    model1, model2 : SpectralModel
        add and sub want two of one unit; mul wants a factor on one side at least; truediv wants a factor as divisor.
    operator : str
        'add', 'sub', 'mul' or 'truediv', as gammapy writes them.

    Attributes
    ----------
    parameters : Parameters
        'model1.index', ..., 'model2.norm', ...
    """

    entry = SPECTRAL["CompoundSpectralModel"]
    model1: SpectralModel
    model2: SpectralModel
    operator: str
    _unit: str

    def __init__(self, model1: Any, model2: Any, operator: str):
        if operator not in _OPERATORS:
            hint = did_you_mean(operator, _OPERATORS)
            raise InputError(f"{self.tag}: operator is {operator!r}.{hint} Allowed: {', '.join(_OPERATORS)}.")
        for model in (model1, model2):
            if not isinstance(model, SpectralModel):
                raise InputError(f"{self.tag}: got a {type(model).__name__} {model!r}; expected a spectral model")
        self.__dict__.update(model1=model1, model2=model2, operator=operator, _compiled=None)
        self.__dict__["_unit"] = self._joined_unit()

    def _joined_unit(self) -> str:
        one, two = self.model1.unit, self.model2.unit
        if self.operator in ("add", "sub") and one != two:
            raise InputError(
                f"{self.tag}: {self.operator} joins {self.model1.tag} [{one or 'factor'}] and {self.model2.tag} "
                f"[{two or 'factor'}]; expected two of one unit. Use mul for a factor."
            )
        if (self.operator == "mul" and one and two) or (self.operator == "truediv" and two):
            raise InputError(
                f"{self.tag}: {self.operator} joins {self.model1.tag} and {self.model2.tag}, both fluxes; "
                "expected a dimensionless (norm) model as factor"
            )
        return one or two

    @classmethod
    def build(cls, options: dict[str, Any]) -> Self:
        """The model from the options of a file."""
        return cls(options["model1"], options["model2"], options["operator"])

    @property
    def unit(self) -> str:
        """Unit of `dnde`."""
        return self._unit

    @property
    def options(self) -> dict[str, Any]:
        """Both models and the operator."""
        return {"model1": self.model1, "model2": self.model2, "operator": self.operator}

    @property
    def parameters(self) -> Parameters:  # type: ignore[override]
        """Those of both models, with 'model1.' and 'model2.' before their names."""
        pairs = [
            (f"{place}.{name}", parameter)
            for place, model in (("model1", self.model1), ("model2", self.model2))
            for name, parameter in zip(model.parameters.names, model.parameters, strict=True)
        ]
        return Parameters((parameter for _, parameter in pairs), (name for name, _ in pairs), self.tag)

    def replace_parameter(self, name: str, parameter: Parameter) -> None:
        """Hold `parameter` in the place of `name`, in the model that it belongs to."""
        self.parameters.place(name)
        part, rest = name.split(".", 1)
        getattr(self, part).replace_parameter(rest, parameter)

    def prepare(self, energy: FloatArray) -> tuple[Any, Any]:
        """What each of the two needs."""
        return self.model1.prepare(energy), self.model2.prepare(energy)

    def _parts(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        n = len(self.model1.parameters)
        return values[:n], values[n:]

    def dnde(self, nodes: tuple[Any, Any], values: FloatArray) -> FloatArray:
        """Both, joined."""
        one, two = self._parts(values)
        return _OPERATORS[self.operator](self.model1.dnde(nodes[0], one), self.model2.dnde(nodes[1], two))

    def dnde_gradient(self, nodes: tuple[Any, Any], values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Both, joined, and the derivatives by the rules of sum, product and quotient."""
        one, two = self._parts(values)
        flux1, gradient1 = self.model1.dnde_gradient(nodes[0], one)
        flux2, gradient2 = self.model2.dnde_gradient(nodes[1], two)
        flux = _OPERATORS[self.operator](flux1, flux2)
        if self.operator == "sub":
            gradient2 = -gradient2
        elif self.operator == "mul":
            gradient1, gradient2 = gradient1 * flux2, gradient2 * flux1
        elif self.operator == "truediv":
            gradient1, gradient2 = gradient1 / flux2, gradient2 * (-flux / flux2)
        return flux, np.concatenate([gradient1, gradient2])

    def summary(self) -> dict[str, Any]:
        """Type, operator and both parts."""
        parts = {"model1": self.model1.summary(), "model2": self.model2.summary()}
        return {"type": self.tag, "operator": self.operator, **parts}
