"""Does the time of the 1D reduction grow as the number of runs, and how does it compare with loading the files?

    python tests/bench/growth.py [--runs 20 200 1000] [--repeat 3] [--store FOLDER]

Simulates a store (kept in FOLDER where that is given, and used again), reduces its first runs with reflected regions in
a fresh process for each number, and reads the same HDUs with astropy in another; each the best of several. Prints
seconds, seconds a run and peak memory, and the exponent of growth. With GAMMAPY_DATA the 20 runs around MSH 15-52 of
H.E.S.S. DL3 DR1 are measured too: there the goal is a reduction in at most twice the time of loading. Exits 1 where a
goal is missed. Imports are not in the times, the first use of everything is.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

GROWTH_GOAL = 1.1  # exponent: 1 is linear
LOADING_GOAL = 2.0
MSH = (228.321, -59.0833)


def reduce_runs(store: Path, runs: list[int], on_region: str) -> dict[str, float]:
    """Reduce runs one after the other and stack them; seconds and counts."""
    import time  # late: this process only

    import astropy.units as u  # late: the same

    from gammapy_hli.engine.datasets.datasets import Datasets  # late: the same
    from gammapy_hli.engine.dl3.store import DataStore  # late: the same
    from gammapy_hli.engine.geom.axes import Axis  # late: the same
    from gammapy_hli.engine.geom.region import parse_region  # late: the same
    from gammapy_hli.engine.reduce.reflected import ReflectedRegions  # late: the same
    from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan  # late: the same
    from gammapy_hli.engine.reduce.spectrum import SpectrumPlan, reduce_observation  # late: the same

    plan = SpectrumPlan(
        on_region=parse_region(on_region),
        energy=Axis.from_energy_bounds(0.1 * u.TeV, 40 * u.TeV, per_decade=10, name="energy"),
        energy_true=Axis.from_energy_bounds(0.05 * u.TeV, 100 * u.TeV, per_decade=20, name="energy_true"),
        containment_correction=True,
        background=ReflectedRegions(),
        safe_mask=SafeMaskPlan(methods=("aeff-max",), aeff_percent=10),
    )
    start, start_cpu = time.perf_counter(), time.process_time()
    opened = DataStore.open(store)
    datasets = []
    for run in runs:
        observation = opened.observation(run)
        datasets.append(reduce_observation(observation, plan))
        observation.release()
    reduced, cpu = time.perf_counter(), time.process_time() - start_cpu
    stacked = Datasets(datasets).stack()
    return {
        "seconds": reduced - start,
        "cpu": cpu,
        "stacking": time.perf_counter() - reduced,
        "counts": float(stacked.counts.sum()),
    }


def load_runs(store: Path, runs: list[int], on_region: str) -> dict[str, float]:
    """Read events, good times and the responses that a 1D reduction needs with astropy."""
    import time  # late: this process only

    from astropy.io import fits  # late: the same
    from astropy.table import Table  # late: the same

    start = time.perf_counter()
    index = Table.read(next(path for path in sorted(store.glob("hdu-index.fits*"))))
    wanted = {"events", "gti", "aeff", "edisp", "psf"}
    files: dict[Path, list[str]] = {}
    for row in index[[run in set(runs) for run in index["OBS_ID"]]]:
        if str(row["HDU_TYPE"]).strip() in wanted:
            path = store / str(row["FILE_DIR"]).strip() / str(row["FILE_NAME"]).strip()
            files.setdefault(path, []).append(str(row["HDU_NAME"]).strip())
    n_rows = 0
    for path, names in files.items():
        with fits.open(path, memmap=False) as hdus:
            for name in names:
                for column in hdus[name].columns.names:
                    n_rows += len(hdus[name].data[column])
    return {"seconds": time.perf_counter() - start, "rows": float(n_rows)}


def measure(what: str, store: Path, runs: list[int], where: Any, repeat: int, script: str = __file__) -> dict[str, Any]:
    """Best of several fresh processes of a script, with the peak memory [MB] of that one."""
    found = []
    for _ in range(repeat):
        with tempfile.TemporaryFile("w+") as answer:
            job = json.dumps([what, str(store), runs, where])
            process = subprocess.Popen([sys.executable, script, "--child", job], stdout=answer)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                raise SystemExit(f"{what} of {len(runs)} runs failed")
            answer.seek(0)
            found.append({**json.loads(answer.read()), "memory": usage.ru_maxrss / 1024})
    return min(found, key=lambda row: row["seconds"])


def simulate(folder: Path, n_runs: int) -> None:
    """A store of short wobble runs; in a process of its own, so that this one stays small."""
    if (folder / "obs-index.fits.gz").exists() or (folder / "obs-index.fits").exists():
        return
    code = """
import sys, astropy.units as u
from gammapy_hli.engine.models.models_yaml import parse_short
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.store import simulate_store
spectrum = {"type": "pl", "index": 2.6, "amplitude": "4e-11 cm-2 s-1 TeV-1", "reference": "1 TeV"}
models = parse_short({"crab": {"spectral": spectrum}})
simulate_store(sys.argv[1], SimulationPlan(models=models, n_runs=int(sys.argv[2]), livetime=5 * u.min))
"""
    subprocess.run([sys.executable, "-c", code, str(folder), str(n_runs)], check=True)


def msh_runs(store: Path) -> list[int]:
    """Runs that point within 3 deg of MSH 15-52."""
    code = f"""
import sys
from gammapy_hli.engine.dl3.store import DataStore
from astropy.coordinates import SkyCoord
table = DataStore.open(sys.argv[1]).obs_table
center = SkyCoord(*{MSH}, unit="deg")
near = SkyCoord(table["RA_PNT"], table["DEC_PNT"], unit="deg").separation(center).deg < 3
print([int(run) for run in table["OBS_ID"][near]])
"""
    done = subprocess.run([sys.executable, "-c", code, str(store)], check=True, capture_output=True, text=True)
    return list(json.loads(done.stdout))


def show(title: str, rows: list[tuple[int, dict[str, Any], dict[str, Any]]]) -> None:
    """Table of one store."""
    print(title)
    heads = f"{'reduce':>10s} {'a run':>9s} {'processor':>9s} {'stack':>8s} {'load':>10s} {'ratio':>6s} {'memory':>10s}"
    print(f"{'runs':>6s} {heads}")
    for n, own, loading in rows:
        ratio = own["seconds"] / loading["seconds"]
        print(
            f"{n:6d} {own['seconds']:8.3f} s {1e3 * own['seconds'] / n:6.2f} ms "
            f"{1e3 * own['cpu'] / n:6.2f} ms {own['stacking']:6.3f} s "
            f"{loading['seconds']:8.3f} s {ratio:6.2f} {own['memory']:7.1f} MB"
        )


def print_goals(goals: dict[str, bool]) -> int:
    """Say which goals are reached; exit code 1 where one is missed."""
    print("\n" + "\n".join(f"{goal}: {'yes' if reached else 'NO'}" for goal, reached in goals.items()))
    return 0 if all(goals.values()) else 1


def parser_of(description: str, n_runs: Any, runs: list[int], repeat: int) -> argparse.ArgumentParser:
    """The arguments of this script, and of others that measure growth."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--runs", type=int, nargs=n_runs, default=runs)
    parser.add_argument("--repeat", type=int, default=repeat)
    parser.add_argument("--store", type=Path, help="folder of the simulated store; made where it is not there")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser


def main() -> int:
    """Measure, print, say whether the goals are reached."""
    given = parser_of("Growth of the 1D reduction with the number of runs.", "+", [20, 200, 1000], 3).parse_args()
    if given.child:
        what, store, runs, on_region = json.loads(given.child)
        print(json.dumps({"reduce": reduce_runs, "load": load_runs}[what](Path(store), runs, on_region)))
        return 0
    goals = {}
    with tempfile.TemporaryDirectory() as name:
        store = given.store or Path(name) / "store"
        simulate(store, max(given.runs))
        rows = []
        for n in given.runs:
            job = (store, list(range(1, n + 1)), "icrs;circle(83.633,22.0145,0.11)", given.repeat)
            rows.append((n, measure("reduce", *job), measure("load", *job)))
        show("simulated runs of 5 min", rows)
    (first, one, _), (last, other, _) = rows[0], rows[-1]
    exponent = math.log(other["cpu"] / one["cpu"]) / math.log(last / first)
    kept = (other["memory"] - one["memory"]) / (last - first) * 1024
    print(f"processor time grows as runs^{exponent:.2f}; each dataset that is kept takes {kept:.0f} kB\n")
    goals[f"exponent at most {GROWTH_GOAL:g}"] = exponent <= GROWTH_GOAL
    if os.environ.get("GAMMAPY_DATA"):
        store = Path(os.environ["GAMMAPY_DATA"]) / "hess-dl3-dr1"
        runs = msh_runs(store)
        job = (store, runs, f"icrs;circle({MSH[0]},{MSH[1]},0.11)", given.repeat)
        own, loading = measure("reduce", *job), measure("load", *job)
        show("MSH 15-52, H.E.S.S. DL3 DR1", [(len(runs), own, loading)])
        goals[f"reduction at most {LOADING_GOAL:g} times the loading"] = (
            own["seconds"] <= LOADING_GOAL * loading["seconds"]
        )
    return print_goals(goals)


if __name__ == "__main__":
    sys.exit(main())
