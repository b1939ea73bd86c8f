"""Tables of GADF responses: axes and arrays from the columns of an HDU, and back.

Reading forgives what real files do (NUMERICS A.2): nodes instead of edges, axes of length one stored as numbers,
missing or oddly spelled units, arrays without dimensions, arrays that are transposed, other names of columns. What it
does not forgive raises InputError with file, HDU, column, what was got and what was expected.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.axes import Axis, Interp

log = logging.getLogger(__name__)

DOCUMENT = "https://github.com/open-gamma-ray-astro/gamma-astro-data-formats"


@dataclass(frozen=True)
class AxisColumns:
    """How an axis is named in files: prefixes of ``_LO`` and ``_HI``, the first one for writing; its unit and scale."""

    prefixes: tuple[str, ...]
    unit: str
    interp: Interp


AXES: dict[str, AxisColumns] = {
    "energy": AxisColumns(("ENERG", "ERECO"), "TeV", "log"),
    "energy_true": AxisColumns(("ENERG", "ETRUE"), "TeV", "log"),
    "offset": AxisColumns(("THETA",), "deg", "lin"),
    "rad": AxisColumns(("RAD",), "deg", "lin"),
    "migra": AxisColumns(("MIGRA",), "", "lin"),
    "fov_lon": AxisColumns(("DETX",), "deg", "lin"),
    "fov_lat": AxisColumns(("DETY",), "deg", "lin"),
}

_SPELLINGS = {
    "tev": "TeV",
    "gev": "GeV",
    "mev": "MeV",
    "kev": "keV",
    "erg": "erg",
    "deg": "deg",
    "degree": "deg",
    "degrees": "deg",
    "rad": "rad",
    "radian": "rad",
    "radians": "rad",
    "m2": "m2",
    "m^2": "m2",
    "m**2": "m2",
    "cm2": "cm2",
    "cm^2": "cm2",
    "1/s/mev/sr": "s-1 MeV-1 sr-1",
    "1/s/tev/sr": "s-1 TeV-1 sr-1",
    "1/mev/s/sr": "s-1 MeV-1 sr-1",
    "1/tev/s/sr": "s-1 TeV-1 sr-1",
    "/s/mev/sr": "s-1 MeV-1 sr-1",
    "/s/tev/sr": "s-1 TeV-1 sr-1",
}

_NO_UNIT = ("", "none", "null", "n/a", "-", "unitless", "dimensionless", "no unit")
"""What stands in files where there is no unit."""


@lru_cache(maxsize=256)
def parse_unit(text: str | None) -> u.UnitBase | None:
    """Unit from the text of a FITS column; None where there is none or nobody could tell what it means."""
    if text is None or not text.strip():
        return None
    text = text.strip()
    known = _SPELLINGS.get(text.lower().replace(" ", ""))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return u.Unit(known or text)
        except (ValueError, TypeError):
            return None


@dataclass(frozen=True, eq=False)
class IrfTable:
    """One response HDU: a table of one row.

    Parameters
    ----------
    hdu : astropy.io.fits.BinTableHDU
        The HDU.
    kind : str
        aeff, edisp, psf, bkg or rad_max; for messages.
    file : str
        Name of the file, for messages. Where it is empty it is taken from the HDU.
    """

    hdu: Any
    kind: str
    file: str = ""

    def __post_init__(self) -> None:
        if not hasattr(self.hdu, "columns"):  # tables have them, of astropy or of engine/dl3; images do not
            name = type(self.hdu).__name__
            raise InputError(
                f"{self.where}: got a {name}, expected a table (BinTableHDU) with a '{self.kind}' response"
            )

    @property
    def where(self) -> str:
        """File and HDU."""
        file = self.file
        if not file:
            known = getattr(self.hdu, "_file", None)
            file = str(getattr(known, "name", "") or "")
        return f"{file + ': ' if file else ''}HDU '{self.hdu.name}'"

    @property
    def header(self) -> fits.Header:
        """Header of the HDU."""
        return self.hdu.header

    @cached_property
    def _row(self) -> Any:
        try:
            data = self.hdu.data
            if data is None or len(data) == 0:
                raise InputError(f"{self.where}: the table is empty, expected one row with the '{self.kind}' response")
            return data[0]
        except (OSError, TypeError, ValueError, IndexError) as error:
            raise InputError(f"{self.where}: cannot be read ({error}). Is the file whole? Fetch it again.") from error

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {name.upper(): position for position, name in enumerate(self.hdu.columns.names)}

    def has(self, *names: str) -> bool:
        """Whether all these columns are there, in any case."""
        return all(name in self._columns for name in names)

    def missing(self, wanted: str) -> InputError:
        """Error for a column that is not there."""
        return InputError(
            f"{self.where}: no column {wanted}; it has {', '.join(self.hdu.columns.names)}. "
            f"Expected a GADF table with a '{self.kind}' response; check HDU_NAME and HDU_CLASS in the HDU index."
        )

    def cell(self, name: str) -> NDArray:
        """Array of a column, in native byte order, with one dimension at least."""
        if name not in self._columns:
            raise self.missing(f"'{name}'")
        try:
            array = np.atleast_1d(np.asarray(self._row[self._columns[name]]))
        except (OSError, TypeError, ValueError, IndexError) as error:
            raise InputError(
                f"{self.where}, column '{name}': cannot be read ({error}). Is the file whole? Fetch it again."
            ) from error
        if array.dtype.kind not in "fiu":
            raise InputError(f"{self.where}, column '{name}': got values of type {array.dtype}, expected numbers")
        if array.dtype.kind != "f":
            array = array.astype(np.float64)
        return np.array(array, dtype=array.dtype.newbyteorder("="))

    def unit(self, name: str, default: str) -> u.UnitBase:
        """Unit of a column; the default where the file has none."""
        text = str(self.hdu.columns[self._columns[name]].unit or "").strip()
        found, expected = parse_unit(text), parse_unit(default) or u.one
        if found is None and text.lower() not in _NO_UNIT:
            raise InputError(
                f"{self.where}, column '{name}': unit '{text}' is not known, expected one convertible to "
                f"'{default or 'a number'}'. Correct TUNIT{self._columns[name] + 1} in the file."
            )
        if found is None or found is expected:
            return expected
        if found == u.one and expected != u.one:
            return expected
        if not found.is_equivalent(expected):
            raise InputError(
                f"{self.where}, column '{name}': got unit '{found}', expected one convertible to "
                f"'{default or 'a number'}'. Correct TUNIT{self._columns[name] + 1} in the file."
            )
        return found

    def axis(self, name: str) -> Axis:
        """One axis, from its columns ``_LO`` and ``_HI``; equal ones are nodes, others are edges."""
        spec = AXES[name]
        prefix = next((_ for _ in spec.prefixes if self.has(f"{_}_LO", f"{_}_HI")), None)
        if prefix is None:
            raise self.missing(" or ".join(f"'{_}_LO' with '{_}_HI'" for _ in spec.prefixes))
        low, high = (self.cell(f"{prefix}_{_}").ravel().astype(np.float64) for _ in ("LO", "HI"))
        if low.shape != high.shape:
            got = f"got {len(low)} and {len(high)} values, expected as many of both"
            raise InputError(f"{self.where}, columns '{prefix}_LO', '{prefix}_HI': {got}")
        unit, unit_high = self.unit(f"{prefix}_LO", spec.unit), self.unit(f"{prefix}_HI", spec.unit)
        if unit_high is not unit:
            high = high * unit_high.to(unit)
        try:
            if (np.abs(high - low) <= 1e-5 * np.abs(low)).all():
                return Axis.from_nodes(low << unit, name, spec.interp)
            return Axis(name=name, edges=np.append(low, high[-1]) << unit, interp=spec.interp)
        except ValueError as error:
            raise InputError(f"{self.where}, columns '{prefix}_LO', '{prefix}_HI': {error}") from error

    def array(self, names: Sequence[str], axes: Sequence[Axis], default_unit: str) -> u.Quantity:
        """Array of the first of these columns that is there, in the order of the axes.

        GADF stores the first axis fastest, which numpy reads last. An array that fits only as it stands (files that
        have the axes the other way round) is taken as it stands; one without dimensions is in the order of GADF.
        Axes of one bin do not count. Any other order is refused: nobody could tell which axis is which.
        """
        name = next((_ for _ in names if self.has(_)), None)
        if name is None:
            raise self.missing(" or ".join(f"'{_}'" for _ in names))
        values, shape = self.cell(name), tuple(axis.nbin for axis in axes)
        if values.size != int(np.prod(shape)):
            raise InputError(
                f"{self.where}, column '{name}': got {values.size} values of shape {values.shape}, expected "
                f"{' x '.join(f'{axis.nbin} ({axis.name})' for axis in axes)}. The file is damaged or not GADF."
            )
        stated, wanted = (tuple(n for n in each if n > 1) for each in (values.shape, shape))
        if len(wanted) > 2 and stated == wanted == wanted[::-1]:
            log.warning(
                "%s, column '%s': first and last axis have %d bins each, so that their order cannot be told; "
                "taken as GADF has it",
                self.where, name, wanted[0],
            )  # fmt: skip
        if stated == wanted[::-1] or len(stated) <= 1:
            values = values.reshape(shape[::-1]).T
        elif stated == wanted:
            values = values.reshape(shape)
        else:
            raise InputError(
                f"{self.where}, column '{name}': got dimensions {values.shape[::-1]} (TDIM{self._columns[name] + 1}), "
                f"expected {' x '.join(f'{axis.nbin} ({axis.name})' for axis in axes)} in this order. Reorder the axes."
            )
        return np.ascontiguousarray(values) << self.unit(name, default_unit)

    def keyword(self, *names: str, unit: str) -> u.Quantity | None:
        """Positive number of a header keyword as a Quantity, None where there is none."""
        for name in names:
            value = self.header.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value) and value > 0:
                return float(value) * u.Unit(unit)
        return None

    @property
    def is_pointlike(self) -> bool:
        """Whether the response holds inside a cut on the distance from the source only."""
        return str(self.header.get("HDUCLAS3", "")).strip().upper() == "POINT-LIKE"


def file_label(file: str | Path | None) -> str:
    """Name of a file for messages."""
    return "" if file is None else str(file)


def make_hdu(
    axes: Sequence[Axis], columns: Mapping[str, u.Quantity], classes: Sequence[str], name: str, **keywords: Any
) -> fits.BinTableHDU:
    """Write a response as a GADF table of one row.

    Parameters
    ----------
    axes : sequence of Axis
        Axes in the order of the arrays.
    columns : mapping of name to Quantity
        Arrays, in the order of the axes; float32 and float64 are kept.
    classes : (HDUCLAS2, HDUCLAS3, HDUCLAS4)
        Class of the table.
    name : str
        EXTNAME.
    keywords : optional header cards; those that are None are left out.
    """
    cells = []
    for axis in axes:
        prefix = AXES[axis.name].prefixes[0]
        low, high = (axis.edges[:-1], axis.edges[1:]) if axis.nodes is None else (axis.nodes, axis.nodes)
        for suffix, edges in (("LO", low), ("HI", high)):
            cells.append(
                fits.Column(
                    f"{prefix}_{suffix}", f"{axis.nbin}D", unit=_unit_text(edges.unit), array=edges.value[None, :]
                )
            )
    for column, values in columns.items():
        kind = "E" if values.dtype.itemsize == 4 else "D"
        dim = str(values.shape).replace(" ", "")
        cells.append(
            fits.Column(
                column, f"{values.size}{kind}", unit=_unit_text(values.unit), dim=dim, array=values.value.T[None]
            )
        )
    hdu = fits.BinTableHDU.from_columns(cells, name=name)
    cards = {"HDUCLASS": "GADF", "HDUDOC": DOCUMENT, "HDUVERS": "0.3", "HDUCLAS1": "RESPONSE"}
    cards |= {f"HDUCLAS{number}": text for number, text in enumerate(classes, start=2)}
    for key, value in (cards | keywords).items():
        if value is not None:
            hdu.header[key] = value
    return hdu


def _unit_text(unit: u.UnitBase) -> str | None:
    return unit.to_string("fits") or None


def containment_class(is_pointlike: bool) -> str:
    """HDUCLAS3."""
    return "POINT-LIKE" if is_pointlike else "FULL-ENCLOSURE"


def as_array(value: Any, axes: Sequence[Axis], unit: str, what: str) -> u.Quantity:
    """Quantity of the shape of the axes; a single number is spread over them; a bare array gets the unit.

    Raises
    ------
    ValueError
        Wrong shape or unit, named with what was expected.
    """
    shape = tuple(axis.nbin for axis in axes)
    quantity = value if isinstance(value, u.Quantity) else u.Quantity(np.asarray(value, dtype=_dtype(value)), unit)
    if not quantity.unit.is_equivalent(parse_unit(unit) or u.one):
        raise ValueError(f"{what}: got unit '{quantity.unit}', expected one convertible to '{unit}'")
    if quantity.isscalar:
        quantity = np.full(shape, quantity.value) * quantity.unit
    if quantity.shape != shape:
        raise ValueError(f"{what}: got an array of shape {quantity.shape}, expected {shape} from {_names(axes)}")
    return quantity


def check_axes(axes: Mapping[str, Axis], what: str) -> None:
    """Raise ValueError where an axis has another name than the one it stands for."""
    for name, axis in axes.items():
        if axis.name != name:
            raise ValueError(f"{what}: got an axis '{axis.name}', expected '{name}'")


def _names(axes: Sequence[Axis]) -> str:
    return ", ".join(axis.name for axis in axes)


def _dtype(value: Any) -> Any:
    kept = getattr(value, "dtype", None)
    return kept if kept in (np.float32, np.float64) else np.float64
