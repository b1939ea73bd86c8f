"""The zero of the clock of a FITS table: MJDREFI, MJDREFF, TIMESYS, TIMEUNIT (NUMERICS.md B.1)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import astropy.units as u
from astropy.time import Time

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.fits_file import parse_unit

#: Time scales that astropy knows and DL3 files use.
TIME_SCALES = ("tt", "utc", "tai", "tdb", "tcb", "tcg")


@lru_cache(maxsize=256)
def make_reference(mjdrefi: float, mjdreff: float, scale: str) -> Time:
    """Give the reference time MJDREFI + MJDREFF in a scale; equal arguments give one shared object."""
    return Time(mjdrefi, mjdreff, format="mjd", scale=scale)


#: Clock of intervals that are made in code, 2000-01-01T00:00:00 TT.
DEFAULT_REFERENCE = make_reference(51544.0, 0.0, "tt")


def read_reference(header: Mapping[str, Any], where: str, fallback: Time | None = None) -> Time:
    """Give the reference time that a header states.

    TIMESYS may be of any case and defaults to tt; MJDREFI and MJDREFF may be text; a single MJDREF is taken too.

    Parameters
    ----------
    header
        FITS header or mapping of keywords.
    where
        File and HDU, for messages.
    fallback
        Reference where the header has no MJDREF keywords; None: that is an error.

    Raises
    ------
    InputError
        Where keywords are missing without fallback, are no numbers, or TIMESYS is unknown.
    """
    whole, fraction = header.get("MJDREFI"), header.get("MJDREFF")
    if whole is None and fraction is None:
        whole = header.get("MJDREF")
    if whole is None:
        if fallback is not None:
            return fallback
        raise InputError(f"{where}: no keyword MJDREFI (or MJDREF); times cannot be placed. Add it to the header.")
    system = str(header.get("TIMESYS") or "tt").strip().lower() or "tt"
    if system not in TIME_SCALES:
        raise InputError(f"{where}: TIMESYS is {header.get('TIMESYS')!r}, expected one of {', '.join(TIME_SCALES)}.")
    try:
        return make_reference(float(whole), float(fraction or 0.0), system)
    except (TypeError, ValueError):
        raise InputError(
            f"{where}: MJDREFI, MJDREFF are {header.get('MJDREFI')!r}, {header.get('MJDREFF')!r}; expected numbers."
        ) from None


def time_unit(header: Mapping[str, Any], where: str) -> str:
    """Give the unit of times whose column states none: TIMEUNIT, by default s.

    Raises
    ------
    InputError
        Where TIMEUNIT is no unit of time.
    """
    stated = header.get("TIMEUNIT")
    try:
        unit = parse_unit(stated, "s")
        unit.to(u.s)
    except (ValueError, u.UnitConversionError):
        raise InputError(f"{where}: TIMEUNIT is {stated!r}, expected a unit of time such as 's' or 'd'.") from None
    return unit.to_string()


_MOST_DIFFERENCES = 1024
_differences: dict[tuple[Any, ...], float] = {}  # clocks of many runs are the same few, and the difference takes long


def seconds_between(reference: Time, time: Time) -> float:
    """Give the elapsed SI seconds from `reference` to `time`, whatever their scales."""
    if reference.location is not None or time.location is not None:
        return float((time - reference).to_value(u.s))
    key = (reference.scale, reference.jd1, reference.jd2, time.scale, time.jd1, time.jd2)
    if key not in _differences:
        if len(_differences) >= _MOST_DIFFERENCES:
            _differences.clear()
        _differences[key] = float((time - reference).to_value(u.s))
    return _differences[key]


def same_reference(one: Time, other: Time) -> bool:
    """Tell whether two references are the same clock: equal numbers and scale."""
    return one is other or (one.scale == other.scale and one.jd1 == other.jd1 and one.jd2 == other.jd2)
