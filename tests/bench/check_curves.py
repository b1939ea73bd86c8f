"""Light curves beside gammapy 2.1: case B of the performance goals, and 3D runs; times, ratios, agreement.

    python tests/bench/check_curves.py --gammapy-python PYTHON [--case b|maps|flare|spectra] [--selection all|errors]

b: PKS 2155-304, 21 runs, one flux a run, each program with its own reduction and fit (PERFORMANCE.md, case B). maps:
the Crab in 3D, one dataset a run, two bands; gammapy reads our datasets and our fit. flare: gammapy reads our light
curve files of the flare of PKS 2155-304 and gives Fvar and Fpp (configs/pks2155-flare.yaml). spectra: index and
amplitude of each interval of that flare, fitted by both (light_curve.spectral_shape: refit). `PYTHON` is the
interpreter of an environment with ``gammapy==2.1`` and ``regions<0.12``; GAMMAPY_DATA must be set. Exits 1 where a goal
is missed.
"""

import argparse
import json
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from case_a import HERE, own_command, run_process

SPEED_GOAL = {"b": 100.0, "maps": 10.0}
ROOT = HERE.parents[1]
CONFIGS = {
    "b": """\
config_version: 1
general: {{outdir: {outdir}, n_jobs: 1}}
steps: [selection, reduction, model, fit, light_curve]
selection:
  datastore: $GAMMAPY_DATA/hess-dl3-dr1
  cone: {{center: "329.71693 deg, -30.22558 deg", radius: 2 deg}}
reduction:
  on_region: {{circle: {{center: "329.71693 deg, -30.22558 deg", radius: 0.11 deg}}}}
  energy: {{min: 0.1 TeV, max: 40 TeV, per_decade: 10}}
  energy_true: {{min: 0.05 TeV, max: 100 TeV, per_decade: 20}}
  background: {{method: reflected}}
  safe_mask: {{methods: [aeff-max], aeff_percent: 10}}
model:
  sources:
    pks2155: {{spectral: {{type: pl, index: 2, amplitude: 1e-12 cm-2 s-1 TeV-1, reference: 1 TeV}}}}
light_curve: {{source: pks2155, energy_edges: [1 TeV, 20 TeV]}}
""",
    "maps": """\
extends: [{root}/configs/crab-3d.yaml]
general: {{outdir: {outdir}, n_jobs: 1}}
steps: [selection, reduction, model, fit, light_curve]
reduction: {{stack: false}}
light_curve: {{source: crab, energy_edges: [1 TeV, 3 TeV, 10 TeV]}}
""",
    "flare": """\
extends: [{root}/configs/pks2155-flare.yaml]
general: {{outdir: {outdir}, n_jobs: 1}}
steps: [selection, reduction, model, fit, light_curve]
""",
}
CONFIGS["spectra"] = CONFIGS["flare"] + "light_curve: {{spectral_shape: refit}}\n"
SOURCES = {"b": "pks2155", "maps": "crab", "flare": "pks2155", "spectra": "pks2155"}
COLUMNS = ("flux_err", "flux_errp", "flux_errn", "flux_ul")


def run_own(folder: Path, case: str, repeat: int) -> tuple[float, float, Path]:
    """Our analysis, each time into a new folder: best time of the whole process, peak memory, the folder."""
    found = []
    for k in range(repeat):
        outdir, config = folder / f"own-{k}", folder / f"own-{k}.yaml"
        config.write_text(CONFIGS[case].format(outdir=outdir, root=ROOT))
        seconds, memory = run_process(own_command(config))
        found.append((seconds, memory, outdir))
    return min(found)


def step_seconds(outdir: Path) -> dict[str, float]:
    """Wall time of each step, files included."""
    from datetime import datetime  # beside what uses it: nothing heavy, and not needed elsewhere

    times = {}
    for path in outdir.glob("*/manifest.json"):
        manifest = json.loads(path.read_text())
        span = datetime.fromisoformat(manifest["end"]) - datetime.fromisoformat(manifest["start"])
        times[manifest["step"]] = span.total_seconds()
    return times


def compare(outdir: Path, source: str, other: dict[str, Any], in_errors: float) -> list[tuple[str, float, float]]:
    """Rows (what, difference, tolerance)."""
    import numpy as np  # late: memory of the child processes

    from gammapy_hli.engine.products.light_curve import LightCurve

    curve = LightCurve.read(outdir / "light_curve" / f"{source}.fits")
    theirs = {name: np.array(other[name], dtype=float) for name in ("flux", *COLUMNS, "sqrt_ts")}
    away = np.abs(curve.flux.value - theirs["flux"]) / theirs["flux_err"]
    rows = [("flux, in errors", float(np.nanmax(away)), in_errors)]
    for name in COLUMNS:
        mine = curve.quantity("flux", name.removeprefix("flux")).value
        rows.append((f"{name}, relative", float(np.nanmax(np.abs(mine / theirs[name] - 1))), 0.01))
    rows.append(("sqrt_ts, relative", float(np.nanmax(np.abs(curve.sqrt_ts / theirs["sqrt_ts"] - 1))), 0.01))
    rows.append(("points without a flux", float((np.isnan(curve.flux.value) != np.isnan(theirs["flux"])).sum()), 0.0))
    for name in ("fvar", "fpp"):
        mine = getattr(curve.variability, name)
        rows.append((f"{name}, relative", float(np.nanmax(np.abs(mine / np.array(other[name]) - 1))), 0.01))
    return rows


def read_by_gammapy(folder: Path, python: str) -> int:
    """gammapy reads our files and gives our Fvar and Fpp."""
    _, _, outdir = run_own(folder, "flare", 1)
    files = [str(outdir / "light_curve" / f"pks2155.{suffix}") for suffix in ("fits", "ecsv")]
    run_process([python, str(HERE / "gammapy_light_curve.py"), *files])
    print("gammapy reads our light curve files and gives the same Fvar and Fpp (1e-9)")
    return 0


def compare_spectra(folder: Path, python: str, repeat: int) -> int:
    """The spectrum of each interval of the flare, ours and gammapy's."""
    _, _, outdir = run_own(folder, "spectra", repeat)
    import numpy as np  # late: memory of the child processes

    from gammapy_hli.engine.products.light_curve import LightCurve

    curve = LightCurve.read(outdir / "light_curve" / "pks2155.fits")
    members = folder / "members.json"
    members.write_text(json.dumps([names.split() for names in curve.members]))
    files = [str(outdir / "reduction" / "datasets.yaml"), str(outdir / "fit" / "models.yaml")]
    command = [
        python,
        str(HERE / "gammapy_curve.py"),
        str(folder / "other.json"),
        "spectra",
        *files,
        "pks2155",
        str(members),
    ]
    run_process(command)
    other = json.loads((folder / "other.json").read_text())
    spectra, error = curve.spectra, np.array(other["error"])
    rows = [
        ("parameters, in errors", float(np.max(np.abs(spectra.value - other["value"]) / error)), 0.02),
        ("errors, relative", float(np.max(np.abs(spectra.error / error - 1))), 0.02),
        ("stat, ours above gammapy's", float(np.max(spectra.stat - other["stat"])), 0.001),
    ]
    seconds, theirs = step_seconds(outdir)["light_curve"], other["times_s"]["spectra"]
    print(f"{len(curve)} spectra: {seconds:.3f} s with the light curve and files, gammapy {theirs:.3f} s")
    return print_rows(rows)


def print_rows(rows: list[tuple[str, float, float]]) -> int:
    """A table of differences; 1 where one is too large."""
    for what, difference, tolerance in rows:
        print(f"{what:28s} {difference:10.2e} {tolerance:8.0e}  {'ok' if difference <= tolerance else 'FAILS'}")
    return 0 if all(difference <= tolerance for _, difference, tolerance in rows) else 1


def main() -> int:
    """Run both, print the tables, say whether the goals are reached."""
    parser = argparse.ArgumentParser(description="Light curves, gammapy 2.1 and gammapy_hli side by side.")
    parser.add_argument("--gammapy-python", required=True, help="interpreter of an environment with gammapy 2.1")
    parser.add_argument("--case", choices=sorted(CONFIGS), default="b")
    parser.add_argument("--selection", choices=("all", "errors"), default="all", help="columns that gammapy makes (b)")
    parser.add_argument("--repeat", type=int, default=5, help="best of so many runs of ours")
    given = parser.parse_args()
    if "GAMMAPY_DATA" not in os.environ:
        parser.error("set GAMMAPY_DATA to the folder of the data")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.case == "flare":
            return read_by_gammapy(folder, given.gammapy_python)
        if given.case == "spectra":
            return compare_spectra(folder, given.gammapy_python, given.repeat)
        seconds, memory, outdir = run_own(folder, given.case, given.repeat)
        words = ["b", given.selection]
        if given.case == "maps":
            edges = ["1", repr(math.sqrt(10.0)), "10"]
            words = [
                "read",
                str(outdir / "reduction" / "datasets.yaml"),
                str(outdir / "fit" / "models.yaml"),
                "crab",
                *edges,
            ]
        command = [given.gammapy_python, str(HERE / "gammapy_curve.py"), str(folder / "other.json"), *words]
        seconds2, memory2 = run_process(command)
        other = json.loads((folder / "other.json").read_text())
        rows = compare(outdir, SOURCES[given.case], other, 0.01)
        times = step_seconds(outdir)
    ratio = other["times_s"]["light curve"] / times["light_curve"]
    print(f"{'stage':16s} {'gammapy_hli':>12s} {'gammapy 2.1':>12s} {'ratio':>7s}")
    for stage, mine, theirs in (
        ("light curve", times["light_curve"], other["times_s"]["light curve"]),
        ("whole process", seconds, seconds2),
    ):
        print(f"{stage:16s} {mine:10.3f} s {theirs:10.3f} s {theirs / mine:7.1f}")
    print(f"{'peak memory':16s} {memory:9.1f} MB {memory2:9.1f} MB {memory2 / memory:7.1f}\n")
    failed = print_rows(rows)
    is_fast = ratio >= SPEED_GOAL[given.case]
    print(f"\nlight curve at least {SPEED_GOAL[given.case]:g} times faster: {'yes' if is_fast else 'NO'}")
    return 0 if is_fast and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
