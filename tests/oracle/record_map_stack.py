"""Record what gammapy 2.1 makes of three map datasets: their stack, its image and spectrum. Run it where gammapy is.

python tests/oracle/record_map_stack.py

map_stack.json: numbers of the stacks of the runs of formula_maps.py, with a background (cash) and as ring images
(on/off), on cutouts that overlap in part.
"""

from pathlib import Path

import astropy.units as u
import numpy as np
from array_numbers import numbers_of
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.time import Time
from formula_maps import REFERENCE_TIME, RUN_WIDTH, RUNS, WIDE, run_arrays
from gammapy.data import GTI
from gammapy.datasets import MapDataset, MapDatasetOnOff
from gammapy.maps import MapAxis, WcsGeom
from gammapy_maps import fill_dataset, write_table
from regions import CircleSkyRegion

REGION = CircleSkyRegion(SkyCoord(83.633, 22.014, unit="deg"), 0.25 * u.deg)
ARRAYS = ("counts", "background", "mask_safe", "exposure", "counts_off", "acceptance", "acceptance_off")
INFO = ("counts", "background", "excess", "sqrt_ts", "counts_off", "alpha")


def main() -> None:
    """Make, stack, write."""
    found: dict = {}
    for kind, is_ring in (("run", False), ("ring", True)):
        total = empty_dataset("stacked", is_ring)
        for run in RUNS:
            total.stack(make_run(run, is_ring))
        found |= record(f"{kind}|stacked", total)
        found[f"{kind}|facts"] = facts(total)
        found |= record_spectrum(f"{kind}|spectrum", total.to_spectrum_dataset(REGION, containment_correction=True))
        if not is_ring:
            found |= record("run|image", total.to_image())
        found |= record(f"{kind}|masked", make_run(next(iter(RUNS)), is_ring).to_masked())
    write_table(Path(__file__).with_name("map_stack.json"), found)


def empty_dataset(name, is_ring):
    energy = MapAxis.from_energy_bounds(*WIDE["energy"], unit="TeV")
    true = MapAxis.from_energy_bounds(*WIDE["energy_true"], unit="TeV", name="energy_true")
    rad = MapAxis.from_edges(np.linspace(*WIDE["rad"]), unit="deg", name="rad")
    energy = energy.squash() if is_ring else energy
    geom = WcsGeom.create(skydir=WIDE["center"], width=WIDE["width"], binsz=WIDE["pixel"], axes=[energy])
    kind = MapDatasetOnOff if is_ring else MapDataset
    return kind.create(geom, energy_axis_true=true, rad_axis=rad, binsz_irf=WIDE["irf_pixel"], name=name)


def make_run(run, is_ring):
    """A dataset on the part of the map around the pointing, with all its facts."""
    facts = RUNS[run]
    pointing = SkyCoord(*facts["pointing"], unit="deg")
    dataset = empty_dataset("whole", is_ring).cutout(pointing, width=RUN_WIDTH * u.deg, name=str(run))
    shapes = dataset.counts.data.shape[1:], dataset.psf.psf_map.data.shape[2:]
    fill_dataset(dataset, run_arrays(run, *shapes, is_ring))
    dataset.exposure.meta = {"livetime": facts["livetime"] * u.s}
    start, stop = facts["times"] * u.s
    dataset.gti = GTI.create(start, stop, reference_time=Time(REFERENCE_TIME, scale="tt"))
    row = {"TELESCOP": ["HESS"], "OBS_ID": [run], "RA_PNT": [facts["pointing"][0]], "DEC_PNT": [facts["pointing"][1]]}
    dataset.meta_table = Table(row)
    return dataset


def record(key, dataset):
    """Every array of a dataset and of its responses."""
    maps = {name: getattr(dataset, name, None) for name in ARRAYS}
    if isinstance(dataset, MapDatasetOnOff):
        maps["background"] = dataset.background
    arrays = {name: one.data for name, one in maps.items() if one is not None}
    arrays |= {"psf": dataset.psf.psf_map.data, "psf_exposure": dataset.psf.exposure_map.data[:, 0]}
    arrays |= {"edisp": dataset.edisp.edisp_map.data, "edisp_exposure": dataset.edisp.exposure_map.data[:, 0]}
    return {f"{key}|{name}": numbers_of(values) for name, values in arrays.items()}


def record_spectrum(key, spectrum):
    """Every array of a spectrum, whole."""
    arrays = {name: getattr(spectrum, name, None) for name in ARRAYS}
    return {f"{key}|{name}": one.data.ravel().tolist() for name, one in arrays.items() if one is not None}


def facts(dataset):
    """What is no array."""
    info = dataset.info_dict()
    reference = Time(REFERENCE_TIME, scale="tt")
    return {
        "livetime": dataset.exposure.meta["livetime"].to_value("s"),
        "ontime": dataset.gti.time_sum.to_value("s"),
        "starts": (dataset.gti.time_start - reference).to_value("s").tolist(),
        "meta": {name: np.ravel(dataset.meta_table[name]).tolist() for name in dataset.meta_table.colnames},
        **{name: float(info[name]) for name in INFO if name in info},
    }


if __name__ == "__main__":
    main()
