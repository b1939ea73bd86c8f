"""Case A of the performance goals with gammapy 2.1's public API: run it with the Python of gammapy's own environment.

    python gammapy_case_a.py OUTDIR    # needs GAMMAPY_DATA; writes OUTDIR/result.json beside the files of the analysis
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

OBS_IDS = [23523, 23526, 23559, 23592]
EDGES = np.geomspace(0.7, 30, 13) * u.TeV


def reduce_runs() -> Datasets:
    energy = MapAxis.from_energy_bounds(0.1, 40, nbin=10, per_decade=True, unit="TeV", name="energy")
    energy_true = MapAxis.from_energy_bounds(0.05, 100, nbin=20, per_decade=True, unit="TeV", name="energy_true")
    region = CircleSkyRegion(SkyCoord(83.633, 22.014, unit="deg"), 0.11 * u.deg)
    empty = SpectrumDataset.create(RegionGeom.create(region, axes=[energy]), energy_axis_true=energy_true)
    maker = SpectrumDatasetMaker(containment_correction=True, selection=["counts", "exposure", "edisp"])
    background = ReflectedRegionsBackgroundMaker()
    safe = SafeMaskMaker(methods=["aeff-max"], aeff_percent=10)
    datasets = Datasets()
    for observation in DataStore.from_dir("$GAMMAPY_DATA/hess-dl3-dr1").get_observations(OBS_IDS):
        dataset = maker.run(empty.copy(name=str(observation.obs_id)), observation)
        datasets.append(safe.run(background.run(dataset, observation), observation))
    return datasets


def fit_and_points(datasets: Datasets) -> tuple[dict, object]:
    model = SkyModel(
        PowerLawSpectralModel(amplitude="1e-12 cm-2 s-1 TeV-1", index=2, reference="1 TeV"), name="crab"
    )
    datasets.models = [model]
    fit = Fit().run(datasets)
    points = FluxPointsEstimator(energy_edges=EDGES, source="crab", selection_optional="all").run(datasets)
    table = points.to_table(sed_type="dnde")
    numbers = {
        "index": [model.spectral_model.index.value, model.spectral_model.index.error],
        "amplitude": [model.spectral_model.amplitude.value, model.spectral_model.amplitude.error],
        "stat": float(fit.total_stat),
        "dnde": table["dnde"].quantity.to_value("cm-2 s-1 TeV-1").tolist(),
        "dnde_err": table["dnde_err"].quantity.to_value("cm-2 s-1 TeV-1").tolist(),
    }
    return numbers, points


def main(outdir: Path) -> None:
    times = {"import": time.perf_counter() - START}
    clock = time.perf_counter()
    datasets = reduce_runs()
    times["reduce"] = time.perf_counter() - clock
    clock = time.perf_counter()
    joint, joint_points = fit_and_points(datasets)
    times["joint fit and points"] = time.perf_counter() - clock
    clock = time.perf_counter()
    stacked, stacked_points = fit_and_points(Datasets([datasets.stack_reduce(name="stacked")]))
    times["stacked fit and points"] = time.perf_counter() - clock
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
    main(Path(sys.argv[1]))
