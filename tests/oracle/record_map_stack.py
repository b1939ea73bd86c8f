"""Record small map datasets of gammapy 2.1 and what it makes of them: run with gammapy, GAMMAPY_DATA set.

Three Crab runs of HESS DL3 DR1 on 40 x 30 pixels, cut out narrower than the map so that they overlap in part: with
FoV background (cash), and as ring images (on/off). Response pixels of 0.25 deg lie on no tie of the counts pixels.
"""

import shutil
import sys
from pathlib import Path

import astropy.units as u
from astropy.coordinates import SkyCoord
from gammapy.data import DataStore
from gammapy.datasets import Datasets, MapDataset, MapDatasetOnOff
from gammapy.makers import FoVBackgroundMaker, MapDatasetMaker, RingBackgroundMaker, SafeMaskMaker
from gammapy.maps import Map, MapAxis, WcsGeom
from regions import CircleSkyRegion

RUNS = [23523, 23526, 23559]
CRAB = SkyCoord(83.633, 22.014, unit="deg")
OFFSET_MAX = 1.1 * u.deg


def main(data: Path, folder: Path) -> None:
    """Reduce, stack, write."""
    energy = MapAxis.from_energy_bounds("1 TeV", "10 TeV", nbin=4)
    true = MapAxis.from_energy_bounds("0.8 TeV", "12 TeV", nbin=4, name="energy_true")
    rad = MapAxis.from_bounds(0, 0.5, nbin=25, unit="deg", name="rad")
    geom = WcsGeom.create(skydir=CRAB, width=(4, 3), binsz=0.1, axes=[energy])
    empty = MapDataset.create(geom, energy_axis_true=true, rad_axis=rad, binsz_irf=0.25, name="stacked")
    allowed = Map.read(data / "joint-crab/exclusion/exclusion_mask_crab.fits.gz")
    allowed.data = allowed.data.astype(bool)
    safe = SafeMaskMaker(methods=["aeff-default", "offset-max", "bkg-peak"], offset_max=OFFSET_MAX)
    fov = FoVBackgroundMaker(method="scale", exclusion_mask=allowed)
    ring = RingBackgroundMaker(r_in="0.3 deg", width="0.3 deg", exclusion_mask=allowed)
    total = empty.copy(name="stacked")
    total_ring = MapDatasetOnOff.create(
        geom.squash("energy"), energy_axis_true=true, rad_axis=rad, binsz_irf=0.25, name="stacked-ring"
    )
    runs, rings = Datasets(), Datasets()
    for observation in DataStore.from_dir(data / "hess-dl3-dr1").get_observations(RUNS):
        center = observation.get_pointing_icrs(observation.tmid)
        cut = empty.cutout(center, width=2 * OFFSET_MAX, name=f"run-{observation.obs_id}")
        dataset = safe.run(MapDatasetMaker().run(cut, observation), observation)
        image = ring.run(dataset.to_image(name=f"ring-{observation.obs_id}"))
        rings.append(image)
        total_ring.stack(image)
        dataset = fov.run(dataset, observation)
        dataset.background = dataset.npred_background()
        dataset.models = None
        runs.append(dataset)
        total.stack(dataset)
    region = CircleSkyRegion(CRAB, 0.25 * u.deg)
    for dataset in [*runs, *rings, total, total_ring, total.to_image(name="image"), runs[0].to_masked(name="masked")]:
        dataset.write(folder / f"{dataset.name}.fits.gz", overwrite=True)
    for dataset, name in ((total, "spectrum"), (total_ring, "spectrum-ring")):
        dataset.to_spectrum_dataset(region, containment_correction=True, name=name).write(
            folder / f"{name}.fits.gz", overwrite=True
        )


if __name__ == "__main__":
    shutil.rmtree(sys.argv[2], ignore_errors=True)
    Path(sys.argv[2]).mkdir(parents=True)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
