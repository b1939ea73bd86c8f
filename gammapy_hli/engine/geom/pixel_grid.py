"""Directions and solid angles of all pixels of an image, computed once per geometry and shared.

Geometries with equal parameters share one grid as long as one of them lives; the grid of a cutout takes slices of the
grid that it was cut from.
"""

from __future__ import annotations

from collections import deque
from functools import cached_property
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.geom.projection import Projection
from gammapy_hli.engine.geom.sphere import to_icrs

Array = NDArray[np.float64]
Slices = tuple[slice, slice]

_KEPT = 4  # grids that stay although nothing uses them: geometries are often made, used and made again


class PixelGrid:
    """Arrays of shape (ny, nx), read-only, made when first asked for.

    Parameters
    ----------
    projection : Projection
    shape : (int, int)
        Number of pixels (ny, nx).
    parent, slices : PixelGrid, slices, optional
        A larger grid that holds these pixels, and where.
    """

    def __init__(
        self,
        projection: Projection,
        shape: tuple[int, int],
        parent: PixelGrid | None = None,
        slices: Slices | None = None,
    ):
        self.projection = projection
        self.shape = shape
        self._parent = parent
        self._slices = slices

    @cached_property
    def lonlat(self) -> tuple[Array, Array]:
        """Directions (lon, lat) [rad] of the pixel centers in the own frame; nan off the sphere."""
        cut = self._cut_from_parent("lonlat")
        if cut is not None:
            return cut[0], cut[1]
        ny, nx = self.shape
        lon, lat = self.projection.to_sky(np.arange(nx)[None, :], np.arange(ny)[:, None])
        return _frozen(lon), _frozen(lat)

    @cached_property
    def icrs(self) -> tuple[Array, Array]:
        """Right ascension and declination [rad] of the pixel centers."""
        if self.projection.frame == "icrs":
            return self.lonlat
        cut = self._cut_from_parent("icrs")
        if cut is not None:
            return cut[0], cut[1]
        lon, lat = to_icrs(*self.lonlat, self.projection.frame)
        return _frozen(lon), _frozen(lat)

    @cached_property
    def solid_angle(self) -> Array:
        """Solid angle [sr] of each pixel; nan where a corner is off the sphere."""
        cut = self._cut_from_parent("solid_angle")
        if cut is not None:
            return cut[0]
        ny, nx = self.shape
        lon, lat = self.projection.to_sky(np.arange(nx + 1)[None, :] - 0.5, np.arange(ny + 1)[:, None] - 0.5)
        return _frozen(pixel_solid_angle(lon, lat))

    def _cut_from_parent(self, name: str) -> tuple[Array, ...] | None:
        """Views of the parent's arrays, where it has them, or would be asked for a good part of them."""
        parent = self._parent
        if parent is None or self._slices is None:
            return None
        if name not in parent.__dict__ and 4 * np.prod(self.shape) < np.prod(parent.shape):
            return None
        arrays = getattr(parent, name)
        return tuple(_[self._slices] for _ in (arrays if isinstance(arrays, tuple) else (arrays,)))


_GRIDS: WeakValueDictionary[tuple[Projection, tuple[int, int]], PixelGrid] = WeakValueDictionary()
_RECENT: deque[PixelGrid] = deque(maxlen=_KEPT)


def shared_grid(
    projection: Projection, shape: tuple[int, int], parent: PixelGrid | None = None, slices: Slices | None = None
) -> PixelGrid:
    """The grid of these parameters: the one that is there already, or a new one."""
    key = (projection, shape)
    grid = _GRIDS.get(key)
    if grid is None:
        grid = _GRIDS[key] = PixelGrid(projection, shape, parent, slices)
    if grid not in _RECENT:
        _RECENT.append(grid)
    return grid


def pixel_solid_angle(lon: Array, lat: Array) -> Array:
    """Solid angle [sr] of pixels from the directions of their corners.

    A pixel is two plane triangles, each with two of its sides a, b and the angle between them at their common corner:
    (a b |sin| ) / 2. Sides are separations, angles are differences of position angles (NUMERICS B.3). That is too small
    by a sixth of the square of the pixel size [rad]. gammapy 2.1 takes an angle of the second triangle from another
    corner, which near a pole, where north is elsewhere in each corner, halves single pixels.

    Parameters
    ----------
    lon, lat : array, shape (ny + 1, nx + 1)
        Directions of the corners [rad].

    Returns
    -------
    solid_angle : array, shape (ny, nx)
    """
    sin, cos = np.sin(lat), np.cos(lat)
    right, left = _sides(lon[:, 1:] - lon[:, :-1], sin[:, :-1], cos[:, :-1], sin[:, 1:], cos[:, 1:])
    up, down = _sides(lon[1:] - lon[:-1], sin[:-1], cos[:-1], sin[1:], cos[1:])
    first = _cross(*(_[1:] for _ in right), *(_[:, :-1] for _ in down))
    second = _cross(*(_[:-1] for _ in left), *(_[:, 1:] for _ in up))
    return np.abs(0.5 * (first + second))


def _sides(dlon: Array, sin1: Array, cos1: Array, sin2: Array, cos2: Array) -> tuple[tuple[Array, Array], ...]:
    """Sides of pixels as vectors (east, north) [rad] as long as the separation, from start and from end."""
    sin_dlon, cos_dlon = np.sin(dlon), np.cos(dlon)
    east, north = sin_dlon * cos2, sin2 * cos1 - cos2 * sin1 * cos_dlon
    length = np.sqrt(east * east + north * north)
    with np.errstate(invalid="ignore", divide="ignore"):
        stretch = np.arctan2(length, sin1 * sin2 + cos1 * cos2 * cos_dlon) / length
    stretch = np.where(length == 0, 1.0, stretch)
    back = sin1 * cos2 - cos1 * sin2 * cos_dlon
    return (east * stretch, north * stretch), (-sin_dlon * cos1 * stretch, back * stretch)


def _cross(east1: Array, north1: Array, east2: Array, north2: Array) -> Array:
    return east1 * north2 - north1 * east2


def _frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array
