"""Frozen products that are one table: columns of one length, and facts on the whole; their HDU, their ECSV."""

import io
import json
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Self

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import Table

from gammapy_hli.base.atomic_write import write_bytes
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.products.frozen_arrays import frozen, same

FACTS_CARD = "FACTS"


class ColumnTable(Summary):
    """A table; the subclass is a frozen dataclass (``eq=False``) that names its columns.

    Every field that is not a column is a fact: a number, a text, a tuple of texts, or an array. All facts stand as JSON
    in one card of the header.

    Attributes
    ----------
    hdu_name : str
    columns : mapping of field to unit or None
        Arrays whose first axis is the rows.
    arrays : tuple of str
        Facts that are arrays.
    """

    hdu_name: ClassVar[str] = ""
    columns: ClassVar[dict[str, str | None]] = {}
    arrays: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for name in (*self.columns, *self.arrays):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        lengths = {name: len(getattr(self, name)) for name in self.columns}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{type(self).__name__}: columns differ in length: {lengths}")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(same(getattr(self, name), getattr(other, name)) for name in self._names())

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(getattr(self, next(iter(self.columns))))

    @classmethod
    def _names(cls) -> list[str]:
        return [field.name for field in fields(cls)]  # type: ignore[arg-type]

    @property
    def facts(self) -> dict[str, Any]:
        """What is not a column, as plain values."""
        found = {name: getattr(self, name) for name in self._names() if name not in self.columns}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in found.items()}

    def to_table(self) -> Table:
        """The columns with units; facts in the meta."""
        table = Table(meta={name: list(v) if isinstance(v, tuple) else v for name, v in self.facts.items()})
        for name, unit in self.columns.items():
            values = np.array(getattr(self, name))
            table[name] = values if unit is None else u.Quantity(values, unit)
        return table

    def to_hdu(self) -> fits.BinTableHDU:
        """The table, its facts in the header."""
        table = self.to_table()
        table.meta = {FACTS_CARD: json.dumps(self.facts)}
        return fits.BinTableHDU(table, name=self.hdu_name)

    @classmethod
    def from_hdu(cls, hdu: fits.BinTableHDU) -> Self:
        """The product from its HDU; KeyError where the HDU is not one that `to_hdu` made."""
        facts = json.loads(hdu.header[FACTS_CARD])
        return cls(**{name: _native(np.array(hdu.data[name])) for name in cls.columns}, **_with_tuples(facts))

    def write(self, path: str | Path) -> Path:
        """Write the table as ECSV."""
        text = io.StringIO()
        self.to_table().write(text, format="ascii.ecsv")
        write_bytes(Path(path), text.getvalue().encode())
        return Path(path)


def _native(values: np.ndarray) -> np.ndarray:
    """The same numbers in the byte order of this machine."""
    return values.astype(values.dtype.newbyteorder("="))


def _with_tuples(facts: dict[str, Any]) -> dict[str, Any]:
    """Lists of texts as tuples."""
    return {
        name: tuple(value) if isinstance(value, list) and all(isinstance(item, str) for item in value) else value
        for name, value in facts.items()
    }
