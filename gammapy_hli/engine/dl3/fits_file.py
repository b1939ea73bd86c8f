"""One FITS file of a DL3 store: read from disk once, unzipped in memory, its tables handed out column by column.

Every failure is an InputError that names file, HDU and column. Nothing here knows what events or responses are;
`events.py`, `gti.py` and `engine/irf` give the columns their meaning.
"""

import gzip
import io
import os
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean

GZIP_MAGIC = b"\x1f\x8b"
FITS_MAGIC = b"SIMPLE"
FITS_BLOCK = 2880  # [bytes], FITS standard 4.0 section 3.1

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
    "1/s/MeV/sr": "s-1 MeV-1 sr-1",
}


def read_bytes(path: Path) -> bytes:
    """Give the content of a FITS file, unzipped where it is gzip (known by its first bytes, not by its name).

    Raises
    ------
    InputError
        Where the file is not there, cannot be read, is a broken gzip file or is no FITS file.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file. Check the data store folder and the FILE_DIR and FILE_NAME columns of its HDU index."
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from None
    if content.startswith(GZIP_MAGIC):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(
                f"{path}: broken gzip file ({error}); {len(content)} bytes on disk. Fetch or make it again."
            ) from None
    if not content.startswith(FITS_MAGIC):
        raise InputError(f"{path}: not a FITS file; it starts with {content[:8]!r}, expected {FITS_MAGIC!r}.")
    return content


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
    return u.Unit(UNIT_SPELLINGS.get(spelled, UNIT_SPELLINGS.get(spelled.lower(), spelled)))


@dataclass(frozen=True, eq=False)
class FitsTable:
    """One table HDU of a file, with columns found by name in any case and converted to a unit.

    Attributes
    ----------
    path
        File, for messages.
    name
        HDU name, for messages.
    hdu
        The astropy table HDU.
    """

    path: Path
    name: str
    hdu: fits.BinTableHDU
    _columns: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = self.hdu.columns.names
        object.__setattr__(self, "_columns", {name.upper(): i for i, name in reversed(list(enumerate(names)))})

    @property
    def where(self) -> str:
        """File and HDU, the beginning of every message."""
        return f"{self.path}, HDU {self.name}"

    @property
    def header(self) -> fits.Header:
        """FITS header of the HDU."""
        return self.hdu.header

    @property
    def n_rows(self) -> int:
        """Number of rows of the table."""
        return int(self.hdu.header["NAXIS2"])

    @property
    def column_names(self) -> list[str]:
        """Column names as they stand in the file."""
        return list(self.hdu.columns.names)

    def has(self, column: str) -> bool:
        """Tell whether the table has the column (any case)."""
        return column.upper() in self._columns

    def raw(self, column: str) -> np.ndarray:
        """Give a column as it stands in the file, shape (n_rows, ...).

        Raises
        ------
        InputError
            Where there is no such column or the data cannot be read.
        """
        index = self._columns.get(column.upper())
        if index is None:
            raise InputError(
                f"{self.where}: no column {column!r}; found {', '.join(self.column_names) or 'none'}."
                f"{did_you_mean(column, self.column_names)}"
            )
        try:
            return self.hdu.data.field(index)
        except (TypeError, ValueError, OSError) as error:
            raise InputError(f"{self.where}, column {column}: cannot be read ({error}).") from None

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
            raise InputError(f"{self.where}, column {column}: expected numbers in {unit}, got type {values.dtype}.")
        stated = self.hdu.columns[self._columns[column.upper()]].unit
        try:
            factor = parse_unit(stated, file_default or unit).to(u.Unit(unit))
        except (ValueError, u.UnitConversionError):
            raise InputError(f"{self.where}, column {column}: unit {stated!r} does not convert to {unit}.") from None
        result = values.astype(np.float64)
        if factor != 1.0:
            result *= factor
        return result


class FitsFile:
    """One FITS file in memory. Its HDUs are parsed as they are asked for; the disk is read once.

    Parameters
    ----------
    path
        File name; gzip or plain.
    """

    def __init__(self, path: Path):
        self.path = path
        content = read_bytes(path)
        self._size = len(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyUserWarning)  # truncation is reported per HDU by `_check_whole`
            try:
                self._hdus = fits.open(io.BytesIO(content), memmap=False, lazy_load_hdus=True)
            except (OSError, ValueError, TypeError, fits.VerifyError) as error:
                raise InputError(f"{path}: damaged FITS file ({error}).") from None

    def names(self) -> list[str]:
        """HDU names in their order in the file, the primary one included."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyUserWarning)
            return [hdu.name for hdu in self._hdus]

    def hdu(self, name: str | int) -> Any:
        """Give the HDU of this name (any case) or position, whole.

        Raises
        ------
        InputError
            Where there is no such HDU or it ends before its size.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyUserWarning)
            try:
                found = self._hdus[name]
            except (KeyError, IndexError):
                raise InputError(
                    f"{self.path}: no HDU {name!r}; found {', '.join(n for n in self.names() if n) or 'none'}."
                    f"{did_you_mean(str(name), self.names())}"
                    f" The file holds {self._size} bytes{self._truncation_note()}"
                ) from None
            except (OSError, ValueError, TypeError, fits.VerifyError) as error:
                raise InputError(f"{self.path}, HDU {name}: damaged FITS file ({error}).") from None
        self._check_whole(found)
        return found

    def table(self, name: str | int) -> FitsTable:
        """Give the table HDU of this name or position.

        Raises
        ------
        InputError
            Where it is absent, no table or cut short.
        """
        hdu = self.hdu(name)
        if not isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
            raise InputError(f"{self.path}, HDU {name}: expected a table, got {type(hdu).__name__}.")
        return FitsTable(self.path, hdu.name or str(name), hdu)

    def first_table(self) -> FitsTable:
        """Give the first table of the file, whatever its name (index files go by position, their names vary).

        Raises
        ------
        InputError
            Where the file holds no table.
        """
        for index, _ in enumerate(self.names()):
            hdu = self._hdus[index]
            if isinstance(hdu, fits.BinTableHDU | fits.TableHDU):
                return self.table(index)
        raise InputError(f"{self.path}: no table HDU; found {', '.join(self.names()) or 'none'}.")

    def _check_whole(self, hdu: Any) -> None:
        info = hdu.fileinfo()
        start, size = info["datLoc"], hdu.size
        if start + size > self._size:
            raise InputError(
                f"{self.path}, HDU {hdu.name or 'PRIMARY'}: truncated; the data need {size} bytes,"
                f" {max(self._size - start, 0)} are there. Fetch or make the file again."
            )

    def _truncation_note(self) -> str:
        if self._size % FITS_BLOCK:
            return f", no multiple of {FITS_BLOCK}: it was probably cut short."
        return "."


def file_stamp(path: Path) -> tuple[str, int, int]:
    """Give what tells one version of a file from another: path, modification time [ns], size [bytes]."""
    status = os.stat(path)
    return (str(path), status.st_mtime_ns, status.st_size)


def read_header(path: Path, name: str) -> fits.Header:
    """Read the header of one HDU, and no more of the file than that takes.

    Raises
    ------
    InputError
        Where file or HDU are missing or damaged.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyUserWarning)
        try:
            with fits.open(path, memmap=False, lazy_load_hdus=True) as hdus:
                return hdus[name].header
        except Exception:  # whatever it was: the slow way either works or says what is wrong
            return FitsFile(path).hdu(name).header
