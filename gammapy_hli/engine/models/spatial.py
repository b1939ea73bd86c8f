"""Spatial models as people hold them: type, frame, parameters, position, brightness. One class for all types.

The formulas are in `spatial_shapes.py`, maps from files in `spatial_template.py`, integrals over pixels in
`spatial_integral.py`.
"""

import math
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.geom.sphere import to_radians, to_unit_vectors
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.catalogue import resolve_tag
from gammapy_hli.engine.models.entries import ModelEntry
from gammapy_hli.engine.models.parameter import Parameter, Parameters
from gammapy_hli.engine.models.spatial_integral import (
    ConstantIntegrator,
    Integrator,
    PointIntegrator,
    ShapeIntegrator,
)
from gammapy_hli.engine.models.spatial_shapes import SHAPES, Offsets
from gammapy_hli.engine.models.spatial_template import TemplateIntegrator, TemplateMap, read_template

__all__ = ["SpatialModel"]

Array = NDArray[np.float64]


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
        """Frame of the position; that of the map for a template."""
        return self.template.geometry.frame if self.is_template else str(self.options.get("frame", "icrs"))

    @property
    def is_point(self) -> bool:
        """Whether it is a point source."""
        return self.tag == "PointSpatialModel"

    @property
    def is_template(self) -> bool:
        """Whether its brightness comes from a map."""
        return self.tag == "TemplateSpatialModel"

    @property
    def is_everywhere(self) -> bool:
        """Whether it has no position and fills the sky."""
        return "lon_0" not in self.parameters.names

    @property
    def template(self) -> TemplateMap:
        """The map of a template model, read when it is first asked for."""
        unit = self.options.get("unit")
        return read_template(
            self.options["filename"], bool(self.options["normalize"]), None if unit is None else str(unit)
        )

    @property
    def values(self) -> Array:
        """Values of all parameters in their units, shape (n_parameter,)."""
        return np.array([parameter.value for parameter in self.parameters], dtype=float)

    @property
    def position(self) -> SkyCoord | None:
        """Center of the model; None for a model without one."""
        place = self.place(self.values)
        return None if place is None else SkyCoord(*place, unit="deg", frame=self.frame)

    @property
    def evaluation_radius(self) -> u.Quantity | None:
        """Distance [deg] from the center beyond which it hardly shines; 0 for a point, None where it fills the sky."""
        radius = self.radius(self.values)
        return None if radius is None else radius * u.deg

    # --- pure functions of the values of the parameters ---------------------------------------------------------------
    def place(self, values: Array) -> tuple[float, float] | None:
        """Longitude and latitude [deg] of the center in the model's frame; None for a model without one."""
        if self.is_everywhere:
            return None
        if self.is_template and (math.isnan(values[0]) or math.isnan(values[1])):
            return self.template.place(values)
        return float(values[0]), float(values[1])

    def radius(self, values: Array) -> float | None:
        """`evaluation_radius` as a number [deg]."""
        if self.is_point:
            return 0.0
        if self.is_template:
            return self.template.radius
        return float(SHAPES[self.tag].radius(values)) if self.tag in SHAPES else None

    def evaluate(self, lon: Any, lat: Any, values: Array | None = None) -> Array:
        """Brightness in directions of the model's frame.

        Parameters
        ----------
        lon, lat : array, same shape [rad], or Quantity
        values : array (n_parameter,), optional
            Instead of the model's own values.

        Returns
        -------
        array
            [sr-1], in the shape of `lon`.

        Raises
        ------
        InputError
            A point source has no brightness; integrate it.
        """
        values = self.values if values is None else np.asarray(values, dtype=float)
        lon, lat = np.broadcast_arrays(to_radians(lon), to_radians(lat))
        if self.is_point:
            raise InputError("a point source has no brightness, only a flux; use integrate(geometry)")
        if self.is_template:
            return self.template.evaluate(lon, lat, values)
        if self.tag not in SHAPES:
            return np.full(lon.shape, float(values[0]))
        return SHAPES[self.tag].brightness(Offsets(to_unit_vectors(lon, lat), values[0], values[1]), values)

    def integrator(self, geometry: WcsGeometry) -> Integrator:
        """The model bound to an image, for thousands of evaluations: ``integrate(values)``."""
        if self.is_point:
            return PointIntegrator(geometry, self.frame)
        if self.is_template:
            return TemplateIntegrator(self.template, geometry)
        if self.tag not in SHAPES:
            return ConstantIntegrator(geometry)
        return ShapeIntegrator(SHAPES[self.tag], geometry, self.frame)

    def integrate(self, geometry: WcsGeometry, values: Array | None = None) -> Array:
        """Share of the flux in each pixel of an image, shape (ny, nx), with gammapy's oversampling (NUMERICS B.15).

        Examples
        --------
        >>> from astropy import units as u
        >>> from astropy.coordinates import SkyCoord
        >>> geometry = WcsGeometry.create(SkyCoord(83.63, 22.01, unit="deg"), 1 * u.deg, 0.02 * u.deg)
        >>> gauss = SpatialModel("gauss", lon_0="83.63 deg", lat_0="22.01 deg", sigma="0.05 deg")
        >>> round(float(gauss.integrate(geometry).sum()), 4)
        1.0
        """
        return self.integrator(geometry).integrate(self.values if values is None else np.asarray(values, dtype=float))

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
