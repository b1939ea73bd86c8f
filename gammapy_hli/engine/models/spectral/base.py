"""What every spectral model can do: give its flux, integrate it over bins with the gradient, and carry errors through.

A family of models writes its formula twice, as `dnde` and as `dnde_gradient`; all else follows from these two. Arrays
in the kernels are float64 in TeV, cm, s; Quantities stand only in the methods at the end of `SpectralModel`.
"""

import copy
import math
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.measured import measured_text
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.models.entries import ModelEntry
from gammapy_hli.engine.models.parameter import Parameter, Parameters
from gammapy_hli.engine.stats.loglog import LogLogGrid

__all__ = ["CompiledSpectrum", "FloatArray", "Nodes", "NumericSpectrum", "SpectralModel"]

FloatArray = NDArray[np.float64]


class Nodes(NamedTuple):
    """Energies [TeV] at which a model is evaluated, with their natural logarithm; any shape."""

    energy: FloatArray
    log_energy: FloatArray


class CompiledSpectrum(Protocol):
    """A spectral model bound to energy bins: pure functions of the parameter values, made to be called often."""

    def flux(self, values: FloatArray) -> FloatArray:
        """Integral per bin, shape (n_bin,)."""
        ...

    def flux_and_jacobian(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Integral per bin and its derivatives, shape (n_parameter, n_bin)."""
        ...


class NumericSpectrum:
    """Bin integrals by the trapezoidal rule in log-log, for models without a closed form.

    Parameters
    ----------
    model : SpectralModel
        Only its formula is used, not the values of its parameters.
    low, high : array (n_bin,)
        Ends of the bins [TeV].
    energy_power : int
        0 for the flux [cm-2 s-1], 1 for the energy flux [TeV cm-2 s-1].
    """

    __slots__ = ("_factor", "_grid", "_model", "_nodes")

    def __init__(self, model: "SpectralModel", low: FloatArray, high: FloatArray, energy_power: int = 0):
        self._model = model
        self._grid = LogLogGrid(low, high)
        self._nodes = model.prepare(self._grid.energy)
        self._factor = self._grid.energy**energy_power if energy_power else None

    def at_scaled_energies(self, factor: float) -> "NumericSpectrum":
        """The formula at energies times a factor, on the same grid.

        Its integrals, times the factor, are those over the scaled bins; they change smoothly with the factor, as the
        number of nodes does not.
        """
        scaled = copy.copy(self)
        scaled._nodes = self._model.prepare(self._grid.energy * factor)
        return scaled

    def flux(self, values: FloatArray) -> FloatArray:
        """Integral per bin, shape (n_bin,)."""
        dnde = self._model.dnde(self._nodes, values)
        return self._grid.integrate(dnde if self._factor is None else dnde * self._factor)

    def flux_and_jacobian(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Integral per bin, shape (n_bin,), and its derivatives, shape (n_parameter, n_bin)."""
        dnde, gradient = self._model.dnde_gradient(self._nodes, values)
        flux, weights = self._grid.integrate_with_weights(dnde if self._factor is None else dnde * self._factor)
        if self._factor is not None:
            weights *= self._factor
        return flux, np.einsum("pbn,bn->pb", gradient, weights)


class SpectralModel(Summary):
    """Base of the spectral models.

    Parameters
    ----------
    **values
        Value of each parameter: a number in the table's unit, a text with unit, a Quantity, or a `Parameter` to share.

    Attributes
    ----------
    parameters : Parameters
        In the order of the arrays. Each is an attribute too: ``model.index.value``, ``model.index = 2.3``.
    """

    entry: ClassVar[ModelEntry]
    parameters: Parameters
    _compiled: tuple[FloatArray, CompiledSpectrum] | None

    def __init__(self, **values: Any):
        items = [Parameter.from_entry(entry) for entry in self.entry.parameters]
        self._take(items, values)

    def _take(self, items: list[Parameter], values: dict[str, Any]) -> None:
        """Hold the parameters and set those that were given."""
        object.__setattr__(self, "_compiled", None)
        object.__setattr__(self, "parameters", Parameters(items, owner=self.tag))
        for name, value in values.items():
            self.parameters.place(name)
            setattr(self, name, value)

    @classmethod
    def build(cls, options: dict[str, Any]) -> Self:
        """The model at its defaults from the options of a file; quantities and nested models are made already."""
        return cls()

    def check_values(self) -> None:
        """Raise InputError where a value lies outside of what the model knows; most know no such limits."""

    # --- what a family defines ------------------------------------------------------------------------------------
    def prepare(self, energy: FloatArray) -> Any:
        """What the formula needs of the energies [TeV] and not of the parameters; computed once a compilation."""
        return Nodes(energy, np.log(energy))

    def dnde(self, nodes: Any, values: FloatArray) -> FloatArray:
        """Differential flux [TeV-1 s-1 cm-2] (or factor) at the nodes; values in the order of `parameters`."""
        raise NotImplementedError

    def dnde_gradient(self, nodes: Any, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Differential flux, and its derivative to each parameter, shape (n_parameter, *shape of the nodes)."""
        raise NotImplementedError

    def compile_bins(self, low: FloatArray, high: FloatArray, energy_power: int = 0) -> CompiledSpectrum:
        """The model bound to bins with the ends `low` and `high` [TeV]; see `compile`."""
        return NumericSpectrum(self, low, high, energy_power)

    # --- kernels --------------------------------------------------------------------------------------------------
    @property
    def tag(self) -> str:
        """gammapy's long tag."""
        return self.entry.tag

    @property
    def unit(self) -> str:
        """Unit of `dnde`: 'TeV-1 s-1 cm-2', or '' for a factor."""
        return self.entry.unit

    @property
    def is_norm(self) -> bool:
        """Whether it is a dimensionless factor, to be multiplied with a flux."""
        return self.unit == ""

    @property
    def values(self) -> FloatArray:
        """Values of all parameters in their units, shape (n_parameter,)."""
        return np.array([parameter.value for parameter in self.parameters], dtype=float)

    @property
    def options(self) -> dict[str, Any]:
        """What the model is made of besides its parameters, as it stands in files; empty for most."""
        return {}

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that the values were read from."""
        nested = (value for value in self.options.values() if isinstance(value, SpectralModel))
        return tuple(path for model in nested for path in model.files)

    def compile(self, edges: FloatArray, energy_power: int = 0) -> CompiledSpectrum:
        """The model bound to adjacent bins, for thousands of evaluations.

        Parameters
        ----------
        edges : array (n_bin + 1,)
            [TeV], rising.
        energy_power : int
            0 for the flux [cm-2 s-1], 1 for the energy flux [TeV cm-2 s-1].
        """
        edges = np.asarray(edges, dtype=float)
        return self.compile_bins(edges[:-1], edges[1:], energy_power)

    def bin_flux(self, edges: FloatArray, values: FloatArray) -> FloatArray:
        """Flux [cm-2 s-1] in each bin, shape (n_bin,), at the given values; edges [TeV]."""
        return self._compiled_at(edges).flux(values)

    def bin_integrals(self, edges: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Flux [cm-2 s-1] in each bin, and its derivatives, shape (n_parameter, n_bin); edges [TeV]."""
        return self._compiled_at(edges).flux_and_jacobian(values)

    def _compiled_at(self, edges: FloatArray) -> CompiledSpectrum:
        """The last compilation, where the edges are still the same."""
        kept = self._compiled
        if kept is None or not np.array_equal(kept[0], edges):
            kept = (np.array(edges, dtype=float), self.compile(edges))
            object.__setattr__(self, "_compiled", kept)
        return kept[1]

    # --- with units -----------------------------------------------------------------------------------------------
    def __call__(self, energy: u.Quantity) -> u.Quantity:
        """Differential flux at the energies."""
        values = self.dnde(self.prepare(_tev(energy)), self.values)
        return u.Quantity(values, self.unit)

    def integral(self, energy_min: u.Quantity, energy_max: u.Quantity) -> u.Quantity:
        """Flux between pairs of energies."""
        return self._integrals(energy_min, energy_max, 0)[0]

    def energy_flux(self, energy_min: u.Quantity, energy_max: u.Quantity) -> u.Quantity:
        """Energy flux between pairs of energies."""
        return self._integrals(energy_min, energy_max, 1)[0]

    def integral_error(self, energy_min: u.Quantity, energy_max: u.Quantity, covariance: FloatArray) -> u.Quantity:
        """Standard deviation of `integral`, propagated linearly from the covariance (n_parameter, n_parameter)."""
        return self._integrals(energy_min, energy_max, 0, covariance)[1]

    def energy_flux_error(self, energy_min: u.Quantity, energy_max: u.Quantity, covariance: FloatArray) -> u.Quantity:
        """Standard deviation of `energy_flux`, propagated linearly from the covariance (n_parameter, n_parameter)."""
        return self._integrals(energy_min, energy_max, 1, covariance)[1]

    def dnde_error(self, energy: u.Quantity, covariance: FloatArray) -> u.Quantity:
        """Standard deviation of the differential flux: √(gᵀ C g), g the gradient, C the covariance in model units.

        Parameters
        ----------
        energy : Quantity, any shape
        covariance : array (n_parameter, n_parameter)
            In the order of `parameters`, zeros for frozen ones; `Models.covariance_of` cuts it out.

        Returns
        -------
        Quantity
            In the shape of `energy`.
        """
        values = _tev(energy)
        _, gradient = self.dnde_gradient(self.prepare(np.atleast_1d(values)), self.values)
        return u.Quantity(_propagate(gradient, covariance).reshape(values.shape), self.unit)

    def pivot_energy(self, covariance: FloatArray) -> u.Quantity:
        """Energy at which the relative error of the flux is smallest, where amplitude and index are not correlated.

        Looked for within a factor e³ of the reference energy (1 TeV where the model has none), as gammapy does; nan
        where the relative error does not depend on energy, or where its minimum lies at the end of the range.
        """
        reference = self.parameters["reference"].value if "reference" in self.parameters.names else 1.0
        values = self.values

        def relative_variance(log_energy: Any) -> Any:
            dnde, gradient = self.dnde_gradient(self.prepare(np.atleast_1d(np.exp(log_energy))), values)
            return (_propagate(gradient, covariance) / dnde) ** 2

        grid = math.log(reference) + np.linspace(-3.0, 3.0, 121)
        sampled = relative_variance(grid)
        best = int(np.argmin(np.where(np.isfinite(sampled), sampled, np.inf)))
        if not np.isfinite(sampled).any() or np.ptp(np.sqrt(sampled)) < 1e-5 or best in (0, len(grid) - 1):
            return u.Quantity(np.nan, "TeV")
        center, step = float(grid[best]), float(grid[1] - grid[0])
        for _ in range(3):  # finer and finer, then the vertex of a parabola: scipy's minimizer takes long to load
            step /= 10.0
            finer = center + step * np.arange(-10, 11)
            center = float(finer[np.argmin(relative_variance(finer))])
        below, lowest, above = relative_variance(center + step * np.array([-1.0, 0.0, 1.0]))
        bend = below - 2.0 * lowest + above
        vertex = center + 0.5 * step * (below - above) / bend if bend > 0 else center
        return u.Quantity(math.exp(vertex), "TeV")

    def _integrals(
        self, energy_min: u.Quantity, energy_max: u.Quantity, power: int, covariance: FloatArray | None = None
    ) -> tuple[u.Quantity, u.Quantity]:
        low, high = np.broadcast_arrays(_tev(energy_min), _tev(energy_max))
        compiled = self.compile_bins(low.ravel(), high.ravel(), power)
        unit = u.Unit(self.unit) * u.TeV ** (1 + power)
        error: Any = np.nan
        if covariance is None:
            flux = compiled.flux(self.values)
        else:
            flux, jacobian = compiled.flux_and_jacobian(self.values)
            error = _propagate(jacobian, covariance).reshape(low.shape)
        return u.Quantity(flux.reshape(low.shape), unit), u.Quantity(error, unit)

    # --- object ---------------------------------------------------------------------------------------------------
    def replace_parameter(self, name: str, parameter: Parameter) -> None:
        """Hold `parameter` in the place of `name`, so that two models share it."""
        object.__setattr__(self, "parameters", self.parameters.replaced(name, parameter))

    def copy(self) -> Self:
        """An independent copy."""
        return copy.deepcopy(self)

    def __getattr__(self, name: str) -> Parameter:
        if not name.startswith("_"):
            parameters = self.__dict__.get("parameters")
            if parameters is not None:
                if name in parameters.names:
                    return parameters[name]
                try:
                    parameters.place(name)
                except InputError as error:
                    raise AttributeError(str(error)) from None
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        """``model.index = 2.3`` sets the value, ``model.index = parameter`` shares one; other names are refused."""
        if isinstance(value, Parameter):
            self.replace_parameter(name, value)
        elif name in self.parameters.names:
            self.parameters[name].value = value
        elif name in self.__dict__:
            object.__setattr__(self, name, value)
        else:
            self.parameters.place(name)  # raises, with a suggestion

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        new = object.__new__(type(self))
        memo[id(self)] = new
        for name, value in self.__dict__.items():
            new.__dict__[name] = None if name == "_compiled" else copy.deepcopy(value, memo)
        return new

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpectralModel):
            return NotImplemented
        return (
            type(self) is type(other)
            and list(self.parameters) == list(other.parameters)
            and self.options == other.options
        )

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: "SpectralModel") -> "SpectralModel":
        return self._join(other, "add")

    def __sub__(self, other: "SpectralModel") -> "SpectralModel":
        return self._join(other, "sub")

    def __mul__(self, other: "SpectralModel") -> "SpectralModel":
        return self._join(other, "mul")

    def __truediv__(self, other: "SpectralModel") -> "SpectralModel":
        return self._join(other, "truediv")

    def _join(self, other: object, operator: str) -> "SpectralModel":
        from gammapy_hli.engine.models.spectral.compound import CompoundSpectralModel  # late: it is built on this class

        return CompoundSpectralModel(self, other, operator)

    def summary(self) -> dict[str, Any]:
        """Type and parameters."""
        return {
            "type": self.tag,
            **{name: _shown(p) for name, p in zip(self.parameters.names, self.parameters, strict=True)},
        }


def _tev(energy: u.Quantity) -> FloatArray:
    """The energies as plain numbers in TeV."""
    try:
        return np.asarray(u.Quantity(energy).to_value("TeV"), dtype=float)
    except u.UnitConversionError:
        unit = u.Quantity(energy).unit
        raise InputError(
            f"energy has unit {unit.to_string() or '(none)'}; expected a unit convertible to TeV"
        ) from None


def _propagate(gradient: FloatArray, covariance: FloatArray) -> FloatArray:
    """√(gᵀ C g) for a gradient (n_parameter, ...)."""
    variance = np.einsum("p...,pq,q...->...", gradient, np.asarray(covariance, dtype=float), gradient)
    return np.sqrt(np.maximum(variance, 0.0))


def _shown(parameter: Parameter) -> str:
    value = measured_text(parameter.value, parameter.error, str(parameter.unit))
    return f"{value}{' (frozen)' if parameter.frozen else ''}"
