"""Cases A and B of the performance goals, side by side: gammapy 2.1 and gammapy_hli, each as a fresh process.

    python tests/bench/case_a.py --gammapy-python PYTHON [--case a|b] [--report] [--repeat 5]

Same runs, axes, model, joint and stacked fit, 12 flux points of both with all options, files on disk. Prints time and
peak memory of each stage and process, their ratio and how far the numbers agree; exits 1 where a goal is missed.
`PYTHON` is the interpreter of an environment with ``gammapy==2.1`` and ``regions<0.12``; GAMMAPY_DATA must be set.
Peak memory is what the kernel recorded for the process (``ru_maxrss``). Nothing heavy is imported here before both
have ended: a child process starts out with the peak of its parent.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SPEED_GOAL = 20.0
MEMORY_GOAL = 0.5
EDGES = ", ".join(f"{0.7 * (30 / 0.7) ** (k / 12):.15g} TeV" for k in range(13))
CASES = {
    "a": ("83.633 deg, 22.014 deg", "obs_ids: [23523, 23526, 23559, 23592]"),
    "b": ("329.71693 deg, -30.22558 deg", 'cone: {center: "329.71693 deg, -30.22558 deg", radius: 2 deg}'),
}
CONFIG = """\
config_version: 1
general: {{outdir: {outdir}, n_jobs: 1}}
steps: [selection, reduction, model, fit, flux_points, fit@stacked, flux_points@stacked{report}]
selection:
  datastore: $GAMMAPY_DATA/hess-dl3-dr1
  {runs}
reduction:
  on_region: {{circle: {{center: "{center}", radius: 0.11 deg}}}}
  energy: {{min: 0.1 TeV, max: 40 TeV, per_decade: 10}}
  energy_true: {{min: 0.05 TeV, max: 100 TeV, per_decade: 20}}
  background: {{method: reflected}}
  safe_mask: {{methods: [aeff-max], aeff_percent: 10}}
model:
  sources:
    crab: {{spectral: {{type: pl, index: 2, amplitude: 1e-12 cm-2 s-1 TeV-1, reference: 1 TeV}}}}
fit@stacked: {{stack: true}}
flux_points: {{inputs: {{fit: fit}}, sensitivity: true, energy: {{edges: [{edges}]}}}}
flux_points@stacked: {{inputs: {{fit: fit@stacked}}, sensitivity: true, energy: {{edges: [{edges}]}}}}
"""
STAGES = {
    "reduce": ("selection", "reduction", "model"),
    "joint fit": ("fit",),
    "joint flux points": ("flux_points",),
    "stacked fit": ("fit@stacked",),
    "stacked flux points": ("flux_points@stacked",),
    "report": ("report",),
}
ERROR_COLUMNS = ("dnde_err", "dnde_errp", "dnde_errn", "dnde_ul", "sqrt_ts", "dnde_sensitivity")
ANOTHER_DEFINITION = ("dnde_sensitivity",)
"""gammapy takes for the background what the profile likelihood makes of the observed counts at the tested norm, so that
the counts of the source itself raise it; ours is alpha times the off counts. For information."""


def run_process(command: list[str]) -> tuple[float, float]:
    """Run a command to its end: wall time [s] and peak memory [MB]."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled once, as after an installation
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as messages:
        process = subprocess.Popen(command, env=environment, stdout=messages, stderr=messages)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            messages.seek(0)
            raise SystemExit(f"{messages.read()}\nexit code {process.returncode}: {' '.join(command)}")
    return seconds, usage.ru_maxrss / 1024


def own_command(config: Path) -> list[str]:
    """The command that runs our analysis: the executable where it is installed, else the same through Python."""
    executable = Path(sys.executable).with_name("gammapy-hli")
    if executable.exists():
        return [str(executable), "run", "-c", str(config)]
    code = "import sys; from gammapy_hli import Analysis; Analysis(sys.argv[1]).run()"
    return [sys.executable, "-c", code, str(config)]


def run_own(folder: Path, case: str, report: bool, repeat: int) -> tuple[float, float, Path]:
    """Our analysis, each time into a new folder: best time, peak memory and the folder of the fastest."""
    center, runs = CASES[case]
    found = []
    for k in range(repeat):
        outdir, config = folder / f"own-{k}", folder / f"own-{k}.yaml"
        text = CONFIG.format(outdir=outdir, runs=runs, center=center, report=", report" * report, edges=EDGES)
        config.write_text(text)
        seconds, memory = run_process(own_command(config))
        found.append((seconds, memory, outdir))
    print(f"ours: {repeat} runs of {min(found)[0]:.2f} to {max(found)[0]:.2f} s; the table shows the fastest")
    return min(found)


def run_gammapy(folder: Path, python: str, case: str, repeat: int) -> tuple[float, float, dict[str, Any]]:
    """gammapy's analysis: best time, peak memory, what it found."""
    found = []
    for k in range(repeat):
        outdir = folder / f"gammapy-{k}"
        outdir.mkdir()
        seconds, memory = run_process([python, str(HERE / "gammapy_case_a.py"), str(outdir), case])
        found.append((seconds, memory, outdir))
    seconds, memory, outdir = min(found)
    print(f"gammapy: {repeat} runs of {seconds:.1f} to {max(found)[0]:.1f} s")
    return seconds, memory, json.loads((outdir / "result.json").read_text())


def own_stage_times(outdir: Path, total: float, stages: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Seconds of each stage from the manifests of the steps; what is left is imports, options and the end."""
    steps = {}
    for path in outdir.glob("*/manifest.json"):
        manifest = json.loads(path.read_text())
        span = datetime.fromisoformat(manifest["end"]) - datetime.fromisoformat(manifest["start"])
        steps[manifest["step"]] = span.total_seconds()
    times = {stage: sum(steps[step] for step in names) for stage, names in stages.items() if set(names) <= set(steps)}
    return {"start and end": total - sum(times.values()), **times}


def own_numbers(outdir: Path, label: str) -> dict[str, Any]:
    """Fit and flux points as `gammapy_case_a.py` writes them."""
    import yaml  # late: memory of the child processes
    from astropy.table import Table  # late: the same

    document = yaml.safe_load((outdir / f"fit{label}" / "fit.yaml").read_text())
    fitted = {row["name"].rpartition(".")[2]: [row["value"], row["error"]] for row in document["parameters"]}
    table = Table.read(outdir / f"flux_points{label}" / "crab.ecsv")
    columns = {f"dnde{end}": table[f"norm{end}"] * table["ref_dnde"] for end in ("_err", "_errp", "_errn", "_ul")}
    columns["dnde_sensitivity"] = table["norm_sensitivity"] * table["ref_dnde"]
    columns["dnde"] = table["norm"] * table["ref_dnde"]
    columns["sqrt_ts"] = table["sqrt_ts"]
    numbers = {name: [float(value) for value in column] for name, column in columns.items()}
    return {"stat": document["stat"], "index": fitted["index"], "amplitude": fitted["amplitude"], **numbers}


def relative(one: list[float], other: list[float], keep: list[bool]) -> float:
    """Largest relative difference of what is finite in both and kept."""
    pairs = [
        (a, b)
        for a, b, use in zip(one, other, keep, strict=True)
        if use and math.isfinite(a) and math.isfinite(b) and b != 0
    ]
    return max((abs(a / b - 1) for a, b in pairs), default=0.0)


def compare(label: str, own: dict[str, Any], other: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Rows (what, difference, tolerance); best fits differ by where two minimizers stop."""
    rows = [(f"{label} stat, ours above gammapy's", own["stat"] - other["stat"], 0.01)]
    for name in ("index", "amplitude"):
        (value, error), (value2, error2) = own[name], other[name]
        rows.append((f"{label} {name}, in errors", abs(value - value2) / error2, 0.01))
        rows.append((f"{label} {name} error, relative", abs(error / error2 - 1), 0.02))
    # where the likelihood falls towards a bound, as in bins without counts, only the limit means something
    is_detected = [value > 1 for value in other["sqrt_ts"]]
    columns = (own["dnde"], other["dnde"], other["dnde_errp"], is_detected)
    away = [abs(a - b) / e for a, b, e, keep in zip(*columns, strict=True) if keep]
    rows.append((f"{label} dnde, in errors", max(away), 0.01))
    for name in ERROR_COLUMNS:
        keep = is_detected if name != "dnde_ul" else [True] * len(is_detected)
        tolerance = math.inf if name in ANOTHER_DEFINITION else 0.01
        rows.append((f"{label} {name}, relative", relative(own[name], other[name], keep), tolerance))
    return rows


def main() -> int:
    """Run both, print the tables, say whether the goals are reached."""
    parser = argparse.ArgumentParser(description="Case A or B, gammapy 2.1 and gammapy_hli side by side.")
    parser.add_argument("--gammapy-python", help="interpreter of an environment with gammapy 2.1; not given: ours only")
    parser.add_argument("--case", choices=sorted(CASES), default="a")
    parser.add_argument("--report", action="store_true", help="our analysis writes its report too")
    parser.add_argument("--repeat", type=int, default=5, help="best of so many runs of ours")
    parser.add_argument("--gammapy-repeat", type=int, default=1, help="best of so many runs of gammapy")
    given = parser.parse_args()
    if "GAMMAPY_DATA" not in os.environ:
        parser.error("set GAMMAPY_DATA to the folder of the data")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds, memory, outdir = run_own(folder, given.case, given.report, given.repeat)
        times = own_stage_times(outdir, seconds, STAGES)
        if given.gammapy_python is None:
            print_times(times, {}, seconds, None, memory, None)
            return 0
        seconds2, memory2, found = run_gammapy(folder, given.gammapy_python, given.case, given.gammapy_repeat)
        print_times(times, found["times_s"], seconds, seconds2, memory, memory2)
        rows = [
            *compare("joint", own_numbers(outdir, ""), found["joint"]),
            *compare("stacked", own_numbers(outdir, "@stacked"), found["stacked"]),
        ]
    print("\nagreement                              difference  tolerance")
    for what, difference, tolerance in rows:
        print(f"{what:38s} {difference:10.2e} {tolerance:10.0e}  {'ok' if difference <= tolerance else 'FAILS'}")
    goals = {
        f"at least {SPEED_GOAL:g} times faster": seconds2 / seconds >= SPEED_GOAL,
        f"at most {MEMORY_GOAL:g} of the memory": memory / memory2 <= MEMORY_GOAL,
        "numbers agree": all(difference <= tolerance for _, difference, tolerance in rows),
    }
    print("\n" + "\n".join(f"{goal}: {'yes' if reached else 'NO'}" for goal, reached in goals.items()))
    return 0 if all(goals.values()) else 1


def print_times(
    own: dict[str, float],
    other: dict[str, float],
    seconds: float,
    seconds2: float | None,
    memory: float,
    memory2: float | None,
) -> None:
    """Table of seconds a stage and in total, and of memory."""
    print(f"{'stage':22s} {'gammapy_hli':>12s} {'gammapy 2.1':>12s} {'ratio':>7s}")
    pairs = [(stage, value, other.get(stage)) for stage, value in own.items()]
    pairs[0] = (pairs[0][0], pairs[0][1], None if seconds2 is None else seconds2 - other["total"] + other["import"])
    for stage, one, two in pairs:
        print(f"{stage:22s} {one:10.3f} s " + ("" if two is None else f"{two:10.3f} s {two / one:7.1f}"))
    if other:
        print(f"{'files':22s} {'with stages':>12s} {other['write']:10.3f} s")
    total = "" if seconds2 is None else f"{seconds2:10.3f} s {seconds2 / seconds:7.1f}"
    print(f"{'total':22s} {seconds:10.3f} s {total}")
    peak = "" if memory2 is None else f"{memory2:9.1f} MB {memory2 / memory:7.1f}"
    print(f"{'peak memory':22s} {memory:9.1f} MB {peak}")


if __name__ == "__main__":
    sys.exit(main())
