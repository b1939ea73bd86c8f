"""Cases C, D and E of the performance goals with gammapy 2.1; run it with the Python of its own environment.

    python gammapy_case_maps.py OUTDIR c|d|e    # needs GAMMAPY_DATA; writes OUTDIR/result.json beside the files

Case C: the Crab in 3D, 4 runs; D: MSH 15-52 in 3D, all runs that point within 3 deg; E: the same with a ring
background in one energy bin. `case_maps.py` starts this and compares.
"""

import json
import resource
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START = time.perf_counter()
warnings.simplefilter("ignore")

import astropy.units as u  # noqa: E402
import numpy as np  # noqa: E402
from astropy.coordinates import SkyCoord  # noqa: E402
from gammapy.data import DataStore, Observations  # noqa: E402
from gammapy.datasets import MapDataset, MapDatasetOnOff  # noqa: E402
from gammapy.estimators import ExcessMapEstimator, FluxMaps, FluxPointsEstimator, TSMapEstimator  # noqa: E402
from gammapy.makers import FoVBackgroundMaker, MapDatasetMaker, RingBackgroundMaker, SafeMaskMaker  # noqa: E402
from gammapy.maps import Map, MapAxis, WcsGeom  # noqa: E402
from gammapy.modeling import Fit  # noqa: E402
from gammapy.modeling.models import (  # noqa: E402
    FoVBackgroundModel,
    GaussianSpatialModel,
    PointSpatialModel,
    PowerLawSpectralModel,
    SkyModel,
)
from regions import CircleSkyRegion  # noqa: E402

CRAB = SkyCoord(83.633, 22.014, unit="deg")
MSH = SkyCoord(320.33, -1.19, unit="deg", frame="galactic")
CRAB_RUNS = [23523, 23526, 23559, 23592]
EDGES = np.geomspace(0.7, 20, 9) * u.TeV
COLUMNS = ("dnde", "dnde_err", "dnde_errp", "dnde_errn", "dnde_ul")
TIMES: dict[str, float] = {"import": time.perf_counter() - START}


@contextmanager
def stage(name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    TIMES[name] = time.perf_counter() - start


def find_runs(case: str) -> Observations:
    store = DataStore.from_dir("$GAMMAPY_DATA/hess-dl3-dr1")
    if case == "c":
        return store.get_observations(CRAB_RUNS)
    table = store.obs_table
    pointings = SkyCoord(table["RA_PNT"], table["DEC_PNT"], unit="deg")
    return store.get_observations(table["OBS_ID"][pointings.separation(MSH.icrs).deg < 3])


def make_geometry(case: str) -> tuple[WcsGeom, MapAxis, Map]:
    center = CRAB if case == "c" else MSH
    low, n_bins = (1, 1) if case == "e" else (0.5, 10)
    energy = MapAxis.from_energy_bounds(low, 20, nbin=n_bins, unit="TeV")
    energy_true = MapAxis.from_energy_bounds(0.3, 40, nbin=20, unit="TeV", name="energy_true")
    geometry = WcsGeom.create(skydir=center, width=(6, 6), binsz=0.02, frame=center.frame.name, axes=[energy])
    exclusion = geometry.to_image().region_mask([CircleSkyRegion(center, 0.5 * u.deg)], inside=False)
    return geometry, energy_true, exclusion


def reduce_runs(case: str) -> MapDataset:
    geometry, energy_true, exclusion = make_geometry(case)
    maker = MapDatasetMaker()
    safe = SafeMaskMaker(methods=["offset-max", "aeff-default"], offset_max="2.5 deg")
    if case == "e":
        stacked = MapDatasetOnOff.create(geometry, energy_axis_true=energy_true, name="stacked")
        ring = RingBackgroundMaker(r_in="0.6 deg", width="0.2 deg", exclusion_mask=exclusion)
        empty = stacked.to_map_dataset()
    else:
        stacked = empty = MapDataset.create(geometry, energy_axis_true=energy_true, name="stacked")
        background = FoVBackgroundMaker(method="scale", exclusion_mask=exclusion)
    for observation in find_runs(case):
        pointing = observation.get_pointing_icrs(observation.tmid)
        dataset = maker.run(empty.cutout(pointing, width="5 deg", name=f"o{observation.obs_id}"), observation)
        dataset = safe.run(dataset, observation)
        stacked.stack(ring.run(dataset) if case == "e" else background.run(dataset, observation))
    return stacked


def make_models(case: str) -> tuple[SkyModel, FoVBackgroundModel]:
    amplitude, index = ("3e-11 cm-2 s-1 TeV-1", 2.5) if case == "c" else ("5e-12 cm-2 s-1 TeV-1", 2.2)
    spectrum = PowerLawSpectralModel(amplitude=amplitude, index=index, reference="1 TeV")
    if case == "c":
        shape = PointSpatialModel(lon_0="83.633 deg", lat_0="22.014 deg", frame="icrs")
    else:
        shape = GaussianSpatialModel(lon_0="320.33 deg", lat_0="-1.19 deg", sigma="0.1 deg", frame="galactic")
    background = FoVBackgroundModel(dataset_name="stacked")
    background.spectral_model.tilt.frozen = False
    return SkyModel(spectrum, shape, name="source"), background


def fit_and_points(dataset: MapDataset, case: str, outdir: Path) -> dict:
    source, background = make_models(case)
    dataset.models = [source, background]
    attempts = []
    for _ in range(3):  # a fit that fails is tried again from its copied models; only the one that arrives is counted
        with stage("fit"):
            fit = Fit().run([dataset])
        attempts.append([TIMES["fit"], int(fit.nfev), bool(fit.success)])
        if fit.success:
            break
        dataset.models = dataset.models.copy()
        source, background = dataset.models
    dataset.models.write(outdir / "models.yaml", overwrite=True)
    # not timed: gammapy keeps the responses of the start, so a fit that starts at the best position is what compares,
    # and its statistic with everything looked up anew
    for _ in range(2):
        dataset.models = dataset.models.copy()
        Fit().run([dataset])
    dataset.models = dataset.models.copy()
    source, background = dataset.models
    found = {"stat": float(dataset.stat_sum()), "success": bool(fit.success), "attempts": attempts}
    for parameter in dataset.models.parameters:
        if not parameter.frozen:
            found[parameter.name] = [parameter.value, parameter.error]
    with stage("flux points"):
        points = FluxPointsEstimator(energy_edges=EDGES, source="source", selection_optional="all").run([dataset])
        points.write(outdir / "points.fits", sed_type="likelihood", overwrite=True)
    table = points.to_table(sed_type="dnde")
    for name in COLUMNS:
        found[name] = table[name].quantity.to_value("cm-2 s-1 TeV-1").tolist()
    found["sqrt_ts"] = table["sqrt_ts"].tolist()
    dataset.models = [background]
    return found


def make_ts_map(dataset: MapDataset, outdir: Path) -> None:
    source = SkyModel(PowerLawSpectralModel(index=2.5), PointSpatialModel(frame=dataset.counts.geom.frame))
    with stage("TS map"):
        edges = dataset.counts.geom.axes["energy"].edges[[0, -1]]
        found = TSMapEstimator(model=source, kernel_width="0.4 deg", energy_edges=edges).run(dataset)
        write_maps(found, outdir, ("ts", "sqrt_ts", "flux", "flux_err"))


def write_maps(found: FluxMaps, outdir: Path, names: tuple[str, ...]) -> None:
    for name in names:
        found[name].write(outdir / f"{name}.fits", overwrite=True)


def sums(dataset: MapDataset) -> dict[str, float]:
    """Sums over the bins that are safe."""
    names = ("counts", "background", "counts_off", "acceptance", "acceptance_off")
    safe = dataset.mask_safe.data
    found = {"safe bins": float(safe.sum())}
    for name in names:
        values = getattr(dataset, name, None)
        if values is not None:
            found[name] = float(np.nansum(np.where(safe, values.data, 0), dtype=float))
    found["exposure"] = float(dataset.exposure.data.max())
    return found


def main(outdir: Path, case: str) -> None:
    with stage("reduce"):
        dataset = reduce_runs(case)
        dataset.write(outdir / "stacked.fits", overwrite=True)
    result: dict = {"sums": sums(dataset)}
    with stage("excess map"):
        excess = ExcessMapEstimator("0.1 deg").run(dataset)
        write_maps(excess, outdir, ("npred_excess",))
        excess.sqrt_ts.write(outdir / "significance.fits", overwrite=True)
    if case != "e":
        result["fit"] = fit_and_points(dataset, case, outdir)
        make_ts_map(dataset, outdir)
    TIMES["total"] = time.perf_counter() - START
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (outdir / "result.json").write_text(json.dumps({"times_s": TIMES, "memory_MB": memory, **result}, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
