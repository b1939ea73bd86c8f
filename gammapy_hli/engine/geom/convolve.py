"""Convolution of maps with kernels by FFT, several energies at once, and the kernels of disks and rings.

The result has the size of the map: that of ``scipy.signal.fftconvolve(map, kernel, mode="same")``, zero padding at the
edges included. A `Kernel` keeps its transform, for use with many maps of one size.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gammapy_hli.engine.geom.fourier import forward, inverse_part

_KEPT = 4  # transforms of a kernel, for maps of different sizes


class Kernel:
    """Kernel of a convolution, and its Fourier transforms.

    Parameters
    ----------
    data : array, shape (..., ky, kx)
        Leading axes must fit those of the maps (numpy broadcasting): one kernel for all, or one for each energy.

    Raises
    ------
    ValueError
        Fewer than two dimensions, an empty array, or values that are not finite.
    """

    def __init__(self, data: ArrayLike):
        self.data = np.asarray(data)
        if self.data.ndim < 2 or 0 in self.data.shape:
            raise ValueError(f"kernel has shape {self.data.shape}; expected (..., ky, kx) with one pixel or more")
        if not np.isfinite(self.data).all():
            raise ValueError(f"kernel of shape {self.data.shape} has values that are not finite")
        self._transforms: OrderedDict[tuple[tuple[int, int], str], Any] = OrderedDict()

    def transform(self, size: tuple[int, int], dtype: Any) -> NDArray[Any]:
        """Real FFT over the last two axes, padded with zeros to `size`, in the precision of `dtype`; kept."""
        key = (size, np.dtype(dtype).str)
        if key not in self._transforms:
            self._transforms[key] = forward(self.data.astype(dtype, copy=False), size)
            while len(self._transforms) > _KEPT:
                self._transforms.popitem(last=False)
        self._transforms.move_to_end(key)
        return self._transforms[key]


def fft_convolve_same(maps: ArrayLike, kernel: Kernel | ArrayLike) -> NDArray[Any]:
    """Convolve the last two axes of maps; the result has the shape of the maps (broadcast with the kernel's).

    Parameters
    ----------
    maps : array, shape (..., ny, nx)
        float32 stays float32 where the kernel is float32 too; everything else is done in float64.
    kernel : Kernel or array, shape (..., ky, kx)
        Its middle is pixel ((ky - 1) // 2, (kx - 1) // 2).

    Returns
    -------
    convolved : array, shape (..., ny, nx)

    Raises
    ------
    ValueError
        Fewer than two dimensions, or leading axes that do not fit.
    """
    from scipy import fft  # late: convolution of maps only

    kernel = kernel if isinstance(kernel, Kernel) else Kernel(kernel)
    maps = np.asarray(maps)
    if maps.ndim < 2 or 0 in maps.shape:
        raise ValueError(f"maps have shape {maps.shape}; expected (..., ny, nx) with one pixel or more")
    try:
        np.broadcast_shapes(maps.shape[:-2], kernel.data.shape[:-2])
    except ValueError as error:
        raise ValueError(f"maps of shape {maps.shape} do not fit kernels of shape {kernel.data.shape}") from error
    dtype = np.float32 if maps.dtype == kernel.data.dtype == np.float32 else np.float64
    (ny, nx), (ky, kx) = maps.shape[-2:], kernel.data.shape[-2:]
    # half a kernel of zeros is enough: what wraps around falls into the part that is cut away
    rows, columns = (max(n + k // 2, k) for n, k in ((ny, ky), (nx, kx)))
    size = (fft.next_fast_len(rows, real=True), fft.next_fast_len(columns, real=True))
    product = forward(maps.astype(dtype, copy=False), size) * kernel.transform(size, dtype)
    top, left = (ky - 1) // 2, (kx - 1) // 2
    return np.ascontiguousarray(inverse_part(product, size, slice(top, top + ny), slice(left, left + nx)))


def tophat_kernel(radius: float) -> NDArray[np.float64]:
    """Disk of ones: pixels whose centers are at most `radius` [pixels] from the middle."""
    return ring_kernel(0, radius)


def ring_kernel(inner: float, outer: float) -> NDArray[np.float64]:
    """Ring of ones: pixels with inner <= r <= outer [pixels], in the smallest square of odd size that holds it.

    Raises
    ------
    ValueError
        Not 0 <= inner <= outer.
    """
    if not 0 <= inner <= outer < np.inf:
        raise ValueError(f"ring of {inner} to {outer} pixels; expected 0 <= inner <= outer")
    half = int(np.floor(outer))
    y, x = np.ogrid[-half : half + 1, -half : half + 1]
    square = (x**2 + y**2).astype(np.float64)
    return ((square >= inner**2) & (square <= outer**2)).astype(np.float64)
