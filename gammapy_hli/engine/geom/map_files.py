"""FITS form of maps: an image and the table of its axes, as gammapy writes and reads them (NUMERICS C.1).

An image NAME has WCS keywords, AXCOLSi, INTERPi, WCSSHAPE, BANDSHDU, META and BUNIT; the table NAME_BANDS lists the
bins of all axes but the two of the sky, the fastest one first. Numbers in headers keep all digits, nothing depends on
the date: the same map gives the same bytes. Geometry, axes and data are read back bitwise.
"""

from __future__ import annotations

import io
import itertools
import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from numpy.typing import NDArray

from gammapy_hli.base.atomic_write import atomic_write
from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.geom.axes import Axis, Interp
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

BOOL = "HLI_BOOL"  # keyword of images of 0 and 1 that were true and false
FERMI_UNIT = "cm-2 s-1 MeV-1 sr-1"  # of diffuse models that state none
_BLOCK = 2880
_PLAIN = ("u1", "i2", "i4", "i8", "f4", "f8")  # types of images without scaling
_COLUMNS = {"energy": "E"}  # axes whose edge columns have another name than the axis
_NAMES = {"E": "energy", "ENERGY": "energy", "THETA": "rad"}


@dataclass(frozen=True)
class MapParts:
    """What one image and its table hold: `SkyMap` without its methods."""

    geometry: WcsGeometry
    axes: tuple[Axis, ...]
    data: NDArray[Any]
    unit: u.UnitBase = u.dimensionless_unscaled
    meta: Mapping[str, Any] = field(default_factory=dict)


# -- writing ---------------------------------------------------------------------------------------------------------


def map_hdus(name: str, parts: MapParts) -> list[Any]:
    """Image HDU, and its table where there are axes; the name PRIMARY gives a primary HDU."""
    name = name.upper()
    data = parts.data
    cards: dict[str, Any] = parts.geometry.header_cards()
    cards.update(_axis_cards(parts.axes))
    sizes = [*parts.geometry.shape[::-1], *(axis.nbin for axis in reversed(parts.axes))]
    cards["WCSSHAPE"] = f"({','.join(str(n) for n in sizes)})"
    if parts.axes:
        cards["BANDSHDU"] = f"{name}_BANDS"
    cards["META"] = json.dumps(dict(parts.meta))
    cards["BUNIT"] = parts.unit.to_string("fits")
    if data.dtype == bool:
        data = data.astype(np.uint8)
        cards[BOOL] = True
    header = header_of(cards)
    image = fits.PrimaryHDU(data, header) if name == "PRIMARY" else fits.ImageHDU(data, header, name=name)
    return [image, bands_hdu(f"{name}_BANDS", parts.axes)] if parts.axes else [image]


def bands_hdu(name: str, axes: Sequence[Axis]) -> fits.BinTableHDU:
    """Table of all bins: CHANNEL, and center, lower and upper edge along each axis; the last axis varies fastest."""
    shape = tuple(axis.nbin for axis in axes)
    n_rows = int(np.prod(shape))
    columns = [fits.Column("CHANNEL", "K", array=np.arange(n_rows))]
    for position, axis in reversed(list(enumerate(axes))):
        index = np.indices(shape)[position].ravel()
        edges, center = axis.edges.value, axis.center.value
        prefix = _COLUMNS.get(axis.name, axis.name.upper())
        unit = axis.unit.to_string("fits") or None
        for column, values in (
            (axis.name.upper(), center),
            (f"{prefix}_MIN", edges[:-1]),
            (f"{prefix}_MAX", edges[1:]),
        ):
            columns.append(fits.Column(column, "D", unit=unit, array=values[index]))
    return fits.BinTableHDU.from_columns(columns, header=header_of(_axis_cards(axes)), name=name)


def _axis_cards(axes: Sequence[Axis]) -> dict[str, str]:
    cards = {}
    for number, axis in enumerate(reversed(axes), start=1):
        prefix = _COLUMNS.get(axis.name, axis.name.upper())
        cards[f"AXCOLS{number}"] = axis.name.upper() if axis.nodes is not None else f"{prefix}_MIN,{prefix}_MAX"
        cards[f"INTERP{number}"] = axis.interp
    return cards


def header_of(cards: Mapping[str, Any]) -> fits.Header:
    """FITS header whose floating point numbers have all their digits."""
    header = fits.Header()
    for key, value in cards.items():
        if isinstance(value, float):
            text = repr(float(value)).replace("e", "E")
            header.append(fits.Card.fromstring(f"{key:<8}= {text:>20}"))
        else:
            header.append((key, value))
    return header


def write_hdus(path: Path | str, hdus: Iterable[Any], overwrite: bool = False) -> Path:
    """Write a FITS file whole or not at all, with an empty primary HDU in front where there is none; ``.gz`` is packed.

    Raises
    ------
    InputError
        The file is there and `overwrite` is False.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise InputError(f"{path}: file exists; pass overwrite=True to replace it")
    with atomic_write(path, "wb") as stream:
        if path.suffix == ".gz":
            import gzip  # late: most maps are written unpacked

            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=stream, mtime=0) as packed:
                _write_each(packed, hdus)
        else:
            _write_each(stream, hdus)
    return path


def _write_each(stream: Any, hdus: Iterable[Any]) -> None:
    """Write HDUs one after the other, so that no more than one of them is in memory a second time."""
    for number, hdu in enumerate(hdus):
        if isinstance(hdu, fits.PrimaryHDU):
            if number:
                raise ValueError(f"HDU {number} of the file is a primary one; name that map first, or not PRIMARY")
            stream.write(_hdu_bytes([hdu]))
            continue
        if number == 0:
            stream.write(_hdu_bytes([fits.PrimaryHDU()]))
        for part in _extension_parts(hdu):
            stream.write(part)


def _extension_parts(hdu: Any) -> list[Any]:
    """Header and data of an extension; a plain image or table without going through all that astropy looks at."""
    if isinstance(hdu, fits.ImageHDU) and hdu.data is not None and hdu.data.dtype.str[1:] in _PLAIN:
        plain = np.ascontiguousarray(hdu.data, dtype=hdu.data.dtype.newbyteorder(">"))
    elif isinstance(hdu, fits.BinTableHDU) and set(hdu.columns.formats) <= {"K", "D"}:
        rows = hdu.data.view(np.ndarray)
        plain = rows.astype(rows.dtype.newbyteorder(">"))
    else:
        first = _hdu_bytes([fits.PrimaryHDU()])
        return [memoryview(_hdu_bytes([fits.PrimaryHDU(), hdu]))[len(first) :]]
    return [hdu.header.tostring().encode("ascii"), plain.tobytes(), bytes(-plain.nbytes % _BLOCK)]


def _hdu_bytes(hdus: list[Any]) -> Any:
    buffer = io.BytesIO()
    fits.HDUList(hdus).writeto(buffer)
    return buffer.getbuffer()


# -- reading ---------------------------------------------------------------------------------------------------------


@contextmanager
def open_maps(path: Path | str, what: str = "map file") -> Any:
    """HDUs of a FITS file, read into memory; what is wrong with the file is told with its name.

    Raises
    ------
    InputError
        The file is missing, no FITS file, or truncated.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{what} {path}: no such file")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*truncated.*")
            with path.open("rb") as stream, fits.open(stream, memmap=False) as hdus:  # astropy leaves bad files open
                yield hdus
    except InputError as error:
        raise InputError(f"{what} {path}, {error}") from error
    except (OSError, TypeError, ValueError, EOFError, fits.VerifyError, Warning) as error:
        raise InputError(f"{what} {path}: cannot be read as FITS ({error}); is it whole?") from error


def map_names(hdus: Any) -> list[str]:
    """Names of the images that are maps, in the order of the file."""
    return [hdu.name for hdu in hdus if hdu.is_image and hdu.header["NAXIS"] >= 2]


def map_parts(hdus: Any, name: str | None = None) -> MapParts:
    """One map of an open FITS file: the image of this name, default the first one, with its axes.

    Images of 1 and 0 that this package wrote from true and false come back as such; those of gammapy stay integers.

    Raises
    ------
    InputError
        No such image, no axes to it, or axes that do not fit.
    """
    names = map_names(hdus)
    wanted = name.upper() if name else (names[0] if names else "")
    if wanted not in names:
        raise InputError(
            f"HDU {wanted or '(any image)'}: not there; images are {', '.join(names) or 'none'}."
            f"{did_you_mean(wanted, names)}"
        )
    hdu = hdus[wanted]
    header = hdu.header
    try:
        geometry = WcsGeometry.from_header(header)
        unit = u.Unit(str(header.get("BUNIT", "")).strip())
        axes, default_unit = _read_axes(hdus, wanted, header)
    except (ValueError, KeyError) as error:
        raise InputError(f"HDU {wanted}: {error}") from error
    data = np.asarray(hdu.data)
    data = data.astype(data.dtype.newbyteorder("="), copy=False)
    if header.get(BOOL) is True:
        data = data.astype(bool)
    expected = (*(axis.nbin for axis in axes), *geometry.shape)
    if data.shape != expected:
        squeezed = tuple(n for n in data.shape[:-2] if n != 1)
        if squeezed != expected[:-2]:
            raise InputError(
                f"HDU {wanted}: image of shape {data.shape}, but its axes "
                f"({', '.join(axis.name for axis in axes) or 'none'}, lat, lon) have {expected}"
            )
        data = data.reshape(expected)
    if unit == u.dimensionless_unscaled and default_unit is not None:
        unit = default_unit
    return MapParts(geometry, axes, data, unit, _read_meta(header))


def _read_meta(header: Any) -> dict[str, Any]:
    try:
        meta = json.loads(header.get("META", "{}"))
    except (TypeError, ValueError):
        return {}
    return meta if isinstance(meta, dict) else {}


def _read_axes(hdus: Any, name: str, header: Any) -> tuple[tuple[Axis, ...], u.UnitBase | None]:
    """Axes, slowest first, and the unit that the format implies."""
    bands = header.get("BANDSHDU")
    names = [hdu.name for hdu in hdus]
    if bands is not None:
        if str(bands).upper() not in names:
            raise ValueError(f"table of its axes {bands!r} (keyword BANDSHDU) is missing; HDUs are {', '.join(names)}")
        table = hdus[bands]
        axes = []
        for number in itertools.count(1):
            columns = table.header.get(f"AXCOLS{number}", header.get(f"AXCOLS{number}"))
            if columns is None:
                break
            interp = table.header.get(f"INTERP{number}", header.get(f"INTERP{number}", "lin"))
            axes.append(_read_axis(table, str(columns).split(","), str(interp).strip()))
        return tuple(reversed(axes)), None
    if header["NAXIS"] == 2 or all(header[f"NAXIS{i}"] == 1 for i in range(3, header["NAXIS"] + 1)):
        return (), None
    if "ENERGIES" in names:  # diffuse models of Fermi-LAT
        nodes = np.asarray(hdus["ENERGIES"].data.field(0), dtype=np.float64) * u.MeV
        return (Axis.from_nodes(nodes, "energy_true", "log"),), u.Unit(FERMI_UNIT)
    if "EBOUNDS" in names:  # counts cubes of Fermi-LAT
        table = hdus["EBOUNDS"]
        edges = _edges(table, "E_MIN", "E_MAX", "keV")
        return (Axis.from_edges(edges, "energy", "log"),), None
    shape = tuple(header[f"NAXIS{i}"] for i in range(header["NAXIS"], 0, -1))
    raise ValueError(f"image of shape {shape} without BANDSHDU; expected the table of its axes, or an image (ny, nx)")


def _read_axis(table: Any, columns: list[str], interp: str) -> Axis:
    first = columns[0].strip().upper()
    stem = first.removesuffix("_MIN")
    name = _NAMES.get(stem, stem.lower())
    kind: Interp = "log" if interp == "log" else "lin"
    missing = [_ for _ in columns if _.strip().upper() not in (c.upper() for c in table.columns.names)]
    if missing:
        raise ValueError(f"table {table.name} has no column {missing[0]}; columns are {', '.join(table.columns.names)}")
    if len(columns) == 1:
        nodes = np.unique(np.asarray(table.data[first], dtype=np.float64)) * _column_unit(table, first)
        return Axis.from_nodes(nodes, name, kind)
    return Axis(name=name, edges=_edges(table, first, columns[1].strip()), interp=kind)


def _edges(table: Any, low: str, high: str, default: str = "") -> u.Quantity:
    lower = np.unique(np.asarray(table.data[low], dtype=np.float64))
    upper = np.unique(np.asarray(table.data[high], dtype=np.float64))
    return np.append(lower, upper[-1]) * _column_unit(table, low, default)


def _column_unit(table: Any, column: str, default: str = "") -> u.UnitBase:
    return u.Unit(table.columns[column].unit or default)
