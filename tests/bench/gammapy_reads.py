"""Read files of gammapy_hli with gammapy 2.1 and say what it finds in them; run by the Python of its own environment.

    python gammapy_reads.py JOB.json RESULT.json    # started by check_with_gammapy.py

The job: ``cases``, each with a list of dataset files (a datasets.yaml, or OGIP files) and a models file, for which
predicted counts and statistic are computed; ``models`` and ``flux_points``, files whose content is listed. The same of
maps: ``map_cases``, whose datasets and models are written again besides, ``migra_cases``, which gammapy makes from a
store, ``maps`` and ``flux_maps``; their arrays go into .npz files.
"""

import json
import logging
import os
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
logging.disable(logging.ERROR)  # says of every optional HDU that it is not there

import numpy as np  # noqa: E402
from astropy.coordinates import SkyCoord  # noqa: E402
from gammapy.data import DataStore  # noqa: E402
from gammapy.datasets import Datasets, MapDataset, SpectrumDatasetOnOff  # noqa: E402
from gammapy.estimators import FluxMaps, FluxPoints  # noqa: E402
from gammapy.makers import MapDatasetMaker, SafeMaskMaker  # noqa: E402
from gammapy.maps import Map, MapAxis, WcsGeom  # noqa: E402
from gammapy.modeling.models import Models  # noqa: E402


def read_datasets(files: list[str]) -> Datasets:
    """Datasets of a datasets.yaml, or of OGIP files."""
    if files[0].endswith(".yaml"):
        return Datasets.read(files[0])
    return Datasets([SpectrumDatasetOnOff.read(file, name=f"ogip-{k}") for k, file in enumerate(files)])


def evaluate(case: dict) -> list[dict]:
    """Class, livetime, counts, predicted counts of the sources and statistic of every dataset."""
    datasets = read_datasets(case["files"])
    datasets.models = Models.read(case["models"])
    found = []
    for dataset in datasets:
        row = {"name": dataset.name, "type": type(dataset).__name__, "livetime": dataset.gti.time_sum.to_value("s")}
        row["counts"] = dataset.counts.data.sum()
        row["counts_off"] = dataset.counts_off.data.sum() if getattr(dataset, "counts_off", None) else None
        row["safe"] = dataset.mask_safe.data.ravel().tolist()
        row["npred"] = dataset.npred_signal().data.ravel().tolist()
        row["stat"] = float(dataset.stat_sum())
        found.append(row)
    return found


def evaluate_maps(case: dict) -> dict:
    """Counts, safe bins, predicted counts and statistic of a map dataset, which is written again."""
    datasets = Datasets.read(case["datasets"])
    datasets.models = Models.read(case["models"])
    (dataset,) = datasets
    arrays = Path(case["again"]) / "arrays.npz"
    np.savez(
        arrays,
        counts=dataset.counts.data,
        safe=dataset.mask_safe.data,
        signal=dataset.npred_signal().data,
        npred=dataset.npred().data,
    )
    row = {"type": type(dataset).__name__, "livetime": dataset.gti.time_sum.to_value("s"), "arrays": str(arrays)}
    row["stat"] = float(dataset.stat_sum())
    folder = Path(case["again"])
    datasets.write(folder / "datasets.yaml", filename_models=folder / "models.yaml", overwrite=True)
    return row


def make_migra_maps(case: dict) -> dict:
    """Reduce a store to a map dataset whose energy dispersion has a migra axis, write it and evaluate it."""
    energy = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", 6)
    true = MapAxis.from_energy_bounds("0.3 TeV", "40 TeV", 12, name="energy_true")
    migra = MapAxis.from_bounds(0.2, 5, nbin=96, name="migra")
    center = SkyCoord(83.633, 22.0145, unit="deg")
    geom = WcsGeom.create(skydir=center, width=2, binsz=0.04, frame="icrs", proj="CAR", axes=[energy])
    stacked = MapDataset.create(geom, energy_axis_true=true, migra_axis=migra, name="stacked")
    makers = [MapDatasetMaker(), SafeMaskMaker(methods=["offset-max"], offset_max="1.3 deg")]
    for observation in DataStore.from_dir(case["store"]).get_observations():
        dataset = stacked.cutout(observation.get_pointing_icrs(observation.tmid), width="5 deg", name="run")
        for maker in makers:
            dataset = maker.run(dataset, observation)
        stacked.stack(dataset)
    folder = Path(case["again"])
    Datasets([stacked]).write(folder / "datasets.yaml", overwrite=True)
    return evaluate_maps({**case, "datasets": str(folder / "datasets.yaml")})


def read_map(path: str, folder: Path) -> dict:
    """Values, unit, axes and corners [deg] of a map."""
    found = Map.read(path)
    sky, arrays = found.geom.to_image(), folder / f"map-{abs(hash(path))}.npy"
    np.save(arrays, found.data)
    ny, nx = sky.data_shape
    corners = sky.pix_to_coord((np.array([0, nx - 1]), np.array([0, ny - 1])))
    return {
        "unit": found.unit.to_string(),
        "edges": [axis.edges.value.tolist() for axis in reversed(list(found.geom.axes))],
        "corners": [corner.to_value("deg").tolist() for corner in corners],
        "arrays": str(arrays),
    }


def read_flux_maps(path: str, folder: Path) -> dict:
    """Quantities of flux maps, held and converted; read where they lie, as gammapy finds the model from there."""
    before = Path.cwd()
    os.chdir(Path(path).parent)
    try:
        found = FluxMaps.read(Path(path).name)
    finally:
        os.chdir(before)
    arrays = {name: getattr(found, name).data for name in found.available_quantities}
    for sed_type in ("dnde", "flux", "eflux", "e2dnde"):
        for end in ("", "_err", "_ul"):
            if f"norm{end}" in found.available_quantities:
                unit = {"dnde": "cm-2 s-1 TeV-1", "flux": "cm-2 s-1"}.get(sed_type, "TeV cm-2 s-1")
                arrays[sed_type + end] = getattr(found, sed_type + end).quantity.to_value(unit)
    file = folder / f"flux-{abs(hash(path))}.npz"
    np.savez(file, **arrays)
    return {"arrays": str(file), "ontime": found.gti.time_sum.to_value("s")}


def list_models(path: str) -> dict:
    """Parameters with what is known of them, and the covariance."""
    models = Models.read(path)
    rows = []
    for name, parameter in zip(models.parameters_unique_names, models.parameters, strict=True):
        row = {"name": name, "value": parameter.value, "error": parameter.error, "frozen": parameter.frozen}
        rows.append({**row, "unit": str(parameter.unit), "min": parameter.min, "max": parameter.max})
    return {"parameters": rows, "covariance": np.asarray(models.covariance.data).tolist()}


def list_flux_points(asked: dict) -> dict:
    """Columns as gammapy has them, by SED type.

    The reference spectrum is taken from the models file: without it gammapy draws a line through ``ref_dnde`` and
    integrates that, whatever ``ref_flux`` says.
    """
    reference = Models.read(asked["models"])[0]
    points = FluxPoints.read(asked["file"], reference_model=reference)
    found = {"sed_type_init": points.sed_type_init, "n_sigma_ul": float(points.n_sigma_ul)}
    for sed_type in ("likelihood", "dnde", "flux", "e2dnde"):
        table = points.to_table(sed_type=sed_type, formatted=False)
        for name in table.colnames:
            values = np.ma.filled(np.ma.masked_array(table[name], dtype=float), np.nan)
            found[f"{sed_type}:{name}"] = [table[name].unit and table[name].unit.to_string(), values.tolist()]
    return found


def main(job: Path, result: Path) -> None:
    """Do all the job asks for; a file that cannot be read gives the reason in place of its content."""
    asked = json.loads(job.read_text())
    found = {
        "cases": {name: attempt(evaluate, case) for name, case in asked["cases"].items()},
        "models": {path: attempt(list_models, path) for path in asked["models"]},
        "flux_points": {one["file"]: attempt(list_flux_points, one) for one in asked["flux_points"]},
        "map_cases": {name: attempt(evaluate_maps, case) for name, case in asked["map_cases"].items()},
        "migra_cases": {name: attempt(make_migra_maps, case) for name, case in asked["migra_cases"].items()},
        "maps": {path: attempt(read_map, path, job.parent) for path in asked["maps"]},
        "flux_maps": {path: attempt(read_flux_maps, path, job.parent) for path in asked["flux_maps"]},
    }
    result.write_text(json.dumps(found, default=float))


def attempt(read, *what) -> object:
    """What a reader gives, or its error."""
    try:
        return read(*what)
    except Exception as error:  # whatever gammapy raises is the finding
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
