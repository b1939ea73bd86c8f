"""What to simulate: one frozen plan, and the schedule of each run that follows from it.

Nothing is drawn here. `observation.py` draws one run, `store.py` writes them all.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.time import Time

from gammapy_hli.base.errors import InputError
from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.geom.sphere import icrs_radians, offset_by
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.simulate.array_response import ArrayResponse

REFERENCE = Time(51544.0, 0.5, format="mjd", scale="tt")
"""Zero of the clock of simulated files: J2000, MJDREFI 51544, MJDREFF 0.5, TT."""

_TIMES = {"livetime": u.s, "gap": u.s}
_ANGLES = {"offset": u.deg, "zenith": u.deg, "rad_max": u.deg}


def _crab() -> SkyCoord:
    return SkyCoord(83.633, 22.0145, unit="deg", frame="icrs")


@dataclass(frozen=True, eq=False, repr=False)
class SimulationPlan(Summary):
    """A set of wobble runs on one target with a simulated array of Cherenkov telescopes.

    Parameters
    ----------
    models : Models
        The sources, points and extended ones. One without a spatial model is a point at the target.
    target : SkyCoord
        Center of the wobble pattern.
    target_name : str
        OBJECT of the files.
    n_runs : int
        Number of runs, one after the other.
    livetime : Quantity [s]
        Time per run without dead time; the run lasts livetime / (1 - deadtime_fraction).
    deadtime_fraction : float
        1 - DEADC.
    offset : Quantity [deg]
        Angle between target and pointing.
    position_angles : tuple of Quantity [deg]
        Directions of the pointings as seen from the target, from north through east, taken in turn.
    zenith : Quantity [deg]
        Zenith angle of all runs; sets the energy threshold. It is not worked out from time and place.
    background_factor : float
        Multiplies the background that is drawn *and* the background table that is written.
    background_kind : "3d" or "2d"
        Form of the background table.
    enclosure : "full" or "point-like"
        Point-like: the area counts events within `rad_max` only (keyword RAD_MAX), and no PSF table is written.
    rad_max : Quantity [deg]
        Radius of the point-like cut.
    seed : int
        Everything random follows from it. Run i does not depend on the number of runs.
    first_obs_id : int
        Number of the first run; the others follow.
    start : Time
        Start of the first run.
    gap : Quantity [s]
        Pause between runs.
    telescope, instrument : str
        TELESCOP and INSTRUME of the files.
    response : ArrayResponse, optional
        The curves; by default those of the built-in array at `zenith`.
    """

    models: Models
    target: SkyCoord = field(default_factory=_crab)
    target_name: str = "Crab"
    n_runs: int = 4
    livetime: u.Quantity = 28 * u.min
    deadtime_fraction: float = 0.07
    offset: u.Quantity = 0.5 * u.deg
    position_angles: tuple[u.Quantity, ...] = (0 * u.deg, 180 * u.deg, 90 * u.deg, 270 * u.deg)
    zenith: u.Quantity = 20 * u.deg
    background_factor: float = 1.0
    background_kind: Literal["3d", "2d"] = "3d"
    enclosure: Literal["full", "point-like"] = "full"
    rad_max: u.Quantity = 0.11 * u.deg
    seed: int = 0
    first_obs_id: int = 1
    start: Time = field(default_factory=lambda: Time("2024-01-10T21:00:00", scale="utc"))
    gap: u.Quantity = 2 * u.min
    telescope: str = "SIM-IACT"
    instrument: str = "simulated array"
    response: ArrayResponse | None = None

    def __post_init__(self) -> None:
        for name, unit in {**_TIMES, **_ANGLES}.items():
            value = u.Quantity(getattr(self, name))
            if not value.unit.is_equivalent(unit):
                raise InputError(f"simulation.{name}: got {value}, expected a value in {unit}.")
            object.__setattr__(self, name, value.to(unit))
        object.__setattr__(self, "position_angles", tuple(u.Quantity(a).to(u.deg) for a in self.position_angles))
        self._check_range("n_runs", self.n_runs, self.n_runs >= 1, "1 or more")
        self._check_range("livetime", self.livetime, self.livetime.value > 0, "more than 0 s")
        self._check_range("gap", self.gap, self.gap.value >= 0, "0 s or more")
        self._check_range(
            "deadtime_fraction", self.deadtime_fraction, 0 <= self.deadtime_fraction < 1, "0 or more and less than 1"
        )
        self._check_range("offset", self.offset, 0 <= self.offset.value <= 2.5, "0 to 2.5 deg (field of view)")
        self._check_range("zenith", self.zenith, 0 <= self.zenith.value <= 70, "0 to 70 deg")
        self._check_range("rad_max", self.rad_max, 0 < self.rad_max.value <= 1, "more than 0 and at most 1 deg")
        self._check_range("background_factor", self.background_factor, self.background_factor > 0, "more than 0")
        self._check_range("seed", self.seed, self.seed >= 0, "0 or more")
        self._check_range("first_obs_id", self.first_obs_id, self.first_obs_id >= 0, "0 or more")
        self._check_range("position_angles", "none", len(self.position_angles) > 0, "at least one")
        self._check_choice("background_kind", ("3d", "2d"))
        self._check_choice("enclosure", ("full", "point-like"))

    @property
    def ontime(self) -> u.Quantity:
        """Length of a run [s], dead time included."""
        return self.livetime / (1.0 - self.deadtime_fraction)

    @property
    def array_response(self) -> ArrayResponse:
        """The curves of the array."""
        return self.response or ArrayResponse(zenith=self.zenith.value)

    @property
    def obs_ids(self) -> tuple[int, ...]:
        """Run numbers."""
        return tuple(self.first_obs_id + i for i in range(self.n_runs))

    def sources(self) -> tuple[SkyModel, ...]:
        """Copies of the sources as they are drawn: those without a position are put at the target.

        Raises
        ------
        InputError
            A source fills the sky.
        """
        sources = tuple(model for model in self.models.copy() if isinstance(model, SkyModel))
        target = self.target.icrs
        for source in sources:
            if source.spatial is None:
                source.spatial = SpatialModel("point", lon_0=float(target.ra.deg), lat_0=float(target.dec.deg))
            elif source.spatial.is_everywhere:
                raise InputError(
                    f"source {source.name!r}: got spatial model {source.spatial.tag}, which fills the sky; expected "
                    "what what ends: points, shapes such as GaussianSpatialModel, and templates."
                )
        return sources

    def run(self, index: int) -> "RunSchedule":
        """Schedule of run `index` (from 0): number, pointing and times. Independent of `n_runs`."""
        angle = self.position_angles[index % len(self.position_angles)]
        lon, lat = offset_by(*icrs_radians(self.target), angle.to_value(u.rad), self.offset.to_value(u.rad))
        # whole seconds, so that start and stop are exact in float64 and runs do not overlap
        step = np.ceil((self.ontime + self.gap).value)
        start = np.rint((self.start - REFERENCE).to_value(u.s)) + index * step
        return RunSchedule(
            index=index,
            obs_id=self.first_obs_id + index,
            pointing=(float(lon), float(lat)),
            start=float(start),
            stop=float(start + self.ontime.value),
            livetime=float(self.livetime.value),
        )

    def summary(self) -> dict[str, Any]:
        """Target, runs, sources and seed."""
        return {
            "target": f"{self.target_name} at {self.target.icrs.to_string('decimal', precision=4)} deg",
            "runs": f"{self.n_runs} of {self.livetime.to_value(u.min):.4g} min, numbers from {self.first_obs_id}",
            "offset": f"{self.offset:.3g}",
            "zenith": f"{self.zenith:.3g}",
            "sources": ", ".join(self.models.names) or "none",
            "background": f"{self.background_kind}, times {self.background_factor:.4g}",
            "seed": self.seed,
        }

    def _check_range(self, name: str, value: Any, is_good: bool, expected: str) -> None:
        if not is_good:
            raise InputError(f"simulation.{name}: got {value}, expected {expected}.")

    def _check_choice(self, name: str, choices: tuple[str, ...]) -> None:
        if getattr(self, name) not in choices:
            raise InputError(f"simulation.{name}: got {getattr(self, name)!r}, expected one of {', '.join(choices)}.")


@dataclass(frozen=True)
class RunSchedule:
    """One run: its number, pointing (ra, dec) [rad], start and stop [s since REFERENCE] and livetime [s]."""

    index: int
    obs_id: int
    pointing: tuple[float, float]
    start: float
    stop: float
    livetime: float

    @property
    def ontime(self) -> float:
        """Length of the run [s]."""
        return self.stop - self.start
