"""The runs that a selection gives: its table, and the observations themselves, opened when they are asked for.

Where intervals cut the runs, the observations are the parts of runs, named ``<run>_<interval>`` (intervals.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.intervals import are_asked, cut_observations, intervals_of, part_of, parts_of
from gammapy_hli.engine.dl3.observation import Observation
from gammapy_hli.engine.dl3.observation_table import ObservationTable
from gammapy_hli.engine.dl3.store import DataStore


@dataclass(frozen=True, eq=False, repr=False)
class Observations(Summary):
    """Selected runs of a store, or the parts of them that lie in intervals.

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

    @cached_property
    def intervals(self) -> Gti | None:
        """The intervals that cut the runs; None where the runs are whole."""
        return intervals_of(self.table)

    @property
    def intervals_are_asked(self) -> bool:
        """Whether every interval was asked for, so that one without data is worth a word."""
        return are_asked(self.table)

    @cached_property
    def parts(self) -> dict[str, tuple[int, int]]:
        """Run and interval of each part by its name; empty where the runs are whole."""
        return parts_of(self.table)

    @property
    def names(self) -> list[str]:
        """Names of the observations, in order."""
        return [str(obs_id) for obs_id in self.ids] if self.intervals is None else list(self.parts)

    def __len__(self) -> int:
        return len(self.ids) if self.intervals is None else len(self.parts)

    def __iter__(self) -> Iterator[Observation]:
        if self.intervals is not None:
            return cut_observations(self.store, self.table)
        return (self.store.observation(obs_id) for obs_id in self.ids)

    def __getitem__(self, key: int | str) -> Observation:
        """An observation by its name, or a whole selected run by its number."""
        names = self.names
        if self.intervals is not None and key in self.parts:
            run, number = self.parts[str(key)]
            interval = Gti(self.intervals.start[number], self.intervals.stop[number])
            return part_of(self.store.observation(run), interval, str(key))
        ids = [str(obs_id) for obs_id in self.ids]
        if str(key) not in ids:
            known = [*names, *ids] if self.intervals is not None else ids
            shown = ", ".join(names[:50]) + (", ..." if len(names) > 50 else "")
            raise KeyError(f"run {key} is not selected.{did_you_mean(str(key), known)} Selected: {shown}")
        return self.store.observation(int(key))

    def summary(self) -> dict[str, Any]:
        """Numbers of the table."""
        cut = {} if self.intervals is None else {"intervals": len(self.intervals), "parts of runs": len(self.parts)}
        return {**self.table.summary(), **cut}
