"""From the sky to pixels and back: FITS projections on arrays of radians.

Plate carree (CAR, oblique where the reference latitude is not 0) and TAN are done in plain numpy, equal to wcslib to
1e-10 pixel; every other projection, and headers with rotations or poles of their own, go through wcslib.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from gammapy_hli.engine.geom.sphere import to_radians, to_sky_offset

Array = NDArray[np.float64]

CTYPES = {"icrs": ("RA---", "DEC--"), "fk5": ("RA---", "DEC--"), "galactic": ("GLON-", "GLAT-")}
_EDGE = 1e-9  # deg that a pixel corner may lie beyond the edge of the sphere by rounding
_POLE = 1e-8  # deg to which files give the default pole, rounded


@dataclass(frozen=True)
class Projection:
    """A celestial FITS projection of two axes.

    Parameters
    ----------
    frame : str
        ``icrs``, ``fk5`` or ``galactic``.
    code : str
        Three letters of FITS: CAR, TAN, AIT, ...
    crval : (float, float)
        Longitude and latitude [deg] of the reference direction.
    crpix : (float, float)
        Its pixel (x, y), counted from 1.
    cdelt : (float, float)
        Pixel size (x, y) [deg]; x is negative where longitude grows to the left.
    cards : tuple of (str, float)
        Further WCS keywords: PCi_j, PVi_m, LONPOLE, LATPOLE.

    References
    ----------
    Calabretta & Greisen 2002, A&A 395, 1077.
    """

    frame: str
    code: str
    crval: tuple[float, float]
    crpix: tuple[float, float]
    cdelt: tuple[float, float]
    cards: tuple[tuple[str, float], ...] = ()

    def to_pixel(self, lon: Any, lat: Any) -> tuple[Array, Array]:
        """Pixel (x, y), counted from 0, of directions [rad] of the own frame; nan where there is none."""
        lon, lat = to_radians(lon), to_radians(lat)
        if not self.is_plain:
            degrees = np.broadcast_arrays(np.rad2deg(lon), np.rad2deg(lat))
            return self._by_wcslib(self.wcs.wcs_world2pix, *degrees)
        lon0, lat0 = np.deg2rad(self.crval)
        if self.code == "CAR":
            east, north = to_sky_offset(lon, lat, lon0, lat0)
        else:
            east, north = _gnomonic(lon - lon0, lat, lat0)
        x = np.rad2deg(east) / self.cdelt[0] + (self.crpix[0] - 1)
        y = np.rad2deg(north) / self.cdelt[1] + (self.crpix[1] - 1)
        return x, y

    def to_sky(self, x: Any, y: Any) -> tuple[Array, Array]:
        """Directions (lon in [0, 2 pi), lat) [rad] of pixels counted from 0; nan off the sphere."""
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if not self.is_plain:
            lon, lat = self._by_wcslib(self.wcs.wcs_pix2world, *np.broadcast_arrays(x, y))
            return np.deg2rad(lon) % (2 * np.pi), np.deg2rad(lat)
        east = (x - (self.crpix[0] - 1)) * self.cdelt[0]
        north = (y - (self.crpix[1] - 1)) * self.cdelt[1]
        lon0, lat0 = np.deg2rad((self.crval[0] % 360, self.crval[1]))
        if self.code == "CAR":
            return _from_plate_carree(east, north, lon0, lat0)
        return _from_gnomonic(np.deg2rad(east), np.deg2rad(north), lon0, lat0)

    def header_cards(self) -> dict[str, Any]:
        """WCS keywords of a FITS header, without NAXIS."""
        prefix = CTYPES[self.frame]
        cards: dict[str, Any] = {"WCSAXES": 2}
        cards.update({"CRPIX1": self.crpix[0], "CRPIX2": self.crpix[1]})
        cards.update({"CDELT1": self.cdelt[0], "CDELT2": self.cdelt[1], "CUNIT1": "deg", "CUNIT2": "deg"})
        cards.update({"CTYPE1": f"{prefix[0]}{self.code}", "CTYPE2": f"{prefix[1]}{self.code}"})
        cards.update({"CRVAL1": self.crval[0], "CRVAL2": self.crval[1]})
        if self.frame != "galactic":
            cards["RADESYS"] = self.frame.upper()
        if self.frame == "fk5":
            cards["EQUINOX"] = 2000.0
        return {**cards, **dict(self.cards)}

    @cached_property
    def is_plain(self) -> bool:
        """Whether numpy does it: CAR or TAN with the poles and axes that FITS takes where it is told none."""
        return self.code in ("CAR", "TAN") and not self.cards and abs(self.crval[1]) < 90

    @cached_property
    def wcs(self) -> WCS:
        """The same projection for astropy. Shared: do not change it."""
        return self.make_wcs()

    def make_wcs(self) -> WCS:
        """A new astropy WCS."""
        wcs = WCS(naxis=2)
        cards = self.header_cards()
        wcs.wcs.ctype = cards["CTYPE1"], cards["CTYPE2"]
        wcs.wcs.cunit = "deg", "deg"
        wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = self.crval, self.crpix, self.cdelt
        if self.frame != "galactic":
            wcs.wcs.radesys = self.frame.upper()
        if self.frame == "fk5":
            wcs.wcs.equinox = 2000.0
        _add_cards(wcs, dict(self.cards))
        return wcs

    def _by_wcslib(self, convert: Any, first: Array, second: Array) -> tuple[Array, Array]:
        a, b = convert(first.ravel(), second.ravel(), 0)
        return a.reshape(first.shape), b.reshape(first.shape)


def _add_cards(wcs: WCS, cards: dict[str, float]) -> None:
    matrix = np.eye(2)
    parameters = []
    for key, value in cards.items():
        if key.startswith("PC"):
            matrix[int(key[2]) - 1, int(key[4]) - 1] = value
        elif key.startswith("PV"):
            axis, number = key[2:].split("_")
            parameters.append((int(axis), int(number), value))
        else:
            setattr(wcs.wcs, key.lower(), value)
    if (matrix != np.eye(2)).any():
        wcs.wcs.pc = matrix
    if parameters:
        wcs.wcs.set_pv(parameters)


def _gnomonic(dlon: Array, lat: Array, lat0: float) -> tuple[Array, Array]:
    sin0, cos0 = np.sin(lat0), np.cos(lat0)
    sin, cos, cos_dlon = np.sin(lat), np.cos(lat), np.cos(dlon)
    depth = sin0 * sin + cos0 * cos * cos_dlon
    depth = np.where(depth > 0, depth, np.nan)
    return cos * np.sin(dlon) / depth, (cos0 * sin - sin0 * cos * cos_dlon) / depth


def _from_gnomonic(east: Array, north: Array, lon0: float, lat0: float) -> tuple[Array, Array]:
    sin0, cos0 = np.sin(lat0), np.cos(lat0)
    along, up = cos0 - north * sin0, sin0 + north * cos0
    lat = np.arctan2(up, np.sqrt(along * along + east * east))
    return _wrapped(lon0 + np.arctan2(east, along)), lat


def _from_plate_carree(east: Array, north: Array, lon0: float, lat0: float) -> tuple[Array, Array]:
    """Rotate native coordinates [deg] to the sky; the reference direction is native (0, 0), north is up there."""
    phi = np.deg2rad(np.where(np.abs(east) <= 180 + _EDGE, east, np.nan))
    theta = np.deg2rad(np.where(np.abs(north) <= 90 + _EDGE, np.clip(north, -90, 90), np.nan))
    if lat0 == 0:
        lon = _wrapped(lon0 + phi)
        return lon + 0 * theta, theta + 0 * lon  # a pixel is off the sphere in both coordinates
    sin0, cos0, cos = np.sin(lat0), np.cos(lat0), np.cos(theta)
    depth, right, up = cos * np.cos(phi), cos * np.sin(phi), np.sin(theta)
    along, top = cos0 * depth - sin0 * up, sin0 * depth + cos0 * up
    lat = np.arctan2(top, np.sqrt(along * along + right * right))
    return _wrapped(lon0 + np.arctan2(right, along)), lat


def _wrapped(lon: Array) -> Array:
    """Longitudes between -2 pi and 4 pi brought to [0, 2 pi): much faster than the remainder."""
    lon = np.where(lon < 0, lon + 2 * np.pi, lon)
    return np.where(lon >= 2 * np.pi, lon - 2 * np.pi, lon)


def projection_from_wcs(wcs: WCS) -> Projection:
    """Projection of the celestial axes of an astropy WCS; raises ValueError where it has none."""
    if wcs.naxis < 2 or not wcs.has_celestial:
        raise ValueError(f"axes are {list(wcs.wcs.ctype)}; expected celestial ones, RA/DEC or GLON/GLAT")
    wcs = wcs.celestial
    first, second = (str(_) for _ in wcs.wcs.ctype)
    if wcs.wcs.lng != 0:
        raise ValueError(f"axes are {first}, {second}; expected longitude first")
    if wcs.sip is not None or wcs.cpdis1 is not None or wcs.det2im1 is not None:
        raise ValueError(f"axes {first}, {second} are distorted (SIP or table); reproject the image first")
    frame = _frame_name(wcs)
    matrix, cdelt = _scales(wcs)
    cards: list[tuple[str, float]] = []
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        if matrix[i, j] != float(i == j):
            cards.append((f"PC{i + 1}_{j + 1}", float(matrix[i, j])))
    cards += [(f"PV{axis}_{number}", float(value)) for axis, number, value in wcs.wcs.get_pv()]
    cards += _poles(wcs)
    crval, crpix = (float(_) for _ in wcs.wcs.crval), (float(_) for _ in wcs.wcs.crpix)
    return Projection(frame, first[-3:], tuple(crval), tuple(crpix), cdelt, tuple(cards))  # type: ignore[arg-type]


def _frame_name(wcs: WCS) -> str:
    from astropy.wcs.utils import wcs_to_celestial_frame  # late: loads the built-in frames of astropy

    frame = wcs_to_celestial_frame(wcs).name
    axis = str(wcs.wcs.ctype[0])
    if frame not in CTYPES or axis[:5] != CTYPES[frame][0]:  # astropy takes ecliptic axes for icrs
        raise ValueError(f"coordinates are {axis} in frame '{frame}'; expected RA or GLON in {', '.join(CTYPES)}")
    return frame


def _scales(wcs: WCS) -> tuple[Array, tuple[float, float]]:
    """PC matrix and pixel size [deg]; a CD matrix is taken apart into both."""
    per_unit = np.array([unit.to("deg") if str(unit) else 1.0 for unit in wcs.wcs.cunit])
    if wcs.wcs.has_cd():
        matrix = wcs.wcs.cd * per_unit[:, None]
        size = np.hypot(matrix[:, 0], matrix[:, 1]) * np.where(np.diag(matrix) < 0, -1, 1)
        return matrix / size[:, None], (float(size[0]), float(size[1]))
    size = wcs.wcs.cdelt * per_unit
    return np.array(wcs.wcs.get_pc()), (float(size[0]), float(size[1]))


def _poles(wcs: WCS) -> list[tuple[str, float]]:
    """LONPOLE and LATPOLE where they change the projection: compare with a WCS that is told none of them."""
    plain = WCS(naxis=2)
    plain.wcs.ctype, plain.wcs.crval = wcs.wcs.ctype, wcs.wcs.crval
    plain.wcs.set_pv(wcs.wcs.get_pv())
    plain.wcs.set()
    wcs.wcs.set()
    if abs(wcs.wcs.lonpole - plain.wcs.lonpole) < _POLE and abs(wcs.wcs.latpole - plain.wcs.latpole) < _POLE:
        return []
    return [("LONPOLE", float(wcs.wcs.lonpole)), ("LATPOLE", float(wcs.wcs.latpole))]
