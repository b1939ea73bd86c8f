"""Writes what gammapy 2.1 gives for maps of R4: excess, residuals, TS. Run it where gammapy is installed.

GAMMAPY_DATA=... python tests/oracle/record_map_estimates.py

map_estimates.json: numbers (array_numbers.py) of each map, by case and name.
"""

import json
import os
from pathlib import Path

import astropy.units as u
import numpy as np
from array_numbers import numbers_of
from astropy.coordinates import SkyCoord
from gammapy.data import DataStore
from gammapy.datasets import MapDataset
from gammapy.estimators import ExcessMapEstimator, TSMapEstimator
from gammapy.makers import FoVBackgroundMaker, MapDatasetMaker, SafeMaskMaker
from gammapy.maps import Map, MapAxis, WcsGeom
from gammapy.modeling.models import FoVBackgroundModel, PointSpatialModel, PowerLawSpectralModel, SkyModel

DATA = Path(os.environ["GAMMAPY_DATA"])
CENTER = SkyCoord(83.633, 22.014, unit="deg")
BANDS = [1, 3, 10] * u.TeV
FLUXES = ("flux", "flux_err", "flux_errn", "flux_errp", "flux_ul")


def crab():
    """R4's dataset."""
    energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", 10)
    true = MapAxis.from_energy_bounds("0.5 TeV", "20 TeV", 20, name="energy_true")
    geom = WcsGeom.create(skydir=CENTER, width=2, binsz=0.02, frame="icrs", proj="CAR", axes=[energy])
    exclusion = Map.read(DATA / "joint-crab/exclusion/exclusion_mask_crab.fits.gz")
    exclusion.data = exclusion.data.astype(bool)
    stacked = MapDataset.create(geom, energy_axis_true=true, name="stacked")
    makers = [
        MapDatasetMaker(),
        SafeMaskMaker(methods=["aeff-default"]),
        FoVBackgroundMaker(method="scale", exclusion_mask=exclusion),
    ]
    for observation in DataStore.from_dir(DATA / "hess-dl3-dr1").get_observations([23523, 23526, 23559, 23592]):
        dataset = stacked.cutout(observation.get_pointing_icrs(observation.tmid), width="5 deg", name="run")
        for maker in makers:
            dataset = maker.run(dataset, observation)
        stacked.stack(dataset)
    return stacked


def recorded(maps, names):
    """Numbers of maps."""
    values = {}
    for name in names:
        one = getattr(maps, name)
        values[name] = numbers_of(one.quantity.to_value("cm-2 s-1") if name.startswith("flux") else one.data)
    return values


def main():
    """Write the file."""
    dataset = crab()
    index = PowerLawSpectralModel(index=2.3)
    excess = ExcessMapEstimator(
        "0.1 deg", energy_edges=BANDS, selection_optional=["errn-errp", "ul"], spectral_model=index, n_sigma_ul=3
    )
    small = dataset.cutout(CENTER, "0.6 deg")
    small.edisp = dataset.edisp
    plain = ExcessMapEstimator("0.1 deg", energy_edges=BANDS, selection_optional=[], spectral_model=index)
    found = {"excess": recorded(plain.run(dataset), ("counts", "npred_excess", "sqrt_ts", "flux", "flux_err"))}
    found["interval"] = recorded(excess.run(small), FLUXES)

    source = SkyModel(
        spectral_model=PowerLawSpectralModel(index=2.55, amplitude="4.5e-11 cm-2 s-1 TeV-1"),
        spatial_model=PointSpatialModel(lon_0="83.62 deg", lat_0="22.024 deg", frame="icrs"),
    )
    background = FoVBackgroundModel(dataset_name=dataset.name)
    background.spectral_model.norm.value = 0.987
    modelled = dataset.copy(name=dataset.name)
    modelled.models = [source, background]
    found["residual"] = recorded(plain.run(modelled), ("npred_excess", "sqrt_ts"))

    kernel = SkyModel(spectral_model=PowerLawSpectralModel(index=2.3), spatial_model=PointSpatialModel())
    for name, sum_energy in (("ts", True), ("ts_cube", False)):
        options = {"energy_edges": BANDS, "kernel_width": "0.6 deg", "rtol": 1e-9}
        estimator = TSMapEstimator(kernel, selection_optional=["ul"], sum_over_energy_groups=sum_energy, **options)
        maps = estimator.run(dataset)
        found[name] = recorded(maps, ("ts", "sqrt_ts", "npred_excess", "flux", "flux_err", "flux_ul"))
        assert np.isfinite(maps.ts.data).all()
    text = json.dumps(found, indent=None, separators=(",", ":"))
    Path(__file__).with_name("map_estimates.json").write_text(text.replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main()
