"""The trait of regions on the sky. It checks the text; the engine's parser makes the object."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gammapy_hli.base.counted import counted
from gammapy_hli.core.container_traits import check_key
from gammapy_hli.core.option import InvalidValue, Option, shown
from gammapy_hli.core.origins import Origin
from gammapy_hli.core.plain import format_number, thaw
from gammapy_hli.core.quantity_traits import split_quantity
from gammapy_hli.core.sky_traits import check_position, position_schema


@dataclass(frozen=True, slots=True)
class RegionSpec:
    """A region as it is written, for the engine's region parser.

    Attributes
    ----------
    spec : str or dict
        DS9 text, the name of a file, or a mapping.
    base_dir : Path, optional
        Folder that a file name is relative to; None for the working directory.
    """

    spec: Any
    base_dir: Path | None = None


_DS9 = re.compile(
    r"(?:(?P<frame>[A-Za-z0-9]+)\s*;\s*)?(?P<shape>[A-Za-z]+)\s*\(\s*(?P<numbers>[^()]*)\)\s*(?:#.*)?", re.DOTALL
)
_DS9_FRAMES = ("icrs", "galactic", "fk5", "fk4", "j2000", "b1950", "ecliptic")
_DS9_SHAPES = {  # shape, what it has besides lon and lat, and whether that many numbers in all are right
    "circle": ("circle", "a radius", lambda n: n == 3),
    "ellipse": ("ellipse", "two half axes and an angle", lambda n: n == 4 or (n >= 5 and n % 2 == 1)),
    "box": ("rectangle", "width, height and an angle", lambda n: n == 4 or (n >= 5 and n % 2 == 1)),
    "annulus": ("annulus", "two radii", lambda n: n >= 4),
    "polygon": ("polygon", "those of two more corners at least", lambda n: n >= 6 and n % 2 == 0),
    "point": ("point", "nothing", lambda n: n == 2),
}
_ANGLE, _LIST_OF_POSITIONS, _POSITION = "angle", "positions", "position"
_SHAPES: dict[str, dict[str, str]] = {
    "circle": {"center": _POSITION, "radius": _ANGLE},
    "ellipse": {"center": _POSITION, "width": _ANGLE, "height": _ANGLE, "angle": _ANGLE},
    "rectangle": {"center": _POSITION, "width": _ANGLE, "height": _ANGLE, "angle": _ANGLE},
    "annulus": {"center": _POSITION, "inner_radius": _ANGLE, "outer_radius": _ANGLE},
    "polygon": {"vertices": _LIST_OF_POSITIONS},
    "point": {"center": _POSITION},
}
_OPTIONAL_KEYS = ("angle",)


class Region(Option):
    """A region on the sky: a mapping ``{circle: {center: ..., radius: ...}}`` (ellipse, rectangle, annulus, polygon,
    point too), DS9 text ``"icrs;circle(83.63,22.01,0.3)"`` or the name of a DS9 file; a `RegionSpec` in Python."""

    kind = (
        'a region such as {circle: {center: "83.63 deg, 22.01 deg", radius: 0.11 deg}}, '
        '"icrs;circle(83.63,22.01,0.3)" or a file'
    )

    def check_value(self, raw: Any) -> Any:
        if isinstance(raw, RegionSpec):
            raw = raw.spec
        if isinstance(raw, Path):
            return str(raw)
        if isinstance(raw, str):
            return _check_region_text(raw)
        if isinstance(raw, Mapping):
            return _check_region_mapping(raw)
        if hasattr(raw, "serialize"):
            return _from_region(raw)
        raise InvalidValue(f"{shown(raw)} is not {self.kind}", code="type")

    def read_word(self, word: str) -> Any:
        return super().read_word(word) if word.lstrip().startswith("{") or word == "null" else word

    def make(self, stored: Any, origin: Origin | None) -> RegionSpec:
        return RegionSpec(thaw(stored), origin.folder if origin is not None else None)

    def value_schema(self) -> dict[str, Any]:
        kinds = {
            _POSITION: position_schema(),
            _ANGLE: {"anyOf": [{"type": "string", "minLength": 2}, {"type": "object"}]},
            _LIST_OF_POSITIONS: {"type": "array", "items": position_schema(), "minItems": 3},
        }
        shapes = {
            shape: {
                "type": "object",
                "properties": {key: kinds[kind] for key, kind in keys.items()},
                "required": [key for key in keys if key not in _OPTIONAL_KEYS],
                "additionalProperties": False,
            }
            for shape, keys in _SHAPES.items()
        }
        mapping = {
            "type": "object",
            "properties": shapes,
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
        }
        return {"anyOf": [{"type": "string", "minLength": 1}, mapping]}


def is_region_file(stored: Any) -> bool:
    """Whether a stored region is the name of a file."""
    return isinstance(stored, str) and "(" not in stored


def region_shape_name(stored: Any) -> str | None:
    """Shape of a stored region, circle or ellipse, say; None for a file, which is not looked into."""
    if isinstance(stored, Mapping):
        return str(next(iter(stored)))
    match = _DS9.fullmatch(stored.strip()) if isinstance(stored, str) else None
    return None if match is None else _DS9_SHAPES[match.group("shape").lower()][0]


def _check_region_text(raw: str) -> str:
    text = raw.strip()
    if not text:
        raise InvalidValue(f"an empty text is not {Region.kind}", code="type")
    if "(" not in text:
        if re.search(r"\.[A-Za-z0-9]+$|/|^[$~]", text):
            return text  # a file; looked at when it is used
        raise InvalidValue(f"{shown(raw)} is not {Region.kind}", "a file name needs its ending (.reg)", "type")
    match = _DS9.fullmatch(text)
    if match is None:
        raise InvalidValue(f"{shown(raw)} is not {Region.kind}", code="type")
    frame, shape = (match.group("frame") or "").lower(), match.group("shape").lower()
    if frame not in _DS9_FRAMES:
        got = f"frame '{frame}' is not allowed" if frame else "no frame is given"
        raise InvalidValue(
            f"{shown(raw)}: {got}. Allowed: {', '.join(_DS9_FRAMES)}", 'write e.g. "icrs;circle(...)"', "choice"
        )
    if shape not in _DS9_SHAPES:
        raise InvalidValue(
            f"{shown(raw)}: shape '{shape}' is not allowed. Allowed: {', '.join(_DS9_SHAPES)}", code="choice"
        )
    words = match.group("numbers").split(",")
    if not all(re.match(r"[-+]?[0-9.]", word.strip()) for word in words):
        raise InvalidValue(f"{shown(raw)}: expected numbers in the brackets", code="type")
    _, parts, is_right = _DS9_SHAPES[shape]
    if not is_right(len(words)):
        article = "an" if shape[0] in "ae" else "a"
        wanted = f"{article} {shape} has lon and lat, and besides them {parts}"
        raise InvalidValue(f"{shown(raw)} has {counted(len(words), 'number')}; {wanted}", code="type")
    return text


def _check_region_mapping(raw: Mapping[Any, Any]) -> dict[str, Any]:
    if len(raw) != 1:
        raise InvalidValue(f"{len(raw)} shapes in one region; expected one of {', '.join(_SHAPES)}", code="type")
    ((shape, values),) = raw.items()
    check_key(str(shape), tuple(_SHAPES))
    keys = _SHAPES[shape]
    if not isinstance(values, Mapping):
        raise InvalidValue(f"{shown(values)} is not a mapping with {', '.join(keys)}", None, "mapping", (shape,))
    try:
        for key in values:
            check_key(str(key), tuple(keys))
        missing = [key for key in keys if key not in values and key not in _OPTIONAL_KEYS]
        if missing:
            raise InvalidValue(
                f"{missing[0]} is missing; a {shape} has {', '.join(keys)}",
                "a region is given as a whole, no part of it is taken from elsewhere",
                "missing",
            )
        return {
            shape: {key: _check_region_value(key, kind, values[key]) for key, kind in keys.items() if key in values}
        }
    except InvalidValue as error:
        raise error.inside(shape) from None


def _check_region_value(key: str, kind: str, raw: Any) -> Any:
    try:
        if kind == _POSITION:
            return check_position(raw)
        if kind == _LIST_OF_POSITIONS:
            if not isinstance(raw, list | tuple) or len(raw) < 3:
                raise InvalidValue(f"{shown(raw)} is not a list of at least three positions", code="list")
            return [check_position(item) for item in raw]
        number, unit = split_quantity(raw, "deg")
        if key != "angle" and number < 0:
            raise InvalidValue(f"{shown(raw)} is negative; expected a size >= 0 deg", code="range")
        return f"{format_number(number)} {unit}"
    except InvalidValue as error:
        raise error.inside(key) from None


def _from_region(raw: Any) -> dict[str, Any]:
    """The mapping of a `regions.SkyRegion`."""
    shape = _CLASSES.get(type(raw).__name__)
    if shape is None:
        raise InvalidValue(f"{type(raw).__name__} is not a region of a known shape: {', '.join(_SHAPES)}", code="type")
    values = {key: getattr(raw, key) for key in _SHAPES[shape]}
    if "vertices" in values:
        values["vertices"] = list(values["vertices"])
    return _check_region_mapping({shape: values})


_CLASSES = {
    "CircleSkyRegion": "circle",
    "EllipseSkyRegion": "ellipse",
    "RectangleSkyRegion": "rectangle",
    "CircleAnnulusSkyRegion": "annulus",
    "PolygonSkyRegion": "polygon",
    "PointSkyRegion": "point",
}
