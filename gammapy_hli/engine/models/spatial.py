"""Spatial models as far as 1D analyses need them: type, frame, parameters, position. One class for all types."""

from typing import Any

from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.models.catalogue import resolve_tag
from gammapy_hli.engine.models.entries import ModelEntry
from gammapy_hli.engine.models.parameter import Parameter, Parameters

__all__ = ["SpatialModel"]


class SpatialModel(Summary):
    """A spatial model of any type of the table.

    Parameters
    ----------
    type : str
        Tag, long or short: 'point', 'gauss', ...
    frame : str
        'icrs' or 'galactic'.
    **values
        Parameters (numbers in the unit of the table, texts or Quantities) and other options of the type.

    Examples
    --------
    >>> point = SpatialModel("point", lon_0="83.63 deg", lat_0="22.01 deg")
    >>> point.parameters["lon_0"].value
    83.63
    """

    def __init__(self, type: str, frame: str | None = None, **values: Any):
        self.entry: ModelEntry = resolve_tag(type, "spatial")
        self.parameters = Parameters((Parameter.from_entry(entry) for entry in self.entry.parameters), owner=self.tag)
        self.options: dict[str, Any] = {
            option.name: option.default for option in self.entry.options if option.default is not None
        }
        if frame is not None:
            self._set_option("frame", frame)
        for name, value in values.items():
            if name in self.entry.option_names:
                self._set_option(name, value)
            elif isinstance(value, Parameter):
                self.replace_parameter(name, value)
            else:
                self.parameters[name].value = value

    def _set_option(self, name: str, value: Any) -> None:
        option = next(option for option in self.entry.options if option.name == name)
        if option.allowed and value not in option.allowed:
            hint = did_you_mean(str(value), option.allowed)
            raise InputError(f"{self.tag}: {name} is {value!r}.{hint} Allowed: {', '.join(option.allowed)}.")
        self.options[name] = value

    @property
    def tag(self) -> str:
        """gammapy's long tag."""
        return self.entry.tag

    @property
    def frame(self) -> str:
        """Frame of the position."""
        return str(self.options.get("frame", "icrs"))

    @property
    def position(self) -> SkyCoord | None:
        """Center of the model; None for a model without one."""
        if "lon_0" not in self.parameters.names:
            return None
        lon, lat = self.parameters["lon_0"].quantity, self.parameters["lat_0"].quantity
        return SkyCoord(lon, lat, frame=self.frame)

    def replace_parameter(self, name: str, parameter: Parameter) -> None:
        """Hold `parameter` in the place of `name`, so that two models share it."""
        self.parameters = self.parameters.replaced(name, parameter)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpatialModel):
            return NotImplemented
        same = self.tag == other.tag and self.options == other.options
        return same and list(self.parameters) == list(other.parameters)

    __hash__ = None  # type: ignore[assignment]

    def summary(self) -> dict[str, Any]:
        """Type, options and parameters."""
        shown = {parameter.name: f"{parameter.value:.6g} {parameter.unit}".rstrip() for parameter in self.parameters}
        return {"type": self.tag, **self.options, **shown}
