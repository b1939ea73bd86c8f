"""Does a run that is killed at any moment go on, and end with the same bytes as one that nothing disturbs?

    python tests/bench/check_kill.py [--moments 50] [--seed 1] [--folder FOLDER] [--chains 1d 3d]

Simulates a store and runs two chains of all steps, spectra with flux points, light curve and page, and maps with a 3D
fit, flux points, maps and page. Each is then killed at random moments (fixed seed): at a random time by a signal from
outside, or from inside just before a call of the system that changes the output folder (in the middle of writes; now
and then with the second half of the file cut off). Half of the signals are SIGTERM, half SIGKILL, some moments are
followed by a second one before the run may end, half of the runs have two processes, which add up maps in blocks of
runs. The next ``run`` must go on; its products are compared byte for byte with those of the undisturbed run. Prints a
table; exits 1 where anything differs.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RECORDS = {"manifest.json", "provenance.json", "history.jsonl", "log.txt", "config.yaml", ".hashes.json"}
"""What tells of times and of how the products were made; not products."""
SECONDS = 0.2  # after which a sum of maps is kept here
BLOCK = 3  # runs that are added up by a worker here, so that twelve are some blocks
MODEL = """\
model:
  sources:
    crab:
      spectral: {type: pl, amplitude: 1e-11 cm-2 s-1 TeV-1, index: 2, reference: 1 TeV}
"""
CHAINS = {
    "1d": f"""\
config_version: 1
general: {{outdir: out}}
steps: [selection, reduction, model, fit, flux_points, light_curve, report]
selection: {{datastore: store}}
reduction:
  on_region: {{circle: {{center: "83.633 deg, 22.0145 deg", radius: 0.11 deg}}}}
  energy: {{min: 0.1 TeV, max: 40 TeV, per_decade: 5}}
  energy_true: {{min: 0.05 TeV, max: 100 TeV, per_decade: 10}}
  safe_mask: {{methods: [aeff-max], aeff_percent: 10}}
{MODEL}
flux_points: {{energy: {{min: 0.1 TeV, max: 40 TeV, per_decade: 2}}}}
light_curve: {{intervals: runs}}
""",
    "3d": f"""\
config_version: 1
general: {{outdir: out}}
steps: [selection, reduction, model, fit, flux_points, maps, report]
selection: {{datastore: store, required_irfs: [aeff, edisp, psf, bkg]}}
reduction:
  type: map
  geometry: {{center: "83.633 deg, 22.0145 deg", width: [4 deg, 4 deg], pixel: 0.05 deg}}
  energy: {{min: 0.5 TeV, max: 20 TeV, nbins: 5}}
  energy_true: {{min: 0.3 TeV, max: 40 TeV, nbins: 8}}
  background: {{method: fov}}
  safe_mask: {{methods: [offset-max], offset_max: 2.5 deg}}
{MODEL}      spatial: {{type: point, lon_0: 83.633 deg, lat_0: 22.0145 deg}}
flux_points: {{source: crab, energy: {{min: 0.5 TeV, max: 20 TeV, nbins: 2}}}}
maps: {{products: [excess, significance, residual]}}
""",
}


@dataclass(frozen=True)
class Moment:
    """When a run is ended, and how.

    Attributes
    ----------
    signal : str
    seconds : float or None
        After the start; else ``call`` counts.
    call : int or None
        Number of the call of the system, from 1.
    torn : bool
        Whether the file that an fsync was called for loses its second half.
    n_jobs : int
    """

    signal: str
    seconds: float | None = None
    call: int | None = None
    torn: bool = False
    n_jobs: int = 1

    def __str__(self) -> str:
        when = f"{self.seconds:.2f} s" if self.seconds is not None else f"call {self.call}"
        return when + (", torn" if self.torn else "") + (f", {self.n_jobs} processes" if self.n_jobs > 1 else "")


@dataclass
class Undisturbed:
    """A chain that ran to its end.

    Attributes
    ----------
    folder : path
        Working directory, with the store, ``chain.yaml`` and ``whole/``.
    products : dict of str
        Hash of every product by name.
    seconds : float
    calls : list of str
    """

    folder: Path
    products: dict[str, str]
    seconds: float
    calls: list[str]


@dataclass
class Trial:
    """What became of one moment."""

    moments: list[Moment]
    codes: list[int] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    resumed: str = ""
    faults: list[str] = field(default_factory=list)


def products_of(folder: Path) -> dict[str, str]:
    """Hash of every product below an output folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in RECORDS and ".items" not in path.parts
    }


def leftovers(folder: Path) -> list[str]:
    """Temporary files, unfinished folders and locks."""
    names = (str(path.relative_to(folder)) for path in folder.rglob("*") if ".items" not in path.parts)
    return [name for name in names if name.endswith((".part", ".lock")) or ".new-" in name or ".old-" in name]


def command(outdir: Path, spec: dict[str, Any], *words: str) -> list[str]:
    """The command line of a run under watch."""
    spec = {"outdir": str(outdir), "seconds": SECONDS, "block": BLOCK, **spec}
    own = ["run", "-c", "chain.yaml", "--outdir", str(outdir), "--no-progress"]
    return [sys.executable, str(HERE / "killed_run.py"), json.dumps(spec), *own, *words]


def run_undisturbed(folder: Path, chain: str) -> Undisturbed:
    """Run a chain to its end."""
    (folder / "chain.yaml").write_text(CHAINS[chain], encoding="utf-8")
    start = time.monotonic()
    called = command(folder / "whole", {"count": str(folder / "calls.txt")})
    done = subprocess.run(called, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    if done.returncode != 0:
        raise SystemExit(f"{done.stderr}\nthe undisturbed run ended with {done.returncode}")
    return Undisturbed(folder, products_of(folder / "whole"), seconds, (folder / "calls.txt").read_text().splitlines())


def random_moment(rng: random.Random, whole: Undisturbed) -> Moment:
    """A time from outside, or a call from inside."""
    name = rng.choice(["SIGTERM", "SIGKILL"])
    n_jobs = rng.choice([1, 2])
    if rng.random() < 0.4:
        return Moment(name, seconds=rng.uniform(0.2, 1.0) * whole.seconds, n_jobs=n_jobs)
    torn = rng.random() < 0.3
    calls = [n for n, call in enumerate(whole.calls, 1) if not torn or call.startswith("fsync")]
    return Moment("SIGKILL" if torn else name, call=rng.choice(calls), torn=torn, n_jobs=n_jobs)


def go_on(whole: Undisturbed, outdir: Path) -> "subprocess.CompletedProcess[str]":
    """The next run."""
    return subprocess.run(
        command(outdir, {}), cwd=whole.folder, capture_output=True, text=True, check=False, timeout=300
    )


def try_moments(
    whole: Undisturbed,
    outdir: Path,
    moments: list[Moment],
    next_run: Callable[[Undisturbed, Path], "subprocess.CompletedProcess[str]"] = go_on,
) -> Trial:
    """End a new run at each moment in turn, then let it go on to its end and compare."""
    trial = Trial(moments)
    for moment in moments:
        code, said = _killed(whole, outdir, moment)
        trial.codes.append(code)
        trial.where.append(_step_at_work(outdir))
        expected = {"SIGTERM": (143, -signal.SIGTERM, 0), "SIGKILL": (-signal.SIGKILL, 0)}[moment.signal]
        if code not in expected or "Traceback" in said:
            trial.faults.append(f"exit code {code}: {said[-500:]}")
        if code == 143:
            trial.faults += [f"left behind: {name}" for name in leftovers(outdir)]
            has_begun = (outdir / "history.jsonl").exists()
            trial.faults += ["no provenance.json"] if has_begun and not (outdir / "provenance.json").exists() else []
    done = next_run(whole, outdir)
    trial.resumed = _resumed(done)
    if done.returncode != 0:
        trial.faults.append(f"the next run ended with {done.returncode}: {done.stderr[-500:]}")
        return trial
    found = products_of(outdir)
    differing = [name for name in {*found, *whole.products} if found.get(name) != whole.products.get(name)]
    trial.faults += [f"differs: {name}" for name in differing]
    trial.faults += [f"left behind: {name}" for name in leftovers(outdir)]
    return trial


def _killed(whole: Undisturbed, outdir: Path, moment: Moment) -> tuple[int, str]:
    spec: dict[str, Any] = {"signal": moment.signal, "torn": moment.torn}
    if moment.call is not None:
        spec["at"] = moment.call
    words = ["--n-jobs", str(moment.n_jobs)]
    process = subprocess.Popen(
        command(outdir, spec, *words), cwd=whole.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    if moment.seconds is not None:
        try:
            process.wait(moment.seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.Signals[moment.signal])
    try:
        _, said = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        return -1, "it did not end within 120 s"
    return process.returncode, said


def _step_at_work(outdir: Path) -> str:
    """The step that had begun last and had not ended."""
    try:
        lines = [json.loads(line) for line in (outdir / "history.jsonl").read_text().splitlines() if line.endswith("}")]
    except OSError:
        return "before the first step"
    last = lines[-1] if lines else {}
    is_over = last.get("event") == "end" and last.get("status") == "complete"
    return f"after {last['step']}" if is_over else str(last.get("step", "before the first step"))


def _resumed(done: subprocess.CompletedProcess[str]) -> str:
    """What the next run did: how many steps, and how many runs it took from before."""
    steps = [line.split()[0] for line in done.stdout.splitlines() if " done" in line]
    taken = [line for line in done.stderr.splitlines() if "runs are" in line]
    runs = f" ({taken[0].partition('reduction: ')[2].partition(' runs')[0]} runs kept)" if taken else ""
    return (f"{steps[0]} to {steps[-1]}" if len(steps) > 1 else "".join(steps) or "nothing") + runs


def row(number: int, chain: str, trial: Trial) -> str:
    """A line of the table."""
    moments = " + ".join(f"{moment} ({moment.signal})" for moment in trial.moments)
    codes = ", ".join(str(128 - code if code < 0 else code) for code in trial.codes)
    equal = "yes" if not trial.faults else "NO: " + "; ".join(trial.faults)
    return f"| {number} | {chain} | {moments} | {', '.join(trial.where)} | {codes} | {trial.resumed} | {equal} |"


def simulate(folder: Path, n_runs: int) -> None:
    """A store of short runs."""
    words = ["simulate", str(folder / "store"), "--n_runs", str(n_runs), "--livetime", "5 min", "--seed", "3"]
    subprocess.run([sys.executable, "-m", "gammapy_hli", *words], check=True, stdout=subprocess.DEVNULL)
    hour_ago = time.time() - 3600  # hashes of files of this moment are not remembered, which shifts the calls
    for path in (folder / "store").rglob("*"):
        os.utime(path, (hour_ago, hour_ago))


def main() -> int:
    """Try all moments, print the table, say whether all are equal."""
    parser = argparse.ArgumentParser(description="Runs that are killed at random moments go on to the same bytes.")
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--runs", type=int, default=12, help="runs of the store")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chains", nargs="+", default=list(CHAINS), choices=list(CHAINS))
    parser.add_argument("--folder", type=Path, help="where to work, kept; by default a temporary folder")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as name:
        folder = (given.folder or Path(name)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        rng, n_equal, number = random.Random(given.seed), 0, 0
        print("| | chain | moment | at work | exit code | the next run does | equal |\n|---|---|---|---|---|---|---|")
        for chain, share in zip(given.chains, _shares(given.moments, len(given.chains)), strict=True):
            place = folder / chain
            place.mkdir(exist_ok=True)
            if not (place / "store").exists():
                simulate(place, given.runs)
            whole = run_undisturbed(place, chain)
            for _ in range(share):
                number += 1
                trial = _killed_trial(whole, place, number, rng)
                n_equal += not trial.faults
                print(row(number, chain, trial), flush=True)
    print(f"\n{n_equal} of {given.moments} moments: equal")
    return 0 if n_equal == given.moments else 1


def _killed_trial(whole: Undisturbed, place: Path, number: int, rng: random.Random) -> Trial:
    """A trial whose moments all came before the run had ended; others are drawn again."""
    for attempt in range(20):
        moments = [random_moment(rng, whole) for _ in range(2 if rng.random() < 0.2 else 1)]
        trial = try_moments(whole, place / f"out{number}-{attempt}", moments)
        if 0 not in trial.codes or trial.faults:
            break
    return trial


def _shares(total: int, parts: int) -> list[int]:
    return [total // parts + (number < total % parts) for number in range(parts)]


if __name__ == "__main__":
    sys.exit(main())
