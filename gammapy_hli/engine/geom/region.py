"""Sky regions: reading them from configuration or files, which directions they contain, how large they are.

Regions are those of the `regions` package, imported when the first one is made. Containment is decided on the tangent
plane of the region itself, as gammapy does, so that counts agree event by event (NUMERICS B.3).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.geom.sphere import from_icrs, from_unit_vectors, to_icrs, to_radians, to_unit_vectors
from gammapy_hli.engine.geom.tangent import TangentPlane

if TYPE_CHECKING:
    from regions import SkyRegion

PIXEL = float(np.deg2rad(0.1))  # gammapy's binsz_wcs: only oddly shaped regions depend on it, and weakly
SAMPLE_PIXEL = PIXEL / 10
N_SUBPIXELS = 10
FRAMES = ("icrs", "fk5", "galactic")
SHAPES: dict[str, tuple[str, ...]] = {
    "circle": ("center", "radius"),
    "ellipse": ("center", "width", "height", "angle"),
    "rectangle": ("center", "width", "height", "angle"),
    "annulus": ("center", "inner_radius", "outer_radius"),
    "polygon": ("vertices",),
    "point": ("center",),
}
_EXAMPLE = '"icrs;circle(83.63,22.01,0.3)", {circle: {center: "83.63 deg, 22.01 deg", radius: 0.3 deg}} or a DS9 file'


# -- reading ---------------------------------------------------------------------------------------------------------


def parse_region(spec: Any, base_dir: Path | str | None = None) -> SkyRegion:
    """One sky region from a DS9 line, a mapping, a DS9 file, or a region (returned as it is).

    Parameters
    ----------
    spec : str, Path, mapping or SkyRegion
        ``"icrs;circle(83.63,22.01,0.3)"`` (numbers in deg), ``{"circle": {"center": ..., "radius": "0.3 deg"}}``, or
        the path of a file in DS9 format that holds one region.
    base_dir : path, optional
        Folder that a relative path starts from.

    Raises
    ------
    ValueError
        The text or mapping is not a region.
    InputError
        The file is missing or does not hold one sky region.

    Examples
    --------
    >>> parse_region("icrs;circle(83.63,22.01,0.3)").radius
    <Quantity 0.3 deg>
    """
    regions = parse_regions(spec, base_dir)
    if len(regions) != 1:
        raise InputError(f"{spec}: got {len(regions)} regions, expected one; keep one region in the file")
    return regions[0]


def parse_regions(spec: Any, base_dir: Path | str | None = None) -> list[SkyRegion]:
    """Sky regions from any form that `parse_region` takes, from a file of several regions, or from a list of these."""
    if isinstance(spec, Mapping):
        return [_from_mapping(spec)]
    if isinstance(spec, str | Path):
        text = str(spec)
        if not isinstance(spec, Path) and ("(" in text or ";" in text):
            return _from_ds9_text(text)
        return _from_file(text, base_dir)
    if isinstance(spec, Sequence):
        return [region for item in spec for region in parse_regions(item, base_dir)]
    return [_check_sky_region(spec)]


def _check_sky_region(region: Any) -> SkyRegion:
    from regions import SkyRegion  # late: slow to load, needed only where there is a region

    if not isinstance(region, SkyRegion):
        raise ValueError(f"got {region!r}, which is no sky region; expected {_EXAMPLE}")
    return region


def _from_ds9_text(text: str, where: str | None = None) -> list[SkyRegion]:
    from regions import Regions, SkyRegion  # late: slow to load, needed only where there is a region

    label = where or f"region {text!r}"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = list(Regions.parse(text, format="ds9"))
        except Exception as error:  # the parser raises many kinds for malformed numbers
            raise ValueError(f"{label} is not a DS9 region ({error}); expected {_EXAMPLE}") from error
    if not found or caught:
        reason = str(caught[0].message) if caught else "no region found"
        raise ValueError(f"{label} is not a DS9 region ({reason}); expected {_EXAMPLE}")
    if not all(isinstance(_, SkyRegion) for _ in found):
        raise ValueError(f"{label} is given in image pixels; expected sky coordinates, e.g. {_EXAMPLE}")
    return found


def _from_file(text: str, base_dir: Path | str | None) -> list[SkyRegion]:
    path = Path(base_dir or ".") / Path(text).expanduser()
    if not path.is_file():
        raise InputError(f"region file {path}: no such file; expected {_EXAMPLE}")
    try:
        return _from_ds9_text(path.read_text(encoding="utf-8"), where=f"region file {path}")
    except (ValueError, OSError) as error:
        raise InputError(str(error)) from error


def _from_mapping(spec: Mapping[str, Any]) -> SkyRegion:
    if len(spec) != 1:
        raise ValueError(f"a region has one shape, got {list(spec)}; expected {_EXAMPLE}")
    shape, options = next(iter(spec.items()))
    if shape not in SHAPES:
        hint = did_you_mean(str(shape), SHAPES)
        raise ValueError(f"'{shape}' is not a region shape.{hint} Allowed: {', '.join(SHAPES)}")
    if not isinstance(options, Mapping):
        raise ValueError(f"{shape}: got {options!r}; expected a mapping with {', '.join(SHAPES[shape])}")
    values = dict(options)
    for key in values:
        if key not in SHAPES[shape]:
            raise ValueError(f"{shape}: unknown key '{key}'.{did_you_mean(str(key), SHAPES[shape])}")
    missing = [key for key in SHAPES[shape] if key not in values and key != "angle"]
    if missing:
        raise ValueError(f"{shape}: '{missing[0]}' is missing; expected {', '.join(SHAPES[shape])}")
    return _MAKERS[shape](values)


def _make_circle(values: dict[str, Any]) -> SkyRegion:
    from regions import CircleSkyRegion  # late: slow to load, needed only where there is a region

    return CircleSkyRegion(_position("circle", values), _size("circle", "radius", values))


def _make_ellipse(values: dict[str, Any]) -> SkyRegion:
    from regions import EllipseSkyRegion  # late: slow to load, needed only where there is a region

    sizes = [_size("ellipse", key, values) for key in ("width", "height")]
    return EllipseSkyRegion(_position("ellipse", values), *sizes, angle=_angle("ellipse", "angle", values))


def _make_rectangle(values: dict[str, Any]) -> SkyRegion:
    from regions import RectangleSkyRegion  # late: slow to load, needed only where there is a region

    sizes = [_size("rectangle", key, values) for key in ("width", "height")]
    return RectangleSkyRegion(_position("rectangle", values), *sizes, angle=_angle("rectangle", "angle", values))


def _make_annulus(values: dict[str, Any]) -> SkyRegion:
    from regions import CircleAnnulusSkyRegion  # late: slow to load, needed only where there is a region

    inner, outer = (_size("annulus", key, values) for key in ("inner_radius", "outer_radius"))
    if not inner < outer:
        raise ValueError(f"annulus: got inner_radius {inner}, outer_radius {outer}; expected inner < outer")
    return CircleAnnulusSkyRegion(_position("annulus", values), inner, outer)


def _make_polygon(values: dict[str, Any]) -> SkyRegion:
    from regions import PolygonSkyRegion  # late: slow to load, needed only where there is a region

    vertices = values["vertices"]
    if not isinstance(vertices, SkyCoord):
        if not isinstance(vertices, Sequence) or isinstance(vertices, str) or len(vertices) < 3:
            raise ValueError(f"polygon.vertices: got {vertices!r}; expected a list of three or more positions")
        points = [parse_position(_, "polygon.vertices") for _ in vertices]
        frame = points[0].frame.name
        points = [_.transform_to(frame) for _ in points]
        vertices = SkyCoord(
            [_.spherical.lon.deg for _ in points], [_.spherical.lat.deg for _ in points], unit="deg", frame=frame
        )
    return PolygonSkyRegion(vertices)


def _make_point(values: dict[str, Any]) -> SkyRegion:
    from regions import PointSkyRegion  # late: slow to load, needed only where there is a region

    return PointSkyRegion(_position("point", values))


_MAKERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "circle": _make_circle,
    "ellipse": _make_ellipse,
    "rectangle": _make_rectangle,
    "annulus": _make_annulus,
    "polygon": _make_polygon,
    "point": _make_point,
}


def parse_position(spec: Any, where: str = "position") -> SkyCoord:
    """SkyCoord from ``{frame, lon, lat}``, ``"83.63 deg, 22.01 deg"`` or ``"05h34m32s +22d00m52s"`` (icrs)."""
    if isinstance(spec, SkyCoord):
        return spec
    expected = '"83.63 deg, 22.01 deg", "05h34m32s +22d00m52s" or {frame: icrs, lon: 83.63 deg, lat: 22.01 deg}'
    try:
        if isinstance(spec, Mapping):
            unknown = [key for key in spec if key not in ("frame", "lon", "lat")]
            if unknown:
                raise ValueError(f"unknown key '{unknown[0]}'.{did_you_mean(str(unknown[0]), ('frame', 'lon', 'lat'))}")
            frame = spec.get("frame", "icrs")
            if frame not in FRAMES:
                raise ValueError(f"unknown frame '{frame}'.{did_you_mean(str(frame), FRAMES)}")
            return SkyCoord(_with_unit(spec["lon"]), _with_unit(spec["lat"]), frame=frame)
        text = str(spec)
        if "," in text:
            lon, lat = text.split(",")
            return SkyCoord(_with_unit(lon.strip()), _with_unit(lat.strip()), frame="icrs")
        return SkyCoord(text, frame="icrs")
    except KeyError as error:
        raise ValueError(f"{where}: {error} is missing; expected {expected}") from error
    except (ValueError, TypeError, u.UnitsError) as error:
        raise ValueError(f"{where}: got {spec!r} ({error}); expected {expected}") from error


def _with_unit(value: Any) -> Any:
    if isinstance(value, int | float):
        raise ValueError(f'{value} has no unit; write e.g. "{value} deg"')
    return u.Quantity(value) if not isinstance(value, u.Quantity) and " " in str(value) else value


def _position(shape: str, values: dict[str, Any]) -> SkyCoord:
    return parse_position(values["center"], f"{shape}.center")


def _angle(shape: str, key: str, values: dict[str, Any]) -> u.Quantity:
    value = values.get(key, 0 * u.deg)
    try:
        angle = u.Quantity(value)
        return angle.to(angle.unit if angle.unit.is_equivalent(u.deg) else u.deg)
    except (TypeError, ValueError, u.UnitsError) as error:
        raise ValueError(f"{shape}.{key}: got {value!r}; expected an angle such as 0.3 deg") from error


def _size(shape: str, key: str, values: dict[str, Any]) -> u.Quantity:
    angle = _angle(shape, key, values)
    if not angle.value > 0:
        raise ValueError(f"{shape}.{key}: got {angle}; expected more than 0 deg")
    return angle


# -- writing ---------------------------------------------------------------------------------------------------------


def region_shape(region: SkyRegion) -> str:
    """Name of the shape as in configuration files; raises ValueError for shapes that have none."""
    name = type(region).__name__
    shapes = {
        "CircleSkyRegion": "circle",
        "EllipseSkyRegion": "ellipse",
        "RectangleSkyRegion": "rectangle",
        "CircleAnnulusSkyRegion": "annulus",
        "PolygonSkyRegion": "polygon",
        "PointSkyRegion": "point",
    }
    if name not in shapes:
        raise ValueError(f"region of type {name} is not supported; use one of {', '.join(SHAPES)}")
    return shapes[name]


def region_to_mapping(region: SkyRegion) -> dict[str, Any]:
    """Plain mapping that `parse_region` turns into the same region again."""
    shape = region_shape(region)
    values: dict[str, Any] = {}
    for key in SHAPES[shape]:
        value = getattr(region, key)
        if key == "vertices":
            values[key] = [_position_to_mapping(_) for _ in value]
        else:
            values[key] = _position_to_mapping(value) if key == "center" else _angle_text(value)
    return {shape: values}


def _position_to_mapping(position: SkyCoord) -> dict[str, str]:
    frame = position.frame.name
    if frame not in FRAMES:
        position, frame = position.icrs, "icrs"
    return {
        "frame": frame,
        "lon": f"{float(position.spherical.lon.deg)!r} deg",
        "lat": f"{float(position.spherical.lat.deg)!r} deg",
    }


def _angle_text(value: u.Quantity) -> str:
    return f"{float(value.value)!r} {value.unit}"


# -- geometry --------------------------------------------------------------------------------------------------------


def region_center(region: SkyRegion) -> SkyCoord:
    """Center of a region in icrs; for a polygon the mean direction of its vertices."""
    center = getattr(region, "center", None)
    if center is not None:
        return center.icrs
    vertices = getattr(region, "vertices", None)
    if vertices is None:
        raise ValueError(f"region of type {type(region).__name__} has no center; use one of {', '.join(SHAPES)}")
    icrs = vertices.icrs
    lon, lat = from_unit_vectors(to_unit_vectors(icrs.ra.rad, icrs.dec.rad).mean(axis=1))
    return SkyCoord(lon, lat, unit="rad", frame="icrs")


def region_frame(region: SkyRegion) -> str:
    """Frame in which the angles of a region are meant: icrs, fk5 or galactic."""
    position = getattr(region, "center", None)
    name = (region.vertices if position is None else position).frame.name
    return name if name in FRAMES else "icrs"


def region_plane(region: SkyRegion, pixel: Any = PIXEL) -> tuple[TangentPlane, str]:
    """Tangent plane centered on a region, in the frame of the region, and the name of that frame."""
    frame = region_frame(region)
    center = region_center(region).transform_to(frame).spherical
    return TangentPlane(float(center.lon.rad), float(center.lat.rad), float(to_radians(pixel))), frame


def region_mask(region: SkyRegion, lon: Any, lat: Any) -> NDArray[np.bool_]:
    """Which directions lie inside a region, strictly (NUMERICS B.3).

    Parameters
    ----------
    region : SkyRegion
        Any shape but a point.
    lon, lat : array or Quantity
        Right ascension and declination (icrs); bare numbers are in [rad].

    Raises
    ------
    ValueError
        The region is a point: it contains no event without a radius (see `RadMax`).
    """
    name = type(region).__name__
    if name == "PointSkyRegion":
        raise ValueError("a point region contains no direction; give a circle, or use the RAD_MAX of the observation")
    plane, frame = region_plane(region)
    x, y = plane.to_pixel(*from_icrs(lon, lat, frame))
    if name == "CircleSkyRegion" and region.meta.get("include", True):
        return np.hypot(x, y) < _pixels(region.radius)
    if name == "CircleAnnulusSkyRegion" and region.meta.get("include", True):
        radius = np.hypot(x, y)
        return (radius >= _pixels(region.inner_radius)) & (radius < _pixels(region.outer_radius))
    return _general_mask(region, plane, frame, x, y)


def _pixels(angle: u.Quantity) -> float:
    return _radians(angle) / PIXEL


def _radians(angle: u.Quantity) -> float:
    return float(angle.to_value(u.rad))


def _general_mask(region: Any, plane: TangentPlane, frame: str, x: Any, y: Any) -> NDArray[np.bool_]:
    from regions import PixCoord  # late: slow to load, needed only where there is a region

    seen = np.isfinite(x)
    position = PixCoord(np.where(seen, x, -1e9), np.where(seen, y, -1e9))
    return np.asarray(region.to_pixel(plane.to_wcs(frame)).contains(position)) & seen


def region_solid_angle(region: SkyRegion) -> u.Quantity:
    """Solid angle [sr] of a region, as its area in the tangent plane: pi R^2 for a circle, as gammapy counts it.

    A point has none.
    """
    shape = region_shape(region)
    if shape == "circle":
        area = np.pi * _radians(region.radius) ** 2
    elif shape == "annulus":
        area = np.pi * (_radians(region.outer_radius) ** 2 - _radians(region.inner_radius) ** 2)
    elif shape in ("ellipse", "rectangle"):
        area = _radians(region.width) * _radians(region.height) * (np.pi / 4 if shape == "ellipse" else 1)
    elif shape == "polygon":
        plane, frame = region_plane(region)
        area = float(region.to_pixel(plane.to_wcs(frame)).area) * plane.pixel**2
    else:
        area = 0.0
    return area * u.sr


def region_samples(
    region: SkyRegion, pixel: Any = SAMPLE_PIXEL
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Directions that stand for a region, for means and integrals over it.

    The centers of the pixels of a tangent plane, one corner of which is the center of the region, each with the part of
    it that lies in the region, found with 10 x 10 points. These are gammapy's samples for its binsz_wcs of
    that size; its default is 0.1 deg, which errs by 1e-3 where 0.01 deg errs by 1e-5.

    Parameters
    ----------
    region : SkyRegion
        Any shape; a point gives one sample without area.
    pixel : float or Quantity
        Size of the pixels [rad]; default 0.01 deg.

    Returns
    -------
    lon, lat : array, shape (n,)
        icrs directions [rad].
    area : array, shape (n,)
        Solid angle [sr] of the part of each pixel inside the region.
    """
    plane, frame = region_plane(region, pixel)
    if type(region).__name__ == "PointSkyRegion":
        lon, lat = to_icrs(np.array([plane.lon]), np.array([plane.lat]), frame)
        return lon, lat, np.zeros(1)
    box = region.to_pixel(plane.to_wcs(frame)).bounding_box
    x, y = (np.arange(low - 1, high + 2) for low, high in ((box.ixmin, box.ixmax), (box.iymin, box.iymax)))
    steps = (np.arange(N_SUBPIXELS) + 0.5) / N_SUBPIXELS
    fine_y, fine_x = np.meshgrid(np.add.outer(y, steps).ravel(), np.add.outer(x, steps).ravel(), indexing="ij")
    inside = region_mask(region, *to_icrs(*plane.to_sky(fine_x, fine_y), frame))
    part = inside.reshape(len(y), N_SUBPIXELS, len(x), N_SUBPIXELS).mean(axis=(1, 3))
    row, column = np.nonzero(part)
    dx, dy = x[column] + 0.5, y[row] + 0.5
    lon, lat = to_icrs(*plane.to_sky(dx, dy), frame)
    shrink = (1 + (dx**2 + dy**2) * plane.pixel**2) ** -1.5
    return lon, lat, part[row, column] * plane.pixel**2 * shrink
