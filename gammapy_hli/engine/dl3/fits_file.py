"""One FITS file of a DL3 store: read from disk once, unzipped in memory, its tables handed out column by column.

Plain binary columns are views into the bytes of the file; what is rarer (scaled, logical or variable-length columns,
ASCII tables) is left to `astropy.io.fits`. Every failure is an InputError that names file, HDU and column. Nothing here
knows what events or responses are; `events.py`, `gti.py` and `engine/irf` give the columns their meaning.
"""

import gzip
import math
import os
import re
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.dl3.fits_header import BLOCK, FitsHeader, data_size, parse_header

GZIP_MAGIC = b"\x1f\x8b"
FITS_MAGIC = b"SIMPLE"
HEAD_BYTES = 14 * BLOCK  # [bytes] read for a header alone; that of the events ends in block 5 or so

#: FITS column codes that are plain numbers -> numpy type.
PLAIN_TYPES = {"B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
CODE_BYTES = {"L": 1, "X": 0, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8, "Q": 16}

#: Unit spellings of DL3 files that astropy does not parse, each with the one it does.
UNIT_SPELLINGS = {
    "degree": "deg",
    "degrees": "deg",
    "seconds": "s",
    "sec": "s",
    "days": "d",
    "m**2": "m2",
    "m^2": "m2",
    "sr^(-1)": "sr-1",
}


def parse_unit(text: Any, default: str) -> u.UnitBase:
    """Give the unit that a file states, or `default` where it states none.

    Raises
    ------
    ValueError
        Where the text is no unit.
    """
    spelled = str(text).strip() if text is not None else ""
    if not spelled:
        return u.Unit(default)
    if spelled.startswith("1/") and spelled.count("/") > 1 and "(" not in spelled:  # "1/s/TeV/sr"
        return u.Unit("1/(" + " ".join(spelled.split("/")[1:]) + ")")
    return u.Unit(UNIT_SPELLINGS.get(spelled, UNIT_SPELLINGS.get(spelled.lower(), spelled)))


@dataclass(frozen=True)
class _Column:
    """How a column lies in the rows of a table."""

    name: str
    code: str
    repeat: int
    offset: int
    unit: str
    shape: tuple[int, ...]
    is_scaled: bool


class FitsTable:
    """One table HDU of a file, with columns found by name in any case and converted to a unit.

    Parameters
    ----------
    path
        File, for messages.
    name
        HDU name, for messages.
    header
        Its header.
    content
        The bytes of the file; None where the table was made in code.
    start, head
        First byte of the data, first byte of the header.
    hdu
        The astropy HDU, where the table was made in code.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        header: Mapping[str, Any],
        content: bytes = b"",
        start: int = 0,
        head: int = 0,
        hdu: fits.BinTableHDU | None = None,
    ):
        self.path = path
        self.name = name
        self.header = header
        self._content = content
        self._start = start
        self._head = head
        if hdu is not None:
            self.hdu = hdu

    @classmethod
    def from_hdu(cls, hdu: fits.BinTableHDU, path: Any = "memory") -> "FitsTable":
        """Wrap an astropy table HDU."""
        return cls(Path(path), hdu.name or "1", hdu.header, hdu=hdu)

    @property
    def where(self) -> str:
        """File and HDU, the beginning of every message."""
        return f"{self.path}, HDU {self.name}"

    @cached_property
    def hdu(self) -> fits.BinTableHDU:
        """The HDU as astropy reads it (slower; for columns that are not plain)."""
        end = self._start + data_size(self.header) if isinstance(self.header, FitsHeader) else len(self._content)
        block = self._content[self._head : end]
        kind = fits.TableHDU if self.header["XTENSION"] == "TABLE" else fits.BinTableHDU
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about cards that are not used; wrong columns raise when asked for
            try:
                return kind.fromstring(
                    block + b"\0" * (-len(block) % BLOCK), uint=True
                )  # 64 bits are more than a float
            except (OSError, ValueError, TypeError, KeyError, fits.VerifyError) as error:
                raise InputError(f"{self.where}: damaged table ({error}).") from None

    @property
    def view(self) -> "TableView":
        """The table in the manner of an astropy HDU."""
        return TableView(self)

    @cached_property
    def n_rows(self) -> int:
        """Number of rows of the table."""
        return int(self.header["NAXIS2"])

    @cached_property
    def _columns(self) -> dict[str, _Column]:
        """Columns by upper-case name; of two with one name the first."""
        columns: dict[str, _Column] = {}
        offset = 0
        for number in range(1, int(self.header["TFIELDS"]) + 1):
            column = self._read_column(number, offset)
            columns.setdefault(column.name.upper(), column)
            offset += column.repeat * CODE_BYTES.get(column.code, 0) if column.code != "X" else -(-column.repeat // 8)
        if self._is_binary and offset != self.header["NAXIS1"]:
            raise InputError(
                f"{self.where}: damaged table; columns of {offset} bytes a row, NAXIS1 is {self.header['NAXIS1']}."
            )
        return columns

    def _read_column(self, number: int, offset: int) -> _Column:
        header = self.header
        form = str(header.get(f"TFORM{number}", "")).strip().upper()
        match = re.match(r"(\d*)([LXBIJKAEDCMPQ])" if self._is_binary else r"()([AIFED])", form)
        if match is None:
            raise InputError(f"{self.where}: keyword TFORM{number} is {form!r}, which is no FITS column format.")
        repeat = int(match[1] or 1)
        shape: tuple[int, ...] = () if repeat == 1 else (repeat,)
        dims = re.fullmatch(r"\(\s*(\d+(?:\s*,\s*\d+)*)\s*\)", str(header.get(f"TDIM{number}", "")).strip())
        if dims is not None:
            sizes = tuple(int(size) for size in dims[1].split(","))
            if math.prod(sizes) == repeat:
                shape = sizes[::-1]
        return _Column(
            name=str(header.get(f"TTYPE{number}", f"COL{number}")).strip(),
            code=match[2],
            repeat=repeat,
            offset=offset,
            unit=str(header.get(f"TUNIT{number}", "")).strip(),
            shape=shape,
            is_scaled=f"TSCAL{number}" in header or f"TZERO{number}" in header,
        )

    @property
    def _is_binary(self) -> bool:
        return str(self.header.get("XTENSION", "BINTABLE")).strip() != "TABLE"

    @property
    def column_names(self) -> list[str]:
        """Column names as they stand in the file."""
        return [column.name for column in self._columns.values()]

    def has(self, column: str) -> bool:
        """Tell whether the table has the column (any case)."""
        return column.upper() in self._columns

    def unit_text(self, column: str) -> str:
        """Give the unit that the file states for a column, '' where it states none."""
        return self._find(column).unit

    def raw(self, column: str) -> np.ndarray:
        """Give a column as it stands in the file, shape (n_rows, ...); numbers are read-only views.

        Raises
        ------
        InputError
            Where there is no such column or the data cannot be read.
        """
        found = self._find(column)
        plain = PLAIN_TYPES.get(found.code)
        if not self._content or not self._is_binary or found.is_scaled or (plain is None and found.code != "A"):
            return self._astropy_column(found)
        if found.code == "A":
            return self._text_column(found)
        return self._view(found, np.dtype((plain, found.shape)))

    def _find(self, column: str) -> _Column:
        found = self._columns.get(column.upper())
        if found is None:
            raise InputError(
                f"{self.where}: no column {column!r}; found {', '.join(self.column_names) or 'none'}."
                f"{did_you_mean(column, self.column_names)}"
            )
        return found

    def _view(self, column: _Column, dtype: np.dtype) -> np.ndarray:
        width = int(self.header["NAXIS1"])
        rows = np.dtype({"names": ["c"], "formats": [dtype], "offsets": [column.offset], "itemsize": width})
        return np.frombuffer(self._content, rows, count=self.n_rows, offset=self._start)["c"]

    def _text_column(self, column: _Column) -> np.ndarray:
        if len(column.shape) > 1 or column.repeat == 0:
            return self._astropy_column(column)
        data = self._view(column, np.dtype(f"S{column.repeat}"))
        return np.array([value.split(b"\0")[0].decode("latin-1").rstrip() for value in data.tolist()], dtype=str)

    def _astropy_column(self, column: _Column) -> np.ndarray:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # astropy's advice on odd columns; wrong ones raise
                return np.asarray(self.hdu.data[column.name])
        except (KeyError, TypeError, ValueError, OSError, fits.VerifyError) as error:
            raise InputError(f"{self.where}, column {column.name}: cannot be read ({error}).") from None

    def floats(self, column: str, unit: str, file_default: str | None = None) -> np.ndarray:
        """Give a column as float64 in the unit asked for, shape (n_rows, ...).

        Parameters
        ----------
        column
            Name, any case.
        unit
            Unit of the result.
        file_default
            Unit of the file where it states none; None: `unit`.

        Raises
        ------
        InputError
            Where the column is absent, is no number or has a unit that does not convert.
        """
        values = self.raw(column)
        if values.dtype.kind not in "iuf":
            raise InputError(f"{self.where}, column {column}: expected numbers in {unit}, got {values.dtype}.")
        stated = self.unit_text(column)
        result = values.astype(np.float64)
        if (stated or file_default or unit) != unit:
            try:
                result *= parse_unit(stated, file_default or unit).to(u.Unit(unit))
            except (ValueError, u.UnitConversionError):
                raise InputError(
                    f"{self.where}, column {column}: unit {stated or file_default!r} does not convert to {unit}."
                ) from None
        return result


class TableView:
    """A `FitsTable` that is asked like an astropy table HDU, for the readers of responses: what they use, no more.

    `view.name`, `view.header`, `view.columns.names`, `view.columns[i].unit`, `len(view.data)`, `view.data[row][i]`.
    """

    def __init__(self, table: FitsTable):
        self._table = table
        self.name = table.name
        self.header = table.header
        self.data = self
        self.columns = _ViewColumns(table)

    def __len__(self) -> int:
        return self._table.n_rows

    def __getitem__(self, row: int) -> "_ViewRow":
        return _ViewRow(self._table, row)


@dataclass(frozen=True)
class _ViewRow:
    table: FitsTable
    row: int

    def __getitem__(self, column: int | str) -> np.ndarray:
        name = column if isinstance(column, str) else self.table.column_names[column]
        return self.table.raw(name)[self.row]


@dataclass(frozen=True)
class _ViewColumn:
    name: str
    unit: str


class _ViewColumns:
    def __init__(self, table: FitsTable):
        self._table = table
        self.names = table.column_names

    def __getitem__(self, column: int | str) -> _ViewColumn:
        name = column if isinstance(column, str) else self.names[column]
        return _ViewColumn(name, self._table.unit_text(name))


@dataclass(frozen=True)
class _Part:
    """One HDU of a file: its name and header, first byte of header and data, and the size of the data [bytes]."""

    name: str
    header: FitsHeader
    head: int
    start: int
    size: int


class FitsFile:
    """One FITS file in memory. The disk is read once; columns are parsed as they are asked for.

    Parameters
    ----------
    path
        File name; gzip or plain.

    Raises
    ------
    InputError
        Where the file is missing, no FITS file or broken from its first HDU on.
    """

    def __init__(self, path: Path):
        self.path = path
        self._content = read_bytes(path)
        self._parts, self._damage = _scan(self._content)
        if not self._parts:
            raise InputError(f"{path}: damaged FITS file; {self._damage}. Fetch or make it again.")

    def names(self) -> list[str]:
        """HDU names in their order in the file, the primary one included."""
        return [part.name for part in self._parts]

    def header(self, name: str | int) -> FitsHeader:
        """Give the header of the HDU of this name (any case) or position."""
        return self._find(name).header

    def table(self, name: str | int) -> FitsTable:
        """Give the table HDU of this name (any case) or position, whole.

        Raises
        ------
        InputError
            Where it is absent, no table or cut short.
        """
        part = self._find(name)
        shown = part.name or str(name)
        kind = str(part.header.get("XTENSION", "PRIMARY")).strip()
        if kind not in ("BINTABLE", "TABLE", "A3DTABLE"):
            raise InputError(f"{self.path}, HDU {shown}: expected a table, got {kind}.")
        there = len(self._content) - part.start
        if part.size > there:
            raise InputError(
                f"{self.path}, HDU {shown}: truncated; its data need {part.size} bytes, {max(there, 0)} are there."
                " Fetch or make the file again."
            )
        for key in ("NAXIS1", "NAXIS2", "TFIELDS"):
            if not isinstance(part.header.get(key), int):
                raise InputError(f"{self.path}, HDU {shown}: keyword {key} is {part.header.get(key)!r}, no number.")
        return FitsTable(self.path, shown, part.header, self._content, part.start, part.head)

    def first_table(self) -> FitsTable:
        """Give the first table of the file, whatever its name (those of index files vary).

        Raises
        ------
        InputError
            Where the file holds no table.
        """
        for position, part in enumerate(self._parts):
            if str(part.header.get("XTENSION", "")).strip() in ("BINTABLE", "TABLE"):
                return self.table(position)
        raise InputError(f"{self.path}: no table HDU; found {', '.join(self.names())}.{self._damage_note()}")

    def _find(self, name: str | int) -> _Part:
        if isinstance(name, int):
            if 0 <= name < len(self._parts):
                return self._parts[name]
        else:
            for part in self._parts:
                if part.name == name.strip().upper():
                    return part
        found = ", ".join(part or "(no name)" for part in self.names())
        raise InputError(
            f"{self.path}: no HDU {name!r}; found {found}.{did_you_mean(str(name).upper(), self.names())}"
            f"{self._damage_note()}"
        )

    def _damage_note(self) -> str:
        return f" The file is damaged: {self._damage}." if self._damage else ""


def _scan(content: bytes) -> tuple[list[_Part], str]:
    """Give the HDUs that can be found, and what is wrong after them ('' where nothing is)."""
    parts: list[_Part] = []
    head = 0
    while head < len(content) and content[head : head + 8].strip(b"\0 "):
        parsed = parse_header(content, head)
        if parsed is None:
            return parts, f"the header of HDU {len(parts)} at byte {head} has no END within the {len(content)} bytes"
        header, start = parsed
        try:
            size = data_size(header)
        except ValueError as error:
            return parts, f"header of HDU {len(parts)}: {error}"
        name = str(header.get("EXTNAME", "PRIMARY" if not parts else "")).strip().upper()
        parts.append(_Part(name, header, head, start, size))
        head = start + -(-size // BLOCK) * BLOCK
    if head > len(content):
        return parts, f"HDU {len(parts) - 1} ends at byte {head}, the file has {len(content)}"
    return parts, ""


def read_bytes(path: Path) -> bytes:
    """Give the content of a FITS file, unzipped where it is gzip (known by its first bytes, not by its name).

    Raises
    ------
    InputError
        Where the file is not there, cannot be read, is a broken gzip file or is no FITS file.
    """
    content = _read_disk(path, -1)
    if not content:
        raise InputError(f"{path}: the file is empty (0 bytes). Fetch or make it again.")
    if content.startswith(GZIP_MAGIC):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(
                f"{path}: broken gzip file ({error}); it has {len(content)} bytes. Fetch or make it again."
            ) from None
    if not content.startswith(FITS_MAGIC):
        raise InputError(f"{path}: not a FITS file; it starts with {content[:8]!r}, expected {FITS_MAGIC!r}.")
    return content


def _read_disk(path: Path, size: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(size)
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file. Check the folder of the data store, and FILE_DIR and FILE_NAME in its HDU index."
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from None


def read_header(path: Path, name: str) -> FitsHeader:
    """Read the header of one HDU, and no more of the file than that takes where it stands near the beginning.

    Raises
    ------
    InputError
        Where file or HDU are missing or damaged.
    """
    content = _read_disk(path, HEAD_BYTES)
    if content.startswith(GZIP_MAGIC):
        try:
            content = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(content, HEAD_BYTES)
        except zlib.error:
            content = b""
    if content.startswith(FITS_MAGIC):
        for part in _scan(content)[0]:
            if part.name == name.strip().upper():
                return part.header
    return FitsFile(path).header(name)


def file_stamp(path: Path) -> tuple[str, int, int]:
    """Give what tells one version of a file from another: path, modification time [ns], size [bytes]."""
    status = os.stat(path)
    return (str(path), status.st_mtime_ns, status.st_size)
