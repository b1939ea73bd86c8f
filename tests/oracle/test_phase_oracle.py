"""Phase background against gammapy 2.1, step by step: numbers that record_phase.py wrote down.

In bins without off counts gammapy loses the acceptance: its spectrum takes it from background over off counts, 0 / 0.
There the widths of the phases are known all the same, so that only bins with off counts are compared.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.region import parse_region
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.reduce.phase import PhaseBackground
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan
from gammapy_hli.engine.reduce.spectrum import SpectrumPlan, reduce_observation

STEPS = json.loads(Path(__file__).with_name("phase.json").read_text())
STORES = {"hess": "hess-dl3-dr1", "magic": "magic/rad_max/data"}
REGIONS = {"hess": "icrs;circle(83.63,22.01,0.11)", "magic": {"point": {"center": "83.63 deg, 22.01 deg"}}}


def phases(event_id):
    """As in record_phase.py."""
    even = (event_id % 100003) * 0.6180339887498949 % 1.0
    return np.where(event_id % 3 == 0, 0.33 + 0.05 * even, even)


@pytest.mark.parametrize("case", STEPS)
def test_counts_acceptances_and_statistic_are_those_of_gammapy(case, gammapy_data):
    kind, run = case.split()
    if not (gammapy_data / STORES[kind]).is_dir():
        pytest.skip(f"{STORES[kind]} is not in this copy of the data")
    observation = DataStore.open(gammapy_data / STORES[kind]).observation(int(run))
    events = observation.events
    observation.events = replace(events, extra={**events.extra, "PHASE": phases(events.event_id)})
    plan = SpectrumPlan(
        on_region=parse_region(REGIONS[kind]),
        energy=Axis.from_energy_bounds("0.1 TeV", "40 TeV", per_decade=5),
        energy_true=Axis.from_energy_bounds("0.05 TeV", "100 TeV", per_decade=10, name="energy_true"),
        background=PhaseBackground(on=((0.9, 0.1), (0.3, 0.4)), off=((0.45, 0.88),)),
        safe_mask=SafeMaskPlan(methods=()),
    )
    dataset, step = reduce_observation(observation, plan), STEPS[case]
    for name in ("counts", "counts_off"):
        np.testing.assert_array_equal(getattr(dataset, name), step[name])
    seen = dataset.counts_off > 0
    assert seen.sum() > 4
    for name, width in (("acceptance", 0.3), ("acceptance_off", 0.43)):
        np.testing.assert_allclose(getattr(dataset, name), width, rtol=1e-12)
        np.testing.assert_allclose(np.array(step[name])[seen], width, rtol=1e-6)
    models = Models(SkyModel("pulsar", PowerLawSpectralModel(amplitude=3e-12, index=2.5)))
    likelihood = compile([replace(dataset, mask_safe=seen)], models)
    npred = likelihood.npred(likelihood.theta0)[dataset.name]
    np.testing.assert_allclose(npred[seen], np.array(step["npred"])[seen], rtol=1e-5)
    assert likelihood.stat(likelihood.theta0) == pytest.approx(np.array(step["stat"])[seen].sum(), rel=1e-5)
