"""Regions as JSON text with all digits: what a dataset file keeps besides the tables that other software reads."""

from __future__ import annotations

import json
import operator
from collections import deque
from collections.abc import Sequence
from typing import Any

from astropy import units as u

from gammapy_hli.engine.datasets.region_set import RegionSet
from gammapy_hli.engine.geom.region import parse_region, region_to_mapping
from gammapy_hli.engine.geom.tangent import TangentPlane

SIZES = {
    "EllipsePixelRegion": ("width", "height"),
    "RectanglePixelRegion": ("width", "height"),
    "CircleAnnulusPixelRegion": ("inner_radius", "outer_radius"),
    "CirclePixelRegion": ("radius",),
    "PointPixelRegion": (),
}

_texts: deque[tuple[tuple[Any, ...], str]] = deque(
    maxlen=4
)  # of the last regions, known by the objects they consist of


def region_to_text(region: Any) -> str:
    """One sky region as text; empty for None."""
    if region is None:
        return ""
    parts = (type(region), *vars(region).values())
    for known, text in tuple(_texts):
        if len(known) == len(parts) and all(map(operator.is_, known, parts)):
            return text
    text = json.dumps(region_to_mapping(region))
    _texts.appendleft((parts, text))
    return text


def region_from_text(text: str) -> Any:
    """The sky region that `region_to_text` wrote."""
    return parse_region(json.loads(text)) if text else None


def regions_to_text(regions: Sequence[Any]) -> str:
    """A RegionSet or a list of sky regions as text."""
    if not isinstance(regions, RegionSet):
        return json.dumps([region_to_mapping(region) for region in regions])
    plane = regions.plane
    document = {
        "plane": [plane.lon, plane.lat, plane.pixel, *plane.shape],
        "frame": regions.frame,
        "circles": regions.circles.tolist(),
        "shapes": [_shape_to_mapping(shape) for shape in regions.shapes],
    }
    return json.dumps(document)


def regions_from_text(text: str) -> Sequence[Any]:
    """What `regions_to_text` wrote: a RegionSet, or a tuple of sky regions."""
    document = json.loads(text) if text else []
    if isinstance(document, list):
        return tuple(parse_region(item) for item in document)
    lon, lat, pixel, ny, nx = document["plane"]
    shapes = tuple(_shape_from_mapping(item) for item in document["shapes"])
    return RegionSet(TangentPlane(lon, lat, pixel, (ny, nx)), document["frame"], document["circles"], shapes)


def _shape_to_mapping(shape: Any) -> dict[str, Any]:
    kind = type(shape).__name__
    if kind == "PolygonPixelRegion":
        return {"kind": kind, "x": list(map(float, shape.vertices.x)), "y": list(map(float, shape.vertices.y))}
    values = {"kind": kind, "x": float(shape.center.x), "y": float(shape.center.y)}
    values |= {name: float(getattr(shape, name)) for name in SIZES[kind]}
    if hasattr(shape, "angle"):
        values["angle"] = float(shape.angle.to_value(u.deg))
    return values


def _shape_from_mapping(values: dict[str, Any]) -> Any:
    import regions  # late: slow to load, needed only where regions are shown

    kind = values["kind"]
    position = regions.PixCoord(values["x"], values["y"])
    if kind == "PolygonPixelRegion":
        return regions.PolygonPixelRegion(position)
    sizes = {name: values[name] for name in SIZES[kind]}
    if "angle" in values:
        sizes["angle"] = values["angle"] * u.deg
    return getattr(regions, kind)(position, **sizes)
