"""Linear interpolation of many tables at the same places, such as all pixels of a map: the weights are found once.

Responses are known on few nodes of offset or field-of-view coordinates. A map of a response is a table on these nodes,
one row an energy, times a sparse matrix with two weights (offset) or four (longitude and latitude) a pixel. That is
the same number as multilinear interpolation at every pixel and energy gives.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
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
    matrix : csr_array, FewRows where places are few, shape (n_places, n_nodes)
        Weights; every row sums to 1, beyond the outer nodes with negative entries (extrapolation).
    inside : bool array, shape (n_places,)
        Whether the place lies between the outer edges of all axes.
    shape : tuple of int
        Number of nodes of each axis.
    """

    matrix: csr_array | FewRows
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
        corners: list[tuple[NDArray[np.intp], Array]] = [(np.zeros(n_places, dtype=np.intp), np.ones(n_places))]
        for axis, x in zip(axes, flat, strict=True):
            if axis.nbin == 1:
                continue
            low, fraction = cells(scale(axis.center.value, axis.interp), scale(x, axis.interp))
            sides = ((low, 1.0 - fraction), (low + 1, fraction))
            corners = [(i * axis.nbin + j, v * w) for (i, v), (j, w) in itertools.product(corners, sides)]
        index = np.stack([i for i, _ in corners], axis=1)
        weights = np.stack([w for _, w in corners], axis=1)
        matrix = _make_matrix(weights, index, (n_places, int(np.prod(shape))))
        within = np.logical_and.reduce([inside(axis, x) for axis, x in zip(axes, flat, strict=True)])
        return cls(matrix, within, shape)

    def places_first(self, table: Array) -> Array:
        """Values at the places, shape (n_places, ...), of a table of shape (..., *shape)."""
        rows = table.shape[: table.ndim - len(self.shape)]
        nodes = table.reshape(-1, self.matrix.shape[1])
        return (self.matrix @ np.ascontiguousarray(nodes.T)).reshape(-1, *rows)

    def places_last(self, table: Array) -> Array:
        """Values at the places, shape (..., n_places), of a table of shape (..., *shape)."""
        return np.moveaxis(self.places_first(table), 0, -1)


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
    index: NDArray[np.intp]
    shape: tuple[int, int]

    def __matmul__(self, nodes: Array) -> Array:
        total = np.zeros((self.shape[0], nodes.shape[1]))
        for corner in range(self.weights.shape[1]):
            total += self.weights[:, corner, None] * nodes[self.index[:, corner]]
        return total


def _make_matrix(weights: Array, index: NDArray[np.intp], shape: tuple[int, int]) -> csr_array | FewRows:
    """Weights and nodes of the corners, shape (n_places, n_corners), as a matrix of shape (n_places, n_nodes)."""
    if shape[0] <= FEW_PLACES:
        return FewRows(weights, index, shape)
    from scipy.sparse import csr_array  # late: spectra do without

    rows = np.arange(shape[0] + 1) * weights.shape[1]
    return csr_array((weights.ravel(), index.ravel(), rows), shape=shape)


def linear_pair(position: float, n: int) -> tuple[list[int], Array]:
    """Two indices and their weights for linear interpolation in pixels, extrapolating from the outer two.

    One pixel is constant.
    """
    if n == 1:
        return [0], np.ones(1)
    low = int(np.clip(np.floor(position), 0, n - 2))
    return [low, low + 1], np.array([low + 1 - position, position - low])
