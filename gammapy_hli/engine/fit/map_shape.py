"""The shape of a source on the bins of a map that a likelihood looks at, and its derivatives to spatial parameters.

A Poisson likelihood needs the prediction of single bins only where there are counts; of the others the sum is enough.
So the shape, exposure times the source folded with the psf, is kept on the pixels with counts and as a sum over the
used pixels of each energy. Beside it: map_view.py makes the statistic of them.

Derivatives: a point source is four weighted copies of the kernel, kept one by one, so that moving inside a pixel costs
nothing and derivatives are exact, with a kink where the source crosses a line of pixel centers. Other shapes take
central differences with a fixed step: a tenth of a pixel where they are smooth; half a pixel where they have a sharp
edge, whose sampling jumps from pixel to pixel.
"""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.spatial_integral import PointIntegrator
from gammapy_hli.engine.predict.map import MapEvaluator

Array = NDArray[np.float64]
Index = NDArray[np.intp]

SMOOTH_STEP = 0.1
SHARP_STEP = 0.5
"""Steps of positions and sizes [pixels]."""
PLAIN_STEP = 0.01
"""Step of parameters without unit."""
ANGLE_STEP = 1.0
"""Step of the position angle of an elongated source [deg]."""
_POINT_STEP = 1e-5  # [deg] for the derivative of pixel coordinates, which is smooth
SHARP = ("DiskSpatialModel", "ShellSpatialModel", "Shell2SpatialModel", "TemplateSpatialModel")
"""Shapes whose sampling jumps from pixel to pixel."""
_KEPT = 4
_KEPT_COPIES = 36


@dataclass(frozen=True, eq=False)
class HitBins:
    """Bins of a map whose prediction is wanted one by one.

    Attributes
    ----------
    row : int array (n_hits,)
        Number of the energy among those that are used.
    column : int array (n_hits,)
        Number of the pixel in ``pixels``.
    pixels : int array (n_pixels,)
        Pixels, row * nx + column, with any hit.
    """

    row: Index
    column: Index
    pixels: Index

    @classmethod
    def of_table(cls, table: NDArray[np.bool_]) -> "HitBins":
        """The bins of a table (n_energies, ny * nx) that are True, in its order."""
        row, pixel = np.nonzero(table)
        pixels = np.flatnonzero(table.any(axis=0))
        number = np.zeros(table.shape[1], dtype=np.intp)
        number[pixels] = np.arange(len(pixels))
        return cls(row, number[pixel], pixels)


@dataclass(frozen=True, eq=False)
class Folded:
    """A shape, or a derivative of it, reduced to what the likelihood needs.

    Attributes
    ----------
    hit : array (nt, m) [cm2 s]
        On the pixels with hits inside the box of the source.
    total : array (nt, n_energies) [cm2 s]
        Sum over the used pixels of each energy.
    is_positive : bool
        Whether it is nowhere negative but for rounding.
    """

    hit: Array
    total: Array
    is_positive: bool


class SourceShape:
    """The shape of one source on the bins of one likelihood.

    Parameters
    ----------
    evaluator : MapEvaluator
        Of a source that reaches the map.
    used : bool array (n_energies, ny * nx)
        The used bins of the used energies.
    hits : HitBins
        Some of them.
    n_columns : int
        nx, pixels in a row of the map.

    Attributes
    ----------
    flat : int array (n_inside,)
        Hits inside the box, as places among all hits.
    row, column : int arrays (n_inside,)
        Where they stand in a table (n_energies, m).
    """

    def __init__(self, evaluator: MapEvaluator, used: NDArray[np.bool_], hits: HitBins, n_columns: int):
        self.evaluator = evaluator
        response, spatial = evaluator.response, evaluator.model.spatial
        assert response is not None  # made for sources inside only
        assert spatial is not None
        self._response = response
        self.spatial: SpatialModel = spatial
        self._integrator = spatial.integrator(response.geometry)
        rows, columns = (np.arange(part.start, part.stop) for part in response.box)
        numbers = (rows[:, np.newaxis] * n_columns + columns).ravel()
        local = np.full(used.shape[1], -1, dtype=np.intp)
        local[numbers] = np.arange(len(numbers))
        place = local[hits.pixels]
        self._local = place[place >= 0]
        order = np.cumsum(place >= 0) - 1
        self.flat = np.flatnonzero(place[hits.column] >= 0)
        self.row, self.column = hits.row[self.flat], order[hits.column[self.flat]]
        part = used[:, numbers]
        self._n_energies = len(used)
        self._used = None if part.all() else part.T.astype(np.float64)
        self._kept: OrderedDict[bytes, Folded] = OrderedDict()
        self._copies: OrderedDict[tuple[int, int], Folded] = OrderedDict()
        self._slopes: tuple[tuple[bytes, tuple[int, ...]], list[Folded]] | None = None
        self._pixel = float(response.geometry.pixel_size.value.max())

    @property
    def n_pixels(self) -> int:
        """Number of pixels with hits inside the box."""
        return len(self._local)

    def at(self, values: Array) -> Folded:
        """The shape at values of the spatial parameters; the last few are kept."""
        key = values.tobytes()
        found = self._kept.get(key)
        if found is None:
            if isinstance(self._integrator, PointIntegrator):
                found = self._sum_copies(self._integrator.weights(values))
            else:
                found = self._fold(self.evaluator.shape(values))
            while len(self._kept) >= _KEPT:
                self._kept.popitem(last=False)
            self._kept[key] = found
        return found

    def slopes(self, values: Array, wanted: Sequence[int], bounds: tuple[Array, Array]) -> list[Folded]:
        """Derivatives to some of the spatial parameters, by number; steps stay inside ``bounds`` (n_spatial,)."""
        key = (values.tobytes(), tuple(wanted))
        if self._slopes is None or self._slopes[0] != key:
            if isinstance(self._integrator, PointIntegrator):
                found = [self._point_slope(values, k) for k in wanted]
            else:
                found = [self._difference(values, k, bounds) for k in wanted]
            self._slopes = key, found
        return self._slopes[1]

    def step(self, values: Array, number: int) -> float:
        """Step of the central difference of one parameter, in its unit."""
        parameter = self.spatial.parameters[number]
        name, value = parameter.name, float(values[number])
        pixel = (SHARP_STEP if self.spatial.tag in SHARP else SMOOTH_STEP) * self._pixel
        if name == "lon_0":
            return pixel / max(math.cos(math.radians(float(values[number + 1]))), 0.01)
        if name == "lat_0":
            return pixel
        if name == "phi":
            return ANGLE_STEP
        if name == "e":  # the minor axis goes with the root of 1 - e^2: no step reaches the line that 1 would be
            return min(PLAIN_STEP, SMOOTH_STEP * max(1.0 - value, 0.0))
        if parameter.unit == "deg":
            return min(pixel, SMOOTH_STEP * value) if value > 0 else pixel
        return PLAIN_STEP * (abs(value) or 1.0) if parameter.unit else PLAIN_STEP

    # --- inside -----------------------------------------------------------------------------------------------------
    def _fold(self, shape: Array) -> Folded:
        flat = shape.reshape(len(shape), -1)
        if self._used is None:
            total = np.repeat(flat.sum(axis=1)[:, np.newaxis], self._n_energies, axis=1)
        else:
            total = flat @ self._used
        is_positive = bool(flat.size == 0 or flat.min() >= -1e-12 * flat.max())
        return Folded(np.ascontiguousarray(flat[:, self._local]), total, is_positive)

    def _fold_image(self, image: Array) -> Folded:
        """Exposure times an image folded with the psf."""
        psf, exposure = self._response.psf, self._response.exposure
        return self._fold(exposure * (image if psf is None else psf.fold(image)))

    def _difference(self, values: Array, number: int, bounds: tuple[Array, Array]) -> Folded:
        step = self.step(values, number)
        high, low = values.copy(), values.copy()
        high[number] = min(values[number] + step, max(bounds[1][number], values[number]))
        low[number] = max(values[number] - step, min(bounds[0][number], values[number]))
        width = high[number] - low[number]
        if not width > 0:
            return self._fold_image(np.zeros(self._response.geometry.shape))
        image = (self._integrator.integrate(high) - self._integrator.integrate(low)) / width
        return self._fold_image(image)

    def _point_slope(self, values: Array, number: int) -> Folded:
        """Exact: the four weights are products of straight lines in the pixel coordinates."""
        assert isinstance(self._integrator, PointIntegrator)
        high, low = values.copy(), values.copy()
        high[number] += _POINT_STEP
        low[number] -= _POINT_STEP
        x, y = self._integrator.pixel(values)
        (x_high, y_high), (x_low, y_low) = self._integrator.pixel(high), self._integrator.pixel(low)
        dx, dy = (x_high - x_low) / (2 * _POINT_STEP), (y_high - y_low) / (2 * _POINT_STEP)
        weights = []
        if all(map(math.isfinite, (x, y, dx, dy))):
            column, row = math.floor(x), math.floor(y)
            ny, nx = self._response.geometry.shape
            for j, sign_y in ((row, -1.0), (row + 1, 1.0)):
                for i, sign_x in ((column, -1.0), (column + 1, 1.0)):
                    if 0 <= i < nx and 0 <= j < ny:
                        weight = dx * sign_x * (1 - abs(y - j)) + dy * sign_y * (1 - abs(x - i))
                        weights.append((j, i, weight))
        return self._sum_copies(weights)

    def _sum_copies(self, weights: list[tuple[int, int, float]]) -> Folded:
        """Sum of point sources at pixel centers, (row, column, weight) each."""
        if not weights:
            return self._fold_image(np.zeros(self._response.geometry.shape))
        parts = [(weight, self._copy(row, column)) for row, column, weight in weights]
        hit = sum(weight * part.hit for weight, part in parts)
        total = sum(weight * part.total for weight, part in parts)
        return Folded(np.asarray(hit), np.asarray(total), all(part.is_positive for _, part in parts))

    def _copy(self, row: int, column: int) -> Folded:
        """A point source at the center of a pixel; the last ones are kept."""
        found = self._copies.get((row, column))
        if found is None:
            psf, size = self._response.psf, self._response.geometry.shape
            if psf is None:
                image = np.zeros(size)
                image[row, column] = 1.0
                found = self._fold_image(image)
            else:
                found = self._fold(self._response.exposure * psf.fold_points([(row, column, 1.0)], size))
            while len(self._copies) >= _KEPT_COPIES:
                self._copies.popitem(last=False)
            self._copies[row, column] = found
        return found
