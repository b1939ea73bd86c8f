"""Brightness from a map in a FITS file: reading, normalization, interpolation as gammapy does them (NUMERICS B.15)."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.sphere import from_icrs
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

__all__ = ["TemplateIntegrator", "TemplateMap", "read_template"]

Array = NDArray[np.float64]

_SR = u.Unit("sr-1")


@dataclass(frozen=True, eq=False)
class TemplateMap:
    """An image of brightness, interpolated linearly in the logarithm between the centers of its pixels.

    Parameters
    ----------
    geometry : WcsGeometry
    brightness : array (ny, nx)
        [sr-1]; pixels that are not finite or negative count as 0.
    """

    geometry: WcsGeometry
    brightness: Array

    @property
    def center(self) -> tuple[float, float]:
        """Longitude and latitude of the middle of the image [deg], in its frame."""
        center = self.geometry.center
        return float(center.spherical.lon.deg), float(center.spherical.lat.deg)

    @property
    def radius(self) -> float:
        """Half of the longer side [deg]."""
        return float(self.geometry.width.value.max()) / 2.0

    def place(self, values: Array) -> tuple[float, float]:
        """Position (lon_0, lat_0) [deg]: as given, or the middle of the image where that is nan."""
        lon, lat = self.center
        return lon if math.isnan(values[0]) else float(values[0]), lat if math.isnan(values[1]) else float(values[1])

    def evaluate(self, lon: Array, lat: Array, values: Array) -> Array:
        """Brightness [sr-1] at directions [rad] of the map's frame; 0 outside of the map.

        A position other than the middle of the image moves the image by the differences in longitude and latitude.
        """
        (lon_0, lat_0), (lon_map, lat_map) = self.place(values), self.center
        x, y = self.geometry.to_pixel(lon - math.radians(lon_0 - lon_map), lat - math.radians(lat_0 - lat_map))
        ny, nx = self.geometry.shape
        with np.errstate(invalid="ignore"):
            inside = (x >= -0.5) & (x < nx - 0.5) & (y >= -0.5) & (y < ny - 0.5)
        found = np.zeros(np.shape(x))
        found[inside] = self._interpolate(x[inside], y[inside])
        return found

    def _interpolate(self, x: Array, y: Array) -> Array:
        """Bilinear in the logarithm; the outer half of the edge pixels is extrapolated."""
        ny, nx = self.geometry.shape
        column, row = (np.clip(np.floor(v), 0, max(n - 2, 0)).astype(np.intp) for v, n in ((x, nx), (y, ny)))
        right, up = np.minimum(column + 1, nx - 1), np.minimum(row + 1, ny - 1)
        fx, fy = x - column, y - row
        table = self._logarithm
        lower = table[row, column] * (1 - fx) + table[row, right] * fx
        upper = table[up, column] * (1 - fx) + table[up, right] * fx
        found = np.exp(lower * (1 - fy) + upper * fy)
        return np.where(found <= 2 * np.finfo(float).tiny, 0.0, found)

    @cached_property
    def _logarithm(self) -> Array:
        return np.log(np.clip(np.nan_to_num(self.brightness, posinf=0.0), np.finfo(float).tiny, None))


class TemplateIntegrator:
    """A template on the pixels of an image: brightness at their centers times their solid angle.

    Parameters
    ----------
    template : TemplateMap
    geometry : WcsGeometry
        Where it is wanted.
    """

    def __init__(self, template: TemplateMap, geometry: WcsGeometry):
        self._template = template
        self._geometry = geometry

    @cached_property
    def _directions(self) -> tuple[Array, Array]:
        """Pixel centers in the frame of the template [rad]."""
        frame = self._template.geometry.frame
        if frame == self._geometry.frame:
            return self._geometry.lonlat()
        return from_icrs(*self._geometry.icrs(), frame)

    def integrate(self, values: Array) -> Array:
        """Share of the flux in each pixel, (ny, nx)."""
        brightness = self._template.evaluate(*self._directions, values)
        return np.nan_to_num(brightness * self._geometry.solid_angle())


def read_template(path: str | os.PathLike[str], normalize: bool = True, unit: str | None = None) -> TemplateMap:
    """Template from the first image of a FITS file; read once as long as the file does not change.

    Parameters
    ----------
    path : path
        May hold environment variables.
    normalize : bool
        Whether to scale the image to an integral of one; then its unit does not matter.
    unit : str, optional
        Unit where the file has none; default sr-1.

    Raises
    ------
    InputError
        No such file, no image in it, several energies, a unit that is not per solid angle, nothing but zeros.
    """
    full = Path(os.path.expandvars(os.path.expanduser(os.fspath(path))))
    if not full.is_file():
        raise InputError(f"template {full}: no such file; 'filename' must name a FITS image")
    stamp = full.stat()
    return _read(str(full), normalize, unit, (stamp.st_mtime_ns, stamp.st_size))


@lru_cache(maxsize=8)
def _read(path: str, normalize: bool, unit: str | None, stamp: Any) -> TemplateMap:
    try:
        with fits.open(path, memmap=False) as hdus:
            hdu = next((one for one in hdus if one.is_image and one.data is not None), None)
            if hdu is None:
                kinds = ", ".join(type(one).__name__ for one in hdus)
                raise InputError(f"template {path}: holds no image (HDUs: {kinds}); HEALPix maps are not supported")
            header, data = hdu.header, np.asarray(hdu.data, dtype=np.float64)
    except OSError as error:
        raise InputError(f"template {path}: cannot be read as FITS: {error}") from None
    image = _image(data, path)
    try:
        geometry = WcsGeometry.from_header(header)
    except ValueError as error:
        raise InputError(f"template {path}: {error}") from None
    if normalize:
        return TemplateMap(geometry, _normalized(image, geometry, path))
    return TemplateMap(geometry, image * _factor(str(header.get("BUNIT", "")).strip() or unit or "sr-1", path))


def _image(data: Array, path: str) -> Array:
    planes = data.reshape(-1, *data.shape[-2:]) if data.ndim >= 2 else data[np.newaxis]
    if data.ndim < 2 or len(planes) != 1:
        raise InputError(
            f"template {path}: data of shape {data.shape}; expected one image (ny, nx). Templates that change with"
            " energy are not supported: sum the cube over energy first."
        )
    image = planes[0]
    if not (image > 0).any():
        raise InputError(f"template {path}: no pixel is above zero; expected a map of brightness")
    return image


def _normalized(image: Array, geometry: WcsGeometry, path: str) -> Array:
    """Each pixel over the sum and over its solid angle: the sum over pixels of brightness and solid angle is one."""
    total = float(np.nansum(np.where(np.isfinite(image), image, np.nan)))
    if not total > 0:
        raise InputError(
            f"template {path}: the sum of its pixels is {total:g}; a normalized template needs more than 0"
        )
    solid_angle = geometry.solid_angle()
    return np.where(solid_angle > 0, image / np.where(solid_angle > 0, solid_angle, 1.0), 0.0) / total


def _factor(unit: str, path: str) -> float:
    try:
        got = u.Unit(unit)
        return float(got.to(_SR))
    except (ValueError, TypeError):
        raise InputError(
            f"template {path}: unit of the map (BUNIT) is '{unit}'; expected 'sr-1' or what converts to it."
            " Set BUNIT, or let the map be scaled to an integral of one with 'normalize: true'."
        ) from None
