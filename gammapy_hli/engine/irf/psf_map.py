"""Point spread functions on the pixels of a coarse map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

EXPOSURE_UNIT = u.Unit("m2 s")


@dataclass(frozen=True, eq=False, repr=False)
class PsfMap(Summary):
    """Radial profile of the point spread function in every pixel of a coarse map.

    Parameters
    ----------
    geometry : WcsGeometry
        Pixels of the response, (ny, nx).
    energy_true : Axis
        nt bins; the profile holds at their centers.
    rad : Axis
        nrad bins of the distance from the source.
    data : ndarray, shape (nt, nrad, ny, nx) [sr-1]
        Probability per solid angle at the centers of the rad bins. Read-only view, float32 or float64.
    exposure : Quantity, shape (nt, ny, nx) [m2 s], or None
        Weight of the response when maps are stacked.
    """

    geometry: WcsGeometry
    energy_true: Axis
    rad: Axis
    data: np.ndarray
    exposure: u.Quantity | None = None

    def __post_init__(self) -> None:
        shape = (self.energy_true.nbin, self.rad.nbin, *self.geometry.shape)
        object.__setattr__(self, "data", frozen_array("psf", self.data, shape))
        object.__setattr__(self, "exposure", frozen_exposure("psf", self.exposure, (shape[0], *shape[2:])))

    def at(self, position: SkyCoord) -> np.ndarray:
        """Profile at a position, bilinear between pixels, shape (nt, nrad) [sr-1]."""
        x, y = self.geometry.position_to_pixel(position)
        rows, row_weights = _linear(float(y), self.geometry.shape[0])
        columns, column_weights = _linear(float(x), self.geometry.shape[1])
        corners = self.data[:, :, rows][..., columns].astype(np.float64)
        return corners @ column_weights @ row_weights

    def summary(self) -> dict[str, Any]:
        """Size and ranges."""
        return {
            "pixels (ny, nx)": self.geometry.shape,
            "energy_true": f"{self.energy_true.edges[0]:.4g} to {self.energy_true.edges[-1]:.4g}",
            "rad": f"{self.rad.nbin} bins to {self.rad.edges[-1]:.4g}",
        }


def frozen_array(name: str, values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Read-only view of an array of this shape, float32 or float64."""
    array = np.asarray(values)
    array = (array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)).view()
    if array.shape != shape:
        raise ValueError(f"{name} map: got data of shape {array.shape}, expected {shape} from its axes and pixels")
    array.setflags(write=False)
    return array


def frozen_exposure(name: str, exposure: Any, shape: tuple[int, ...]) -> u.Quantity | None:
    """Exposure of a response in [m2 s], read-only; numbers without unit are taken as they are."""
    if exposure is None:
        return None
    quantity = u.Quantity(exposure, EXPOSURE_UNIT) if not isinstance(exposure, u.Quantity) else exposure
    values = quantity.value if quantity.unit == EXPOSURE_UNIT else quantity.to_value(EXPOSURE_UNIT)
    return u.Quantity(frozen_array(f"exposure of the {name}", values, shape), EXPOSURE_UNIT, copy=False)


def _linear(position: float, n: int) -> tuple[list[int], np.ndarray]:
    """Two indices and their weights for linear interpolation, extrapolating from the outer two; one pixel is constant."""
    if n == 1:
        return [0], np.ones(1)
    low = int(np.clip(np.floor(position), 0, n - 2))
    return [low, low + 1], np.array([low + 1 - position, position - low])
