"""Background from other phases of a pulsar or a binary: events of the same region while the source is off.

Every event of the on region, or of the map, belongs to the on phase, to the off phase or to neither; the ratio of the
widths of the phases is that of the acceptances. The exposure stays that of the whole time, so that a flux is the mean
over all phases of what shines in the on phase more than in the off phase.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.dl3.ephemeris import Ephemeris
from gammapy_hli.engine.dl3.events import EventList
from gammapy_hli.engine.reduce.counts import fill_counts
from gammapy_hli.engine.reduce.map_counts import make_map_counts
from gammapy_hli.engine.reduce.meta import OFF_FROM
from gammapy_hli.engine.reduce.off_positions import with_off_counts
from gammapy_hli.engine.reduce.phase_intervals import (
    Interval,
    find_overlap,
    find_own_overlap,
    total_width,
    wrap_intervals,
)
from gammapy_hli.engine.reduce.ring_background import to_on_off
from gammapy_hli.engine.reduce.spectrum import in_on_region, region_offset

if TYPE_CHECKING:
    from gammapy_hli.engine.dl3.observation import Observation


@dataclass(frozen=True)
class PhaseBackground:
    """Background maker: counts of the on phase, off counts of the off phase, acceptances from their widths.

    Parameters
    ----------
    on, off : sequence of (start, stop)
        Intervals of phase, start included, stop not; those that cross 0 are written (0.9, 0.1) or (-0.1, 0.1).
    column : str
        Column of the events that holds phases; whole turns do not count.
    ephemeris : Ephemeris, optional
        Where it is given, phases are computed from the times of the events instead.
    """

    on: tuple[Interval, ...]
    off: tuple[Interval, ...]
    column: str = "PHASE"
    ephemeris: Ephemeris | None = None

    def __post_init__(self) -> None:
        for name in ("on", "off"):
            object.__setattr__(self, name, wrap_intervals(getattr(self, name)))
            twice = find_own_overlap(getattr(self, name))
            if twice is not None:
                raise ValueError(f"phases {twice[0]:g} to {twice[1]:g} lie in two of the intervals '{name}'")
        shared = find_overlap(self.on, self.off)
        if shared is not None:
            raise ValueError(f"phases {shared[0]:g} to {shared[1]:g} are both on and off; expected no overlap")
        if not self.on or not self.off:
            raise ValueError("expected at least one interval of on phase and one of off phase")

    def __call__(self, dataset: Any, observation: Observation, plan: Any) -> SpectrumDatasetOnOff | MapDatasetOnOff:
        """The on/off dataset; of a map as well.

        Raises
        ------
        InputError
            The events have no phases, or times outside of the ephemeris.
        """
        if isinstance(dataset, MapDataset):
            return self._make_map(dataset, observation)
        return self._make_spectrum(dataset, observation, plan)

    def _make_spectrum(self, dataset: SpectrumDataset, observation: Observation, plan: Any) -> SpectrumDatasetOnOff:
        inside = in_on_region(observation, plan, region_offset(observation, plan.on_region))
        events = observation.events.select(inside)
        phase = self.phases(events, observation)
        ones = np.ones(dataset.energy.nbin)
        counts = fill_counts(events.energy[is_in(phase, self.on)], dataset.energy)
        return with_off_counts(
            replace(dataset, counts=counts, meta={**dataset.meta, OFF_FROM: ["phase"]}),
            counts_off=fill_counts(events.energy[is_in(phase, self.off)], dataset.energy),
            acceptance=total_width(self.on) * ones,
            acceptance_off=total_width(self.off) * ones,
        )

    def _make_map(self, dataset: MapDataset, observation: Observation) -> MapDatasetOnOff:
        phase = self.phases(observation.events, observation)
        counts, counts_off = (
            make_map_counts(observation.events.select(is_in(phase, parts)), dataset.geometry, dataset.energy)
            for parts in (self.on, self.off)
        )
        ones = np.ones(counts.shape)
        return to_on_off(
            replace(dataset, counts=counts, meta={**dataset.meta, OFF_FROM: ["phase"]}),
            counts_off,
            total_width(self.on) * ones,
            total_width(self.off) * ones,
        )

    def phases(self, events: EventList, observation: Observation) -> np.ndarray:
        """Phases in [0, 1) of events of a run, shape (n,); nan where the column has none."""
        if self.ephemeris is not None:
            place = None if self.ephemeris.position is None else observation.location
            return self.ephemeris.phase(events.times, place)
        name = self.column.upper()
        if name not in events.extra:
            columns = ["TIME", "RA", "DEC", "ENERGY", *events.extra]
            raise InputError(
                f"{observation.source.where}: no column '{name}' with phases.{did_you_mean(name, columns)} Columns: "
                f"{', '.join(columns)}. Name the right one (phase.column), or give an ephemeris (phase.ephemeris)"
            )
        values = np.asarray(events.extra[name], dtype=float)
        if values.ndim != 1:
            raise InputError(f"{observation.source.where}, column '{name}': got a vector a row, expected one phase")
        phase = values % 1.0
        return np.where(phase >= 1.0, 0.0, phase)  # a hair before a full turn, rounded up


def is_in(phase: np.ndarray, parts: tuple[Interval, ...]) -> np.ndarray:
    """Which phases lie in any of the parts, start included and stop not, bool, shape (n,)."""
    inside = np.zeros(len(phase), dtype=bool)
    for start, stop in parts:
        inside |= (phase >= start) & (phase < stop)
    return inside
