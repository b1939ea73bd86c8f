"""A simulated store of a source whose flux follows a known profile: gamma rays are thinned out by their time."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from gammapy_hli.engine.simulate.background_events import prepare_background
from gammapy_hli.engine.simulate.dl3_files import (
    DATA_FOLDER,
    HDU_INDEX,
    OBS_INDEX,
    extension_bytes,
    make_hdu_index,
    make_obs_index,
    write_fits,
    write_run,
)
from gammapy_hli.engine.simulate.observation import BACKGROUND_ID, SimulatedRun, simulate_run
from gammapy_hli.engine.simulate.plan import REFERENCE, SimulationPlan
from gammapy_hli.engine.simulate.response_tables import make_responses

Profile = Callable[[np.ndarray], np.ndarray]


class Flare:
    """A flux that doubles and halves: flat, an exponential rise, an exponential fall, flat.

    Parameters
    ----------
    base : float
        Flux outside of the flare, as a part of the peak.
    start, peak, stop : float [s]
        Since the start of the plan.
    """

    def __init__(self, base: float, start: float, peak: float, stop: float):
        self.base, self.start, self.peak, self.stop = base, start, peak, stop

    @property
    def doubling_time(self) -> float:
        """Of the rise [s]."""
        return float((self.peak - self.start) / np.log2(1 / self.base))

    @property
    def halving_time(self) -> float:
        """Of the fall [s]."""
        return float((self.stop - self.peak) / np.log2(1 / self.base))

    def __call__(self, time: np.ndarray) -> np.ndarray:
        """Part of the peak flux at times [s since the start of the plan]."""
        rise = self.base ** np.clip((self.peak - time) / (self.peak - self.start), 0, 1)
        fall = self.base ** np.clip((time - self.peak) / (self.stop - self.peak), 0, 1)
        return np.where(time < self.peak, rise, fall)

    def mean(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Mean over intervals, (n,)."""
        steps = (np.arange(400) + 0.5) / 400
        return self(low[:, np.newaxis] + steps * (high - low)[:, np.newaxis]).mean(axis=1)


def simulate_flare(folder: Path, plan: SimulationPlan, profile: Profile) -> None:
    """Write the store; the models of the plan are the source at its peak.

    Parameters
    ----------
    profile : callable
        Part of the peak flux (0 to 1) at times [s since the start of the plan].
    """
    (folder / DATA_FOLDER).mkdir(parents=True)
    responses = make_responses(plan)
    hdus = responses.to_hdus(plan)
    cells, appended = prepare_background(responses.background), extension_bytes(hdus)
    zero = (plan.start - REFERENCE).to_value("s")
    runs = []
    for index in range(plan.n_runs):
        run = simulate_run(plan, index, responses, cells)
        chance = np.random.default_rng([plan.seed, index, 77]).random(len(run))
        keep = (run.source == BACKGROUND_ID) | (chance < profile(run.time - zero))
        runs.append(write_run(folder, plan, _kept(run, keep), appended))
    write_fits(folder / OBS_INDEX, [make_obs_index(plan, runs)])
    write_fits(folder / HDU_INDEX, [make_hdu_index(runs, hdus)])


def _kept(run: SimulatedRun, keep: np.ndarray) -> SimulatedRun:
    columns = [field.name for field in fields(run) if field.name != "schedule"]
    return replace(run, **{name: getattr(run, name)[keep] for name in columns})
