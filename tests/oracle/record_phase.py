"""Record what gammapy 2.1 makes of phases, step by step. Run it where gammapy is.

GAMMAPY_DATA=... python tests/oracle/record_phase.py

phase.json: on and off counts, acceptances and statistic of two H.E.S.S. runs whose events are given phases by formula,
a third of those near the Crab pulsar's place pulsed; a circle, and for MAGIC a point with RAD_MAX.
"""

import json
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.data import DataStore
from gammapy.datasets import SpectrumDataset
from gammapy.makers import PhaseBackgroundMaker, SpectrumDatasetMaker
from gammapy.maps import MapAxis, RegionGeom
from gammapy.modeling.models import PowerLawSpectralModel, SkyModel
from regions import CircleSkyRegion, PointSkyRegion

POSITION = SkyCoord(83.63, 22.01, unit="deg")
ON, OFF = [(0.9, 0.1), (0.3, 0.4)], [(0.45, 0.88)]
CASES = {
    "hess": ("hess-dl3-dr1", (23523, 23526), "all-optional", CircleSkyRegion(POSITION, 0.11 * u.deg)),
    "magic": ("magic/rad_max/data", (5029747,), "point-like", PointSkyRegion(POSITION)),
}


def phases(event_id):
    """Phases by formula: even, and every third event inside a pulse of width 0.05."""
    even = (event_id % 100003) * 0.6180339887498949 % 1.0
    return np.where(event_id % 3 == 0, 0.33 + 0.05 * even, even)


def record(observation, region) -> dict:
    """All numbers of one run."""
    events = observation.events
    observation._events = events  # else they are read anew each time
    events.table["PHASE"] = phases(np.asarray(events.table["EVENT_ID"], dtype=np.int64))
    energy = MapAxis.from_energy_bounds(0.1, 40, 5, per_decade=True, unit="TeV", name="energy")
    true = MapAxis.from_energy_bounds(0.05, 100, 10, per_decade=True, unit="TeV", name="energy_true")
    dataset = SpectrumDataset.create(RegionGeom.create(region, axes=[energy]), energy_axis_true=true, name="run")
    dataset = SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"]).run(dataset, observation)
    dataset = PhaseBackgroundMaker(on_phase=list(ON), off_phase=list(OFF)).run(dataset, observation)
    model = PowerLawSpectralModel(amplitude="3e-12 cm-2 s-1 TeV-1", index=2.5)
    dataset.models = [SkyModel(model, name="pulsar")]
    return {
        "counts": dataset.counts.data.ravel().tolist(),
        "counts_off": dataset.counts_off.data.ravel().tolist(),
        "acceptance": dataset.acceptance.data.ravel().tolist(),
        "acceptance_off": dataset.acceptance_off.data.ravel().tolist(),
        "npred": dataset.npred_signal().data.ravel().tolist(),
        "stat": dataset.stat_array().ravel().tolist(),
    }


if __name__ == "__main__":
    numbers = {}
    for name, (folder, runs, irfs, region) in CASES.items():
        store = DataStore.from_dir(f"$GAMMAPY_DATA/{folder}")
        for observation in store.get_observations(runs, required_irf=irfs):
            numbers[f"{name} {observation.obs_id}"] = record(observation, region)
    Path(__file__).with_name("phase.json").write_text(json.dumps(numbers) + "\n")
