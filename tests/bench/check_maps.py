"""The maps of check_with_gammapy.py: what gammapy 2.1 is asked about them, and what must come back.

Of every analysis of maps: the stacked dataset with the fitted models and with a point, a Gaussian and a disk at given
parameters; the same dataset written again by gammapy and read by us; a dataset that gammapy made with a migra axis;
models files with background models; flux points; every map of the maps step.

Where a bin is not safe nothing is compared: gammapy keeps energy dispersion there.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.units import Unit

from gammapy_hli.analysis import Analysis
from gammapy_hli.engine.datasets.datasets_yaml import read_datasets
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.models.models_yaml import read_models
from gammapy_hli.engine.products.flux_maps import FluxMaps

NPRED, STAT, FLUX = 1e-4, 1e-5, 1e-6
SPECTRUM = (
    "{type: PowerLawSpectralModel, parameters: [{name: index, value: 2.55}, "
    "{name: amplitude, value: 4.5e-11, unit: cm-2 s-1 TeV-1}, {name: reference, value: 1.0, unit: TeV, frozen: true}]}"
)
POSITION = "{name: lon_0, value: 83.62, unit: deg}, {name: lat_0, value: 22.024, unit: deg}"
SHAPES = {
    "point": f"{{type: PointSpatialModel, frame: icrs, parameters: [{POSITION}]}}",
    "Gaussian": f"{{type: GaussianSpatialModel, frame: icrs, parameters: [{POSITION}, "
    "{name: sigma, value: 0.12, unit: deg}, {name: e, value: 0.6}, {name: phi, value: 35.0, unit: deg}]}",
    "disk": f"{{type: DiskSpatialModel, frame: icrs, parameters: [{POSITION}, {{name: r_0, value: 0.25, unit: deg}}, "
    "{name: e, value: 0.3}, {name: phi, value: 110.0, unit: deg}]}",
}
MODELS = """\
components:
- {{name: crab, type: SkyModel, spectral: {spectrum}, spatial: {shape}}}
- name: {dataset}-bkg
  type: FoVBackgroundModel
  datasets_names: [{dataset}]
  spectral:
    type: PowerLawNormSpectralModel
    parameters: [{{name: norm, value: 0.987}}, {{name: tilt, value: 0.07}},
      {{name: reference, value: 1.0, unit: TeV, frozen: true}}]
"""
SIMULATED = {
    "steps": ["selection", "reduction", "model", "fit", "flux_points", "maps"],
    "reduction": {
        "type": "map",
        "geometry": {"center": "83.633 deg, 22.0145 deg", "width": ["2 deg", "2 deg"], "pixel": "0.04 deg"},
        "energy": {"min": "0.5 TeV", "max": "20 TeV", "nbins": 6},
        "energy_true": {"min": "0.3 TeV", "max": "40 TeV", "nbins": 12},
        "background": {
            "method": "fov",
            "exclusion": {"regions": ["icrs;circle(83.633,22.0145,0.4)"]},
        },
        "safe_mask": {"methods": ["offset-max", "aeff-max"], "aeff_percent": 5, "offset_max": "1.3 deg"},
    },
    "model": {
        "sources": {
            "crab": {
                "spectral": {"type": "pl", "index": 2.5, "amplitude": "4e-11 cm-2 s-1 TeV-1"},
                "spatial": {"type": "point", "lon_0": "83.64 deg", "lat_0": "22.02 deg", "frame": "icrs"},
            }
        },
        "background": {"tilt": {"value": 0, "frozen": False}},
    },
    "flux_points": {"source": "crab", "sensitivity": True},
    "maps": {"products": ["excess", "significance", "residual", "ts"], "limits": True},
}


class MapQuestions:
    """The cases of maps: questions for gammapy and our own answers."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.cases: dict[str, dict[str, str]] = {}
        self.own: dict[str, dict[str, Any]] = {}
        self.maps: list[str] = []
        self.flux_maps: list[str] = []
        self.migra: dict[str, dict[str, str]] = {}

    def prepare(self, name: str, analysis: Analysis) -> None:
        """Ask for all that an analysis of maps wrote."""
        outdir = analysis.general.outdir
        listed = outdir / "reduction" / "datasets.yaml"
        self.ask(f"{name} best fit", listed, outdir / "fit" / "models.yaml")
        (dataset,) = read_datasets(listed)
        for shape, text in SHAPES.items():
            path = self.folder / f"{name.replace(' ', '-')}-{shape}.yaml"
            path.write_text(MODELS.format(spectrum=SPECTRUM, shape=text, dataset=dataset.name))
            self.ask(f"{name} {shape}", listed, path)
        for path in sorted((outdir / "maps").glob("*.fits")):
            (self.flux_maps if path.name.startswith("flux_maps_") else self.maps).append(str(path))

    def prepare_migra(self, store: Path) -> None:
        """Ask for datasets of a store with a migra axis and sources of every shape."""
        for shape, text in SHAPES.items():
            models = self.folder / f"migra-{shape}.yaml"
            models.write_text(MODELS.format(spectrum=SPECTRUM, shape=text, dataset="stacked"))
            again = self.folder / f"migra-{shape}"
            again.mkdir()
            self.migra[f"migra {shape}"] = {"store": str(store), "models": str(models), "again": str(again)}

    def ask(self, name: str, listed: Path, models: Path) -> None:
        """Predicted counts and statistic, and the files of gammapy for the same."""
        again = self.folder / f"again-{len(self.cases)}"
        again.mkdir()
        self.cases[name] = {"datasets": str(listed), "models": str(models), "again": str(again)}
        self.own[name] = evaluate(listed, models)

    def compare(self, found: Mapping[str, Any]) -> list[tuple[str, str, float, float, str]]:
        """Rows (case, what, difference, tolerance, note)."""
        rows = []
        for name, own in self.own.items():
            other = found["map_cases"][name]
            if "error" in other:
                rows.append((name, "reading", np.inf, 0.0, other["error"]))
                continue
            rows += compare_case(name, own, other)
            again = Path(self.cases[name]["again"])
            back = evaluate(again / "datasets.yaml", again / "models.yaml")
            rows += compare_case(f"{name}, written by gammapy", back, other)
        for name, case in self.migra.items():
            other = found["migra_cases"][name]
            if "error" in other:
                rows.append((name, "reading", np.inf, 0.0, other["error"]))
                continue
            again = Path(case["again"])
            rows += compare_case(name, evaluate(again / "datasets.yaml", again / "models.yaml"), other)
        rows += [compare_flux_maps(path, found["flux_maps"][path]) for path in self.flux_maps]
        return rows + [compare_map(path, found["maps"][path]) for path in self.maps]


def evaluate(listed: Path, models: Path) -> dict[str, Any]:
    """Our counts, safe bins, predicted counts and statistic of the only dataset of a list."""
    (dataset,) = read_datasets(listed)
    likelihood = compile([dataset], read_models(models))
    theta = likelihood.theta0
    return {
        "type": type(dataset).__name__,
        "counts": np.asarray(dataset.counts, float),
        "safe": np.asarray(dataset.mask_safe, bool),
        "livetime": float(dataset.gti.ontime.to_value("s")),
        "signal": likelihood.npred(theta)[dataset.name],
        "npred": likelihood.npred(theta)[dataset.name] + likelihood.background(theta)[dataset.name],
        "stat": likelihood.stat(theta),
    }


def compare_case(
    name: str, own: Mapping[str, Any], other: Mapping[str, Any]
) -> list[tuple[str, str, float, float, str]]:
    """Rows of one dataset with one model."""
    with np.load(other["arrays"]) as arrays:
        safe = arrays["safe"].astype(bool)
        same = own["type"] == other["type"] and abs(own["livetime"] - other["livetime"]) < 1e-6
        same = same and np.array_equal(own["counts"], arrays["counts"]) and np.array_equal(own["safe"], safe)
        rows = [(name, "type, time, counts, safe range", float(not same), 0.0, "")]
        for what, label in (("signal", "npred of the source"), ("npred", "npred")):
            mine, theirs = own[what][safe], arrays[what][safe]
            note = f"of the peak, {theirs.max():.5g}"
            rows.append((name, label, float(np.abs(mine - theirs).max() / theirs.max()), NPRED, note))
    rows.append((name, "stat", abs(own["stat"] / other["stat"] - 1), STAT, f"{own['stat']:.4f}"))
    return rows


def compare_map(path: str, other: Mapping[str, Any]) -> tuple[str, str, float, float, str]:
    """Row of one map: shape, unit, axes, sky and values; 1 where one of the first four differs."""
    case = f"{Path(path).parts[-3]} {Path(path).name}"
    if "error" in other:
        return (case, "reading", np.inf, 0.0, other["error"])
    own = SkyMap.read(path)
    theirs = np.load(other["arrays"])
    ends = own.geometry.to_sky([0.0, own.geometry.shape[1] - 1.0], [0.0, own.geometry.shape[0] - 1.0])
    corners = np.asarray(ends)
    is_same = (
        own.data.shape == theirs.shape
        and own.unit == Unit(other["unit"])
        and all(np.allclose(axis.edges.value, edges) for axis, edges in zip(own.axes, other["edges"], strict=True))
        and (np.allclose(corners, other["corners"]) or np.allclose(np.rad2deg(corners), other["corners"]))
    )
    difference = (
        0.0 if np.array_equal(own.data, theirs, equal_nan=True) else float(np.nanmax(np.abs(own.data - theirs)))
    )
    return (case, "map", difference if is_same else 1.0, 0.0, "" if is_same else json.dumps(other["unit"]))


def compare_flux_maps(path: str, other: Mapping[str, Any]) -> tuple[str, str, float, float, str]:
    """Row of one file of flux maps: the largest relative difference of any quantity, held or converted."""
    case = f"{Path(path).parts[-3]} {Path(path).name}"
    if "error" in other:
        return (case, "reading", np.inf, 0.0, other["error"])
    own = FluxMaps.read(path)
    if own.gti is None or abs(own.gti.ontime.to_value("s") - other["ontime"]) > 1e-6:
        return (case, "flux maps", 1.0, 0.0, f"ontime {other['ontime']}")
    largest = 0.0
    with np.load(other["arrays"]) as arrays:
        for name in arrays.files:
            scale = np.nanmax(np.abs(arrays[name]))
            largest = max(largest, float(np.nanmax(np.abs(own[name].data - arrays[name])) / scale))
        return (case, "flux maps", largest, FLUX, f"{len(arrays.files)} quantities")


def analyses(outdir: Path, store: Path, config: Path | None) -> Sequence[tuple[str, Analysis]]:
    """Analyses of maps, run to their end: of a simulated store, and of a configuration where there is one."""
    found = [("simulated maps", Analysis({**SIMULATED, **_folders(outdir / "simulated-maps", store)}).run())]
    if config is not None:
        steps = ["selection", "reduction", "model", "fit", "flux_points", "maps"]
        found.append((config.stem, Analysis(config, {"general.outdir": outdir / "config-maps", "steps": steps}).run()))
    return found


def _folders(outdir: Path, store: Path) -> dict[str, Any]:
    return {"general.outdir": outdir, "selection.datastore": store}
