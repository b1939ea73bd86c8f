"""Where the telescopes pointed: a fixed position on the sky, or fixed altitude and azimuth (NUMERICS.md B.1)."""

from collections.abc import Mapping
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time

from gammapy_hli.base.earth_rotation import bundled_earth_rotation
from gammapy_hli.base.errors import InputError


def is_drift(meta: Mapping[str, Any]) -> bool:
    """Tell whether OBS_MODE is DRIFT; every other mode counts as a fixed sky position."""
    return str(meta.get("OBS_MODE", "")).strip().upper() == "DRIFT"


def _numbers(meta: Mapping[str, Any], keys: tuple[str, ...], where: str, why: str) -> list[float]:
    values = []
    for key in keys:
        try:
            value = float(meta[key])
        except (KeyError, TypeError, ValueError):
            value = np.nan
        if not np.isfinite(value):
            raise InputError(f"{where}: keyword {key} is {meta.get(key)!r}, expected a number; {why}.")
        values.append(value)
    return values


def read_location(meta: Mapping[str, Any], where: str) -> EarthLocation:
    """Give the place of the telescopes from GEOLON, GEOLAT [deg] and ALTITUDE [m].

    Raises
    ------
    InputError
        Where one of them is missing or no number.
    """
    keys = ("GEOLON", "GEOLAT", "ALTITUDE")
    lon, lat, height = _numbers(meta, keys, where, "the place of the telescopes is needed")
    return EarthLocation.from_geodetic(lon * u.deg, lat * u.deg, height * u.m)


def read_pointing(meta: Mapping[str, Any], where: str, time: Time | None = None) -> SkyCoord:
    """Give the pointing position (icrs).

    RA_PNT and DEC_PNT are taken as ICRS whatever RADECSYS says. In drift mode ALT_PNT and AZ_PNT are turned to ICRS
    at `time` (the middle of the run) and at the place GEOLON, GEOLAT, ALTITUDE.

    Raises
    ------
    InputError
        Where a keyword is missing or no number.
    """
    if not is_drift(meta):
        ra, dec = _numbers(meta, ("RA_PNT", "DEC_PNT"), where, "the pointing position is needed")
        if not -90.0 <= dec <= 90.0:
            raise InputError(f"{where}: keyword DEC_PNT is {dec}, expected -90 to 90 deg.")
        return SkyCoord(ra, dec, unit="deg", frame="icrs")
    alt, az = _numbers(meta, ("ALT_PNT", "AZ_PNT"), where, "OBS_MODE is DRIFT, so altitude and azimuth are needed")
    frame = AltAz(obstime=time, location=read_location(meta, where))
    with bundled_earth_rotation():
        return SkyCoord(alt=alt * u.deg, az=az * u.deg, frame=frame).icrs


def read_zenith(meta: Mapping[str, Any]) -> float:
    """Give the zenith angle [deg] from ALT_PNT or ZEN_PNT; nan where neither is there."""
    for key, sign, zero in (("ALT_PNT", -1.0, 90.0), ("ZEN_PNT", 1.0, 0.0)):
        try:
            value = zero + sign * float(meta[key])
        except (KeyError, TypeError, ValueError):
            continue
        if np.isfinite(value):
            return value
    return float("nan")


def read_deadtime_correction(meta: Mapping[str, Any], where: str) -> float:
    """Give DEADC, the livetime over the ontime; LIVETIME / ONTIME where it is missing, else 1.

    Raises
    ------
    InputError
        Where the result is not in (0, 1] (a rounding excess of 1e-3 is let through).
    """
    try:
        if "DEADC" in meta:
            value = float(meta["DEADC"])
        elif "LIVETIME" in meta and "ONTIME" in meta:
            value = float(meta["LIVETIME"]) / float(meta["ONTIME"])
        else:
            value = 1.0
    except (TypeError, ValueError, ZeroDivisionError):
        value = float("nan")
    if not 0.0 < value <= 1.001:
        found = {key: meta[key] for key in ("DEADC", "LIVETIME", "ONTIME") if key in meta}
        raise InputError(f"{where}: dead time correction {value} (from {found}); expected more than 0, at most 1.")
    return value
