"""Does the memory of the 3D reduction grow with the number of runs, and its time as that number?

    python tests/bench/growth_maps.py [--runs 20 200 1000] [--repeat 2] [--store FOLDER]

Simulates a store (kept in FOLDER where that is given, and used again), reduces its first runs to one stacked map of
5 x 5 deg and 10 x 20 bins with an FoV background, in a fresh process for each number. Prints seconds, seconds a run and
peak memory. With GAMMAPY_DATA the 20 runs around MSH 15-52 of H.E.S.S. DL3 DR1 are measured too, beside loading their
files with astropy: there the goal is a reduction in at most 5 times the loading. Exits 1 where a goal is missed.
"""

import json
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from growth import MSH, load_runs, measure, msh_runs, parser_of, print_goals, simulate

GROWTH_GOAL = 1.1  # exponent: 1 is linear
MEMORY_GOAL = 1.05
LOADING_GOAL = 5.0


def reduce_runs(store: Path, runs: list[int], center: list[float]) -> dict[str, float]:
    """Reduce runs to maps and add each to the sum, as the reduction tool does; seconds and counts."""
    import time  # late: this process only
    from functools import partial  # late: the same

    import astropy.units as u  # late: the same
    from astropy.coordinates import SkyCoord  # late: the same

    from gammapy_hli.engine.datasets.blocked_stack import BlockedStacker  # late: the same
    from gammapy_hli.engine.datasets.grouped_stack import GroupedStacker  # late: the same
    from gammapy_hli.engine.dl3.store import DataStore  # late: the same
    from gammapy_hli.engine.geom.axes import Axis  # late: the same
    from gammapy_hli.engine.geom.mask import ExclusionMask  # late: the same
    from gammapy_hli.engine.geom.region import parse_region  # late: the same
    from gammapy_hli.engine.geom.region_image import region_mask_on  # late: the same
    from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry  # late: the same
    from gammapy_hli.engine.reduce.fov_background import FovBackground  # late: the same
    from gammapy_hli.engine.reduce.map import MapPlan, reduce_map  # late: the same
    from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan  # late: the same

    position = SkyCoord(*center, unit="deg")
    geometry = WcsGeometry.create(position, [5, 5] * u.deg, 0.02 * u.deg, projection="CAR", frame="icrs")
    inside = region_mask_on(geometry, [parse_region(f"icrs;circle({center[0]},{center[1]},0.5)")], inside=False)
    plan = MapPlan(
        geometry=geometry,
        energy=Axis.from_energy_bounds(0.5 * u.TeV, 20 * u.TeV, nbin=10, name="energy"),
        energy_true=Axis.from_energy_bounds(0.3 * u.TeV, 40 * u.TeV, nbin=20, name="energy_true"),
        background=FovBackground(),
        exclusion=ExclusionMask(inside, geometry.to_wcs()),
        safe_mask=SafeMaskPlan(methods=("offset-max",), offset_max=2.5 * u.deg),
    )
    start, start_cpu = time.perf_counter(), time.process_time()
    opened, stacker = DataStore.open(store), BlockedStacker(partial(GroupedStacker, plan.stacker))
    for run in runs:
        observation = opened.observation(run)
        stacker.add(reduce_map(observation, plan))
        observation.release()
    (total,) = stacker.results("stacked")
    counts = float(total.counts.sum())
    return {"seconds": time.perf_counter() - start, "cpu": time.process_time() - start_cpu, "counts": counts}


def load(store: Path, runs: list[int], _: list[float]) -> dict[str, float]:
    """Read events, good times and responses with astropy."""
    return load_runs(store, runs, "")


def show(label: str, n: int, row: dict[str, Any]) -> None:
    """A line of the table."""
    ms = 1e3 * row["seconds"] / n
    cpu = f", processor {1e3 * row['cpu'] / n:5.1f} ms" if "cpu" in row else ""
    line = f"{label:24s} {n:5d} runs {row['seconds']:8.2f} s {ms:7.1f} ms a run{cpu} {row['memory']:7.1f} MB"
    print(line, flush=True)


def main() -> int:
    """Measure, print, say whether the goals are reached."""
    given = parser_of("Growth of the 3D reduction with the number of runs.", "+", [20, 200], 2).parse_args()
    if given.child:
        what, store, runs, center = json.loads(given.child)
        print(json.dumps({"reduce": reduce_runs, "load": load}[what](Path(store), runs, center)))
        return 0
    with tempfile.TemporaryDirectory() as name:
        store = given.store or Path(name) / "store"
        simulate(store, max(given.runs))
        few, many = min(given.runs), max(given.runs)
        rows = {}
        for n in sorted(given.runs):
            rows[n] = measure("reduce", store, list(range(1, n + 1)), (83.633, 22.0145), given.repeat, __file__)
            show("simulated, 5 min each", n, rows[n])
    exponent = math.log(rows[many]["cpu"] / rows[few]["cpu"]) / math.log(many / few) if many > few else 1.0
    ratio = rows[many]["memory"] / rows[few]["memory"]
    print(f"processor time grows as runs^{exponent:.2f}; memory of {many} runs is {ratio:.3f} of that of {few}\n")
    goals = {
        f"exponent at most {GROWTH_GOAL:g}": exponent <= GROWTH_GOAL,
        f"memory at most {MEMORY_GOAL:g} of that of few runs": ratio <= MEMORY_GOAL,
    }
    if os.environ.get("GAMMAPY_DATA"):
        store = Path(os.environ["GAMMAPY_DATA"]) / "hess-dl3-dr1"
        runs = msh_runs(store)
        own, loading = (measure(what, store, runs, MSH, given.repeat, __file__) for what in ("reduce", "load"))
        show("MSH 15-52, reduced", len(runs), own)
        show("MSH 15-52, loaded", len(runs), loading)
        goals[f"reduction at most {LOADING_GOAL:g} times the loading"] = (
            own["seconds"] <= LOADING_GOAL * loading["seconds"]
        )
    return print_goals(goals)


if __name__ == "__main__":
    sys.exit(main())
