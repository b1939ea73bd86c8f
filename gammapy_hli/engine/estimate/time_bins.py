"""Puts datasets into intervals of time: those that cut the runs, runs, nights, or intervals that are given.

A dataset belongs to an interval when all its good time lies inside (to a microsecond, as in gammapy). Nothing is cut
here: events, livetime and background of a dataset belong together; `selection.intervals` cuts runs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import astropy.units as u
import numpy as np
from astropy.time import Time
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.time_grid import check_no_overlap
from gammapy_hli.engine.dl3.time_reference import DEFAULT_REFERENCE

Array = NDArray[np.float64]

TOLERANCE = 1e-6
"""Of times [s]."""
NIGHT_GAP = 8 * 3600.0
"""A pause without data of this length [s] ends a night, wherever on Earth the telescopes stand."""


@dataclass(frozen=True, eq=False)
class TimeBins:
    """Intervals in order of time, and the datasets in each.

    Attributes
    ----------
    names : tuple of str (n,)
    start, stop : arrays (n,) [s since 2000 TT, `DEFAULT_REFERENCE`]
    members : tuple of tuples of int
        Numbers of the datasets of each interval.
    left_out : mapping of str to str
        Datasets that are in no interval, with the reason.
    empty : mapping of str to (float, float, str)
        Intervals that were asked for and hold no dataset: start, stop [s since 2000 TT] and the reason.
    notes : mapping of str to str
        What is to be known of single intervals, by name.
    """

    names: tuple[str, ...]
    start: Array
    stop: Array
    members: tuple[tuple[int, ...], ...]
    left_out: dict[str, str] = field(default_factory=dict)
    empty: dict[str, tuple[float, float, str]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def dataset_interval(self) -> dict[int, int]:
        """Interval of each dataset that is in one."""
        return {number: k for k, group in enumerate(self.members) for number in group}


def dataset_spans(datasets: Sequence[Any]) -> tuple[Array, Array]:
    """First start and last stop of the good time of datasets, (n,) each [s since 2000 TT].

    Raises
    ------
    InputError
        A dataset has no good time intervals.
    """
    spans = np.empty((2, len(datasets)))
    for k, dataset in enumerate(datasets):
        gti = dataset.gti
        if gti is None or not len(gti):
            raise InputError(
                f"dataset {dataset.name}: no good time intervals, so its place in a light curve is not known. Reduce "
                "it from events, or add a GTI table to its file."
            )
        here = gti.to_reference(DEFAULT_REFERENCE)
        spans[:, k] = here.start.min(), here.stop.max()
    return spans[0], spans[1]


def bins_by_run(datasets: Sequence[Any]) -> TimeBins:
    """One interval a run: from the start to the stop of what its datasets hold.

    Runs of two telescopes that have one number are two, named by telescope and number.
    """
    runs = [(_run_name(dataset), _telescope(dataset)) for dataset in datasets]
    telescopes: dict[str, set[str]] = {}
    for name, telescope in runs:
        telescopes.setdefault(name, set()).add(telescope)
    labels = [f"{telescope}-{name}" if len(telescopes[name]) > 1 and telescope else name for name, telescope in runs]
    return _from_groups(datasets, labels)


def bins_by_night(datasets: Sequence[Any], gap: float = NIGHT_GAP) -> TimeBins:
    """One interval a night, named by the date (UTC) on which it begins; a pause of ``gap`` [s] ends a night."""
    start, stop = dataset_spans(datasets)
    order = np.argsort(start, kind="stable")
    reach = np.maximum.accumulate(stop[order])
    is_first = np.append(True, start[order][1:] - reach[:-1] > gap)[: len(order)]
    number = np.empty(len(order), dtype=int)
    number[order] = np.cumsum(is_first) - 1
    dates = [_date(value) for value in start[order][is_first]]
    return _from_groups(datasets, [dates[k] for k in number])


def bins_of_intervals(
    datasets: Sequence[Any], intervals: Gti, names: Sequence[str] | None = None, *, tell_empty: bool = False
) -> TimeBins:
    """The given intervals that hold a dataset; by default they are named by their numbers.

    Parameters
    ----------
    datasets : sequence
    intervals : Gti
    names : sequence of str, optional
    tell_empty : bool
        Whether those that hold none are listed in ``empty``.

    Raises
    ------
    InputError
        Intervals overlap, or no dataset lies inside one.
    """
    here = intervals.to_reference(DEFAULT_REFERENCE)
    check_no_overlap(here)
    start, stop = dataset_spans(datasets)
    order = np.argsort(here.start, kind="stable")
    low, high = here.start[order], here.stop[order]
    place = np.searchsorted(low, start + TOLERANCE, side="right") - 1
    held = (place >= 0) & (stop <= high[np.maximum(place, 0)] + TOLERANCE)
    left_out = {datasets[k].name: _reason_outside(start[k], stop[k], low, high) for k in np.flatnonzero(~held).tolist()}
    if not held.any():
        example = next(iter(left_out.items()), ("", "there is none"))
        raise InputError(
            f"no dataset lies inside one of the {len(here)} intervals from {_utc(low[0])} to {_utc(high[-1])}; "
            f"{example[0]}: {example[1]}. Cut the runs with selection.intervals, or take other intervals."
        )
    groups = [np.flatnonzero(held & (place == k)).tolist() for k in np.unique(place[held])]
    used = order[np.unique(place[held])]
    labels = [str(k) for k in used] if names is None else [names[k] for k in used]
    empty: dict[str, tuple[float, float, str]] = {}
    for k in np.setdiff1d(np.arange(len(here)), used).tolist() if tell_empty else ():
        a, b = float(here.start[k]), float(here.stop[k])
        over = [datasets[n].name for n in np.flatnonzero((start < b) & (stop > a)).tolist()]
        reason = f"{', '.join(over)} reach over its edges" if over else "no run"
        empty[str(k) if names is None else names[k]] = (a, b, reason)
    return TimeBins(tuple(labels), here.start[used], here.stop[used], tuple(map(tuple, groups)), left_out, empty)


def bins_of_length(datasets: Sequence[Any], length: u.Quantity, begin: Time | None = None) -> TimeBins:
    """Intervals of one length that hold a dataset, from ``begin`` on (by default the first start).

    Raises
    ------
    InputError
        All datasets start before ``begin``, or none lies inside an interval.
    """
    start = dataset_spans(datasets)[0]
    step = float(length.to_value(u.s))
    first = start.min() if begin is None else float((begin - DEFAULT_REFERENCE).to_value(u.s))
    places = np.unique(np.floor((start - first + TOLERANCE) / step).astype(int))
    places = places[places >= 0]
    if not len(places):
        raise InputError(
            f"no dataset starts after {_utc(first)}, where the intervals of a length begin; the last one starts at "
            f"{_utc(start.max())}. Let them begin earlier."
        )
    low = first + step * places
    return bins_of_intervals(datasets, Gti(low, low + step), [str(k) for k in places.tolist()])


def merge_bins(bins: TimeBins, first: Sequence[int]) -> TimeBins:
    """Neighbors put together: ``first`` are the numbers at which a new interval begins."""
    edges = [*first, len(bins)]
    pairs = list(pairwise(edges))
    return TimeBins(
        names=tuple(bins.names[a] if b - a == 1 else f"{bins.names[a]}-{bins.names[b - 1]}" for a, b in pairs),
        start=np.array([bins.start[a] for a, _ in pairs]),
        stop=np.array([bins.stop[a:b].max() for a, b in pairs]),
        members=tuple(sum(bins.members[a:b], ()) for a, b in pairs),
        left_out=bins.left_out,
    )


def _from_groups(datasets: Sequence[Any], labels: Iterable[str]) -> TimeBins:
    """One interval for each label, from the first start to the last stop of its datasets."""
    start, stop = dataset_spans(datasets)
    groups: dict[str, list[int]] = {}
    for number, label in enumerate(labels):
        groups.setdefault(label, []).append(number)
    ordered = sorted(groups.items(), key=lambda item: start[item[1]].min())
    return TimeBins(
        names=tuple(label for label, _ in ordered),
        start=np.array([start[group].min() for _, group in ordered]),
        stop=np.array([stop[group].max() for _, group in ordered]),
        members=tuple(tuple(group) for _, group in ordered),
    )


def _run_name(dataset: Any) -> str:
    """Run number of a dataset; those of several runs, or without, keep their own name."""
    runs = dict.fromkeys(dataset.meta.get("OBS_ID", ()))
    return str(next(iter(runs))) if len(runs) == 1 else str(dataset.name)


def _telescope(dataset: Any) -> str:
    return "+".join(dict.fromkeys(str(name) for name in dataset.meta.get("TELESCOP", ()))).replace(" ", "_")


def _reason_outside(start: float, stop: float, low: Array, high: Array) -> str:
    touched = np.flatnonzero((low < stop) & (high > start))
    if not len(touched):
        return f"it reaches from {_utc(start)} to {_utc(stop)}, outside all intervals"
    return f"it reaches from {_utc(start)} to {_utc(stop)}, over the edge of interval {touched[0]}"


def _utc(seconds: float) -> str:
    return str((DEFAULT_REFERENCE + float(seconds) * u.s).utc.isot)


def _date(seconds: float) -> str:
    return _utc(seconds).partition("T")[0]
