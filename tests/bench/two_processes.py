"""How much faster are two processes than one, and are the products the same bytes?

    python tests/bench/two_processes.py [--runs 200] [--type map|spectrum] [--jobs 1 2] [--store FOLDER] [--dask]

Simulates a store of short runs (kept in FOLDER where that is given, and used again), and reduces it from the command
line to one stacked map of 5 x 5 deg with 10 x 20 energy bins and an FoV background, or to one spectrum a run:
``gammapy-hli run`` in a fresh process with each number of jobs in turn, everything written. Prints the time of the
reduction, from the manifest, and of the whole command. Exits 1 where two processes are less than 1.7 times as fast on
the 3D reduction (on two processors that nobody else uses), or where bytes differ.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from growth import print_goals, simulate

GOAL = 1.7
CENTER = "83.633 deg, 22.0145 deg"
NOT_PRODUCTS = {"manifest.json", "provenance.json", "log.txt", "config.yaml", "history.jsonl"}
CONFIG = """\
config_version: 1
general: {{outdir: {outdir}}}
steps: [selection, reduction]
selection: {{datastore: {store}, obs_ids: [{runs}]}}
reduction:
  type: {kind}
  on_region: {{circle: {{center: "{center}", radius: 0.11 deg}}}}
  geometry: {{center: "{center}", width: [5 deg, 5 deg], pixel: 0.02 deg}}
  energy: {{min: 0.5 TeV, max: 20 TeV, nbins: 10}}
  energy_true: {{min: 0.3 TeV, max: 40 TeV, nbins: 20}}
  background: {{method: {background}, exclusion: {{regions: ["icrs;circle(83.633, 22.0145, 0.5)"]}}}}
  safe_mask: {{methods: [offset-max], offset_max: 2.5 deg}}
"""


def measure(folder: Path, store: Path, n_runs: int, kind: str, words: list[str]) -> dict[str, Any]:
    """One reduction: seconds of the step and of the command, processor seconds, peak memory [MB], hashes."""
    outdir, config = folder / f"out-{time.monotonic_ns()}", folder / "reduce.yaml"
    runs = ", ".join(str(run) for run in range(1, n_runs + 1))
    background = "fov" if kind == "map" else "reflected"
    text = CONFIG.format(outdir=outdir, store=store, runs=runs, kind=kind, background=background, center=CENTER)
    config.write_text(text)
    command = [sys.executable, "-m", "gammapy_hli", "run", "-c", str(config), "-q", "--no-progress", *words]
    start = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"the reduction of {n_runs} runs failed")
    seconds = time.perf_counter() - start
    manifest = json.loads((outdir / "reduction" / "manifest.json").read_text())
    span = datetime.fromisoformat(manifest["end"]) - datetime.fromisoformat(manifest["start"])
    hashes = {
        str(path.relative_to(outdir)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in outdir.rglob("*")
        if path.is_file() and path.name not in NOT_PRODUCTS and ".items" not in path.parts and path.name[0] != "."
    }
    cpu = usage.ru_utime + usage.ru_stime
    return {"step": span.total_seconds(), "all": seconds, "cpu": cpu, "memory": usage.ru_maxrss / 1024, "hash": hashes}


def main() -> int:
    """Measure, print, say whether the goals are reached."""
    parser = argparse.ArgumentParser(description="Speed of several processes against one.")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--type", choices=("map", "spectrum"), default="map")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeat", type=int, default=2, help="the fastest of so many runs is shown")
    parser.add_argument("--store", type=Path, help="folder of the simulated store; made where it is not there")
    parser.add_argument("--dask", action="store_true", help="a Dask cluster of two workers on this machine too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = given.store or folder / "store"
        simulate(store, given.runs)
        ways = {f"{n} process{'es' if n > 1 else ''}": ["--n-jobs", str(n)] for n in given.jobs}
        if given.dask:
            ways["Dask, 2 workers"] = ["--n-jobs", "2", "--general.executor", "dask"]
        found: dict[str, dict[str, Any]] = {}
        for _ in range(given.repeat):  # in turn, so that what else the machine does meets all of them
            for way, words in ways.items():
                row = measure(folder, store, given.runs, given.type, words)
                found[way] = row if way not in found else min(found[way], row, key=lambda one: one["step"])
    first = next(iter(found.values()))
    print(f"{given.runs} runs to {given.type}, {os.cpu_count()} processors")
    print(f"{'':16s} {'reduction':>10s} {'ratio':>6s} {'command':>10s} {'ratio':>6s} {'processor':>10s} {'memory':>9s}")
    for way, row in found.items():
        ratios = first["step"] / row["step"], first["all"] / row["all"]
        times = f"{row['step']:8.2f} s {ratios[0]:6.2f} {row['all']:8.2f} s {ratios[1]:6.2f} {row['cpu']:8.2f} s"
        print(f"{way:16s} {times} {row['memory']:6.0f} MB")
    goals = {"the same bytes": all(row["hash"] == first["hash"] for row in found.values())}
    if given.type == "map" and "2 processes" in found and "1 process" in found:
        ratio = found["1 process"]["step"] / found["2 processes"]["step"]
        goals[f"two processes at least {GOAL:g} times as fast"] = ratio >= GOAL
    return print_goals(goals)


if __name__ == "__main__":
    sys.exit(main())
