"""FITS tables as bytes: a small writer for files of many short tables.

A spectrum is some thirty tables of a few dozen rows. Written through astropy, nine tenths of the time of a reduction
would go into headers; here a table is its cards and one structured array. Reading is left to astropy.
Numbers in headers are written with all their digits, so that they read back bitwise.

References
----------
FITS standard 4.0: sections 4.1 and 4.2 (cards), 7.3 (binary tables, variable length arrays).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

BLOCK, CARD = 2880, 80
FORMATS = {"b1": "L", "u1": "B", "i2": "I", "i4": "J", "i8": "K", "f4": "E", "f8": "D"}
NUMBER_OF_HDUS = "HLI_NHDU"
MAX_TEXT = 68  # longest text value of one card


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a binary table.

    Parameters
    ----------
    name : str
    values : ndarray, shape (n_rows, ...), or a list of n_rows one-dimensional arrays of one type
        A list makes a column of variable length arrays.
    unit : str or None
        TUNIT; None writes no card.
    """

    name: str
    values: Any
    unit: str | None = None


def file_bytes(tables: Sequence[bytes], cards: Mapping[str, Any] | None = None) -> bytes:
    """A whole file: an empty primary HDU and tables. HLI_NHDU in the first tells their number: lost ones are missed."""
    return primary_bytes({**(cards or {}), NUMBER_OF_HDUS: 1 + len(tables)}) + b"".join(tables)


def primary_bytes(cards: Mapping[str, Any] | None = None) -> bytes:
    """An empty primary HDU with these cards."""
    return _header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True), *(cards or {}).items()])


def table_bytes(name: str, columns: Sequence[Column], cards: Mapping[str, Any] | None = None) -> bytes:
    """A binary table HDU.

    Parameters
    ----------
    name : str
        EXTNAME.
    columns : sequence of Column
        All with the same number of rows.
    cards : mapping
        Further header cards; values are bool, int, float or str.
    """
    fields, heap, described = [], b"", []
    for position, column in enumerate(columns, start=1):
        if isinstance(column.values, list):
            values, form, heap = _variable_length(column.values, heap)
            dimension = None
        else:
            values, form, dimension = _fixed_length(np.asarray(column.values))
        fields.append((column.name, values))
        described += [(f"TTYPE{position}", column.name), (f"TFORM{position}", form)]
        described += [] if column.unit is None else [(f"TUNIT{position}", column.unit)]
        described += [] if dimension is None else [(f"TDIM{position}", dimension)]
    table = _rows(fields)
    rows = table.tobytes()
    size = [("NAXIS1", table.dtype.itemsize), ("NAXIS2", len(table)), ("PCOUNT", len(heap)), ("GCOUNT", 1)]
    head = [("XTENSION", "BINTABLE"), ("BITPIX", 8), ("NAXIS", 2), *size, ("TFIELDS", len(columns))]
    return _header([*head, *described, ("EXTNAME", name), *(cards or {}).items()]) + _pad(rows + heap, b"\0")


def _fixed_length(values: np.ndarray) -> tuple[np.ndarray, str, str | None]:
    repeat = math.prod(values.shape[1:])
    shape = ",".join(map(str, reversed(values.shape[1:])))
    if values.dtype.kind == "U":
        encoded = _encoded(values)
        width = max(encoded.dtype.itemsize, 1)
        dimension = f"({width},{shape})" if values.ndim > 1 else None
        return encoded.astype(f"S{width}"), f"{width * repeat}A", dimension
    code = FORMATS[values.dtype.str[1:]]
    if code == "L":
        values = np.where(values, np.uint8(ord("T")), np.uint8(ord("F")))
    return values, f"{'' if repeat == 1 else repeat}{code}", f"({shape})" if values.ndim > 2 else None


def _encoded(texts: np.ndarray) -> np.ndarray:
    try:
        return texts.astype("S")
    except UnicodeEncodeError:  # not ASCII
        return np.char.encode(texts, "utf-8")


def _variable_length(arrays: Sequence[np.ndarray], heap: bytes) -> tuple[np.ndarray, str, bytes]:
    arrays = [np.asarray(array) for array in arrays]
    lengths = np.array([len(array) for array in arrays])
    item = arrays[0].dtype
    offsets = len(heap) + item.itemsize * np.concatenate([[0], np.cumsum(lengths)[:-1]])
    code = FORMATS[item.str[1:]]
    heap += b"".join(array.astype(item.newbyteorder(">")).tobytes() for array in arrays)
    return np.stack([lengths, offsets], axis=1).astype(np.int32), f"P{code}({lengths.max()})", heap


def _rows(fields: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    kinds = [(name, values.dtype.newbyteorder(">"), values.shape[1:]) for name, values in fields]
    rows = np.zeros(len(fields[0][1]), dtype=kinds)
    for name, values in fields:
        rows[name] = values
    return rows


def _header(cards: Sequence[tuple[str, Any]]) -> bytes:
    text = "".join([_card(key, value) for key, value in cards]) + "END".ljust(CARD)
    return _pad(text.encode("ascii"), b" ")


def _card(key: str, value: Any) -> str:
    if isinstance(value, float):  # rarely the same, and 0.0 == -0.0
        return f"{key:<8}= {_card_value(key, value)}".ljust(CARD)
    return _common_card(key, value)


@lru_cache(maxsize=4096, typed=True)
def _common_card(key: str, value: Any) -> str:
    """Most cards of a file of many tables are the same in each, and in the next file."""
    return f"{key:<8}= {_card_value(key, value)}".ljust(CARD)


def _card_value(key: str, value: Any) -> str:
    if isinstance(value, str):
        quoted = value.replace("'", "''")
        if len(quoted) > MAX_TEXT or not quoted.isascii():
            raise ValueError(f"FITS keyword {key}: {value!r} does not fit a card of {MAX_TEXT} ASCII characters")
        return f"'{quoted:<8}'"
    if isinstance(value, bool | np.bool_):
        return f"{'T' if value else 'F':>20}"
    if isinstance(value, int | np.integer):
        return f"{int(value):>20}"
    if not np.isfinite(value):
        raise ValueError(f"FITS keyword {key}: {value!r} cannot be written; FITS headers hold finite numbers")
    return f"{float(value)!r:>20}".replace("e", "E")


def _pad(data: bytes, filler: bytes) -> bytes:
    return data + filler * (-len(data) % BLOCK)
