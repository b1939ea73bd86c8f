"""Cases A and B of the performance goals with gammapy 2.1's public API; run it with the Python of its own environment.

    python gammapy_case_a.py OUTDIR [a|b]    # needs GAMMAPY_DATA; writes OUTDIR/result.json beside the files

Case A: the Crab, 4 runs; case B: PKS 2155-304, all runs that point within 2 deg. `case_a.py` starts this and compares.
"""

import json
import resource
import sys
import time
import warnings
from pathlib import Path

START = time.perf_counter()
warnings.simplefilter("ignore")

import astropy.units as u  # noqa: E402
import numpy as np  # noqa: E402
from astropy.coordinates import SkyCoord  # noqa: E402
from gammapy.data import DataStore  # noqa: E402
from gammapy.datasets import Datasets, SpectrumDataset  # noqa: E402
from gammapy.estimators import FluxPointsEstimator  # noqa: E402
from gammapy.makers import ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker  # noqa: E402
from gammapy.maps import MapAxis, RegionGeom  # noqa: E402
from gammapy.modeling import Fit  # noqa: E402
from gammapy.modeling.models import PowerLawSpectralModel, SkyModel  # noqa: E402
from regions import CircleSkyRegion  # noqa: E402

POSITIONS = {"a": (83.633, 22.014), "b": (329.71693, -30.22558)}
OBS_IDS = [23523, 23526, 23559, 23592]
COLUMNS = ("dnde", "dnde_err", "dnde_errp", "dnde_errn", "dnde_ul", "dnde_sensitivity")
EDGES = np.geomspace(0.7, 30, 13) * u.TeV


def find_runs(store: DataStore, center: SkyCoord, case: str) -> list[int]:
    if case == "a":
        return OBS_IDS
    table = store.obs_table
    pointings = SkyCoord(table["RA_PNT"], table["DEC_PNT"], unit="deg")
    return [int(obs_id) for obs_id in table["OBS_ID"][pointings.separation(center).deg < 2]]


def reduce_runs(case: str) -> Datasets:
    energy = MapAxis.from_energy_bounds(0.1, 40, nbin=10, per_decade=True, unit="TeV", name="energy")
    energy_true = MapAxis.from_energy_bounds(0.05, 100, nbin=20, per_decade=True, unit="TeV", name="energy_true")
    center = SkyCoord(*POSITIONS[case], unit="deg")
    region = CircleSkyRegion(center, 0.11 * u.deg)
    store = DataStore.from_dir("$GAMMAPY_DATA/hess-dl3-dr1")
    empty = SpectrumDataset.create(RegionGeom.create(region, axes=[energy]), energy_axis_true=energy_true)
    maker = SpectrumDatasetMaker(containment_correction=True, selection=["counts", "exposure", "edisp"])
    background = ReflectedRegionsBackgroundMaker()
    safe = SafeMaskMaker(methods=["aeff-max"], aeff_percent=10)
    datasets = Datasets()
    for observation in store.get_observations(find_runs(store, center, case)):
        dataset = maker.run(empty.copy(name=str(observation.obs_id)), observation)
        datasets.append(safe.run(background.run(dataset, observation), observation))
    return datasets


def fit_and_points(datasets: Datasets, label: str, times: dict[str, float]) -> tuple[dict, object]:
    clock = time.perf_counter()
    model = SkyModel(PowerLawSpectralModel(amplitude="1e-12 cm-2 s-1 TeV-1", index=2, reference="1 TeV"), name="crab")
    datasets.models = [model]
    fit = Fit().run(datasets)
    times[f"{label} fit"] = time.perf_counter() - clock
    clock = time.perf_counter()
    points = FluxPointsEstimator(energy_edges=EDGES, source="crab", selection_optional="all").run(datasets)
    times[f"{label} flux points"] = time.perf_counter() - clock
    table = points.to_table(sed_type="dnde")
    numbers = {
        "index": [model.spectral_model.index.value, model.spectral_model.index.error],
        "amplitude": [model.spectral_model.amplitude.value, model.spectral_model.amplitude.error],
        "stat": float(fit.total_stat),
        "sqrt_ts": table["sqrt_ts"].tolist(),
    }
    for name in COLUMNS:
        numbers[name] = table[name].quantity.to_value("cm-2 s-1 TeV-1").tolist()
    return numbers, points


def main(outdir: Path, case: str) -> None:
    times = {"import": time.perf_counter() - START}
    clock = time.perf_counter()
    datasets = reduce_runs(case)
    times["reduce"] = time.perf_counter() - clock
    joint, joint_points = fit_and_points(datasets, "joint", times)
    stacked_datasets = Datasets([datasets.stack_reduce(name="stacked")])
    stacked, stacked_points = fit_and_points(stacked_datasets, "stacked", times)
    clock = time.perf_counter()
    for dataset in datasets:
        dataset.write(outdir / f"pha_obs{dataset.name}.fits", format="ogip", overwrite=True)
    datasets.models.write(outdir / "models.yaml", overwrite=True)
    joint_points.write(outdir / "joint.fits", sed_type="likelihood", overwrite=True)
    stacked_points.write(outdir / "stacked.fits", sed_type="likelihood", overwrite=True)
    times["write"] = time.perf_counter() - clock
    times["total"] = time.perf_counter() - START
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = {"times_s": times, "memory_MB": memory, "joint": joint, "stacked": stacked}
    (outdir / "result.json").write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "a")
