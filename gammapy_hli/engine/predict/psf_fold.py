"""Folds images with the point spread function of each true energy: by FFT, or by copies of the kernel for a point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.geom.fourier import forward, inverse_part

__all__ = ["PsfFolder"]

Array = NDArray[np.float64]

_KEPT = 4  # sets of transforms: a source that moves or grows goes to and fro between a few lengths
_NEGLIGIBLE = 1e-17  # of the highest pixel: below the rounding of any Fourier transform


class PsfFolder:
    """Kernels of all true energies, and their transforms once they are needed.

    What leaves the image is lost, as with ``scipy.signal.fftconvolve(image, kernel, mode="same")``.

    Parameters
    ----------
    kernels : array (nt, k, k)
        k odd, each with the sum one.
    """

    def __init__(self, kernels: NDArray[np.floating]):
        kernels = np.asarray(kernels, dtype=np.float64)
        if kernels.ndim != 3 or kernels.shape[1] % 2 != 1 or kernels.shape[2] % 2 != 1:
            raise ValueError(f"psf kernels have shape {kernels.shape}; expected (nt, k, k) with k odd")
        self.kernels = kernels
        self._transforms: dict[tuple[int, int, int, int], NDArray[np.complex128]] = {}

    def fold_points(self, weights: Sequence[tuple[int, int, float]], shape: tuple[int, int]) -> Array:
        """Sum of copies of the kernels around pixels.

        Parameters
        ----------
        weights : sequence of (row, column, weight)
        shape : (int, int)
            Of the image (ny, nx).

        Returns
        -------
        array (nt, ny, nx)
        """
        folded = np.zeros((len(self.kernels), *shape))
        half_y, half_x = self.kernels.shape[1] // 2, self.kernels.shape[2] // 2
        for row, column, weight in weights:
            rows, kernel_rows = _overlap(row, half_y, shape[0])
            columns, kernel_columns = _overlap(column, half_x, shape[1])
            folded[:, rows, columns] += weight * self.kernels[:, kernel_rows, kernel_columns]
        return folded

    def fold(self, image: Array) -> Array:
        """The image (ny, nx) folded with every kernel, (nt, ny, nx)."""
        size = np.abs(image)
        is_seen = size > _NEGLIGIBLE * size.max(initial=0.0)
        rows, columns = np.flatnonzero(is_seen.any(axis=1)), np.flatnonzero(is_seen.any(axis=0))
        if not len(rows):
            return np.zeros((len(self.kernels), *image.shape))
        length_y, half_y = _cyclic_length(rows[0], rows[-1], self.kernels.shape[1] // 2, image.shape[0])
        length_x, half_x = _cyclic_length(columns[0], columns[-1], self.kernels.shape[2] // 2, image.shape[1])
        transforms = self._transform(length_y, length_x, half_y, half_x)
        spectrum = transforms * forward(image, (length_y, length_x))
        return inverse_part(spectrum, (length_y, length_x), slice(image.shape[0]), slice(image.shape[1]))

    def _transform(self, length_y: int, length_x: int, half_y: int, half_x: int) -> NDArray[np.complex128]:
        """Transforms of the kernels with their centers at pixel 0, kept."""
        key = (length_y, length_x, half_y, half_x)
        found = self._transforms.get(key)
        if found is None:
            middle_y, middle_x = self.kernels.shape[1] // 2, self.kernels.shape[2] // 2
            part = self.kernels[:, middle_y - half_y : middle_y + half_y + 1, middle_x - half_x : middle_x + half_x + 1]
            padded = np.zeros((len(part), length_y, length_x))
            padded[:, : part.shape[1], : part.shape[2]] = part
            found = forward(np.roll(padded, (-half_y, -half_x), axis=(1, 2)), (length_y, length_x))
            while len(self._transforms) >= _KEPT:
                self._transforms.pop(next(iter(self._transforms)))
            self._transforms[key] = found
        return found


def _cyclic_length(first: int, last: int, half: int, n: int) -> tuple[int, int]:
    """Length of a cyclic fold in which nothing comes round into the image, and half size of the kernel that it takes.

    `first` and `last` are the ends of what is seen in `n` pixels. What is folded reaches from first - half to
    last + half: below 0 it must come out at n or above, and nothing may reach the length itself.
    """
    from scipy import fft  # late: point sources, and spectra, do without

    half = min(half, n - 1)
    length = max(n, n + half - int(first), int(last) + half + 1, 2 * half + 1)
    return fft.next_fast_len(length, real=True), half


def _overlap(center: int, half: int, n: int) -> tuple[slice, slice]:
    """Pixels that a kernel of half size `half` around `center` covers in n, and the same in the kernel."""
    first, last = max(0, center - half), min(n, center + half + 1)
    last = max(first, last)
    return slice(first, last), slice(first - center + half, last - center + half)
