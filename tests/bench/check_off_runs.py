"""Simulated stores with off runs of their own: whether the flux comes back, and its error is right.

python tests/bench/check_off_runs.py --n 40

Each simulation draws a store with the source and one without, pairs their runs, and fits the amplitude of the true
spectrum. A pull is (fitted - true) / error; over many simulations its mean is 0 and its width 1.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord

from gammapy_hli import Analysis
from gammapy_hli.engine.models.models_yaml import parse_short
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.store import simulate_store

TRUE = 3.85e-11
SHAPE = {"type": "lp", "alpha": 2.51, "beta": 0.24, "reference": "1 TeV"}
FROZEN = {"alpha": {"value": 2.51, "frozen": True}, "beta": {"value": 0.24, "frozen": True}}


def simulate(folder: Path, seed: int, n_runs: int, n_off: int) -> None:
    """A store with the source, and one of empty sky."""
    for name, amplitude, center, first, n in (
        ("on", TRUE, SkyCoord(83.633, 22.0145, unit="deg"), 1, n_runs),
        ("off", 1e-30, SkyCoord(40, -20, unit="deg"), 1001, n_off),
    ):
        models = parse_short({"crab": {"spectral": {**SHAPE, "amplitude": f"{amplitude} cm-2 s-1 TeV-1"}}})
        draw = 2 * seed + (name == "off")
        plan = SimulationPlan(models=models, target=center, n_runs=n, seed=draw, first_obs_id=first)
        simulate_store(folder / name, plan)


def fit(folder: Path, normalization: str, alignment: str) -> tuple[float, float]:
    """Fitted amplitude and its error."""
    options = {
        "general.outdir": str(folder / "out"),
        "general.store": False,
        "selection.datastore": str(folder / "on"),
        "reduction.on_region": {"circle": {"center": "83.633 deg, 22.0145 deg", "radius": "0.11 deg"}},
        "reduction.safe_mask": {"methods": ["aeff-max"], "aeff_percent": 10},
        "reduction.background": {
            "method": "off-runs",
            "off_runs": {"datastore": str(folder / "off"), "normalization": normalization, "alignment": alignment},
        },
        "model.sources": {
            "crab": {"spectral": {**SHAPE, **FROZEN, "amplitude": "2e-11 cm-2 s-1 TeV-1"}},
        },
    }
    result = Analysis(options).run(until="fit").fit_result
    amplitude = result["crab.spectral.amplitude"]
    return amplitude.value, amplitude.error


def main() -> None:
    """Print a table of pulls."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=40, help="number of simulations")
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    parser.add_argument("--n-runs", type=int, default=3)
    parser.add_argument("--n-off", type=int, default=6)
    arguments = parser.parse_args()
    pulls: dict[tuple[str, str], list[float]] = {
        ("livetime", "radec"): [], ("background", "radec"): [], ("livetime", "altaz"): []
    }  # fmt: skip
    for seed in range(arguments.seed, arguments.seed + arguments.n):
        with tempfile.TemporaryDirectory() as name:
            simulate(Path(name), seed, arguments.n_runs, arguments.n_off)
            for key, found in pulls.items():
                value, error = fit(Path(name), *key)
                found.append((value - TRUE) / error)
    print(f"{arguments.n} simulations of {arguments.n_runs} runs with {arguments.n_off} off runs")
    print("| normalization | alignment | mean pull | width |\n|---|---|---|---|")
    for (normalization, alignment), found in pulls.items():
        mean, width = np.mean(found), np.std(found, ddof=1)
        print(f"| {normalization} | {alignment} | {mean:.2f} ± {width / np.sqrt(len(found)):.2f} | {width:.2f} |")


if __name__ == "__main__":
    main()
