"""HLI_DATASET: the table that keeps, with all digits, what the GADF format of a dataset has no place for.

One row: NAME, LIVETIME and META of every dataset, and texts that one kind of dataset has beside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import astropy.units as u
import numpy as np

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.fits_bytes import Column, table_bytes
from gammapy_hli.engine.dl3.fits_file import FitsTable

OWN_TABLE = "HLI_DATASET"


def own_table_bytes(dataset: Any, texts: Mapping[str, str]) -> bytes:
    """The table of a dataset, with further columns of text."""
    columns = [
        Column("NAME", np.array([dataset.name])),
        Column("LIVETIME", np.array([dataset.livetime.to_value("s")]), "s"),
        Column("META", np.array([json.dumps(dict(dataset.meta))])),
        *(Column(name, np.array([text])) for name, text in texts.items()),
    ]
    return table_bytes(OWN_TABLE, columns)


def read_own_table(table: FitsTable, readers: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """Name, livetime, meta, and what the readers make of the further columns, by column in lower case.

    Raises
    ------
    InputError
        A column is missing, or holds what cannot be read.
    """
    try:
        return {
            "name": str(table.raw("NAME")[0]),
            "livetime": table.floats("LIVETIME", "s")[0] * u.s,
            "meta": json.loads(str(table.raw("META")[0])),
            **{name.lower(): read(str(table.raw(name)[0])) for name, read in readers.items()},
        }
    except (ValueError, KeyError, TypeError, InputError) as error:
        raise InputError(f"{table.where}: cannot be read ({error}); write the dataset again") from None
