"""Fourier transforms of padded maps, axis by axis: rows of zeros, and rows that are cut away, cost nothing.

A transform of two axes at once spends a third to half of its time on the padding.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

__all__ = ["forward", "inverse_part"]


def forward(maps: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Real FFT over the last two axes, padded with zeros to `size`.

    Parameters
    ----------
    maps : array, shape (..., ny, nx)
        float32 or float64, not larger than `size`.

    Returns
    -------
    complex array, shape (..., size[0], size[1] // 2 + 1)
        As ``numpy.fft.rfftn(maps, size, axes=(-2, -1))``.
    """
    from scipy import fft  # late: spectra do without

    transformed: NDArray[Any] = fft.fft(fft.rfft(maps, size[1], axis=-1), size[0], axis=-2, overwrite_x=True)
    return transformed


def inverse_part(spectrum: NDArray[Any], size: tuple[int, int], rows: slice, columns: slice) -> NDArray[Any]:
    """Some rows and columns of the inverse of `forward`; overwrites the spectrum.

    Returns
    -------
    array, shape (..., number of rows, number of columns)
        As ``numpy.fft.irfftn(spectrum, size, axes=(-2, -1))[..., rows, columns]``, where it may be a view.
    """
    from scipy import fft  # late: as above

    part = fft.ifft(spectrum, axis=-2, overwrite_x=True)[..., rows, :]
    found: NDArray[Any] = fft.irfft(part, size[1], axis=-1, overwrite_x=True)[..., columns]
    return found
