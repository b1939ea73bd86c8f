"""Regions as FITS region tables: pixels of a tangent plane whose WCS stands in the header (NUMERICS C.2, C.3).

As gammapy reads and writes them, positions count from 0 although the WCS counts from 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy import units as u

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.fits_bytes import Column
from gammapy_hli.engine.datasets.region_set import RegionSet
from gammapy_hli.engine.dl3.fits_file import FitsTable
from gammapy_hli.engine.geom.region import region_plane
from gammapy_hli.engine.geom.tangent import TangentPlane

AXES = {"icrs": ("RA---TAN", "DEC--TAN"), "fk5": ("RA---TAN", "DEC--TAN"), "galactic": ("GLON-TAN", "GLAT-TAN")}


def region_columns(regions: Any) -> tuple[list[Column], dict[str, Any]]:
    """Columns SHAPE, X, Y, R, ROTANG and the WCS cards of one sky region, of a RegionSet or of a list of regions."""
    found = _as_region_set(regions)
    cards = wcs_cards(found.plane, found.frame)
    if found.shapes and all(type(shape).__name__ == "PointPixelRegion" for shape in found.shapes):
        x, y = (np.array([getattr(shape.center, axis) for shape in found.shapes], dtype=float) for axis in "xy")
        zeros = np.zeros(len(found))
        return _columns(np.full(len(found), "point"), x, y, zeros, zeros), cards
    if found.shapes:
        return _shape_columns(found.shapes), cards
    x, y, radius = found.circles.T
    shape = np.full(len(found), "circle")
    return _columns(shape, x, y, radius, np.zeros(len(found))), cards


def wcs_cards(plane: TangentPlane, frame: str) -> dict[str, Any]:
    """FITS cards of a tangent plane."""
    x, y = plane.reference_pixel
    pixel = _plain_degrees(plane.pixel)
    cards: dict[str, Any] = {"WCSAXES": 2, "CRPIX1": x + 1, "CRPIX2": y + 1, "CDELT1": -pixel, "CDELT2": pixel}
    cards |= {"CUNIT1": "deg", "CUNIT2": "deg", "CTYPE1": AXES[frame][0], "CTYPE2": AXES[frame][1]}
    cards |= {"CRVAL1": _plain_degrees(plane.lon), "CRVAL2": _plain_degrees(plane.lat)}
    cards |= {"LONPOLE": 180.0, "LATPOLE": _plain_degrees(plane.lat)}
    if frame != "galactic":
        cards["RADESYS"] = frame.upper()
    if frame == "fk5":
        cards["EQUINOX"] = 2000.0
    return cards | {"WCSSHAPE": f"({plane.shape[1]},{plane.shape[0]})"}


def read_regions(table: FitsTable) -> Sequence[Any]:
    """Sky regions of a region table of any program; a RegionSet where all are circles on a plane like ours.

    Raises
    ------
    InputError
        Where the table holds no regions that can be read.
    """
    header = table.header
    try:
        if _is_plain_tangent(header) and all(str(shape).strip() == "circle" for shape in table.raw("SHAPE")):
            return _read_circles(table)
        return _read_any(table)
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"{table.where}: the regions cannot be read ({error}); expected SHAPE, X, Y, R, ROTANG"
        ) from None


def _plain_degrees(angle: float) -> float:
    degrees = float(np.rad2deg(angle))
    short = float(f"{degrees:.15g}")
    return short if np.deg2rad(short) == angle else degrees


def _as_region_set(regions: Any) -> RegionSet:
    if isinstance(regions, RegionSet):
        return regions
    listed = list(regions) if isinstance(regions, Sequence) else [regions]
    plane, frame = region_plane(listed[0])
    plane = TangentPlane(plane.lon, plane.lat, plane.pixel, (4, 4))
    if len(listed) == 1 and type(listed[0]).__name__ == "CircleSkyRegion":
        radius = float(listed[0].radius.to_value(u.rad)) / plane.pixel
        return RegionSet(plane, frame, np.array([[*plane.reference_pixel, radius]]))
    wcs = plane.to_wcs(frame)
    return RegionSet(plane, frame, np.empty((0, 3)), tuple(region.to_pixel(wcs) for region in listed))


def _columns(shape: np.ndarray, x: np.ndarray, y: np.ndarray, size: np.ndarray, angle: np.ndarray) -> list[Column]:
    numbers = [
        Column(name, np.asarray(values, dtype=float), "pix") for name, values in zip("XYR", (x, y, size), strict=True)
    ]
    return [Column("SHAPE", shape), *numbers, Column("ROTANG", np.asarray(angle, dtype=float), "deg")]


def _shape_columns(shapes: Sequence[Any]) -> list[Column]:
    from regions import Regions  # late: knows the columns of every shape, needed for uncommon ones only

    table = Regions(list(shapes)).serialize(format="fits")
    columns = []
    for name in table.colnames:
        values = table[name]
        unit = None if values.dtype.kind == "U" else str(values.unit)
        columns.append(Column(name, np.asarray(values.value), unit))
    return columns


def _is_plain_tangent(header: Mapping[str, Any]) -> bool:
    is_tangent = str(header.get("CTYPE1", "")).endswith("-TAN") and header.get("LONPOLE", 180.0) == 180.0
    is_square = header.get("CDELT1", 0.0) == -header.get("CDELT2", 1.0) and "PC1_1" not in header
    return is_tangent and is_square and _frame(header) is not None


def _frame(header: Mapping[str, Any]) -> str | None:
    if str(header.get("CTYPE1", "")).startswith("GLON"):
        return "galactic"
    frame = str(header.get("RADESYS", "icrs")).lower()
    return frame if frame in ("icrs", "fk5") else None


def _read_circles(table: FitsTable) -> RegionSet:
    header = table.header
    lon, lat, pixel = (float(np.deg2rad(header[key])) for key in ("CRVAL1", "CRVAL2", "CDELT2"))
    nx, ny = round(2 * header["CRPIX1"] - 1), round(2 * header["CRPIX2"] - 1)
    circles = np.stack([table.raw(name).reshape(table.n_rows) for name in "XYR"], axis=1)
    return RegionSet(TangentPlane(lon, lat, pixel, (ny, nx)), _frame(header) or "icrs", circles)


def _read_any(table: FitsTable) -> tuple[Any, ...]:
    from astropy.table import QTable  # late: only for regions of other programs
    from astropy.wcs import WCS
    from regions import Regions

    wcs = WCS(table.hdu.header, naxis=2)
    regions = []
    for region in Regions.parse(data=QTable.read(table.hdu), format="fits"):
        region.meta["include"] = True
        regions.append(region.to_sky(wcs))
    return tuple(regions)
