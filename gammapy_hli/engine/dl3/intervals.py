"""Intervals of time that cut runs into parts: which parts there are, and how the parts of a run share its files.

A part is an `Observation` named ``<run>_<interval>``. The intervals and the parts stand in the meta of the
observation table, so that its file tells all of them.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import HliError, NothingSelectedError
from gammapy_hli.engine.dl3.events import EventList
from gammapy_hli.engine.dl3.fits_file import file_stamp
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.observation import Observation
from gammapy_hli.engine.dl3.observation_table import ObservationTable
from gammapy_hli.engine.dl3.pointing import read_pointing
from gammapy_hli.engine.dl3.run_facts import RunFacts
from gammapy_hli.engine.dl3.run_source import RunSource
from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.dl3.time_grid import TimeGrid
from gammapy_hli.engine.dl3.time_reference import DEFAULT_REFERENCE, seconds_between

META_KEY = "intervals"


def cut_runs(store: DataStore, table: ObservationTable, grid: TimeGrid) -> ObservationTable:
    """The table of runs with the intervals and the parts in its meta; runs that share no instant with them are out.

    Raises
    ------
    NothingSelectedError
        No selected run shares an instant with an interval.
    """
    obs_ids = table.selected_ids
    facts = RunFacts(store, obs_ids)
    facts.need(("start", "stop"), np.ones(len(obs_ids), dtype=bool))
    start, stop = facts.clock(DEFAULT_REFERENCE)
    known = np.isfinite(start) & np.isfinite(stop)
    if not known.any():
        raise NothingSelectedError(f"{store.name}: the times of the {len(obs_ids)} selected runs are not known")
    intervals = grid.intervals(Gti(start[known], stop[known]))
    parts = find_parts(start, stop, intervals)
    if not len(parts):
        raise NothingSelectedError(
            f"{store.name}: none of the {len(obs_ids)} selected runs shares an instant with the intervals, which reach "
            f"{_words(intervals)} (UTC); the runs reach {_words(Gti(start[known], stop[known]))}. Move the intervals."
        )
    texts = facts.tstart_texts()
    reasons = {}
    for row in sorted(set(range(len(obs_ids))) - set(parts[:, 0].tolist())):
        length = "" if not known[row] else f" + {stop[row] - start[row]:.0f} s"
        reasons[obs_ids[row]] = f"{texts[row]}{length} is outside all intervals" if known[row] else "time is not known"
    cut = table.without(reasons)
    cut.table.meta[META_KEY] = {
        "clock": "s since 2000-01-01T00:00:00 TT",
        "asked": grid.is_asked,
        "start": intervals.start.tolist(),
        "stop": intervals.stop.tolist(),
        "parts": [[obs_ids[row], int(number)] for row, number in parts.tolist()],
    }
    return cut


def find_parts(start: np.ndarray, stop: np.ndarray, intervals: Gti) -> np.ndarray:
    """Pairs (run, interval) that share an instant, runs first, int array (n_parts, 2).

    Parameters
    ----------
    start, stop : arrays (n_runs,) [s]
        On the clock of the intervals; nan shares nothing.
    """
    shares = (start[:, np.newaxis] < intervals.stop) & (stop[:, np.newaxis] > intervals.start)
    return np.argwhere(shares)


def intervals_of(table: ObservationTable) -> Gti | None:
    """The intervals that the runs were cut by; None where they were not."""
    found = table.table.meta.get(META_KEY)
    return None if found is None else Gti(np.array(found["start"]), np.array(found["stop"]))


def are_asked(table: ObservationTable) -> bool:
    """Whether every interval that cut the runs was asked for (`TimeGrid.is_asked`)."""
    return bool((table.table.meta.get(META_KEY) or {}).get("asked", False))


def parts_of(table: ObservationTable) -> dict[str, tuple[int, int]]:
    """Run and interval of each part of a selected run by its name, in order; empty where runs are not cut."""
    found: Mapping[str, Any] = table.table.meta.get(META_KEY) or {"parts": ()}
    selected = set(table.selected_ids)
    return {f"{run}_{number}": (run, number) for run, number in found["parts"] if run in selected}


def cut_observations(store: DataStore, table: ObservationTable) -> Iterator[Observation]:
    """The parts of all selected runs, run by run."""
    intervals = intervals_of(table)
    assert intervals is not None
    whole: Observation | None = None
    for name, (run, number) in parts_of(table).items():
        if whole is None or whole.obs_id != run:
            whole = store.observation(run)
        yield part_of(whole, Gti(intervals.start[number], intervals.stop[number]), name)


def part_of(whole: Observation, interval: Gti, name: str) -> "RunPart":
    """A part of a run that shares its files with the other parts: they are read once, however many parts there are."""
    return RunPart(whole.obs_id, PartSource(whole.source, interval), name, interval, whole.energy_range)


class RunPart(Observation):
    """A part of a run; what is the same for all parts of the run is kept until a part of another run is used."""

    source: "PartSource"

    @property
    def whole(self) -> Observation:
        """The run."""
        return self.source.opened.whole

    @property
    def pointing(self) -> SkyCoord:  # type: ignore[override]
        """Pointing position (icrs); of a drift run that at the middle of the part."""
        return read_pointing(self.meta, self.source.where, self.gti.tmid) if self.is_drift else self.whole.pointing

    @cached_property
    def events(self) -> EventList:
        """Events of start <= time < stop, in the order of time, inside the cut of `select_energy`."""
        events = self.source.events()
        bounds = [None if value is None else value * u.TeV for value in self.energy_range]
        return events if self.energy_range == (None, None) else events.select_energy(*bounds)

    @property
    def place(self) -> slice:
        """Where its events stand among those of the run in the order of time, `events_in_order`."""
        return self.source.opened.place(self.source.interval)

    @property
    def events_in_order(self) -> EventList:
        """All events of the run in the order of time."""
        return self.source.opened.events

    def remember(self, name: str, key: Any, make: Callable[[], Any]) -> Any:
        """What ``make`` gives (or raises), the same for all parts of the run that ask with one and the same key."""
        return self.source.opened.remember(name, key, make)


class PartSource:
    """The files of a run, seen by one of its parts.

    What was read stays until a part of another run is opened in this process.

    Parameters
    ----------
    run : RunSource
        Of the whole run.
    interval : Gti
        One interval.
    """

    def __init__(self, run: RunSource, interval: Gti):
        self.run = run
        self.interval = interval
        self._opened: _OpenRun | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"run": self.run, "interval": self.interval, "_opened": None}

    @property
    def opened(self) -> "_OpenRun":
        """The run, opened in this process."""
        if self._opened is None or not self._opened.is_open:
            self._opened = _open(self.run)
        return self._opened

    @property
    def kinds(self) -> tuple[str, ...]:
        """Types of HDU that the run has."""
        return self.run.kinds

    @property
    def files(self) -> tuple[Path, ...]:
        """Files of the run."""
        return tuple(getattr(self.run, "files", ()))

    @property
    def where(self) -> str:
        """File and HDU of the events."""
        return self.run.where

    def meta(self) -> Mapping[str, Any]:
        """Give the header facts of the events."""
        return self.opened.source.meta()

    def events(self) -> EventList:
        """Give the events of start <= time < stop."""
        return self.opened.events.select(self.opened.place(self.interval))

    def gti(self) -> Gti:
        """Give all good time intervals of the run."""
        return self.opened.source.gti()

    def irf(self, kind: str) -> Any:
        """Give a response, None where the run has none of this kind."""
        return self.opened.source.irf(kind)

    def release(self) -> None:
        """Let go of the run only when another one is opened: the next part needs it."""
        self._opened = None


class _OpenRun:
    """A run that parts are taken from; events in the order of time, so that a part is a slice of them."""

    def __init__(self, source: RunSource):
        self.source = source
        self.whole = Observation(getattr(source, "obs_id", 0), source)
        self.is_open = True
        self._memory: dict[str, tuple[Any, Any, Exception | None]] = {}

    def close(self) -> None:
        self.whole.release()
        self.is_open = False

    def remember(self, name: str, key: Any, make: Callable[[], Any]) -> Any:
        if name not in self._memory or self._memory[name][0] is not key:
            try:
                self._memory[name] = (key, make(), None)
            except HliError as error:
                self._memory[name] = (key, None, error)
        _, value, failure = self._memory[name]
        if failure is not None:
            raise failure
        return value

    @cached_property
    def events(self) -> EventList:
        events = self.source.events()
        is_sorted = bool((np.diff(events.time) >= 0).all())
        return events if is_sorted else events.select(np.argsort(events.time, kind="stable"))

    @cached_property
    def clock(self) -> np.ndarray:
        """Times of the events on the clock of `DEFAULT_REFERENCE`."""
        return self.events.time + seconds_between(DEFAULT_REFERENCE, self.events.reference)

    def place(self, interval: Gti) -> slice:
        here = interval.to_reference(DEFAULT_REFERENCE)
        first, last = np.searchsorted(self.clock, [here.start[0], here.stop[0]])
        return slice(int(first), int(last))


_opened: dict[Any, _OpenRun] = {}


def _open(source: RunSource) -> _OpenRun:
    """The run, from memory if it was the last one that was opened in this process."""
    key = _identity(source)
    if key not in _opened:
        for run in _opened.values():
            run.close()
        _opened.clear()
        _opened[key] = _OpenRun(source)
    return _opened[key]


def _identity(source: RunSource) -> Any:
    """What tells runs apart, also after a part was sent to another process: the files as they are now."""
    files = getattr(source, "files", ())
    if not files:
        return id(source)
    try:
        return (getattr(source, "obs_id", None), *(file_stamp(path) for path in files))
    except OSError:
        return id(source)  # reading says what is wrong


def _words(intervals: Gti) -> str:
    first, last = (DEFAULT_REFERENCE + value * u.s for value in (intervals.start.min(), intervals.stop.max()))
    return f"from {first.utc.isot} to {last.utc.isot}"
