"""One run: events, good time intervals, pointing, livetime and responses, each read when first asked for."""

import logging
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import astropy.units as u
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time

from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.dl3.events import EventList
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.pointing import (
    is_drift,
    read_deadtime_correction,
    read_location,
    read_pointing,
    read_zenith,
)
from gammapy_hli.engine.dl3.run_source import MemorySource, RunSource
from gammapy_hli.engine.irf.background import Background3D
from gammapy_hli.engine.irf.rad_max import RadMax

log = logging.getLogger(__name__)

#: CREATOR and HDUVERS of the H.E.S.S. DL3 DR1 files, which turn the sign of the field-of-view longitude.
REVERSED_WRITER = ("SASH FITS::EventListWriter", "0.2")


class Observation(Summary):
    """One run, or a part of it.

    Made by `DataStore.observation` or `Observation.in_memory`. Pickles as paths and cuts, not as arrays.

    Parameters
    ----------
    obs_id
        Run number.
    source
        Where the parts come from.
    name
        Name of datasets made from it; None: the run number.
    intervals
        Times to keep; None: all.
    energy_range
        Reconstructed energies to keep [TeV], (minimum or None, maximum or None).
    """

    def __init__(
        self,
        obs_id: int,
        source: RunSource,
        name: str | None = None,
        intervals: Gti | None = None,
        energy_range: tuple[float | None, float | None] = (None, None),
    ):
        self.obs_id = int(obs_id)
        self.source = source
        self.name = str(obs_id) if name is None else name
        self.intervals = intervals
        self.energy_range = energy_range

    @classmethod
    def in_memory(cls, obs_id: int, events: EventList, gti: Gti, name: str | None = None, **irfs: Any) -> "Observation":
        """Make an observation from parts; responses by kind: `aeff=..., edisp=..., psf=..., bkg=..., rad_max=...`."""
        return cls(obs_id, MemorySource(events, gti, irfs), name)

    def __getstate__(self) -> dict[str, Any]:
        return {key: self.__dict__[key] for key in ("obs_id", "source", "name", "intervals", "energy_range")}

    @property
    def kinds(self) -> tuple[str, ...]:
        """Types of HDU that the run has (`events`, `gti`, `aeff`, ...), known without opening a file."""
        return self.source.kinds

    @property
    def meta(self) -> Mapping[str, Any]:
        """Header facts of the events (`events.META_KEYWORDS`)."""
        return self.source.meta()

    @cached_property
    def events(self) -> EventList:
        """Events inside the cuts of `select_time` and `select_energy`; without these all, outside the GTI too."""
        events = self.source.events()
        if self.intervals is not None:
            events = events.select_time(self.intervals)
        low, high = self.energy_range
        if low is not None or high is not None:
            bounds = [None if value is None else value * u.TeV for value in (low, high)]
            events = events.select_energy(*bounds)
        return events

    @cached_property
    def gti(self) -> Gti:
        """Good time intervals, cut by `select_time`; where those of the file overlap their union, with a warning."""
        gti = self.source.gti()
        if gti.has_overlap:
            told, gti = gti.ontime, Gti.union([gti])
            log.warning(
                "%s: good time intervals overlap: %.1f s in sum, but %.1f s of time; each second counts once",
                self.source.where, told.value, gti.ontime.value,
            )  # fmt: skip
        return gti if self.intervals is None else gti.intersect(self.intervals)

    @property
    def tstart(self) -> Time:
        """Start of the first good time interval."""
        return self.gti.tstart

    @property
    def tstop(self) -> Time:
        """Stop of the last good time interval."""
        return self.gti.tstop

    @property
    def tmid(self) -> Time:
        """Middle between start and stop."""
        return self.gti.tmid

    @property
    def ontime(self) -> u.Quantity:
        """Sum of the good time intervals [s]."""
        return self.gti.ontime

    @cached_property
    def deadtime_fraction(self) -> float:
        """1 - DEADC."""
        return 1.0 - read_deadtime_correction(self.meta, self.source.where)

    @cached_property
    def livetime(self) -> u.Quantity:
        """Ontime times DEADC [s]."""
        return self.gti.ontime * read_deadtime_correction(self.meta, self.source.where)

    @cached_property
    def pointing(self) -> SkyCoord:
        """Pointing position (icrs); of a drift run that at the middle of its time."""
        time = self.gti.tmid if is_drift(self.meta) else None
        return read_pointing(self.meta, self.source.where, time)

    @property
    def is_drift(self) -> bool:
        """Whether altitude and azimuth were fixed, not the sky position."""
        return is_drift(self.meta)

    @property
    def zenith(self) -> u.Quantity:
        """Zenith angle [deg] of the header; nan where it has none."""
        return read_zenith(self.meta) * u.deg

    @property
    def location(self) -> EarthLocation:
        """Place of the telescopes; InputError where the header has none."""
        return read_location(self.meta, self.source.where)

    @property
    def telescope(self) -> str:
        """TELESCOP, '' where the header has none."""
        return str(self.meta.get("TELESCOP", "")).strip()

    @property
    def instrument(self) -> str:
        """INSTRUME, '' where the header has none."""
        return str(self.meta.get("INSTRUME", "")).strip()

    @property
    def aeff(self) -> Any:
        """Effective area, None where the run has none."""
        return self.source.irf("aeff")

    @property
    def edisp(self) -> Any:
        """Energy dispersion, None where the run has none."""
        return self.source.irf("edisp")

    @property
    def psf(self) -> Any:
        """Point spread function, None where the run has none."""
        return self.source.irf("psf")

    @cached_property
    def bkg(self) -> Any:
        """Background rate, None where the run has none; aligned as its writer meant it (NUMERICS.md A.1)."""
        bkg = self.source.irf("bkg")
        writer = (self.meta.get("CREATOR"), str(self.meta.get("HDUVERS")))
        if writer == REVERSED_WRITER and isinstance(bkg, Background3D):
            return bkg.aligned("REVERSE_LON_RADEC")
        return bkg

    @cached_property
    def rad_max(self) -> Any:
        """Directional cut of point-like responses, from its table or the keyword RAD_MAX of aeff, else of edisp."""
        table = self.source.irf("rad_max")
        keyword = (RadMax.from_keyword(irf) for irf in (self.aeff, self.edisp) if irf is not None)
        return table if table is not None else next((found for found in keyword if found is not None), None)

    def select_time(self, intervals: Gti, name: str | None = None) -> "Observation":
        """Give the part of the run inside the intervals: GTIs are intersected, events kept where start <= time < stop.

        Files that are open stay shared with the whole run. The result may be empty (ontime 0).

        Parameters
        ----------
        intervals
            Times to keep, on any clock.
        name
            Name of the part, such as '23523_1'; None: that of the run.
        """
        both = intervals if self.intervals is None else self.intervals.intersect(intervals)
        return Observation(self.obs_id, self.source, name or self.name, both, self.energy_range)

    def select_energy(self, minimum: u.Quantity | None = None, maximum: u.Quantity | None = None) -> "Observation":
        """Give the run with events of minimum <= energy < maximum only (GTIs and responses as they are)."""
        low, high = self.energy_range
        if minimum is not None:
            low = max(minimum.to_value(u.TeV), -float("inf") if low is None else low)
        if maximum is not None:
            high = min(maximum.to_value(u.TeV), float("inf") if high is None else high)
        return Observation(self.obs_id, self.source, self.name, self.intervals, (low, high))

    def release(self) -> None:
        """Forget all arrays that can be read again, so that a list of many runs stays small."""
        self.source.release()
        for name in ("events", "gti", "livetime", "pointing", "deadtime_fraction", "bkg", "rad_max"):
            self.__dict__.pop(name, None)

    def summary(self) -> dict[str, Any]:
        """Give name, telescope, pointing, times and what the run has."""
        return {
            "name": self.name,
            "telescope": self.telescope,
            "pointing": f"{self.pointing.ra.deg:.4f} deg, {self.pointing.dec.deg:.4f} deg (icrs)",
            "zenith": f"{self.zenith.value:.1f} deg",
            "livetime": f"{self.livetime.value:.1f} s",
            "events": len(self.events),
            "has": ", ".join(self.kinds),
        }
