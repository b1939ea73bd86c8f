"""The sum of map datasets in blocks of neighbours: the same bits wherever the blocks are added up.

Sums of floats depend on the order of the additions. Here that is: datasets within a block one after the other, then the
blocks one after the other. Where a block begins depends on nothing but the place of its runs in the list, so that other
processes can add up blocks (and send one sum instead of many datasets) and a sum that was kept can go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gammapy_hli.engine.datasets.grouped_stack import GroupedStacker
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.map_stack import MapStacker

BLOCK = 8  # runs


class BlockedStacker:
    """Adds what becomes of a list of runs, in its order: datasets, nothing, or sums of whole blocks.

    Parameters
    ----------
    make : callable
        Gives an empty `GroupedStacker`.

    Attributes
    ----------
    make : callable
    n_runs : int
        Runs that were added.
    """

    def __init__(self, make: Callable[[], GroupedStacker]):
        self.make = make
        self._total = make()
        self._open = make()
        self.n_runs = 0

    @property
    def n_missing(self) -> int:
        """Runs that the block that has begun still takes; 0 between two blocks."""
        return -self.n_runs % BLOCK

    def add(self, dataset: MapDataset | None) -> None:
        """Add the next run; None where it gave no dataset."""
        if dataset is not None:
            self._open.add(dataset)
        self.n_runs += 1
        if self.n_missing == 0:
            self._close()

    def add_block(self, sums: Mapping[str, MapStacker]) -> None:
        """Add the next block, from `block_of` in this or any other process."""
        if self.n_missing:
            raise ValueError(f"{self.n_missing} runs are missing in the block before")
        self._total.merge(sums)
        self.n_runs += BLOCK

    def results(self, name: str) -> list[MapDataset]:
        """The sums at the end of the list, one for each group; nothing can be added any more."""
        self._close()
        return self._total.results(name)

    def state(self) -> dict[str, Any]:
        """What was added so far, for `restore`."""
        return {"n_runs": self.n_runs, "total": self._total.state(), "open": self._open.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where another sum of the same list was."""
        total, opened = self.make(), self.make()
        total.restore(state["total"])
        opened.restore(state["open"])
        self._total, self._open, self.n_runs = total, opened, int(state["n_runs"])

    def _close(self) -> None:
        if self._total.sums():
            self._total.merge(self._open.sums())
        else:
            self._total = self._open
        self._open = self.make()


def block_of(make: Callable[[], GroupedStacker], datasets: Iterable[MapDataset | None]) -> dict[str, MapStacker]:
    """The sums of a block of runs, by group, as small as they can be sent.

    Parameters
    ----------
    make : callable
        Gives an empty `GroupedStacker`.
    datasets : iterable of MapDataset or None
        None where a run gave no dataset.
    """
    block = make()
    for dataset in datasets:
        if dataset is not None:
            block.add(dataset)
    return {group: one.trimmed() for group, one in block.sums().items()}
