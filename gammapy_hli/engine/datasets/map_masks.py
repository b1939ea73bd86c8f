"""Masks of counts pixels on the coarser pixels of responses (NUMERICS B.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gammapy_hli.engine.irf.response_map import TIE

if TYPE_CHECKING:
    from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry


def nearest_mask(mask: np.ndarray, geometry: WcsGeometry, target: WcsGeometry) -> np.ndarray:
    """The mask at the centers of other pixels: that of the nearest pixel, False outside.

    A center half way between two pixels takes the upper one.

    Parameters
    ----------
    mask : ndarray of bool, shape (..., ny, nx)
    geometry, target : WcsGeometry
        Of the mask, and of the answer.

    Returns
    -------
    ndarray of bool, shape (..., *target.shape)
    """
    x, y = pixel_positions(geometry, target)
    ny, nx = geometry.shape
    with np.errstate(invalid="ignore"):
        column, row = np.floor(x + 0.5 + TIE), np.floor(y + 0.5 + TIE)
        inside = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
    row, column = (np.where(inside, index, 0).astype(np.intp) for index in (row, column))
    return mask[..., row, column] & inside


def touched_mask(mask: np.ndarray, geometry: WcsGeometry, target: WcsGeometry) -> np.ndarray:
    """Whether any of the (up to four) mask pixels around the centers of other pixels is set.

    This is where linear interpolation of the mask is not zero. Outside, the pixels at the edge are continued.

    Parameters and shapes are those of `nearest_mask`.
    """
    x, y = pixel_positions(geometry, target)
    ny, nx = geometry.shape
    result = np.zeros((*mask.shape[:-2], *target.shape), dtype=bool)
    for row in _neighbors(y, ny):
        for column in _neighbors(x, nx):
            result |= mask[..., row, column]
    return result & (np.isfinite(x) & np.isfinite(y))


def pixel_positions(geometry: WcsGeometry, target: WcsGeometry) -> tuple[np.ndarray, np.ndarray]:
    """Where the pixel centers of `target` lie in the pixels of `geometry`: x, y of shape target.shape, from 0."""
    if geometry.frame != target.frame:
        raise ValueError(f"masks are in {geometry.frame}, responses in {target.frame}; expected one frame")
    return geometry.to_pixel(*target.lonlat())


def _neighbors(position: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the two pixels around each position: twice the same one where it is at its center."""
    clean = np.where(np.isfinite(position), position, 0.0)
    clean = np.where(np.abs(clean - np.rint(clean)) < TIE, np.rint(clean), clean)
    inside = (clean >= 0) & (clean <= n - 1)
    low = np.where(inside, np.floor(clean), np.where(clean < 0, 0, n - 2))
    high = np.where(inside, np.ceil(clean), np.where(clean < 0, 1, n - 1))
    return (np.clip(low, 0, n - 1).astype(np.intp), np.clip(high, 0, n - 1).astype(np.intp))
