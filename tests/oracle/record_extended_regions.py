"""Record spectra of extended on regions by gammapy 2.1. Run it where gammapy is.

GAMMAPY_DATA=... python tests/oracle/record_extended_regions.py

extended_regions.json: for each shape and run, with responses at the center and averaged over the region, counts,
exposure, background and sums of the energy dispersion; reflected regions. gammapy takes no polygon as on region.
"""

import json
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.data import DataStore
from gammapy.datasets import SpectrumDataset
from gammapy.makers import ReflectedRegionsBackgroundMaker, SpectrumDatasetMaker
from gammapy.maps import MapAxis, RegionGeom
from regions import CircleAnnulusSkyRegion, CircleSkyRegion, EllipseSkyRegion, RectangleSkyRegion

CENTER = SkyCoord(83.63, 22.01, unit="deg")
REGIONS = {
    "circle": CircleSkyRegion(CENTER, 0.2 * u.deg),
    "ellipse": EllipseSkyRegion(CENTER, 0.5 * u.deg, 0.2 * u.deg, angle=30 * u.deg),
    "rectangle": RectangleSkyRegion(CENTER, 0.5 * u.deg, 0.2 * u.deg, angle=30 * u.deg),
    "annulus": CircleAnnulusSkyRegion(CENTER, 0.1 * u.deg, 0.3 * u.deg),
}


def record(observation, region, use_region_center: bool) -> dict:
    """All numbers of one dataset."""
    energy = MapAxis.from_energy_bounds(0.5, 20, 6, unit="TeV", name="energy")
    true = MapAxis.from_energy_bounds(0.3, 40, 10, unit="TeV", name="energy_true")
    empty = SpectrumDataset.create(RegionGeom.create(region, axes=[energy]), energy_axis_true=true, name="recorded")
    dataset = SpectrumDatasetMaker(use_region_center=use_region_center).run(empty, observation)
    on_off = ReflectedRegionsBackgroundMaker().run(dataset, observation)
    return {
        "counts": dataset.counts.data.ravel().tolist(),
        "exposure": dataset.exposure.quantity.to_value("m2 s").ravel().tolist(),
        "background": dataset.background.data.ravel().tolist(),
        "edisp": (dataset.edisp.get_edisp_kernel().pdf_matrix @ np.arange(1, 7)).tolist(),
        "counts_off": on_off.counts_off.data.ravel().tolist(),
        "n_off": float(on_off.acceptance_off.data.flat[0]),
    }


if __name__ == "__main__":
    store = DataStore.from_dir("$GAMMAPY_DATA/hess-dl3-dr1")
    cases = [(shape, run, center) for shape in REGIONS for run in (23523, 23559) for center in (True, False)]
    numbers = {f"{s} {run} {center}": record(store.obs(run), REGIONS[s], center) for s, run, center in cases}
    Path(__file__).with_name("extended_regions.json").write_text(json.dumps(numbers, indent=None) + "\n")
