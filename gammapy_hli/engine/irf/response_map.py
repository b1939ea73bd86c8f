"""What responses on the pixels of a coarse map have in common: arrays, weights, and the pixel that serves a position.

The point spread function (psf_map.py) and the energy dispersion (edisp_map.py) are kept like this.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

EXPOSURE_UNIT = u.Unit("m2 s")
TIE = 1e-6  # [pixel] positions closer than this to a tie count as tied: rounding errors must not decide


class ResponseMap(Summary):
    """A response of two axes in every pixel; subclasses are frozen dataclasses with these fields and the second axis.

    Attributes
    ----------
    geometry : WcsGeometry
        Pixels of the response, (ny, nx).
    energy_true : Axis
        The first axis, nt bins.
    data : ndarray, shape (nt, n, ny, nx)
        Read-only view, float32 or float64.
    exposure : Quantity, shape (nt, ny, nx) [m2 s], or None
        Weight of the response when maps are stacked.
    """

    kind: ClassVar[str] = ""
    geometry: WcsGeometry
    energy_true: Axis
    data: np.ndarray
    exposure: u.Quantity | None

    @property
    def second_axis(self) -> Axis:
        """The axis beside true energy, n bins."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        shape = (self.energy_true.nbin, self.second_axis.nbin, *self.geometry.shape)
        object.__setattr__(self, "data", frozen_array(self.kind, self.data, shape))
        object.__setattr__(self, "exposure", frozen_exposure(self.kind, self.exposure, (shape[0], *shape[2:])))

    def place_of(self, position: SkyCoord) -> tuple[float, float]:
        """Row and column of a position; of the nearest pixel that has any response where its own has none."""
        x, y = (float(_) for _ in self.geometry.position_to_pixel(position))
        row, column = (int(_) for _ in self.geometry.pixel_index(x, y))
        valid = self._valid
        return nearest_valid(valid, x, y) if (row < 0 or not valid[row, column]) and valid.any() else (y, x)

    def pixel_of(self, position: SkyCoord) -> tuple[int, int]:
        """Row and column of the pixel nearest to a position that has any response, of two the lower one."""
        return nearest_pixel(self.place_of(position), self.geometry.shape)

    @cached_property
    def _valid(self) -> np.ndarray:
        """Pixels with any response, shape (ny, nx)."""
        return np.asarray((self.data > 0).any(axis=(0, 1)))

    def summary(self) -> dict[str, Any]:
        """Size and ranges."""
        return {
            "pixels (ny, nx)": self.geometry.shape,
            "energy_true": f"{self.energy_true.edges[0]:.4g} to {self.energy_true.edges[-1]:.4g}",
        }


def nearest_pixel(place: tuple[float, float], shape: tuple[int, int]) -> tuple[int, int]:
    """Row and column nearest to a place in pixels, inside of the map.

    Half way between two it is the lower one, as in scipy's interpolation with the nearest neighbor. The middle of a map
    with an even number of pixels lies there.
    """
    row, column = (int(np.clip(np.ceil(at - 0.5 - TIE), 0, n - 1)) for at, n in zip(place, shape, strict=True))
    return row, column


def nearest_valid(valid: np.ndarray, x: float, y: float) -> tuple[float, float]:
    """Row and column of the pixel with a response that is nearest to a place in pixels."""
    rows, columns = np.nonzero(valid)
    nearest = int(np.argmin(np.hypot(rows - y, columns - x)))
    return float(rows[nearest]), float(columns[nearest])


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
