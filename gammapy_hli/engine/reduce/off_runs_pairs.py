"""Which off runs belong to which runs: as they are given, or the nearest in zenith that are alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord

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

    def fault(self, run: RunTraits, off: RunTraits) -> str:
        """Kind of the first reason against an off run, '' where there is none."""
        zenith = abs(run.zenith - off.zenith)
        if not zenith <= self.zenith_difference_max:
            return f"differ in zenith by more than {self.zenith_difference_max:g} deg"
        if self.same_telescopes and run.telescopes and off.telescopes and run.telescopes != off.telescopes:
            return f"have another number of telescopes than {run.telescopes}"
        azimuth = abs((run.azimuth - off.azimuth + 180) % 360 - 180)
        if self.azimuth_difference_max is not None and azimuth > self.azimuth_difference_max:
            return f"differ in azimuth by more than {self.azimuth_difference_max:g} deg"
        muons = abs(run.muon_efficiency - off.muon_efficiency) / (0.5 * (run.muon_efficiency + off.muon_efficiency))
        if self.muon_difference_max is not None and muons > self.muon_difference_max:
            return f"differ in muon efficiency by more than {self.muon_difference_max:g}"
        return ""


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


Fits = Callable[[RunTraits, RunTraits], str]
"""(run, off run) -> why the region of the run has no place in the field of the off run, '' where it has one."""


def read_traits(store: DataStore, obs_ids: Iterable[int]) -> dict[int, RunTraits]:
    """Facts of runs by number: from the observation index, and what that lacks from the headers of the events.

    Raises
    ------
    InputError
        A run is unknown, or its header is needed and cannot be read.
    """
    ids = list(dict.fromkeys(obs_ids))
    store.check_obs_ids(ids)
    facts = RunFacts(store, ids)
    facts.need(("ra_pnt", "dec_pnt", "zenith"), np.ones(len(ids), dtype=bool))
    columns = {name: facts.column(name) for name in ("ra_pnt", "dec_pnt", "zenith")}
    known = _index_facts(store)
    found = {}
    for row, obs_id in enumerate(ids):
        header = known.get(obs_id) or store.header_facts(obs_id)
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
    return found


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
) -> Pairs:
    """Pairs as somebody gave them; what is odd about them is a warning, what is impossible is left out."""
    pairs = Pairs()
    users: Counter[int] = Counter()
    for obs_id, run in runs.items():
        wanted = given.get(obs_id, ())
        if not wanted:
            pairs.reasons[obs_id] = "no off run is given for it (off_runs.runs)"
        for number in dict.fromkeys(wanted):
            why = fits(run, off[number]) if number != obs_id else "it is the run itself"
            if why:
                pairs.warnings.append(f"off run {number} of run {obs_id} is left out: {why}")
                pairs.reasons[obs_id] = f"no off run is left: {number}: {why}"
                continue
            fault = cuts.fault(run, off[number])
            if fault:
                pairs.warnings.append(f"off run {number} of run {obs_id}: they {fault} ({_both(run, off[number])})")
            pairs.off.setdefault(obs_id, []).append(number)
            users[number] += 1
    unknown = [str(number) for number in given if number not in runs]
    if unknown:
        pairs.warnings.append(f"off_runs.runs names runs that are not selected: {', '.join(unknown)}")
    return _finished(pairs, users)


def find_pairs(runs: Mapping[int, RunTraits], off: Mapping[int, RunTraits], cuts: PairCuts, fits: Fits) -> Pairs:
    """For each run the off runs nearest in zenith that pass all cuts; in rounds, so that every run gets its first one
    before any gets its second.
    """
    faults = {obs_id: Counter[str]() for obs_id in runs}
    near = []
    for obs_id, run in runs.items():
        for number, other in off.items():
            fault = cuts.fault(run, other) if number != obs_id else "are the run itself"
            if fault:
                faults[obs_id][fault] += 1
            else:
                near.append((abs(run.zenith - other.zenith), obs_id, number))
    near.sort()
    pairs, users, place = Pairs(), Counter[int](), dict[tuple[int, int], str]()
    for n_wanted in range(1, cuts.n_runs + 1):
        for _, obs_id, number in near:
            taken = pairs.off.get(obs_id, [])
            if len(taken) >= n_wanted or number in taken or (users[number] and not cuts.reuse):
                continue
            if (obs_id, number) not in place:
                place[obs_id, number] = fits(runs[obs_id], off[number])
            if not place[obs_id, number]:
                pairs.off.setdefault(obs_id, []).append(number)
                users[number] += 1
    for obs_id, run in runs.items():
        if obs_id not in pairs.off:
            mine = [(number, place.get((obs_id, number))) for _, on, number in near if on == obs_id]
            pairs.reasons[obs_id] = _no_pair(run, off, faults[obs_id], mine)
    return _finished(pairs, users)


def _no_pair(
    run: RunTraits, off: Mapping[int, RunTraits], faults: Counter[str], mine: list[tuple[int, str | None]]
) -> str:
    """Why none of the off runs belongs to a run."""
    if not np.isfinite(run.zenith):
        return "its zenith angle is not known, so that no off run can be found; give its off runs (off_runs.runs)"
    parts = [f"{fault}: {number}" for fault, number in faults.most_common()]
    used = sum(1 for _, why in mine if why is None or not why)
    if used:
        parts.append(f"serve other runs, which off_runs.reuse allows to share: {used}")
    parts += [f"run {number}: {why}" for number, why in mine if why]
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
