"""The tangent plane: the FITS projection TAN in plain numpy, equal to wcslib to 1e-10 pixel, without its overhead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.geom.sphere import icrs_radians, to_radians

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TangentPlane:
    """Gnomonic projection of the sky around one direction, with square pixels and north up.

    Longitude grows to the left (CDELT = (-pixel, +pixel)); the reference direction lies in the middle of the image,
    CRPIX = (n + 1) / 2. Pixels are counted from 0, with integers at the pixel centers.

    Parameters
    ----------
    lon, lat : float
        Reference direction [rad].
    pixel : float
        Size of a pixel at the reference direction [rad].
    shape : tuple of int
        Number of pixels (ny, nx). (1, 1) where only distances matter: the reference direction is then at (0, 0).

    References
    ----------
    Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3.
    """

    lon: float
    lat: float
    pixel: float
    shape: tuple[int, int] = (1, 1)

    @classmethod
    def from_center(cls, center: Any, pixel: Any, width: Any = None) -> TangentPlane:
        """Plane around a SkyCoord (taken to icrs), with pixels of size `pixel` covering `width` (Quantities).

        `width` is one angle, or (along longitude, along latitude); the number of pixels is rint(width / pixel).
        """
        lon, lat = icrs_radians(center)
        size = float(to_radians(pixel))
        if width is None:
            return cls(lon, lat, size)
        width_lon, width_lat = np.broadcast_to(to_radians(width), (2,))
        nx, ny = max(int(np.rint(width_lon / size)), 1), max(int(np.rint(width_lat / size)), 1)
        return cls(lon, lat, size, (ny, nx))

    @property
    def reference_pixel(self) -> tuple[float, float]:
        """Position (x, y) of the reference direction, counted from 0."""
        ny, nx = self.shape
        return (nx - 1) / 2, (ny - 1) / 2

    def to_plane(self, lon: Any, lat: Any) -> tuple[Array, Array]:
        """Standard coordinates (east, north) of directions [rad in, rad of the plane out]; nan beyond 90 deg."""
        lon, lat = to_radians(lon), to_radians(lat)
        dlon = lon - self.lon
        sin0, cos0 = np.sin(self.lat), np.cos(self.lat)
        sin, cos, cos_dlon = np.sin(lat), np.cos(lat), np.cos(dlon)
        depth = sin0 * sin + cos0 * cos * cos_dlon
        depth = np.where(depth > 0, depth, np.nan)
        return cos * np.sin(dlon) / depth, (cos0 * sin - sin0 * cos * cos_dlon) / depth

    def to_pixel(self, lon: Any, lat: Any) -> tuple[Array, Array]:
        """Pixel coordinates (x, y) of directions [rad]; nan where the direction is more than 90 deg away."""
        east, north = self.to_plane(lon, lat)
        x0, y0 = self.reference_pixel
        return x0 - east / self.pixel, y0 + north / self.pixel

    def to_sky(self, x: Any, y: Any) -> tuple[Array, Array]:
        """Directions (lon in [0, 2 pi), lat) [rad] of pixel coordinates."""
        x0, y0 = self.reference_pixel
        east = (x0 - np.asarray(x, dtype=np.float64)) * self.pixel
        north = (np.asarray(y, dtype=np.float64) - y0) * self.pixel
        sin0, cos0 = np.sin(self.lat), np.cos(self.lat)
        along, up = cos0 - north * sin0, sin0 + north * cos0
        return (self.lon + np.arctan2(east, along)) % (2 * np.pi), np.arctan2(up, np.hypot(along, east))

    def pixel_grid(self) -> tuple[Array, Array]:
        """Pixel coordinates (x, y) of all pixel centers, each of shape (ny, nx)."""
        y, x = np.indices(self.shape, dtype=np.float64)
        return x, y

    def sky_grid(self) -> tuple[Array, Array]:
        """Directions (lon, lat) [rad] of all pixel centers, each of shape (ny, nx)."""
        return self.to_sky(*self.pixel_grid())

    def to_wcs(self, frame: str = "icrs") -> Any:
        """The same plane as an astropy WCS, with (lon, lat) read as coordinates of `frame`."""
        from astropy.wcs import WCS  # late: only needed where files or odd region shapes are at hand

        wcs = WCS(naxis=2)
        prefix = {"icrs": ("RA---TAN", "DEC--TAN"), "fk5": ("RA---TAN", "DEC--TAN")}
        wcs.wcs.ctype = prefix.get(frame, ("GLON-TAN", "GLAT-TAN"))
        wcs.wcs.cunit = "deg", "deg"
        wcs.wcs.crval = np.rad2deg(self.lon), np.rad2deg(self.lat)
        wcs.wcs.cdelt = -np.rad2deg(self.pixel), np.rad2deg(self.pixel)
        x0, y0 = self.reference_pixel
        wcs.wcs.crpix = x0 + 1, y0 + 1
        if frame in ("icrs", "fk5"):
            wcs.wcs.radesys = frame.upper()
            if frame == "fk5":
                wcs.wcs.equinox = 2000.0
        wcs.array_shape = self.shape
        return wcs
