"""Do light curves give back what was simulated? Flares through events, constant sources through counts.

    python tests/bench/check_light_curves.py [--flares 40] [--constants 200] [--only flare|constant|period]

flare: stores whose gamma rays follow a known profile (exponential rise and fall); events are selected, cut into
intervals of 4 min, reduced and fitted. The pulls of the fluxes must be standard normal, the doubling and halving times
unbiased within their errors. constant: on-off counts of a constant source, 20 to 200 an interval; the p-values of the
test against a constant must be uniform (Kolmogorov-Smirnov p > 0.01), for the light curve and for the folded one.
period: false alarm probabilities of constant sources, and how often a sine of a period is found. Seeds are fixed. Exits
1 where something is not as it should be.
"""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
from scipy.stats import kstest

from gammapy_hli.analysis import Analysis
from gammapy_hli.engine.datasets.spectrum import SpectrumDatasetOnOff
from gammapy_hli.engine.dl3.ephemeris import Ephemeris
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.dl3.time_reference import DEFAULT_REFERENCE
from gammapy_hli.engine.estimate.folding import Folding
from gammapy_hli.engine.estimate.light_curve import estimate_light_curve
from gammapy_hli.engine.estimate.periodogram import PeriodogramPlan
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.spectra import simulate_spectrum_datasets

sys.path.append(str(Path(__file__).resolve().parents[1] / "oracle"))
from flare_store import Flare, simulate_flare

Rows = list[tuple[str, float, str, bool]]
FLARE = Flare(base=0.1, start=2400.0, peak=2880.0, stop=3360.0)
"""Two intervals up and two down: one pair of neighbors lies in the rise. Where several do, noise chooses the shortest
of their doubling times, which is then too short by about an error."""
SLOW = Flare(base=0.1, start=2400.0, peak=3600.0, stop=4800.0)
SKEWNESS = -0.04
"""Mean pull of Poisson counts with errors of the likelihood, on the side of the truth: -0.056 for 20, -0.028 for 70."""
EDGES = ["0.3 TeV", "1 TeV", "20 TeV"]
LENGTH = 240.0


def run_flare(folder: Path, seed: int, profile: Flare = FLARE) -> tuple[Any, np.ndarray]:
    """The light curve of a simulated flare, and the true fluxes [cm-2 s-1], (n_time, n_energy)."""
    source = SkyModel("crab", PowerLawSpectralModel(index=2.6, amplitude=6e-10))
    plan = SimulationPlan(Models(source), n_runs=4, gap=0 * u.s, livetime=26.04 * u.min, seed=seed)
    simulate_flare(folder, plan, profile)
    options = {
        "general.store": False,
        "steps": ["selection", "reduction", "model", "fit", "light_curve"],
        "selection": {"datastore": str(folder), "intervals": {"length": f"{LENGTH} s", "number": 28}},
        "reduction": {
            "on_region": "icrs;circle(83.633,22.0145,0.11)",
            "energy": {"min": "0.3 TeV", "max": "20 TeV", "per_decade": 8},
            "energy_true": {"min": "0.1 TeV", "max": "60 TeV", "per_decade": 20},
        },
        "model.sources": {"crab": {"spectral": {"type": "pl", "index": 2.6, "amplitude": "3e-11 cm-2 s-1 TeV-1"}}},
        "light_curve.energy_edges": EDGES,
    }
    curve = Analysis(options).run().product_of("light_curve")
    start = (np.asarray(curve.tstart.utc.unix) - plan.start.utc.unix).astype(float)
    peak = source.spectral.integral(curve.e_min * u.TeV, curve.e_max * u.TeV).to_value("cm-2 s-1")
    return curve, profile.mean(start, start + LENGTH)[:, np.newaxis] * peak


def pulls_of(curve: Any, truth: np.ndarray) -> np.ndarray:
    """Differences from the truth in errors, of the side that it is on, (n_time, n_energy)."""
    flux, up, down = (curve.quantity("flux", end).value for end in ("", "_errp", "_errn"))
    return (flux - truth) / np.where(truth > flux, up, down)


def check_flares(n: int) -> Rows:
    """Pulls of fluxes, of doubling and halving times."""
    pulls, sums, doubling, halving, slow = [], [], [], [], []
    with tempfile.TemporaryDirectory() as name:
        for seed in range(n):
            curve, truth = run_flare(Path(name) / str(seed), seed)
            pulls.append(pulls_of(curve, truth))
            sums.append([curve.flux.value.sum(), truth.sum(), np.sum(curve.flux_err.value**2)])
            numbers = curve.variability
            doubling.append((numbers.doubling_time - FLARE.doubling_time) / numbers.doubling_time_err)
            halving.append((numbers.halving_time - FLARE.halving_time) / numbers.halving_time_err)
            numbers = run_flare(Path(name) / f"{seed}-slow", seed, SLOW)[0].variability
            slow.append((numbers.doubling_time - SLOW.doubling_time) / numbers.doubling_time_err)
    flat = np.concatenate([each.ravel() for each in pulls])
    flux, true, square = np.sum(sums, axis=0)
    rows: Rows = [
        _near("flare: sum of fluxes / truth - 1", flux / true - 1, 0.0, 3 * np.sqrt(square) / true),
        _near("flare: pulls of fluxes, mean", flat.mean(), SKEWNESS, 3 / np.sqrt(flat.size)),
        _near("flare: pulls of fluxes, width", flat.std(), 1.0, 3 / np.sqrt(2 * flat.size)),
    ]
    for what, values in (("doubling", np.array(doubling)), ("halving", np.array(halving))):
        inside = np.abs(values) < 2
        rows.append(_near(f"flare: {what} time, pulls, mean", values.mean(), 0.0, 0.5))
        rows.append(_near(f"flare: {what} time, pulls, width", values.std(), 1.0, 0.3))
        rows.append((f"flare: {what} time within 2 errors", inside.mean(), "> 0.88", bool(inside.mean() > 0.88)))
    rows.append(("flare with 4 pairs in the rise: pulls, mean", float(np.nanmean(slow)), "for information", True))
    return rows


def constant_runs(n_runs: int, counts: float) -> tuple[list[SpectrumDatasetOnOff], Models]:
    """Datasets of half an hour that expect a number of counts, a quarter of them background, and their model."""
    energy = Axis.from_energy_bounds(0.5 * u.TeV, 20 * u.TeV, nbin=10, name="energy")
    true = Axis.from_energy_bounds(0.5 * u.TeV, 20 * u.TeV, nbin=10, name="energy_true")
    exposure = u.Quantity(np.full(10, 1.0), "m2 s")
    shape = PowerLawSpectralModel(index=2.5, amplitude=1e-11)
    weight = shape.integral(true.edges[:-1], true.edges[1:]).to_value("m-2 s-1")
    exposure = exposure * 0.75 * counts / weight.sum()
    background = 0.25 * counts * weight / weight.sum()
    datasets = []
    for k in range(n_runs):
        dataset = SpectrumDatasetOnOff(
            name=str(k), energy=energy, energy_true=true, counts=np.zeros(10), exposure=exposure, edisp=np.eye(10),
            edisp_exposure=exposure, mask_safe=np.ones(10, dtype=bool), livetime=1800 * u.s,
            gti=Gti([3600.0 * k], [3600.0 * k + 1800]), meta={"OBS_ID": [k]}, acceptance=np.ones(10),
            acceptance_off=np.full(10, 8.0), counts_off=background * 8,
        )  # fmt: skip
        datasets.append(dataset)
    return datasets, Models(SkyModel("crab", shape))


def check_constants(n: int) -> Rows:
    """p-values of a constant source, by intervals and by phases."""
    rows: Rows = []
    folding = Folding(Ephemeris(DEFAULT_REFERENCE, 1 / 40000), np.linspace(0, 1, 6))
    for counts in (20.0, 50.0, 200.0):
        datasets, models = constant_runs(24, counts)
        background = {dataset.name: dataset.counts_off / 8 for dataset in datasets}
        curves = [
            estimate_light_curve(drawn, models, "crab", folding=folding)
            for drawn in simulate_spectrum_datasets(datasets, models, n, seed=int(counts), background=background)
        ]
        for what, p_values in (
            ("intervals", [curve.variability.p_value[0] for curve in curves]),
            ("phases", [curve.folded.p_value[0] for curve in curves]),
        ):
            chance = float(kstest(p_values, "uniform").pvalue)
            rows.append((f"constant, {counts:g} counts: p of {what}, KS p", chance, "> 0.01", chance > 0.01))
        truth = models["crab"].spectral.integral(0.5 * u.TeV, 20 * u.TeV).to_value("cm-2 s-1")
        flux = np.concatenate([curve.flux.value.ravel() for curve in curves])
        bias, error = flux.mean() / truth - 1, flux.std() / truth / np.sqrt(flux.size)
        rows.append(_near(f"constant, {counts:g} counts: mean flux / truth - 1", bias, 0.0, 3 * error))
    return rows


def check_periods(n: int) -> Rows:
    """False alarm probabilities without a period, and the period of a modulated source."""
    datasets, models = constant_runs(60, 100.0)
    background = {dataset.name: dataset.counts_off / 8 for dataset in datasets}
    alarms = [
        estimate_light_curve(drawn, models, "crab", periodogram=PeriodogramPlan()).periodogram.false_alarm[0]
        for drawn in simulate_spectrum_datasets(datasets, models, n, seed=5, background=background)
    ]
    part = float(np.mean(np.array(alarms) < 0.1))
    rows = [_near("period: constant sources below a chance of 0.1", part, 0.1, 3 * np.sqrt(0.09 / n))]
    period = 25000.0
    modulated = [
        replace(dataset, exposure=dataset.exposure * (1 + 0.5 * np.sin(2 * np.pi * (3600 * k + 900) / period)))
        for k, dataset in enumerate(datasets)
    ]
    found = []
    for drawn in simulate_spectrum_datasets(modulated, models, n // 4, seed=6, background=background):
        plain = [replace(each, exposure=one.exposure) for each, one in zip(drawn, datasets, strict=True)]
        curve = estimate_light_curve(plain, models, "crab", periodogram=PeriodogramPlan())
        found.append(float(curve.periodogram.best_period[0]))
    off = np.array(found) / period - 1
    rows.append(
        _near("period: mean of the periods found / truth - 1", off.mean(), 0.0, 4 * off.std() / np.sqrt(off.size))
    )
    return rows


def _near(what: str, value: float, wanted: float, tolerance: float) -> tuple[str, float, str, bool]:
    return what, float(value), f"{wanted:g} ± {tolerance:.2g}", bool(abs(value - wanted) <= tolerance)


def main() -> int:
    """Run the checks and print a table."""
    parser = argparse.ArgumentParser(description="Simulated light curves: fluxes, times, chances.")
    parser.add_argument("--flares", type=int, default=40, help="number of simulated flares")
    parser.add_argument("--constants", type=int, default=200, help="number of constant sources")
    parser.add_argument("--only", choices=("flare", "constant", "period"), help="one part only")
    given = parser.parse_args()
    parts = {
        "flare": lambda: check_flares(given.flares),
        "constant": lambda: check_constants(given.constants),
        "period": lambda: check_periods(given.constants),
    }
    rows = [row for name, check in parts.items() if given.only in (None, name) for row in check()]
    for what, value, wanted, is_good in rows:
        print(f"{what:52s} {value:10.4f}   wanted {wanted:16s} {'ok' if is_good else 'FAILS'}")
    return 0 if all(is_good for *_, is_good in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
