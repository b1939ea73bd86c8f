"""Record what gammapy 2.1 makes of the MAGIC runs of R2, step by step. Run it where gammapy is.

GAMMAPY_DATA=... python tests/oracle/record_r2_magic.py

r2_magic.json: counts, counts_off, exposure, responses, masks, off positions and statistic of each run.
"""

import json
from pathlib import Path

from astropy.coordinates import SkyCoord
from gammapy.data import DataStore
from gammapy.datasets import SpectrumDataset
from gammapy.makers import ReflectedRegionsBackgroundMaker, SafeMaskMaker, SpectrumDatasetMaker, WobbleRegionsFinder
from gammapy.maps import MapAxis, RegionGeom
from gammapy.modeling.models import LogParabolaSpectralModel, SkyModel
from gammapy.utils.regions import compound_region_to_regions
from regions import PointSkyRegion

POSITION = SkyCoord(83.63, 22.01, unit="deg")


def record(observation) -> dict:
    """All numbers of one run."""
    energy = MapAxis.from_energy_bounds(0.05, 100, 5, per_decade=True, unit="TeV", name="energy")
    true = MapAxis.from_energy_bounds(0.01, 100, 10, per_decade=True, unit="TeV", name="energy_true")
    geom = RegionGeom.create(PointSkyRegion(POSITION), axes=[energy])
    dataset = SpectrumDataset.create(geom, energy_axis_true=true, name=str(observation.obs_id))
    dataset = SpectrumDatasetMaker(selection=["counts", "exposure", "edisp"]).run(dataset, observation)
    dataset = ReflectedRegionsBackgroundMaker(region_finder=WobbleRegionsFinder(3)).run(dataset, observation)
    dataset = SafeMaskMaker(methods=["aeff-max"], aeff_percent=10).run(dataset, observation)
    model = LogParabolaSpectralModel(amplitude="4.2e-11 cm-2 s-1 TeV-1", alpha=2.55, beta=0.16, reference="1 TeV")
    dataset.models = [SkyModel(model, name="crab")]
    off = [region.center for region in compound_region_to_regions(dataset.counts_off.geom.region)]
    return {
        "counts": dataset.counts.data.ravel().tolist(),
        "counts_off": dataset.counts_off.data.ravel().tolist(),
        "acceptance_off": dataset.acceptance_off.data.ravel().tolist(),
        "mask_safe": dataset.mask_safe.data.ravel().tolist(),
        "exposure": dataset.exposure.quantity.to_value("m2 s").ravel().tolist(),
        "edisp": dataset.edisp.get_edisp_kernel().pdf_matrix.round(12).tolist(),
        "off": [[center.ra.deg, center.dec.deg] for center in off],
        "npred": dataset.npred_signal().data.ravel().tolist(),
        "stat": float(dataset.stat_sum()),
    }


if __name__ == "__main__":
    store = DataStore.from_dir("$GAMMAPY_DATA/magic/rad_max/data")
    numbers = {str(_.obs_id): record(_) for _ in store.get_observations(required_irf="point-like")}
    Path(__file__).with_name("r2_magic.json").write_text(json.dumps(numbers, indent=None) + "\n")
