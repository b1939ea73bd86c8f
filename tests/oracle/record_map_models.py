"""Writes what gammapy 2.1 gives for spatial models and for predicted counts of maps. Run it where gammapy is installed.

python tests/oracle/record_map_models.py

map_models.json: brightness and integrals of each spatial model of `SPATIAL`, on two geometries.
map_npred.json: psf kernel, energy dispersion and predicted counts of models in the small dataset of formula_maps.py.
"""

import tempfile
from pathlib import Path

import astropy.units as u
import numpy as np
from array_numbers import numbers_of
from formula_maps import SMALL, small_arrays
from gammapy.datasets import MapDataset
from gammapy.maps import Map, MapAxis, WcsGeom
from gammapy.modeling.models import (
    SPATIAL_MODEL_REGISTRY,
    FoVBackgroundModel,
    PowerLawSpectralModel,
    SkyModel,
    TemplateNPredModel,
    TemplateSpatialModel,
)
from gammapy_maps import fill_dataset, write_table

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
    """Write both files."""
    cases = {"geometries": GEOMETRIES, "width": WIDTH, "pixel": PIXEL, "place": PLACE, "models": SPATIAL}
    spatial = {"cases": cases | {"templates": TEMPLATES, "sources": SOURCES}}
    for key, options in GEOMETRIES.items():
        geom = WcsGeom.create(width=WIDTH, binsz=PIXEL, **options)
        for name, case in SPATIAL.items():
            for frame in PLACE:
                record(spatial, f"{key}|{name}|{frame}", make_spatial(case, frame), geom)
        for name, case in TEMPLATES.items():
            record(spatial, f"{key}|{name}", make_template(**case), geom)
    write_table(HERE / "map_models.json", spatial)
    write_table(HERE / "map_npred.json", predicted(make_dataset()))


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
    table[f"{key}|integral"] = numbers_of(model.integrate_geom(geom).quantity.to_value(""))
    if model.tag[1] not in ("point", "template") and key.startswith("car-icrs") and key.endswith("icrs"):
        coord = geom.get_coord(frame=model.frame)
        value = model(coord.lon, coord.lat) * np.ones(coord.lon.shape)
        table[f"{key}|brightness"] = numbers_of(value.to_value("sr-1"))


def make_dataset():
    energy = MapAxis.from_energy_bounds(*SMALL["energy"], unit="TeV")
    true = MapAxis.from_energy_bounds(*SMALL["energy_true"], unit="TeV", name="energy_true")
    rad = MapAxis.from_edges(np.linspace(*SMALL["rad"]), unit="deg", name="rad")
    geom = WcsGeom.create(
        skydir=SMALL["center"], binsz=SMALL["pixel"], width=SMALL["width"], frame="icrs", axes=[energy]
    )
    dataset = MapDataset.create(geom, energy_axis_true=true, rad_axis=rad, binsz_irf=SMALL["irf_pixel"], name="small")
    fill_dataset(dataset, small_arrays(geom.data_shape[1:], dataset.psf.psf_map.data.shape[2:]))
    return dataset


def predicted(dataset):
    found = {}
    spectral = PowerLawSpectralModel(index=2.4, amplitude="4e-11 cm-2 s-1 TeV-1")
    cases = {(name, frame): make_spatial(SPATIAL[name], frame) for name in SOURCES for frame in PLACE}
    cases[EDGE, "icrs"] = make_spatial(SPATIAL["point"], "icrs", (84.25, 22.3))
    for (name, frame), spatial in cases.items():
        dataset.models = [SkyModel(spectral, spatial, name="source")]
        found[f"{name}|{frame}|npred"] = numbers_of(dataset.npred_signal().data)
        if name in ("gauss", EDGE):
            evaluator = dataset.evaluators["source"]
            found[f"{name}|{frame}|kernel"] = numbers_of(evaluator.psf.data)
            found[f"{name}|{frame}|edisp"] = numbers_of(evaluator.edisp.pdf_matrix)
    background = FoVBackgroundModel(dataset_name="small")
    background.spectral_model.norm.value, background.spectral_model.tilt.value = 0.9, 0.2
    template = TemplateNPredModel(dataset.background * 0.5, name="extra", datasets_names=["small"])
    template.spectral_model.norm.value, template.spectral_model.tilt.value = 1.3, -0.1
    dataset.models = [SkyModel(spectral, make_spatial(SPATIAL["gauss"], "icrs"), name="source"), background, template]
    found["total|npred"] = numbers_of(dataset.npred().data)
    found["total|stat"] = float(dataset.stat_sum())
    dataset.models = [SkyModel(spectral, cases["gauss", "icrs"], name="source", apply_irf=NO_IRF)]
    found["no psf, no edisp|npred"] = numbers_of(dataset.npred_signal().data)
    return found


if __name__ == "__main__":
    main()
