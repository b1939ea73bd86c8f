"""Rotation or orbit of a source: from times to phases."""

from dataclasses import dataclass
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time
from numpy.typing import NDArray

from gammapy_hli.base.earth_rotation import bundled_earth_rotation
from gammapy_hli.base.errors import InputError
from gammapy_hli.base.leap_seconds import future_allowed

Array = NDArray[np.float64]

DAY = 86400.0


@dataclass(frozen=True, eq=False)
class Ephemeris:
    """Phase as a Taylor series of the time since an epoch: ``phase0 + f0 t + f1 t^2 / 2 + f2 t^3 / 6``.

    Time is counted in seconds of the scale of the epoch; those of UTC are SI seconds.

    Parameters
    ----------
    epoch : Time
        When the phase is ``phase0``.
    frequency : float [Hz]
        At the epoch.
    f1, f2 : float [Hz s-1, Hz s-2]
        Its derivatives there.
    start, stop : Time, optional
        Where the series holds; None: everywhere.
    phase0 : float
    position : SkyCoord, optional
        The source, to correct times to the barycenter of the solar system; None takes them as they are.

    Examples
    --------
    >>> crab = Ephemeris(Time(53000.0, format="mjd", scale="tt"), frequency=2.0)
    >>> crab.phase(Time([53000.0, 53000.0 + 0.125 / 86400], format="mjd", scale="tt")).round(3).tolist()
    [0.0, 0.25]
    """

    epoch: Time
    frequency: float
    f1: float = 0.0
    f2: float = 0.0
    start: Time | None = None
    stop: Time | None = None
    phase0: float = 0.0
    position: SkyCoord | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.frequency) and self.frequency > 0):
            raise ValueError(f"frequency of an ephemeris is {self.frequency} Hz; expected more than 0")
        with future_allowed():
            if self.start is not None and self.stop is not None and not self.start < self.stop:
                raise ValueError(
                    f"ephemeris is valid from {self.start.isot} to {self.stop.isot}; expected an increasing pair"
                )

    def phase(self, time: Time | Array, location: EarthLocation | None = None) -> Array:
        """Phases in [0, 1).

        Parameters
        ----------
        time : Time or array (n,)
            Of any scale; plain numbers are MJD in the scale of the epoch.
        location : EarthLocation, optional
            Of the telescopes, for the correction to the barycenter; None: the center of the Earth, up to 21 ms off.

        Returns
        -------
        array (n,)

        Raises
        ------
        InputError
            A time is outside start and stop.
        """
        phase = np.asarray(self.cycles(time, location) % 1.0)
        return np.where(phase >= 1.0, 0.0, phase)  # a hair before a full turn, rounded up

    def cycles(self, time: Time | Array, location: EarthLocation | None = None) -> Array:
        """Phases that are not wrapped: whole turns since the epoch count; arguments as in `phase`."""
        time = self._as_time(time)
        self.check_valid(time)
        if self.position is not None:
            time = barycentric(time, self.position, location)
        t = self.seconds(time)
        return np.asarray(self.phase0 + t * (self.frequency + t * (self.f1 / 2 + t * self.f2 / 6)), dtype=np.float64)

    def frequency_at(self, time: Time | Array) -> Array:
        """Frequency [Hz] at times, (n,)."""
        t = self.seconds(self._as_time(time))
        return np.asarray(self.frequency + t * (self.f1 + t * self.f2 / 2), dtype=np.float64)

    def seconds(self, time: Time) -> Array:
        """Seconds since the epoch in its scale, (n,)."""
        scale = "tt" if self.epoch.scale == "utc" else self.epoch.scale
        elapsed: Any = getattr(time, scale) - getattr(self.epoch, scale)
        return np.asarray(elapsed.to_value(u.s), dtype=np.float64)

    def check_valid(self, time: Time | Array) -> None:
        """InputError where a time is outside start and stop, with the time that is farthest outside."""
        time = self._as_time(time)
        if not time.size or (self.start is None and self.stop is None):
            return
        with future_allowed():
            if self.start is not None and time.min() < self.start:
                raise InputError(self._outside(time.min()))
            if self.stop is not None and time.max() > self.stop:
                raise InputError(self._outside(time.max()))

    def _outside(self, time: Time) -> str:
        bounds = [
            "any time" if each is None else f"{each.utc.isot} (MJD {each.tt.mjd:.5f} TT)"
            for each in (self.start, self.stop)
        ]
        return (
            f"time {time.utc.isot} (UTC, MJD {time.tt.mjd:.5f} TT) is outside the ephemeris, which is valid from "
            f"{bounds[0]} to {bounds[1]}. Take an ephemeris of that time, or leave these data out."
        )

    def _as_time(self, time: Time | Array) -> Time:
        return time if isinstance(time, Time) else Time(time, format="mjd", scale=self.epoch.scale)


def barycentric(time: Time, position: SkyCoord, location: EarthLocation | None = None) -> Time:
    """Times of arrival at the barycenter of the solar system, TDB.

    Light travel time to the barycenter along the direction of the source (astropy's built-in ephemeris of the Earth,
    good to some 10 us) and the conversion to TDB; the delay in the field of the Sun (at most 0.12 ms) is left out.

    Parameters
    ----------
    time : Time (n,)
        At the telescopes.
    position : SkyCoord
        One direction.
    location : EarthLocation, optional
        Of the telescopes; None: the center of the Earth, wrong by up to 21 ms.
    """
    place = EarthLocation.from_geocentric(0, 0, 0, unit=u.m) if location is None else location
    with bundled_earth_rotation():
        delay = time.light_travel_time(position.icrs, kind="barycentric", location=place, ephemeris="builtin")
    return time.tdb + delay
