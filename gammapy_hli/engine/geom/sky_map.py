"""Maps: data on an image of the sky, with further axes in front, and a unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import ArrayLike, NDArray

from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.map_files import MapParts, map_hdus, map_names, map_parts, open_maps, write_hdus
from gammapy_hli.engine.geom.wcs_geometry import Slices, WcsGeometry


@dataclass(frozen=True, eq=False, repr=False)
class SkyMap(Summary):
    """Array of shape (axes ..., ny, nx) with a unit. The map sees its data read-only.

    Parameters
    ----------
    geometry : WcsGeometry
    axes : tuple of Axis
        Slowest first, in the order of the data; () for an image.
    data : array, shape (n of each axis ..., ny, nx)
    unit : unit or str
    meta : mapping
        Plain values that go into META of the file.

    Raises
    ------
    ValueError
        The shape of the data is not that of axes and geometry, or two axes have one name.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> geometry = WcsGeometry.create(SkyCoord(83.63, 22.01, unit="deg"), 1 * u.deg, 0.1 * u.deg)
    >>> energy = Axis.from_energy_bounds(1 * u.TeV, 10 * u.TeV, nbin=3)
    >>> SkyMap.zeros(geometry, [energy]).data.shape
    (3, 10, 10)
    """

    geometry: WcsGeometry
    axes: tuple[Axis, ...]
    data: NDArray[Any]
    unit: u.UnitBase = u.dimensionless_unscaled
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(self.axes))
        object.__setattr__(self, "unit", u.Unit(self.unit))
        names = [axis.name for axis in self.axes]
        if len(set(names)) < len(names):
            raise ValueError(f"map: axes are {', '.join(names)}; expected different names")
        data = np.asarray(self.data).view()
        data.flags.writeable = False
        if data.shape != self.shape:
            raise ValueError(
                f"map: data have shape {data.shape}; expected {self.shape} for ({', '.join([*names, 'lat', 'lon'])})"
            )
        object.__setattr__(self, "data", data)

    # -- makers ------------------------------------------------------------------------------------------------------

    @classmethod
    def zeros(cls, geometry: WcsGeometry, axes: Sequence[Axis] = (), unit: Any = "", dtype: Any = np.float32) -> SkyMap:
        """Map of zeros (False for bool)."""
        shape = (*(axis.nbin for axis in axes), *geometry.shape)
        return cls(geometry, tuple(axes), np.zeros(shape, dtype), u.Unit(unit))

    @classmethod
    def from_quantity(cls, geometry: WcsGeometry, axes: Sequence[Axis], values: Any) -> SkyMap:
        """Map from a Quantity (or plain array)."""
        values = u.Quantity(values, copy=False, subok=True) if hasattr(values, "unit") else np.asarray(values)
        if isinstance(values, u.Quantity):
            return cls(geometry, tuple(axes), values.value, values.unit)
        return cls(geometry, tuple(axes), values)

    def with_data(self, data: ArrayLike, unit: Any = None) -> SkyMap:
        """Map on the same pixels with other data, and another unit if one is given."""
        return replace(self, data=np.asarray(data), unit=self.unit if unit is None else u.Unit(unit))

    # -- facts -------------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of bins along each axis, then (ny, nx)."""
        return (*(axis.nbin for axis in self.axes), *self.geometry.shape)

    @property
    def quantity(self) -> u.Quantity:
        """Data with unit, without a copy."""
        return u.Quantity(self.data, self.unit, copy=False)

    @property
    def is_mask(self) -> bool:
        """Whether the data are true and false."""
        return self.data.dtype == bool

    def to(self, unit: Any) -> SkyMap:
        """Map in another unit."""
        return self.with_data(self.quantity.to_value(unit), unit)

    def as_mask(self) -> SkyMap:
        """Map of bool: True where the data are neither 0 nor nan."""
        if self.is_mask:
            return self
        return self.with_data(np.nan_to_num(self.data) != 0, "")

    def axis(self, name: str) -> Axis:
        """Axis of this name; raises ValueError naming those that are there."""
        return self.axes[self._position(name)]

    def summary(self) -> dict[str, Any]:
        """Axes, image, unit and range of the data."""
        finite = self.data[np.isfinite(self.data)]
        image = self.geometry.summary()
        return {
            "axes": ", ".join([*(f"{axis.name} ({axis.nbin})" for axis in self.axes), "lat", "lon"]),
            **image,
            "shape": self.shape,
            "unit": self.unit.to_string() or "-",
            "dtype": str(self.data.dtype),
            "min": float(finite.min()) if finite.size else None,
            "max": float(finite.max()) if finite.size else None,
        }

    # -- values at directions ----------------------------------------------------------------------------------------

    def interp(self, lon: Any, lat: Any, outside: float | None = None) -> NDArray[np.float64]:
        """Bilinear interpolation in pixels.

        Parameters
        ----------
        lon, lat : array or Quantity
            Directions in the frame of the geometry; bare numbers are in [rad].
        outside : float, optional
            Value for directions that lie in no pixel; default: extrapolate linearly.

        Returns
        -------
        values : array, shape (axes ..., *shape of lon)
            Values in the unit of the map. Data that are not finite count as 0.
        """
        x, y = self.geometry.to_pixel(lon, lat)
        data = self.data.astype(np.float64)
        data[~np.isfinite(data)] = 0.0
        column, right = _cell(x, self.geometry.shape[1])
        row, up = _cell(y, self.geometry.shape[0])
        next_row, next_column = _next(row, self.geometry.shape[0]), _next(column, self.geometry.shape[1])
        lower = data[..., row, column] * (1 - right) + data[..., row, next_column] * right
        upper = data[..., next_row, column] * (1 - right) + data[..., next_row, next_column] * right
        values = lower * (1 - up) + upper * up
        if outside is None:
            return values
        return np.where(self.geometry.pixel_index(x, y)[0] >= 0, values, outside)

    def nearest(self, lon: Any, lat: Any, outside: Any = np.nan) -> NDArray[Any]:
        """Value of the pixel that holds each direction [rad] of the own frame, shape (axes ..., *shape of lon)."""
        row, column = self.geometry.index(lon, lat)
        return np.where(row >= 0, self.data[..., row, column], outside)

    # -- other maps --------------------------------------------------------------------------------------------------

    def sum_over(self, name: str, keep: bool = False) -> SkyMap:
        """Map summed along an axis; `keep` leaves one bin over the whole range."""
        return self.reduce_over(name, np.sum, keep)

    def reduce_over(self, name: str, function: Callable[..., Any], keep: bool = False) -> SkyMap:
        """Map reduced along an axis by ``function(data, axis=i, keepdims=...)`` such as np.any, np.max."""
        position = self._position(name)
        middle = (self.axes[position].squash(),) if keep else ()
        axes = (*self.axes[:position], *middle, *self.axes[position + 1 :])
        return replace(self, axes=axes, data=function(self.data, axis=position, keepdims=keep))

    def slice(self, name: str, start: int, stop: int) -> SkyMap:
        """Map of the bins start..stop - 1 of an axis; no copy."""
        position = self._position(name)
        axes = list(self.axes)
        axes[position] = axes[position].slice(start, stop)
        part = (*[slice(None)] * position, slice(start, stop))
        return replace(self, axes=tuple(axes), data=self.data[part])

    def image(self, *index: int) -> SkyMap:
        """Image of one bin of every axis."""
        if len(index) != len(self.axes):
            raise ValueError(f"map: got {len(index)} indices for axes {[axis.name for axis in self.axes]}")
        return replace(self, axes=(), data=self.data[index])

    def cutout(self, center: SkyCoord, width: Any, odd: bool = False) -> SkyMap:
        """Map of a box around a direction, trimmed to this map (see `WcsGeometry.cutout`); no copy."""
        cut = self.geometry.cutout(center, width, odd)
        return replace(self, geometry=cut.geometry, data=self.data[(..., *cut.big)])

    def part(self, slices: Slices) -> SkyMap:
        """Map of some rows and columns; no copy."""
        cut = self.geometry.part(slices)
        return replace(self, geometry=cut.geometry, data=self.data[(..., *cut.big)])

    def downsample(self, factor: int, mean: bool = False) -> SkyMap:
        """Map with factor x factor pixels joined: summed, or averaged."""
        geometry = self.geometry.downsample(factor)
        ny, nx = geometry.shape
        blocks = self.data.reshape(*self.data.shape[:-2], ny, factor, nx, factor)
        return replace(self, geometry=geometry, data=(np.mean if mean else np.sum)(blocks, axis=(-3, -1)))

    # -- files -------------------------------------------------------------------------------------------------------

    def to_hdus(self, name: str = "PRIMARY") -> list[Any]:
        """FITS image and, where there are axes, its table (NUMERICS C.1)."""
        return map_hdus(name, MapParts(self.geometry, self.axes, self.data, self.unit, self.meta))

    @classmethod
    def from_hdus(cls, hdus: Any, name: str | None = None) -> SkyMap:
        """Map from the HDUs of an open file: the image of this name, default the first one."""
        parts = map_parts(hdus, name)
        return cls(parts.geometry, parts.axes, parts.data, parts.unit, parts.meta)

    def write(self, path: Path | str, name: str = "PRIMARY", overwrite: bool = False) -> Path:
        """Write a file with this map alone; gammapy's ``Map.read`` reads it."""
        return write_maps(path, {name: self}, overwrite=overwrite)

    @classmethod
    def read(cls, path: Path | str, name: str | None = None) -> SkyMap:
        """Read one map of a file, of any that gammapy writes, or a Fermi-LAT cube.

        Raises
        ------
        InputError
            The file is missing or damaged, or holds no such map.
        """
        with open_maps(path) as hdus:
            return cls.from_hdus(hdus, name)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _position(self, name: str) -> int:
        names = [axis.name for axis in self.axes]
        if name not in names:
            raise ValueError(
                f"map has no axis '{name}'; axes are {', '.join(names) or 'none'}.{did_you_mean(name, names)}"
            )
        return names.index(name)


def write_maps(
    path: Path | str, maps: Mapping[str, SkyMap], overwrite: bool = False, extra: Iterable[Any] = ()
) -> Path:
    """Write several maps, by the names of their HDUs, and further HDUs to one file, whole or not at all."""
    hdus = [hdu for name, one in maps.items() for hdu in one.to_hdus(name)]
    return write_hdus(path, [*hdus, *extra], overwrite)


def read_maps(path: Path | str) -> dict[str, SkyMap]:
    """All maps of a file by the names of their HDUs."""
    with open_maps(path) as hdus:
        return {name: SkyMap.from_hdus(hdus, name) for name in map_names(hdus)}


def _cell(position: NDArray[np.float64], n: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Lower pixel of the pair that brackets each position (the outermost pair beyond the edge), and the rest."""
    if n == 1:
        return np.zeros(np.shape(position), dtype=np.intp), np.where(np.isfinite(position), 0.0, np.nan)
    low = np.clip(np.floor(np.where(np.isfinite(position), position, 0)), 0, n - 2)
    return low.astype(np.intp), position - low


def _next(index: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    return np.minimum(index + 1, n - 1)
