"""The sum of psf or edisp maps, weighted by their exposure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy.units import Quantity

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.spectrum import EXPOSURE_UNIT
from gammapy_hli.engine.geom.wcs_geometry import Slices, WcsGeometry


@dataclass(frozen=True, eq=False)
class IrfSum:
    """Running sums of a PsfMap or an EdispKernelMap, in float64.

    Parameters
    ----------
    geometry : WcsGeometry
        Pixels (ny, nx) of the sum.
    first : PsfMap or EdispKernelMap
        The first that was added (one pixel of it): kind and axes of all.
    weighted : ndarray, shape (nt, n, ny, nx)
        Sum of response times exposure times mask.
    exposure : ndarray, shape (nt, ny, nx) [m2 s]
        Sum of exposure where anything is safe.
    """

    geometry: WcsGeometry
    first: Any
    weighted: np.ndarray
    exposure: np.ndarray

    @classmethod
    def like(cls, irf: Any, geometry: WcsGeometry) -> IrfSum:
        """Empty sums with the axes of a response."""
        corner = irf.geometry.part((slice(0, 1), slice(0, 1))).geometry
        small = replace(irf, geometry=corner, data=irf.data[..., :1, :1].copy(), exposure=None)
        return cls(geometry, small, *_zeros(irf.data, geometry))

    def empty(self, geometry: WcsGeometry) -> IrfSum:
        """Sums of nothing on other pixels."""
        return IrfSum(geometry, self.first, *_zeros(self.weighted, geometry))

    def check(self, irf: Any, where: str) -> None:
        """Raise InputError where a response cannot be added; `where` begins the message."""
        if irf.exposure is None:
            raise InputError(f"{where} has no exposure, which is its weight; leave it out or make it again")
        for axis in ("energy_true", "rad", "migra", "energy"):
            mine, other = getattr(self.first, axis, None), getattr(irf, axis, None)
            if mine is not None and (other is None or not mine.same_as(other)):
                raise InputError(
                    f"{where} has another {axis} axis: {other}; expected {mine}. Reduce all runs with one axis"
                )
        try:
            self.geometry.overlap(irf.geometry)
        except ValueError as error:
            raise InputError(f"{where}: {error}") from None

    def add(self, irf: Any, mask: np.ndarray) -> None:
        """Add a response.

        Parameters
        ----------
        irf : PsfMap or EdispKernelMap
            With exposure.
        mask : ndarray of bool, shape (n or 1, ny, nx) of the response
            Where it counts; its exposure counts where any of the n do.
        """
        overlap = self.geometry.overlap(irf.geometry)
        if overlap is None:
            return
        here, there = overlap
        mask = mask[(..., *there)]
        exposure = _finite(irf.exposure.value[(..., *there)].astype(np.float64))
        part = _finite(irf.data[(..., *there)])
        weighted = self.weighted[(..., *here)]
        for energy in range(len(part)):  # one at a time stays in the cache of the processor
            weighted[energy] += part[energy] * (exposure[energy] * mask)
        self.exposure[(..., *here)] += exposure * mask.any(axis=0)

    def merge(self, other: IrfSum) -> None:
        """Add other sums, those of the pixels that both have."""
        overlap = self.geometry.overlap(other.geometry)
        if overlap is None:
            return
        here, there = overlap
        self.weighted[(..., *here)] += other.weighted[(..., *there)]
        self.exposure[(..., *here)] += other.exposure[(..., *there)]

    def trimmed(self) -> IrfSum:
        """The same sums on the smallest box of pixels with exposure."""
        box = box_of(np.any(self.exposure > 0, axis=0))
        weighted, exposure = (np.ascontiguousarray(one[(..., *box)]) for one in (self.weighted, self.exposure))
        return replace(self, geometry=self.geometry.part(box).geometry, weighted=weighted, exposure=exposure)

    def result(self) -> Any:
        """The mean response, float32; 0 where there is no exposure."""
        total = self.exposure[:, np.newaxis]
        mean = np.divide(self.weighted, total, out=np.zeros_like(self.weighted), where=total > 0)
        exposure = Quantity(self.exposure.astype(np.float32), EXPOSURE_UNIT, copy=False)
        return replace(self.first, geometry=self.geometry, data=mean.astype(np.float32), exposure=exposure)


def _zeros(like: np.ndarray, geometry: WcsGeometry) -> tuple[np.ndarray, np.ndarray]:
    """Empty `weighted` and `exposure` on other pixels, with the other axes of an array (nt, n, ny, nx)."""
    return np.zeros((*like.shape[:2], *geometry.shape)), np.zeros((like.shape[0], *geometry.shape))


def box_of(mask: np.ndarray) -> Slices:
    """Rows and columns of the smallest box that holds all true pixels, shape (ny, nx); one pixel where none is."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return slice(0, 1), slice(0, 1)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _finite(values: np.ndarray) -> np.ndarray:
    """The values, those that are not finite as `numpy.nan_to_num` has them."""
    return values if np.isfinite(values).all() else np.nan_to_num(values)
