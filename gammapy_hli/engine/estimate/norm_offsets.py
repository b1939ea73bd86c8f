"""Sums over the counts around every pixel, offset by offset of a small kernel: the dense way of norm_map.py.

Where most pixels have counts, few passes over the whole image are cheaper than a square around each count.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CHUNK = 8192
"""Pixels that are summed together, so that their arrays stay in the cache."""


@dataclass(frozen=True, eq=False)
class OffsetSums:
    """Counts and their source over background on a padded image, to be summed with a kernel around every pixel.

    Attributes
    ----------
    kernel : array (k, k)
        Flipped: the count at q adds to p with ``kernel[p - q + k // 2]``.
    counts, ratio : arrays (ny + k - 1, nx + k - 1)
    """

    kernel: Array
    counts: Array
    ratio: Array

    @classmethod
    def of(
        cls,
        kernel: Array,
        row: NDArray[np.intp],
        column: NDArray[np.intp],
        counts: Array,
        ratio: Array,
        shape: tuple[int, ...],
    ) -> "OffsetSums":
        """From a list of pixels with counts of an image of the given shape."""
        half = kernel.shape[0] // 2
        images = np.zeros((2, shape[0] + 2 * half, shape[1] + 2 * half))
        images[:, row + half, column + half] = counts, ratio
        return cls(kernel, images[0], images[1])

    def sums(
        self, x: Array, rows: NDArray[np.intp], columns: NDArray[np.intp], with_logs: bool
    ) -> tuple[Array, Array, Array]:
        """Sums of n y / (1 + x y), n (y / (1 + x y))^2 and n log(1 + x y) at some pixels, whose norms are given."""
        width, size = self.ratio.shape[1], self.kernel.shape[0]
        places = rows * width + columns
        below, right = np.nonzero(self.kernel > 0)
        shifts = (size - 1 - below) * width + (size - 1 - right)
        weights = self.kernel[below, right]
        found = np.zeros((3, len(x)))
        for start in range(0, len(x), CHUNK):
            part = slice(start, start + CHUNK)
            self._add(found[:, part], x[part], places[part], list(zip(shifts, weights, strict=True)), with_logs)
        return found[0], found[1], found[2]

    def _add(
        self, found: Array, x: Array, places: NDArray[np.intp], offsets: list[tuple[int, float]], with_logs: bool
    ) -> None:
        counts, ratio = self.counts.ravel(), self.ratio.ravel()
        n, y, t, index = np.empty_like(x), np.empty_like(x), np.empty_like(x), np.empty_like(places)
        slope, curvature, logs = found
        for shift, weight in offsets:
            np.add(places, shift, out=index)
            np.take(counts, index, out=n, mode="clip")
            np.take(ratio, index, out=y, mode="clip")
            y *= weight
            np.multiply(x, y, out=t)
            t += 1.0
            y /= t
            if with_logs:
                np.log(t, out=t)
                t *= n
                logs += t
            n *= y
            slope += n
            n *= y
            curvature += n
