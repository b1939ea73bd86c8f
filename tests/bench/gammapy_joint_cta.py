"""The joint fit of ten CTA map datasets with gammapy 2.1; run it with the Python of its own environment.

    python gammapy_joint_cta.py OUTDIR N_RUNS    # needs GAMMAPY_DATA; writes OUTDIR/result.json beside the datasets

The conditions are those of gammapy's nightly benchmark of the joint 3D analysis. `joint_cta.py` starts this and
compares.
"""

import json
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START = time.perf_counter()
warnings.simplefilter("ignore")

import astropy.units as u  # noqa: E402
from astropy.coordinates import SkyCoord  # noqa: E402
from gammapy.data import DataStore  # noqa: E402
from gammapy.datasets import Datasets, MapDataset  # noqa: E402
from gammapy.makers import MapDatasetMaker, SafeMaskMaker  # noqa: E402
from gammapy.maps import MapAxis, WcsGeom  # noqa: E402
from gammapy.modeling import Fit  # noqa: E402
from gammapy.modeling.models import (  # noqa: E402
    ExpCutoffPowerLawSpectralModel,
    FoVBackgroundModel,
    PointSpatialModel,
    SkyModel,
)

TIMES: dict[str, float] = {"import": time.perf_counter() - START}


@contextmanager
def stage(name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    TIMES[name] = time.perf_counter() - start


def reduce_runs(n_runs: int) -> Datasets:
    observations = DataStore.from_dir("$GAMMAPY_DATA/cta-1dc/index/gps").get_observations([110380] * n_runs)
    energy = MapAxis.from_energy_bounds(0.1, 10, nbin=10, unit="TeV")
    energy_true = MapAxis.from_energy_bounds(0.1, 10, nbin=10, unit="TeV", name="energy_true")
    center = SkyCoord(0, 0, unit="deg", frame="galactic")
    geometry = WcsGeom.create(skydir=center, binsz=0.05, width=(10, 8), frame="galactic", axes=[energy])
    empty = MapDataset.create(geometry, energy_axis_true=energy_true, name="empty")
    maker, safe = MapDatasetMaker(), SafeMaskMaker(methods=["offset-max"], offset_max="4 deg")
    datasets = Datasets()
    for number, observation in enumerate(observations, start=1):
        pointing = observation.get_pointing_icrs(observation.tmid)
        cutout = empty.cutout(pointing, width=8 * u.deg, name=str(number))
        datasets.append(safe.run(maker.run(cutout, observation), observation))
    return datasets


def fit(datasets: Datasets) -> Fit:
    spectral = ExpCutoffPowerLawSpectralModel(
        index=2, amplitude=3e-12 * u.Unit("cm-2 s-1 TeV-1"), reference=1 * u.TeV, lambda_=0.1 / u.TeV
    )
    spatial = PointSpatialModel(lon_0="-0.05 deg", lat_0="-0.05 deg", frame="galactic")
    source = SkyModel(spectral, spatial, name="source")
    datasets.models = [source, *(FoVBackgroundModel(dataset_name=dataset.name) for dataset in datasets)]
    return Fit().run(datasets)


def values_of(datasets: Datasets) -> dict[str, list[float]]:
    """Values and errors of the source, and of the first and the last background."""
    source, *backgrounds = datasets.models
    norms = {"norm": backgrounds[0].spectral_model.norm, "last norm": backgrounds[-1].spectral_model.norm}
    free = {parameter.name: parameter for parameter in source.parameters.free_parameters}
    return {name: [parameter.value, parameter.error] for name, parameter in {**free, **norms}.items()}


def main() -> None:
    outdir, n_runs = Path(sys.argv[1]), int(sys.argv[2])
    with stage("reduce"):
        datasets = reduce_runs(n_runs)
    with stage("write"):
        datasets.write(outdir / "datasets.yaml", overwrite=True)
    with stage("fit"):
        result = fit(datasets)
    TIMES["total"] = time.perf_counter() - START
    sums = {
        "counts": float(sum(dataset.counts.data[dataset.mask_safe.data].sum() for dataset in datasets)),
        "background": sum(float(each.background.data[each.mask_safe.data].sum(dtype=float)) for each in datasets),
    }
    found = values_of(datasets)
    facts = {"stat": float(result.total_stat), "nfev": result.nfev, "success": bool(result.success)}
    (outdir / "result.json").write_text(json.dumps({"times_s": TIMES, "fit": found, "sums": sums, **facts}))


if __name__ == "__main__":
    main()
