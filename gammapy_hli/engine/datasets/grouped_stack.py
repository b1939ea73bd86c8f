"""Sums of map datasets by group, one at a time: memory grows with the number of groups, not of datasets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.map_stack import MapStacker


class GroupedStacker:
    """Adds map datasets to the sum of the group that they belong to.

    Parameters
    ----------
    groups : mapping of str to str
        Group by name of the dataset; the order of the groups is that in which they are first named.
    make : callable
        Gives an empty `MapStacker`.
    """

    def __init__(self, groups: Mapping[str, str], make: Callable[[], MapStacker]):
        self._groups = dict(groups)
        self._make = make
        self._sums: dict[str, MapStacker] = {}

    def add(self, dataset: MapDataset) -> None:
        """Add a dataset inside its safe mask to the sum of its group; see `MapStacker.add`."""
        group = self._groups[dataset.name]
        self._sums.setdefault(group, self._make()).add(dataset)

    def results(self, name: str) -> list[MapDataset]:
        """The sums that hold anything, in the order of the groups, named ``<name>-<group>``."""
        return [
            self._sums[group].result(f"{name}-{group}")
            for group in dict.fromkeys(self._groups.values())
            if group in self._sums
        ]

    def state(self) -> dict[str, Any]:
        """What was added so far, for `restore`."""
        return {"groups": {group: one.state() for group, one in self._sums.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where another one of the same groups was."""
        self._sums = {}
        for group, one in state["groups"].items():
            self._sums[group] = self._make()
            self._sums[group].restore(one)
