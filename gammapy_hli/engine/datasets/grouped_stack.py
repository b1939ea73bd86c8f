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
    make : callable
        Gives an empty `MapStacker`.
    groups : mapping of str to str, optional
        Group by name of the dataset; the order of the groups is that in which they are first named. Without any there
        is one sum of all.
    """

    def __init__(self, make: Callable[[], MapStacker], groups: Mapping[str, str] | None = None):
        self._make = make
        self._groups = groups
        self._sums: dict[str, MapStacker] = {}

    def add(self, dataset: MapDataset) -> None:
        """Add a dataset inside its safe mask to the sum of its group; see `MapStacker.add`."""
        group = "" if self._groups is None else self._groups[dataset.name]
        self._sums.setdefault(group, self._make()).add(dataset)

    def sums(self) -> dict[str, MapStacker]:
        """The sums that hold anything, by group."""
        return dict(self._sums)

    def merge(self, sums: Mapping[str, MapStacker]) -> None:
        """Add sums of some of the groups; see `MapStacker.merge`."""
        for group, other in sums.items():
            self._sums.setdefault(group, self._make()).merge(other)

    def results(self, name: str) -> list[MapDataset]:
        """The sums that hold anything, in the order of the groups, named ``<name>-<group>``."""
        if self._groups is None:
            return [one.result(name) for one in self._sums.values()]
        return [
            self._sums[group].result(f"{name}-{group}")
            for group in dict.fromkeys(self._groups.values())
            if group in self._sums
        ]

    def state(self) -> dict[str, Any]:
        """What was added so far, for `restore`."""
        return {group: one.state() for group, one in self._sums.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where another one of the same groups was. All or nothing."""
        sums = {group: self._make() for group in state}
        for group, one in state.items():
            sums[group].restore(one)
        self._sums = sums
