"""The bins of a map dataset that a likelihood uses: a rectangle of energies times pixels, some of it left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MapBins"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MapBins:
    """Bins of a cube (ne, ny, nx) that are used.

    Two forms stand for the same bins: the *rectangle* (n_energies, n_pixels) of all energies and pixels with any used
    bin, which matrix products give and take, and the *flat* array (n_bins,) of the used bins alone, in its order.

    Attributes
    ----------
    shape : (int, int, int)
        Of the cube.
    energies : int array (n_energies,)
        Energy bins with any used pixel.
    pixels : int array (n_pixels,)
        Pixels, as row * nx + column, with any used energy bin.
    used : bool array (n_energies, n_pixels), or None
        Which bins of the rectangle are used; None for all.
    """

    shape: tuple[int, int, int]
    energies: NDArray[np.intp]
    pixels: NDArray[np.intp]
    used: NDArray[np.bool_] | None

    @classmethod
    def from_mask(cls, mask: NDArray[np.bool_]) -> MapBins:
        """Bins of a mask (ne, ny, nx) that are True."""
        table = mask.reshape(len(mask), -1)
        energies, pixels = np.flatnonzero(table.any(axis=1)), np.flatnonzero(table.any(axis=0))
        used = table[np.ix_(energies, pixels)] if len(energies) and len(pixels) else np.zeros((0, 0), dtype=bool)
        ne, ny, nx = mask.shape
        return cls((ne, ny, nx), energies, pixels, None if used.all() else used)

    @property
    def n_bins(self) -> int:
        """Number of used bins."""
        return len(self.energies) * len(self.pixels) if self.used is None else int(self.used.sum())

    @property
    def has_all_pixels(self) -> bool:
        """Whether every pixel of the map is in the rectangle."""
        return len(self.pixels) == self.shape[1] * self.shape[2]

    def rectangle(self, cube: NDArray[Any]) -> Array:
        """The rectangle of a cube (ne, ny, nx), float64."""
        table: Array = np.asarray(cube, dtype=np.float64).reshape(self.shape[0], -1)
        if len(self.energies) == self.shape[0] and self.has_all_pixels:
            return table.copy()
        return table[np.ix_(self.energies, self.pixels)]

    def flat(self, rectangle: NDArray[Any]) -> Array:
        """The used bins of a rectangle, (n_bins,)."""
        values: Array = np.asarray(rectangle, dtype=np.float64)
        return values.reshape(-1) if self.used is None else values[self.used]

    def unflat(self, flat: NDArray[np.floating]) -> Array:
        """A rectangle from the used bins, zero in the others."""
        shape = (len(self.energies), len(self.pixels))
        if self.used is None:
            return np.asarray(flat, dtype=np.float64).reshape(shape)
        rectangle = np.zeros(shape)
        rectangle[self.used] = flat
        return rectangle

    def cube(self, rectangle: NDArray[np.floating], fill: float = 0.0) -> Array:
        """A cube (ne, ny, nx) from a rectangle; bins outside of it are `fill`."""
        table = np.full((self.shape[0], self.shape[1] * self.shape[2]), fill)
        if len(self.energies) and len(self.pixels):
            table[np.ix_(self.energies, self.pixels)] = rectangle
        return table.reshape(self.shape)
