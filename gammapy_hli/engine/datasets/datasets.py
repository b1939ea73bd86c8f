"""An ordered collection of datasets with unique names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, overload

import astropy.units as u
from astropy.table import Table

from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.datasets.stack import stack

INFO_COLUMNS = (
    "livetime", "n_on", "n_off", "n_on_safe", "n_off_safe", "alpha", "background", "excess", "sqrt_ts",
    "energy_threshold",
)  # fmt: skip


class Datasets(Summary):
    """Datasets in order, found by position or by name: `datasets[0]`, `datasets["23523"]`.

    Parameters
    ----------
    datasets : iterable of SpectrumDataset
        Names must differ.
    """

    def __init__(self, datasets: Iterable[SpectrumDataset] = ()) -> None:
        self._items = tuple(datasets)
        seen: set[str] = set()
        for name in self.names:
            if name in seen:
                raise ValueError(f"two datasets are named {name!r}; names must differ")
            seen.add(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(dataset.name for dataset in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[SpectrumDataset]:
        return iter(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self.names if isinstance(key, str) else any(key is item for item in self._items)

    @overload
    def __getitem__(self, key: int | str) -> SpectrumDataset: ...
    @overload
    def __getitem__(self, key: slice) -> Datasets: ...
    def __getitem__(self, key: int | str | slice) -> SpectrumDataset | Datasets:
        if isinstance(key, slice):
            return Datasets(self._items[key])
        if isinstance(key, str):
            if key not in self.names:
                raise KeyError(f"no dataset is named {key!r}.{did_you_mean(key, self.names)} Names: {list(self.names)}")
            return self._items[self.names.index(key)]
        return self._items[key]

    def stack(self, name: str = "stacked") -> SpectrumDataset:
        """The sum of all datasets (engine/datasets/stack.py)."""
        return stack(self._items, name)

    def info_table(self) -> Table:
        """One row a dataset: name, livetime [s], n_on, n_off, ..., energy_threshold [TeV]; see SpectrumDataset.info."""
        rows = [_plain_info(dataset) for dataset in self._items]
        table = Table({"name": list(self.names)}, dtype=[str])
        for column in INFO_COLUMNS:
            values = [row[column] for row in rows]
            table[column] = [float("nan") if value is None else value for value in values]
        table["livetime"].unit = u.s
        table["energy_threshold"].unit = u.TeV
        return table

    def summary(self) -> dict[str, Any]:
        """Plain values for repr and notebooks."""
        rows = [dataset.info() for dataset in self._items]
        return {
            "datasets": ", ".join(self.names) or "none",
            "livetime": f"{sum(row['livetime'].to_value('h') for row in rows):.4g} h",
            "n_on_safe": sum(row["n_on_safe"] for row in rows),
            "n_off_safe": sum(row["n_off_safe"] or 0 for row in rows),
            "excess": f"{sum(row['excess'] for row in rows):.6g}",
        }


def _plain_info(dataset: SpectrumDataset) -> dict[str, Any]:
    info = dataset.info()
    return {
        **info,
        "livetime": info["livetime"].to_value("s"),
        "energy_threshold": info["energy_threshold"].to_value("TeV"),
    }
