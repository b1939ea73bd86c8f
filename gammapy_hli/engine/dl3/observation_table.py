"""The table of runs that a selection makes: one row for every run of the store, with the reason for each left out."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.table import Table
from astropy.time import Time

from gammapy_hli.base.atomic_write import write_text
from gammapy_hli.base.errors import InputError
from gammapy_hli.base.file_record import without_record
from gammapy_hli.base.summary import Summary

#: Column -> (numpy kind, unit, description); the order is that of the file.
COLUMNS: dict[str, tuple[str, str | None, str]] = {
    "obs_id": ("i", None, "run number"),
    "ra_pnt": ("f", "deg", "pointing position, right ascension (icrs); nan where unknown"),
    "dec_pnt": ("f", "deg", "pointing position, declination (icrs); nan where unknown"),
    "offset": ("f", "deg", "angle between pointing and target; nan without target"),
    "zenith": ("f", "deg", "zenith angle; nan where unknown"),
    "livetime": ("f", "s", "dead time corrected time on target; nan where unknown"),
    "tstart": ("U", None, "start of the run, UTC; blank where unknown"),
    "telescope": ("U", None, "telescope; blank where unknown"),
    "selected": ("b", None, "whether the run is analysed"),
    "reason": ("U", None, "why the run is left out; blank where it is selected"),
}

_EMPTY: dict[str, Any] = {"i": np.int64, "f": np.float64, "b": np.bool_, "U": "U1"}


@dataclass(frozen=True, eq=False, repr=False)
class ObservationTable(Summary):
    """Runs of a store, selected or not.

    Attributes
    ----------
    table
        Columns of `COLUMNS`, one row a run, in the order of the store (that of the run list where one was given).
    """

    table: Table

    @classmethod
    def from_columns(cls, columns: Mapping[str, Any], meta: Mapping[str, Any] | None = None) -> "ObservationTable":
        """Make the table from arrays in the units of `COLUMNS`.

        Raises
        ------
        InputError
            Where a column is missing.
        """
        table = Table(meta=dict(meta or {}))
        for name, (kind, unit, description) in COLUMNS.items():
            if name not in columns:
                raise InputError(f"observation table: no column {name!r}; found {', '.join(columns)}.")
            values = np.asarray(columns[name])
            if kind == "U":  # on one line, without blanks around: what a file can give back
                values = np.array([" ".join(str(text).split()) for text in values.tolist()], dtype=str)
            values = values.astype(_EMPTY[kind] if kind != "U" or not values.size else str)
            if kind == "f":
                values[np.isnan(values)] = np.nan  # one bit pattern for all, so that files give it back
            table[name] = values
            table[name].description = description
            if unit:
                table[name].unit = unit
        return cls(table)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def selected_ids(self) -> list[int]:
        """Numbers of the selected runs, in order."""
        return self.table["obs_id"][np.asarray(self.table["selected"])].tolist()

    @property
    def failures(self) -> dict[int, str]:
        """Runs that passed all cuts, but whose files are missing or cannot be read, with the reason."""
        failed = set(self.table.meta.get("failed", ()))
        rows = zip(self.table["obs_id"].tolist(), self.table["reason"].tolist(), strict=True)
        return {obs_id: str(reason) for obs_id, reason in rows if obs_id in failed}

    @property
    def selected(self) -> Table:
        """Rows of the selected runs."""
        return self.table[np.asarray(self.table["selected"])]

    @property
    def livetime(self) -> u.Quantity:
        """Summed livetime of the selected runs [s]; runs of unknown livetime count nothing."""
        return float(np.nansum(np.asarray(self.selected["livetime"]))) * u.s

    def tstart(self, obs_id: int) -> Time | None:
        """Give the start of a run, None where it is unknown."""
        rows = np.flatnonzero(np.asarray(self.table["obs_id"]) == obs_id)
        text = str(self.table["tstart"][rows[0]]) if rows.size else ""
        return Time(text, format="isot", scale="utc") if text else None

    def without(self, reasons: Mapping[int, str]) -> "ObservationTable":
        """Give the table with these runs left out too, for the reasons given by run number."""
        columns = {name: np.asarray(self.table[name]) for name in COLUMNS}
        selected, reason = columns["selected"].copy(), columns["reason"].astype(object)
        for row, obs_id in enumerate(columns["obs_id"].tolist()):
            if obs_id in reasons and selected[row]:
                selected[row], reason[row] = False, reasons[obs_id]
        columns |= {"selected": selected, "reason": reason.astype(str)}
        return ObservationTable.from_columns(columns, self.table.meta)

    def write(self, path: str | Path) -> None:
        """Write ECSV; equal tables give equal bytes, and `read` gives every bit back."""
        text = io.StringIO()
        self.table.write(text, format="ascii.ecsv")
        write_text(path, text.getvalue())

    @classmethod
    def read(cls, path: str | Path) -> "ObservationTable":
        """Read what `write` wrote.

        Raises
        ------
        InputError
            Where the file is missing, no ECSV or lacks a column.
        """
        try:
            table = Table.read(path, format="ascii.ecsv", fill_values=None)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file. Run the selection first.") from None
        except Exception as error:  # astropy raises many kinds
            raise InputError(f"{path}: no observation table in ECSV ({error}).") from None
        try:
            return cls.from_columns({name: table[name] for name in table.colnames}, without_record(table.meta))
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    def summary(self) -> dict[str, Any]:
        """Give numbers of runs, the selected ones and their livetime."""
        ids = self.selected_ids
        return {
            "runs in the store": len(self),
            "selected": len(ids),
            "run numbers": ids,
            "livetime": f"{self.livetime.to_value(u.h):.2f} h",
        }
