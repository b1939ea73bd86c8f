"""Background from off runs: the counts of the same place in the camera, in other runs of a sky without the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np

from gammapy_hli.base.errors import InputError, ItemError, NothingSelectedError
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.dl3.intervals import RunPart
from gammapy_hli.engine.dl3.select import ColumnCut, Selection, select
from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.geom.region import region_center
from gammapy_hli.engine.geom.sphere import icrs_radians, to_fov
from gammapy_hli.engine.reduce.counts import fill_counts
from gammapy_hli.engine.reduce.meta import OFF_FROM, OFF_LEFT
from gammapy_hli.engine.reduce.off_positions import OffPositions, with_off_counts
from gammapy_hli.engine.reduce.off_runs_pairs import PairCuts, find_pairs, given_pairs, read_traits
from gammapy_hli.engine.reduce.off_runs_place import (
    Alignment,
    center_of,
    horizon_fov,
    misfit,
    place_region,
    zenith_angle,
)
from gammapy_hli.engine.reduce.point_region import count_in_rad_max, is_point, largest_rad_max
from gammapy_hli.engine.reduce.spectrum import region_offset

if TYPE_CHECKING:
    from regions import SkyRegion

    from gammapy_hli.engine.dl3.observation import Observation
    from gammapy_hli.engine.dl3.observations import Observations
    from gammapy_hli.engine.reduce.spectrum import SpectrumPlan

NORMALIZATIONS = ("livetime", "background")
NOTHING = 1e-15
"""Expected counts [sr-1] that count as none: zeros of response files are interpolated as 1e-38."""
SELECTED_THEMSELVES = "selected themselves"
"""Why runs of the same store do not serve as off runs."""


@dataclass(frozen=True)
class OffRunChoice:
    """Which off runs there are, and how they are paired.

    Parameters
    ----------
    datastore : Path, optional
        Store of the off runs; None: that of the runs.
    given : mapping of int to sequence of int, optional
        Off runs by run.
    obs_ids : tuple of int, optional
        Runs to choose from; None: all runs of the store that are not selected themselves.
    columns : mapping of str to ColumnCut
        Conditions on the runs to choose from.
    cuts : PairCuts
    """

    datastore: Path | None = None
    given: Mapping[int, Sequence[int]] | None = None
    obs_ids: tuple[int, ...] | None = None
    columns: Mapping[str, ColumnCut] = field(default_factory=dict)
    cuts: PairCuts = field(default_factory=PairCuts)

    def numbers(self) -> tuple[int, ...]:
        """Off runs that are named."""
        named = [number for numbers in (self.given or {}).values() for number in numbers]
        return tuple(dict.fromkeys((*named, *(self.obs_ids or ()))))

    def candidates(self, store: DataStore, selected: Sequence[int]) -> tuple[tuple[int, ...], dict[int, str]]:
        """Off runs that can be used, without those that are selected themselves unless they are named.

        Returns
        -------
        numbers : tuple of int
        unreadable : dict of int to str
            What is wrong with those whose files are missing or cannot be read, as far as that is seen here.

        Raises
        ------
        InputError
            A run that is named is not in the store; no run is left.
        """
        store.check_obs_ids(self.numbers())
        if self.given is not None:
            return self.numbers(), {}
        outside = tuple(selected) if self.obs_ids is None else ()
        if outside and set(store.obs_ids) <= set(outside):
            raise NothingSelectedError(
                f"off runs: all {len(outside)} runs of {store.name} are selected themselves, none is left for the "
                "background. Give another store (off_runs.datastore), select fewer runs, or name runs that may serve "
                "each other (off_runs.obs_ids)."
            )
        wanted = Selection(self.obs_ids, exclude_ids=outside, exclude_words=SELECTED_THEMSELVES, columns=self.columns)
        try:
            table = select(store, wanted)
        except NothingSelectedError as error:
            raise NothingSelectedError(f"off runs: {error}") from None
        return tuple(table.selected_ids), table.failures


@dataclass(frozen=True)
class OffRuns:
    """Background maker: off counts of the on region moved to the same place in the camera of off runs.

    `prepare` finds the pairs for the runs of an analysis; off counts of several off runs are summed.

    Parameters
    ----------
    choice : OffRunChoice
    alignment : str
        What the place in the camera is measured from: ``radec`` (north) or ``altaz`` (the zenith).
    normalization : str
        ``livetime``: acceptances are livetimes. ``background``: per energy bin the expected background of the response
        files at that place, where both runs have one above 0; else the livetimes.
    pairs : mapping of int to tuple of Observation
        Off runs by run; filled by `prepare`.
    reasons : mapping of int to str
        Why a run has none.
    warnings : tuple of str
        What is odd about the pairs.
    excluded : tuple of SkyRegion
        Sky that off regions must not hold.
    """

    choice: OffRunChoice = field(default_factory=OffRunChoice)
    alignment: Alignment = "radec"
    normalization: str = "livetime"
    pairs: Mapping[int, tuple[Observation, ...]] = field(default_factory=dict)
    reasons: Mapping[int, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    excluded: tuple[SkyRegion, ...] = ()

    def __post_init__(self) -> None:
        if self.normalization not in NORMALIZATIONS:
            raise ValueError(f"normalization is {self.normalization!r}; expected {' or '.join(NORMALIZATIONS)}")

    def prepare(self, observations: Observations, plan: SpectrumPlan, excluded: Sequence[SkyRegion] = ()) -> OffRuns:
        """The maker with the off runs of all selected runs.

        Parameters
        ----------
        observations : Observations
        plan : SpectrumPlan
            Its on region, and its exclusion mask.
        excluded : sequence of SkyRegion
            Sky that off regions must not hold, wherever the off runs point.

        Raises
        ------
        InputError
            An off run is not in the store, or no run is left to choose from.
        """
        store = observations.store if self.choice.datastore is None else DataStore.open(self.choice.datastore)
        runs, lost = read_traits(observations.store, observations.ids)
        is_same = Path(store.name).resolve() == Path(observations.store.name).resolve()
        numbers, unreadable = self.choice.candidates(store, observations.ids if is_same else ())
        off, without_traits = read_traits(store, numbers)
        unreadable = {**unreadable, **without_traits}

        def fits(run: Any, other: Any) -> str:  # the rotation of the field on the sky does not matter for most
            place = place_region(plan.on_region, run.pointing, other.pointing)
            return misfit(place, plan.on_region, excluded, plan.exclusion)

        if self.choice.given is not None:
            given = {number: named for number, named in self.choice.given.items() if number not in lost}
            pairs = given_pairs(runs, off, given, self.choice.cuts, fits, unreadable)
        else:
            pairs = find_pairs(runs, off, self.choice.cuts, fits)
            pairs.warnings += [f"off run {number} cannot be used: {reason}" for number, reason in unreadable.items()]
        found = {obs_id: tuple(map(store.observation, numbers)) for obs_id, numbers in pairs.off.items()}
        return replace(
            self,
            pairs=found,
            reasons={**pairs.reasons, **lost},
            warnings=tuple(pairs.warnings),
            excluded=tuple(excluded),
        )

    def files_of(self, observation: Observation) -> tuple[Path, ...]:
        """Files of the off runs of a run."""
        off = self.pairs.get(observation.obs_id, ())
        return tuple(dict.fromkeys(path for each in off for path in getattr(each.source, "files", ())))

    def __call__(self, dataset: SpectrumDataset, observation: Observation, plan: SpectrumPlan) -> SpectrumDatasetOnOff:
        """The dataset with off counts; acceptance 1, acceptance_off the sum over off runs.

        Raises
        ------
        ItemError
            The run has no off run that can be used.
        """
        if isinstance(observation, RunPart):
            found = observation.remember("off runs", plan, lambda: self._look(observation.whole, plan))
        else:
            found = self._look(observation, plan)
        meta = {**dataset.meta, OFF_FROM: [f"runs {' '.join(found.names)}"]}
        return with_off_counts(
            replace(dataset, meta=meta | ({OFF_LEFT: ["; ".join(found.left)]} if found.left else {})),
            counts_off=found.counts,
            acceptance=np.ones(dataset.energy.nbin),
            acceptance_off=found.acceptance_of(observation),
        )

    def _look(self, observation: Observation, plan: SpectrumPlan) -> OffCounts:
        """Counts of all off runs of a whole run."""
        off_runs = self.pairs.get(observation.obs_id, ())
        if not off_runs:
            raise ItemError(self.reasons.get(observation.obs_id, "its off runs were not looked for (OffRuns.prepare)"))
        found = [self._look_at(observation, off, plan) for off in off_runs]
        useful = [each for each in found if not isinstance(each, str)]
        left = tuple(each for each in found if isinstance(each, str))
        if not useful:
            raise ItemError(f"no off run can be used: {'; '.join(left)}")
        return OffCounts(
            names=tuple(each.name for each in useful),
            left=left,
            counts=np.sum([each.counts for each in useful], axis=0),
            livetime=sum(each.livetime for each in useful),
            background=np.sum([each.background for each in useful], axis=0),
            rate=self._rate(observation, plan, icrs_radians(region_center(plan.on_region))),
        )

    def _look_at(self, observation: Observation, off: Observation, plan: SpectrumPlan) -> _OneRun | str:
        """Counts of one off run; the reason where it cannot be used."""
        try:
            if not off.livetime > 0 * u.s:
                return f"run {off.obs_id} has a livetime of 0 s"
            place = self._place(observation, off, plan)
            if isinstance(place, str):
                return f"run {off.obs_id}: {place}"
            return _OneRun(
                name=str(off.obs_id),
                counts=_counts(observation, off, plan, place),
                livetime=float(off.livetime.to_value(u.s)),
                background=self._rate(off, plan, center_of(place)) * float(off.ontime.to_value(u.s)),
            )
        except InputError as error:
            return f"run {off.obs_id}: {error}"
        finally:
            off.release()

    def _place(self, observation: Observation, off: Observation, plan: SpectrumPlan) -> OffPositions | str:
        """Where the on region lies in the field of the off run; the reason where that is no place."""
        turn = zenith_angle(off) - zenith_angle(observation) if self.alignment == "altaz" else 0.0
        radius = None
        if is_point(plan.on_region):
            offset = region_offset(observation, plan.on_region)
            radius = largest_rad_max(observation.rad_max, offset, plan.energy)
        place = place_region(plan.on_region, observation.pointing, off.pointing, turn, radius)
        return misfit(place, plan.on_region, self.excluded, plan.exclusion) or place

    def _rate(self, observation: Observation, plan: SpectrumPlan, center: tuple[float, float]) -> np.ndarray:
        """Expected background at the region, for the normalization [s-1 sr-1], (ne,); 0 where it is not wanted."""
        if self.normalization == "livetime":
            return np.zeros(plan.energy.nbin)
        if observation.bkg is None:
            raise InputError(f"run {observation.obs_id} has no bkg response; set off_runs.normalization to livetime")
        if observation.bkg.is_altaz:
            lon, lat = horizon_fov(observation, *center)
        else:
            lon, lat = to_fov(*center, *icrs_radians(observation.pointing))
        return np.asarray(observation.bkg.integrate(plan.energy, lon * u.rad, lat * u.rad).to_value("s-1 sr-1"))


@dataclass(frozen=True)
class _OneRun:
    name: str
    counts: np.ndarray
    livetime: float
    background: np.ndarray


@dataclass(frozen=True)
class OffCounts:
    """What all off runs of a run have together.

    Attributes
    ----------
    names : tuple of str
        Their numbers.
    left : tuple of str
        Which others cannot be used, and why.
    counts : array (ne,)
    livetime : float [s]
    background : array (ne,) [sr-1]
        Expected background at the place of the region, 0 where acceptances are livetimes.
    rate : array (ne,) [s-1 sr-1]
        The same of the run, per time.
    """

    names: tuple[str, ...]
    left: tuple[str, ...]
    counts: np.ndarray
    livetime: float
    background: np.ndarray
    rate: np.ndarray

    def acceptance_of(self, observation: Observation) -> np.ndarray:
        """Acceptance of the off runs for an acceptance of 1 of the run, or of a part of it, (ne,)."""
        acceptance = np.full(len(self.counts), self.livetime / float(observation.livetime.to_value(u.s)))
        expected = self.rate * float(observation.ontime.to_value(u.s))
        known = (expected > NOTHING) & (self.background > NOTHING)
        acceptance[known] = self.background[known] / expected[known]
        return acceptance


def _counts(observation: Observation, off: Observation, plan: SpectrumPlan, place: OffPositions) -> np.ndarray:
    """Events of an off run at the place of the on region, of a point within the RAD_MAX of the run, (ne,)."""
    events = off.events
    if is_point(plan.on_region):
        offset = region_offset(observation, plan.on_region)
        return count_in_rad_max(events, *place.centers(), observation.rad_max, offset, plan.energy)
    inside = place.is_inside(np.deg2rad(events.ra), np.deg2rad(events.dec))
    return fill_counts(events.energy[inside], plan.energy)
