"""Linear interpolation of many tables at the same places, such as all pixels of a map: the weights are found once.

Responses are known on few nodes of offset or field-of-view coordinates. A map of a response is a table on these nodes,
one row an energy, times a sparse matrix with two weights (offset) or four (longitude and latitude) a pixel. That is
the same number as multilinear interpolation at every pixel and energy gives.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.geom.axes import Axis, scale
from gammapy_hli.engine.irf.interpolate import cells, inside

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = NDArray[np.float64]

FEW_PLACES = 16


@dataclass(frozen=True, eq=False)
class PixelWeights:
    """Weights of the nodes of some axes at places.

    Parameters
    ----------
    weights, index : arrays, shape (n_places, n_corners)
        What the nodes around each place count, and which they are; the weights of a place sum to 1, and some are
        negative beyond the outer nodes (extrapolation).
    inside : bool array, shape (n_places,)
        Whether the place lies between the outer edges of all axes.
    shape : tuple of int
        Number of nodes of each axis.
    """

    weights: Array
    index: NDArray[np.integer]
    inside: NDArray[np.bool_]
    shape: tuple[int, ...]

    @classmethod
    def at(cls, axes: Sequence[Axis], *coordinates: Array) -> PixelWeights:
        """Weights at places.

        Parameters
        ----------
        axes : sequence of Axis
            Axes of the tables, in the order of their last dimensions.
        coordinates : array
            One for each axis in its unit, of one shape; they are taken flat.
        """
        flat = [np.ravel(x) for x in coordinates]
        n_places, shape = len(flat[0]), tuple(axis.nbin for axis in axes)
        corners: list[tuple[NDArray[np.integer], Array]] = [(np.zeros(n_places, dtype=np.int32), np.ones(n_places))]
        for axis, x in zip(axes, flat, strict=True):
            if axis.nbin == 1:
                continue
            low, fraction = cells(scale(axis.center.value, axis.interp), scale(x, axis.interp))
            low = low.astype(np.int32)
            sides = ((low, 1.0 - fraction), (low + 1, fraction))
            corners = [(i * axis.nbin + j, v * w) for (i, v), (j, w) in itertools.product(corners, sides)]
        index = np.stack([i for i, _ in corners], axis=1)
        weights = np.stack([w for _, w in corners], axis=1)
        within = np.logical_and.reduce([inside(axis, x) for axis, x in zip(axes, flat, strict=True)])
        return cls(weights, index, within, shape)

    def places_first(self, table: Array) -> Array:
        """Values at the places, shape (n_places, ...), of a table of shape (..., *shape)."""
        rows = table.shape[: table.ndim - len(self.shape)]
        nodes = table.reshape(-1, self.n_nodes)
        return (self.matrix @ np.ascontiguousarray(nodes.T)).reshape(-1, *rows)

    def places_last(self, table: Array) -> Array:
        """Values at the places, shape (..., n_places), of a table of shape (..., *shape)."""
        rows = table.shape[: table.ndim - len(self.shape)]
        nodes = np.ascontiguousarray(table.reshape(-1, self.n_nodes))
        n_places = len(self.inside)
        if n_places <= FEW_PLACES or len(nodes) > n_places:
            return np.ascontiguousarray(np.moveaxis(self.places_first(table), 0, -1))
        values = np.empty((len(nodes), n_places))
        for row, out in zip(nodes, values, strict=True):  # many places: no large array to turn round
            out[:] = self.matrix @ row
        return values.reshape(*rows, n_places)

    @property
    def n_nodes(self) -> int:
        """Number of nodes of all axes together."""
        return int(np.prod(self.shape))

    @property
    def is_mean(self) -> NDArray[np.bool_]:
        """Whether no weight of a place is below zero, so that nothing is extrapolated there, shape (n_places,)."""
        return np.asarray((self.weights >= 0).all(axis=1))

    def only(self, places: NDArray[np.bool_]) -> PixelWeights:
        """Weights of some of the places (bool array)."""
        if places.all():
            return self
        return PixelWeights(self.weights[places], self.index[places], self.inside[places], self.shape)

    @cached_property
    def matrix(self) -> csr_array | FewRows:
        """The weights as a sparse matrix, shape (n_places, n_nodes)."""
        return _make_matrix(self.weights, self.index, (len(self.inside), self.n_nodes))


@dataclass(frozen=True, eq=False)
class FewRows:
    """The matrix of the few places of a spectrum, without loading sparse matrices; gives the same to the last bit.

    Parameters
    ----------
    weights, index : arrays, shape (n_places, n_corners)
        What the corners count, and their nodes.
    shape : tuple of int
        (n_places, n_nodes).
    """

    weights: Array
    index: NDArray[np.integer]
    shape: tuple[int, int]

    def __matmul__(self, nodes: Array) -> Array:
        total = np.zeros((self.shape[0], nodes.shape[1]))
        for corner in range(self.weights.shape[1]):
            total += self.weights[:, corner, None] * nodes[self.index[:, corner]]
        return total


def _make_matrix(weights: Array, index: NDArray[np.integer], shape: tuple[int, int]) -> csr_array | FewRows:
    """Weights and nodes of the corners, shape (n_places, n_corners), as a matrix of shape (n_places, n_nodes)."""
    if shape[0] <= FEW_PLACES:
        return FewRows(weights, index, shape)
    from scipy.sparse import csr_array  # late: spectra do without

    rows = np.arange(shape[0] + 1, dtype=np.int32) * np.int32(weights.shape[1])
    return csr_array((weights.ravel(), index.ravel(), rows), shape=shape)


def linear_pair(position: float, n: int) -> tuple[list[int], Array]:
    """Two indices and their weights for linear interpolation in pixels, extrapolating from the outer two.

    One pixel is constant.
    """
    if n == 1:
        return [0], np.ones(1)
    low = int(np.clip(np.floor(position), 0, n - 2))
    return [low, low + 1], np.array([low + 1 - position, position - low])
