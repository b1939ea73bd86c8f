"""Draw one run: gamma rays of all sources and background, merged, with arrival times."""

from collections.abc import Callable
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.geom.sphere import from_fov, icrs_radians, offset_by, separation
from gammapy_hli.engine.models.sky_model import SkyModel
from gammapy_hli.engine.simulate.background_events import BackgroundCells, draw_background, prepare_background
from gammapy_hli.engine.simulate.plan import RunSchedule, SimulationPlan
from gammapy_hli.engine.simulate.response_tables import ResponseSet
from gammapy_hli.engine.simulate.sky_cells import SkyCells, make_sky_cells
from gammapy_hli.engine.simulate.source_events import draw_gamma_rays, prepare_point_source

Array = NDArray[np.float64]

BACKGROUND_ID = -1
"""Source number of background events."""
OFFSET_STEP = 0.1
"""Parts of an extended source whose distances from the pointing differ by less than this [deg] share responses."""


@dataclass(frozen=True, eq=False)
class SimulatedRun:
    """Events of one run in order of time, with what is true of them.

    Attributes
    ----------
    schedule : RunSchedule
    time : array, shape (n,) [s since the reference of the plan]
    ra, dec : array, shape (n,) [deg]
    energy : array, shape (n,) [TeV]
        Reconstructed.
    source : array of int, shape (n,)
        Number of the source in the plan's models, -1 for background.
    energy_true : array, shape (n,) [TeV]
        nan for background.
    """

    schedule: RunSchedule
    time: Array
    ra: Array
    dec: Array
    energy: Array
    source: NDArray[np.int64]
    energy_true: Array

    def __len__(self) -> int:
        return len(self.time)

    @property
    def n_background(self) -> int:
        """Number of background events in the whole field of view."""
        return int((self.source == BACKGROUND_ID).sum())

    @property
    def n_signal(self) -> int:
        """Number of gamma rays of all sources."""
        return len(self) - self.n_background


@dataclass(frozen=True, eq=False)
class EventParts:
    """Events of one origin: direction [rad], reconstructed and true energy [TeV]."""

    lon: Array
    lat: Array
    energy: Array
    energy_true: Array


def simulate_run(
    plan: SimulationPlan, index: int, responses: ResponseSet, background: BackgroundCells | None = None
) -> SimulatedRun:
    """Draw run `index` (from 0) of a plan.

    Every origin of events has a random stream of its own, made from (seed, run, origin): adding a run or a source
    leaves all other events as they were.

    Parameters
    ----------
    plan : SimulationPlan
    index : int
    responses : ResponseSet
        The tables that are written with the run.
    background : BackgroundCells, optional
        `prepare_background(responses.background)`, to share it between runs.

    Returns
    -------
    SimulatedRun
    """
    schedule = plan.run(index)
    cells = background or prepare_background(responses.background)
    parts = [_background_part(_stream(plan, index, 0), cells, schedule)]
    for number, model in enumerate(plan.sources()):
        parts.append(_source_part(_stream(plan, index, 2 + number), model, responses, schedule))
    source = np.repeat(np.arange(len(parts)) - 1, [len(part.energy) for part in parts])
    times = _stream(plan, index, 1)
    # whole microseconds: the clock of the files keeps them exactly
    clock = schedule.start + np.floor(times.random(len(source)) * schedule.ontime * 1e6) / 1e6
    order = np.argsort(clock, kind="stable")
    merged = {
        name: np.concatenate([getattr(part, name) for part in parts])[order] for name in EventParts.__annotations__
    }
    return SimulatedRun(
        schedule=schedule,
        time=clock[order],
        ra=np.degrees(merged["lon"]),
        dec=np.degrees(merged["lat"]),
        energy=merged["energy"],
        source=source[order],
        energy_true=merged["energy_true"],
    )


def _stream(plan: SimulationPlan, index: int, origin: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(index, origin)))


def _background_part(rng: np.random.Generator, cells: BackgroundCells, schedule: RunSchedule) -> EventParts:
    drawn = draw_background(rng, cells, schedule.ontime)
    lon, lat = from_fov(drawn.fov_lon, drawn.fov_lat, *schedule.pointing)
    return EventParts(lon, lat, drawn.energy, np.full(len(drawn.energy), np.nan))


def _source_part(
    rng: np.random.Generator,
    model: SkyModel,
    responses: ResponseSet,
    schedule: RunSchedule,
) -> EventParts:
    def flux(energy: Array) -> Array:
        return model.spectral(energy * u.TeV).to_value("TeV-1 s-1 cm-2")

    assert model.spatial is not None  # the plan has put it somewhere
    if not model.spatial.is_point:
        return _extended_part(rng, make_sky_cells(model.spatial), flux, responses, schedule)
    position = icrs_radians(model.position)
    offset = float(np.degrees(separation(*position, *schedule.pointing)))
    drawn = draw_gamma_rays(rng, prepare_point_source(flux, responses, offset), schedule.livetime)
    lon, lat = offset_by(*position, drawn.angle, drawn.distance)
    return EventParts(lon, lat, drawn.energy, drawn.energy_true)


def _extended_part(
    rng: np.random.Generator,
    cells: SkyCells,
    flux: Callable[[Array], Array],
    responses: ResponseSet,
    schedule: RunSchedule,
) -> EventParts:
    """Cells that are equally far from the pointing share one set of responses."""
    offset = np.degrees(separation(cells.lon, cells.lat, *schedule.pointing))
    number = (offset / OFFSET_STEP).astype(np.intp)
    parts = []
    for group in np.unique(number):
        members = np.flatnonzero(number == group)
        cumulative = np.cumsum(cells.share[members])
        if not cumulative[-1] > 0:
            continue
        middle = float(np.average(offset[members], weights=cells.share[members]))
        # the share goes into the time: so many gamma rays of the whole source arrive in that part of it
        prepared = prepare_point_source(flux, responses, middle)
        drawn = draw_gamma_rays(rng, prepared, schedule.livetime * float(cumulative[-1]))
        chosen = np.searchsorted(cumulative, rng.random(len(drawn.energy)) * cumulative[-1], side="right")
        from_lon, from_lat = cells.place(rng, members[np.minimum(chosen, len(members) - 1)])
        lon, lat = offset_by(from_lon, from_lat, drawn.angle, drawn.distance)
        parts.append(EventParts(lon, lat, drawn.energy, drawn.energy_true))
    return EventParts(*(np.concatenate([getattr(p, name) for p in parts]) for name in EventParts.__annotations__))
