"""Which off runs belong to which runs: as they are given, or the nearest in zenith that are alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.run_facts import RunFacts
from gammapy_hli.engine.dl3.store import DataStore


@dataclass(frozen=True)
class RunTraits:
    """What a run is like, as far as index and header tell.

    Attributes
    ----------
    obs_id : int
    pointing : SkyCoord
    zenith, azimuth : float [deg]
        nan where not known.
    telescopes : int, optional
        Number of telescopes; None where not known.
    muon_efficiency : float
        nan where not known.
    """

    obs_id: int
    pointing: SkyCoord
    zenith: float = np.nan
    azimuth: float = np.nan
    telescopes: int | None = None
    muon_efficiency: float = np.nan


@dataclass(frozen=True)
class PairCuts:
    """What an off run must share with a run. Facts that the files do not tell are no reason against it but the zenith.

    Parameters
    ----------
    zenith_difference_max : float [deg]
    azimuth_difference_max : float [deg], optional
    muon_difference_max : float, optional
        Difference of the muon efficiencies over their mean.
    same_telescopes : bool
        The number of telescopes.
    n_runs : int
        Most off runs of a run.
    reuse : bool
        Whether an off run may serve several runs, whose backgrounds then fluctuate together.
    """

    zenith_difference_max: float = 5.0
    azimuth_difference_max: float | None = None
    muon_difference_max: float | None = None
    same_telescopes: bool = True
    n_runs: int = 3
    reuse: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """What the numbers of `faults` mean."""
        return (
            "are the run itself",
            f"differ in zenith by more than {self.zenith_difference_max:g} deg",
            "have another number of telescopes",
            f"differ in azimuth by more than {self.azimuth_difference_max or 0:g} deg",
            f"differ in muon efficiency by more than {self.muon_difference_max or 0:g}",
        )

    def faults(self, runs: Sequence[RunTraits], off: Sequence[RunTraits]) -> NDArray[np.intp]:
        """Number in `words` of the first reason against each off run, -1 where there is none, (n_runs, n_off)."""

        def pairs(name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            return tuple(np.array([getattr(each, name) for each in side], dtype=float) for side in (runs, off))  # type: ignore[return-value]

        def difference(name: str) -> NDArray[np.float64]:
            one, two = pairs(name)
            return np.abs(one[:, None] - two[None, :])

        number, telescopes = difference("obs_id"), difference("telescopes")
        azimuth = np.abs((difference("azimuth") + 180) % 360 - 180)
        one, two = pairs("muon_efficiency")
        muon = difference("muon_efficiency") / (0.5 * (one[:, None] + two[None, :]))
        none = np.zeros(number.shape, dtype=bool)
        masks = [
            number == 0,
            ~(difference("zenith") <= self.zenith_difference_max),
            (telescopes > 0) if self.same_telescopes else none,
            none if self.azimuth_difference_max is None else azimuth > self.azimuth_difference_max,
            none if self.muon_difference_max is None else muon > self.muon_difference_max,
        ]
        found = np.argmax(np.stack([*masks, ~none]), axis=0)
        return np.where(found == len(masks), -1, found)


@dataclass
class Pairs:
    """Off runs by run.

    Attributes
    ----------
    off : dict of int to list of int
    reasons : dict of int to str
        Why a run has none.
    warnings : list of str
    """

    off: dict[int, list[int]] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


FORBIDDEN = 1e6
"""Difference in zenith [deg] that stands for infinity: more than all real ones together."""
Fits = Callable[[RunTraits, RunTraits], str]
"""(run, off run) -> why the region of the run has no place in the field of the off run, '' where it has one."""


def read_traits(store: DataStore, obs_ids: Iterable[int]) -> tuple[dict[int, RunTraits], dict[int, str]]:
    """Facts of runs by number: from the observation index, and what that lacks from the headers of the events.

    Returns
    -------
    traits : dict of int to RunTraits
    unreadable : dict of int to str
        What is wrong with the other runs: events that are missing, or a header that is needed and cannot be read.

    Raises
    ------
    InputError
        A run is unknown.
    """
    ids = list(dict.fromkeys(obs_ids))
    store.check_obs_ids(ids)
    facts = RunFacts(store, ids)
    facts.need(("ra_pnt", "dec_pnt", "zenith"), np.ones(len(ids), dtype=bool))
    columns = {name: facts.column(name) for name in ("ra_pnt", "dec_pnt", "zenith")}
    known = _index_facts(store)
    found: dict[int, RunTraits] = {}
    unreadable = {ids[row]: reason for row, reason in facts.unreadable.items()}
    for row, obs_id in enumerate(ids):
        try:
            header = _header(store, obs_id, known)
        except InputError as error:
            unreadable.setdefault(obs_id, str(error))
        if obs_id in unreadable:
            continue
        pointing = SkyCoord(columns["ra_pnt"][row], columns["dec_pnt"][row], unit="deg")
        number = _number(header, "N_TELS")
        found[obs_id] = RunTraits(
            obs_id,
            pointing,
            zenith=float(columns["zenith"][row]),
            azimuth=_number(header, "AZ_PNT"),
            telescopes=int(number) if np.isfinite(number) else None,
            muon_efficiency=_number(header, "MUONEFF"),
        )
    return found, unreadable


def _header(store: DataStore, obs_id: int, known: Mapping[int, Mapping[str, Any]]) -> Mapping[str, Any]:
    """What is known of a run from the index, else its header; InputError where its events are not there."""
    path = store.event_file(obs_id)
    if obs_id in known and path.is_file():
        return known[obs_id]
    return store.header_facts(obs_id)


def _index_facts(store: DataStore) -> dict[int, Mapping[str, Any]]:
    """AZ_PNT, N_TELS and MUONEFF by run, where the index has them all."""
    index, wanted = store.obs_index, ("AZ_PNT", "N_TELS", "MUONEFF")
    if index is None or not all(index.has(name) for name in wanted):
        return {}
    rows = zip(*(index.raw(name).tolist() for name in wanted), strict=True)
    return {obs_id: dict(zip(wanted, row, strict=True)) for obs_id, row in zip(index.obs_ids, rows, strict=True)}


def _number(header: Mapping[str, Any], name: str) -> float:
    try:
        value = float(header[name])
    except (KeyError, TypeError, ValueError):
        return float("nan")
    return value


def given_pairs(
    runs: Mapping[int, RunTraits],
    off: Mapping[int, RunTraits],
    given: Mapping[int, Sequence[int]],
    cuts: PairCuts,
    fits: Fits,
    unreadable: Mapping[int, str] = MappingProxyType({}),
) -> Pairs:
    """Pairs as somebody gave them; what is odd about them is a warning, what is impossible is left out.

    `unreadable` has what is wrong with the off runs that are not in `off`.
    """
    pairs = Pairs()
    users: Counter[int] = Counter()
    for obs_id, run in runs.items():
        wanted = given.get(obs_id, ())
        if not wanted:
            pairs.reasons[obs_id] = "no off run is given for it (off_runs.runs)"
        for number in dict.fromkeys(wanted):
            why = unreadable.get(number) or ("it is the run itself" if number == obs_id else fits(run, off[number]))
            if why:
                pairs.warnings.append(f"off run {number} of run {obs_id} is left out: {why}")
                pairs.reasons[obs_id] = f"no off run is left: {number}: {why}"
                continue
            fault = int(cuts.faults([run], [off[number]])[0, 0])
            if fault >= 0:
                words = f"they {cuts.words[fault]} ({_both(run, off[number])})"
                pairs.warnings.append(f"off run {number} of run {obs_id}: {words}")
            pairs.off.setdefault(obs_id, []).append(number)
            users[number] += 1
    unknown = [str(number) for number in given if number not in runs]
    if unknown:
        pairs.warnings.append(f"off_runs.runs names runs that are not selected: {', '.join(unknown)}")
    return _finished(pairs, users)


def find_pairs(runs: Mapping[int, RunTraits], off: Mapping[int, RunTraits], cuts: PairCuts, fits: Fits) -> Pairs:
    """For each run the off runs nearest in zenith that pass all cuts.

    In rounds, in each of which every run gets one more: such that as many runs as possible get one, with the smallest
    sum of differences in zenith.
    """
    search = _Search(list(runs.values()), list(off.values()), cuts, fits)
    pairs, users = Pairs(), Counter[int]()
    for _ in range(cuts.n_runs):
        for row, column in search.next_round():
            number = search.off[column].obs_id
            pairs.off.setdefault(search.runs[row].obs_id, []).append(number)
            users[number] += 1
    for row, run in enumerate(search.runs):
        if run.obs_id not in pairs.off:
            pairs.reasons[run.obs_id] = _no_pair(run, off, search, row)
    return _finished(pairs, users)


class _Search:
    """Rounds of pairing; `cost` is the difference in zenith [deg], inf for what cannot be paired (again)."""

    def __init__(self, runs: list[RunTraits], off: list[RunTraits], cuts: PairCuts, fits: Fits):
        self.runs, self.off, self.cuts, self._fits = runs, off, cuts, fits
        self.faults = cuts.faults(runs, off)
        zenith, other = (np.array([each.zenith for each in side], dtype=float) for side in (runs, off))
        self.cost = np.where(self.faults < 0, np.abs(zenith[:, None] - other[None, :]), np.inf)
        self.misfits: dict[tuple[int, int], str] = {}

    def next_round(self) -> list[tuple[int, int]]:
        """One more off run for every run where there is one: (row, column) pairs, which are then taken."""
        while True:
            chosen = self._choose()
            wrong = [pair for pair in chosen if self._is_misfit(*pair)]
            if not wrong:
                break
        for row, column in chosen:
            self.cost[(row if self.cuts.reuse else slice(None)), column] = np.inf
        return chosen

    def _choose(self) -> list[tuple[int, int]]:
        if self.cuts.reuse:
            columns = np.argmin(self.cost, axis=1) if self.off else np.zeros(len(self.runs), dtype=int)
            chosen = list(enumerate(columns.tolist()))
        else:
            from scipy.optimize import linear_sum_assignment  # late: slow to load, needed for off runs only

            rows, columns = linear_sum_assignment(np.where(np.isfinite(self.cost), self.cost, FORBIDDEN))
            chosen = list(zip(rows.tolist(), columns.tolist(), strict=True))
        return [pair for pair in chosen if self.off and np.isfinite(self.cost[pair])]

    def _is_misfit(self, row: int, column: int) -> bool:
        why = self._fits(self.runs[row], self.off[column])
        if why:
            self.misfits[row, column] = why
            self.cost[row, column] = np.inf
        return bool(why)


def _no_pair(run: RunTraits, off: Mapping[int, RunTraits], search: _Search, row: int) -> str:
    """Why none of the off runs belongs to a run."""
    if not np.isfinite(run.zenith):
        return "its zenith angle is not known, so that no off run can be found; give its off runs (off_runs.runs)"
    faults = Counter(search.faults[row].tolist())
    n_good = faults.pop(-1, 0)
    parts = [f"{search.cuts.words[fault]}: {number}" for fault, number in faults.most_common()]
    misfits = {search.off[column].obs_id: why for (at, column), why in search.misfits.items() if at == row}
    if n_good > len(misfits):
        parts.append(f"serve other runs, which off_runs.reuse allows to share: {n_good - len(misfits)}")
    parts += [f"run {number}: {why}" for number, why in misfits.items()]
    nearest = min(off.values(), key=lambda other: np.nan_to_num(abs(other.zenith - run.zenith), nan=1e9), default=None)
    hint = "" if nearest is None else f"; nearest in zenith is {nearest.obs_id} ({_both(run, nearest)})"
    return f"none of {len(off)} off runs fits ({'; '.join(parts)}){hint}"


def _both(run: RunTraits, off: RunTraits) -> str:
    return f"zenith {run.zenith:.1f} deg and {off.zenith:.1f} deg"


def _finished(pairs: Pairs, users: Counter[int]) -> Pairs:
    for obs_id in pairs.off:
        pairs.reasons.pop(obs_id, None)
    shared = sorted(number for number, count in users.items() if count > 1)
    if shared:
        pairs.warnings.append(
            f"off runs that serve several runs: {', '.join(map(str, shared))}; the backgrounds of these runs fluctuate "
            "together, which a joint fit does not know"
        )
    return pairs
