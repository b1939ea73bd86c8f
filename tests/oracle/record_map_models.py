"""Writes what gammapy 2.1 gives for spatial models and for predicted counts of maps. Run it where gammapy is installed.

GAMMAPY_DATA=... python tests/oracle/record_map_models.py

map_models.npz: brightness and integrals of each spatial model of `SPATIAL`, on two geometries.
map_dataset.fits.gz: a small map dataset of H.E.S.S. run 23523, as gammapy writes it.
map_npred.npz: psf kernel, energy dispersion and predicted counts of models in that dataset.
"""

import json
import os
import tempfile
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.data import DataStore
from gammapy.datasets import MapDataset
from gammapy.makers import MapDatasetMaker, SafeMaskMaker
from gammapy.maps import Map, MapAxis, WcsGeom
from gammapy.modeling.models import (
    SPATIAL_MODEL_REGISTRY,
    FoVBackgroundModel,
    PowerLawSpectralModel,
    SkyModel,
    TemplateNPredModel,
    TemplateSpatialModel,
)

HERE = Path(__file__).parent

GEOMETRIES = {
    "car-icrs": {"skydir": (83.63, 22.01), "frame": "icrs", "proj": "CAR"},
    "tan-galactic": {"skydir": (184.6, -5.8), "frame": "galactic", "proj": "TAN"},
}
WIDTH, PIXEL = (0.9, 0.72), 0.03
PLACE = {"icrs": (83.68, 22.06), "galactic": (184.52, -5.74)}  # roughly one place in both frames

SPATIAL = {
    "point": {"type": "point"},
    "gauss": {"type": "gauss", "sigma": "0.1 deg"},
    "narrow gauss": {"type": "gauss", "sigma": "0.004 deg"},
    "elongated gauss": {"type": "gauss", "sigma": "0.12 deg", "e": 0.85, "phi": "35 deg"},
    "elongated gauss, coarse": {"type": "gauss", "sigma": "0.05 deg", "e": 0.6, "phi": "-70 deg"},
    "general": {"type": "gauss-general", "r_0": "0.1 deg", "eta": 0.7, "e": 0.5, "phi": "-20 deg"},
    "laplace": {"type": "gauss-general", "r_0": "0.04 deg", "eta": 1.0},
    "disk": {"type": "disk", "r_0": "0.3 deg"},
    "small disk": {"type": "disk", "r_0": "0.05 deg", "edge_width": 0.3},
    "elongated disk": {"type": "disk", "r_0": "0.2 deg", "e": 0.9, "phi": "70 deg", "edge_width": 0.1},
    "shell": {"type": "shell", "radius": "0.12 deg", "width": "0.06 deg"},
    "thin shell": {"type": "shell", "radius": "0.12 deg", "width": "0.007 deg"},
    "shell2": {"type": "shell2", "r_0": "0.2 deg", "eta": 0.05},
    "const": {"type": "const", "value": "3 sr-1"},
}
TEMPLATES = {
    "template": {},
    "moved template": {"lon_0": "83.70 deg", "lat_0": "22.00 deg"},
    "raw": {"normalize": False},
}
SOURCES = ("point", "gauss", "narrow gauss", "elongated gauss", "disk", "thin shell")
EDGE = "point at the edge"
NO_IRF = {"exposure": True, "psf": False, "edisp": False}


def main() -> None:
    """Write the three files."""
    cases = {"geometries": GEOMETRIES, "width": WIDTH, "pixel": PIXEL, "place": PLACE, "models": SPATIAL}
    spatial = {"cases": json.dumps(cases | {"templates": TEMPLATES, "sources": SOURCES})}
    for key, options in GEOMETRIES.items():
        geom = WcsGeom.create(width=WIDTH, binsz=PIXEL, **options)
        for name, case in SPATIAL.items():
            for frame in PLACE:
                record(spatial, f"{key}|{name}|{frame}", make_spatial(case, frame), geom)
        for name, case in TEMPLATES.items():
            record(spatial, f"{key}|{name}", make_template(**case), geom)
    np.savez_compressed(HERE / "map_models.npz", **spatial)
    dataset = make_dataset()
    dataset.write(HERE / "map_dataset.fits.gz", overwrite=True)
    np.savez_compressed(
        HERE / "map_npred.npz", **predicted(MapDataset.read(HERE / "map_dataset.fits.gz", name="small"))
    )


def make_spatial(case, frame, place=None):
    values = dict(case)
    cls = SPATIAL_MODEL_REGISTRY.get_cls(values.pop("type"))
    if "const" in case["type"]:
        return cls(**values)
    lon, lat = PLACE[frame] if place is None else place
    return cls(lon_0=lon * u.deg, lat_0=lat * u.deg, frame=frame, **values)


def template_data(ny, nx):
    """An image with zeros, a gradient and a peak; the test makes the same."""
    y, x = np.indices((ny, nx))
    return np.where(x < 3, 0.0, 1 + 0.1 * x + 5 * np.exp(-0.5 * ((x - 9) ** 2 + (y - 7) ** 2) / 4))


def make_template(normalize=True, **place):
    template = Map.create(skydir=(83.66, 22.03), binsz=0.04, width=(0.6, 0.48), frame="icrs", unit="sr-1", dtype=float)
    template.data = template_data(*template.data.shape)
    with tempfile.TemporaryDirectory() as folder:
        template.write(Path(folder) / "template.fits")
        model = TemplateSpatialModel.read(Path(folder) / "template.fits", normalize=normalize)
    for name, value in place.items():
        getattr(model, name).quantity = u.Quantity(value)
    return model


def record(table, key, model, geom):
    table[f"{key}|integral"] = model.integrate_geom(geom).quantity.to_value("").astype(np.float32)
    if model.tag[1] not in ("point", "template") and key.startswith("car-icrs") and key.endswith("icrs"):
        coord = geom.get_coord(frame=model.frame)
        value = model(coord.lon, coord.lat) * np.ones(coord.lon.shape)
        table[f"{key}|brightness"] = value.to_value("sr-1").ravel()[::7]


def make_dataset():
    store = DataStore.from_dir(Path(os.environ["GAMMAPY_DATA"]) / "hess-dl3-dr1")
    energy = MapAxis.from_energy_bounds(1, 10, 4, unit="TeV")
    true = MapAxis.from_energy_bounds(0.5, 20, 7, unit="TeV", name="energy_true")
    center = SkyCoord(83.63, 22.01, unit="deg")
    geom = WcsGeom.create(skydir=center, binsz=0.03, width=(1.2, 1.02), frame="icrs", axes=[energy])
    empty = MapDataset.create(geom, energy_axis_true=true, binsz_irf=0.3, name="small")
    observation = store.get_observations([23523])[0]
    return SafeMaskMaker(methods=["aeff-default"]).run(MapDatasetMaker().run(empty, observation), observation)


def predicted(dataset):
    found = {}
    spectral = PowerLawSpectralModel(index=2.4, amplitude="4e-11 cm-2 s-1 TeV-1")
    cases = {(name, frame): make_spatial(SPATIAL[name], frame) for name in SOURCES for frame in PLACE}
    cases[EDGE, "icrs"] = make_spatial(SPATIAL["point"], "icrs", (84.25, 22.3))
    for (name, frame), spatial in cases.items():
        dataset.models = [SkyModel(spectral, spatial, name="source")]
        found[f"{name}|{frame}|npred"] = dataset.npred_signal().data.astype(np.float32)
        if name in ("gauss", EDGE):
            evaluator = dataset.evaluators["source"]
            found[f"{name}|{frame}|kernel"] = evaluator.psf.data.astype(np.float32)
            found[f"{name}|{frame}|edisp"] = evaluator.edisp.pdf_matrix.astype(np.float32)
    background = FoVBackgroundModel(dataset_name="small")
    background.spectral_model.norm.value, background.spectral_model.tilt.value = 0.9, 0.2
    template = TemplateNPredModel(dataset.background * 0.5, name="extra", datasets_names=["small"])
    template.spectral_model.norm.value, template.spectral_model.tilt.value = 1.3, -0.1
    dataset.models = [SkyModel(spectral, make_spatial(SPATIAL["gauss"], "icrs"), name="source"), background, template]
    found["total|npred"] = dataset.npred().data.astype(np.float32)
    found["total|stat"] = np.array(dataset.stat_sum())
    dataset.models = [SkyModel(spectral, cases["gauss", "icrs"], name="source", apply_irf=NO_IRF)]
    found["no psf, no edisp|npred"] = dataset.npred_signal().data.astype(np.float32)
    return found


if __name__ == "__main__":
    main()
