"""Do fits of two instruments with nuisances find the truth? Pulls over simulated data; exit code 1 where they do not.

    python tests/bench/check_nuisances.py [--sets 300] [--event-sets 60] [--seed 1]

Two runs of each of two instruments look at one Crab-like source with a curved spectrum. The norm and the energy scale
of the second instrument are drawn anew for each set, from the priors that the fit then has: (fitted - true) / error of
them, and of the spectrum, has mean 0 and width 1. Without nuisances the same data give pulls of the amplitude that are
too wide: that row says how much the nuisances matter, and fails where they do not.

*counts*: counts are drawn from the prediction. *events*: event lists of the second instrument are drawn from the
spectrum that it sees, written, read and reduced. A log-parabola on shifted energies is a log-parabola again, with
other parameters: nothing of this goes through the code that the fit predicts shifts with.
"""

import argparse
import dataclasses
import math
import sys
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from check_statistics import reduce_store
from measured_rows import Judge, Row, print_rows

from gammapy_hli.engine.datasets.datasets import Datasets
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.models.nuisance import Nuisance
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.prior import Prior
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.log_parabola import LogParabolaSpectralModel
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.spectra import simulate_spectrum_datasets
from gammapy_hli.engine.simulate.store import simulate_store

SIGMA_NORM, SIGMA_SCALE = 0.1, 0.15
TRUTH = {"amplitude": 3.85e-11, "alpha": 2.51, "beta": 0.24}
SPECTRAL = tuple(f"crab.spectral.{name}" for name in TRUTH)
NUISANCES = ("two.norm", "two.energy_scale")
JUDGE = Judge(sets=300, n_errors=2, max_shift=0.2, max_width_error=0.15)
TOO_WIDE = 1.3
Drawn = tuple[Datasets, dict[str, float]]


def make_models(**changes: float) -> Models:
    """A log-parabola at 1 TeV."""
    return Models([SkyModel("crab", LogParabolaSpectralModel(reference=1.0, **(TRUTH | changes)))])


def shifted_models(norm: float, scale: float) -> Models:
    """What an instrument sees of the same source: norm (1 + scale) dN/dE at E (1 + scale)."""
    log = math.log1p(scale)
    alpha, beta = TRUTH["alpha"], TRUTH["beta"]
    factor = norm * (1 + scale) * math.exp(-(alpha + beta * log) * log)
    return make_models(amplitude=factor * TRUTH["amplitude"], alpha=alpha + 2 * beta * log)


def make_nuisance(norm: float = 1.0, scale: float = 0.0) -> Nuisance:
    """Of the second instrument, with its priors."""
    priors = (Prior("GaussianPrior", {"mu": mu, "sigma": s}) for mu, s in ((1.0, SIGMA_NORM), (0.0, SIGMA_SCALE)))
    of_norm, of_scale = priors
    return Nuisance(
        "two",
        ("two-1", "two-2"),
        Parameter("norm", norm, min=0.0, prior=of_norm),
        Parameter("energy_scale", scale, min=-0.9, prior=of_scale),
    )


def draw_nuisances(n: int, seed: int) -> Iterator[dict[str, float]]:
    """True values, drawn from the priors."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        norm, scale = rng.normal(1.0, SIGMA_NORM), rng.normal(0.0, SIGMA_SCALE)
        yield {"two.norm": max(norm, 0.5), "two.energy_scale": max(scale, -0.6)}


def named(datasets: Iterable, label: str) -> list:
    """Datasets with names of an instrument."""
    return [dataclasses.replace(each, name=f"{label}-{k}") for k, each in enumerate(datasets, start=1)]


def draw_counts(n: int, seed: int) -> Iterator[Drawn]:
    """Sets whose counts are drawn from the prediction."""
    with tempfile.TemporaryDirectory() as folder:
        simulate_store(Path(folder), SimulationPlan(make_models(), n_runs=4, seed=seed))
        datasets, expected = reduce_store(Path(folder))
    runs = [*named(datasets[:2], "one"), *named(datasets[2:], "two")]
    background = {run.name: values for run, values in zip(runs, expected.values(), strict=True)}
    for number, true in enumerate(draw_nuisances(n, seed)):
        own = make_nuisance(*true.values())
        yield next(simulate_spectrum_datasets(runs, make_models(), 1, 10_000 * seed + number, background, [own])), true


def draw_events(n: int, seed: int) -> Iterator[Drawn]:
    """Sets reduced from event files, those of the second instrument drawn from the spectrum that it sees."""
    with tempfile.TemporaryDirectory() as folder:
        for number, true in enumerate(draw_nuisances(n, seed)):
            parts = []
            for label, models in (("one", make_models()), ("two", shifted_models(*true.values()))):
                start = 1_000_000 * seed + 10 * number + 5 * (label == "two")
                simulate_store(Path(folder), SimulationPlan(models, n_runs=2, seed=start), overwrite=True)
                parts += named(reduce_store(Path(folder))[0], label)
            yield Datasets(parts), true


def rows(sets: Iterable[Drawn], label: str) -> list[Row]:
    """Pulls with nuisances, and the width of that of the amplitude without."""
    truth = make_models()
    values = {name: truth.parameter(name).value for name in SPECTRAL}
    pulls: dict[str, list[float]] = {name: [] for name in (*SPECTRAL, *NUISANCES)}
    naive = []
    for datasets, drawn in sets:
        result = fit(datasets, truth, nuisances=[make_nuisance()])
        if not result.success:
            continue
        for name, true in (values | drawn).items():
            pulls[name].append((result[name].value - true) / result[name].error)
        plain = fit(datasets, truth)[SPECTRAL[0]]
        naive.append((plain.value - values[SPECTRAL[0]]) / plain.error)
    columns = {name: np.array(column) for name, column in pulls.items()}
    without = float(np.std(naive))
    what = f"{label}: width of the amplitude without nuisances, too wide"
    return [
        *JUDGE.pull_rows(label, columns),
        Row(what, without, without * (2 * len(naive)) ** -0.5, TOO_WIDE + 10, 10),  # anything above
    ]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--sets", type=int, default=300, help="data sets drawn from predicted counts")
    parser.add_argument("--event-sets", type=int, default=60, help="data sets drawn as event lists")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    jobs = (("counts", draw_counts, options.sets), ("events", draw_events, options.event_sets))
    return print_rows(partial(rows, draw(n, options.seed), label) for label, draw, n in jobs)


if __name__ == "__main__":
    sys.exit(main())
