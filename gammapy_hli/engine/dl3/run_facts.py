"""Facts of the runs of a store that a selection asks for: from the observation index, else from event headers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.time import Time

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.gti import gti_from_events_header
from gammapy_hli.engine.dl3.obs_index import ObsIndex
from gammapy_hli.engine.dl3.pointing import is_drift, read_deadtime_correction, read_pointing, read_zenith
from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.dl3.time_reference import DEFAULT_REFERENCE, seconds_between

_NUMBERS = ("ra_pnt", "dec_pnt", "offset", "zenith", "livetime", "start", "stop")


class RunFacts:
    """Columns of facts, nan where not (yet) known.

    Parameters
    ----------
    store
        The store.
    obs_ids
        Runs, one row each.

    Attributes
    ----------
    unreadable
        Row -> what is wrong, for event files that could not be read.
    """

    def __init__(self, store: DataStore, obs_ids: Sequence[int]):
        self.obs_ids = list(obs_ids)
        self.unreadable: dict[int, str] = {}
        self.telescopes = [""] * len(self.obs_ids)
        self._store = store
        self._columns = {name: np.full(len(self.obs_ids), np.nan) for name in _NUMBERS}
        self._read_rows: set[int] = set()
        if store.obs_index is not None:
            self._fill_from_index(store.obs_index)

    def column(self, name: str) -> np.ndarray:
        """Give a column: ra_pnt, dec_pnt, offset, zenith [deg], livetime, start, stop [s since `DEFAULT_REFERENCE`]."""
        return self._columns[name]

    def need(self, names: Iterable[str], rows: np.ndarray) -> None:
        """Read the event headers of those of `rows` (bool, shape (n,)) where one of the columns is not known."""
        unknown = np.any([np.isnan(self._columns[name]) for name in names], axis=0)
        for row in np.flatnonzero(unknown & rows).tolist():
            self._fill_from_header(row)

    def complete(self, rows: np.ndarray) -> None:
        """Make every fact known for the rows, as far as index and headers tell."""
        self.need(("ra_pnt", "dec_pnt", "zenith", "livetime", "start"), rows)
        for row in np.flatnonzero(rows).tolist():
            if not self.telescopes[row]:
                self._fill_from_header(row)

    def separation(self, position: SkyCoord) -> np.ndarray:
        """Give the angle between pointing and a position [deg], shape (n,); nan where the pointing is not known.

        Vincenty's formula, exact at all angles.
        """
        lon, lat = np.radians(self._columns["ra_pnt"]), np.radians(self._columns["dec_pnt"])
        there = position.icrs
        dlon, lat0 = lon - there.ra.rad, there.dec.rad
        across = np.hypot(
            np.cos(lat) * np.sin(dlon),
            np.cos(lat0) * np.sin(lat) - np.sin(lat0) * np.cos(lat) * np.cos(dlon),
        )
        along = np.sin(lat0) * np.sin(lat) + np.cos(lat0) * np.cos(lat) * np.cos(dlon)
        return np.degrees(np.arctan2(across, along))

    def measure_offset(self, target: SkyCoord) -> None:
        """Fill the column `offset` with the angles to the target."""
        self._columns["offset"] = self.separation(target)

    def clock(self, reference: Time) -> tuple[np.ndarray, np.ndarray]:
        """Give start and stop [s since `reference`], shape (n,) each."""
        shift = seconds_between(reference, DEFAULT_REFERENCE)
        return self._columns["start"] + shift, self._columns["stop"] + shift

    def tstart_texts(self) -> list[str]:
        """Give the starts of the runs in UTC to the millisecond, '' where not known."""
        start = self._columns["start"]
        texts = np.full(len(start), "", dtype=object)
        known = ~np.isnan(start)
        texts[known] = (DEFAULT_REFERENCE + start[known] * u.s).utc.isot
        return [str(text) for text in texts]

    def _fill_from_index(self, index: ObsIndex) -> None:
        where = {obs_id: row for row, obs_id in enumerate(index.obs_ids)}
        pairs = [(row, where[obs_id]) for row, obs_id in enumerate(self.obs_ids) if obs_id in where]
        rows, source = np.array(pairs, dtype=int).reshape(-1, 2).T
        found = {
            "ra_pnt": index.floats("RA_PNT", "deg"),
            "dec_pnt": index.floats("DEC_PNT", "deg"),
            "zenith": index.floats("ZEN_PNT", "deg"),
            "livetime": index.floats("LIVETIME", "s"),
        }
        altitude = index.floats("ALT_PNT", "deg")
        if found["zenith"] is None and altitude is not None:
            found["zenith"] = 90.0 - altitude
        for name, column in (("start", "TSTART"), ("stop", "TSTOP")):
            times = index.times(column)
            if times is not None:
                found[name] = times[0] + seconds_between(DEFAULT_REFERENCE, times[1])
        for name, values in found.items():
            if values is not None:
                self._columns[name][rows] = values[source]
        telescopes = index.texts("TELESCOP")
        for row, at in pairs if telescopes else ():
            self.telescopes[row] = telescopes[at]  # type: ignore[index]

    def _fill_from_header(self, row: int) -> None:
        """Fill what the index left open; a file that cannot be read is noted in `unreadable`."""
        if row in self._read_rows:
            return
        self._read_rows.add(row)
        obs_id = self.obs_ids[row]
        try:
            meta = self._store.header_facts(obs_id)
            facts = _facts_of(meta, f"obs {obs_id}, HDU EVENTS")
        except InputError as error:
            self.unreadable[row] = str(error)
            return
        for name, value in facts.items():
            if np.isnan(self._columns[name][row]):
                self._columns[name][row] = value
        self.telescopes[row] = self.telescopes[row] or str(meta.get("TELESCOP", "")).strip()


def _facts_of(meta: Mapping[str, Any], where: str) -> dict[str, float]:
    """Give the numbers that an EVENTS header tells; livetime is LIVETIME, else (TSTOP - TSTART) times DEADC."""
    gti = gti_from_events_header(meta, where) if "TSTART" in meta and "TSTOP" in meta else None
    facts = {"zenith": read_zenith(meta)}
    if gti is not None:
        there = gti.to_reference(DEFAULT_REFERENCE)
        facts |= {"start": float(there.start[0]), "stop": float(there.stop[0])}
    if "LIVETIME" in meta:
        facts["livetime"] = float(meta["LIVETIME"])
    elif gti is not None:
        facts["livetime"] = float(gti.ontime.value) * read_deadtime_correction(meta, where)
    if not is_drift(meta) or gti is not None:
        pointing = read_pointing(meta, where, gti.tmid if gti is not None else None)
        facts |= {"ra_pnt": float(pointing.ra.deg), "dec_pnt": float(pointing.dec.deg)}
    return facts
