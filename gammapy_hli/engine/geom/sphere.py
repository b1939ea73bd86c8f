"""Angles on the sphere in plain numpy: separations, position angles, field-of-view coordinates, frames.

Everything is float64 and in [rad]; a Quantity or an astropy angle is accepted too. `tangent.py` holds the projection on
a plane.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

Array = NDArray[np.float64]


def to_radians(angle: Any) -> Array:
    """Numbers in [rad] from a Quantity, or from numbers that are in [rad] already."""
    if isinstance(angle, u.Quantity):
        return np.asarray(angle.to_value(u.rad), dtype=np.float64)
    return np.asarray(angle, dtype=np.float64)


def icrs_radians(position: Any) -> tuple[float, float]:
    """Right ascension and declination [rad] of one SkyCoord."""
    icrs = position.icrs
    return float(icrs.ra.rad), float(icrs.dec.rad)


def separation(lon1: Any, lat1: Any, lon2: Any, lat2: Any) -> Array:
    """Angular separation of two directions [rad], by Vincenty's formula, exact at small and at large angles."""
    lon1, lat1, lon2, lat2 = (to_radians(_) for _ in (lon1, lat1, lon2, lat2))
    dlon = lon2 - lon1
    sin_dlon, cos_dlon = np.sin(dlon), np.cos(dlon)
    sin1, cos1, sin2, cos2 = np.sin(lat1), np.cos(lat1), np.sin(lat2), np.cos(lat2)
    return np.arctan2(
        np.hypot(cos2 * sin_dlon, cos1 * sin2 - sin1 * cos2 * cos_dlon), sin1 * sin2 + cos1 * cos2 * cos_dlon
    )


def position_angle(lon1: Any, lat1: Any, lon2: Any, lat2: Any) -> Array:
    """Direction of point 2 as seen from point 1, from north through east, in [0, 2 pi) [rad]."""
    lon1, lat1, lon2, lat2 = (to_radians(_) for _ in (lon1, lat1, lon2, lat2))
    dlon = lon2 - lon1
    east = np.sin(dlon) * np.cos(lat2)
    north = np.sin(lat2) * np.cos(lat1) - np.cos(lat2) * np.sin(lat1) * np.cos(dlon)
    return np.arctan2(east, north) % (2 * np.pi)


def offset_by(lon: Any, lat: Any, angle: Any, distance: Any) -> tuple[Array, Array]:
    """Direction reached from (lon, lat) by going `distance` along the great circle of position angle `angle` [rad]."""
    lon, lat, angle, distance = (to_radians(_) for _ in (lon, lat, angle, distance))
    sin_d, cos_d, sin_b, cos_b = np.sin(distance), np.cos(distance), np.sin(lat), np.cos(lat)
    z = cos_d * sin_b + sin_d * cos_b * np.cos(angle)
    dlon = np.arctan2(np.sin(angle) * sin_d * cos_b, cos_d - sin_b * z)
    return (lon + dlon) % (2 * np.pi), np.arcsin(np.clip(z, -1.0, 1.0))


def to_unit_vectors(lon: Any, lat: Any) -> Array:
    """Cartesian unit vectors, shape (3, ...)."""
    lon, lat = np.broadcast_arrays(to_radians(lon), to_radians(lat))
    cos_lat = np.cos(lat)
    return np.stack([cos_lat * np.cos(lon), cos_lat * np.sin(lon), np.sin(lat)])


def from_unit_vectors(vectors: Array) -> tuple[Array, Array]:
    """Longitude in [0, 2 pi) and latitude [rad] of vectors of shape (3, ...)."""
    x, y, z = vectors
    return np.arctan2(y, x) % (2 * np.pi), np.arctan2(z, np.hypot(x, y))


def to_sky_offset(lon: Any, lat: Any, lon0: Any, lat0: Any) -> tuple[Array, Array]:
    """Longitude (east positive, in (-pi, pi]) and latitude [rad] in the frame whose origin is (lon0, lat0), north up.

    This is astropy's ``SkyCoord.skyoffset_frame()`` without rotation.
    """
    lon0, lat0 = to_radians(lon0), to_radians(lat0)
    x, y, z = to_unit_vectors(to_radians(lon) - lon0, lat)
    sin0, cos0 = np.sin(lat0), np.cos(lat0)
    along, up = cos0 * x + sin0 * z, cos0 * z - sin0 * x
    return np.arctan2(y, along), np.arctan2(up, np.hypot(along, y))


def to_fov(lon: Any, lat: Any, lon_pnt: Any, lat_pnt: Any) -> tuple[Array, Array]:
    """Field-of-view coordinates fov_lon, fov_lat [rad] of sky directions, RADEC alignment of GADF.

    fov_lat grows to the north. fov_lon is minus the offset longitude: it grows to the *west*, as a camera seen from
    the sky. Files of alignment REVERSE_LON_RADEC (see `engine.irf.background`) have the other sign.
    """
    dlon, dlat = to_sky_offset(lon, lat, lon_pnt, lat_pnt)
    return -dlon, dlat


def from_fov(fov_lon: Any, fov_lat: Any, lon_pnt: Any, lat_pnt: Any) -> tuple[Array, Array]:
    """Sky directions [rad] of field-of-view coordinates: the inverse of `to_fov`."""
    lat_pnt = to_radians(lat_pnt)
    x, y, z = to_unit_vectors(-to_radians(fov_lon), fov_lat)
    sin0, cos0 = np.sin(lat_pnt), np.cos(lat_pnt)
    lon, lat = from_unit_vectors(np.stack([cos0 * x - sin0 * z, y, sin0 * x + cos0 * z]))
    return (lon + to_radians(lon_pnt)) % (2 * np.pi), lat


@lru_cache(maxsize=16)
def _rotation_from_icrs(frame: str) -> Array:
    from astropy.coordinates import SkyCoord  # late: slow to load, needed for frames other than icrs only

    axes = SkyCoord([0, 90, 0], [0, 0, 90], unit="deg", frame="icrs").transform_to(frame)
    return np.asarray(axes.cartesian.xyz.value)


def from_icrs(lon: Any, lat: Any, frame: str) -> tuple[Array, Array]:
    """Longitude and latitude [rad] in ``icrs``, ``fk5`` or ``galactic`` from icrs coordinates."""
    if frame == "icrs":
        return to_radians(lon), to_radians(lat)
    return from_unit_vectors(np.tensordot(_rotation_from_icrs(_known(frame)), to_unit_vectors(lon, lat), axes=1))


def to_icrs(lon: Any, lat: Any, frame: str) -> tuple[Array, Array]:
    """Right ascension and declination [rad] from coordinates in ``icrs``, ``fk5`` or ``galactic``."""
    if frame == "icrs":
        return to_radians(lon), to_radians(lat)
    return from_unit_vectors(np.tensordot(_rotation_from_icrs(_known(frame)).T, to_unit_vectors(lon, lat), axes=1))


def _known(frame: str) -> str:
    if frame not in ("fk5", "galactic"):
        raise ValueError(f"frame '{frame}' is not supported; use icrs, fk5 or galactic")
    return frame
