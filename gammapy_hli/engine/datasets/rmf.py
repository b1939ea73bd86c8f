"""The OGIP response matrix: rows of true energy, each with groups of channels that are not empty.

References
----------
CAL/GEN/92-002, section 7.1 (MATRIX extension).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.fits_bytes import Column
from gammapy_hli.engine.dl3.fits_file import FitsFile


def matrix_columns(matrix: np.ndarray, edges: np.ndarray, unit: str) -> tuple[list[Column], dict[str, Any]]:
    """Columns and cards of the MATRIX table, one group a row from the first to the last value that is not zero.

    Parameters
    ----------
    matrix : ndarray, shape (nt, ne)
    edges : ndarray, shape (nt + 1,)
        True energies in `unit`.
    """
    filled = matrix != 0
    has_any = filled.any(axis=1)
    first = np.where(has_any, filled.argmax(axis=1), 0)
    stop = np.where(has_any, matrix.shape[1] - filled[:, ::-1].argmax(axis=1), 0)
    columns = [
        Column("ENERG_LO", edges[:-1].astype(np.float32), unit),
        Column("ENERG_HI", edges[1:].astype(np.float32), unit),
        Column("N_GRP", has_any.astype(np.int16)),
        Column("F_CHAN", [np.array([i], dtype=np.int16)[: int(n)] for i, n in zip(first, has_any, strict=True)]),
        Column("N_CHAN", [np.array([i], dtype=np.int16)[: int(n)] for i, n in zip(stop - first, has_any, strict=True)]),
        Column("MATRIX", [row[i:j].astype(np.float32) for row, i, j in zip(matrix, first, stop, strict=True)]),
    ]
    cards = {"HDUCLAS2": "RSP_MATRIX", "HDUCLAS3": "REDIST", "HDUVERS": "1.3.0", "CHANTYPE": "PHA"}
    counts = {"DETCHANS": matrix.shape[1], "NUMGRP": int(has_any.sum()), "NUMELT": int((stop - first).sum())}
    return columns, {**cards, **counts, "TLMIN4": 0, "TLMAX4": matrix.shape[1] - 1, "LO_THRES": 0.0}


def read_matrix(file: FitsFile) -> np.ndarray:
    """The full matrix, float64, shape (true energies, channels), of a MATRIX (or SPECRESP MATRIX) table.

    Raises
    ------
    InputError
        Where a group of channels reaches beyond the detector.
    """
    table = file.table("MATRIX" if "MATRIX" in file.names() else "SPECRESP MATRIX")
    n_groups, elements = table.raw("N_GRP"), table.raw("MATRIX")
    first, count = table.raw("F_CHAN"), table.raw("N_CHAN")
    position = [name.upper() for name in table.column_names].index("F_CHAN") + 1
    offset = int(table.header.get(f"TLMIN{position}", _first_channel(file)))
    matrix = np.zeros((table.n_rows, int(table.header["DETCHANS"])))
    for row in range(table.n_rows):
        start = 0
        for channel, length in zip(
            np.atleast_1d(first[row])[: n_groups[row]], np.atleast_1d(count[row])[: n_groups[row]], strict=True
        ):
            low, high = int(channel) - offset, int(channel) - offset + int(length)
            if low < 0 or high > matrix.shape[1]:
                raise InputError(
                    f"{table.where}, row {row}: channels {channel} to {channel + length - 1}; expected them between "
                    f"{offset} and {offset + matrix.shape[1] - 1} (TLMIN{position}, DETCHANS)"
                )
            matrix[row, low:high] = np.atleast_1d(elements[row])[start : start + int(length)]
            start += int(length)
    return matrix


def _first_channel(file: FitsFile) -> int:
    return int(file.table("EBOUNDS").raw("CHANNEL")[0])
