"""Spatial models on the pixels of an image: integrals with the oversampling of gammapy (NUMERICS B.15).

A fit integrates one model thousands of times on one image with slightly other values, so an integrator keeps what does
not depend on them: the unit vectors of the pixels, the rotation between the frames, the last fine grid.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.geom.sphere import from_icrs, to_icrs, to_unit_vectors
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.spatial_shapes import Offsets, Shape, rotation

__all__ = ["MAX_OVERSAMPLING", "ConstantIntegrator", "Integrator", "PointIntegrator", "ShapeIntegrator"]

Array = NDArray[np.float64]
Box = tuple[slice, slice]

MAX_OVERSAMPLING = 200


class Integrator(Protocol):
    """One model on one image."""

    def integrate(self, values: Array) -> Array:
        """Share of the flux in each pixel, shape (ny, nx), at the values of all parameters of the model."""
        ...


class PointIntegrator:
    """A point source: bilinear weights on the four pixels around it, so that the centroid is kept.

    Parameters
    ----------
    geometry : WcsGeometry
    frame : str
        Frame of the position.
    """

    def __init__(self, geometry: WcsGeometry, frame: str):
        self._geometry = geometry
        self._frame = frame

    def pixel(self, values: Array) -> tuple[float, float]:
        """Position (x, y) in pixels, counted from 0; nan where the projection has none."""
        lon: Any = math.radians(values[0])
        lat: Any = math.radians(values[1])
        if self._frame != self._geometry.frame:
            lon, lat = from_icrs(*to_icrs(lon, lat, self._frame), self._geometry.frame)
        x, y = self._geometry.to_pixel(lon, lat)
        return float(x), float(y)

    def weights(self, values: Array) -> list[tuple[int, int, float]]:
        """(row, column, weight) of the pixels of the image around the position; those outside are left out."""
        x, y = self.pixel(values)
        if not (math.isfinite(x) and math.isfinite(y)):
            return []
        column, row = math.floor(x), math.floor(y)
        ny, nx = self._geometry.shape
        return [
            (j, i, (1.0 - abs(x - i)) * (1.0 - abs(y - j)))
            for j in (row, row + 1)
            for i in (column, column + 1)
            if 0 <= i < nx and 0 <= j < ny and abs(x - i) < 1 and abs(y - j) < 1
        ]

    def integrate(self, values: Array) -> Array:
        """Weights on the pixels of the image, (ny, nx)."""
        image = np.zeros(self._geometry.shape)
        for row, column, weight in self.weights(values):
            image[row, column] = weight
        return image


class ConstantIntegrator:
    """The same brightness [sr-1] everywhere: times the solid angle of each pixel."""

    def __init__(self, geometry: WcsGeometry):
        self._geometry = geometry

    def integrate(self, values: Array) -> Array:
        """Brightness times solid angle, (ny, nx)."""
        return np.nan_to_num(float(values[0]) * self._geometry.solid_angle())


class ShapeIntegrator:
    """A formula, evaluated on pixels that are divided finely enough.

    Pixels are divided by f = ceil(pixel size / bin size of the model), at most 200. Where f is 1 the model is evaluated
    at the centers of all pixels of the image; else only in a box of the evaluation radius, and averaged. Where the
    box lies outside of the image f is 1. What 200 parts do not resolve counts as large as what they do, so that a size
    of zero is a point and keeps its flux.

    Parameters
    ----------
    shape : Shape
    geometry : WcsGeometry
    frame : str
        Frame of the model.
    """

    def __init__(self, shape: Shape, geometry: WcsGeometry, frame: str):
        self._shape = shape
        self._geometry = geometry
        self._center = PointIntegrator(geometry, frame)
        self._to_map = None if frame == geometry.frame else rotation(frame, geometry.frame)
        self._pixel = float(geometry.pixel_size.value.max())
        self._fine: tuple[Any, Array] | None = None

    def integrate(self, values: Array) -> Array:
        """Brightness times solid angle, (ny, nx)."""
        factor = self.oversampling(values)
        if factor == MAX_OVERSAMPLING:
            values = self._shape.smallest(values, self._pixel / MAX_OVERSAMPLING)
        box = self._box(values) if factor > 1 else None
        if box is None:
            return np.nan_to_num(self._brightness(self._vectors, values) * self._geometry.solid_angle(), copy=False)
        fine = self._brightness(self._fine_vectors(box, factor), values)
        rows, columns = fine.shape
        image = np.zeros(self._geometry.shape)
        image[box] = fine.reshape(rows // factor, factor, columns // factor, factor).mean(axis=(1, 3))
        image[box] *= self._geometry.solid_angle()[box]
        return np.nan_to_num(image, copy=False)

    def oversampling(self, values: Array) -> int:
        """Into how many parts each side of a pixel is divided."""
        bin_size = self._shape.bin_size(values)
        if not bin_size > 0:
            return MAX_OVERSAMPLING
        return min(math.ceil(self._pixel / bin_size), MAX_OVERSAMPLING)

    def _brightness(self, vectors: Array, values: Array) -> Array:
        return self._shape.brightness(Offsets(vectors, values[0], values[1], self._to_map), values)

    def _box(self, values: Array) -> Box | None:
        """Pixels within the evaluation radius, as a square; None where that is outside of the image."""
        x, y = self._center.pixel(values)
        width = 2.0 * max(self._shape.radius(values), self._pixel)
        sides = []
        for at, size, available in zip(
            (y, x), self._geometry.pixel_size.value[::-1], self._geometry.shape, strict=True
        ):
            if not math.isfinite(at):
                return None
            n = round(max(width / float(size), 1.0))
            start = math.ceil(at - n / 2)
            first, last = max(0, start), min(available, start + n)
            if first >= last:
                return None
            sides.append(slice(first, last))
        return sides[0], sides[1]

    @cached_property
    def _vectors(self) -> Array:
        """Unit vectors (3, ny, nx) of the centers of all pixels."""
        return to_unit_vectors(*self._geometry.lonlat())

    def _fine_vectors(self, box: Box, factor: int) -> Array:
        """Unit vectors of the parts of the pixels of a box; the last ones are kept."""
        key = (box[0].start, box[0].stop, box[1].start, box[1].stop, factor)
        if self._fine is None or self._fine[0] != key:
            y, x = ((np.arange(s.start * factor, s.stop * factor) + 0.5) / factor - 0.5 for s in box)
            self._fine = key, to_unit_vectors(*self._geometry.to_sky(x[None, :], y[:, None]))
        return self._fine[1]
