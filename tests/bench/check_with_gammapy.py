"""Does gammapy 2.1 read what we write, and get our numbers? A table of answers; exit code 1 where one is no.

    python tests/bench/check_with_gammapy.py --gammapy-python PYTHON [--only spectra|maps]
        [--config configs/crab-1d.yaml] [--map-config configs/crab-3d.yaml]

`PYTHON` is the interpreter of an environment with ``gammapy==2.1`` and ``regions<0.12``. Runs the analysis of the
configuration into a temporary folder and asks gammapy (`gammapy_reads.py`) for predicted counts and statistic of our
GADF and OGIP datasets with our models files (at the best fit and at given parameters), for the parameters of the
models files, for the columns of the flux points, and for Fvar and Fpp of a light curve. Further cases: the stacked
dataset, a background from the response files (cash), more spectral models, and a simulated store, which needs no data:
without GAMMAPY_DATA it is all that is checked. Maps are in check_maps.py: there, files that gammapy wrote are read by
us too.

An OGIP response matrix is float32: there, gammapy is compared with our own reading of the same OGIP file, and the
distance of that to the GADF file is listed besides.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.units import Quantity
from check_maps import MapQuestions, analyses

from gammapy_hli.analysis import Analysis
from gammapy_hli.engine.datasets.datasets_yaml import read_datasets, write_datasets
from gammapy_hli.engine.datasets.ogip import read_ogip, write_ogip
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.models.models_yaml import parse_short, read_models, write_models
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.products.flux_points import COLUMNS, REFERENCE_UNITS, FluxPoints
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.store import simulate_store

HERE = Path(__file__).resolve().parent
STAT, NPRED, EXACT = 1e-6, 1e-5, 1e-12
AMPLITUDE = "4.3e-11 cm-2 s-1 TeV-1"
STATED = {
    "stated cutoff": {
        "type": "ecpl",
        "index": 2.27,
        "amplitude": "4.8e-11 cm-2 s-1 TeV-1",
        "lambda_": "0.12 TeV-1",
        "reference": "1 TeV",
    },
    "stated power law": {"type": "pl", "index": 2.63, "amplitude": AMPLITUDE, "reference": "1 TeV"},
    "log-parabola": {"type": "lp", "amplitude": AMPLITUDE, "alpha": 2.31, "beta": 0.2, "reference": "1 TeV"},
    "broken power law": {"type": "bpl", "index1": 2.3, "index2": 3.1, "amplitude": AMPLITUDE, "ebreak": "2.1 TeV"},
    "super cutoff": {
        "type": "secpl-3fgl",
        "amplitude": AMPLITUDE,
        "index_1": 2.1,
        "index_2": 0.8,
        "ecut": "9 TeV",
        "reference": "1 TeV",
    },
}


@dataclass
class Row:
    """One answer."""

    case: str
    what: str
    difference: float
    tolerance: float
    note: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the difference is allowed; nan is not."""
        return self.difference <= self.tolerance


@dataclass
class Job:
    """What gammapy is asked, and what we have ourselves."""

    folder: Path
    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    own: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    models: dict[str, Models] = field(default_factory=dict)
    flux_points: dict[str, FluxPoints] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def ask(self, name: str, datasets: Sequence[SpectrumDataset], files: Sequence[Path], models: Path) -> None:
        """Predicted counts and statistic of datasets that stand in files, with a models file."""
        self.cases[name] = {"files": [str(file) for file in files], "models": str(models)}
        self.own[name] = evaluate(datasets, read_models(models))

    def ask_both(self, name: str, listed: Path, models: Path, ogip: Sequence[Path]) -> None:
        """The same of a datasets.yaml and of OGIP files; their distance is listed."""
        datasets = list(read_datasets(listed))
        self.ask(f"{name}, GADF", datasets, [listed], models)
        if ogip:
            self.ask(f"{name}, OGIP", [read_ogip(path) for path in ogip], ogip, models)
            pairs = list(zip(self.own[f"{name}, GADF"], self.own[f"{name}, OGIP"], strict=True))
            npred = max(largest(one["npred"], other["npred"]) for one, other in pairs)
            note = "float32 of the OGIP response matrix, ours against ours"
            self.rows.append(Row(f"{name}, OGIP", "npred against GADF", npred, NPRED, note))

    def write_stated(self, name: str) -> Path:
        """A models file with one of the given spectra."""
        path = self.folder / f"{name.replace(' ', '-')}.yaml"
        if not path.exists():
            write_models(parse_short({"crab": {"spectral": STATED[name]}}), path)
        return path


def evaluate(datasets: Sequence[SpectrumDataset], models: Models) -> list[dict[str, Any]]:
    """Our counts, predicted counts and statistic of every dataset."""
    found = []
    for dataset in datasets:
        likelihood = compile([dataset], models)
        off = getattr(dataset, "counts_off", None)
        row = {"name": dataset.name, "type": type(dataset).__name__, "counts": float(dataset.counts.sum())}
        row |= {"counts_off": None if off is None else float(off.sum()), "safe": dataset.mask_safe.tolist()}
        row["npred"] = likelihood.npred(likelihood.theta0)[dataset.name]
        row["stat"] = likelihood.stat(likelihood.theta0)
        found.append(row)
    return found


def largest(one: Any, other: Any) -> float:
    """Largest relative difference; bins below 1e-12 of the peak are taken as nothing."""
    first, second = np.asarray(one, float), np.asarray(other, float)
    is_empty = np.isnan(first) & np.isnan(second) | (first == second)
    floor = 1e-12 * np.nanmax(np.abs(second), initial=0.0)
    with np.errstate(all="ignore"):
        away = np.abs(first - second) / np.maximum(np.abs(second), floor)
    return float(np.max(np.where(is_empty, 0.0, np.where(np.isnan(away), np.inf, away)), initial=0.0))


def prepare_products(job: Job, analysis: Analysis) -> None:
    """Ask for the models file and the flux points of an analysis."""
    outdir = analysis.general.outdir
    job.models[str(outdir / "fit" / "models.yaml")] = analysis.fit_result.models
    for path in sorted((outdir / "flux_points").glob("*.*s*")):
        if path.suffix in (".fits", ".ecsv"):
            job.flux_points[str(path)] = analysis.product_of("flux_points")


def prepare_analysis(job: Job, name: str, analysis: Analysis) -> None:
    """Ask for everything that an analysis wrote: joint, stacked, more models, models files, flux points."""
    outdir = analysis.general.outdir
    listed, ogip = outdir / "reduction" / "datasets.yaml", sorted((outdir / "reduction" / "ogip").glob("*[0-9].fits"))
    fitted = outdir / "fit" / "models.yaml"
    job.ask_both(f"{name} best fit", listed, fitted, ogip)
    for model in STATED:
        job.ask_both(f"{name} {model}", listed, job.write_stated(model), ogip)
    stacked = read_datasets(listed).stack()
    folder = job.folder / f"{name}-stacked"
    files = [] if stacked.statistic == "cash" else [write_ogip(stacked, folder)]
    job.ask_both(f"{name} stacked", write_datasets([stacked], folder), fitted, files)
    prepare_products(job, analysis)


def prepare(job: Job, config: Path) -> None:
    """Run our analyses of spectra and collect the questions."""
    options: dict[str, Any] = {
        "general.outdir": job.folder / "simulated",
        "selection.datastore": job.folder / "store",
        "reduction.on_region": {"circle": {"center": "83.633 deg, 22.0145 deg", "radius": "0.11 deg"}},
        "model.sources": {"crab": {"spectral": STATED["log-parabola"]}},
        "flux_points.sensitivity": True,
    }
    analysis = Analysis(options).run(until="flux_points")
    prepare_analysis(job, "simulated", analysis)
    options |= {"general.outdir": job.folder / "simulated-irf", "reduction.background.method": "irf"}
    prepare_analysis(job, "simulated irf", Analysis(options).run(until="flux_points"))
    if not os.environ.get("GAMMAPY_DATA"):
        print("GAMMAPY_DATA is not set: only the simulated store is checked")
        return
    outdir = {"general.outdir": job.folder / "config"}
    prepare_analysis(job, config.stem, Analysis(config, outdir).run(until="flux_points"))
    cash = {"general.outdir": job.folder / "config-irf", "reduction.background.method": "irf"}
    prepare_analysis(job, f"{config.stem} irf", Analysis(config, cash).run(until="flux_points"))


def check_light_curve(job: Job, python: str) -> None:
    """gammapy reads the files of a light curve in two bands and gives the Fvar and Fpp of their header."""
    options: dict[str, Any] = {
        "general.outdir": job.folder / "curve",
        "steps": ["selection", "reduction", "model", "fit", "light_curve"],
        "selection": {"datastore": job.folder / "store", "intervals": {"length": "5 min"}},
        "reduction.on_region": {"circle": {"center": "83.633 deg, 22.0145 deg", "radius": "0.11 deg"}},
        "model.sources": {"crab": {"spectral": STATED["stated power law"]}},
        "light_curve.energy_edges": ["0.3 TeV", "1 TeV", "20 TeV"],
    }
    Analysis(options).run()
    files = [str(job.folder / "curve" / "light_curve" / f"crab.{suffix}") for suffix in ("fits", "ecsv")]
    words = [python, str(HERE / "gammapy_light_curve.py"), *files]
    found = subprocess.run(words, capture_output=True, text=True)
    told = found.stdout.split()
    difference = float(told[-1]) if told and found.returncode == 0 else np.inf
    job.rows.append(Row("simulated light curve", "Fvar and Fpp, FITS and ECSV", difference, 1e-9, found.stderr[-200:]))


def prepare_maps(job: Job, config: Path) -> MapQuestions:
    """Run our analyses of maps and collect the questions."""
    questions = MapQuestions(job.folder)
    questions.prepare_migra(job.folder / "store")
    is_real = bool(os.environ.get("GAMMAPY_DATA"))
    for name, analysis in analyses(job.folder, job.folder / "store", config if is_real else None):
        questions.prepare(name, analysis)
        prepare_products(job, analysis)
    return questions


def compare_cases(job: Job, found: Mapping[str, Any]) -> None:
    """Counts, masks, predicted counts and statistic of every case."""
    for name, own in job.own.items():
        other = found[name]
        if isinstance(other, dict):
            job.rows.append(Row(name, "reading", np.inf, 0.0, other["error"]))
            continue
        pairs = list(zip(own, other, strict=True))
        same = [all(a[key] == b[key] for key in ("type", "counts", "counts_off", "safe")) for a, b in pairs]
        job.rows.append(Row(name, "type, counts, safe range", float(not all(same)), 0.0))
        job.rows.append(Row(name, "npred", max(largest(a["npred"], b["npred"]) for a, b in pairs), NPRED))
        job.rows.append(Row(name, "stat", max(abs(a["stat"] / b["stat"] - 1) for a, b in pairs), STAT))


def compare_models(job: Job, found: Mapping[str, Any]) -> None:
    """Parameters, errors, bounds and covariance of every models file."""
    for path, models in job.models.items():
        case, other = f"{Path(path).parts[-3]} models.yaml", found[path]
        if "error" in other:
            job.rows.append(Row(case, "reading", np.inf, 0.0, other["error"]))
            continue
        own = models.parameters
        rows = {row["name"]: row for row in other["parameters"]}
        names_differ = set(own) != set(rows)
        job.rows.append(Row(case, "names of parameters", float(names_differ), 0.0, str(set(own) ^ set(rows))))
        if names_differ:
            continue
        for what in ("value", "error", "min", "max", "frozen"):
            mine = [_number(getattr(own[name], what)) for name in rows]
            job.rows.append(Row(case, what, largest(mine, [_number(row[what]) for row in rows.values()]), EXACT))
        job.rows.append(Row(case, "covariance", largest(models.covariance, other["covariance"]), EXACT))


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def compare_flux_points(job: Job, found: Mapping[str, Any]) -> None:
    """Columns of every flux points file, as norms and as fluxes."""
    for path, points in job.flux_points.items():
        case, other = f"{Path(path).parts[-3]} {Path(path).name}", found[path]
        if "error" in other:
            job.rows.append(Row(case, "reading", np.inf, 0.0, other["error"]))
            continue
        limits = abs(other["n_sigma_ul"] - points.n_sigma_ul)
        job.rows.append(Row(case, "confidence of limits", limits, 1e-6))
        missing, worst, which = [], 0.0, ""
        for name in COLUMNS:
            if f"likelihood:{name}" in other:
                unit, values = other[f"likelihood:{name}"]
                mine = getattr(points, name)
                if unit and name in REFERENCE_UNITS:
                    mine = Quantity(mine, REFERENCE_UNITS[name]).to_value(unit)
                away = largest(mine, values)
                worst, which = max((worst, which), (away, name))
            elif not np.isnan(getattr(points, name)).all():
                missing.append(name)
        job.rows.append(Row(case, "columns of norms", worst, EXACT, which))
        job.rows.append(Row(case, "columns not taken over", len(missing), 0.0, ", ".join(missing)))
        for sed_type in ("dnde", "flux", "e2dnde"):
            worst = 0.0
            for suffix in ("", "_err", "_errp", "_errn", "_ul"):
                unit, values = other[f"{sed_type}:{sed_type}{suffix}"]
                worst = max(worst, largest(points.quantity(sed_type, suffix).to_value(unit), values))
            job.rows.append(Row(case, f"{sed_type} with errors and limits", worst, 1e-9))


def main() -> int:
    """Prepare, ask, compare, print."""
    parser = argparse.ArgumentParser(description="Let gammapy 2.1 read our files and compare the numbers.")
    parser.add_argument("--gammapy-python", required=True, help="interpreter of an environment with gammapy 2.1")
    parser.add_argument("--config", type=Path, default=HERE.parents[1] / "configs" / "crab-1d.yaml")
    parser.add_argument("--map-config", type=Path, default=HERE.parents[1] / "configs" / "crab-3d.yaml")
    parser.add_argument("--only", choices=("spectra", "maps"), help="check only these")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        job, questions = Job(Path(name)), MapQuestions(Path(name))
        plan = SimulationPlan(models=parse_short({"crab": {"spectral": STATED["stated power law"]}}), n_runs=2)
        simulate_store(job.folder / "store", plan)
        if given.only != "maps":
            prepare(job, given.config.resolve())
            check_light_curve(job, given.gammapy_python)
        if given.only != "spectra":
            questions = prepare_maps(job, given.map_config.resolve())
        question, answer = job.folder / "job.json", job.folder / "result.json"
        asked: dict[str, Any] = {"cases": job.cases, "models": list(job.models), "flux_points": []}
        asked |= {"map_cases": questions.cases, "maps": questions.maps, "flux_maps": questions.flux_maps}
        asked["migra_cases"] = questions.migra
        for path in job.flux_points:
            asked["flux_points"].append({"file": path, "models": str(Path(path).parents[1] / "fit" / "models.yaml")})
        question.write_text(json.dumps(asked))
        subprocess.run(
            [given.gammapy_python, str(HERE / "gammapy_reads.py"), str(question), str(answer)],
            check=True,
        )
        found = json.loads(answer.read_text())
        job.rows += [Row(*row) for row in questions.compare(found)]
    compare_cases(job, found["cases"])
    compare_models(job, found["models"])
    compare_flux_points(job, found["flux_points"])
    for row in job.rows:
        verdict = "ok" if row.is_good else "FAILS"
        note = f"  {row.note}" if row.note and row.note != "set()" else ""
        print(f"{row.case:42s} {row.what:30s} {row.difference:9.2e} {row.tolerance:8.0e} {verdict}{note}")
    bad = [row for row in job.rows if not row.is_good]
    print(f"\n{len(job.rows)} answers, {len(bad)} of them wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
