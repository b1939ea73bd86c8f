"""Images of the sky: which pixel is where, and cutouts, larger and finer grids made from one another.

`projection.py` does the arithmetic, `pixel_grid.py` keeps the coordinates of all pixels, `sky_map.py` adds axes and
data, `region_image.py` says which pixels lie in a region.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from numpy.typing import NDArray

from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.geom.pixel_grid import PixelGrid, shared_grid
from gammapy_hli.engine.geom.projection import CTYPES, Projection, projection_from_wcs
from gammapy_hli.engine.geom.sphere import from_icrs, icrs_radians, separation

Array = NDArray[np.float64]
Slices = tuple[slice, slice]

PROJECTIONS = (
    *("CAR", "TAN", "AIT", "MOL", "SIN", "ZEA", "STG", "ARC", "CEA", "MER", "SFL", "PAR", "ZPN", "AZP", "SZP", "AIR"),
    *("CYP", "COP", "COE", "COD", "COO", "BON", "PCO", "TSC", "CSC", "QSC", "HPX", "XPH"),
)
_ALIGNED = 1e-6  # pixels by which the grids of two geometries may differ


class Cutout(NamedTuple):
    """Part of an image.

    Attributes
    ----------
    geometry : WcsGeometry
        What is left of the wanted box inside the image.
    big : (slice, slice)
        Its rows and columns in the image.
    small : (slice, slice)
        The same pixels in the cutout: all of it, so ``image[cutout.big] += part[cutout.small]`` holds.
    """

    geometry: WcsGeometry
    big: Slices
    small: Slices


@dataclass(frozen=True, eq=False, repr=False)
class WcsGeometry(Summary):
    """Pixels of an image of the sky in a FITS projection.

    Pixels are counted from 0 with integers at their centers; arrays are ordered (lat, lon) = (ny, nx).

    Parameters
    ----------
    frame : str
        ``icrs``, ``galactic`` or ``fk5``.
    projection : str
        FITS code: CAR, TAN, AIT, ...
    crval : (float, float)
        Longitude and latitude of the reference direction [deg].
    crpix : (float, float)
        Pixel (x, y) of it, counted from 1 as in FITS.
    cdelt : (float, float)
        Size of a pixel (x, y) there [deg]; negative in x where longitude grows to the left.
    shape : (int, int)
        Number of pixels (ny, nx).
    cards : tuple of (str, float)
        Further WCS keywords: LONPOLE, LATPOLE, PCi_j, PVi_m.

    Raises
    ------
    ValueError
        No pixels, pixels of no size, an unknown frame or projection.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.coordinates import SkyCoord
    >>> crab = SkyCoord(83.63, 22.01, unit="deg")
    >>> geometry = WcsGeometry.create(crab, 5 * u.deg, 0.02 * u.deg)
    >>> geometry.shape
    (250, 250)
    """

    frame: str
    projection: str
    crval: tuple[float, float]
    crpix: tuple[float, float]
    cdelt: tuple[float, float]
    shape: tuple[int, int]
    cards: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if self.frame not in CTYPES:
            raise ValueError(f"geometry: frame is '{self.frame}'; expected one of {', '.join(CTYPES)}")
        if self.projection not in PROJECTIONS:
            hint = did_you_mean(self.projection, PROJECTIONS)
            raise ValueError(
                f"geometry: projection is '{self.projection}'; expected a FITS code such as CAR, TAN.{hint}"
            )
        for name in ("crval", "crpix", "cdelt"):
            object.__setattr__(self, name, tuple(float(_) for _ in getattr(self, name)))
        object.__setattr__(self, "shape", tuple(int(_) for _ in self.shape))
        if len(self.shape) != 2 or min(self.shape) < 1:
            raise ValueError(f"geometry: shape (ny, nx) is {self.shape}; expected two numbers of 1 or more")
        if not all(np.isfinite(_) for _ in (*self.crval, *self.crpix, *self.cdelt)) or 0 in self.cdelt:
            raise ValueError(
                f"geometry: crval {self.crval} deg, crpix {self.crpix}, cdelt {self.cdelt} deg;"
                " expected finite numbers and pixels of some size"
            )

    # -- makers ------------------------------------------------------------------------------------------------------

    @classmethod
    def create(
        cls, center: SkyCoord, width: Any, pixel: Any, projection: str = "CAR", frame: str | None = None
    ) -> WcsGeometry:
        """Geometry around a direction: rint(width / pixel) pixels, the direction in the middle.

        Parameters
        ----------
        center : SkyCoord
            Reference direction and middle of the image.
        width, pixel : Quantity
            Full width of the image and size of a pixel; one angle, or (along longitude, along latitude).
        projection : str
            FITS code.
        frame : str, optional
            ``icrs`` or ``galactic``; default: that of `center`.
        """
        size, scale = _degrees(width, "width"), _degrees(pixel, "pixel")
        if not (scale > 0).all():
            raise ValueError(f"geometry: pixel is {pixel}; expected more than 0 deg")
        nx, ny = (int(_) for _ in np.rint(size / scale))
        if min(nx, ny) < 1:
            raise ValueError(f"geometry: width {width} holds no pixel of {pixel}; make it wider or the pixels smaller")
        return cls._centered(center, (ny, nx), scale, projection, frame)

    @classmethod
    def _centered(
        cls, center: SkyCoord, shape: tuple[int, int], scale: Array, projection: str, frame: str | None
    ) -> WcsGeometry:
        frame = frame or center.frame.name
        position = center if center.frame.name == frame else center.transform_to(frame)
        crval = (float(position.spherical.lon.deg), float(position.spherical.lat.deg))
        cdelt = (-float(scale[0]), float(scale[1]))
        return cls(frame, projection, crval, ((shape[1] + 1) / 2, (shape[0] + 1) / 2), cdelt, shape)

    @classmethod
    def from_wcs(cls, wcs: WCS, shape: tuple[int, int]) -> WcsGeometry:
        """Geometry from the celestial part of an astropy WCS and a shape (ny, nx)."""
        return cls._of(projection_from_wcs(wcs), shape)

    @classmethod
    def from_header(cls, header: Any) -> WcsGeometry:
        """Geometry from a FITS header (or mapping) with WCS keywords and NAXIS1, NAXIS2 (else WCSSHAPE).

        Raises
        ------
        ValueError
            No celestial axes, or no size.
        """
        wcs = WCS(header, naxis=2)
        if "NAXIS1" in header and "NAXIS2" in header:
            shape = (int(header["NAXIS2"]), int(header["NAXIS1"]))
        elif "WCSSHAPE" in header:
            sizes = str(header["WCSSHAPE"]).strip("() ").split(",")
            shape = (int(sizes[1]), int(sizes[0]))
        else:
            raise ValueError("header has neither NAXIS1 and NAXIS2 nor WCSSHAPE; expected the size of the image")
        return cls.from_wcs(wcs, shape)

    @classmethod
    def _of(cls, projection: Projection, shape: tuple[int, int]) -> WcsGeometry:
        p = projection
        return cls(p.frame, p.code, p.crval, p.crpix, p.cdelt, shape, p.cards)

    def header_cards(self) -> dict[str, Any]:
        """WCS keywords of a FITS header, without NAXIS."""
        return self._projection.header_cards()

    def to_wcs(self) -> WCS:
        """A new astropy WCS of two axes, with `array_shape`."""
        wcs = self._projection.make_wcs()
        wcs.array_shape = self.shape
        return wcs

    # -- facts -------------------------------------------------------------------------------------------------------

    @cached_property
    def center(self) -> SkyCoord:
        """Direction of the middle of the image, in the frame of the geometry."""
        ny, nx = self.shape
        if self.crpix == ((nx + 1) / 2, (ny + 1) / 2):
            return SkyCoord(*self.crval, unit="deg", frame=self.frame)
        lon, lat = self._projection.wcs.wcs_pix2world((nx - 1) / 2, (ny - 1) / 2, 0)
        return SkyCoord(float(lon), float(lat), unit="deg", frame=self.frame)

    @property
    def pixel_size(self) -> u.Quantity:
        """Size of a pixel at the reference direction (along x, along y) [deg], shape (2,)."""
        return np.abs(self.cdelt) * u.deg

    @property
    def width(self) -> u.Quantity:
        """Number of pixels times their size (along x, along y) [deg], shape (2,)."""
        return np.array([self.shape[1], self.shape[0]]) * self.pixel_size

    @property
    def n_pixels(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    def summary(self) -> dict[str, Any]:
        """Frame, projection, center, size."""
        lon, lat = self.center.spherical.lon.deg, self.center.spherical.lat.deg
        width, pixel = self.width.value, self.pixel_size.value
        return {
            "frame": self.frame,
            "projection": self.projection,
            "center": f"{lon:.6g}, {lat:.6g} deg",
            "width": f"{width[0]:.6g} x {width[1]:.6g} deg",
            "pixel": f"{pixel[0]:.6g} x {pixel[1]:.6g} deg",
            "shape": self.shape,
        }

    def words(self) -> str:
        """Size and place in words, for messages: "3 x 2 deg around 83.63, 22.01 deg icrs"."""
        center, (width, height) = self.center.spherical, self.width.value
        return f"{width:.4g} x {height:.4g} deg around {center.lon.deg:.6g}, {center.lat.deg:.6g} deg {self.frame}"

    def same_as(self, other: WcsGeometry) -> bool:
        """Whether the other geometry has the same pixels, to 1e-6 of a pixel at the reference direction."""
        return self.shape == other.shape and self._shift(other) == (0, 0)

    def is_aligned(self, other: WcsGeometry) -> bool:
        """Whether the pixels of both lie on one grid, so that maps can be added by slices."""
        return self._shift(other) is not None

    # -- coordinates -------------------------------------------------------------------------------------------------

    def lonlat(self) -> tuple[Array, Array]:
        """Directions (lon, lat) [rad] of the pixel centers in the own frame, each (ny, nx), read-only, kept.

        nan where a pixel lies off the sphere.
        """
        return self._grid.lonlat

    def icrs(self) -> tuple[Array, Array]:
        """Right ascension and declination [rad] of the pixel centers, each (ny, nx), read-only, kept."""
        return self._grid.icrs

    def solid_angle(self) -> Array:
        """Solid angle [sr] of each pixel, (ny, nx), read-only, kept; nan where a corner is off the sphere."""
        return self._grid.solid_angle

    def to_pixel(self, lon: Any, lat: Any) -> tuple[Array, Array]:
        """Pixel coordinates (x, y) of directions [rad] of the own frame; nan where the projection has none."""
        return self._projection.to_pixel(lon, lat)

    def to_sky(self, x: Any, y: Any) -> tuple[Array, Array]:
        """Directions (lon in [0, 2 pi), lat) [rad] in the own frame of pixel coordinates; nan off the sphere."""
        return self._projection.to_sky(x, y)

    def icrs_to_pixel(self, lon: Any, lat: Any) -> tuple[Array, Array]:
        """Pixel coordinates (x, y) of icrs directions [rad]."""
        return self.to_pixel(*from_icrs(lon, lat, self.frame))

    def position_to_pixel(self, position: SkyCoord) -> tuple[Array, Array]:
        """Pixel coordinates (x, y) of a SkyCoord."""
        lon, lat = self.own_radians(position)
        return self.to_pixel(lon, lat)

    def own_radians(self, position: SkyCoord) -> tuple[Any, Any]:
        """Longitude and latitude [rad] of a SkyCoord in the frame of the geometry."""
        if position.frame.name == self.frame:
            return position.spherical.lon.rad, position.spherical.lat.rad
        return from_icrs(position.icrs.ra.rad, position.icrs.dec.rad, self.frame)

    def index(self, lon: Any, lat: Any) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row and column of the pixel that holds each direction [rad] of the own frame; -1, -1 outside."""
        return self.pixel_index(*self.to_pixel(lon, lat))

    def pixel_index(self, x: Any, y: Any) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row and column of the pixel nearest to pixel coordinates, of two the upper; -1, -1 outside and for nan."""
        column, row = np.floor(np.add(x, 0.5)), np.floor(np.add(y, 0.5))
        ny, nx = self.shape
        with np.errstate(invalid="ignore"):
            inside = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
        return (
            np.where(inside, np.where(inside, row, 0), -1).astype(np.intp),
            np.where(inside, np.where(inside, column, 0), -1).astype(np.intp),
        )

    def contains(self, lon: Any, lat: Any) -> NDArray[np.bool_]:
        """Whether directions [rad] of the own frame lie in a pixel of the image."""
        return self.index(lon, lat)[0] >= 0

    def separation(self, lon: Any, lat: Any) -> Array:
        """Separation [rad] of every pixel center from one direction [rad] of the own frame, (ny, nx)."""
        return separation(lon, lat, *self.lonlat())

    def separation_from(self, position: SkyCoord) -> Array:
        """Separation [rad] of every pixel center from a SkyCoord, (ny, nx); in icrs, as event offsets are."""
        return separation(*icrs_radians(position), *self.icrs())

    # -- other geometries --------------------------------------------------------------------------------------------

    def cutout(self, center: SkyCoord, width: Any, odd: bool = False, min_pixels: int = 1) -> Cutout:
        """Box around a direction, trimmed to the image, on the same pixels.

        The number of pixels is rint(width / pixel size), or the next odd one upwards.

        Parameters
        ----------
        center : SkyCoord
            Middle of the box.
        width : Quantity
            One angle, or (along longitude, along latitude).
        odd : bool
            Whether the box, before it is trimmed, has an odd number of pixels.
        min_pixels : int
            Least number of pixels along each side.

        Raises
        ------
        ValueError
            The box lies outside of the image.
        """
        n_x, n_y = np.clip(_degrees(width, "width") / self.pixel_size.value, min_pixels, None)
        box = (_odd(n_y), _odd(n_x)) if odd else (int(np.rint(n_y)), int(np.rint(n_x)))
        x, y = self._exact_pixel(center)
        rows, columns = (_trimmed(at, n, all_) for at, n, all_ in zip((y, x), box, self.shape, strict=True))
        if rows is None or columns is None:
            raise ValueError(
                f"cutout of {box[1]} x {box[0]} pixels around {_position_text(center)} lies outside of the map:"
                f" it is at pixel ({x:.1f}, {y:.1f}) of {self.shape[1]} x {self.shape[0]} around"
                f" {_position_text(self.center)}. Move the position, or widen cutout or map."
            )
        return self.part((rows, columns))

    def part(self, slices: Slices) -> Cutout:
        """The geometry of some rows and columns (slices without step)."""
        rows, columns = (slice(*one.indices(n)[:2]) for one, n in zip(slices, self.shape, strict=True))
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        crpix = (self.crpix[0] - columns.start, self.crpix[1] - rows.start)
        part = self._with(crpix=crpix, shape=shape)
        part.__dict__["_grid"] = shared_grid(part._projection, shape, self._grid, (rows, columns))
        return Cutout(part, (rows, columns), (slice(0, shape[0]), slice(0, shape[1])))

    def overlap(self, other: WcsGeometry) -> tuple[Slices, Slices] | None:
        """Where two aligned geometries share pixels: slices into this one and into the other; None if nowhere.

        Raises
        ------
        ValueError
            The grids are not aligned.
        """
        shift = self._shift(other)
        if shift is None:
            raise ValueError(
                f"maps around {_position_text(self.center)} and {_position_text(other.center)} are not on one grid"
                f" (projection {self.projection}, {other.projection}; pixel {self.pixel_size}, {other.pixel_size});"
                " make both from one reference geometry"
            )
        here, there = [], []
        for start, n_here, n_there in zip(shift[::-1], self.shape, other.shape, strict=True):
            first, last = max(0, start), min(n_here, start + n_there)
            if first >= last:
                return None
            here.append(slice(first, last))
            there.append(slice(first - start, last - start))
        return (here[0], here[1]), (there[0], there[1])

    def to_odd_npix(self, max_radius: Any = None) -> WcsGeometry:
        """Square with an odd number of pixels around the same center: 2 max_radius, or the width, rounded up."""
        pixel = float(self.pixel_size.value.max())
        width = float(self.width.value.max()) if max_radius is None else float(_degrees(2 * u.Quantity(max_radius))[0])
        n = _odd(width / pixel)
        return self._centered(self.center, (n, n), np.array([pixel, pixel]), self.projection, self.frame)

    def irf_geometry(self, pixel: Any = 0.2 * u.deg, margin: Any = 0 * u.deg) -> WcsGeometry:
        """Coarse grid for responses: same center and width (more by `margin` on each side), larger pixels."""
        scale = _degrees(pixel, "pixel")
        width = self.width.value + 2 * _degrees(margin, "margin")
        nx, ny = (max(int(_), 1) for _ in np.rint(width / scale))
        return self._centered(self.center, (ny, nx), scale, self.projection, self.frame)

    def upsample(self, factor: int) -> WcsGeometry:
        """Same image with each pixel divided into factor x factor."""
        if factor != int(factor) or factor < 1:
            raise ValueError(f"geometry: upsampling by {factor}; expected a whole number of 1 or more")
        factor = int(factor)
        crpix = tuple((_ - 0.5) * factor + 0.5 for _ in self.crpix)
        cdelt = tuple(_ / factor for _ in self.cdelt)
        return self._with(crpix=crpix, cdelt=cdelt, shape=tuple(n * factor for n in self.shape))

    def downsample(self, factor: int) -> WcsGeometry:
        """Same image with factor x factor pixels joined to one; both sides must be multiples of `factor`."""
        if any(n % factor for n in self.shape):
            raise ValueError(f"geometry of shape {self.shape} cannot be divided into blocks of {factor} pixels")
        crpix = tuple((_ - 0.5) / factor + 0.5 for _ in self.crpix)
        cdelt = tuple(_ * factor for _ in self.cdelt)
        return self._with(crpix=crpix, cdelt=cdelt, shape=tuple(n // factor for n in self.shape))

    def pad(self, n_x: int, n_y: int | None = None) -> WcsGeometry:
        """Image with n_x more columns on each side, and n_y (default n_x) more rows; negative numbers crop."""
        n_y = n_x if n_y is None else n_y
        crpix = (self.crpix[0] + n_x, self.crpix[1] + n_y)
        return self._with(crpix=crpix, shape=(self.shape[0] + 2 * n_y, self.shape[1] + 2 * n_x))

    # -- inside ------------------------------------------------------------------------------------------------------

    @cached_property
    def _projection(self) -> Projection:
        return Projection(self.frame, self.projection, self.crval, self.crpix, self.cdelt, self.cards)

    @cached_property
    def _grid(self) -> PixelGrid:
        return shared_grid(self._projection, self.shape)

    def _with(self, **changes: Any) -> WcsGeometry:
        return WcsGeometry(**{**{_.name: getattr(self, _.name) for _ in fields(self)}, **changes})

    def __reduce__(self) -> tuple[Any, ...]:
        return WcsGeometry, tuple(getattr(self, _.name) for _ in fields(self))

    def _exact_pixel(self, position: SkyCoord) -> tuple[float, float]:
        """Pixel (x, y) by astropy and wcslib: boxes end half way between pixels, where the last digit decides."""
        own = position if position.frame.name == self.frame else position.transform_to(self.frame)
        lon, lat = float(own.spherical.lon.deg), float(own.spherical.lat.deg)
        x, y = self._projection.wcs.wcs_world2pix(lon, lat, 0)
        return float(x), float(y)

    def _shift(self, other: WcsGeometry) -> tuple[int, int] | None:
        """Pixel (x, y) of this geometry at which the other one starts; None where the grids are not aligned."""
        mine, its = self._projection, other._projection
        if (mine.frame, mine.code, mine.cards) != (its.frame, its.code, its.cards):
            return None
        scale = np.abs(mine.cdelt)
        distance = (np.subtract(mine.crval, its.crval) + 180) % 360 - 180
        size = np.maximum([self.shape[1], self.shape[0]], [other.shape[1], other.shape[0]])
        stretch = np.abs(np.subtract(mine.cdelt, its.cdelt)) / scale * size
        if (np.abs(distance) > _ALIGNED * scale).any() or (stretch > _ALIGNED).any():
            return None
        shift = np.subtract(mine.crpix, its.crpix)
        if (np.abs(shift - np.rint(shift)) > _ALIGNED).any():
            return None
        return int(np.rint(shift[0])), int(np.rint(shift[1]))


def _degrees(value: Any, name: str = "width") -> Array:
    """Angle, or pair of angles, as two numbers (x, y) [deg]."""
    try:
        pair = np.broadcast_to(u.Quantity(value).to_value(u.deg), (2,))
    except (TypeError, ValueError, u.UnitsError) as error:
        raise ValueError(f"geometry: {name} is {value!r}; expected an angle or a pair, such as 5 deg") from error
    return np.asarray(pair, dtype=np.float64)


def _odd(number: float) -> int:
    return int(np.ceil(number) // 2 * 2 + 1)


def _trimmed(position: float, size: int, available: int) -> slice | None:
    if not np.isfinite(position):
        return None
    start = int(np.ceil(position - size / 2))
    first, last = max(0, start), min(available, start + size)
    return slice(first, last) if first < last else None


def _position_text(position: SkyCoord) -> str:
    lon, lat = float(position.spherical.lon.deg), float(position.spherical.lat.deg)
    return f"({lon:.4f}, {lat:.4f}) deg {position.frame.name}"
