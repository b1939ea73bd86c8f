"""Many regions of one plane, kept as pixel numbers: sky regions are made only when somebody looks at them.

The off regions of a run are found as pixels of one tangent plane and written to files as such. A sky region costs a
hundred microseconds to make, a run may have forty of them, and most analyses never draw them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.geom.sphere import offset_by
from gammapy_hli.engine.geom.tangent import TangentPlane

if TYPE_CHECKING:
    from regions import PixelRegion, SkyRegion

ARCSEC = float(np.deg2rad(1 / 3600))


def local_pixel_size(plane: TangentPlane, lon: Any, lat: Any) -> np.ndarray:
    """Sky angle [rad] of one pixel along the meridian at directions (lon, lat) [rad] of the frame of the plane.

    The distance in pixels to a point one arcsecond further north, as regions and gammapy measure it.
    """
    x, y = plane.to_pixel(lon, lat)
    x_north, y_north = plane.to_pixel(*offset_by(lon, lat, 0.0, ARCSEC))
    return ARCSEC / np.hypot(x_north - x, y_north - y)


@dataclass(frozen=True, eq=False)
class RegionSet(Sequence["SkyRegion"]):
    """Regions on a tangent plane, a sequence of `regions.SkyRegion`.

    Parameters
    ----------
    plane : TangentPlane
        Its longitude and latitude are those of `frame`.
    frame : str
        icrs, fk5 or galactic.
    circles : ndarray, shape (n, 3)
        x, y and radius [pixels, counted from 0 at the center of the first] of circles; empty where there are others.
    shapes : tuple of regions.PixelRegion
        Regions of other shapes.
    """

    plane: TangentPlane
    frame: str
    circles: np.ndarray
    shapes: tuple[PixelRegion, ...] = ()

    def __post_init__(self) -> None:
        circles = np.array(self.circles, dtype=float).reshape(-1, 3)
        if len(circles) and self.shapes:
            raise ValueError(f"a set holds circles or other shapes; got {len(circles)} and {len(self.shapes)}")
        circles.setflags(write=False)
        object.__setattr__(self, "circles", circles)
        object.__setattr__(self, "shapes", tuple(self.shapes))

    def __len__(self) -> int:
        return len(self.shapes) or len(self.circles)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return RegionSet(self.plane, self.frame, self.circles[index], self.shapes[index])
        if self.shapes:
            return self.shapes[index].to_sky(self.plane.to_wcs(self.frame))
        return next(self._sky_circles(self.circles[[index]]))

    def __iter__(self) -> Iterator[SkyRegion]:
        if self.shapes:
            wcs = self.plane.to_wcs(self.frame)
            return (shape.to_sky(wcs) for shape in self.shapes)
        return self._sky_circles(self.circles)

    def centers(self) -> SkyCoord:
        """Centers of all regions, shape (n,), in `frame`."""
        if self.shapes:
            # the centers of polygons are taken to be the means of their vertices
            positions = [getattr(shape, "vertices", None) or shape.center for shape in self.shapes]
            x, y = (np.array([np.mean(getattr(_, axis)) for _ in positions]) for axis in "xy")
        else:
            x, y = self.circles[:, 0], self.circles[:, 1]
        return SkyCoord(*self.plane.to_sky(x, y), unit="rad", frame=self.frame)

    def same_as(self, other: object) -> bool:
        """Whether the other set has bitwise the same plane and regions."""
        return (
            isinstance(other, RegionSet)
            and (self.plane, self.frame) == (other.plane, other.frame)
            and np.array_equal(self.circles, other.circles)
            and list(self.shapes) == list(other.shapes)
        )

    def _sky_circles(self, circles: np.ndarray) -> Iterator[SkyRegion]:
        from regions import CircleSkyRegion  # late: slow to load, needed only where regions are shown

        lon, lat = self.plane.to_sky(circles[:, 0], circles[:, 1])
        radius = np.rad2deg(circles[:, 2] * local_pixel_size(self.plane, lon, lat))
        for lon_deg, lat_deg, size in zip(np.rad2deg(lon), np.rad2deg(lat), radius, strict=True):
            yield CircleSkyRegion(SkyCoord(lon_deg, lat_deg, unit="deg", frame=self.frame), size * u.deg)
