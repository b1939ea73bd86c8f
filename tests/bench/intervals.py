"""How long does a light curve of very many intervals take, from the store to files on disk, and does it grow linearly?

    python tests/bench/intervals.py [--intervals 250 500 1000] [--repeat 2] [--store FOLDER] [--profile]

Simulates a store of 28 min runs (kept in FOLDER where that is given, and used again), cuts its runs into intervals of 1
min, reduces each to an on/off spectrum with reflected regions, fits a power law to all and makes the light curve:
``gammapy-hli run`` in a fresh process with one thread, everything written. Prints the time of each step, files, bytes
and memory for each number of intervals. Exits 1 where 1000 intervals take 10 s or more, or the time grows faster than
linearly.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from growth import print_goals

GOAL_SECONDS, GOAL_INTERVALS = 10.0, 1000
GROWTH_GOAL = 1.1  # exponent of what grows: 1 is linear
PER_RUN = 28
CONFIG = """\
config_version: 1
general: {{outdir: {outdir}, n_jobs: {n_jobs}}}
steps: [selection, reduction, model, fit, light_curve]
selection:
  datastore: {store}
  obs_ids: [{runs}]
  intervals: {{length: 1 min, number: {number}}}
reduction:
  on_region: {{circle: {{center: "83.633 deg, 22.0145 deg", radius: 0.11 deg}}}}
  energy: {{min: 0.1 TeV, max: 40 TeV, per_decade: 10}}
  energy_true: {{min: 0.05 TeV, max: 100 TeV, per_decade: 20}}
  safe_mask: {{methods: [aeff-max], aeff_percent: 10}}
model:
  sources: {{crab: {{spectral: {{type: pl, index: 2.6, amplitude: 4e-11 cm-2 s-1 TeV-1, reference: 1 TeV}}}}}}
light_curve: {{source: crab}}
"""


def simulate(folder: Path, n_runs: int) -> None:
    """A store of runs that follow each other without a pause."""
    if not (folder / "obs-index.fits.gz").exists():
        words = ["simulate", str(folder), "--n_runs", str(n_runs), "--livetime", f"{PER_RUN} min", "--gap", "0 s"]
        more = ["--deadtime_fraction", "0", "--seed", "1"]
        subprocess.run([sys.executable, "-m", "gammapy_hli", *words, *more], check=True, stdout=subprocess.DEVNULL)


def measure(folder: Path, store: Path, number: int, n_jobs: int = 1, profile: bool = False) -> dict[str, Any]:
    """One analysis in a fresh process: seconds in all and of each step, files, bytes, peak memory [MB]."""
    outdir, config = folder / f"out-{number}-{time.monotonic_ns()}", folder / "intervals.yaml"
    runs = ", ".join(str(run) for run in range(1, math.ceil(number / PER_RUN) + 1))
    config.write_text(CONFIG.format(outdir=outdir, store=store, runs=runs, number=number, n_jobs=n_jobs))
    command = [sys.executable, *(["-m", "cProfile", "-o", str(folder / "profile")] if profile else [])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, "-m", "gammapy_hli", "run", "-c", str(config), "-q", "--no-progress"],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 4):  # 4: a fit or an interval to look at
        raise SystemExit(f"the analysis of {number} intervals failed")
    found: dict[str, Any] = {"seconds": time.perf_counter() - start, "cpu": usage.ru_utime + usage.ru_stime}
    found["memory"] = usage.ru_maxrss / 1024
    for path in outdir.glob("*/manifest.json"):
        manifest = json.loads(path.read_text())
        span = datetime.fromisoformat(manifest["end"]) - datetime.fromisoformat(manifest["start"])
        found[manifest["step"]] = span.total_seconds()
    summary = json.loads((outdir / "summary.json").read_text())
    found["n"] = summary["light_curve"]["crab"]["n_intervals"]
    files = [path for path in outdir.rglob("*") if path.is_file()]
    found["files"], found["bytes"] = len(files), sum(path.stat().st_size for path in files)
    return found


def main() -> int:
    """Measure, print, say whether the goals are reached."""
    parser = argparse.ArgumentParser(description="Time of a light curve by its number of intervals.")
    parser.add_argument("--intervals", type=int, nargs="+", default=[250, 500, 1000])
    parser.add_argument("--repeat", type=int, default=2, help="the fastest of so many runs is shown")
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--store", type=Path, help="folder of the simulated store; made where it is not there")
    parser.add_argument("--profile", action="store_true", help="print where the time of the largest number goes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = given.store or folder / "store"
        simulate(store, math.ceil(max(given.intervals) / PER_RUN))
        if given.profile:
            import pstats  # late: only here

            measure(folder, store, max(given.intervals), given.n_jobs, profile=True)
            pstats.Stats(str(folder / "profile")).sort_stats("tottime").print_stats(45)
            return 0
        steps = ("reduction", "fit", "light_curve")
        print(
            f"{'intervals':>9s} {'all':>9s} {'cpu':>9s}",
            *(f"{step:>11s}" for step in steps),
            "  files  bytes    memory",
        )
        rows = {}
        for number in sorted(given.intervals):
            found = [measure(folder, store, number, given.n_jobs) for _ in range(given.repeat)]
            row = rows[number] = min(found, key=lambda one: one["seconds"])
            times = " ".join(f"{row[step]:9.2f} s" for step in steps)
            size = f"{row['files']:7d} {row['bytes'] / 1e6:5.0f} MB {row['memory']:6.0f} MB"
            print(f"{row['n']:9d} {row['seconds']:7.2f} s {row['cpu']:7.2f} s {times} {size}", flush=True)
    few, many = min(rows), max(rows)
    goals = {}
    if many > few:
        grown = [sum(rows[number][step] for step in steps) for number in (few, many)]
        exponent = math.log(grown[1] / grown[0]) / math.log(many / few)
        print(f"the time of the steps grows as intervals^{exponent:.2f}")
        goals[f"exponent at most {GROWTH_GOAL:g}"] = exponent <= GROWTH_GOAL
    if GOAL_INTERVALS in rows:
        seconds = rows[GOAL_INTERVALS]["seconds"]
        goals[f"{GOAL_INTERVALS} intervals in less than {GOAL_SECONDS:g} s"] = seconds < GOAL_SECONDS
    return print_goals(goals)


if __name__ == "__main__":
    sys.exit(main())
