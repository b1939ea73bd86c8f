"""Intervals of time that are asked for: of one length, between edges, or each with its start and stop."""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.time import Time

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.time_reference import DEFAULT_REFERENCE, seconds_between

MOST_INTERVALS = 100_000
"""More than these are taken for a mistake."""
OVERLAP_TOLERANCE = 1e-6
"""Of times [s]."""


@dataclass(frozen=True, eq=False)
class TimeGrid:
    """Intervals that follow each other: of one length, or between given edges.

    Parameters
    ----------
    length : Quantity, optional
        Length of each interval; else ``edges`` are given.
    start : Time, optional
        Start of the first interval; None: that of the first run.
    number : int, optional
        Number of intervals; None: as many as reach the end of the last run.
    edges : Time, shape (n + 1,), optional
        Increasing.
    ranges : pair of Time, shape (n,) each, optional
        Starts and stops of intervals that do not overlap, in any order.
    """

    length: u.Quantity | None = None
    start: Time | None = None
    number: int | None = None
    edges: Time | None = None
    ranges: tuple[Time, Time] | None = None

    @property
    def is_asked(self) -> bool:
        """Whether every interval was asked for, so that one without data is worth a word."""
        return self.edges is not None or self.ranges is not None or self.number is not None

    def intervals(self, runs: Gti | None = None) -> Gti:
        """The intervals on the clock of `DEFAULT_REFERENCE`.

        Parameters
        ----------
        runs : Gti, optional
            One interval a run; needed for a length.

        Raises
        ------
        InputError
            Edges do not increase, ranges overlap, or there would be more than `MOST_INTERVALS`.
        """
        if self.edges is not None:
            edges = np.asarray((self.edges - DEFAULT_REFERENCE).to_value(u.s), dtype=float)
            if edges.size < 2 or not (np.diff(edges) > 0).all():
                late = int(np.argmin(np.diff(edges))) if edges.size > 1 else 0
                raise InputError(
                    f"edges of intervals must increase; got {edges.size} edges, where number {late + 1} is "
                    f"{self.edges[late].utc.isot} and the next is not later"
                )
            return Gti(edges[:-1], edges[1:])
        if self.ranges is not None:
            return disjoint(*self.ranges)
        if self.length is None or runs is None:
            raise InputError("intervals need a length, edges or ranges")
        runs = runs.to_reference(DEFAULT_REFERENCE)
        step = float(self.length.to_value(u.s))
        first = runs.start.min() if self.start is None else seconds_between(DEFAULT_REFERENCE, self.start)
        number = self.number
        if number is None:
            number = max(int(np.ceil((runs.stop.max() - first) / step - 1e-9)), 0)
        if number > MOST_INTERVALS:
            raise InputError(f"{number} intervals of {self.length} would be needed; give their number or a longer one")
        start = first + step * np.arange(number)
        return Gti(start, start + step)


def disjoint(start: Time, stop: Time) -> Gti:
    """Intervals in order of time on the clock of `DEFAULT_REFERENCE`; InputError where one is empty or two overlap."""
    first, last = (np.asarray((each - DEFAULT_REFERENCE).to_value(u.s), dtype=float) for each in (start, stop))
    empty = np.flatnonzero(last <= first)
    if len(empty):
        k = int(empty[0])
        raise InputError(
            f"interval {k} ends at {stop[k].utc.isot}, not later than it begins, {start[k].utc.isot} (UTC)"
        )
    order = np.argsort(first, kind="stable")
    found = Gti(first[order], last[order])
    check_no_overlap(found)
    return found


def check_no_overlap(intervals: Gti) -> None:
    """InputError where intervals overlap by more than a microsecond, with the two that do."""
    order = np.argsort(intervals.start, kind="stable")
    start, stop = intervals.start[order], intervals.stop[order]
    late = np.flatnonzero(start[1:] < stop[:-1] - OVERLAP_TOLERANCE)
    if len(late):
        k = int(late[0])
        ends, begins = ((intervals.reference + seconds * u.s).utc.isot for seconds in (stop[k], start[k + 1]))
        raise InputError(
            f"intervals overlap: number {order[k]} ends at {ends}, number {order[k + 1]} begins at {begins} (UTC). "
            "A light curve needs intervals that do not."
        )
