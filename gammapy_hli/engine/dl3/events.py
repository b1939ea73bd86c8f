"""Event lists: one array a column, straight from the FITS table (GADF `EVENTS`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.time import Time

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.dl3.fits_file import FitsTable
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.time_reference import read_reference, seconds_between, time_unit

#: Header facts that analysis, reports and the next file want to know; others are not parsed.
META_KEYWORDS = (
    "OBS_ID", "TELESCOP", "INSTRUME", "ORIGIN", "CREATOR", "HDUVERS", "EV_CLASS", "OBJECT", "RA_OBJ", "DEC_OBJ",
    "OBS_MODE", "RA_PNT", "DEC_PNT", "ALT_PNT", "AZ_PNT", "ZEN_PNT", "ONTIME", "LIVETIME", "DEADC", "TSTART", "TSTOP",
    "MJDREFI", "MJDREFF", "MJDREF", "TIMESYS", "TIMEUNIT", "DATE-OBS", "N_TELS", "TELLIST", "GEOLON", "GEOLAT",
    "ALTITUDE", "MUONEFF", "EUNIT", "FOVALIGN",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class EventList(Summary):
    """Events of one run.

    Attributes
    ----------
    time
        Seconds since `reference`, float64, shape (n,); not necessarily in order.
    ra, dec
        ICRS direction [deg], float64, shape (n,); 0 <= ra < 360.
    energy
        Reconstructed energy [TeV], float64, shape (n,).
    event_id
        int64, shape (n,); some files repeat numbers.
    reference
        Zero of the clock.
    meta
        Header keywords of `META_KEYWORDS` that the file has.
    extra
        The other columns, as they stand in the file (its units, its byte order), by upper-case name.
    """

    time: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    energy: np.ndarray
    event_id: np.ndarray
    reference: Time
    meta: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.time.size

    @property
    def radec(self) -> SkyCoord:
        """Directions as SkyCoord (icrs), shape (n,)."""
        return SkyCoord(self.ra, self.dec, unit="deg", frame="icrs")

    @property
    def times(self) -> Time:
        """Arrival times as `Time`, shape (n,)."""
        return self.reference + self.time * u.s

    def select(self, keep: np.ndarray | slice) -> "EventList":
        """Give the events where `keep` (bool, shape (n,), or indices, or a slice) says so."""
        return replace(
            self,
            time=self.time[keep],
            ra=self.ra[keep],
            dec=self.dec[keep],
            energy=self.energy[keep],
            event_id=self.event_id[keep],
            extra={name: values[keep] for name, values in self.extra.items()},
        )

    def select_time(self, intervals: Gti) -> "EventList":
        """Give the events with start <= time < stop of any interval."""
        clock = self.time + seconds_between(intervals.reference, self.reference)
        return self.select(intervals.contains(clock))

    def select_energy(self, minimum: u.Quantity | None = None, maximum: u.Quantity | None = None) -> "EventList":
        """Give the events with minimum <= energy < maximum."""
        keep = np.ones(len(self), dtype=bool)
        if minimum is not None:
            keep &= self.energy >= minimum.to_value(u.TeV)
        if maximum is not None:
            keep &= self.energy < maximum.to_value(u.TeV)
        return self.select(keep)

    def summary(self) -> dict[str, Any]:
        """Give number of events, run, telescope and energy range."""
        facts: dict[str, Any] = {"events": len(self)}
        facts |= {key: self.meta[key] for key in ("OBS_ID", "TELESCOP", "OBJECT") if key in self.meta}
        if len(self):
            facts["energy"] = f"{np.nanmin(self.energy):.3g} to {np.nanmax(self.energy):.3g} TeV"
        return facts


def read_meta(header: Mapping[str, Any]) -> dict[str, Any]:
    """Give the keywords of `META_KEYWORDS` that an EVENTS header has; blank and undefined values are left out."""
    facts = {key: header[key] for key in META_KEYWORDS if key in header}
    return {
        key: value
        for key, value in facts.items()
        if isinstance(value, bool | int | float) or (isinstance(value, str) and value.strip())
    }


def _wrap(degrees: np.ndarray) -> np.ndarray:
    """Bring angles into [0, 360); those that are stay as they are, bit by bit."""
    is_outside = (degrees < 0.0) | (degrees >= 360.0)
    degrees[is_outside] %= 360.0
    return degrees


def read_events(table: FitsTable) -> EventList:
    """Read a GADF EVENTS table.

    Columns without a unit are taken as deg, TeV (or the keyword EUNIT) and s (or the keyword TIMEUNIT). An empty
    table is an empty event list. A missing EVENT_ID is replaced by the row number.

    Raises
    ------
    InputError
        Where TIME, RA, DEC or ENERGY is missing or has a wrong unit, or the reference time is missing.
    """
    header = table.header
    meta = read_meta(header)
    used = {"TIME", "RA", "DEC", "ENERGY", "EVENT_ID"}
    columns = {
        "time": table.floats("TIME", "s", time_unit(header, table.where)),
        "ra": _wrap(table.floats("RA", "deg")),
        "dec": table.floats("DEC", "deg"),
        "energy": table.floats("ENERGY", "TeV", str(meta.get("EUNIT", "TeV"))),
    }
    for name, values in columns.items():
        if values.ndim != 1:
            raise InputError(
                f"{table.where}, column {name.upper()}: expected one number a row, got {values.shape[1:]} numbers."
            )
    if table.has("EVENT_ID"):
        event_id = table.raw("EVENT_ID").astype(np.int64)
    else:
        event_id = np.arange(table.n_rows, dtype=np.int64)
    extra = {name.upper(): table.raw(name) for name in table.column_names if name.upper() not in used}
    return EventList(
        **columns, event_id=event_id, reference=read_reference(header, table.where), meta=meta, extra=extra
    )
