"""Exclusion masks: images of the sky that say where background may be taken."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.geom.region import parse_regions
from gammapy_hli.engine.geom.region_image import OutOfReachError, region_pixels
from gammapy_hli.engine.geom.sphere import from_icrs
from gammapy_hli.engine.geom.tangent import TangentPlane
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry


@dataclass(frozen=True, eq=False)
class ExclusionMask(Summary):
    """Image of allowed (True) and excluded (False) sky; outside of the image everything is allowed.

    Parameters
    ----------
    data : bool array, shape (ny, nx)
        True where background may be taken.
    wcs : astropy.wcs.WCS
        Celestial WCS of the image, any projection, in icrs, fk5 or galactic coordinates.
    """

    data: NDArray[np.bool_]
    wcs: WCS

    def __post_init__(self) -> None:
        data = np.asarray(self.data, dtype=bool)
        if data.ndim != 2:
            raise ValueError(f"an exclusion mask is an image, got an array of shape {data.shape}")
        object.__setattr__(self, "data", data)

    @classmethod
    def from_regions(
        cls, regions: Any, center: SkyCoord, pixel: u.Quantity = 0.02 * u.deg, width: u.Quantity = 10 * u.deg
    ) -> ExclusionMask:
        """Mask that excludes the pixels whose centers lie in any of the regions, on a TAN grid in icrs.

        Regions that the projection does not reach exclude nothing, so that a list for the whole sky can be used.

        Parameters
        ----------
        regions : region, list of regions, or what `parse_regions` takes
            What to exclude.
        center : SkyCoord
            Center of the grid.
        pixel, width : Quantity
            Pixel size and full width of the grid, rint(width / pixel) pixels on each side.
        """
        plane = TangentPlane.from_center(center, pixel, width)
        wcs = plane.to_wcs("icrs")
        return cls(_allowed(regions, wcs, plane.shape), wcs)

    @classmethod
    def from_regions_on(cls, regions: Any, geometry: WcsGeometry) -> ExclusionMask:
        """Mask on the pixels of a geometry that excludes those whose centers lie in any of the regions.

        As with `from_regions`, those out of reach exclude nothing.
        """
        wcs = geometry.to_wcs()
        return cls(_allowed(regions, wcs, geometry.shape), wcs)

    @staticmethod
    def check_regions(regions: Any) -> None:
        """Raise ValueError where a region can exclude nothing, wherever a mask lies: a point."""
        for region in parse_regions(regions):
            _extended(region)

    @classmethod
    def read(cls, path: Path | str) -> ExclusionMask:
        """Mask from the first image of a FITS file: values other than 0 are allowed. Axes of length 1 are dropped.

        Raises
        ------
        InputError
            The file is missing or truncated, holds no image with celestial axes, or an image of three dimensions.
        """
        path = Path(path)
        if not path.is_file():
            raise InputError(f"exclusion mask {path}: no such file")
        try:
            with fits.open(path, memmap=False) as hdus:
                image = next((_ for _ in hdus if _.is_image and _.data is not None), None)
                if image is None:
                    raise InputError(
                        f"exclusion mask {path}: no image in it; expected a FITS image with celestial axes"
                    )
                header, data = image.header, np.squeeze(np.asarray(image.data))
        except (OSError, TypeError, ValueError) as error:
            raise InputError(f"exclusion mask {path}: cannot be read as FITS ({error}); is it whole?") from error
        if data.ndim != 2:
            raise InputError(f"exclusion mask {path}: got an array of shape {data.shape}, expected an image (ny, nx)")
        wcs = WCS(header, naxis=2)
        if not wcs.has_celestial:
            raise InputError(
                f"exclusion mask {path}: axes are {list(wcs.wcs.ctype)}; expected celestial ones, RA/DEC or GLON/GLAT"
            )
        return cls(np.nan_to_num(data) != 0, wcs)

    @cached_property
    def frame(self) -> str:
        """icrs, fk5 or galactic."""
        return wcs_to_celestial_frame(self.wcs).name

    def is_allowed(self, lon: Any, lat: Any) -> NDArray[np.bool_]:
        """Whether the nearest pixel of icrs directions is allowed; True outside. Bare numbers are in [rad]."""
        x, y = self._to_pixel(lon, lat)
        inside = self._holds(x, y)
        column = np.floor(np.where(inside, x, 0) + 0.5).astype(np.intp)
        row = np.floor(np.where(inside, y, 0) + 0.5).astype(np.intp)
        return np.where(inside, self.data[row, column], True)

    def covers(self, lon: Any, lat: Any) -> NDArray[np.bool_]:
        """Whether icrs directions lie in the image. Bare numbers are in [rad]."""
        return self._holds(*self._to_pixel(lon, lat))

    def _holds(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore"):
            inside: NDArray[np.bool_] = (
                (x > -0.5) & (x < self.data.shape[1] - 0.5) & (y > -0.5) & (y < self.data.shape[0] - 0.5)
            )
        return inside

    def on(self, geometry: WcsGeometry) -> NDArray[np.bool_]:
        """Whether each pixel of a geometry is allowed, (ny, nx): by the nearest pixel of this mask, True outside.

        Where both lie on one grid the mask is copied; else every pixel center is looked up. Cutouts of one large
        geometry are better served by slices of the mask on that geometry.
        """
        own = self._geometry
        if own is None:
            return self.is_allowed(*geometry.icrs())
        if geometry.is_aligned(own):
            return self._copied_to(geometry, own)
        lonlat = geometry.lonlat() if own.frame == geometry.frame else from_icrs(*geometry.icrs(), own.frame)
        row, column = own.index(*lonlat)
        return np.where(row >= 0, self.data[row, column], True)

    def _copied_to(self, geometry: WcsGeometry, own: WcsGeometry) -> NDArray[np.bool_]:
        allowed = np.ones(geometry.shape, dtype=bool)
        shared = geometry.overlap(own)
        if shared is not None:
            allowed[shared[0]] = self.data[shared[1]]
        return allowed

    @cached_property
    def _geometry(self) -> WcsGeometry | None:
        """The grid of the mask; None where its WCS is none of ours (distorted, another frame)."""
        try:
            return WcsGeometry.from_wcs(self.wcs, self.data.shape)  # type: ignore[arg-type]
        except ValueError:
            return None

    def excluded_directions(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """icrs directions (lon, lat) [rad] of the centers of all excluded pixels."""
        return self._excluded

    @cached_property
    def _excluded(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rows, columns = np.nonzero(~self.data)
        sky = self.wcs.pixel_to_world(columns, rows)
        icrs = SkyCoord(sky).icrs
        return np.asarray(icrs.ra.rad), np.asarray(icrs.dec.rad)

    def __and__(self, other: ExclusionMask) -> ExclusionMask:
        """Mask on the grid of this one that excludes what either excludes; what `other` excludes outside is lost."""
        rows, columns = np.indices(self.data.shape)
        icrs = SkyCoord(self.wcs.pixel_to_world(columns, rows)).icrs
        return ExclusionMask(self.data & other.is_allowed(icrs.ra.rad, icrs.dec.rad), self.wcs)

    def joined(self, other: ExclusionMask) -> ExclusionMask:
        """Mask that excludes what either excludes: on the grid of this one where that holds all of the other's."""
        return self & other if self.covers(*other.excluded_directions()).all() else other & self

    def to_hdu(self) -> fits.PrimaryHDU:
        """FITS image of 1 (allowed) and 0 (excluded)."""
        return fits.PrimaryHDU(self.data.astype(np.uint8), header=self.wcs.to_header())

    def summary(self) -> dict[str, Any]:
        """Size, frame and excluded fraction."""
        return {"shape": self.data.shape, "frame": self.frame, "excluded pixels": int((~self.data).sum())}

    def _to_pixel(self, lon: Any, lat: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        lon, lat = from_icrs(lon, lat, self.frame)
        lon, lat = np.broadcast_arrays(lon, lat)
        x, y = self.wcs.wcs_world2pix(np.rad2deg(lon).ravel(), np.rad2deg(lat).ravel(), 0)
        return x.reshape(lon.shape), y.reshape(lon.shape)


def _allowed(regions: Any, wcs: WCS, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels whose centers lie in none of the regions, (ny, nx)."""
    allowed = np.ones(shape, dtype=bool)
    for region in parse_regions(regions):
        with suppress(OutOfReachError):
            allowed &= ~region_pixels(_extended(region), wcs, shape)
    return allowed


def _extended(region: Any) -> Any:
    if type(region).__name__ == "PointSkyRegion":
        raise ValueError("a point excludes nothing; give a circle with a radius")
    return region
