"""The runs that a selection gives: its table, and the observations themselves, opened when they are asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.dl3.observation import Observation
from gammapy_hli.engine.dl3.observation_table import ObservationTable
from gammapy_hli.engine.dl3.store import DataStore


@dataclass(frozen=True, eq=False, repr=False)
class Observations(Summary):
    """Selected runs of a store.

    Attributes
    ----------
    table : ObservationTable
        One row for every run of the store, with the reason for each one left out.
    store : DataStore
    """

    table: ObservationTable
    store: DataStore

    @property
    def ids(self) -> list[int]:
        """Numbers of the selected runs."""
        return self.table.selected_ids

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Observation]:
        return (self.store.observation(obs_id) for obs_id in self.ids)

    def __getitem__(self, obs_id: int | str) -> Observation:
        """A selected run by its number."""
        ids = self.ids
        if str(obs_id) not in map(str, ids):
            hint = did_you_mean(str(obs_id), [str(known) for known in ids])
            raise KeyError(f"run {obs_id} is not selected.{hint} Selected: {', '.join(map(str, ids))}")
        return self.store.observation(int(obs_id))

    def summary(self) -> dict[str, Any]:
        """Numbers of the table."""
        return self.table.summary()
