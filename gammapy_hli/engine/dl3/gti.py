"""Good time intervals: when a run was recording (NUMERICS.md B.1).

Times are float64 seconds since a reference `Time`; `Time` objects are made only when asked for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.time import Time

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.dl3.fits_file import FitsTable
from gammapy_hli.engine.dl3.time_reference import (
    DEFAULT_REFERENCE,
    read_reference,
    same_reference,
    seconds_between,
    time_unit,
)


@dataclass(frozen=True, eq=False, repr=False)
class Gti(Summary):
    """Good time intervals [start, stop).

    Attributes
    ----------
    start, stop
        Seconds since `reference`, float64, shape (n,).
    reference
        Zero of the clock.
    """

    start: np.ndarray
    stop: np.ndarray
    reference: Time = DEFAULT_REFERENCE

    def __post_init__(self) -> None:
        start = np.array(self.start, dtype=np.float64, ndmin=1)
        stop = np.array(self.stop, dtype=np.float64, ndmin=1)
        if start.shape != stop.shape or start.ndim != 1:
            raise ValueError(f"start and stop must be lists of one length, got shapes {start.shape} and {stop.shape}")
        if not (np.isfinite(start).all() and np.isfinite(stop).all()):
            raise ValueError("start and stop must be finite numbers of seconds")
        if (stop < start).any():
            row = int(np.argmax(stop < start))
            raise ValueError(f"interval {row} stops ({stop[row]} s) before it starts ({start[row]} s)")
        for name, values in (("start", start), ("stop", stop)):
            values.setflags(write=False)
            object.__setattr__(self, name, values)

    def __len__(self) -> int:
        return self.start.size

    @classmethod
    def from_times(cls, start: Time, stop: Time, reference: Time | None = None) -> Self:
        """Make intervals from `Time` objects, scalar or of shape (n,)."""
        zero = DEFAULT_REFERENCE if reference is None else reference
        return cls((start - zero).to_value(u.s), (stop - zero).to_value(u.s), zero)

    @classmethod
    def empty(cls, reference: Time = DEFAULT_REFERENCE) -> Self:
        """Give a list of no intervals."""
        return cls(np.empty(0), np.empty(0), reference)

    @property
    def ontime(self) -> u.Quantity:
        """Sum of the interval lengths [s]."""
        return np.sum(self.stop - self.start) * u.s

    @property
    def time_start(self) -> Time:
        """Starts as `Time`, shape (n,)."""
        return self.reference + self.start * u.s

    @property
    def time_stop(self) -> Time:
        """Stops as `Time`, shape (n,)."""
        return self.reference + self.stop * u.s

    @property
    def tstart(self) -> Time:
        """Start of the first interval."""
        self._check_not_empty()
        return self.reference + self.start.min() * u.s

    @property
    def tstop(self) -> Time:
        """Stop of the last interval (gammapy 2.1 takes the first row's, equal where there is one row)."""
        self._check_not_empty()
        return self.reference + self.stop.max() * u.s

    @property
    def tmid(self) -> Time:
        """Middle between `tstart` and `tstop`."""
        self._check_not_empty()
        return self.reference + 0.5 * (self.start.min() + self.stop.max()) * u.s

    def _check_not_empty(self) -> None:
        if not len(self):
            raise InputError("there is no good time interval, so there is no start, stop or middle of the run.")

    def to_reference(self, reference: Time) -> Self:
        """Give the same intervals on another clock."""
        if same_reference(reference, self.reference):
            return self
        shift = seconds_between(reference, self.reference)
        return type(self)(self.start + shift, self.stop + shift, reference)

    def intersect(self, other: "Gti") -> Self:
        """Give the times that are in both, on this clock; pieces of no length are left out."""
        theirs = other.to_reference(self.reference)
        start = np.maximum(self.start[:, np.newaxis], theirs.start[np.newaxis, :]).ravel()
        stop = np.minimum(self.stop[:, np.newaxis], theirs.stop[np.newaxis, :]).ravel()
        keep = start < stop
        return type(self)(start[keep], stop[keep], self.reference)

    @classmethod
    def union(cls, parts: Iterable["Gti"]) -> Self:
        """Give the times that are in any of the parts, sorted, overlapping and touching intervals merged.

        The clock is that of the first part.
        """
        parts = list(parts)
        if not parts:
            return cls.empty()
        reference = parts[0].reference
        moved = [part.to_reference(reference) for part in parts]
        start = np.concatenate([part.start for part in moved])
        stop = np.concatenate([part.stop for part in moved])
        if not start.size:
            return cls.empty(reference)
        order = np.lexsort((stop, start))
        start, reach = start[order], np.maximum.accumulate(stop[order])
        is_first = np.append(True, start[1:] > reach[:-1])
        last = np.append(np.flatnonzero(is_first)[1:] - 1, start.size - 1)
        return cls(start[is_first], reach[last], reference)

    @property
    def has_overlap(self) -> bool:
        """Whether any second is in more than one interval, to a microsecond."""
        order = np.argsort(self.start, kind="stable")
        start, stop = self.start[order], self.stop[order]
        return bool((start[1:] < np.maximum.accumulate(stop)[:-1] - 1e-6).any())

    def contains(self, time: np.ndarray) -> np.ndarray:
        """Tell which times [s since `reference`], shape (m,), lie in an interval: start <= time < stop."""
        merged = type(self).union([self])
        index = np.searchsorted(merged.start, time, side="right") - 1
        inside = index >= 0
        inside[inside] = time[inside] < merged.stop[index[inside]]
        return inside

    @property
    def clock_cards(self) -> dict[str, Any]:
        """Keywords of the clock: MJDREFI, MJDREFF, TIMESYS."""
        whole, fraction = _split_mjd(self.reference)
        return {"MJDREFI": whole, "MJDREFF": fraction, "TIMESYS": self.reference.scale.upper()}

    def to_hdu(self, name: str = "GTI") -> fits.BinTableHDU:
        """Give the GADF table HDU (START, STOP in s; MJDREFI, MJDREFF, TIMESYS)."""
        hdu = fits.BinTableHDU.from_columns(
            [
                fits.Column("START", "D", unit="s", array=self.start),
                fits.Column("STOP", "D", unit="s", array=self.stop),
            ],
            name=name,
        )
        whole, fraction = _split_mjd(self.reference)
        hdu.header.update(
            HDUCLASS="GADF",
            HDUDOC="https://github.com/open-gamma-ray-astro/gamma-astro-data-formats",
            HDUVERS="0.3",
            HDUCLAS1="GTI",
            MJDREFI=whole,
            TIMEUNIT="s",
            TIMESYS=self.reference.scale.upper(),
            TIMEREF="LOCAL",
        )
        # as a text card in free format: astropy cuts numbers to 20 characters
        hdu.header.append(fits.Card.fromstring(f"MJDREFF = {fraction!r:>20}"))
        return hdu

    @classmethod
    def from_hdu(cls, hdu: fits.BinTableHDU, path: Any = "GTI") -> Self:
        """Read the table that `to_hdu` writes; `path` is for messages. See `read_gti`."""
        return cls._from_table(FitsTable.from_hdu(hdu, path))

    @classmethod
    def _from_table(cls, table: FitsTable, fallback: Time | None = None) -> Self:
        header = table.header
        reference = read_reference(header, table.where, fallback)
        unit = time_unit(header, table.where)
        start, stop = (table.floats(column, "s", unit).reshape(-1) for column in ("START", "STOP"))
        try:
            return cls(start, stop, reference)
        except ValueError as error:
            raise InputError(f"{table.where}, columns START, STOP: {error}.") from None

    def summary(self) -> dict[str, Any]:
        """Give number of intervals, ontime, start and stop."""
        facts: dict[str, Any] = {"intervals": len(self), "ontime": f"{self.ontime.value:.1f} s"}
        if len(self):
            facts |= {"start": f"{self.tstart.isot} ({self.reference.scale})", "stop": self.tstop.isot}
        return facts


def _split_mjd(reference: Time) -> tuple[int, float]:
    """Split a reference into MJDREFI and MJDREFF such that `read_reference` gives the same two float64 back."""
    whole = int(np.floor((reference.jd1 - 2400000.5) + reference.jd2))
    fraction = (reference.jd1 - 2400000.5 - whole) + reference.jd2
    return whole, float(fraction)


def read_gti(table: FitsTable, fallback: Time | None = None) -> Gti:
    """Read a GADF GTI table.

    Parameters
    ----------
    table
        The HDU.
    fallback
        Reference where the header has none (that of the events).

    Raises
    ------
    InputError
        Where START, STOP or the reference are missing or make no sense.
    """
    return Gti._from_table(table, fallback)


def gti_from_events_header(header: Mapping[str, Any], where: str) -> Gti:
    """Make one interval from TSTART and TSTOP of the EVENTS header, for runs without a GTI table.

    Raises
    ------
    InputError
        Where the keywords are missing or make no sense.
    """
    unit = u.Unit(time_unit(header, where)).to(u.s)
    try:
        start, stop = float(header["TSTART"]) * unit, float(header["TSTOP"]) * unit
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{where}: no GTI table, and keywords TSTART, TSTOP are {header.get('TSTART')!r}, {header.get('TSTOP')!r};"
            " one or the other is needed to know when the run was recording."
        ) from None
    try:
        return Gti(np.array([start]), np.array([stop]), read_reference(header, where))
    except ValueError as error:
        raise InputError(f"{where}, keywords TSTART, TSTOP: {error}.") from None
