"""Directions of gamma rays from an extended source, drawn from the shape of its spatial model.

The shape is cut into small cells around its center (or into parts of the pixels of a template); an event takes a cell
by its share of the flux and a place in it at random. `source_events.py` has what does not depend on the shape.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.sphere import offset_by, to_icrs
from gammapy_hli.engine.models.spatial import SpatialModel

Array = NDArray[np.float64]

N_RADII, N_ANGLES = 400, 180
"""Cells from the center to the evaluation radius and around it: far smaller than the point spread function."""
TEMPLATE_PARTS = 4
"""Parts of a pixel of a template along each axis."""


@dataclass(frozen=True, eq=False)
class SkyCells:
    """An extended source in cells.

    Attributes
    ----------
    share : array, shape (n,)
        Flux of each cell in units of the spectral model's flux; the sum is one but for what lies outside the evaluation
        radius, or what a template that is not normalized holds.
    lon, lat : array, shape (n,) [rad]
        Middle of each cell, icrs.
    """

    share: Array
    lon: Array
    lat: Array

    def place(self, rng: np.random.Generator, cell: NDArray[np.intp]) -> tuple[Array, Array]:
        """A random direction [rad], icrs, in each of the given cells."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class PolarCells(SkyCells):
    """Cells between circles and rays around a center.

    Attributes
    ----------
    center : tuple of float [rad]
        In `frame`.
    frame : str
    versine : array, shape (n_radii + 1,)
        1 - cos(distance) of the circles; equal solid angles between equal steps of it.
    n_angles : int
        Number of rays; cell i lies between circles i // n_angles and the next.
    """

    center: tuple[float, float]
    frame: str
    versine: Array
    n_angles: int

    def place(self, rng: np.random.Generator, cell: NDArray[np.intp]) -> tuple[Array, Array]:
        ring, ray = np.divmod(cell, self.n_angles)
        versine = self.versine[ring] + rng.random(len(cell)) * np.diff(self.versine)[ring]
        angle = 2.0 * np.pi * (ray + rng.random(len(cell))) / self.n_angles
        return to_icrs(*offset_by(*self.center, angle, _distance(versine)), self.frame)


@dataclass(frozen=True, eq=False)
class PixelCells(SkyCells):
    """Parts of the pixels of a template.

    Attributes
    ----------
    model : SpatialModel
    x, y : array, shape (n,)
        Middle of each part in pixels of the template's image.
    shift : tuple of float [rad]
        How far the position of the model moves the image in longitude and latitude.
    """

    model: SpatialModel
    x: Array
    y: Array
    shift: tuple[float, float]

    def place(self, rng: np.random.Generator, cell: NDArray[np.intp]) -> tuple[Array, Array]:
        x, y = (at[cell] + (rng.random(len(cell)) - 0.5) / TEMPLATE_PARTS for at in (self.x, self.y))
        lon, lat = self.model.template.geometry.to_sky(x, y)
        return to_icrs(lon + self.shift[0], lat + self.shift[1], self.model.frame)


def make_sky_cells(model: SpatialModel) -> SkyCells:
    """Cut an extended model into cells.

    Raises
    ------
    InputError
        The model fills the sky, is a point, or shines nowhere.
    """
    if model.is_point or model.is_everywhere:
        raise InputError(f"{model.tag}: got a model without a size; expected a shape that ends, such as a Gaussian.")
    cells = _template_cells(model) if model.is_template else _polar_cells(model)
    if not (np.isfinite(cells.share).all() and cells.share.sum() > 0):
        shown = ", ".join(f"{p.name} {p.value:g} {p.unit}".rstrip() for p in model.parameters)
        raise InputError(f"{model.tag} with {shown} shines nowhere; expected a size above zero.")
    return cells


def _polar_cells(model: SpatialModel) -> PolarCells:
    """Rings of equal width; brightness at the middle of each cell times its solid angle."""
    place, radius = model.place(model.values), model.radius(model.values)
    assert place is not None  # the caller takes shapes only
    assert radius is not None
    center = math.radians(place[0]), math.radians(place[1])
    edges = 2.0 * np.sin(0.5 * math.radians(radius) * np.linspace(0.0, 1.0, N_RADII + 1)) ** 2
    distance = _distance(0.5 * (edges[:-1] + edges[1:]))[:, np.newaxis]
    angle = 2.0 * np.pi * (np.arange(N_ANGLES) + 0.5) / N_ANGLES
    lon, lat = offset_by(*center, angle, distance)
    solid_angle = np.diff(edges)[:, np.newaxis] * 2.0 * np.pi / N_ANGLES
    with np.errstate(all="ignore"):  # a shape without size is told by the caller
        share = np.asarray(model.evaluate(lon, lat) * solid_angle)
    places = to_icrs(lon.ravel(), lat.ravel(), model.frame)
    return PolarCells(share.ravel(), *places, center, model.frame, edges, N_ANGLES)


def _template_cells(model: SpatialModel) -> PixelCells:
    """Parts of pixels; brightness at the middle of each part times its solid angle."""
    template = model.template
    ny, nx = template.geometry.shape
    x, y = (((np.arange(n * TEMPLATE_PARTS) + 0.5) / TEMPLATE_PARTS - 0.5) for n in (nx, ny))
    x, y = (part.ravel() for part in np.meshgrid(x, y))
    place, middle = np.radians(template.place(model.values)), np.radians(template.center)
    shift = (float(place[0] - middle[0]), float(place[1] - middle[1]))
    lon, lat = template.geometry.to_sky(x, y)
    pixel = np.repeat(np.repeat(template.geometry.solid_angle(), TEMPLATE_PARTS, 0), TEMPLATE_PARTS, 1).ravel()
    lon, lat = lon + shift[0], lat + shift[1]
    share = np.nan_to_num(model.evaluate(lon, lat) * pixel / TEMPLATE_PARTS**2)
    return PixelCells(share, *to_icrs(lon, lat, model.frame), model, x, y, shift)


def _distance(versine: Array) -> Array:
    """Angle [rad] of 1 - cos(angle), exact where it is small."""
    return 2.0 * np.arcsin(np.sqrt(0.5 * versine))
