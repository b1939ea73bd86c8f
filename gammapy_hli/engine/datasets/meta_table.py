"""META_TABLE of dataset files: one row, one entry an observation in every column (NUMERICS C.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gammapy_hli.engine.datasets.fits_bytes import Column
from gammapy_hli.engine.dl3.fits_file import FitsTable

UNITS = {"RA_PNT": "deg", "DEC_PNT": "deg", "ALT_PNT": "deg", "AZ_PNT": "deg", "ZEN_PNT": "deg", "ZENITH": "deg"}


def meta_columns(meta: Mapping[str, list[Any]]) -> list[Column]:
    """Columns of one row; a scalar for one observation, a vector for several. Unknown values become nan or ''."""
    columns = []
    for name, entries in meta.items():
        values = _one_type(entries)
        columns.append(Column(name, values if len(entries) == 1 else values[np.newaxis], UNITS.get(name)))
    return columns


def read_meta(table: FitsTable) -> dict[str, list[Any]]:
    """Meta of a dataset from the table: plain lists, one entry an observation."""
    meta = {}
    for name in table.column_names:
        values = np.atleast_1d(table.raw(name)[0])
        meta[name] = [str(value).strip() if values.dtype.kind in "SU" else value.item() for value in values]
    return meta


def _one_type(entries: list[Any]) -> np.ndarray:
    known = [entry for entry in entries if entry is not None]
    if all(isinstance(entry, bool) for entry in known) and len(known) == len(entries):
        return np.array(entries, dtype=bool)
    if all(isinstance(entry, int | np.integer) for entry in known) and len(known) == len(entries):
        return np.array(entries, dtype=np.int64)
    if all(isinstance(entry, int | float | np.number) for entry in known):
        return np.array([np.nan if entry is None else float(entry) for entry in entries])
    return np.array(["" if entry is None else str(entry) for entry in entries])
