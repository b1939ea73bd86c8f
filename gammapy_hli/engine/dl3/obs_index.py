"""The observation index of a DL3 store: one row of facts a run (GADF `OBS_INDEX`); it is optional."""

from functools import cached_property
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import Table
from astropy.time import Time

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.fits_file import FitsFile, FitsTable, parse_unit
from gammapy_hli.engine.dl3.index import read_obs_ids
from gammapy_hli.engine.dl3.time_reference import read_reference, time_unit


class ObsIndex:
    """Facts of runs by column, one row a run; of repeated rows the first counts.

    Parameters
    ----------
    table
        The table of the file.
    """

    def __init__(self, table: FitsTable):
        self._table = table
        numbers = read_obs_ids(table)
        _, first = np.unique(numbers, return_index=True)
        self._rows = np.sort(first)
        self.obs_ids: list[int] = numbers[self._rows].tolist()

    @property
    def where(self) -> str:
        """File and HDU, for messages."""
        return self._table.where

    @property
    def column_names(self) -> list[str]:
        """Columns as they stand in the file."""
        return self._table.column_names

    def has(self, column: str) -> bool:
        """Tell whether there is such a column (any case)."""
        return self._table.has(column)

    def raw(self, column: str) -> np.ndarray:
        """Give a column as it stands in the file, shape (n_runs, ...); InputError where it is absent."""
        return self._table.raw(column)[self._rows]

    def unit(self, column: str) -> u.UnitBase:
        """Give the unit of a column, dimensionless where it states none or one that is no unit."""
        try:
            return parse_unit(self._table.unit_text(column), "")
        except ValueError:
            return u.dimensionless_unscaled

    def floats(self, column: str, unit: str, file_default: str | None = None) -> np.ndarray | None:
        """Give a column as float64 in a unit, shape (n_runs,); None where it is absent."""
        if not self.has(column):
            return None
        return self._table.floats(column, unit, file_default)[self._rows]

    def texts(self, column: str) -> list[str] | None:
        """Give a column as text without blanks around; None where it is absent."""
        if not self.has(column):
            return None
        return [str(value).strip() for value in self.raw(column).tolist()]

    def times(self, column: str) -> tuple[np.ndarray, Time] | None:
        """Give a column of times [s] and their reference.

        None where the column is absent, single precision (H.E.S.S. seconds since 2001 need 30 bits) or the header has
        no reference time: then the event files must tell.
        """
        header = self._table.header
        if not self.has(column) or not ({"MJDREFI", "MJDREF"} & set(header)) or self.raw(column).dtype.itemsize < 8:
            return None
        seconds = self.floats(column, "s", time_unit(header, self.where))
        assert seconds is not None
        return seconds, read_reference(header, self.where)

    @cached_property
    def table(self) -> Table:
        """All columns as found, one row a run, as an astropy Table."""
        columns = {name: self.raw(name) for name in self.column_names}
        table = Table(
            {name: np.asarray(values).astype(values.dtype.newbyteorder("=")) for name, values in columns.items()}
        )
        for name in self.column_names:
            unit = self.unit(name)
            if unit != u.dimensionless_unscaled:
                table[name].unit = unit
        return table


def read_obs_index(path: Path) -> ObsIndex:
    """Read an observation index file; its first table is taken, whatever its name.

    Raises
    ------
    InputError
        Where the file cannot be read or has no OBS_ID.
    """
    table = FitsFile(path).first_table()
    if not table.has("OBS_ID"):
        raise InputError(
            f"{table.where}: no column 'OBS_ID'; found {', '.join(table.column_names)}. Is this an observation index?"
        )
    return ObsIndex(table)
