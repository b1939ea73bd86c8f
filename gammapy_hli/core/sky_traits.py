"""Traits of sky and time: Time, SkyPosition. They check the text; the objects are made when they are used."""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gammapy_hli.base.leap_seconds import future_allowed
from gammapy_hli.core.container_traits import check_key
from gammapy_hli.core.option import InvalidValue, Option, shown
from gammapy_hli.core.origins import Origin
from gammapy_hli.core.plain import format_number
from gammapy_hli.core.quantity_traits import NUMBER, number_in, split_quantity

_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?)?Z?")
SCALES = ("utc", "tt", "tai", "tdb", "tcb", "tcg", "ut1")


class Time(Option):
    """A date and time: ``2019-12-01T00:00:00`` (UTC) or ``{mjd: 53343.9, scale: tt}``; an astropy Time in Python."""

    kind = "a time such as 2019-12-01T00:00:00 (UTC) or {mjd: 53343.9, scale: tt}"

    def check_value(self, raw: Any) -> Any:
        if isinstance(raw, Mapping):
            return _check_mjd(raw)
        if isinstance(raw, datetime.datetime):
            if raw.tzinfo is not None:
                raw = raw.astimezone(datetime.UTC).replace(tzinfo=None)
            return raw.isoformat()
        if isinstance(raw, datetime.date):
            return f"{raw.isoformat()}T00:00:00"
        if hasattr(raw, "scale") and hasattr(raw, "mjd"):
            return _from_time(raw)
        if isinstance(raw, bool | int | float):
            hint = f"write {{mjd: {raw}, scale: utc}} if it is an MJD"
            raise InvalidValue(f"{shown(raw)} is not a time", hint, "type")
        if not isinstance(raw, str):
            raise InvalidValue(f"{shown(raw)} is not {self.kind}", code="type")
        return _check_iso(raw.strip())

    def read_word(self, word: str) -> Any:
        return super().read_word(word) if word.lstrip().startswith("{") or word == "null" else word

    def make(self, stored: Any, origin: Origin | None) -> Any:
        from astropy.time import Time as AstropyTime  # late: heavy, and not needed to check options

        if isinstance(stored, Mapping):
            return AstropyTime(stored["mjd"], format="mjd", scale=stored["scale"])
        with future_allowed():
            return AstropyTime(stored, format="isot", scale="utc")

    def value_schema(self) -> dict[str, Any]:
        pattern = r"^\s*\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?Z?\s*$"
        mapping = {
            "type": "object",
            "properties": {"mjd": {"type": "number"}, "scale": {"enum": list(SCALES)}},
            "required": ["mjd", "scale"],
            "additionalProperties": False,
        }
        return {"anyOf": [{"type": "string", "pattern": pattern}, mapping]}


def _check_iso(text: str) -> str:
    match = _ISO.fullmatch(text)
    if match is None:
        hint = None
        if re.search(r"[-+]\d{2}:?\d{2}$", text):
            hint = "text is UTC; write it without a time zone"
        elif re.fullmatch(NUMBER, text):
            hint = f"write {{mjd: {text}, scale: utc}} if it is an MJD"
        raise InvalidValue(f"{shown(text)} is not {Time.kind}", hint, "type")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        datetime.datetime(year, month, day, hour, minute, min(second, 59))
    except ValueError as error:
        raise InvalidValue(f"{shown(text)}: {error}", code="range") from None
    if second > 60 or (second == 60 and (hour, minute) != (23, 59)):
        raise InvalidValue(f"{shown(text)}: second must be in 0..59", code="range")
    fraction = f".{match.group(7)}" if match.group(7) else ""
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}{fraction}"


def _check_mjd(raw: Mapping[Any, Any]) -> dict[str, Any]:
    for key in raw:
        check_key(str(key), ("mjd", "scale"))
    mjd, scale = raw.get("mjd"), raw.get("scale")
    if isinstance(mjd, bool) or not isinstance(mjd, int | float) or mjd != mjd or abs(mjd) == float("inf"):
        raise InvalidValue(f"mjd {shown(mjd)} is not a number", "write {mjd: 53343.9, scale: tt}", "type")
    if scale not in SCALES:
        got = "no scale is given" if scale is None else f"scale {shown(scale)} is not allowed"
        raise InvalidValue(f"{got}. Allowed: {', '.join(SCALES)}", None, "choice", () if scale is None else ("scale",))
    return {"mjd": float(mjd), "scale": scale}


def _from_time(raw: Any) -> Any:
    if getattr(raw, "shape", ()) != ():
        raise InvalidValue(f"an array of {raw.size} times; expected one time", code="type")
    mjd = float(raw.mjd)
    if type(raw)(mjd, format="mjd", scale=raw.scale) == raw:
        return {"mjd": mjd, "scale": raw.scale}
    exact = raw.utc.copy(format="isot")
    exact.precision = 9
    return str(exact.value)


@dataclass(frozen=True, slots=True)
class Position:
    """A place on the sky as it is written.

    Attributes
    ----------
    frame : str
        "icrs" or "galactic".
    lon, lat : str
        Angles as text, ``"83.63 deg"`` or ``"05h34m32s"``.
    """

    frame: str
    lon: str
    lat: str

    def to_skycoord(self) -> Any:
        """The `astropy.coordinates.SkyCoord`."""
        from astropy.coordinates import SkyCoord  # late: heavy, and not needed to check options

        return SkyCoord(self.lon, self.lat, frame=self.frame)

    def to_mapping(self) -> dict[str, str]:
        """As it stands in a file: ``{frame: icrs, lon: 83.63 deg, lat: 22.01 deg}``."""
        return {"frame": self.frame, "lon": self.lon, "lat": self.lat}


FRAMES = ("icrs", "galactic")
_LON_HMS = re.compile(r"(\d{1,2})h\s*(\d{1,2})m\s*(\d{1,2}(?:\.\d*)?)s")
_DMS = re.compile(r"([-+]?)(\d{1,3})d\s*(\d{1,2})m\s*(\d{1,2}(?:\.\d*)?)s")
_SEXAGESIMAL = re.compile(rf"({_LON_HMS.pattern}|{_DMS.pattern})[\s,]\s*({_DMS.pattern})")


class SkyPosition(Option):
    """A place on the sky: ``{frame: icrs, lon: 83.63 deg, lat: 22.01 deg}``, ``"83.63 deg, 22.01 deg"`` or
    ``"05h34m32s +22d00m52s"`` (both icrs); a `Position` in Python. Names are not looked up."""

    kind = 'a position such as {frame: icrs, lon: 83.63 deg, lat: 22.01 deg} or "83.63 deg, 22.01 deg"'

    def check_value(self, raw: Any) -> dict[str, Any]:
        return check_position(raw)

    def read_word(self, word: str) -> Any:
        return super().read_word(word) if word.lstrip().startswith("{") or word == "null" else word

    def make(self, stored: Any, origin: Origin | None) -> Position:
        return Position(**stored)

    def key(self, stored: Any) -> Any:
        if stored is None:
            return None
        return {"frame": stored["frame"], "lon": _angle_key(stored["lon"]), "lat": _angle_key(stored["lat"])}

    def value_schema(self) -> dict[str, Any]:
        return position_schema()


def position_schema() -> dict[str, Any]:
    """JSON schema of a position."""
    angle = {"anyOf": [{"type": "string", "minLength": 2}, {"type": "object"}]}
    mapping = {
        "type": "object",
        "properties": {"frame": {"enum": list(FRAMES)}, "lon": angle, "lat": angle},
        "required": ["lon", "lat"],
        "additionalProperties": False,
    }
    return {"anyOf": [{"type": "string", "pattern": r"[0-9].*[\s,].*[0-9]"}, mapping]}


def check_position(raw: Any) -> dict[str, Any]:
    """The canonical mapping of a position in any allowed form."""
    if isinstance(raw, Position):
        raw = raw.to_mapping()
    if hasattr(raw, "icrs") and hasattr(raw, "separation"):
        raw = _from_skycoord(raw)
    if isinstance(raw, str):
        raw = _split_position(raw)
    if not isinstance(raw, Mapping):
        raise InvalidValue(f"{shown(raw)} is not {SkyPosition.kind}", code="type")
    for key in raw:
        check_key(str(key), ("frame", "lon", "lat"))
    frame = raw.get("frame", "icrs")
    if frame not in FRAMES:
        raise InvalidValue(
            f"frame {shown(frame)} is not allowed. Allowed: {', '.join(FRAMES)}", None, "choice", ("frame",)
        )
    missing = [key for key in ("lon", "lat") if raw.get(key) is None]
    if missing:
        raise InvalidValue(f"{missing[0]} is missing; expected {SkyPosition.kind}", code="missing")
    stored = {"frame": frame}
    for key in ("lon", "lat"):
        try:
            stored[key] = _check_angle(raw[key], is_lat=key == "lat")
        except InvalidValue as error:
            raise error.inside(key) from None
    return stored


def _split_position(text: str) -> dict[str, str]:
    match = _SEXAGESIMAL.fullmatch(text.strip())
    if match:
        return {"lon": match.group(1), "lat": match.group(9)}
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == 2 and all(parts):
        return {"lon": parts[0], "lat": parts[1]}
    words = text.split()
    if len(words) == 2 and all(re.fullmatch(NUMBER, word) for word in words):
        raise InvalidValue(f"{shown(text)} has no unit", f'write "{words[0]} deg, {words[1]} deg"', "no-unit")
    hint = "names are not looked up; write the coordinates" if re.match(r"\s*[A-Za-z]", text) else None
    raise InvalidValue(f"{shown(text)} is not {SkyPosition.kind}", hint, "type")


def _check_angle(raw: Any, *, is_lat: bool) -> str:
    stored = _check_sexagesimal(raw, is_lat) if isinstance(raw, str) else None
    if stored is None:
        if isinstance(raw, str) and re.fullmatch(r"\s*[-+]?\d+:\d+(:\d+(\.\d*)?)?\s*", raw):
            parts = raw.strip().split(":")
            units = "dms" if is_lat else "hms"
            example = "".join(f"{part}{unit}" for part, unit in zip(parts, units, strict=False))
            raise InvalidValue(f"{shown(raw)} has no unit", f'write e.g. "{example}"', "no-unit")
        number, unit = split_quantity(raw, "deg")
        stored = f"{format_number(number)} {unit}"
    degrees = _angle_key(stored)
    if is_lat and not -90 <= degrees <= 90:
        raise InvalidValue(
            f"{shown(raw)} is out of range; expected a latitude between -90 deg and 90 deg", code="range"
        )
    if not is_lat and not -360 <= degrees <= 360:
        raise InvalidValue(
            f"{shown(raw)} is out of range; expected a longitude between 0 deg and 360 deg", code="range"
        )
    return stored


def _check_sexagesimal(raw: str, is_lat: bool) -> str | None:
    text = "".join(raw.split())
    match = _DMS.fullmatch(text) or (None if is_lat else _LON_HMS.fullmatch(text))
    if match is None:
        return None
    minutes, seconds = match.groups()[-2:]
    if int(minutes) >= 60 or float(seconds) >= 60:
        raise InvalidValue(f"{shown(raw)}: minutes and seconds must be below 60", code="range")
    return text


def _angle_key(stored: str) -> float:
    """Degrees of a stored angle."""
    match = _LON_HMS.fullmatch(stored)
    if match:
        hours, minutes, seconds = (float(part) for part in match.groups())
        return 15 * (hours + minutes / 60 + seconds / 3600)
    match = _DMS.fullmatch(stored)
    if match:
        degrees, minutes, seconds = (float(part) for part in match.groups()[1:])
        return (-1 if match.group(1) == "-" else 1) * (degrees + minutes / 60 + seconds / 3600)
    return number_in(stored, "deg")


def _from_skycoord(raw: Any) -> dict[str, str]:
    if getattr(raw, "shape", ()) != ():
        raise InvalidValue(f"an array of {raw.size} positions; expected one", code="type")
    frame = raw.frame.name if raw.frame.name in FRAMES else "icrs"
    spherical = getattr(raw, frame).spherical
    lon, lat = (format_number(float(angle.to_value("deg"))) for angle in (spherical.lon, spherical.lat))
    return {"frame": frame, "lon": f"{lon} deg", "lat": f"{lat} deg"}
