"""An ordered collection of datasets with unique names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, overload

import astropy.units as u
from astropy.table import Table

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.map_stack import stack_maps
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
    datasets : iterable of SpectrumDataset or MapDataset
        Spectra and maps in any mix. Names must differ.
    """

    def __init__(self, datasets: Iterable[SpectrumDataset | MapDataset] = ()) -> None:
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

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self.names if isinstance(key, str) else any(key is item for item in self._items)

    @overload
    def __getitem__(self, key: int | str) -> Any: ...
    @overload
    def __getitem__(self, key: slice) -> Datasets: ...
    def __getitem__(self, key: int | str | slice) -> Any:
        if isinstance(key, slice):
            return Datasets(self._items[key])
        if isinstance(key, str):
            if key not in self.names:
                raise KeyError(f"no dataset is named {key!r}.{did_you_mean(key, self.names)} Names: {list(self.names)}")
            return self._items[self.names.index(key)]
        if not -len(self) <= key < len(self):
            names = list(self.names)
            raise IndexError(f"no dataset number {key} of {len(self)}; the name of a run is text. Names: {names}")
        return self._items[key]

    def stack(self, name: str = "stacked") -> Any:
        """The sum of all datasets: of spectra (engine/datasets/stack.py), or of maps on one grid (map_stack.py).

        Raises
        ------
        InputError
            Spectra and maps together, or datasets that do not fit.
        """
        maps = [dataset for dataset in self._items if isinstance(dataset, MapDataset)]
        spectra = [dataset for dataset in self._items if isinstance(dataset, SpectrumDataset)]
        if maps and spectra:
            raise InputError(
                f"stack: {maps[0].name} is a {type(maps[0]).__name__}, {spectra[0].name} a "
                f"{type(spectra[0]).__name__}; stack maps and spectra apart"
            )
        return stack_maps(maps, name) if maps else stack(spectra, name)

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


def _plain_info(dataset: SpectrumDataset | MapDataset) -> dict[str, Any]:
    info = dataset.info()
    return {
        **info,
        "livetime": info["livetime"].to_value("s"),
        "energy_threshold": info["energy_threshold"].to_value("TeV"),
    }
