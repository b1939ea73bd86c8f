"""The arithmetic that all responses share: linear interpolation on a grid, integration of power laws, filling of gaps.

The rules are those of NUMERICS B.4 and B.6. Everything here is plain numpy, without units.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.geom.axes import Axis, scale

Array = NDArray[np.float64]
TINY = float(np.finfo(np.float32).tiny)  # smallest value that files of single precision can hold


def cells(nodes: Array, x: Array) -> tuple[NDArray[np.intp], Array]:
    """Lower node of the cell that each x lies in (the outer cells reach to infinity), and the fraction of the cell."""
    low = np.clip(np.searchsorted(nodes, x, side="right") - 1, 0, len(nodes) - 2)
    return low, (x - nodes[low]) / (nodes[low + 1] - nodes[low])


def interpolate_linear(nodes: Sequence[Array], values: NDArray, coordinates: Sequence[Array]) -> Array:
    """Multilinear interpolation on a regular grid, extrapolating from the outer cells.

    Equals scipy's ``RegularGridInterpolator(bounds_error=False, fill_value=None)`` with two differences: coordinates
    are broadcast, so that index searches are done once an axis, and an axis of one node is ignored.

    Parameters
    ----------
    nodes : sequence of array, shape (n_k,)
        Increasing grid points of each axis.
    values : array, shape (n_0, n_1, ...)
        Values on the grid.
    coordinates : sequence of array
        One for each axis, broadcastable against each other.

    Returns
    -------
    array of the broadcast shape.
    """
    shape = np.broadcast_shapes(*(np.shape(_) for _ in coordinates))
    flat = np.ascontiguousarray(values).ravel()
    index: NDArray[np.intp] = np.zeros((1,) * len(shape), dtype=np.intp)
    steps: list[int] = []
    fractions: list[Array] = []
    for axis, (grid, x) in enumerate(zip(nodes, coordinates, strict=True)):
        if len(grid) == 1:
            continue
        stride = int(np.prod(values.shape[axis + 1 :], dtype=np.intp))
        low, fraction = cells(grid, np.asarray(x, dtype=np.float64))
        index = index + low * stride
        steps.append(stride)
        fractions.append(fraction)
    result = np.zeros(np.broadcast_shapes(index.shape, *(np.shape(_) for _ in fractions)))
    for corner in itertools.product((0, 1), repeat=len(steps)):
        weight: Array | float = 1.0
        for upper, fraction in zip(corner, fractions, strict=True):
            weight = weight * (fraction if upper else 1.0 - fraction)
        result = result + flat[index + int(np.dot(corner, steps))] * weight
    return np.broadcast_to(result, shape).copy() if result.shape != shape else result


def nearest_nodes(axis: Axis, x: Array) -> NDArray[np.intp]:
    """Index of the nearest center of an axis, in the scale of the axis; ties go to the lower one."""
    if axis.nbin == 1:
        return np.zeros(np.shape(x), dtype=np.intp)
    low, fraction = cells(scale(axis.center.value, axis.interp), scale(x, axis.interp))
    return np.where(fraction <= 0.5, low, low + 1)


def inside(axis: Axis, x: Array) -> NDArray[np.bool_]:
    """Whether values, in the unit of the axis, lie between its outer edges (both included). A single node has none."""
    if axis.nbin == 1 and axis.nodes is not None:
        return np.isfinite(x)
    edges = axis.edges.value
    return (x >= edges[0]) & (x <= edges[-1])


@dataclass(frozen=True, eq=False)
class ResponseGrid:
    """Values at the centers of axes, to be interpolated linearly in the scale of each axis.

    Parameters
    ----------
    axes : tuple of Axis
        Axes, in the order of the array.
    values : array, shape (axes[0].nbin, axes[1].nbin, ...)
        Values; float32 is kept as it is and widened in the sums.
    log_values : bool
        Interpolate the logarithm of the values (clipped to the smallest float32).
    """

    axes: tuple[Axis, ...]
    values: NDArray
    log_values: bool = False

    @cached_property
    def _nodes(self) -> tuple[Array, ...]:
        return tuple(scale(axis.center.value, axis.interp) for axis in self.axes)

    @cached_property
    def _scaled_values(self) -> NDArray:
        return np.log(np.clip(self.values.astype(np.float64), TINY, None)) if self.log_values else self.values

    @cached_property
    def log_limit(self) -> float:
        """Extrapolation from a cell between a value and a zero explodes: nothing is 1000 times the largest value."""
        return float(self._scaled_values.max() + np.log(1e3))

    def interpolate(self, *coordinates: Array) -> Array:
        """Values at coordinates in the units of the axes, >= 0, extrapolated beyond the axes."""
        scaled = [scale(x, axis.interp) for axis, x in zip(self.axes, coordinates, strict=True)]
        values = interpolate_linear(self._nodes, self._scaled_values, scaled)
        if self.log_values:
            values = np.exp(np.minimum(values, self.log_limit))
        return np.clip(values, 0.0, None)

    def tabulate(self, *coordinates: Array | None) -> Array:
        """Values on the outer product of coordinates, one array of shape (m_k,) an axis; None: at its own nodes.

        As they are interpolated: their logarithm where `log_values` is set, neither clipped nor cut at the edges.
        `pixel_weights` takes such tables to many places at once.
        """
        scaled = [
            nodes if x is None else scale(x, axis.interp)
            for axis, nodes, x in zip(self.axes, self._nodes, coordinates, strict=True)
        ]
        return interpolate_linear(self._nodes, self._scaled_values, np.ix_(*scaled))

    def inside(self, *coordinates: Array) -> NDArray[np.bool_]:
        """Whether coordinates lie within the edges of all axes."""
        masks = [inside(axis, np.asarray(x)) for axis, x in zip(self.axes, coordinates, strict=True)]
        return np.logical_and.reduce(np.broadcast_arrays(*masks))

    def evaluate(self, *coordinates: Array) -> Array:
        """Interpolated values, 0 outside of the axes and where they are not finite."""
        values = self.interpolate(*coordinates)
        return np.where(self.inside(*coordinates) & np.isfinite(values), values, 0.0)


def integrate_power_law(x: Array, y: Array) -> Array:
    """Integral of y between neighboring x, with y a power law between each two (NUMERICS B.6).

    With b = -ln(y1/y0) / ln(x1/x0) the integral is y0 x0 ((x1/x0)^(1-b) - 1) / (1-b); where y0 or y1 is 0 it is 0.

    Parameters
    ----------
    x : array, shape (n + 1,)
        Increasing, positive.
    y : array, shape (n + 1, ...)
        Values at x, >= 0.

    Returns
    -------
    array, shape (n, ...)
    """
    ratio = np.log(x[1:] / x[:-1]).reshape(-1, *(1,) * (y.ndim - 1))
    low, high = y[:-1], y[1:]
    positive = (low > 0) & (high > 0)
    safe_low, safe_high = np.where(positive, low, 1.0), np.where(positive, high, 1.0)
    exponent = np.log(safe_high / safe_low) + ratio  # (1 - b) ln(x1 / x0)
    small = np.abs(exponent) < 1e-12
    mean = np.where(small, 1.0, np.expm1(np.where(small, 1.0, exponent)) / np.where(small, 1.0, exponent))
    start = x[:-1].reshape(-1, *(1,) * (y.ndim - 1))
    return np.where(positive, safe_low * start * ratio * mean, 0.0)


def integrate_power_law_of_log(x: Array, log_y: Array) -> Array:
    """As `integrate_power_law`, from the logarithm of y at x, shape (n + 1, ...), all of it finite; faster.

    With z = x y the integral is ln(x1/x0) times the logarithmic mean (z1 - z0) / ln(z1 / z0).
    """
    shape = (-1, *(1,) * (log_y.ndim - 1))
    log_z = log_y + np.log(x).reshape(shape)
    steps = log_z[1:] - log_z[:-1]
    small = np.abs(steps) < 1e-4
    middle = 0.5 * (log_z[1:] + log_z[:-1])[small] if small.any() else None
    z = np.exp(log_z, out=log_z)
    mean = z[1:] - z[:-1]
    np.divide(mean, steps, out=mean, where=~small)
    if middle is not None:
        mean[small] = np.exp(middle) * (1 + steps[small] ** 2 / 24)
    mean *= np.log(x[1:] / x[:-1]).reshape(shape)
    return mean


def fill_gaps(values: NDArray) -> Array:
    """Fill zeros and non-finite values along axis 0, by linear interpolation of the logarithm over the index.

    Gaps at the ends stay as they are; so do columns without any valid value (NUMERICS B.5, step 1).
    """
    values = np.asarray(values, dtype=np.float64)
    valid = np.isfinite(values) & (values != 0)
    if valid.all():
        return values
    n = len(values)
    index = np.arange(n).reshape(-1, *(1,) * (values.ndim - 1))
    before = np.maximum.accumulate(np.where(valid, index, -1), axis=0)
    after = np.minimum.accumulate(np.where(valid, index, n)[::-1], axis=0)[::-1]
    gaps = np.nonzero(~valid & (before >= 0) & (after < n))
    low, high, column = before[gaps], after[gaps], gaps[1:]
    start, stop = (np.log(np.clip(values[(rows, *column)], TINY, None)) for rows in (low, high))
    filled = values.copy()
    filled[gaps] = np.exp(start + (gaps[0] - low) / (high - low) * (stop - start))
    return filled
