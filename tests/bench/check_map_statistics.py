"""Do 3D fits of two overlapping sources find the truth? Pulls over simulated data; exit code 1 where they do not.

    python tests/bench/check_map_statistics.py [--sets 400] [--event-sets 40] [--seed 1]

A point source and a Gaussian of 0.12 deg, 0.3 deg apart, seen in four wobble runs of 28 minutes that are stacked into
one map dataset. Spectra, positions, the extension and the norm of the background are free; every fit starts beside the
truth.

Two ways of simulation. *counts*: Poisson counts around the prediction of the map dataset. *events*: event lists are
drawn, written as DL3 files, read, reduced with FoV background and stacked, so that sampling of extended sources, files
and reduction are part of the test.

Wanted of the pulls (fitted - true) / error: mean within 0.2 of 0, width 1 +- 0.15. Where fewer than 400 sets are drawn,
three times the statistical error beyond that of 400 is added to the tolerance: of the eighteen numbers that are looked
at, one in twenty would leave two errors by chance.
"""

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from measured_rows import Judge, Row, print_rows

from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.map_stack import stack_maps
from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.models_yaml import parse_background, parse_short
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.reduce.fov_background import FovBackground
from gammapy_hli.engine.reduce.map import MapPlan, reduce_map
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan
from gammapy_hli.engine.simulate.maps import simulate_map_datasets
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.store import simulate_store

JUDGE = Judge(sets=400, n_errors=3, max_shift=0.2, max_width_error=0.15)
CENTER = SkyCoord(83.633, 22.1645, unit="deg")


def make_models(*, start: bool = False) -> Models:
    """The truth, or where fits start: off by 0.02 deg, 0.2 in the index, a third in extension and flux."""
    pulsar, nebula, step = 5e-12, 1.5e-11, 0.0
    if start:
        pulsar, nebula, step = 3e-12, 2e-11, 1.0
    sources = {
        "pulsar": {
            "spectral": {"type": "pl", "index": 2.2 + 0.2 * step, "amplitude": f"{pulsar} cm-2 s-1 TeV-1"},
            "spatial": {
                "type": "point",
                "lon_0": f"{83.633 + 0.02 * step} deg",
                "lat_0": f"{22.0145 - 0.02 * step} deg",
            },
        },
        "nebula": {
            "spectral": {"type": "pl", "index": 2.5 - 0.2 * step, "amplitude": f"{nebula} cm-2 s-1 TeV-1"},
            "spatial": {
                "type": "gauss",
                "lon_0": f"{83.633 - 0.02 * step} deg",
                "lat_0": f"{22.3145 + 0.02 * step} deg",
                "sigma": f"{0.12 * (1 + 0.3 * step)} deg",
            },
        },
    }
    return parse_short(sources)


def simulation_plan(seed: int) -> SimulationPlan:
    """Four runs around the middle of the two sources."""
    return SimulationPlan(make_models(), target=CENTER, offset=0.7 * u.deg, seed=seed)


def reduction_plan(*, fine: bool) -> MapPlan:
    """Maps of 2.1 deg in seven bins of energy.

    Coarse bins do for counts that are drawn from their own prediction. For events the approximations of an analysis
    must be small: pixels of 0.03 deg smear a point source that lies between them by 6 % in the square of its width, ten
    bins of true energy a decade predict 0.5 % too many events. Together they would take 1.5 % of the nebula's flux for
    the pulsar's, 0.3 of the error of four runs.
    """
    pixel, per_decade = (0.02 * u.deg, 20) if fine else (0.03 * u.deg, 10)
    return MapPlan(
        geometry=WcsGeometry.create(CENTER, 2.1 * u.deg, pixel),
        energy=Axis.from_energy_bounds("0.4 TeV", "20 TeV", nbin=7),
        energy_true=Axis.from_energy_bounds("0.2 TeV", "40 TeV", per_decade=per_decade, name="energy_true"),
        background=FovBackground(),
        exclusion=ExclusionMask.from_regions(["icrs;circle(83.633,22.1645,0.7)"], CENTER),
        safe_mask=SafeMaskPlan(("aeff-max",)),
    )


def reduce_store(folder: Path, *, fine: bool) -> MapDataset:
    """All runs of a store in one map dataset."""
    plan, store = reduction_plan(fine=fine), DataStore.open(folder)
    runs = [reduce_map(store.observation(obs_id), plan) for obs_id in store.obs_table["OBS_ID"]]
    return stack_maps(runs, "stacked", geometry=plan.geometry)


def draw_counts(n: int, seed: int) -> Iterator[MapDataset]:
    """Map datasets whose counts are drawn from the prediction."""
    with tempfile.TemporaryDirectory() as folder:
        simulate_store(Path(folder), simulation_plan(seed))
        dataset = reduce_store(Path(folder), fine=False)
    for (drawn,) in simulate_map_datasets([dataset], make_models(), n, seed):
        yield drawn


def draw_events(n: int, seed: int) -> Iterator[MapDataset]:
    """Map datasets reduced from event files."""
    plan = simulation_plan(seed)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(n):
            # seeds far apart, because each set takes run numbers 0 to 3 of its own seed
            simulate_store(Path(folder), dataclasses.replace(plan, seed=1_000_000 * seed + number), overwrite=True)
            yield reduce_store(Path(folder), fine=True)


def pull_rows(sets: Iterable[MapDataset], label: str) -> list[Row]:
    """Mean and width of the pulls of all free parameters of the two sources, and the share of fits that converge."""
    truth = {name: parameter.value for name, parameter in make_models().parameters.items() if not parameter.frozen}
    start = Models([*make_models(start=True), parse_background({}, "stacked")])
    pulls, n_failed = [], 0
    for dataset in sets:
        result = fit([dataset], start)
        n_failed += not result.success
        pulls.append([(result[name].value - true) / result[name].error for name, true in truth.items()])
    n = len(pulls)
    lost = Row(f"{label}: fits that did not converge ({n} sets)", n_failed, 0.0, 0.0, 0.01 * n)
    return [lost, *JUDGE.pull_rows(label, dict(zip(truth, np.array(pulls).T, strict=True)))]


def main() -> int:
    """Run both checks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--sets", type=int, default=400, help="data sets drawn from predicted counts")
    parser.add_argument("--event-sets", type=int, default=40, help="data sets drawn as event lists")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    jobs = (("counts", draw_counts, options.sets), ("events", draw_events, options.event_sets))
    return print_rows(partial(pull_rows, draw(n, options.seed), label) for label, draw, n in jobs if n)


if __name__ == "__main__":
    sys.exit(main())
